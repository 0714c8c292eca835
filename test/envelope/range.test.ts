import { describe, expect, it } from 'vitest';
import { openRange, openRanges, type ReadRange, type SealStreamOptions, sealStream } from '../../ts/envelope/envelope.ts';
import { codeOf, flip, keyOf, plaintextOf } from './fixture.ts';

const KEY = keyOf('key-1', 1);
const CONTEXT = { sessionId: 's' };
const FRONT = 154 + 84 + 5;
const HEADER_READ = 8248;

async function sealed(plaintext: Uint8Array, options: SealStreamOptions): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of sealStream([plaintext], KEY, CONTEXT, options)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Reads out of `blob` and counts. */
function reader(blob: Uint8Array): { read: ReadRange; reads: [number, number][] } {
  const reads: [number, number][] = [];
  const read: ReadRange = async (offset, length) => {
    reads.push([offset, length]);
    return Uint8Array.from(blob.subarray(offset, offset + length));
  };
  return { read, reads };
}

const PLAINTEXT = plaintextOf(200_000);
const SHAPES: readonly SealStreamOptions[] = [
  { plaintextBytes: 200_000 },
  {},
  { plaintextBytes: 200_000, attributes: { incarnation: 'i', revision: 5 } },
  { attributes: { revision: 5 } },
];

describe('a range', () => {
  it.each(SHAPES)('is the bytes that a slice would be (%j)', async (options) => {
    const { read } = reader(await sealed(PLAINTEXT, options));
    const places = [0, 1, 16_340, 16_383, 16_384, 16_385, 100_000, 180_000, 199_999];
    for (const start of places) {
      for (const end of [...places, 200_000, 200_001, 2 ** 40].filter((place) => place >= start)) {
        const range = await openRange(read, KEY, CONTEXT, start, end);
        expect(Buffer.compare(range, PLAINTEXT.subarray(start, end))).toBe(0);
      }
    }
  });

  it('reads the header and the chunks that hold it, and nothing else', async () => {
    const plain = reader(await sealed(PLAINTEXT, { plaintextBytes: 200_000 }));
    await openRange(plain.read, KEY, CONTEXT, 16_384 * 3 + 5, 16_384 * 5);
    expect(plain.reads).toEqual([
      [0, HEADER_READ],
      [FRONT + 3 * 16_400, 2 * 16_400],
    ]);
    const withAttributes = reader(await sealed(PLAINTEXT, { plaintextBytes: 200_000, attributes: {} }));
    await openRange(withAttributes.read, KEY, CONTEXT, 16_384 * 3, 16_384 * 3 + 1);
    expect(withAttributes.reads.map(([offset]) => offset)).toEqual([0, FRONT, FRONT + 3 * 16_400]);
    const none = reader(await sealed(PLAINTEXT, { plaintextBytes: 200_000 }));
    expect((await openRange(none.read, KEY, CONTEXT, 200_000, 300_000)).length).toBe(0);
    expect((await openRange(none.read, KEY, CONTEXT, 7, 7)).length).toBe(0);
    expect(none.reads).toEqual([
      [0, HEADER_READ],
      [0, HEADER_READ],
    ]);
  });

  it('of 1 GiB costs what one of 1 MiB costs: chunks that are not read need not be there', async () => {
    const length = 2 ** 30;
    const stream = sealStream([], KEY, CONTEXT, { plaintextBytes: length });
    const { value: head } = await stream.next();
    // A blob of which only the header was ever written: whatever is read behind it is not authentic, and little is.
    const blob = reader(Buffer.concat([head as Uint8Array, new Uint8Array(1 << 20)]));
    expect(await codeOf(() => openRange(blob.read, KEY, CONTEXT, 20_000, 20_010))).toBe('ENVELOPE_TAMPERED');
    expect(await codeOf(() => openRange(blob.read, KEY, CONTEXT, length - 10, length))).toBe('ENVELOPE_TRUNCATED');
    expect(blob.reads[1]).toEqual([FRONT + 16_400, 16_400]);
    expect(blob.reads[3]).toEqual([FRONT + 65_535 * 16_400, 16_400 + 16 - 16]);
  });

  it.each(SHAPES)('of a changed, moved or missing chunk is refused, and of others is not (%j)', async (options) => {
    const blob = await sealed(PLAINTEXT, options);
    const changed = reader(flip(blob, FRONT + 3 * 16_400 + 99));
    expect(await codeOf(() => openRange(changed.read, KEY, CONTEXT, 16_384 * 3, 16_384 * 3 + 200))).toBe('ENVELOPE_TAMPERED');
    expect(Buffer.compare(await openRange(changed.read, KEY, CONTEXT, 100_000, 100_100), PLAINTEXT.subarray(100_000, 100_100))).toBe(0);
    const moved = Uint8Array.from(blob);
    moved.set(blob.subarray(FRONT + 4 * 16_400, FRONT + 5 * 16_400), FRONT + 3 * 16_400);
    expect(await codeOf(() => openRange(reader(moved).read, KEY, CONTEXT, 16_384 * 3, 16_384 * 3 + 200))).toBe('ENVELOPE_TAMPERED');
    const cut = reader(blob.subarray(0, FRONT + 5 * 16_400));
    expect(await codeOf(() => openRange(cut.read, KEY, CONTEXT, 100_000, 100_001))).toBe('ENVELOPE_TRUNCATED');
    const torn = reader(blob.subarray(0, FRONT + 5 * 16_400 + 100));
    expect(await codeOf(() => openRange(torn.read, KEY, CONTEXT, 90_000, 90_001))).toMatch(/^ENVELOPE_(TRUNCATED|TAMPERED)$/);
  });

  it('has to be one, and opens as a blob does', async () => {
    const { read } = reader(await sealed(PLAINTEXT, { attributes: { revision: 5 } }));
    for (const [start, end] of [
      [-1, 3],
      [4, 3],
      [0.5, 3],
      [0, Number.NaN],
      [0, Number.POSITIVE_INFINITY],
    ] as const) {
      await expect(openRange(read, KEY, CONTEXT, start, end)).rejects.toThrow(RangeError);
    }
    expect(await codeOf(() => openRange(read, keyOf('other', 1), CONTEXT, 0, 1))).toBe('KEY_UNKNOWN');
    expect(await codeOf(() => openRange(read, KEY, {}, 0, 1))).toBe('ENVELOPE_CONTEXT');
    expect(await codeOf(() => openRange(read, KEY, CONTEXT, 0, 1, { minRevision: 6 }))).toBe('ENVELOPE_ROLLBACK');
    expect((await openRange(read, KEY, CONTEXT, 0, 1, { minRevision: 5 })).length).toBe(1);
    const silent = reader(await sealed(PLAINTEXT, {}));
    expect(await codeOf(() => openRange(silent.read, KEY, CONTEXT, 0, 1, { minRevision: 0 }))).toBe('ENVELOPE_ROLLBACK');
  });
});

describe('ranges of a blob that is opened once', () => {
  it.each(SHAPES)('are the bytes that slices would be, with one look at the header (%j)', async (options) => {
    const blob = await sealed(PLAINTEXT, options);
    const { read, reads } = reader(blob);
    const ranges = await openRanges(read, KEY, CONTEXT, { sealedBytes: blob.length });
    expect(ranges).toMatchObject({ kid: 'key-1', plaintextBytes: 200_000, attributes: options.attributes ?? {} });
    const places = [0, 16_383, 16_384, 100_000, 199_999, 200_000, 300_000];
    for (const start of places) {
      for (const end of places.filter((place) => place >= start)) {
        expect(Buffer.compare(await ranges.read(start, end), PLAINTEXT.subarray(start, end))).toBe(0);
      }
    }
    expect(reads.filter(([offset]) => offset === 0)).toEqual([[0, HEADER_READ]]);
    // The last chunk, before anything is asked for.
    expect(reads[options.attributes === undefined ? 1 : 2]![0]).toBe(FRONT + 12 * 16_400);
  });

  it('end where a full last chunk does, and where there is nothing', async () => {
    for (const length of [0, 1, 16_384, 2 * 16_384]) {
      for (const options of [{}, { plaintextBytes: length }]) {
        const blob = await sealed(PLAINTEXT.subarray(0, length), options);
        const ranges = await openRanges(reader(blob).read, KEY, CONTEXT, { sealedBytes: blob.length });
        expect(ranges.plaintextBytes).toBe(length);
        expect(Buffer.compare(await ranges.read(0, length + 5), PLAINTEXT.subarray(0, length))).toBe(0);
      }
    }
  });

  it.each(SHAPES)('are refused where the blob is cut, extended or changed at its end (%j)', async (options) => {
    const blob = await sealed(PLAINTEXT, options);
    const codeAt = (bytes: Uint8Array, sealedBytes = bytes.length): Promise<unknown> =>
      codeOf(() => openRanges(reader(bytes).read, KEY, CONTEXT, { sealedBytes }));
    for (const length of [FRONT + 10, FRONT + 5 * 16_400, FRONT + 5 * 16_400 + 100, blob.length - 1]) {
      expect(await codeAt(blob.subarray(0, length))).toMatch(/^ENVELOPE_(TRUNCATED|TAMPERED)$/);
    }
    for (const more of [1, 100, 16_400]) expect(await codeAt(Buffer.concat([blob, new Uint8Array(more)]))).toBe('ENVELOPE_TAMPERED');
    expect(await codeAt(flip(blob, blob.length - 1))).toBe('ENVELOPE_TAMPERED');
    // A place that says another length than it has.
    expect(await codeAt(blob, blob.length + 1)).toMatch(/^ENVELOPE_(TRUNCATED|TAMPERED)$/);
    expect(await codeAt(blob, 3)).toBe('ENVELOPE_TRUNCATED');
  });

  it.each(SHAPES)('of a chunk that was changed, or is that of an older blob, are refused whenever they are read (%j)', async (options) => {
    const blob = await sealed(PLAINTEXT, options);
    const older = await sealed(PLAINTEXT, options);
    const place = Uint8Array.from(blob);
    const ranges = await openRanges(reader(place).read, KEY, CONTEXT, { sealedBytes: blob.length });
    const fourth = FRONT + 3 * 16_400;
    place.set(older.subarray(fourth, fourth + 16_400), fourth);
    expect(await codeOf(() => ranges.read(16_384 * 3, 16_384 * 3 + 200))).toBe('ENVELOPE_TAMPERED');
    expect((await ranges.read(100_000, 100_100)).length).toBe(100);
    place.set(blob.subarray(fourth, fourth + 16_400), fourth);
    expect((await ranges.read(16_384 * 3, 16_384 * 3 + 200)).length).toBe(200);
  });

  it('of unknown length are proven to end only where the length of the blob was given', async () => {
    const blob = await sealed(PLAINTEXT, {});
    expect((await openRanges(reader(blob).read, KEY, CONTEXT)).plaintextBytes).toBeNull();
    const cut = await openRanges(reader(blob.subarray(0, FRONT + 5 * 16_400)).read, KEY, CONTEXT);
    expect((await cut.read(0, 10)).length).toBe(10);
  });

  it('open as a blob does, and are closed', async () => {
    const blob = await sealed(PLAINTEXT, { attributes: { revision: 5 } });
    const { read } = reader(blob);
    expect(await codeOf(() => openRanges(read, keyOf('other', 1), CONTEXT))).toBe('KEY_UNKNOWN');
    expect(await codeOf(() => openRanges(read, KEY, {}))).toBe('ENVELOPE_CONTEXT');
    expect(await codeOf(() => openRanges(read, KEY, CONTEXT, { minRevision: 6 }))).toBe('ENVELOPE_ROLLBACK');
    for (const sealedBytes of [-1, 0.5, Number.NaN])
      await expect(openRanges(read, KEY, CONTEXT, { sealedBytes })).rejects.toThrow(RangeError);
    const ranges = await openRanges(read, KEY, CONTEXT, { minRevision: 5 });
    await expect(ranges.read(4, 3)).rejects.toThrow(RangeError);
    ranges.close();
    await expect(ranges.read(0, 1)).rejects.toThrow(TypeError);
  });
});
