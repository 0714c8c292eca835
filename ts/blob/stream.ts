/** Blobs written and read piece by piece, with one section in memory at a time. The bytes are those of `encode.ts`; the checks those of `decode.ts`. */
import { fromDocuments } from '../session/document.ts';
import type { Section, Session } from '../session/session.ts';
import { concatenate } from './codec.ts';
import { type DecodeOptions, resolveFrom } from './decode.ts';
import { type EncodeOptions, planBlob, writePlan } from './encode.ts';
import { blobError } from './fault.ts';
import type { FramingRules } from './framing.ts';
import { detectFraming, readDocuments, readHeader } from './header.ts';
import { checkTable, lazySection, MAX_SECTION_BYTES } from './section.ts';

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
  /** To be read once. What is not read is not checked. Rejects as `bytes()` of a decoded session does, and where the blob ends early. */
  readonly sections: AsyncIterable<StreamedSection>;
}

/** A section with its content, verified. */
export interface StreamedSection {
  /** The very object that stands in the session, as often as it stands there. */
  readonly section: Section;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Reads a blob of either framing from a stream: resolves when header and state are read.
 *
 * @throws PspError as `decodeSession`, and what the stream throws.
 */
export async function readBlob(
  source: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
  options: DecodeOptions = {},
): Promise<StreamedBlob> {
  const chunks = new ChunkReader(source);
  const rules = detectFraming(await chunks.peek(8));
  const header = readHeader((await chunks.take(await findHeader(chunks, rules))).subarray(rules.headerStart));
  checkTable(header, rules);
  const headerEnd = chunks.taken;
  await takeFill(chunks, rules, rules.stateStart(headerEnd) - headerEnd);
  const documents = await readDocuments(header, await chunks.take(header.state.length));
  const stateEnd = chunks.taken;
  await takeFill(chunks, rules, rules.sectionsStart(stateEnd) - stateEnd);
  const maxBytes = options.maxSectionBytes ?? MAX_SECTION_BYTES;
  const handles = header.sections.map((entry) => lazySection(entry, Number.POSITIVE_INFINITY, notHere));
  const session = fromDocuments(documents.header, documents.state, resolveFrom(header, handles));

  async function* sections(): AsyncGenerator<StreamedSection> {
    for (const [i, entry] of header.sections.entries()) {
      if (entry.rawLength > maxBytes || entry.length > 2 * maxBytes + 64) {
        throw blobError('BLOB_LIMIT', `section ${entry.id} has more than ${maxBytes} bytes`, { section: entry.id });
      }
      const start = chunks.taken;
      const framed = await chunks.take(entry.length);
      const end = entry.offset + entry.length;
      await takeFill(chunks, rules, rules.nextOffset(end) - end);
      const bytes = await lazySection(entry, maxBytes, () => rules.unwrap(framed, entry, start)).bytes();
      yield { section: handles[i] as Section, bytes };
    }
    await chunks.expectEnd();
  }
  return { session, sections: sections() };
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
  #waiting: Uint8Array[] = [];
  #available = 0;

  constructor(source: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>) {
    this.#chunks = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : readAll(source);
  }

  /** The next bytes, which stay: `length` of them, or fewer where the stream ends. */
  async peek(length: number): Promise<Uint8Array> {
    await this.#fill(length);
    const whole = this.#join();
    return whole.subarray(0, length);
  }

  /** The next `length` bytes. @throws PspError `BLOB_TRUNCATED` */
  async take(length: number): Promise<Uint8Array<ArrayBuffer>> {
    await this.#fill(length);
    if (this.#available < length) {
      const details = { expected: this.taken + length, found: this.taken + this.#available };
      throw blobError('BLOB_TRUNCATED', `the blob has ${details.found} bytes, at least ${details.expected} expected`, details);
    }
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const chunk = this.#waiting.shift() as Uint8Array;
      const part = chunk.subarray(0, length - at);
      bytes.set(part, at);
      at += part.length;
      if (part.length < chunk.length) this.#waiting.unshift(chunk.subarray(part.length));
    }
    this.#available -= length;
    this.taken += length;
    return bytes;
  }

  async expectEnd(): Promise<void> {
    await this.#fill(1);
    if (this.#available > 0) throw blobError('BLOB_MALFORMED', 'the blob has bytes after its end', { expected: this.taken });
  }

  async #fill(length: number): Promise<void> {
    while (this.#available < length) {
      const { done, value } = await this.#chunks.next();
      if (done) return;
      if (value.length > 0) this.#waiting.push(value);
      this.#available += value.length;
    }
  }

  #join(): Uint8Array {
    if (this.#waiting.length !== 1) this.#waiting = [concatenate(this.#waiting, this.#available)];
    return this.#waiting[0] as Uint8Array;
  }
}

/** Not every browser lets one iterate over a stream. */
async function* readAll(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}
