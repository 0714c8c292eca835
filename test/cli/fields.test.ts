/** Sessions whose secrets are sealed one by one, from the command line: sealed, reviewed without the key, compared, opened. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { integrityTag } from '../../ts/envelope/integrity.ts';
import { formatKey, formatMacKey, generateKey, generateMacKey } from '../../ts/envelope/key.ts';
import type { Session } from '../../ts/session/session.ts';
import { PLAIN_COOKIE } from '../session/plain-cookie.ts';
import { freshFolder } from './fixture.ts';
import { expectFailure, pspHere as psp, type Run } from './run.ts';

const KEY = formatKey(generateKey('home'));
const WITH_KEY = { env: { PSP_KEY: KEY } };
const SECRET = 'the-token-of-ada';

const cookie = (name: string, value: string): Session['cookies'][number] => ({ ...PLAIN_COOKIE, name, value });

const sessionOf = (token: string): Session => ({
  id: 'ada',
  incarnation: 'first',
  revision: 1,
  createdAt: 1_700_000_000_000,
  updatedAt: 1_700_000_000_000,
  source: { tool: 'test', browser: 'None/1' },
  coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
  cookies: [cookie('sid', token), cookie('theme', 'dark-as-the-night')],
  storage: [],
  tabs: [],
});

let folder: string;

beforeEach(async () => {
  folder = freshFolder();
  writeFileSync(join(folder, 'monday.psp'), await encodeSession(sessionOf(SECRET)));
  writeFileSync(join(folder, 'tuesday.psp'), await encodeSession(sessionOf('another-token')));
});

const run = (args: readonly string[], options = {}): Promise<Run> => psp(args, { cwd: folder, ...options });

async function sealed(from: string, to: string, more: readonly string[] = []): Promise<string> {
  expect(await run(['seal', from, '--fields', '-o', to, ...more], WITH_KEY)).toMatchObject({ status: 0, stderr: '' });
  return readFileSync(join(folder, to), 'utf8');
}

describe('psp seal --fields', () => {
  test('shows names and seals values; psp open gives the session back', async () => {
    const text = await sealed('monday.psp', 'monday.pspf');
    expect(text).toContain('"theme"');
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain('dark-as-the-night');
    const opened = await run(['open', 'monday.pspf', '-o', 'opened.psp'], WITH_KEY);
    expect(opened).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/opened with key home; it is not sealed\n$/) });
    expect(await decodeSession(readFileSync(join(folder, 'opened.psp')))).toEqual(sessionOf(SECRET));
  });

  test('over its previous text changes the lines of what changed', async () => {
    const before = (await sealed('monday.psp', 'ada.pspf')).split('\n');
    const after = (await sealed('tuesday.psp', 'ada2.pspf', ['--previous', 'ada.pspf'])).split('\n');
    expect(after.length).toBe(before.length);
    // The cookie and the manifest.
    expect(after.filter((line, i) => line !== before[i])).toHaveLength(2);
  });

  test('inspect and validate read it; a changed byte is found', async () => {
    await sealed('monday.psp', 'monday.pspf');
    expect((await run(['inspect', 'monday.pspf'])).stdout).toContain('home');
    expect((await run(['inspect', 'monday.pspf'], WITH_KEY)).stdout).toContain('theme');
    expect(await run(['validate', 'monday.pspf'], WITH_KEY)).toMatchObject({ status: 0 });
    const path = join(folder, 'monday.pspf');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"theme"', '"thema"'));
    expectFailure(await run(['open', 'monday.pspf', '-o', 'opened.psp'], WITH_KEY), 'ENVELOPE_TAMPERED');
  });

  test('refuses what does not go together', async () => {
    for (const options of [
      ['--fields', '--armor'],
      ['--previous', 'monday.psp'],
    ]) {
      const { status, stderr } = await run(['seal', 'monday.psp', '-o', 'out', ...options], WITH_KEY);
      expect([status, stderr.split('\n')[0]]).toEqual([1, expect.stringContaining('psp: ')]);
    }
  });
});

describe('psp verify of sealed fields', () => {
  const path = (name: string): string => join(folder, name);

  test('without any key says what the form is, and that it is not verified', async () => {
    const text = await sealed('monday.psp', 'ada.pspf');
    expect((await run(['verify', 'ada.pspf'])).stdout).toMatch(/for key home\. NOT verified/);
    const forged = text.replace('"theme"', '"thema"');
    writeFileSync(path('forged.pspf'), forged);
    const { status, stdout } = await run(['verify', 'forged.pspf', '--json']);
    expect([status, JSON.parse(stdout)]).toEqual([0, { verified: 'structure', keys: ['home'], fileBytes: forged.length }]);
    writeFileSync(path('cut.pspf'), text.slice(0, -30));
    expectFailure(await run(['verify', 'cut.pspf']), 'ENVELOPE_TRUNCATED');
    writeFileSync(path('longer.pspf'), `${text} `);
    expectFailure(await run(['verify', 'longer.pspf']), 'ENVELOPE_MALFORMED');
    writeFileSync(path('no-json.pspf'), text.replace('"theme"', '"theme'));
    expectFailure(await run(['verify', 'no-json.pspf']), 'ENVELOPE_MALFORMED');
  });

  test('with a key checks the manifest and opens every value, and writes nothing', async () => {
    const text = await sealed('monday.psp', 'ada.pspf');
    const before = readdirSync(folder);
    const found = await run(['verify', 'ada.pspf'], WITH_KEY);
    expect(found).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/authentic and whole: key home/) });
    expect(found.stdout).not.toContain(SECRET);
    expect(JSON.parse((await run(['verify', 'ada.pspf', '--json'], WITH_KEY)).stdout)).toEqual({
      verified: 'content',
      keys: ['home'],
      fileBytes: text.length,
    });
    expect(readdirSync(folder)).toEqual(before);
    const changes: readonly (readonly [string, string])[] = [
      ['"theme"', '"thema"'],
      ['"theme"', '"theme'],
      ['"hostOnly":true', '"hostOnly":false'],
      [',\n', ',\r\n'],
    ];
    for (const [from, to] of changes) {
      const at = text.lastIndexOf(from);
      writeFileSync(path('changed.pspf'), text.slice(0, at) + to + text.slice(at + from.length));
      expectFailure(await run(['verify', 'changed.pspf'], WITH_KEY), 'ENVELOPE_TAMPERED');
    }
    expectFailure(await run(['verify', 'ada.pspf'], { env: { PSP_KEY: formatKey(generateKey('home')) } }), 'KEY_WRONG');
    expectFailure(await run(['verify', 'ada.pspf'], { env: { PSP_KEY: formatKey(generateKey('work')) } }), 'KEY_UNKNOWN');
  });

  test('asks for the context that it was sealed for', async () => {
    const context = ['--tenant', 'shop', '--session-id', 'ada'];
    await sealed('monday.psp', 'ada.pspf', context);
    expect(await run(['verify', 'ada.pspf', ...context], WITH_KEY)).toMatchObject({ status: 0, stderr: '' });
    for (const other of [[], ['--tenant', 'shop'], ['--tenant', 'shop', '--session-id', 'eve']]) {
      expectFailure(await run(['verify', 'ada.pspf', ...other], WITH_KEY), 'ENVELOPE_CONTEXT');
    }
  });

  test('with a tag and a MAC key finds any change without a key that opens', async () => {
    const text = await sealed('monday.psp', 'ada.pspf');
    const mac = generateMacKey('scrub');
    writeFileSync(path('tag'), await integrityTag(new TextEncoder().encode(text), mac));
    const withMac = { env: { PSP_MAC_KEY: formatMacKey(mac) } };
    expect((await run(['verify', 'ada.pspf', '--tag', 'tag'], withMac)).stdout).toMatch(/unchanged since it was tagged with MAC key scrub/);
    writeFileSync(path('ada.pspf'), text.replace('"theme"', '"thema"'));
    expectFailure(await run(['verify', 'ada.pspf', '--tag', 'tag'], withMac), 'ENVELOPE_TAMPERED');
  });
});

describe('psp diff of sealed fields', () => {
  test('without a key names what changed, and exits 2; with the key it compares the sessions', async () => {
    await sealed('monday.psp', 'a.pspf');
    await sealed('tuesday.psp', 'b.pspf', ['--previous', 'a.pspf']);
    const blind = await run(['diff', 'a.pspf', 'b.pspf']);
    expect(blind).toMatchObject({ status: 2, stderr: '' });
    expect(blind.stdout).toContain('sid');
    expect(blind.stdout).not.toContain('theme');
    const json = await run(['diff', 'a.pspf', 'b.pspf', '--json']);
    expect(JSON.parse(json.stdout)).toEqual({ fields: [{ place: expect.stringContaining('sid'), change: 'changed' }] });
    expect(await run(['diff', 'a.pspf', 'a.pspf'])).toMatchObject({ status: 0, stdout: 'every sealed value is the same\n' });

    const seeing = await run(['diff', 'a.pspf', 'b.pspf', '--reveal'], WITH_KEY);
    expect(seeing.status).toBe(2);
    expect(seeing.stdout).toContain('another-token');
    expect((await run(['diff', 'a.pspf', 'b.pspf'], WITH_KEY)).stdout).not.toContain('another-token');
  });

  test('with the key asks for the context that both were sealed for', async () => {
    const context = ['--tenant', 'shop', '--session-id', 'ada'];
    await sealed('monday.psp', 'a.pspf', context);
    await sealed('tuesday.psp', 'b.pspf', [...context, '--previous', 'a.pspf']);
    expect(await run(['diff', 'a.pspf', 'b.pspf', ...context], WITH_KEY)).toMatchObject({ status: 2, stderr: '' });
    expect(await run(['diff', 'a.pspf', 'a.pspf', ...context], WITH_KEY)).toMatchObject({ status: 0, stderr: '' });
    expectFailure(await run(['diff', 'a.pspf', 'b.pspf', '--tenant', 'shop'], WITH_KEY), 'ENVELOPE_CONTEXT');
    // Without the key nothing of the context is asked.
    expect(await run(['diff', 'a.pspf', 'b.pspf'])).toMatchObject({ status: 2, stderr: '' });
  });
});
