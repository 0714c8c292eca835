/** Peeking, and the streaming writer and reader: what they give, how little they read and hold, and how they fail. */
import { describe, expect, test } from 'vitest';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { peekBlob } from '../../ts/blob/peek.ts';
import { readBlob, type StreamedSection, writeBlob } from '../../ts/blob/stream.ts';
import { sectionsOf } from '../../ts/session/document.ts';
import { type Section, type Session, section } from '../../ts/session/session.ts';
import { FULL_SESSION, failureOf, resolve, TEXT_UNITS } from './fixture.ts';

const SMALL = { textSectionUnits: TEXT_UNITS };
const MIB = 1024 * 1024;

const withFiles = (bodies: readonly Section[]): Session => ({
  ...FULL_SESSION,
  storage: [
    {
      key: { origin: 'https://app.example', topLevelSite: null },
      localStorage: [],
      indexedDB: [],
      files: bodies.map((body, i) => ({ path: `f${i}`, kind: 'file', body })),
    },
  ],
});

/** A section that is made when it is asked for, and counts how often and how much of it is alive at once. */
function madeSection(seed: number, length: number, count: { reads: number }): Section {
  return {
    mediaType: 'application/octet-stream',
    length,
    async bytes() {
      count.reads++;
      return new Uint8Array(length).fill(seed);
    },
  };
}

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** As a browser's without iteration. */
function streamOf(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  const chunks = inChunks(bytes, size);
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
  return { getReader: stream.getReader.bind(stream) } as ReadableStream<Uint8Array>;
}

/** Fills whatever buffer the reader brings, and says when it is let go. */
function byteStreamOf(bytes: Uint8Array, size: number, onCancel = (): void => undefined): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      const request = controller.byobRequest as ReadableStreamBYOBRequest;
      const view = request.view as Uint8Array;
      const part = bytes.subarray(at, at + Math.min(size, view.byteLength));
      new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(part);
      at += part.length;
      if (part.length === 0) controller.close();
      request.respond(part.length);
    },
    cancel: onCancel,
  });
}

async function collect(parts: AsyncIterable<StreamedSection>): Promise<StreamedSection[]> {
  const all: StreamedSection[] = [];
  for await (const part of parts) all.push(part);
  return all;
}

describe.each(['text', 'packed'] as const)('%s framing', (framing) => {
  test('peek tells the header, and agrees with the session', async () => {
    const blob = await encodeSession(FULL_SESSION, { framing, codec: 'gzip', ...SMALL });
    const peeked = await peekBlob(blob);
    const { id, incarnation, revision, name, tags, createdAt, updatedAt, expiresAt, source } = FULL_SESSION;
    expect(peeked).toMatchObject({ id, incarnation, revision, name, tags, createdAt, updatedAt, expiresAt, source });
    expect([peeked.framing, peeked.version, peeked.blobBytes]).toEqual([framing, '2.0', blob.length]);
    expect(peeked.sections.map(({ kind }) => kind)).toEqual([...['text', 'records', 'body', 'body', 'body', 'value', 'key', 'merge']]);
  });

  test('peek reads less than 64 KiB of a blob of 20 MiB', async () => {
    const bodies = Array.from({ length: 100 }, (_, i) => section(new Uint8Array(215_000).fill(i), 'image/webp'));
    const blob = await encodeSession(withFiles(bodies), { framing });
    expect(blob.length).toBeGreaterThan(20 * MIB);
    const ranges: number[] = [];
    const peeked = await peekBlob(async (offset, length) => {
      const range = blob.subarray(offset, offset + length);
      ranges.push(range.length);
      return range;
    });
    expect(peeked.sections.length).toBeGreaterThan(100);
    expect(ranges.reduce((sum, length) => sum + length, 0)).toBeLessThan(64 * 1024);
    expect(ranges.length).toBeLessThan(6);
  });

  test('peek gets by with a source that gives a byte at a time, and tells a cut', async () => {
    const blob = await encodeSession(FULL_SESSION, { framing });
    const { id } = await peekBlob(async (offset, length) => blob.subarray(offset, offset + Math.min(length, offset === 0 ? 16 : 7)));
    expect(id).toBe(FULL_SESSION.id);
    for (const length of [1, 8, 15, 16, 100]) {
      expect((await failureOf(peekBlob(blob.subarray(0, length)))).code).toBe('BLOB_TRUNCATED');
    }
    expect((await failureOf(peekBlob(new Uint8Array(0)))).code).toBe('BLOB_NOT_A_BLOB');
  });

  test('the streaming writer writes what encodeSession gives', async () => {
    for (const codec of ['none', 'gzip'] as const) {
      const options = { framing, codec, ...SMALL };
      const expected = await encodeSession(FULL_SESSION, options);
      const chunks: Uint8Array[] = [];
      expect(await writeBlob(FULL_SESSION, (chunk) => void chunks.push(chunk), options)).toBe(expected.length);
      expect(Buffer.compare(Buffer.concat(chunks), expected)).toBe(0);

      const written: Uint8Array[] = [];
      let closed = false;
      const sink = new WritableStream<Uint8Array>({
        write: (chunk) => void written.push(chunk),
        close: () => {
          closed = true;
        },
      });
      await writeBlob(FULL_SESSION, sink, options);
      expect([closed, Buffer.compare(Buffer.concat(written), expected)]).toEqual([true, 0]);
    }
  });

  test('writer and reader hold one section at a time', async () => {
    const count = { reads: 0 };
    const bodies = Array.from({ length: 60 }, (_, i) => madeSection(i, 2 * MIB, count));
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const look = (): void => {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    };
    // Through a pipe: nothing keeps what was written.
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writing = writeBlob(withFiles(bodies), writable, { framing });
    const { sections } = await readBlob(readable);
    let found = 0;
    for await (const { bytes } of sections) {
      found++;
      if (bytes.length === 2 * MIB) expect(bytes[0]).toBe(found - 1);
      look();
    }
    await writing;
    expect(count.reads).toBe(120);
    // 120 MiB went through. Garbage that is not collected yet counts in.
    expect(most).toBeLessThan(90 * MIB);
  });

  test('a section that changes between the two passes fails', async () => {
    let reads = 0;
    const fickle: Section = { mediaType: 'x', length: 1, bytes: async () => Uint8Array.of(reads++) };
    expect((await failureOf(writeBlob(withFiles([fickle]), () => undefined, { framing }))).code).toBe('BLOB_SECTION_HASH');
  });

  test('a sink that fails stops the writing, and the failure comes through', async () => {
    const failure = new Error('disk full');
    const sink = new WritableStream<Uint8Array>({ write: () => Promise.reject(failure) });
    await expect(writeBlob(FULL_SESSION, sink, { framing })).rejects.toBe(failure);
    await expect(
      writeBlob(
        FULL_SESSION,
        () => {
          throw failure;
        },
        { framing },
      ),
    ).rejects.toBe(failure);
  });

  test.each([1, 7, 4096])('the streaming reader gives session and sections from chunks of %d bytes', async (size) => {
    const blob = await encodeSession(FULL_SESSION, { framing, codec: 'gzip', ...SMALL });
    for (const source of [inChunks(blob, size), streamOf(blob, size), byteStreamOf(blob, size)]) {
      const { session, sections } = await readBlob(source);
      const content = new Map((await collect(sections)).map(({ section: one, bytes }) => [one, bytes]));
      const found = [...sectionsOf(session).keys()];
      expect(found.every((one) => content.has(one))).toBe(true);
      await expect(found[0]?.bytes()).rejects.toThrow(TypeError);
      for (const one of found) Object.assign(one, { bytes: async () => content.get(one) });
      expect(await resolve(session)).toStrictEqual(await resolve(await decodeSession(blob)));
    }
  });

  test('the source is closed when its reader leaves early, or refuses it', async () => {
    const blob = await encodeSession(FULL_SESSION, { framing, ...SMALL });
    let closings = 0;
    const close = (): void => void closings++;
    const { sections } = await readBlob(byteStreamOf(blob, 1000, close));
    for await (const _ of sections) break;
    expect(closings).toBe(1);
    await failureOf(readBlob(byteStreamOf(new Uint8Array(100), 1000, close)));
    expect(closings).toBe(2);
    async function* chunks(): AsyncGenerator<Uint8Array> {
      try {
        yield* inChunks(blob, 1000);
      } finally {
        close();
      }
    }
    const iterated = await readBlob(chunks());
    for await (const _ of iterated.sections) break;
    expect(closings).toBe(3);
  });

  test('the streaming reader refuses what the other does, wherever it is cut', async () => {
    const blob = await encodeSession(FULL_SESSION, { framing, ...SMALL });
    const read = async (bytes: Uint8Array): Promise<unknown> => collect((await readBlob(inChunks(bytes, 1000))).sections);
    for (let length = 0; length < blob.length; length += 13) {
      const { code } = await failureOf(read(blob.subarray(0, length)));
      expect(code).toBe(length === 0 ? 'BLOB_NOT_A_BLOB' : 'BLOB_TRUNCATED');
    }
    expect((await failureOf(read(Buffer.concat([blob, new Uint8Array(1)])))).code).toBe('BLOB_MALFORMED');
    const broken = blob.slice();
    broken[blob.length - 30] = (broken[blob.length - 30] as number) ^ 1;
    expect((await failureOf(read(broken))).code).toMatch(/^BLOB_/);
    const { sections } = await readBlob(inChunks(blob, 1000), { maxSectionBytes: 10 });
    expect((await failureOf(collect(sections))).code).toBe('BLOB_LIMIT');
  });
});
