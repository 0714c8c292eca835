/** SHA-256 against the examples of FIPS 180-4, over both ways to compute it. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

/** The examples published with FIPS 180-4 (and the empty message of the same validation suite). */
const VECTORS: readonly (readonly [name: string, message: string, digest: string])[] = [
  ['the empty message', '', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['"abc"', 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'the 448-bit message',
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
  ['a million times "a"', 'a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
];

beforeEach(() => {
  vi.resetModules();
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(['node:crypto', 'noble'] as const)('sha256 by %s', (path) => {
  it.each(VECTORS)('gives the published digest of %s', async (_name, message, digest) => {
    const { sha256, sha256Hex } = await digestBy(path);
    const bytes = new TextEncoder().encode(message);
    expect(sha256Hex(bytes)).toBe(digest);
    expect(Buffer.from(sha256(bytes)).toString('hex')).toBe(digest);
  });

  it('reads a subarray from its own offset, leaves it alone, and gives an array of its own', async () => {
    const { sha256, sha256Hex } = await digestBy(path);
    const framed = new TextEncoder().encode('..abc..');
    expect(sha256Hex(framed.subarray(2, 5))).toBe(VECTORS[1]?.[2]);
    expect(new TextDecoder().decode(framed)).toBe('..abc..');
    expect(sha256(framed).buffer.byteLength).toBe(32);
  });
});

it('both ways agree', async () => {
  const ours = await digestBy('node:crypto');
  const other = await digestBy('noble');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(other.sha256Hex(bytes)).toBe(ours.sha256Hex(bytes));
    }),
  );
});

/** A fresh copy of the module that has already made up its mind. */
async function digestBy(path: 'node:crypto' | 'noble'): Promise<typeof import('../ts/digest.ts')> {
  vi.resetModules();
  const lookUp = vi.spyOn(process, 'getBuiltinModule');
  if (path === 'noble') lookUp.mockReturnValue(undefined);
  const digest = await import('../ts/digest.ts');
  expect(lookUp).not.toHaveBeenCalled();
  digest.sha256(new Uint8Array());
  expect(lookUp).toHaveBeenCalledOnce();
  lookUp.mockRestore();
  return digest;
}
