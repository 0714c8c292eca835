/** Sessions whose secrets are sealed one by one, from the command line: sealed, reviewed without the key, compared, opened. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { formatKey, generateKey } from '../../ts/envelope/key.ts';
import type { Session } from '../../ts/session/session.ts';
import { freshFolder } from './fixture.ts';
import { expectFailure, psp, type Run } from './run.ts';

const KEY = formatKey(generateKey('home'));
const WITH_KEY = { env: { PSP_KEY: KEY } };
const SECRET = 'the-token-of-ada';

const cookie = (name: string, value: string): Session['cookies'][number] => ({
  name,
  value,
  domain: 'app.example',
  hostOnly: true,
  path: '/',
  secure: true,
  httpOnly: true,
  sameSite: 'lax',
  expiresAt: null,
  partitionKey: null,
});

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
    expect(await run(['open', 'monday.pspf', '-o', 'opened.psp'], WITH_KEY)).toMatchObject({ status: 0, stderr: '' });
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
});
