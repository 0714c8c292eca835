/** What `open` says to everything but the right blob with the right key and the right context. The numbers are those of its doc comment. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeContext, type SealContext } from '../../ts/envelope/context.ts';
import { open, seal } from '../../ts/envelope/envelope.ts';
import { parseHeader } from '../../ts/envelope/header.ts';
import { sealWith } from '../../ts/envelope/seal.ts';
import { codeOf, countingRandom, failureOf, flip, fromHex, keyOf, plaintextOf, secretOfByte, toHex } from './fixture.ts';
import { expectKept } from './leak.ts';
import { type OracleBlob, oracleSeal } from './oracle.ts';

const KEY = keyOf('key-1', 0xa7);
const CONTEXT: SealContext = { tenant: 's-1', sessionId: 't' };
const HEADER_BYTES = 187; // 64 + 2 + 84 + 5 + 32

const PLAIN: OracleBlob = {
  dataKey: secretOfByte(0x5d),
  blobId: new Uint8Array(16),
  payloadSalt: new Uint8Array(24),
  plaintext: plaintextOf(20),
  context: encodeContext(CONTEXT),
  wraps: [{ key: { kid: 'key-1', bytes: secretOfByte(0xa7) }, salt: new Uint8Array(24) }],
};

describe('changed blobs', () => {
  it('never open: every bit of the header flipped is a coded error', async () => {
    const sealed = sealWith(countingRandom(), plaintextOf(5), KEY, CONTEXT); // fixed, so that the list of codes below is fixed too
    const codes = new Map<string, number>();
    for (let at = 0; at < HEADER_BYTES; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const code = await codeOf(() => open(flip(sealed, at, 1 << bit), KEY, CONTEXT));
        codes.set(code, (codes.get(code) ?? 0) + 1);
        if (at < 4) expect(code).toBe('ENVELOPE_NOT_SEALED');
        else if (at === 7 && bit === 0)
          expect(code).toBe('ENVELOPE_MALFORMED'); // a stream that says its length
        else if (at === 7 && bit === 1)
          expect(code).toBe('ENVELOPE_TAMPERED'); // attributes that nobody sealed
        else if (at < 8 || at === 64) expect(code).toBe('ENVELOPE_UNSUPPORTED_VERSION');
        else if (at >= 8 && at < 24) expect(code).toBe('ENVELOPE_TAMPERED');
        else if (at >= 32 && at < 64)
          expect(code).toBe('ENVELOPE_TAMPERED'); // the context MAC: a changed header, not another context
        else if (at >= 83) expect(code).toBe('ENVELOPE_TAMPERED');
      }
    }
    expect([...codes.keys()].sort()).toEqual([
      'ENVELOPE_LIMIT',
      'ENVELOPE_MALFORMED',
      'ENVELOPE_NOT_SEALED',
      'ENVELOPE_TAMPERED',
      'ENVELOPE_UNSUPPORTED_VERSION',
      'KEY_UNKNOWN',
      'KEY_WRONG',
    ]);
  });

  it('never open: every byte of the payload changed is ENVELOPE_TAMPERED', async () => {
    const sealed = await seal(plaintextOf(40), KEY, CONTEXT);
    for (let at = HEADER_BYTES; at < sealed.length; at++) {
      expect(await codeOf(() => open(flip(sealed, at, 0xff), KEY, CONTEXT))).toBe('ENVELOPE_TAMPERED');
    }
  });

  it('never open: any change at any place', async () => {
    const sealed = await seal(plaintextOf(40), KEY, CONTEXT);
    const place = fc.nat({ max: sealed.length - 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(place, fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 5 }), async (changes) => {
        const changed = Uint8Array.from(sealed);
        for (const [at, value] of changes) changed[at] = value;
        fc.pre(toHex(changed) !== toHex(sealed));
        await codeOf(() => open(changed, KEY, CONTEXT));
      }),
    );
  });

  it('say NOT_SEALED inside the magic, and TRUNCATED for a cut anywhere after it', async () => {
    const sealed = await seal(plaintextOf(50), KEY, CONTEXT);
    for (let end = 0; end < sealed.length; end++) {
      const expected = end < 4 ? 'ENVELOPE_NOT_SEALED' : 'ENVELOPE_TRUNCATED';
      expect(await codeOf(() => open(sealed.subarray(0, end), KEY, CONTEXT))).toBe(expected);
    }
  });

  it('say TRUNCATED for a cut between two chunks, with the length that was expected', async () => {
    const sealed = await seal(plaintextOf(3 * 16_384), KEY, CONTEXT);
    const cut = sealed.subarray(0, HEADER_BYTES + 56 + 2 * 16_400);
    const error = await failureOf(() => open(cut, KEY, CONTEXT));
    expect(error.code).toBe('ENVELOPE_TRUNCATED');
    expect(error.details).toEqual({ expectedBytes: sealed.length - HEADER_BYTES, actualBytes: 56 + 2 * 16_400 });
  });

  it('say TAMPERED for anything after the end', async () => {
    const sealed = await seal(plaintextOf(16_384), KEY, CONTEXT);
    for (const tail of [new Uint8Array(1), new Uint8Array(16), sealed.subarray(-16), sealed.subarray(-16_416)]) {
      expect(await codeOf(() => open(Buffer.concat([sealed, tail]), KEY, CONTEXT))).toBe('ENVELOPE_TAMPERED');
    }
  });

  it('say TAMPERED when chunks change places', async () => {
    const sealed = await seal(new Uint8Array(2 * 16_384), KEY, CONTEXT);
    const swapped = Uint8Array.from(sealed);
    const first = HEADER_BYTES + 56;
    swapped.set(sealed.subarray(first + 16_400, first + 32_800), first);
    swapped.set(sealed.subarray(first, first + 16_400), first + 16_400);
    expect(await codeOf(() => open(swapped, KEY, CONTEXT))).toBe('ENVELOPE_TAMPERED');
  });
});

describe('blobs put together from two', () => {
  it('do not open: header of one, payload or chunks of the other', async () => {
    const one = await seal(plaintextOf(30), KEY, CONTEXT);
    const other = await seal(plaintextOf(30), KEY, CONTEXT);
    for (let cut = 8; cut < one.length; cut++) {
      const spliced = Buffer.concat([one.subarray(0, cut), other.subarray(cut)]);
      if (Buffer.compare(spliced, one) === 0 || Buffer.compare(spliced, other) === 0) continue;
      expect(await codeOf(() => open(spliced, KEY, CONTEXT))).toBe('ENVELOPE_TAMPERED');
    }
  });

  it('do not open: the wraps of the other, all or one of them, added, dropped or reordered', async () => {
    const [keyA, keyB] = [keyOf('key-a', 1), keyOf('key-b', 2)];
    const one = await seal(plaintextOf(30), [keyA, keyB], CONTEXT);
    const other = await seal(plaintextOf(30), [keyA, keyB], CONTEXT);
    const wrapBytes = 84 + 5;
    const parts = (blob: Uint8Array) => ({
      a: blob.subarray(0, 64),
      wraps: [blob.subarray(66, 66 + wrapBytes), blob.subarray(66 + wrapBytes, 66 + 2 * wrapBytes)] as [Uint8Array, Uint8Array],
      rest: blob.subarray(66 + 2 * wrapBytes),
    });
    const mine = parts(one);
    const theirs = parts(other);
    const join = (wraps: Uint8Array[]): Uint8Array => Buffer.concat([mine.a, Uint8Array.of(0, wraps.length), ...wraps, mine.rest]);
    expect(await open(join(mine.wraps), keyA, CONTEXT)).toEqual(plaintextOf(30));
    for (const wraps of [
      theirs.wraps,
      [mine.wraps[0], theirs.wraps[1]],
      [theirs.wraps[0], mine.wraps[1]],
      [mine.wraps[0]],
      [mine.wraps[1], mine.wraps[0]],
      [mine.wraps[0], mine.wraps[0]],
      [...mine.wraps, theirs.wraps[0]],
    ]) {
      expect(await codeOf(() => open(join(wraps), keyA, CONTEXT))).toBe('ENVELOPE_TAMPERED');
    }
  });
});

describe('a blob whose writer cheats', () => {
  it('opens under one data key only: a second wrap cannot lead to another plaintext', async () => {
    const cheat = { key: { kid: 'key-2', bytes: secretOfByte(2) }, salt: new Uint8Array(24), dataKey: secretOfByte(3) };
    const sealed = oracleSeal({ ...PLAIN, wraps: [...PLAIN.wraps, cheat] });
    expect(await open(sealed, KEY, CONTEXT)).toEqual(PLAIN.plaintext);
    expect(await codeOf(() => open(sealed, keyOf('key-2', 2), CONTEXT))).toBe('ENVELOPE_TAMPERED');
  });
});

describe('another context', () => {
  it.each<SealContext>([
    { tenant: 's-', sessionId: '1t' },
    { tenant: 't', sessionId: 's-1' },
    { tenant: 's-1' },
    { sessionId: 't' },
    { tenant: 's-1', sessionId: 'T' },
    {},
  ])('%j is ENVELOPE_CONTEXT, and repeats no id', async (context) => {
    const sealed = await seal(plaintextOf(9), KEY, CONTEXT);
    const error = await failureOf(() => open(sealed, KEY, context));
    expect(error.code).toBe('ENVELOPE_CONTEXT');
    expect(error.message).not.toMatch(/s-|1t/);
  });

  it('cannot be swapped in: the header is authentic for one context only', async () => {
    const one = await seal(plaintextOf(9), KEY, { sessionId: 'a' });
    const other = await seal(plaintextOf(9), KEY, { sessionId: 'b' });
    const swapped = Uint8Array.from(one);
    swapped.set(other.subarray(32, 64), 32);
    expect(await codeOf(() => open(swapped, KEY, { sessionId: 'b' }))).toBe('ENVELOPE_TAMPERED');
  });

  it('of a loose file is the empty one', async () => {
    const sealed = await seal(plaintextOf(9), KEY);
    expect(await open(sealed, KEY, {})).toEqual(plaintextOf(9));
    expect(await codeOf(() => open(sealed, KEY, CONTEXT))).toBe('ENVELOPE_CONTEXT');
  });
});

describe('other keys', () => {
  it('of another name are KEY_UNKNOWN, and the message lists the names that would do', async () => {
    const sealed = await seal(plaintextOf(9), [KEY, keyOf('key-2', 2)], CONTEXT);
    const error = await failureOf(() => open(sealed, [keyOf('x', 1), keyOf('y', 2)], CONTEXT));
    expect(error.code).toBe('KEY_UNKNOWN');
    expect(error.message).toBe('keys: expected one of "key-1", "key-2", got 2 of other names');
  });

  it('of the same name are KEY_WRONG', async () => {
    const sealed = await seal(plaintextOf(9), KEY, CONTEXT);
    const error = await failureOf(() => open(sealed, [keyOf('x', 1), keyOf('key-1', 2)], CONTEXT));
    expect(error.code).toBe('KEY_WRONG');
    expect(error.message).toContain('"key-1"');
  });

  it('come before the context and the length: a reader without the key learns nothing of either', async () => {
    const sealed = await seal(plaintextOf(9), KEY, CONTEXT);
    const cut = sealed.subarray(0, sealed.length - 1);
    expect(await codeOf(() => open(cut, keyOf('x', 1), {}))).toBe('KEY_UNKNOWN');
    expect(await codeOf(() => open(cut, keyOf('key-1', 1), {}))).toBe('KEY_WRONG');
    expect(await codeOf(() => open(cut, KEY, {}))).toBe('ENVELOPE_CONTEXT');
    expect(await codeOf(() => open(cut, KEY, CONTEXT))).toBe('ENVELOPE_TRUNCATED');
    expect(await codeOf(() => open(flip(cut, 8), KEY, {}))).toBe('ENVELOPE_TAMPERED');
  });

  it('are passed over in wraps of types that this version does not open', async () => {
    const foreign = (type: number, kid: string) => ({
      type,
      kid: Buffer.from(kid),
      kcv: new Uint8Array(8),
      body: new Uint8Array(type * 10),
    });
    const local = PLAIN.wraps[0]!;
    for (const wraps of [
      [foreign(2, 'arn:aws:kms'), local],
      [local, foreign(3, 'passphrase')],
      [foreign(2, 'key-1'), foreign(200, 'é'), local],
    ]) {
      const sealed = oracleSeal({ ...PLAIN, wraps });
      expect(await open(sealed, KEY, CONTEXT)).toEqual(PLAIN.plaintext);
      // passed over, but not unprotected: the header MAC covers them
      const at = parseHeader(sealed).authenticated.length - 1;
      expect(await codeOf(() => open(flip(sealed, at), KEY, CONTEXT))).toBe('ENVELOPE_TAMPERED');
    }
    const none = oracleSeal({ ...PLAIN, wraps: [foreign(2, 'key-1'), foreign(3, 'bad\n\x1b[31mkid\u202e')] });
    const error = await failureOf(() => open(none, KEY, CONTEXT));
    expect(error.code).toBe('KEY_UNKNOWN');
    expect(error.message).toContain('"key-1" (wrap type 2), "bad??[31mkid?" (wrap type 3)');
  });
});

describe('blobs of later versions', () => {
  it.each([{ flags: 4 }, { flags: 0x8000 }, { mutableFlags: 1 }])(
    'with flags %j under a right MAC are refused, not half understood',
    async (flags) => {
      const error = await failureOf(() => open(oracleSeal({ ...PLAIN, ...flags }), KEY, CONTEXT));
      expect(error.code).toBe('ENVELOPE_UNSUPPORTED_VERSION');
    },
  );

  it('are refused by naming both versions', async () => {
    const error = await failureOf(() => open(fromHex('50535045020155'), KEY));
    expect(error.code).toBe('ENVELOPE_UNSUPPORTED_VERSION');
    expect(error.message).toBe('version: this code reads 1, the sealed blob has 2');
    expect(error.details).toEqual({ field: 'version', supported: 1, found: 2 });
  });
});

describe('failures', () => {
  it('hold no secret, wherever they are printed', async () => {
    const secret = 'top-secret-plaintext';
    const sealed = oracleSeal({ ...PLAIN, plaintext: Buffer.from(secret) });
    const wrong: (() => Promise<unknown>)[] = [
      () => open(sealed, keyOf('other', 0xa7), CONTEXT),
      () => open(sealed, keyOf('key-1', 0x5d), CONTEXT),
      () => open(sealed, KEY, {}),
      () => open(sealed.subarray(0, 300 - 60), KEY, CONTEXT),
      () => open(sealed.subarray(0, sealed.length - 1), KEY, CONTEXT),
      ...Array.from({ length: sealed.length - 64 }, (_, at) => () => open(flip(sealed, 64 + at), KEY, CONTEXT)),
    ];
    for (const run of wrong) {
      const error = await failureOf(run);
      expectKept(error, secret);
    }
  });

  it('of a random start are coded, whatever the bytes are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.boolean(), async (bytes, magic) => {
        const blob = magic ? Buffer.concat([Buffer.from('PSPE\x01\x01\0\0', 'latin1'), bytes]) : bytes;
        await codeOf(() => open(blob, KEY));
      }),
    );
  });
});
