/**
 * Compression of one section: gzip (RFC 1952) through the platform's streams, which every runtime has, and zstd (RFC 8878) where node:zlib has it.
 * node:zlib is asked for at run time and never imported, so a browser bundle meets no `node:` module. Whoever compresses what a site chose
 * together with secrets tells the length of both to whoever sees the size (CRIME, 2012): so nothing is compressed unless the caller says so.
 */
import { PspError } from '../errors.ts';
import { concatenate } from '../session/bytes.ts';
import { blobError } from './fault.ts';

/** How a section's content is stored. */
export type Codec = 'none' | 'gzip' | 'zstd';

/** Less gain than this is not worth the time of every reader. */
const MIN_GAIN = 0.05;

/** A platform may inflate a whole chunk before it hands anything out, at up to 1032 times its size: so chunks are small. */
const CHUNK_BYTES = 16 * 1024;

interface Zstd {
  zstdCompressSync(bytes: Uint8Array): Uint8Array;
  zstdDecompressSync(bytes: Uint8Array, options: { maxOutputLength: number }): Uint8Array;
}

/**
 * `content` compressed, or null where that gains less than 5 %. The same bytes for the same content in one process, but not in all runtimes.
 *
 * @throws PspError `BLOB_UNSUPPORTED_CODEC` where the platform does not have it.
 */
export async function compress(content: Uint8Array<ArrayBuffer>, codec: Exclude<Codec, 'none'>): Promise<Uint8Array<ArrayBuffer> | null> {
  const zstd = codec === 'zstd' ? findZstd() : null;
  if (content.length === 0) return null;
  const compressed =
    zstd === null
      ? await throughStream(content, new CompressionStream('gzip'), Number.POSITIVE_INFINITY)
      : new Uint8Array(zstd.zstdCompressSync(content));
  return compressed !== null && compressed.length <= content.length * (1 - MIN_GAIN) ? compressed : null;
}

/**
 * The `length` bytes that were compressed. Stops as soon as there are more, whatever the compressed bytes could still unfold to.
 *
 * @throws PspError
 * - `BLOB_SECTION_ENCODING`: these bytes are not of `codec`, or not of so many bytes;
 * - `BLOB_UNSUPPORTED_CODEC`: not a codec of this platform.
 */
export async function decompress(
  stored: Uint8Array<ArrayBuffer>,
  codec: string,
  length: number,
  section: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const unfold = unfolderOf(codec);
  let content: Uint8Array<ArrayBuffer> | null;
  try {
    content = await unfold(stored, length);
  } catch (cause) {
    const message = `section ${section} is not ${codec}, or more than ${length} bytes of it`;
    throw new PspError('BLOB_SECTION_ENCODING', message, { cause, details: { section } });
  }
  if (content?.length === length) return content;
  const found = content === null ? 'more' : content.length;
  throw blobError('BLOB_SECTION_ENCODING', `section ${section} has ${found} bytes, ${length} expected`, { section });
}

/** Gives null, or fails, when there are more than `length` bytes. */
function unfolderOf(codec: string): (stored: Uint8Array<ArrayBuffer>, length: number) => Promise<Uint8Array<ArrayBuffer> | null> {
  if (codec === 'gzip') return (stored, length) => throughStream(stored, new DecompressionStream('gzip'), length);
  if (codec !== 'zstd') throw blobError('BLOB_UNSUPPORTED_CODEC', 'a section has a codec that this version does not know');
  const zstd = findZstd();
  return async (stored, length) => new Uint8Array(zstd.zstdDecompressSync(stored, { maxOutputLength: Math.max(1, length) }));
}

/** zstd came with Node 22.15; Deno and Bun have it too. */
function findZstd(): Zstd {
  const zlib = globalThis.process?.getBuiltinModule?.('node:zlib') as unknown as Partial<Zstd> | undefined;
  if (typeof zlib?.zstdCompressSync === 'function') return zlib as Zstd;
  throw blobError('BLOB_UNSUPPORTED_CODEC', 'this platform has no zstd', { codec: 'zstd' });
}

/** All that comes out of `stream`, or null when that is more than `maxBytes`. */
async function throughStream(
  bytes: Uint8Array<ArrayBuffer>,
  stream: CompressionStream | DecompressionStream,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const feeding = feed(bytes, stream.writable as WritableStream<Uint8Array<ArrayBuffer>>);
  // Its failure is the reader's failure too, and is handled there.
  feeding.catch(() => undefined);
  const reader = (stream.readable as ReadableStream<Uint8Array>).getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > maxBytes) {
      // Cancelling tells the feeding to stop; what it says about that is of no interest.
      void reader.cancel().catch(() => undefined);
      return null;
    }
    chunks.push(value);
  }
  await feeding;
  return concatenate(chunks);
}

async function feed(bytes: Uint8Array<ArrayBuffer>, writable: WritableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
  const writer = writable.getWriter();
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    await writer.ready;
    await writer.write(bytes.subarray(at, at + CHUNK_BYTES));
  }
  await writer.close();
}
