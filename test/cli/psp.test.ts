/** The command as people use it: against real Chromiums and a real site, with keys from every source, and out to Playwright and back. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import { formatKey, generateKey, parseKey } from '../../ts/envelope/key.ts';
import { requireChromium } from '../servers/chromium.ts';
import { logIn, restoredTab, whoAmI } from '../servers/login.ts';
import { type Browser, freshFolder, makeFolder, removeFolder, startBrowser } from './fixture.ts';
import { builtProgram, expectFailure, psp, pspAtTerminal, type Run, run } from './run.ts';

const GROUP = 'the psp command with a browser';

/** The lines of a successful run. */
function lines({ status, stdout, stderr }: Run): string[] {
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.trimEnd().split('\n');
}

/** The one line of JSON of a successful run. */
function json(result: Run): unknown {
  const [line, ...more] = lines(result);
  expect(more).toEqual([]);
  return JSON.parse(line!);
}

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  let site: Site;
  let folder: string;
  let source: Browser;
  let captured: Run;
  const file = (name: string): string => join(folder, name);
  const keyText = (): string => readFileSync(file('key'), 'utf8').trim();

  beforeAll(async () => {
    site = await startSite();
    folder = makeFolder();
    source = await startBrowser();
    const page = await source.context.newPage();
    await logIn(page, site);
    await whoAmI(page, site);
    lines(await psp(['key', 'new', '-o', file('key')]));
    captured = await psp(['capture', '--cdp', source.cdpUrl, '-o', file('login.psp'), '--key-file', file('key'), '--name', 'work']);
  });
  afterAll(async () => {
    await source?.close();
    await site?.close();
    if (folder !== undefined) removeFolder(folder);
  });

  const freshBrowser = async (): Promise<Browser> => {
    const browser = await startBrowser();
    onTestFinished(() => browser.close());
    return browser;
  };

  test('capture says what it took and writes one file, for this user alone', () => {
    const printed = lines(captured);
    expect(printed[0]).toBe('captured 1 cookie, 1 localStorage item, 1 sessionStorage item, 1 database, 2 records, 1 tab');
    expect(printed.at(-1)).toMatch(/^wrote .+login\.psp: [\d.]+ KiB, sealed with key [0-9a-f]{16}$/);
    expect(statSync(file('login.psp')).mode & 0o777).toBe(0o600);
    expect(statSync(file('key')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).filter((name) => name.includes('login') || name.startsWith('.'))).toEqual(['login.psp']);
  });

  test('inspect without a key shows what the header says, and how to see more', async () => {
    const printed = lines(await psp(['inspect', file('login.psp')]));
    expect(printed).toHaveLength(2);
    expect(printed[0]).toBe(
      `sealed session, ${(statSync(file('login.psp')).size / 1024).toFixed(1)} KiB, for key ${parseKey(keyText()).kid}`,
    );
    expect(printed[1]).toContain('--key-file, PSP_KEY or --prompt');
  });

  test('inspect with the key shows names, sizes and expiry', async () => {
    const text = lines(await psp(['inspect', file('login.psp'), '--key-file', file('key')])).join('\n');
    expect(text).toContain('"work"');
    expect(text).toMatch(/by cdp from Chrome\/\d+/);
    expect(text).toContain(`tabs: ${site.origin}\n`);
    expect(text).toMatch(/^sid +127\.0\.0\.1\/ +43 B +with the browser +HttpOnly SameSite=lax$/m);
    expect(text).toMatch(/^localStorage +http:\S+ +token +43 B$/m);
    expect(text).toMatch(/^sessionStorage +tab 0 http:\S+ +csrf-nonce +43 B$/m);
    expect(text).toMatch(/^indexedDB +http:\S+ +app\/profiles +3\.\d KiB +1 records$/m);
  });

  test('restore into a browser that never logged in: the site knows the user from all four places', async () => {
    const target = await freshBrowser();
    site.resetCounters();
    const printed = lines(await psp(['restore', file('login.psp'), '--cdp', target.cdpUrl, '--key-file', file('key')]));
    expect(printed[0]).toBe('restored 1 cookie, 1 localStorage item, 1 sessionStorage item, 1 database, 2 records, 1 tab');
    expect(printed.at(-1)).toBe('tabs wait on an empty page at their address: reload them to open the site');
    expect(site.requests).toEqual([]);
    expect(await whoAmI(await restoredTab(target.context, `${site.origin}/whoami`), site)).toEqual({
      places: 4,
      text: expect.stringMatching(/^logged in as /),
    });
  });

  test('restore of a part, beside what is there', async () => {
    const target = await freshBrowser();
    const restore = (...more: string[]): Promise<Run> =>
      psp(['restore', file('login.psp'), '--cdp', target.cdpUrl, '--key-file', file('key'), '--json', ...more]);
    const nothing = { localStorage: 0, sessionStorage: 0, databases: 0, tabs: 0 };
    expect(json(await restore('--kind', 'cookie'))).toMatchObject({ counts: { ...nothing, cookies: 1 } });
    expect(json(await restore('--kind', 'localStorage', '--kind', 'indexedDB', '--keep'))).toMatchObject({
      counts: { ...nothing, localStorage: 1, databases: 1, records: 2 },
    });
    expect(json(await restore('--origin', 'https://unused.example/'))).toMatchObject({ counts: { ...nothing, cookies: 0 } });
    expectFailure(await restore('--kind', 'everything'), 'USAGE');
  });

  test('restore --open loads the tabs, and they are logged in without another hand', async () => {
    const target = await freshBrowser();
    const printed = lines(await psp(['restore', file('login.psp'), '--cdp', target.cdpUrl, '--open'], { env: { PSP_KEY: keyText() } }));
    expect(printed.at(-1)).toBe('tabs are being opened');
    await (await restoredTab(target.context, `${site.origin}/whoami`)).locator('#status[data-places="4"]').waitFor();
  });

  test('an origin that is not open is captured when --origin names it', async () => {
    const page = await source.context.newPage();
    await page.goto(`${site.secondOrigin}/login`);
    await page.evaluate(() => localStorage.setItem('elsewhere', 'here'));
    await page.close();
    const capture = (...more: string[]): Promise<Run> =>
      psp(['capture', '--cdp', source.cdpUrl, '-o', file('origins.psp'), '--key-file', file('key'), '--json', ...more]);
    expect(json(await capture())).toMatchObject({ counts: { localStorage: 1 } });
    expect(json(await capture('--origin', 'https://unused.example', '--origin', `${site.secondOrigin}/`))).toMatchObject({
      counts: { localStorage: 2 },
    });
  });

  test('an export is a file that Playwright loads, private, with what it cannot hold named', async () => {
    const exported = file('exported.json');
    const printed = lines(await psp(['restore', file('login.psp'), '--playwright-state', exported, '--key-file', file('key')]));
    expect(printed.join('\n')).toMatch(/^dropped +\/tabs\/0 .*sessionStorage/m);
    expect(printed.at(-1)).toContain('it is not sealed, whoever reads it is logged in');
    expect(statSync(exported).mode & 0o777).toBe(0o600);

    const target = await freshBrowser();
    const context = await target.context.browser()!.newContext({ storageState: exported });
    const { places, text } = await whoAmI(await context.newPage(), site);
    expect({ places, text }).toEqual({ places: 3, text: 'not logged in (failed: sessionStorage)' });
  });

  test('an import of a file that Playwright wrote restores into a browser, and exports as the same file', async () => {
    const written = file('written.json');
    // Playwright opens each origin of its own accord to read it: in a context of its own, so that the captures here do not see it.
    const context = await source.context.browser()!.newContext();
    await logIn(await context.newPage(), site);
    await context.storageState({ path: written, indexedDB: true });
    await context.close();
    lines(await psp(['capture', '--playwright-state', written, '-o', file('imported.psp'), '--key-file', file('key'), '--name', 'import']));
    expect(lines(await psp(['inspect', file('imported.psp'), '--key-file', file('key')])).join('\n')).toContain('"import"');

    await psp(['restore', file('imported.psp'), '--playwright-state', file('again.json'), '--key-file', file('key')]).then(lines);
    const state = (name: string): unknown => JSON.parse(readFileSync(file(name), 'utf8'));
    expect(state('again.json')).toEqual(state('written.json'));

    const target = await freshBrowser();
    lines(await psp(['restore', file('imported.psp'), '--cdp', target.cdpUrl, '--key-file', file('key')]));
    expect((await whoAmI(await target.context.newPage(), site)).places).toBe(3);
  });

  test('--json is one line of JSON from every verb that has it', async () => {
    const env = { PSP_KEY: keyText() };
    const { kid } = parseKey(keyText());
    const counts = { cookies: 1, localStorage: 1, sessionStorage: 1, databases: 1, records: 2, tabs: 1 };
    expect(json(await psp(['capture', '--cdp', source.cdpUrl, '-o', file('json.psp'), '--json'], { env }))).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      fileBytes: statSync(file('json.psp')).size,
      counts,
      entries: expect.any(Array),
    });
    const bytes = statSync(file('json.psp')).size;
    expect(json(await psp(['inspect', file('json.psp'), '--json']))).toEqual({ file: { bytes, sealed: true, keys: [kid] }, session: null });
    expect(json(await psp(['inspect', file('json.psp'), '--json'], { env }))).toMatchObject({
      session: { cookies: [{ name: 'sid', valueBytes: 43, expiresAt: null, flags: ['HttpOnly', 'SameSite=lax'] }], tabs: [site.origin] },
    });
    const state = file('json.json');
    expect(json(await psp(['restore', file('json.psp'), '--playwright-state', state, '--json'], { env }))).toEqual({
      sealed: false,
      losses: expect.arrayContaining([{ pointer: '/tabs/0', severity: 'dropped', reason: expect.any(String) }]),
    });
    expect(json(await psp(['capture', '--playwright-state', state, '-o', file('json2.psp'), '--json'], { env }))).toMatchObject({
      fileBytes: statSync(file('json2.psp')).size,
      losses: [],
    });
    const target = await freshBrowser();
    expect(json(await psp(['restore', file('json.psp'), '--cdp', target.cdpUrl, '--json'], { env }))).toMatchObject({
      tabs: [{ tabId: expect.any(String), targetId: expect.any(String) }],
      counts,
      entries: [],
    });
  });

  describe('a key typed at a terminal', () => {
    const restore = (...more: string[]): string[] => [
      'restore',
      file('login.psp'),
      '--playwright-state',
      join(folder, 'typed.json'),
      ...more,
    ];

    test('opens, and is not echoed', async () => {
      const secret = keyText();
      for (const args of [['inspect', file('login.psp'), '--prompt'], restore(), restore('--prompt')]) {
        const { status, stdout } = await pspAtTerminal(args, `${secret}\r`);
        expect(status).toBe(0);
        expect(stdout).toMatch(/^key: \r?\n/);
        expect(stdout).not.toContain(secret.slice(-20));
      }
    });

    test('can be corrected, and a wrong one is said to be so without being shown', async () => {
      const secret = keyText();
      expect((await pspAtTerminal(restore(), `xy\u007f\b${secret}\n`)).status).toBe(0);
      const wrong = await pspAtTerminal(restore(), 'no-such-key\r');
      expect(wrong.status).toBe(1);
      expect(wrong.stdout).toMatch(/^key: \r\npsp: KEY_MALFORMED: .+\r\n$/);
      expect(wrong.stdout).not.toContain('no-such-key');
    });

    test('that is not given after all is KEY_MISSING', async () => {
      for (const interrupt of ['\u0003', '\u0004', 'half a key\u0003']) {
        const { status, stdout } = await pspAtTerminal(restore(), interrupt);
        expect(status).toBe(1);
        expect(stdout).toMatch(/^key: \r\npsp: KEY_MISSING: .+\r\n$/);
      }
    });

    test('is not asked for when another source has one', async () => {
      const { status, stdout } = await pspAtTerminal(restore(), '', { env: { PSP_KEY: keyText() } });
      expect({ status, asked: stdout.includes('key: ') }).toEqual({ status: 0, asked: false });
    });
  });
});

describe('the psp command', () => {
  test('--help, no verb and a verb with --help show the whole use', async () => {
    const help = lines(await psp(['--help']));
    for (const args of [[], ['-h'], ['capture', '--help']]) expect(lines(await psp(args))).toEqual(help);
    for (const word of ['psp capture', 'psp restore', 'psp key new', 'psp seal', 'psp verify', 'psp rotate', 'PSP_KEY', '--timeout']) {
      expect(help.join('\n')).toContain(word);
    }
    expect(Math.max(...help.map((line) => line.length))).toBeLessThanOrEqual(120);
  });

  test('--version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
    expect(lines(await psp(['--version']))).toEqual([version]);
  });

  test('key new writes a key that parses, for this user alone, and does not print it', async () => {
    const out = join(freshFolder(), 'key');
    const [printed] = lines(await psp(['key', 'new', '--out', out]));
    const text = readFileSync(out, 'utf8');
    expect(printed).toContain(parseKey(text).kid);
    expect(printed).not.toContain(text.trim().slice(-44));
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const before = readFileSync(out);
    expectFailure(await psp(['key', 'new', '-o', out]), 'FILE_WRITE');
    expect(readFileSync(out)).toEqual(before);
  });

  test('a reader that has seen enough is no failure', async () => {
    const folder = freshFolder();
    writeFileSync(join(folder, 'state.json'), JSON.stringify({ cookies: [], origins: [] }));
    const env = { PSP_KEY: formatKey(generateKey()) };
    const command = `"${process.execPath}" "${builtProgram('ts/cli/psp.js')}" capture --playwright-state state.json -o out`;
    // The subshell keeps the status of psp; `:` reads nothing and is gone before psp writes.
    const result = await run('sh', ['-c', `{ ${command}; echo $? > status; } | :`], { cwd: folder, env });
    expect(result.stderr).toBe('');
    expect(readFileSync(join(folder, 'status'), 'utf8')).toBe('0\n');
  });
});
