/** HAR files: Set-Cookie by RFC 6265bis, then a log that the real Playwright recorded. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { readHar } from '../../ts/formats/formats.ts';
import { parseCookieDate } from '../../ts/formats/set-cookie.ts';
import type { Cookie } from '../../ts/session/session.ts';
import { CHROMIUM_FLAGS, requireChromium } from '../servers/chromium.ts';
import { COOKIE, expectMalformed, OPTIONS, SECRET } from './fixture.ts';

const read = (json: unknown) => readHar(json, OPTIONS);
const STARTED = '2026-11-22T10:00:00.000Z';
const STARTED_MS = Date.parse(STARTED);

interface Exchange {
  readonly url?: string;
  readonly headers?: object[];
  readonly cookies?: object[];
  readonly sent?: object[];
}

function har(...exchanges: Exchange[]): unknown {
  const entries = exchanges.map(({ url = 'https://app.example/a/b?c', headers = [], cookies = [], sent = [] }) => ({
    startedDateTime: STARTED,
    time: 5,
    request: { url, cookies: sent, headers: [] },
    response: { headers, cookies },
  }));
  return { log: { version: '1.2', entries } };
}

const setCookie = (...values: string[]): object[] => values.map((value) => ({ name: 'Set-Cookie', value }));
const SET: Cookie = {
  ...COOKIE,
  name: 'n',
  value: 'v',
  path: '/a',
  secure: false,
  httpOnly: false,
  sameSite: 'unset',
  createdAt: STARTED_MS + 5,
};

describe('a Set-Cookie header', () => {
  test.each<[string, Partial<Cookie>]>([
    ['n=v', {}],
    ['n=v; path=/x; secure; httponly; samesite=NONE', { path: '/x', secure: true, httpOnly: true, sameSite: 'none' }],
    ['n=v; Domain=.App.Example; Path=/', { hostOnly: false, path: '/' }],
    ['n=v; Domain=example; SameSite=other; Path=relative', { domain: 'example', hostOnly: false }],
    ['n=v; Domain=', {}],
    ['n=v; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT', { expiresAt: STARTED_MS + 10_005 }],
    ['n=v; Max-Age=x; Expires=Wed, 18 May 2033 03:33:20 GMT', { expiresAt: 2_000_000_000_000 }],
    ['n=v; Expires=never', {}],
    ['  n = v=1 ; x', { value: 'v=1' }],
    ['v', { name: '', value: 'v' }],
    ['__Host-n=v; Secure; Path=/', { name: '__Host-n', secure: true, path: '/' }],
    ['=__Host-v; Secure; Path=/', { name: '', value: '__Host-v', secure: true, path: '/' }],
    [`n=v; Path=/x; Path=/${'p'.repeat(1024)}`, { path: '/x' }],
  ])('%s', (line, expected) => {
    const { session, losses } = read(har({ headers: setCookie(line) }));
    expect(losses).toEqual([]);
    expect(session.cookies).toEqual([{ ...SET, ...expected }]);
  });

  test.each([
    ['n=v; Domain=other.example'],
    ['n=v; Domain=p.example'],
    ['n=v; Secure; Partitioned'],
    ['__Host-n=v; Secure; Path=/; Domain=app.example'],
    ['__Secure-n=v'],
    ['=__Secure-v'],
    ['__Host-v'],
    ['n=v; Path=/a\tb'],
    ['='],
    ['n=\0'],
    [`n=${'v'.repeat(4096)}`],
  ])('%s is refused, as by a browser or because its partition is not known', (line) => {
    const { session, losses } = read(har({ headers: setCookie(line) }));
    expect(session.cookies).toEqual([]);
    expect(losses.map(({ pointer, severity }) => `${pointer} ${severity}`)).toEqual(['/log/entries/0/response/headers/0/value dropped']);
  });

  test('the default path is that of the request up to its last slash', () => {
    const paths = ['https://app.example', 'https://app.example/a', 'https://app.example/a/'].map(
      (url) => read(har({ url, headers: setCookie('n=v') })).session.cookies[0]!.path,
    );
    expect(paths).toEqual(['/', '/', '/a']);
  });

  test.each<[string, number | null]>([
    ['Sun, 06 Nov 1994 08:49:37 GMT', 784_111_777_000],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 784_111_777_000],
    ['Sun Nov  6 08:49:37 1994', 784_111_777_000],
    ['6 nov 94 8:49:37', 784_111_777_000],
    ['Wed, 18-May-33 03:33:20 GMT', 2_000_000_000_000],
    ['31 Feb 2033 03:33:20', null],
    ['18 May 2033', null],
    ['18 May 1600 00:00:00', null],
    ['18 May 2033 24:00:00', null],
    ['', null],
  ])('a date: %s', (text, ms) => {
    expect(parseCookieDate(text)).toBe(ms);
  });
});

describe('a log', () => {
  test('a later response replaces and deletes what an earlier one set, which is no loss', () => {
    const { session, losses } = read(
      har(
        { headers: setCookie('n=1', 'gone=1', 'two=1\nthree=1') },
        { headers: setCookie('n=v', 'gone=; Max-Age=0', 'two=; Expires=Thu, 01 Jan 1970 00:00:00 GMT') },
        { url: 'data:text/html,x', headers: setCookie('no=no') },
      ),
    );
    expect(losses).toEqual([]);
    expect(session.cookies).toEqual([SET, { ...SET, name: 'three', value: '1' }]);
    expect(session.coverage).toEqual({ cookies: 'partial', tabs: 'unvisited', storage: [] });
  });

  test('without headers, the cookies of the response count', () => {
    const cookies = [
      { name: 'n', value: 'v', path: '/a', domain: '', expires: null },
      {
        name: 'm',
        value: 'v',
        domain: '.app.example',
        path: '/',
        expires: '2033-05-18T05:33:20.000+02:00',
        secure: true,
        httpOnly: true,
        sameSite: 'Lax',
      },
    ];
    const wide: Cookie = {
      ...SET,
      name: 'm',
      hostOnly: false,
      path: '/',
      secure: true,
      httpOnly: true,
      sameSite: 'lax',
      expiresAt: 2_000_000_000_000,
    };
    expect(read(har({ cookies }))).toMatchObject({ losses: [], session: { cookies: [SET, wide] } });
  });

  test('what was only sent is reported once for a host', () => {
    const sent = [
      { name: SECRET, value: SECRET },
      { name: 'n', value: 'v' },
    ];
    const { session, losses } = read(har({ headers: setCookie('n=v'), sent }, { sent }, { url: 'https://other.example/', sent }));
    expect(session.cookies).toEqual([SET]);
    expect(losses.map(({ pointer }) => pointer)).toEqual([
      '/log/entries/0/request/cookies/0',
      '/log/entries/2/request/cookies/0',
      '/log/entries/2/request/cookies/1',
    ]);
    expect(JSON.stringify(losses)).not.toContain(SECRET);
  });

  test('a host that is longer than any domain has no cookies, though it sends some', () => {
    const url = `https://${'a.'.repeat(200)}example/`;
    const { session, losses } = read(har({ url, headers: setCookie('n=v'), sent: [{ name: 'n', value: SECRET }] }));
    expect(session.cookies).toEqual([]);
    expect(losses.map(({ pointer }) => pointer)).toEqual(['/log/entries/0/response/headers/0/value', '/log/entries/0/request/cookies/0']);
  });

  test('what is sent to a subdomain is known from a domain cookie, and what a host has alone is its own', () => {
    const sent = [{ name: 'n', value: 'v' }];
    const headers = setCookie('n=v; Domain=app.example');
    const { losses } = read(
      har({ headers }, ...['x.y.app.example', 'app.example', 'notapp.example'].map((one) => ({ url: `https://${one}/`, sent }))),
    );
    expect(losses.map(({ pointer }) => pointer)).toEqual(['/log/entries/3/request/cookies/0']);
  });

  test('one name in 80,000 hosts, set in half of them and sent to the other half, ends', () => {
    const hosts = Array.from({ length: 40_000 }, (_, i) => i);
    const { losses } = read(
      har(
        ...hosts.map((i) => ({ url: `https://s${i}.example/`, headers: setCookie('n=v') })),
        ...hosts.map((i) => ({ url: `https://r${i}.example/`, sent: [{ name: 'n', value: 'v' }] })),
      ),
    );
    expect(losses).toHaveLength(40_000);
  });

  const entry = (change: (entry: Record<string, Record<string, unknown>>) => void): unknown => {
    const file = har({ headers: setCookie(SECRET) }) as { log: { entries: Record<string, Record<string, unknown>>[] } };
    change(file.log.entries[0]!);
    return file;
  };
  test.each<[string, unknown]>([
    ['', SECRET],
    ['/log', { log: SECRET }],
    ['/log/entries', { log: { entries: SECRET } }],
    ['/log/entries/0', { log: { entries: [SECRET] } }],
    ['/log/entries/0/request/url', entry(({ request }) => Object.assign(request!, { url: { SECRET } }))],
    ['/log/entries/0/request/url', entry(({ request }) => Object.assign(request!, { url: `https://${SECRET}:x/` }))],
    ['/log/entries/0/startedDateTime', entry((one) => Object.assign(one, { startedDateTime: SECRET }))],
    ['/log/entries/0/time', entry((one) => Object.assign(one, { time: SECRET }))],
    ['/log/entries/0/response/headers/0/value', entry(({ response }) => Object.assign(response!, { headers: [{ name: 'set-cookie' }] }))],
    ['/log/entries/0/response/headers/0/name', entry(({ response }) => Object.assign(response!, { headers: [{ value: SECRET }] }))],
  ])('%s is refused: case %#', (pointer, json) => expectMalformed(() => read(json), 'HAR', pointer));
});

const chromiumPath = requireChromium('HAR with the real Playwright');
test.skipIf(chromiumPath === null)('a log that Playwright recorded gives the cookies that the browser has', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'psp-har-'));
  const server = createServer((request, response) => {
    const cookies =
      request.url === '/set/a'
        ? ['sid=1; HttpOnly', 'b=2; Path=/; SameSite=Strict; Max-Age=3600', 'gone=3; Path=/']
        : ['gone=; Path=/; Max-Age=0'];
    response.setHeader('set-cookie', request.url === '/favicon.ico' ? [] : cookies);
    response.end('<p>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await chromium.launch({ executablePath: chromiumPath!, args: [...CHROMIUM_FLAGS] });
  try {
    const path = join(folder, 'log.har');
    const context = await browser.newContext({ recordHar: { path } });
    const page = await context.newPage();
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await page.goto(`${origin}/set/a`);
    await page.goto(`${origin}/other`);
    const held = await context.cookies();
    await context.close();

    const { session, losses } = read(JSON.parse(readFileSync(path, 'utf8')));
    expect(losses).toEqual([]);
    const seen = session.cookies.map(({ name, value, domain, path: at, httpOnly, hostOnly }) => ({
      name,
      value,
      domain,
      path: at,
      httpOnly,
      hostOnly,
    }));
    expect(seen.sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual(
      held
        .map(({ name, value, domain, path: at, httpOnly }) => ({ name, value, domain, path: at, httpOnly, hostOnly: true }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    );
    const strict = session.cookies.find(({ name }) => name === 'b')!;
    expect(strict.sameSite).toBe('strict');
    expect(Math.abs(strict.expiresAt! - held.find(({ name }) => name === 'b')!.expires * 1000)).toBeLessThan(10_000);
  } finally {
    await browser.close();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
