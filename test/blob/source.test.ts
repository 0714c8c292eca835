import { describe, expect, test } from 'vitest';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { type BlobSource, openBlob } from '../../ts/blob/source.ts';
import { writeBlob } from '../../ts/blob/stream.ts';
import { concatenate, sameBytes } from '../../ts/session/bytes.ts';
import { sectionsOf } from '../../ts/session/document.ts';
import { memorySink, piecesOf } from '../../ts/session/section-sink.ts';
import type { Section, Session } from '../../ts/session/session.ts';
import { FULL_SESSION } from './fixture.ts';

const FRAMINGS = ['text', 'packed'] as const;

class Source implements BlobSource {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The most that was asked for at once. */
  most = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
  }

  get length(): number {
    return this.bytes.length;
  }

  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (offset < 0 || length < 0 || offset + length > this.length) throw new RangeError('asked for what is not there');
    this.most = Math.max(this.most, length);
    return this.bytes.slice(offset, offset + length);
  }
}

async function contentsOf(session: Session): Promise<Uint8Array[]> {
  return Promise.all([...sectionsOf(session).keys()].map((section) => section.bytes()));
}

async function collect(section: Section): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of piecesOf(section)) pieces.push(piece);
  return concatenate(pieces);
}

/** A content whose pieces come from elsewhere, so that it cannot be had as a whole. */
function streamed(bytes: Uint8Array<ArrayBuffer>, mediaType: string, pieceBytes: number): Section {
  return {
    mediaType,
    length: bytes.length,
    bytes: () => Promise.reject(new TypeError('this content is only streamed')),
    async *stream() {
      for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
    },
  };
}

/** Has no section. */
const SMALL: Session = {
  id: 'small',
  incarnation: 'once',
  revision: 0,
  createdAt: 0,
  updatedAt: 0,
  source: { tool: 'test' },
  coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
  cookies: [],
  storage: [],
  tabs: [],
};

/** A session whose one large content is only streamed, and the same with the content in memory. */
function largeSession(length: number): { whole: Session; piecewise: Session } {
  const bytes = new Uint8Array(length).map((_, i) => (i * 31) % 253);
  const make = (body: Section): Session => ({
    ...SMALL,
    storage: [
      {
        key: { origin: 'https://a.example', topLevelSite: null },
        localStorage: [],
        indexedDB: [],
        files: [{ path: 'f', kind: 'file', body }],
      },
    ],
  });
  const mediaType = 'application/octet-stream';
  return { whole: make({ mediaType, length, bytes: async () => bytes }), piecewise: make(streamed(bytes, mediaType, 1001)) };
}

describe.each(FRAMINGS)('a blob of the %s framing', (framing) => {
  test('opens where it lies as it decodes', async () => {
    const blob = await encodeSession(FULL_SESSION, { framing });
    const opened = await openBlob(new Source(blob));
    const decoded = await decodeSession(blob);
    expect(await contentsOf(opened)).toEqual(await contentsOf(decoded));
    expect(sameBytes(await encodeSession(opened, { framing }), blob)).toBe(true);
  });

  test('is written from contents that are only streamed with the bytes that it has from memory', async () => {
    const { whole, piecewise } = largeSession(40_000);
    const chunks: Uint8Array[] = [];
    const length = await writeBlob(piecewise, (chunk) => void chunks.push(chunk.slice()), { framing });
    const blob = await encodeSession(whole, { framing });
    expect(sameBytes(concatenate(chunks), blob)).toBe(true);
    expect(length).toBe(blob.length);
  });

  test('a content that changes while it is written is refused', async () => {
    const { piecewise } = largeSession(4000);
    const [body] = sectionsOf(piecewise).keys();
    let reading = 0;
    const changing = { ...body!, stream: () => streamed(new Uint8Array(4000).fill(reading++), '', 100).stream!() };
    const session: Session = {
      ...piecewise,
      storage: [{ ...piecewise.storage[0]!, files: [{ path: 'f', kind: 'file', body: changing }] }],
    };
    await expect(writeBlob(session, () => undefined, { framing })).rejects.toMatchObject({ code: 'BLOB_SECTION_HASH' });
  });

  test('is refused where it is cut, or has more behind its end', async () => {
    const blob = await encodeSession(FULL_SESSION, { framing });
    for (const length of [4, 40, 400, blob.length - 1]) {
      await expect(openBlob(new Source(blob.slice(0, length)))).rejects.toMatchObject({ code: 'BLOB_TRUNCATED' });
    }
    await expect(openBlob(new Source(concatenate([blob, new Uint8Array(1)])))).rejects.toMatchObject({ code: 'BLOB_MALFORMED' });
  });
});

describe('a section of the packed framing', () => {
  test('comes in pieces, of which none is large, as often as it is asked for', async () => {
    const { whole } = largeSession(3_000_000);
    const source = new Source(await encodeSession(whole, { framing: 'packed' }));
    const [section] = sectionsOf(await openBlob(source)).keys();
    const [expected] = await contentsOf(whole);
    // Not by `toEqual`, which takes minutes for so many bytes.
    expect(sameBytes(await collect(section!), expected!)).toBe(true);
    expect(sameBytes(await collect(section!), expected!)).toBe(true);
    expect(source.most).toBeLessThan(300_000);
  });

  test('a bit that changed shows at the end of its stream, and in its bytes', async () => {
    const { whole } = largeSession(700_000);
    const blob = await encodeSession(whole, { framing: 'packed' });
    blob[blob.length - 350_000]! ^= 1;
    const [section] = sectionsOf(await openBlob(new Source(blob))).keys();
    await expect(collect(section!)).rejects.toMatchObject({ code: 'BLOB_SECTION_HASH' });
    await expect(section!.bytes()).rejects.toMatchObject({ code: 'BLOB_SECTION_HASH' });
  });

  test('a bit between two sections shows in the stream of the one before it, and in its bytes', async () => {
    const { whole } = largeSession(700_001);
    const blob = await encodeSession(whole, { framing: 'packed' });
    expect(blob[blob.length - 1]).toBe(0);
    blob[blob.length - 1] = 1;
    const [section] = sectionsOf(await openBlob(new Source(blob))).keys();
    await expect(collect(section!)).rejects.toMatchObject({ code: 'BLOB_MALFORMED' });
    await expect(section!.bytes()).rejects.toMatchObject({ code: 'BLOB_MALFORMED' });
  });

  test('what a codec packed is read as a whole', async () => {
    const { whole } = largeSession(100_000);
    const blob = await encodeSession(whole, { framing: 'packed', codec: 'gzip' });
    const [section] = sectionsOf(await openBlob(new Source(blob))).keys();
    expect(section!.stream).toBeUndefined();
    const [expected] = await contentsOf(whole);
    expect(sameBytes(await collect(section!), expected!)).toBe(true);
  });
});

test('memory keeps what it is given, in order, and nothing of what is aborted', async () => {
  const [one, other] = await Promise.all([memorySink.begin('a/b'), memorySink.begin('c/d')]);
  await one.write(Uint8Array.of(1));
  await other.write(Uint8Array.of(9));
  await one.write(Uint8Array.of(2, 3));
  await other.abort();
  const section = await one.end();
  expect([section.mediaType, section.length, [...(await section.bytes())]]).toEqual(['a/b', 3, [1, 2, 3]]);
});
