/** Jars of the real tough-cookie, read and written. */
import { CookieJar, Cookie as RealCookie } from 'tough-cookie';
import { describe, expect, test } from 'vitest';
import { readToughCookie, writeToughCookie } from '../../ts/formats/formats.ts';
import type { Cookie } from '../../ts/session/session.ts';
import { COOKIE, expectMalformed, OPTIONS, SECRET, sessionWith, throughFile } from './fixture.ts';

const read = (json: unknown) => readToughCookie(json, OPTIONS);
const NOW = Date.now();

test('a jar that tough-cookie filled and wrote is read', async () => {
  const jar = new CookieJar();
  const set = (line: string, url: string): Promise<unknown> => jar.setCookie(line, url);
  await set('sid=1; HttpOnly; Secure; SameSite=Lax', 'https://app.example/a/b');
  await set('wide=2; Domain=app.example; Path=/; SameSite=None; Secure', 'https://www.app.example/');
  await set('age=3; Max-Age=3600', 'https://app.example/');
  await set('date=4; Expires=Wed, 18 May 2033 03:33:20 GMT; SameSite=Strict', 'https://app.example/');
  await set('chips=5; Secure; Partitioned; SameSite=None; Path=/', 'https://app.example/');
  const { session, losses } = read(throughFile(jar.toJSON()));
  const byName = Object.fromEntries(session.cookies.map((cookie) => [cookie.name, cookie]));
  const base = {
    domain: 'app.example',
    hostOnly: true,
    path: '/',
    secure: false,
    httpOnly: false,
    sameSite: 'unset',
    expiresAt: null,
    partitionKey: null,
  };
  expect(byName).toEqual({
    sid: { ...base, name: 'sid', value: '1', path: '/a', httpOnly: true, secure: true, sameSite: 'lax', createdAt: expect.any(Number) },
    wide: { ...base, name: 'wide', value: '2', hostOnly: false, secure: true, sameSite: 'none', createdAt: expect.any(Number) },
    age: { ...base, name: 'age', value: '3', expiresAt: expect.any(Number), createdAt: expect.any(Number) },
    date: { ...base, name: 'date', value: '4', sameSite: 'strict', expiresAt: 2_000_000_000_000, createdAt: expect.any(Number) },
  });
  expect(Math.abs(byName['age']!.expiresAt! - NOW - 3_600_000)).toBeLessThan(60_000);
  expect(Math.abs(byName['age']!.createdAt! - NOW)).toBeLessThan(60_000);
  expect(losses).toEqual([{ pointer: '/cookies/4', severity: 'dropped', reason: expect.stringContaining('partitioned') }]);
});

test('tough-cookie loads a jar that we write, and sends its cookies where they belong', async () => {
  const cookies: Cookie[] = [
    { ...COOKIE, name: 'host', value: 'h', secure: false },
    { ...COOKIE, name: 'wide', value: 'w', hostOnly: false, sameSite: 'none', expiresAt: NOW + 60_000, createdAt: NOW - 5 },
    { ...COOKIE, name: 'deep', value: 'd', path: '/deep', sameSite: 'unset', httpOnly: false },
    { ...COOKIE, name: 'old', value: 'o', expiresAt: 1 },
  ];
  const { jar, losses } = await writeToughCookie(sessionWith({ cookies }));
  expect(losses).toEqual([]);
  const loaded = CookieJar.fromJSON(JSON.stringify(jar));
  const sentTo = async (url: string): Promise<string[]> => (await loaded.getCookies(url)).map((cookie) => cookie.cookieString()).sort();
  // What has expired goes at the first look.
  expect(await sentTo('https://app.example/')).toEqual(['host=h', 'wide=w']);
  expect(await sentTo('http://app.example/deep/er')).toEqual(['host=h']);
  expect(await sentTo('https://app.example/deep/er')).toEqual(['deep=d', 'host=h', 'wide=w']);
  expect(await sentTo('https://sub.app.example/')).toEqual(['wide=w']);
  const [wide] = (await loaded.getCookies('https://sub.app.example/')) as [RealCookie];
  expect([wide.creation, wide.expiryTime(), wide.sameSite, wide.hostOnly]).toEqual([new Date(NOW - 5), NOW + 60_000, 'none', false]);
  expect(wide).toBeInstanceOf(RealCookie);

  // And what it writes of them is read as they were.
  const again = read(throughFile(loaded.toJSON())).session.cookies;
  expect(again.map(({ createdAt: _, ...cookie }) => cookie)).toEqual(cookies.slice(0, 3).map(({ createdAt: _, ...cookie }) => cookie));
});

describe('what a jar says of time', () => {
  const expiry = (members: object) => read({ cookies: [{ key: 'n', domain: 'a', hostOnly: true, path: '/', ...members }] });
  test.each<[object, number | null]>([
    [{}, null],
    [{ expires: 'Infinity' }, null],
    [{ expires: null, maxAge: null }, null],
    [{ expires: '2033-05-18T03:33:20.000Z' }, 2_000_000_000_000],
    [{ expires: '2033-05-18T03:33:20.000Z', maxAge: 10, lastAccessed: '2001-09-09T01:46:40.000Z' }, 1_000_000_010_000],
    [{ maxAge: 10, creation: '2001-09-09T01:46:40.000Z' }, 1_000_000_010_000],
    [{ maxAge: 10 }, OPTIONS.now + 10_000],
    [{ maxAge: 0 }, 0],
    [{ maxAge: '-Infinity' }, 0],
    [{ expires: '-000001-01-01T00:00:00.000Z' }, 0],
    [{ maxAge: 'Infinity' }, 253_402_300_799_999],
  ])('%j', (members, expiresAt) => {
    expect(expiry(members).session.cookies[0]!.expiresAt).toBe(expiresAt);
  });

  test('a life without end becomes the end of time, which is told', () => {
    expect(expiry({ maxAge: 'Infinity' }).losses).toMatchObject([{ pointer: '/cookies/0/maxAge', severity: 'lossy' }]);
  });
});

test('attributes that tough-cookie does not know are told, and cost nothing else', async () => {
  const jar = new CookieJar();
  await jar.setCookie(`sid=1; Priority=High; ${SECRET}=${SECRET}`, 'https://app.example/');
  const { session, losses } = read(throughFile(jar.toJSON()));
  expect(session.cookies).toMatchObject([{ name: 'sid', value: '1', hostOnly: true }]);
  expect(losses).toMatchObject([{ pointer: '/cookies/0/extensions', severity: 'lossy' }]);
  expect(JSON.stringify(losses)).not.toContain(SECRET);
});

test('a cookie that does not say whether it is host-only is, which is told', () => {
  const { session, losses } = read({ cookies: [{ domain: 'a', path: '/' }] });
  expect(session.cookies).toMatchObject([{ name: '', value: '', hostOnly: true }]);
  expect(losses).toMatchObject([{ pointer: '/cookies/0', severity: 'lossy' }]);
});

const cookie = (member: string, value: unknown): unknown => ({
  cookies: [{ key: SECRET, value: SECRET, domain: 'a', hostOnly: true, path: '/', [member]: value }],
});
test.each<[string, unknown]>([
  ['', null],
  ['', [SECRET]],
  ['/cookies', {}],
  ['/cookies', { cookies: SECRET }],
  ['/cookies/0', { cookies: [SECRET] }],
  ['/cookies/0/key', cookie('key', 1)],
  ['/cookies/0/value', cookie('value', null)],
  ['/cookies/0/domain', cookie('domain', `.${SECRET}`)],
  ['/cookies/0/domain', cookie('domain', null)],
  ['/cookies/0/path', cookie('path', SECRET)],
  ['/cookies/0/hostOnly', cookie('hostOnly', SECRET)],
  ['/cookies/0/sameSite', cookie('sameSite', SECRET)],
  ['/cookies/0/expires', cookie('expires', SECRET)],
  ['/cookies/0/expires', cookie('expires', 7)],
  ['/cookies/0/maxAge', cookie('maxAge', SECRET)],
  ['/cookies/0/creation', cookie('creation', '2001-99-99T00:00:00.000Z')],
  ['/cookies/0/extensions', cookie('extensions', SECRET)],
  ['/cookies/0/extensions/0', cookie('extensions', [{ secret: SECRET }])],
])('%s is refused: case %#', (pointer, json) => {
  expectMalformed(() => read(json), 'tough-cookie jar', pointer);
});
