/** Blobs written and read piece by piece, with one section in memory at a time. The bytes are those of `encode.ts`; the checks those of `decode.ts`. */
import { concatenate } from '../session/bytes.ts';
import { fromDocuments, type SectionEntry } from '../session/document.ts';
import type { Section, Session } from '../session/session.ts';
import { type DecodeOptions, resolveFrom } from './decode.ts';
import { type EncodeOptions, planBlob, writePlan } from './encode.ts';
import { blobError } from './fault.ts';
import type { FramingRules } from './framing.ts';
import { detectFraming, readDocuments, readHeader } from './header.ts';
import { checkTable, lazySection, MAX_SECTION_BYTES } from './section.ts';
import { LineDecoder } from './text.ts';

/** Takes the next bytes of a blob. Called again only when its promise is fulfilled. */
export type WriteChunk = (chunk: Uint8Array) => void | Promise<void>;

/**
 * Writes a session as a blob, and returns its bytes. Reads every section twice, since the header stands first and holds their hashes: a section
 * whose `bytes()` keeps nothing costs no memory. A `WritableStream` is closed at the end, and aborted when writing fails.
 *
 * @throws PspError as `encodeSession` does; `BLOB_SECTION_HASH` when a section is not the same at the second reading; and what `sink` throws.
 */
export async function writeBlob(
  session: Session,
  sink: WritableStream<Uint8Array> | WriteChunk,
  options: EncodeOptions = {},
): Promise<number> {
  if (typeof sink === 'function') return writeChunks(session, sink, options);
  const writer = sink.getWriter();
  try {
    const length = await writeChunks(session, (chunk) => writer.write(chunk), options);
    await writer.close();
    return length;
  } catch (error) {
    // The failure itself goes to the caller; a stream that failed already cannot be aborted.
    await writer.abort(error).catch(() => undefined);
    throw error;
  }
}

async function writeChunks(session: Session, write: WriteChunk, options: EncodeOptions): Promise<number> {
  const plan = await planBlob(session, options, false);
  for await (const part of writePlan(plan)) if (part.length > 0) await write(part);
  return plan.length;
}

/** A blob that is being read: its session, then its sections in the order in which they stand. */
export interface StreamedBlob {
  /** The sections in it are those that `sections` gives; their `bytes()` reject with a TypeError. */
  readonly session: Session;
  /**
   * To be read once; the source is closed where the reading ends, early or not. What is not read is not checked. Rejects as `bytes()` of a decoded
   * session does, and where the blob ends early.
   */
  readonly sections: AsyncIterable<StreamedSection>;
}

/** A section with its content, verified. */
export interface StreamedSection {
  /** The very object that stands in the session, as often as it stands there. */
  readonly section: Section;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Reads a blob of either framing from a stream: resolves when header and state are read. A stream of type `bytes`
 * (`FileHandle.readableWebStream({ type: 'bytes' })`) costs the least memory: it is read into one small buffer, instead of a new one for each chunk.
 *
 * @throws PspError as `decodeSession`, and what the stream throws.
 */
export async function readBlob(
  source: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
  options: DecodeOptions = {},
): Promise<StreamedBlob> {
  const chunks = new ChunkReader(source);
  try {
    return await openBlob(chunks, options);
  } catch (error) {
    await chunks.close();
    throw error;
  }
}

async function openBlob(chunks: ChunkReader, options: DecodeOptions): Promise<StreamedBlob> {
  const rules = detectFraming(await chunks.peek(8));
  const header = readHeader((await chunks.take(await findHeader(chunks, rules))).subarray(rules.headerStart));
  checkTable(header, rules);
  const headerEnd = chunks.taken;
  await takeFill(chunks, rules, rules.stateStart(headerEnd) - headerEnd);
  const documents = await readDocuments(header, await chunks.take(header.state.length));
  const stateEnd = chunks.taken;
  await takeFill(chunks, rules, rules.sectionsStart(stateEnd) - stateEnd);
  const handles = header.sections.map((entry) => lazySection(entry, Number.POSITIVE_INFINITY, notHere));
  const session = fromDocuments(documents.header, documents.state, resolveFrom(header, handles));

  async function* sections(): AsyncGenerator<StreamedSection> {
    try {
      for (const [i, entry] of header.sections.entries()) {
        yield { section: handles[i] as Section, bytes: await takeSection(chunks, rules, entry, options) };
      }
      await chunks.expectEnd();
    } finally {
      await chunks.close();
    }
  }
  return { session, sections: sections() };
}

async function takeSection(
  chunks: ChunkReader,
  rules: FramingRules,
  entry: SectionEntry,
  options: DecodeOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const maxBytes = options.maxSectionBytes ?? MAX_SECTION_BYTES;
  if (entry.rawLength > maxBytes || entry.length > 2 * maxBytes + 64) {
    throw blobError('BLOB_LIMIT', `section ${entry.id} has more than ${maxBytes} bytes`, { section: entry.id });
  }
  const stored = rules.name === 'text' ? await takeLine(chunks, entry) : await chunks.take(entry.length);
  const end = entry.offset + entry.length;
  await takeFill(chunks, rules, rules.nextOffset(end) - end);
  return lazySection(entry, maxBytes, () => stored).bytes();
}

/** Divisible by four. */
const PIECE_BYTES = 64 * 1024;

/** The stored bytes of a section of the text framing, whose line is never whole in memory. */
async function takeLine(chunks: ChunkReader, entry: SectionEntry): Promise<Uint8Array<ArrayBuffer>> {
  const line = new LineDecoder(entry, chunks.taken);
  for (let rest = entry.length; rest > 0; rest -= PIECE_BYTES) line.add(await chunks.takeBriefly(Math.min(PIECE_BYTES, rest)));
  return line.take();
}

function notHere(): never {
  throw new TypeError('a section of a stream is read from `sections`, in the order of the stream');
}

/** Bytes up to the end of the header. */
async function findHeader(chunks: ChunkReader, rules: FramingRules): Promise<number> {
  for (let head = await chunks.peek(4096); ; ) {
    const length = rules.headerLength(head);
    if (length !== null) return rules.headerStart + length;
    const more = await chunks.peek(2 * head.length);
    if (more.length === head.length) throw blobError('BLOB_TRUNCATED', 'the blob ends inside its header');
    head = more;
  }
}

async function takeFill(chunks: ChunkReader, rules: FramingRules, length: number): Promise<void> {
  const offset = chunks.taken;
  const fill = await chunks.take(length);
  const wrong = fill.findIndex((byte) => byte !== rules.fill);
  if (wrong !== -1) throw blobError('BLOB_MALFORMED', `no part ends at offset ${offset + wrong}`, { offset: offset + wrong });
}

/** Takes bytes from a stream of chunks of any size. */
class ChunkReader {
  /** Bytes taken so far. */
  taken = 0;
  readonly #chunks: AsyncIterator<Uint8Array>;
  /** Bytes that were read and not taken. Once they are none, the next chunk may overwrite them. */
  #waiting: Uint8Array = new Uint8Array(0);
  /** Memory for what is taken briefly. */
  #brief: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  constructor(source: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>) {
    this.#chunks = 'getReader' in source ? chunksOf(source) : source[Symbol.asyncIterator]();
  }

  /** The next bytes, which stay: `length` of them, or fewer where the stream ends. */
  async peek(length: number): Promise<Uint8Array> {
    if (this.#waiting.length >= length) return this.#waiting.subarray(0, length);
    const parts = [this.#waiting.slice()];
    let sum = this.#waiting.length;
    while (sum < length) {
      const { done, value } = await this.#chunks.next();
      if (done) break;
      parts.push(value.slice());
      sum += value.length;
    }
    this.#waiting = concatenate(parts);
    return this.#waiting.subarray(0, length);
  }

  /** The next `length` bytes. @throws PspError `BLOB_TRUNCATED` */
  take(length: number): Promise<Uint8Array<ArrayBuffer>> {
    return this.#fill(new Uint8Array(length));
  }

  /** As `take`, but the bytes stay only until the next call of this. */
  takeBriefly(length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#brief.length < length) this.#brief = new Uint8Array(length);
    return this.#fill(this.#brief.subarray(0, length));
  }

  /** Ends the reading: nobody else will go on with this stream. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async expectEnd(): Promise<void> {
    const more = await this.peek(1);
    if (more.length > 0) throw blobError('BLOB_MALFORMED', 'the blob has bytes after its end', { expected: this.taken });
  }

  async #fill(room: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    for (let at = 0; at < room.length; ) {
      if (this.#waiting.length === 0) {
        const { done, value } = await this.#chunks.next();
        if (done) {
          const details = { expected: this.taken + room.length, found: this.taken + at };
          throw blobError('BLOB_TRUNCATED', `the blob has ${details.found} bytes, at least ${details.expected} expected`, details);
        }
        this.#waiting = value;
      }
      const part = this.#waiting.subarray(0, room.length - at);
      room.set(part, at);
      at += part.length;
      this.#waiting = this.#waiting.subarray(part.length);
    }
    this.taken += room.length;
    return room;
  }
}

const CHUNK_BYTES = 64 * 1024;

/** The chunks of a stream; those of a stream of bytes share one buffer. Not every browser lets one iterate over a stream. */
async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const byteReader = openByteReader(stream);
  const reader = byteReader ?? stream.getReader();
  try {
    for (let room = new Uint8Array(CHUNK_BYTES); ; ) {
      const { done, value } =
        byteReader === null ? await (reader as ReadableStreamDefaultReader<Uint8Array>).read() : await byteReader.read(room);
      if (done) return;
      yield value;
      if (byteReader !== null) room = new Uint8Array(value.buffer as ArrayBuffer);
    }
  } finally {
    // After the end or a failure of the stream this does nothing; what cancelling fails with is of no use to who has left.
    await reader.cancel().catch(() => undefined);
  }
}

/** Null for a stream that is not one of bytes. */
function openByteReader(stream: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | null {
  try {
    return stream.getReader({ mode: 'byob' });
  } catch (error) {
    // A stream that somebody else reads refuses this reader too: the next one says so.
    if (error instanceof TypeError) return null;
    throw error;
  }
}
