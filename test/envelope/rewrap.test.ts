import { describe, expect, it } from 'vitest';
import { open, openSealed, peek, reseal, rewrap, rewrapHeader, seal, sealStream } from '../../ts/envelope/envelope.ts';
import { codeOf, flip, keyOf, plaintextOf, toHex } from './fixture.ts';

const OLD = keyOf('old', 1);
const NEW = keyOf('new', 2);
const CONTEXT = { tenant: 'acme', sessionId: 's' };
const PLAINTEXT = plaintextOf(40_000);

const make = (): Promise<Uint8Array> => seal(PLAINTEXT, OLD, CONTEXT, { attributes: { revision: 3 } });

describe('a rewrap', () => {
  it('gives the blob to other keys and takes it from the old ones', async () => {
    const rewrapped = await rewrap(await make(), OLD, [NEW, keyOf('spare', 3)], CONTEXT);
    for (const key of [NEW, keyOf('spare', 3)]) {
      expect(await openSealed(rewrapped, key, CONTEXT)).toMatchObject({ attributes: { revision: 3 }, kid: key.kid });
      expect(Buffer.compare(await open(rewrapped, key, CONTEXT), PLAINTEXT)).toBe(0);
    }
    expect(await codeOf(() => open(rewrapped, OLD, CONTEXT))).toBe('KEY_UNKNOWN');
  });

  it('changes the wraps and the header MAC and nothing else', async () => {
    const sealed = await make();
    const rewrapped = await rewrap(sealed, OLD, [NEW, OLD], CONTEXT);
    expect(toHex(rewrapped.subarray(0, 64))).toBe(toHex(sealed.subarray(0, 64)));
    const [before, after] = [sealed, rewrapped].map((blob) => blob.subarray(peek(blob).unverified.headerBytes));
    expect(Buffer.compare(before!, after!)).toBe(0);
    expect(peek(rewrapped).unverified.wraps.map(({ kid }) => kid)).toEqual(['new', 'old']);
  });

  it('of the header alone reads the front of the blob and says what it replaces', async () => {
    const sealed = await make();
    const { header, replacedBytes } = await rewrapHeader(sealed.subarray(0, 400), OLD, NEW, CONTEXT);
    const rewrapped = Buffer.concat([header, sealed.subarray(replacedBytes)]);
    expect(Buffer.compare(await open(rewrapped, NEW, CONTEXT), PLAINTEXT)).toBe(0);
  });

  it('needs no context, and checks the one that it is given', async () => {
    const sealed = await make();
    expect(Buffer.compare(await open(await rewrap(sealed, OLD, NEW), NEW, CONTEXT), PLAINTEXT)).toBe(0);
    expect(await codeOf(() => rewrap(sealed, OLD, NEW, {}))).toBe('ENVELOPE_CONTEXT');
    expect(await codeOf(() => rewrap(sealed, OLD, NEW, { ...CONTEXT, tenant: 'other' }))).toBe('ENVELOPE_CONTEXT');
  });

  it('refuses a header that is not authentic, and a blob that is not whole', async () => {
    const sealed = await make();
    const { headerBytes } = peek(sealed).unverified;
    for (let at = 0; at < headerBytes + 56; at++) {
      expect(await codeOf(() => rewrap(flip(sealed, at), OLD, NEW))).toMatch(/^(ENVELOPE|KEY)_/);
    }
    expect(await codeOf(() => rewrap(sealed.subarray(0, -1), OLD, NEW))).toBe('ENVELOPE_TRUNCATED');
    expect(await codeOf(() => rewrap(Buffer.concat([sealed, new Uint8Array(1)]), OLD, NEW))).toBe('ENVELOPE_TAMPERED');
    expect(await codeOf(() => rewrap(sealed, NEW, NEW))).toBe('KEY_UNKNOWN');
    await expect(rewrap(sealed, OLD, [])).rejects.toThrow(RangeError);
    await expect(rewrap('text' as unknown as Uint8Array, OLD, NEW)).rejects.toThrow(TypeError);
  });

  it('keeps a stream of unknown length what it is', async () => {
    const pieces: Uint8Array[] = [];
    for await (const piece of sealStream([PLAINTEXT], OLD, CONTEXT)) pieces.push(piece);
    const rewrapped = await rewrap(Buffer.concat(pieces), OLD, NEW);
    expect(peek(rewrapped).unverified.plaintextBytes).toBeNull();
    expect(Buffer.compare(await open(rewrapped, NEW, CONTEXT), PLAINTEXT)).toBe(0);
    const cut = Buffer.concat(pieces).subarray(0, peek(rewrapped).unverified.headerBytes + 56 + 16_400);
    expect(await codeOf(() => rewrap(cut, OLD, NEW))).toBe('ENVELOPE_TRUNCATED');
  });

  it('moves a blob from a local key to a key service, by way of both', async () => {
    const service = {
      id: 'kms',
      wrap: async (dataKey: Uint8Array) => dataKey.map((byte) => byte ^ 0x5a),
      unwrap: async (body: Uint8Array) => body.map((byte) => byte ^ 0x5a),
    };
    const both = await rewrap(await make(), OLD, [OLD, service]);
    for (const key of [OLD, service]) expect(Buffer.compare(await open(both, key, CONTEXT), PLAINTEXT)).toBe(0);
    const one = await rewrap(both, OLD, service);
    expect(Buffer.compare(await open(one, service, CONTEXT), PLAINTEXT)).toBe(0);
    expect(await codeOf(() => open(one, OLD, CONTEXT))).toBe('KEY_UNKNOWN');
  });
});

describe('a reseal', () => {
  it('makes everything anew, with the same context, attributes and plaintext', async () => {
    const sealed = await make();
    const resealed = await reseal(sealed, OLD, NEW, CONTEXT);
    expect(await openSealed(resealed, NEW, CONTEXT)).toMatchObject({ attributes: { revision: 3 }, kid: 'new' });
    expect(Buffer.compare(await open(resealed, NEW, CONTEXT), PLAINTEXT)).toBe(0);
    for (const [start, end] of [
      [8, 24],
      [32, 64],
      [resealed.length - 16, resealed.length],
    ] as const) {
      expect(toHex(resealed.subarray(start, end))).not.toBe(toHex(sealed.subarray(start, end)));
    }
  });

  it('fails as open does, and makes nothing of a blob that is not authentic or too old', async () => {
    const sealed = await make();
    expect(await codeOf(() => reseal(flip(sealed, sealed.length - 1), OLD, NEW, CONTEXT))).toBe('ENVELOPE_TAMPERED');
    expect(await codeOf(() => reseal(sealed, OLD, NEW))).toBe('ENVELOPE_CONTEXT');
    expect(await codeOf(() => reseal(sealed, OLD, NEW, CONTEXT, { minRevision: 4 }))).toBe('ENVELOPE_ROLLBACK');
    await expect(reseal(sealed, OLD, [], CONTEXT)).rejects.toThrow(RangeError);
  });
});

describe('a leaked key', () => {
  it('is not helped by a rewrap: whoever kept the old header opens the payload; a reseal helps', async () => {
    const sealed = await make();
    const kept = sealed.subarray(0, peek(sealed).unverified.headerBytes);
    const rewrapped = await rewrap(sealed, OLD, NEW);
    const payload = rewrapped.subarray(peek(rewrapped).unverified.headerBytes);
    expect(Buffer.compare(await open(Buffer.concat([kept, payload]), OLD, CONTEXT), PLAINTEXT)).toBe(0);
    const resealed = await reseal(sealed, OLD, NEW, CONTEXT);
    const newPayload = resealed.subarray(peek(resealed).unverified.headerBytes);
    expect(await codeOf(() => open(Buffer.concat([kept, newPayload]), OLD, CONTEXT))).toBe('ENVELOPE_TAMPERED');
  });
});
