/** The order of cookies of one name: as a page sees it, and as a restore finds it. */
import { describe, expect, test } from 'vitest';
import { areRivals, inPageOrder, misplaced } from '../../ts/adapters/cookie-order.ts';
import type { Cookie } from '../../ts/session/session.ts';

function cookie(name: string, value: string, more: Partial<Cookie> = {}): Cookie {
  const rest = { path: '/', secure: false, httpOnly: false, sameSite: 'unset', expiresAt: null, partitionKey: null } as const;
  return { name, value, domain: 'app.example', hostOnly: true, ...rest, ...more };
}

const host = cookie('a', 'of the host');
const wide = cookie('a', 'of the domain', { hostOnly: false });
const deep = cookie('a', 'deep', { path: '/deep' });
const other = cookie('b', 'other');
const told = ({ name, value, domain, hostOnly, path }: Cookie) => ({ name, value, domain: hostOnly ? null : domain, path });

describe('cookies in the order of a page', () => {
  test('those of one name that it sees change places, and no other moves', () => {
    expect(inPageOrder([wide, other, host], [host, wide, other].map(told))).toEqual([host, other, wide]);
    expect(inPageOrder([wide, other, host], [other, wide, host].map(told))).toEqual([wide, other, host]);
  });

  test('a page that is told name and value alone orders them too', () => {
    const pairs = [host, wide].map(({ name, value }) => ({ name, value }));
    expect(inPageOrder([wide, host], pairs)).toEqual([host, wide]);
  });

  test('equal values are told apart by domain and path', () => {
    const twin = { ...wide, value: host.value };
    expect(inPageOrder([twin, host], [host, twin].map(told))).toEqual([host, twin]);
  });

  test('one that the page does not see stays where it is', () => {
    const hidden = cookie('a', 'hidden', { httpOnly: true, domain: 'example', hostOnly: false });
    expect(inPageOrder([wide, hidden, host], [host, wide].map(told))).toEqual([host, hidden, wide]);
  });
});

describe('cookies that are found out of their order', () => {
  test('the one that should come first is told, whatever its place in the list', () => {
    expect(misplaced([host, other, wide], [wide, host, other])).toEqual([host]);
    expect(misplaced([host, wide], [host, other, wide])).toEqual([]);
  });

  test('one that was not found has no order', () => {
    expect(misplaced([host, wide], [wide])).toEqual([]);
  });

  test('longer paths come first by rule, and cookies of hosts apart never meet', () => {
    expect(misplaced([host, deep], [deep, host])).toEqual([]);
    expect(areRivals(host, cookie('a', '', { domain: 'www.example' }))).toBe(false);
    expect(areRivals(cookie('a', '', { domain: 'www.app.example' }), wide)).toBe(true);
  });
});
