/**
 * What a careful reviewer attacks, row by row: the table of threats in the project's crypto facts, section 3.8. Each test is named by its row.
 * Rows about key derivation costs, rotation and the crash of a store have tests of their own in passphrase.test.ts and test/store.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeContext } from '../../ts/envelope/context.ts';
import { derive, LABELS, type Purpose } from '../../ts/envelope/derive.ts';
import {
  activeEngine,
  type Opened,
  open,
  openSealed,
  openStream,
  openSync,
  peek,
  rewrap,
  seal,
  sealSync,
  useEngine,
} from '../../ts/envelope/envelope.ts';
import { ENGINES, KINDS } from './engines.ts';
import { codeOf, failureOf, flip, fromHex, keyOf, plaintextOf, secretOfByte, toHex } from './fixture.ts';
import { expectKept } from './leak.ts';
import { type OracleBlob, oracleSeal } from './oracle.ts';
import { decryptOn, encryptOn } from './payloads.ts';

const KEY = keyOf('key-1', 0xa7);
const CONTEXT = { tenant: 'acme', sessionId: 's-1' };
const HEADER = 187;
const CHUNK = 16_400;

const BLOB: OracleBlob = {
  dataKey: secretOfByte(0x5d),
  blobId: new Uint8Array(16),
  payloadSalt: new Uint8Array(24),
  plaintext: plaintextOf(20),
  context: encodeContext(CONTEXT),
  wraps: [{ key: { kid: 'key-1', bytes: secretOfByte(0xa7) }, salt: new Uint8Array(24) }],
};

afterEach(() => useEngine(null));

describe('nonce reuse, and 2^32 random nonces', () => {
  it('thousands of seals repeat no blob id, no wrap salt and no payload salt', () => {
    const seen = new Set<string>();
    // The second run of this file, with noble, is about noble; the randomness is the same.
    const rounds = activeEngine().sync === 'noble' ? 4000 : 20_000;
    for (let round = 0; round < rounds; round++) {
      const sealed = Buffer.from(sealSync(new Uint8Array(0), KEY));
      seen
        .add(sealed.toString('latin1', 8, 24))
        .add(sealed.toString('latin1', 83, 107))
        .add(sealed.toString('latin1', 187, 211));
    }
    expect(seen.size).toBe(3 * rounds);
  });

  it('equal chunks of one plaintext, and equal plaintexts, have nothing in common', async () => {
    const [one, other] = [await seal(new Uint8Array(3 * 16_384), KEY), await seal(new Uint8Array(3 * 16_384), KEY)];
    const chunks = [one, other].flatMap((blob) =>
      [0, 1, 2].map((at) => toHex(blob.subarray(HEADER + 56 + at * CHUNK, HEADER + 56 + at * CHUNK + 32))),
    );
    expect(new Set(chunks).size).toBe(6);
  });
});

describe('invisible salamanders and partitioning oracles', () => {
  it.each(KINDS)('on %s one payload opens under one key only: the commitment fails before a chunk is decrypted', async (kind) => {
    const payload = await encryptOn(kind, secretOfByte(1), Uint8Array.of(1), new Uint8Array(24), plaintextOf(50));
    for (const key of [secretOfByte(2), flip(secretOfByte(1), 31)]) {
      const error = await failureOf(() => decryptOn(kind, key, Uint8Array.of(1), payload));
      expect(error.code).toBe('ENVELOPE_TAMPERED');
      expect(error.message).toContain('commitment');
    }
  });

  it('a blob whose two wraps hold two data keys opens under none but the first', async () => {
    const cheat = { key: { kid: 'key-2', bytes: secretOfByte(2) }, salt: new Uint8Array(24), dataKey: secretOfByte(3) };
    const sealed = oracleSeal({ ...BLOB, wraps: [...BLOB.wraps, cheat] });
    expect(await open(sealed, KEY, CONTEXT)).toEqual(BLOB.plaintext);
    expect(await codeOf(() => open(sealed, keyOf('key-2', 2), CONTEXT))).toBe('ENVELOPE_TAMPERED');
  });
});

describe('chunks dropped, reordered, repeated or appended, and cuts at a chunk’s edge', () => {
  it('are found at once and in a stream, and nothing wrong comes out', async () => {
    const plaintext = plaintextOf(3 * 16_384 + 50);
    const sealed = await seal(plaintext, KEY, CONTEXT);
    const front = sealed.subarray(0, HEADER + 56);
    const [a, b, c, d] = [0, 1, 2, 3].map((at) => sealed.subarray(HEADER + 56 + at * CHUNK, HEADER + 56 + (at + 1) * CHUNK)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const attacks = [
      [a, c, b, d],
      [b, a, c, d],
      [a, a, c, d],
      [a, b, d],
      [a, b, c],
      [a, b],
      [a],
      [],
      [d],
      [a, b, c, d, d],
      [a, b, c, c, d],
    ];
    for (const chunks of attacks) {
      const changed = Buffer.concat([front, ...chunks]);
      expect(await codeOf(() => open(changed, KEY, CONTEXT))).toMatch(/^ENVELOPE_(TAMPERED|TRUNCATED)$/);
      const given: Uint8Array[] = [];
      const code = await codeOf(async () => {
        for await (const piece of await openStream([changed], KEY, CONTEXT)) given.push(piece);
      });
      expect(code).toMatch(/^ENVELOPE_(TAMPERED|TRUNCATED)$/);
      const released = Buffer.concat(given);
      expect(Buffer.compare(released, plaintext.subarray(0, released.length))).toBe(0);
    }
  });

  it('every cut of a blob is a coded error', async () => {
    const sealed = await seal(plaintextOf(90), KEY, CONTEXT);
    for (let end = 0; end < sealed.length; end++)
      expect(await codeOf(() => open(sealed.subarray(0, end), KEY, CONTEXT))).toMatch(/^ENVELOPE_/);
  });
});

describe('a blob swapped between sessions, a version rolled back', () => {
  it('another session or tenant does not open, nor with the context MAC of the other put in', async () => {
    const mine = await seal(plaintextOf(9), KEY, CONTEXT);
    const theirs = await seal(plaintextOf(9), KEY, { tenant: 'acme', sessionId: 's-2' });
    expect(await codeOf(() => open(theirs, KEY, CONTEXT))).toBe('ENVELOPE_CONTEXT');
    expect(await codeOf(() => open(theirs, KEY, { tenant: 's-2', sessionId: 'acme' }))).toBe('ENVELOPE_CONTEXT');
    const swapped = Uint8Array.from(theirs);
    swapped.set(mine.subarray(32, 64), 32);
    expect(await codeOf(() => open(swapped, KEY, CONTEXT))).toBe('ENVELOPE_TAMPERED');
  });

  it('an older revision is refused by whoever remembers a newer one', async () => {
    const older = await seal(plaintextOf(9), KEY, CONTEXT, { attributes: { revision: 4 } });
    expect(await codeOf(() => open(older, KEY, CONTEXT, { minRevision: 5 }))).toBe('ENVELOPE_ROLLBACK');
    expect(await open(older, KEY, CONTEXT)).toEqual(plaintextOf(9)); // and by nobody else
  });
});

describe('headers spliced, old with new', () => {
  it('every cut between a blob and its rewrapped self is refused, but for the two themselves', async () => {
    const sealed = await seal(plaintextOf(30), KEY, CONTEXT);
    const rewrapped = await rewrap(sealed, KEY, KEY);
    expect(rewrapped.length).toBe(sealed.length);
    for (let cut = 0; cut <= sealed.length; cut++) {
      const spliced = Buffer.concat([rewrapped.subarray(0, cut), sealed.subarray(cut)]);
      if (Buffer.compare(spliced, sealed) === 0 || Buffer.compare(spliced, rewrapped) === 0) continue;
      expect(await codeOf(() => open(spliced, KEY, CONTEXT))).toBe('ENVELOPE_TAMPERED');
    }
  });
});

describe('downgrades of suite, flags and costs', () => {
  it.each(KINDS)('on %s every changed byte of the header is a coded error', async (kind) => {
    useEngine(kind);
    const sealed = await seal(plaintextOf(5), KEY, CONTEXT, { attributes: { revision: 1 } });
    for (let at = 0; at < HEADER + 56; at++) {
      for (const mask of [0x01, 0x02, 0x80, 0xff]) {
        expect(await codeOf(() => open(flip(sealed, at, mask), KEY, CONTEXT))).toMatch(/^(ENVELOPE|KEY)_/);
      }
    }
  });

  it('attributes cannot be claimed for a blob that has none, nor denied to one that has', async () => {
    for (const options of [{}, { attributes: { revision: 9 } }]) {
      const sealed = await seal(plaintextOf(100), KEY, CONTEXT, options);
      expect(await codeOf(() => open(flip(sealed, 7, 2), KEY, CONTEXT))).toBe('ENVELOPE_TAMPERED');
    }
  });

  it('a blob cannot be called a stream to hide its length', async () => {
    const sealed = await seal(plaintextOf(100), KEY, CONTEXT);
    const stream = flip(sealed, 7, 1).fill(0xff, 24, 32);
    expect(peek(stream).unverified.plaintextBytes).toBeNull();
    expect(await codeOf(() => open(stream, KEY, CONTEXT))).toBe('ENVELOPE_TAMPERED');
  });
});

describe('short GCM tags', () => {
  it.each(KINDS)('of 4, 8 and 12 bytes are refused on %s', async (kind) => {
    const aead = ENGINES[kind].aeadKey(secretOfByte(1));
    const sealed = new Uint8Array(36);
    await aead.encryptInto(new Uint8Array(12), plaintextOf(20), sealed);
    for (const tagBytes of [0, 4, 8, 12, 15]) {
      expect(await aead.decryptInto(new Uint8Array(12), sealed.subarray(0, 20 + tagBytes), new Uint8Array(4 + tagBytes))).toBe(false);
    }
  });
});

describe('hostile headers', () => {
  const length = (value: bigint) => oracleSeal({ ...BLOB, length: value });

  it.each([2n ** 31n, 2n ** 32n, 2n ** 40n, 2n ** 52n - 1n])('a length of %i under a right MAC allocates nothing', async (value) => {
    expect(await codeOf(() => open(length(value), KEY, CONTEXT))).toBe('ENVELOPE_TRUNCATED');
    expect(await codeOf(async () => (await openStream([length(value)], KEY, CONTEXT))[Symbol.asyncIterator]().next())).toBe(
      'ENVELOPE_TRUNCATED',
    );
  });

  it('lengths, counts and bodies beyond the limits are refused before anything is done with them', async () => {
    for (const value of [2n ** 52n, 2n ** 63n, 2n ** 64n - 1n])
      expect(await codeOf(() => open(length(value), KEY, CONTEXT))).toBe('ENVELOPE_LIMIT');
    const wrap = { type: 2, kid: Buffer.from('kms'), kcv: new Uint8Array(8), body: new Uint8Array(9000) };
    expect(await codeOf(() => open(oracleSeal({ ...BLOB, wraps: [wrap] }), KEY, CONTEXT))).toBe('ENVELOPE_LIMIT');
    const nine = Array.from({ length: 9 }, () => ({ ...wrap, body: new Uint8Array(1) }));
    expect(await codeOf(() => open(oracleSeal({ ...BLOB, wraps: nine }), KEY, CONTEXT))).toBe('ENVELOPE_LIMIT');
  });
});

describe('errors that could be told apart', () => {
  it('of whoever has no key do not depend on the payload or the context', async () => {
    const sealed = await seal(plaintextOf(90), KEY, CONTEXT);
    for (const changed of [sealed, flip(sealed, 200), flip(sealed, 300), sealed.subarray(0, 260)]) {
      const error = await failureOf(() => open(changed, keyOf('key-1', 1), {}));
      expect([error.code, error.message]).toEqual(['KEY_WRONG', 'key "key-1": the blob was sealed by another key of this name']);
    }
  });

  it('of a changed chunk are one and the same, wherever it was changed', async () => {
    const sealed = await seal(plaintextOf(40_000), KEY, CONTEXT);
    const shown = new Set<string>();
    for (const at of [HEADER + 56, HEADER + 57 + CHUNK, sealed.length - 20, sealed.length - 1]) {
      const error = await failureOf(() => open(flip(sealed, at), KEY, CONTEXT));
      shown.add(JSON.stringify([error.code, error.message, error.details, String(error.cause)]));
    }
    expect(shown.size).toBe(1);
  });
});

describe('compression before encryption', () => {
  it('does not happen: the length of a blob says the length of its plaintext and nothing of its content', async () => {
    for (const byteLength of [0, 100, 40_000]) {
      const [zeros, noise] = [await seal(new Uint8Array(byteLength), KEY), await seal(plaintextOf(byteLength), KEY)];
      expect(zeros.length).toBe(noise.length);
    }
  });
});

describe('secrets in logs and in memory', () => {
  it.each(KINDS)('no failure on %s shows a key or a plaintext, wherever it is printed', async (kind) => {
    useEngine(kind);
    const secret = 'top-secret-plaintext';
    const sealed = oracleSeal({ ...BLOB, plaintext: Buffer.from(secret) });
    const runs: (() => Promise<unknown>)[] = [
      () => open(sealed, keyOf('other', 0xa7), CONTEXT),
      () => open(sealed, keyOf('key-1', 0x5d), CONTEXT),
      () => open(sealed, KEY, {}),
      () => open(sealed, KEY, CONTEXT, { minRevision: 1 }),
      () => open(sealed.subarray(0, -1), KEY, CONTEXT),
      ...Array.from({ length: 8 }, (_, at) => () => open(flip(sealed, 60 + at * 31), KEY, CONTEXT)),
      async () => (await openStream([flip(sealed, sealed.length - 1)], KEY, CONTEXT))[Symbol.asyncIterator]().next(),
    ];
    for (const run of runs) {
      const error = await failureOf(run);
      expectKept(error, secret);
    }
  });

  it('an opened stream shows no key and no plaintext when it is printed', async () => {
    const stream = await openStream([await seal(Buffer.from('top-secret-plaintext'), KEY, CONTEXT, { attributes: {} })], KEY, CONTEXT);
    for (const shown of [inspect(stream, { showHidden: true, depth: 9 }), JSON.stringify(stream)])
      expect(shown).not.toMatch(/top-secret|116,\s*111/);
  });
});

describe('engines that differ', () => {
  it.each(KINDS.flatMap((one) => KINDS.map((other) => [one, other] as const)))(
    '%s and %s open each other’s blobs alike',
    async (one, other) => {
      const outcome = async (kind: (typeof KINDS)[number], blob: Uint8Array): Promise<Opened | string> => {
        useEngine(kind);
        try {
          return await openSealed(blob, KEY, CONTEXT, { minRevision: 2 });
        } catch (error) {
          return `${(error as { code: string }).code} ${(error as Error).message}`;
        }
      };
      useEngine(one);
      const sealed = await seal(plaintextOf(17_000), KEY, CONTEXT, { attributes: { revision: 2 } });
      for (const blob of [sealed, flip(sealed, 120), flip(sealed, 190), flip(sealed, 17_300), sealed.subarray(0, -1), flip(sealed, 40)]) {
        expect(await outcome(other, blob)).toEqual(await outcome(one, blob));
      }
    },
  );
});

describe('weak randomness', () => {
  it('is nowhere: no source of the envelope says Math.random', () => {
    const folder = new URL('../../ts/envelope/', import.meta.url);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    expect(files.length).toBeGreaterThan(15);
    for (const file of files) expect(readFileSync(new URL(file, folder), 'utf8')).not.toContain('Math.random');
  });
  // Missing crypto.subtle and missing randomness: engine.test.ts.
});

describe('keys confused between purposes', () => {
  it('every purpose derives another key from one secret, and no label runs into a salt', () => {
    const secret = secretOfByte(7);
    const purposes = Object.keys(LABELS) as Purpose[];
    const derived = purposes.flatMap((purpose) => [derive(secret, purpose, 32), derive(secret, purpose, 32, fromHex('00'))]);
    expect(new Set(derived.map(toHex)).size).toBe(2 * purposes.length);
    expect(derived.map(toHex)).not.toContain(toHex(secret));
  });

  it('a data key does not open as a key, nor a key as a data key', async () => {
    const sealed = oracleSeal(BLOB);
    expect(await codeOf(() => open(sealed, keyOf('key-1', 0x5d), CONTEXT))).toBe('KEY_WRONG');
    expect(openSync(sealed, KEY, CONTEXT).plaintext).toEqual(BLOB.plaintext);
  });
});
