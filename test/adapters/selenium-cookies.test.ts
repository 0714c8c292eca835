/** Cookies on their way through WebDriver, which says less of them than a session does. */
import { describe, expect, test } from 'vitest';
import { fromWebDriver, isCookieOf, sayable, toWebDriver } from '../../ts/adapters/selenium-cookies.ts';
import type { Cookie } from '../../ts/session/session.ts';

const COOKIE: Cookie = {
  name: '__Host-sid',
  value: 'v',
  domain: 'app.example',
  hostOnly: true,
  path: '/',
  secure: true,
  httpOnly: true,
  sameSite: 'unset',
  expiresAt: null,
  partitionKey: null,
};

describe('what is given to addCookie', () => {
  test('a cookie of one host is set without a domain, which would give it to all hosts below', () => {
    expect(toWebDriver(COOKIE)).toEqual({ name: '__Host-sid', value: 'v', path: '/', secure: true, httpOnly: true });
  });

  test('one of all hosts below a domain names it', () => {
    expect(toWebDriver({ ...COOKIE, name: 'wide', hostOnly: false })).toMatchObject({ domain: '.app.example' });
  });

  test('SameSite is named as it is, and an expiry in whole seconds', () => {
    const spec = toWebDriver({ ...COOKIE, sameSite: 'strict', expiresAt: 1_700_000_000_999 });
    expect(spec).toMatchObject({ sameSite: 'Strict', expiry: 1_700_000_000 });
  });
});

test('what WebDriver cannot say is left out of what can be read back', () => {
  const exact: Cookie = { ...COOKIE, expiresAt: 1_999, priority: 'high', sourceScheme: 'secure', sourcePort: 8443 };
  expect(sayable(exact)).toEqual({ ...COOKIE, expiresAt: 1_000 });
});

test.each([
  ['.app.example', false],
  ['app.example', true],
  [undefined, true],
])('a listed cookie of the domain %s has hostOnly %s', (domain, hostOnly) => {
  const cookie = fromWebDriver({ name: 'a', value: 'b', domain, expiry: 2, sameSite: 'Lax' }, 'app.example');
  expect(cookie).toMatchObject({ domain: 'app.example', hostOnly, path: '/', secure: false, sameSite: 'lax', expiresAt: 2_000 });
});

test('a document may set cookies of its host, and of the domains that it is below', () => {
  expect(isCookieOf(COOKIE, 'app.example')).toBe(true);
  expect(isCookieOf(COOKIE, 'www.app.example')).toBe(false);
  expect(isCookieOf({ ...COOKIE, hostOnly: false }, 'www.app.example')).toBe(true);
  expect(isCookieOf({ ...COOKIE, hostOnly: false }, 'otherapp.example')).toBe(false);
});
