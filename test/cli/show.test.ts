/** `psp show`, in this process: a line for each entry, no value in any of them, and what a key adds. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeSession } from '../../ts/blob/encode.ts';
import { runShow } from '../../ts/cli/show.ts';
import { formatKey, formatMacKey, generateKey, generateMacKey } from '../../ts/envelope/key.ts';
import { seal } from '../../ts/envelope/seal.ts';
import type { Cookie, Session } from '../../ts/session/session.ts';
import { freshFolder } from './fixture.ts';
import { expectNoSecret } from './leak.ts';
import { baseSession, ran, SECRETS, withItems, withToken } from './merge-fixture.ts';

const base = baseSession();
const key = generateKey();

async function shown(file: Uint8Array, ...options: string[]): Promise<string[]> {
  const folder = freshFolder();
  const path = join(folder, 'session');
  writeFileSync(path, file);
  writeFileSync(join(folder, 'key'), formatKey(key));
  const { text } = await ran(runShow, path, ...options.map((option) => (option === 'KEY' ? join(folder, 'key') : option)));
  expectNoSecret(text, SECRETS, 'psp show');
  return text.split('\n');
}

/** Sealed, so that each file has other bytes, and shown with its key. */
const sealedAndShown = async (session: Session): Promise<string[]> =>
  shown(await seal(await encodeSession(session, { framing: 'packed' }), key), '--key-file', 'KEY');

const differing = (a: readonly string[], b: readonly string[]): string[] => b.filter((line) => !a.includes(line));

test('a sealed file with its key: every entry in a line, with a mark of its value', async () => {
  const lines = await sealedAndShown(base);
  expect(lines.slice(0, 3)).toEqual([
    'session session-1',
    'updated 2023-11-14T22:13:20.000Z',
    expect.stringMatching(/^tabs 1, order #[0-9a-f]{12}$/),
  ]);
  expect(lines).toContainEqual(
    expect.stringMatching(
      /^cookie {2}app\.example {2}sid {2}entry #[0-9a-f]{12} {2}44 B {2}session {2}HttpOnly {2}SameSite=lax {2}value #[0-9a-f]{12}$/,
    ),
  );
  expect(lines).toContainEqual(expect.stringMatching(/^localStorage {2}http:\/\/app\.example {2}draft {2}3 B {2}value #[0-9a-f]{12}$/));
  expect(lines.filter((line) => line.startsWith('record  http://app.example  app/items  entry #'))).toHaveLength(200);
  const entries = lines.slice(4, -1);
  expect(entries).toEqual([...entries].sort());
});

test('the same session shows the same, and one that changed differs in the lines of what changed', async () => {
  const lines = await sealedAndShown(base);
  expect(await sealedAndShown(base)).toEqual(lines);
  expect(differing(lines, await sealedAndShown(withToken(base, SECRETS.ours, 1)))).toEqual([
    expect.stringMatching(/^updated /),
    expect.stringMatching(/^cookie {2}app\.example {2}sid .* 44 B .*value #/),
  ]);
  const swapped = withItems(base, (items) => items.set('draft', 'two').set('token', SECRETS.theirs), 0);
  expect(differing(lines, await sealedAndShown(swapped)).map((line) => line.split('  ')[2])).toEqual(['draft', 'token']);
  const later = base.cookies.map((cookie): Cookie => ({ ...cookie, expiresAt: 1_800_000_000_000 }));
  expect(differing(lines, await sealedAndShown({ ...base, cookies: later }))[0]).toContain('until 2027-01-15T08:00:00.000Z');
});

test('equal values of two entries do not look equal, nor does one value under two keys', async () => {
  const same = withItems(base, (items) => items.set('draft', SECRETS.old), 0);
  const marks = (await sealedAndShown(same)).filter((line) => line.startsWith('localStorage')).map((line) => line.split('#')[1]);
  expect(new Set(marks).size).toBe(2);
  const macKeys = [generateMacKey(), generateMacKey()].map(formatMacKey);
  const folder = freshFolder();
  const texts: string[][] = [];
  for (const [i, text] of macKeys.entries()) {
    writeFileSync(join(folder, `${i}`), text);
    texts.push(await shown(await encodeSession(base), '--mac-key-file', join(folder, `${i}`)));
  }
  const values = texts.map((lines) => lines.flatMap((line) => line.split('value #')[1] ?? []));
  // All lines but three of the head, an empty one and the end.
  expect(values[0]).toHaveLength((texts[0] as string[]).length - 5);
  expect((values[0] as string[]).some((mark) => values[1]?.includes(mark))).toBe(false);
});

test('a clear file without a key shows sizes, and no mark that could be tried out', async () => {
  const lines = await shown(await encodeSession(base));
  expect(lines[3]).toMatch(/^values are shown by size only/);
  expect(lines).toContain('localStorage  http://app.example  draft  3 B');
  expect(lines.join('\n')).not.toContain('#');
});

test('a sealed file without its key is one line that changes with it, and no failure', async () => {
  const [one, other] = [await shown(await seal(await encodeSession(base), key)), await shown(await seal(await encodeSession(base), key))];
  expect(one[0]).toMatch(/^sealed session, .+, SHA-256 [0-9a-f]{64}; its content needs the key$/);
  expect(other).not.toEqual(one);
});

test('a wrong use, and a file that is none, fail with a code', async () => {
  await expect(ran(runShow)).rejects.toMatchObject({ code: 'USAGE' });
  await expect(shown(Buffer.from('{}'))).rejects.toMatchObject({ code: 'BLOB_NOT_A_BLOB' });
});
