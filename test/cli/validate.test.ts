/** `psp validate`, in this process: the table, the exit status, and what is found in damaged files of either framing. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { encodeSession } from '../../ts/blob/encode.ts';
import { runValidate, validateBlob } from '../../ts/cli/validate.ts';
import { formatKey, generateKey } from '../../ts/envelope/key.ts';
import { seal } from '../../ts/envelope/seal.ts';
import { freshFolder, makeSession } from './fixture.ts';

const SECRET = 'S3CRETVALUE';
const NOW = Date.parse('2026-11-22T00:00:00Z');
const session = makeSession(SECRET);

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

async function shown(bytes: Uint8Array, ...options: string[]): Promise<{ text: string; status: unknown }> {
  const file = join(freshFolder(), 'session.psp');
  writeFileSync(file, bytes);
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  await runValidate([file, ...options]);
  const status = process.exitCode ?? 0;
  process.exitCode = undefined;
  expect(text).not.toContain(SECRET);
  return { text, status };
}

/** A text blob with one text in it replaced; lengths and hashes stay as they were. */
const altered = async (from: string | RegExp, to: string): Promise<Uint8Array> =>
  Buffer.from(
    Buffer.from(await encodeSession(session))
      .toString()
      .replace(from, to),
  );

describe('psp validate', () => {
  test('a valid file: exit status 0', async () => {
    const { text, status } = await shown(await encodeSession(session));
    expect({ status, last: text.trimEnd().split('\n').at(-1) }).toEqual({ status: 0, last: 'valid' });
  });

  test('a packed file, and a sealed one', async () => {
    const packed = readFileSync(new URL('../blob/golden/session-2.0.pspb', import.meta.url));
    expect((await shown(packed, '--json')).text).toMatch(/^\{"valid":(?:true|false),"issues":\[/);
    const key = generateKey();
    const keyFile = join(freshFolder(), 'key');
    writeFileSync(keyFile, formatKey(key), { mode: 0o600 });
    expect((await shown(await seal(await encodeSession(session), key), '--key-file', keyFile)).status).toBe(0);
  });

  test('a packed file with several faults: each of them, as in a text file', async () => {
    const packed = Buffer.from(await encodeSession(session, { framing: 'packed' }));
    const change = (from: string, to: string): void => {
      const at = packed.indexOf(from);
      expect(at).toBeGreaterThan(0);
      packed.write(to, at);
    };
    change('"hostOnly":true', '"hostOnly":1234');
    change('"tabs":"complete"', '"tabs":"compleat"');
    const { text, status } = await shown(packed, '--json');
    expect(status).toBe(3);
    const { issues } = JSON.parse(text) as { issues: { pointer: string; stage: string }[] };
    expect(issues.filter(({ stage }) => stage === 'schema').map(({ pointer }) => pointer)).toEqual(
      expect.arrayContaining(['/cookies/0/hostOnly', '/coverage/tabs']),
    );
  });

  test('an invalid file: a table with every fault, exit status 3', async () => {
    const { text, status } = await shown(await altered('"httpOnly":', '"httpOnly":5,"wasHttpOnly":'));
    expect(status).toBe(3);
    expect(text).toMatch(/^stage +severity +code +pointer +message\n/);
    expect(text).toMatch(/schema +error +type +\/cookies\/0\/httpOnly +must be boolean/);
    expect(text).toMatch(/\nnot valid\n$/);
  });

  test('--json has the same', async () => {
    const { text, status } = await shown(await altered('"coverage":', '"coverage":{},"coverage":'), '--json');
    expect(status).toBe(3);
    expect(JSON.parse(text)).toMatchObject({ valid: false, issues: [{ code: 'duplicate-member', pointer: '/coverage', stage: 'parse' }] });
  });

  test('a section that was altered, and a blob that is cut', async () => {
    const blob = Buffer.from(await encodeSession(session)).toString();
    const lines = blob.split('\n');
    const line = lines[2] as string;
    const flipped = [...lines.slice(0, 2), `${line[0] === 'A' ? 'B' : 'A'}${line.slice(1)}`, ...lines.slice(3)].join('\n');
    const codes = async (text: string): Promise<string[]> =>
      (await validateBlob(Buffer.from(text), NOW)).filter(({ severity }) => severity === 'error').map(({ code }) => code);
    expect(await codes(flipped)).toEqual(['section-hash']);
    expect(await codes(blob.replace(line, `*${line.slice(1)}`))).toEqual(['section-encoding']);
    for (const end of [0, 1, 50, lines[0]?.length ?? 0, blob.length - 2]) expect(await codes(blob.slice(0, end))).not.toEqual([]);
  });

  test('wrong use is refused', async () => {
    await expect(runValidate([])).rejects.toMatchObject({ code: 'USAGE' });
    await expect(runValidate(['a', 'b'])).rejects.toMatchObject({ code: 'USAGE' });
  });
});
