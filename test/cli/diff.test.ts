/** `psp diff`, in this process: the table, counts and JSON, the exit status, and that no value is shown unless it is asked for. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { encodeSession } from '../../ts/blob/encode.ts';
import { runDiff } from '../../ts/cli/diff.ts';
import { formatKey, generateKey } from '../../ts/envelope/key.ts';
import { seal } from '../../ts/envelope/seal.ts';
import type { Session } from '../../ts/session/session.ts';
import { freshFolder, makeSession } from './fixture.ts';
import { expectNoSecret, plantSecret } from './leak.ts';

const [OLD, NEW] = [plantSecret('ascii'), plantSecret('ascii')];
const before = makeSession(OLD);
const after: Session = { ...makeSession(NEW), updatedAt: before.updatedAt + 1 };

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

async function diffed(a: Uint8Array, b: Uint8Array, ...options: string[]): Promise<{ text: string; status: unknown }> {
  const folder = freshFolder();
  const files = [a, b].map((bytes, i) => {
    const file = join(folder, `${i}.psp`);
    writeFileSync(file, bytes);
    return file;
  });
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  await runDiff([...files, ...options]);
  const status = process.exitCode ?? 0;
  process.exitCode = undefined;
  return { text, status };
}

describe('psp diff', () => {
  test('files with the same session, in either framing: exit status 0', async () => {
    const [one, other] = [await encodeSession(before), await encodeSession(before, { framing: 'packed' })];
    expect(await diffed(one, other)).toEqual({
      status: 0,
      text: 'no difference; 0 added, 0 removed, 0 changed, 0 moved, 10 unchanged\n',
    });
    expect((await diffed(one, other, '--stat')).text).toBe('0 added, 0 removed, 0 changed, 0 moved, 10 unchanged\n');
  });

  test('a difference: exit status 2 and a table without values', async () => {
    const { text, status } = await diffed(await encodeSession(before), await encodeSession(after));
    expect(status).toBe(2);
    expect(text).toMatch(/^changed {2}cookie +app\.example\/ +sid +value \(44 -> 44\)$/m);
    expect(text).toMatch(/^changed {2}localStorage +http:\/\/app\.example +token +value \(44 -> 44\)$/m);
    expect(text).toMatch(/^changed {2}header +updatedAt$/m);
    expect(text).toMatch(/^changed {2}record +http:\/\/app\.example app\/items +200 of them$/m);
    expect(text.trimEnd().split('\n').at(-1)).toMatch(/^0 added, 0 removed, \d+ changed, 0 moved, \d+ unchanged$/);
  });

  test.each([[[]], [['--stat']], [['--json']], [['--json', '--stat']]])('no value is in the output of %j', async (options) => {
    const gone = { ...after, cookies: [], storage: [], tabs: [] };
    for (const [a, b] of [
      [before, after],
      [before, gone],
      [gone, before],
    ] as const) {
      const { text, status } = await diffed(await encodeSession(a), await encodeSession(b), ...options);
      expect(status).toBe(2);
      expectNoSecret(text, { before: OLD, after: NEW }, `psp diff ${options.join(' ')}`);
    }
  });

  test('with --reveal the values are shown, and in JSON all of them', async () => {
    const [one, other] = [await encodeSession(before), await encodeSession(after)];
    const { text } = await diffed(one, other, '--reveal');
    expect(text).toContain(`value: ${JSON.stringify(OLD)} -> ${JSON.stringify(NEW)}`);
    const diff = JSON.parse((await diffed(one, other, '--reveal', '--json')).text) as {
      changed: { kind: string; members: { after: { value: unknown } }[] }[];
    };
    expect(diff.changed.find(({ kind }) => kind === 'cookie')?.members[0]?.after.value).toBe(NEW);
    const record = diff.changed.find(({ kind }) => kind === 'record')?.members[0]?.after.value as { base64: string };
    expect(Buffer.from(record.base64, 'base64').toString('latin1')).toContain(NEW);
  });

  test('--stat counts by kind, as text and as JSON', async () => {
    const other = { ...before, cookies: [], tabs: [] };
    const [one, two] = [await encodeSession(before), await encodeSession(other)];
    const { text } = await diffed(one, two, '--stat');
    expect(text).toMatch(/^cookie +0 +1 +0 +0$/m);
    expect(JSON.parse((await diffed(one, two, '--stat', '--json')).text)).toEqual({
      kinds: {
        cookie: { added: 0, removed: 1, changed: 0, moved: 0 },
        tab: { added: 0, removed: 1, changed: 0, moved: 0 },
        origin: { added: 0, removed: 1, changed: 0, moved: 0 },
        sessionStorage: { added: 0, removed: 1, changed: 0, moved: 0 },
      },
      unchangedCount: 6,
    });
  });

  test('a sealed file against a clear one, and two sealed ones', async () => {
    const key = generateKey();
    const keyFile = join(freshFolder(), 'key');
    writeFileSync(keyFile, formatKey(key), { mode: 0o600 });
    const [clear, sealed] = [await encodeSession(before), await seal(await encodeSession(after, { framing: 'packed' }), key)];
    expect((await diffed(clear, sealed, '--key-file', keyFile)).status).toBe(2);
    expect((await diffed(sealed, sealed, '--key-file', keyFile)).status).toBe(0);
  });

  test('a wrong use and a file that is none fail with a code', async () => {
    const blob = await encodeSession(before);
    await expect(runDiff(['one'])).rejects.toMatchObject({ code: 'USAGE' });
    await expect(runDiff(['one', 'two', 'three'])).rejects.toMatchObject({ code: 'USAGE' });
    await expect(runDiff(['/nowhere/one', '/nowhere/two'])).rejects.toMatchObject({ code: 'FILE_READ' });
    await expect(diffed(blob, Buffer.from('{}'))).rejects.toMatchObject({ code: 'BLOB_NOT_A_BLOB' });
  });
});
