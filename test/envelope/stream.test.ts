/** Streams both ways: the same blobs as at once, in constant memory, with every damage found and none of it given out. */

import { afterEach, describe, expect, it } from 'vitest';
import {
  activeEngine,
  type ByteSource,
  open,
  openSealed,
  openStream,
  peek,
  type SealStreamOptions,
  seal,
  sealStream,
  useEngine,
} from '../../ts/envelope/envelope.ts';
import { KINDS } from './engines.ts';
import { codeOf, failureOf, flip, keyOf, plaintextOf } from './fixture.ts';

const KEY = keyOf('key-1', 1);
const CONTEXT = { sessionId: 's' };
const CHUNK = 16_400;
/** Bytes of header and payload head of a blob with this key. */
const FRONT = 154 + 84 + 5;

/** Not in the second run of this file, with noble: no engine holds any of a stream, and noble takes a quarter of a minute for so much. */
const itOnce = activeEngine().sync === 'noble' ? () => undefined : it;

afterEach(() => useEngine(null));

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** `bytes` in pieces of `size`. */
function* inPieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function sealAll(plaintext: Uint8Array, options: SealStreamOptions = {}, size = 5000): Promise<Uint8Array> {
  return collect(sealStream(inPieces(plaintext, size), KEY, CONTEXT, options));
}

/** What a reader is given before it fails, and with which code; null for a clean end. */
async function readAll(source: ByteSource): Promise<{ given: Uint8Array; code: string | null }> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of await openStream(source, KEY, CONTEXT)) pieces.push(Uint8Array.from(piece));
  } catch (error) {
    return { given: Buffer.concat(pieces), code: (error as { code: string }).code };
  }
  return { given: Buffer.concat(pieces), code: null };
}

describe.each(KINDS)('streams on %s', (kind) => {
  it('make blobs that open at once, and open what was sealed at once', async () => {
    useEngine(kind);
    for (const length of [0, 1, 16_383, 16_384, 16_385, 65_536, 200_001]) {
      const plaintext = plaintextOf(length);
      for (const options of [{}, { plaintextBytes: length }, { attributes: { revision: 4 } }, { attributes: {}, plaintextBytes: length }]) {
        const sealed = await sealAll(plaintext, options);
        const opened = await openSealed(sealed, KEY, CONTEXT);
        expect(Buffer.compare(opened.plaintext, plaintext)).toBe(0);
        expect(opened.attributes).toEqual(options.attributes ?? {});
        const stream = await openStream(inPieces(sealed, 7001), KEY, CONTEXT);
        expect(stream).toMatchObject({ attributes: options.attributes ?? {}, kid: 'key-1' });
        expect(stream.plaintextBytes).toBe(options.plaintextBytes ?? null);
        expect(Buffer.compare(await collect(stream), plaintext)).toBe(0);
      }
      const atOnce = await seal(plaintext, KEY, CONTEXT);
      const stream = await openStream([atOnce], KEY, CONTEXT);
      expect(stream.plaintextBytes).toBe(length);
      expect(Buffer.compare(await collect(stream), plaintext)).toBe(0);
    }
  });
});

describe('a sealing stream', () => {
  it('says its length only when it was told', async () => {
    expect(peek(await sealAll(plaintextOf(9))).unverified.plaintextBytes).toBeNull();
    expect(peek(await sealAll(plaintextOf(9), { plaintextBytes: 9 })).unverified.plaintextBytes).toBe(9);
  });

  it('takes pieces of any size, empty ones too, and web streams', async () => {
    const plaintext = plaintextOf(40_000);
    for (const size of [1, 16_384, 100_000])
      expect(Buffer.compare(await open(await sealAll(plaintext, {}, size), KEY, CONTEXT), plaintext)).toBe(0);
    const odd = [new Uint8Array(0), plaintext.subarray(0, 7), new Uint8Array(0), plaintext.subarray(7), new Uint8Array(0)];
    expect(Buffer.compare(await open(await collect(sealStream(odd, KEY, CONTEXT)), KEY, CONTEXT), plaintext)).toBe(0);
    const web = new Blob([Uint8Array.from(plaintext)]).stream();
    expect(Buffer.compare(await open(await collect(sealStream(web, KEY, CONTEXT)), KEY, CONTEXT), plaintext)).toBe(0);
  });

  it('fails when the source gives another number of bytes than was said, and gives no blob', async () => {
    for (const plaintextBytes of [0, 19_999, 20_001, 1_000_000]) {
      const pieces: Uint8Array[] = [];
      const sealing = (async () => {
        for await (const piece of sealStream(inPieces(plaintextOf(20_000), 999), KEY, CONTEXT, { plaintextBytes })) pieces.push(piece);
      })();
      await expect(sealing).rejects.toThrow(RangeError);
      expect(await codeOf(() => open(Buffer.concat(pieces), KEY, CONTEXT))).toBe('ENVELOPE_TRUNCATED');
    }
    for (const plaintextBytes of [-1, 0.5, 2 ** 52]) await expect(sealAll(plaintextOf(1), { plaintextBytes })).rejects.toThrow(RangeError);
  });

  it('passes on what the source throws, closes it, and refuses what is no bytes', async () => {
    let closed = 0;
    async function* failing(): AsyncGenerator<Uint8Array> {
      try {
        yield plaintextOf(70_000);
        throw new Error('the disk is gone');
      } finally {
        closed++;
      }
    }
    await expect(collect(sealStream(failing(), KEY, CONTEXT))).rejects.toThrow('the disk is gone');
    for await (const _ of sealStream(failing(), KEY, CONTEXT)) {
      expect(closed).toBe(1); // that of the first
      break;
    }
    const early = sealStream(failing(), KEY, CONTEXT);
    await early.next();
    await early.next();
    await early.return();
    expect(closed).toBe(2);
    await expect(collect(sealStream(['text'] as unknown as Uint8Array[], KEY, CONTEXT))).rejects.toThrow(TypeError);
    await expect(collect(sealStream(plaintextOf(4) as unknown as Uint8Array[], KEY, CONTEXT))).rejects.toThrow(TypeError);
    await expect(collect(sealStream(7 as unknown as Uint8Array[], KEY, CONTEXT))).rejects.toThrow(TypeError);
  });

  itOnce('holds a few chunks, whatever the length: 192 MiB through both, and less than half of that at any time', async () => {
    const piece = new Uint8Array(1 << 20).fill(5);
    function* source(): Generator<Uint8Array> {
      for (let count = 0; count < 192; count++) yield piece;
    }
    let [bytes, peak] = [0, 0];
    const { arrayBuffers: before } = process.memoryUsage();
    for await (const part of await openStream(sealStream(source(), KEY, CONTEXT), KEY, CONTEXT)) {
      bytes += part.length;
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
    }
    expect(bytes).toBe(192 << 20);
    expect(peak).toBeLessThan(96 << 20);
  });
});

describe('an opening stream', () => {
  const lengths = [{}, { plaintextBytes: 70_000 }];

  it.each(lengths)('gives out nothing but a true beginning at every cut (%j)', async (options) => {
    const plaintext = plaintextOf(70_000);
    const sealed = await sealAll(plaintext, options);
    const edges = [1, 2, 3, 4].map((chunk) => FRONT + chunk * CHUNK);
    const cuts = [
      FRONT,
      FRONT + 15,
      FRONT + 16,
      ...edges.flatMap((edge) => [edge - 1, edge, edge + 1, edge + 15, edge + 16]),
      sealed.length - 1,
    ];
    for (const cut of cuts.filter((at) => at < sealed.length)) {
      const { given, code } = await readAll([sealed.subarray(0, cut)]);
      expect(code).toBe('plaintextBytes' in options || (cut - FRONT) % CHUNK < 16 ? 'ENVELOPE_TRUNCATED' : 'ENVELOPE_TAMPERED');
      expect(Buffer.compare(given, plaintext.subarray(0, given.length))).toBe(0);
      expect(given.length).toBeLessThanOrEqual(Math.floor((cut - FRONT) / CHUNK) * 16_384);
    }
  });

  it.each(lengths)('gives out nothing of a chunk that was changed, moved or added (%j)', async (options) => {
    const plaintext = plaintextOf(70_000);
    const sealed = await sealAll(plaintext, options);
    const chunk = (index: number) => sealed.subarray(FRONT + index * CHUNK, FRONT + (index + 1) * CHUNK);
    const front = sealed.subarray(0, FRONT);
    const changed: Uint8Array[] = [
      ...[0, 1, 2, 3, 4].map((index) => flip(sealed, FRONT + index * CHUNK + 5)),
      Buffer.concat([front, chunk(1), chunk(0), chunk(2), chunk(3), chunk(4)]),
      Buffer.concat([front, chunk(0), chunk(0), chunk(2), chunk(3), chunk(4)]),
      Buffer.concat([front, chunk(0), chunk(1), chunk(2), chunk(4)]),
      Buffer.concat([sealed, new Uint8Array(1)]),
      Buffer.concat([sealed, chunk(4)]),
      Buffer.concat([sealed, new Uint8Array(CHUNK * 5)]),
    ];
    for (const blob of changed) {
      const { given, code } = await readAll(inPieces(blob, 9000));
      expect(code).toMatch(/^ENVELOPE_(TAMPERED|TRUNCATED)$/);
      expect(Buffer.compare(given, plaintext.subarray(0, given.length))).toBe(0);
      expect(given.length).toBeLessThan(plaintext.length);
    }
  });

  it('keeps failing once it has failed, also for steps that were asked for together', async () => {
    const sealed = await sealAll(plaintextOf(200_000));
    const stream = (await openStream([flip(sealed, sealed.length - 1)], KEY, CONTEXT))[Symbol.asyncIterator]();
    const results = await Promise.allSettled([1, 2, 3, 4, 5, 6].map(() => stream.next()));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected']);
    for (let step = 0; step < 3; step++) expect(await codeOf(() => stream.next())).toBe('ENVELOPE_TAMPERED');
    expect(await stream.return?.()).toEqual({ done: true, value: undefined });
    expect(await codeOf(() => stream.next())).toBe('ENVELOPE_TAMPERED');
  });

  it('ends cleanly for good', async () => {
    const stream = (await openStream([await sealAll(plaintextOf(5))], KEY, CONTEXT))[Symbol.asyncIterator]();
    expect((await stream.next()).value).toEqual(plaintextOf(5));
    for (let step = 0; step < 3; step++) expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('refuses before the first piece what open refuses: no blob, other key, other context, an older revision', async () => {
    const sealed = await sealAll(plaintextOf(100_000), { attributes: { revision: 3 } });
    const opening = (source: Uint8Array, key = KEY, context = CONTEXT, minRevision = 3) =>
      openStream([source], key, context, { minRevision });
    expect(await codeOf(() => opening(new Uint8Array(0)))).toBe('ENVELOPE_NOT_SEALED');
    expect(await codeOf(() => opening(sealed.subarray(0, 100)))).toBe('ENVELOPE_TRUNCATED');
    expect(await codeOf(() => opening(sealed, keyOf('other', 1)))).toBe('KEY_UNKNOWN');
    expect(await codeOf(() => opening(sealed, keyOf('key-1', 2)))).toBe('KEY_WRONG');
    expect(await codeOf(() => opening(flip(sealed, 10)))).toBe('ENVELOPE_TAMPERED');
    expect(await codeOf(() => opening(sealed, KEY, { sessionId: 't' }))).toBe('ENVELOPE_CONTEXT');
    expect(await codeOf(() => opening(sealed, KEY, CONTEXT, 4))).toBe('ENVELOPE_ROLLBACK');
    expect(await codeOf(() => opening(flip(sealed, FRONT), KEY, CONTEXT, 4))).toBe('ENVELOPE_TAMPERED');
    expect((await opening(sealed)).attributes).toEqual({ revision: 3 });
    const silent = await sealAll(plaintextOf(10));
    expect((await failureOf(() => opening(silent, KEY, CONTEXT, 0))).details).toEqual({ minRevision: 0, revision: null });
  });

  it('closes its source at the end, at a failure and when it is left early', async () => {
    const sealed = await sealAll(plaintextOf(300_000));
    let closed = 0;
    async function* counted(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
      try {
        yield* inPieces(bytes, 20_000);
        yield new Uint8Array(0);
      } finally {
        closed++;
      }
    }
    await collect(await openStream(counted(sealed), KEY, CONTEXT));
    expect(closed).toBe(1);
    for await (const _ of await openStream(counted(sealed), KEY, CONTEXT)) break;
    expect(closed).toBe(2);
    await readAll(counted(flip(sealed, FRONT + 5)));
    expect(closed).toBe(3);
    await codeOf(() => openStream(counted(sealed), keyOf('other', 1), CONTEXT));
    expect(closed).toBe(4);
    const web = new Blob([Uint8Array.from(sealed)]).stream();
    for await (const _ of await openStream(web, KEY, CONTEXT)) break;
    expect(web.locked).toBe(false);
  });
});
