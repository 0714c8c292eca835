/** cookies.txt: lines first, then the real curl, which sends what we write and whose jars we read. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCookiesTxt, writeCookiesTxt } from '../../ts/formats/formats.ts';
import type { Cookie } from '../../ts/session/session.ts';
import { requireTool } from '../servers/tool.ts';
import { COOKIE, expectMalformed, OPTIONS, SECRET, sessionWith } from './fixture.ts';

const read = (text: string) => readCookiesTxt(text, OPTIONS);
const BASE: Cookie = { ...COOKIE, secure: false, httpOnly: false, sameSite: 'unset' };

describe('reading cookies.txt', () => {
  test.each<[string, string, Partial<Cookie>]>([
    ['a domain cookie', '.app.example\tTRUE\t/\tFALSE\t1900000000\tsid\tv', { hostOnly: false, expiresAt: 1_900_000_000_000 }],
    ['a host-only session cookie', 'app.example\tFALSE\t/\tFALSE\t0\tsid\tv', {}],
    ['the column decides, not the dot', '.app.example\tFALSE\t/\tFALSE\t0\tsid\tv', {}],
    ['a domain cookie without a dot', 'app.example\tTRUE\t/\tFALSE\t0\tsid\tv', { hostOnly: false }],
    ['HttpOnly is no comment', '#HttpOnly_app.example\tFALSE\t/\tTRUE\t0\tsid\tv', { httpOnly: true, secure: true }],
    ['an empty name', 'app.example\tFALSE\t/\tFALSE\t0\t\tv', { name: '' }],
    ['an empty value', 'app.example\tFALSE\t/\tFALSE\t0\tsid\t', { value: '' }],
    ['an empty value after which a line was trimmed', 'app.example\tFALSE\t/\tFALSE\t0\tsid', { value: '' }],
    ['no time at all, as Python writes it', 'app.example\tFALSE\t/\tFALSE\t\tsid\tv', {}],
    [
      'flags in lower case, and CR LF',
      'app.example\tfalse\t/a b\ttrue\t0\tsid\tv=1, "x"\r',
      { secure: true, path: '/a b', value: 'v=1, "x"' },
    ],
  ])('%s', (_, line, expected) => {
    const { session, losses } = read(`\ufeff# Netscape HTTP Cookie File\n\n# ${SECRET}\n   \n${line}\n`);
    expect(losses).toEqual([]);
    expect(session.cookies).toEqual([{ ...BASE, value: 'v', ...expected }]);
  });

  test('of a cookie that comes twice the last line counts, and a time beyond the end of time is its end', () => {
    const { session, losses } = read('a\tFALSE\t/\tFALSE\t0\tn\t1\na\tFALSE\t/\tFALSE\t9223372036854775807\tn\t2\n');
    expect(session.cookies).toMatchObject([{ value: '2', expiresAt: 253_402_300_799_999 }]);
    expect(losses.map(({ pointer, severity }) => `${pointer} ${severity}`)).toEqual(['/line/2 lossy', '/line/1 dropped']);
  });

  test.each([
    [`app.example\tFALSE\t/\tFALSE\t${SECRET}`],
    [`app.example\tFALSE\t/\tFALSE\t0\tsid\t${SECRET}\t`],
    [`app.example FALSE / FALSE 0 sid ${SECRET}`],
    [`app.example\tYES\t/\tFALSE\t0\tsid\t${SECRET}`],
    [`app.example\tTRUE\t/\t1\t0\tsid\t${SECRET}`],
    [`app.example\tTRUE\t${SECRET}\tFALSE\t0\tsid\tv`],
    [`app.example\tTRUE\t/\tFALSE\t-1\tsid\t${SECRET}`],
    [`app.example\tTRUE\t/\tFALSE\t1.5\tsid\t${SECRET}`],
    [`app.example\tTRUE\t/\tFALSE\t \tsid\t${SECRET}`],
    [`\tTRUE\t/\tFALSE\t0\tsid\t${SECRET}`],
    [`http://${SECRET}/\tTRUE\t/\tFALSE\t0\tsid\tv`],
    [`#HttpOnly_\tTRUE\t/\tFALSE\t0\tsid\t${SECRET}`],
    [`{"cookies": "${SECRET}"}`],
  ])('a line that is none is refused by its number, without what is in it: case %#', (line) => {
    expectMalformed(() => read(`# comment\na\tFALSE\t/\tFALSE\t0\tn\tv\n${line}\n`), 'cookies.txt', '/line/3');
  });
});

test('what a line cannot say is dropped, and what a program may read otherwise is told', async () => {
  const { text, losses } = await writeCookiesTxt(
    sessionWith({
      cookies: [
        { ...BASE, value: `${SECRET}\t` },
        { ...BASE, value: `${SECRET}\n` },
        { ...BASE, name: '\ud800' },
        { ...BASE, path: '/\0' },
        { ...BASE, expiresAt: 999 },
        { ...BASE, expiresAt: 1_900_000_000_999 },
        { ...BASE, name: '' },
        { ...BASE, name: 'utf8', value: 'é\u{1f600}' },
      ],
    }),
  );
  expect(losses.map(({ pointer, severity }) => `${pointer} ${severity}`)).toEqual([
    '/cookies/0 dropped',
    '/cookies/1 dropped',
    '/cookies/2 dropped',
    '/cookies/3 dropped',
    '/cookies/4 dropped',
    '/cookies/5/expiresAt lossy',
    '/cookies/6/name lossy',
  ]);
  expect(JSON.stringify(losses)).not.toContain(SECRET);
  expect(text.split('\n')).toEqual([
    '# Netscape HTTP Cookie File',
    `app.example\tFALSE\t/\tFALSE\t1900000000\tsid\t${SECRET}`,
    `app.example\tFALSE\t/\tFALSE\t0\t\t${SECRET}`,
    'app.example\tFALSE\t/\tFALSE\t0\tutf8\té\u{1f600}',
    '',
  ]);
});

const CURL_GROUP = 'cookies.txt with the real curl';
const hasCurl = requireTool('curl', spawnSync('curl', ['--version']).status === 0, CURL_GROUP);

describe.skipIf(!hasCurl)(CURL_GROUP, () => {
  const folder = mkdtempSync(join(tmpdir(), 'psp-cookies-txt-'));
  let server: Server;
  let port: number;
  let sent: string[];
  let setCookies: string[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      sent = (request.headers.cookie ?? '').split('; ').sort();
      response.setHeader('set-cookie', setCookies);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function curl(host: string, path: string, ...options: string[]): Promise<void> {
    const resolve = `${host}:${port}:127.0.0.1`;
    await promisify(execFile)('curl', ['-sS', '--noproxy', '*', '--resolve', resolve, ...options, `http://${host}:${port}${path}`]);
  }

  test('curl sends the cookies of a file that we write where they belong, and nowhere else', async () => {
    const expiresAt = Date.now() + 86_400_000;
    const cookies: Cookie[] = [
      { ...BASE, name: 'host', value: 'h', httpOnly: true },
      { ...BASE, name: 'wide', value: 'a=b "c"', hostOnly: false, expiresAt },
      { ...BASE, name: 'deep', value: '', path: '/deep' },
      { ...BASE, name: 'tls', value: 't', secure: true },
      { ...BASE, name: 'old', value: 'o', expiresAt: 1_000_000_000_000 },
      { ...BASE, name: 'other', value: 'x', domain: 'other.example' },
    ];
    const file = join(folder, 'ours.txt');
    const { text, losses } = await writeCookiesTxt(sessionWith({ cookies }));
    expect(losses.filter(({ severity }) => severity === 'dropped')).toEqual([]);
    writeFileSync(file, text);

    await curl('app.example', '/', '-b', file);
    expect(sent).toEqual(['host=h', 'wide=a=b "c"']);
    await curl('app.example', '/deep/er', '-b', file);
    expect(sent).toEqual(['deep=', 'host=h', 'wide=a=b "c"']);
    await curl('sub.app.example', '/', '-b', file);
    expect(sent).toEqual(['wide=a=b "c"']);
  });

  test('a jar that curl wrote is read: its own cookies, and ours that it passed on', async () => {
    const [ours, jar] = [join(folder, 'in.txt'), join(folder, 'jar.txt')];
    const passedOn: Cookie = { ...BASE, name: 'ours', value: 'o', path: '/deep', httpOnly: true, expiresAt: Date.now() + 3_600_000 };
    const seconds = { ...passedOn, expiresAt: Math.floor(passedOn.expiresAt! / 1000) * 1000 };
    writeFileSync(ours, (await writeCookiesTxt(sessionWith({ cookies: [passedOn] }))).text);
    setCookies = [
      'sid=1; HttpOnly; Path=/',
      'wide=w; Domain=app.example; Path=/a',
      'empty=; Path=/',
      'year=y; Path=/; Expires=Wed, 18 May 2033 03:33:20 GMT',
      'ever=e; Path=/; Max-Age=99999999999999999999',
    ];
    await curl('app.example', '/a/b', '-b', ours, '-c', jar);
    const { session, losses } = read(readFileSync(jar, 'utf8'));
    expect(losses.map(({ severity }) => severity)).toEqual(['lossy']);
    const byName = (list: readonly Cookie[]): Cookie[] => [...list].sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(byName(session.cookies)).toEqual(
      byName([
        { ...BASE, name: 'sid', value: '1', httpOnly: true },
        { ...BASE, name: 'wide', value: 'w', hostOnly: false, path: '/a' },
        { ...BASE, name: 'empty', value: '' },
        { ...BASE, name: 'year', value: 'y', expiresAt: 2_000_000_000_000 },
        { ...BASE, name: 'ever', value: 'e', expiresAt: 253_402_300_799_999 },
        seconds,
      ]),
    );
  });
});

const PYTHON_GROUP = 'cookies.txt with the real http.cookiejar of Python';
const hasPython = requireTool('python3', spawnSync('python3', ['-c', 'import http.cookiejar']).status === 0, PYTHON_GROUP);

test.skipIf(!hasPython)(`${PYTHON_GROUP}: it loads what we write, and what it saves of that is read as it was`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'psp-cookies-txt-'));
  try {
    const [ours, theirs] = [join(folder, 'ours.txt'), join(folder, 'theirs.txt')];
    const cookies: Cookie[] = [
      { ...BASE, name: 'host', value: 'h', httpOnly: true },
      { ...BASE, name: 'wide', value: 'a=b "c"', hostOnly: false, secure: true, expiresAt: 2_000_000_000_000 },
      { ...BASE, name: '', value: 'nameless', path: '/deep' },
    ];
    writeFileSync(ours, (await writeCookiesTxt(sessionWith({ cookies }))).text);
    const program = `
import http.cookiejar, sys
jar = http.cookiejar.MozillaCookieJar()
jar.load(sys.argv[1], ignore_discard=True, ignore_expires=True)
jar.save(sys.argv[2], ignore_discard=True, ignore_expires=True)`;
    await promisify(execFile)('python3', ['-c', program, ours, theirs]);
    const { session, losses } = read(readFileSync(theirs, 'utf8'));
    expect(losses).toEqual([]);
    const byName = (list: readonly Cookie[]): Cookie[] => [...list].sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(byName(session.cookies)).toEqual(byName(cookies));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
