/**
 * Values that are too large to be in memory: written from a stream, read as one, or moved behind another header, a piece at a time.
 * The header stands before the value and tells its length and hash, so room is left for it, and it is written last.
 */

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { PspError } from '../../ts/errors.ts';
import type { RecordHead } from '../../ts/provider.ts';
import type { ByteRange } from '../contract.ts';
import { clampRange, type Durability, fillNewFile, type OpenRecord, readExactly, writeFully } from './file.ts';
import { checkHash, encodeHeader, headerRoom, MAX_VALUE_BYTES } from './record.ts';

/** Bytes that are read or moved at once. */
const PIECE_BYTES = 256 * 1024;

/** What a stream failed with itself, which its owner gets back as it is. */
export class SourceFailure extends Error {}

/**
 * A new file at `path` with the record of the value that `source` gives; its head. Fails with {@link SourceFailure} (its `cause` is the error)
 * when the source does, with the signal's reason, with `PROVIDER_TOO_LARGE`, and with a TypeError for a piece that is no Uint8Array; then there
 * is no file, and the source is cancelled.
 */
export async function writeStream(
  path: string,
  head: Omit<RecordHead, 'size'>,
  source: ReadableStream<Uint8Array>,
  durability: Durability,
  signal: AbortSignal,
): Promise<RecordHead> {
  const reader = source.getReader();
  const abort = (): void => void reader.cancel(signal.reason).catch(() => undefined);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await fillNewFile(path, durability, async (file) => {
      const room = headerRoom(head);
      const hash = createHash('sha256');
      let size = 0;
      for (;;) {
        const { done, value } = await readPiece(reader);
        signal.throwIfAborted(); // A reader that was cancelled says it is done.
        if (done) break;
        if (!(value instanceof Uint8Array)) throw new TypeError(`value: expected a stream of Uint8Array, got ${typeof value} in it`);
        size += value.length;
        if (size > MAX_VALUE_BYTES) throw new PspError('PROVIDER_TOO_LARGE', `value: expected at most ${MAX_VALUE_BYTES} bytes, got more`);
        // Its owner may write to the piece when it is asked for the next one: hashed and written before that.
        hash.update(value);
        await writeFully(file, value, room + size - value.length);
      }
      await writeFully(file, encodeHeader({ ...head, size, sha256: hash.digest('hex') }, room), 0);
      return { ...head, size };
    });
  } catch (error) {
    await reader.cancel(error).catch(() => undefined);
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** A new file at `path` with the value of `from` behind the header of `head`. The value is not checked; its hash stays what it was. */
export async function copyValue(path: string, head: RecordHead, from: OpenRecord, durability: Durability): Promise<void> {
  await fillNewFile(path, durability, async (file) => {
    await writeFully(file, encodeHeader({ ...head, sha256: from.header.sha256 }));
    const piece = new Uint8Array(Math.min(PIECE_BYTES, head.size));
    for (let at = 0; at < head.size; at += piece.length) {
      const bytes = piece.subarray(0, head.size - at);
      await readExactly(from.file, bytes, from.valueAt + at);
      await writeFully(file, bytes);
    }
  });
}

/**
 * The value of a record, or the range of it, as a stream that closes the file when it ends in whatever way. The last piece of a whole value comes
 * after the hash was checked: otherwise it ends with `PROVIDER_CORRUPT`. `explain` is what an error becomes.
 */
export function streamValue(
  { file, header, valueAt }: OpenRecord,
  range: ByteRange | null,
  explain: (error: unknown) => unknown,
): ReadableStream<Uint8Array> {
  const { from, to } = clampRange(range ?? { from: 0, to: header.size }, header);
  const hash = range === null ? createHash('sha256') : null;
  let at = from;

  async function readNext(): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.min(PIECE_BYTES, to - at));
    await readExactly(file, bytes, valueAt + at);
    hash?.update(bytes);
    at += bytes.length;
    if (at === to && hash !== null) checkHash(header, hash.digest('hex'));
    return bytes;
  }

  // Without a queue: what nobody asked for is not read.
  const strategy = new CountQueuingStrategy({ highWaterMark: 0 });
  const source: UnderlyingDefaultSource<Uint8Array> = {
    async pull(controller) {
      try {
        const bytes = at < to || hash !== null ? await readNext() : new Uint8Array();
        if (bytes.length > 0) controller.enqueue(bytes);
        if (at < to) return;
        await file.close();
        controller.close();
      } catch (error) {
        await closeQuietly(file);
        throw explain(error);
      }
    },
    cancel: () => file.close(),
  };
  return new ReadableStream(source, strategy);
}

async function readPiece(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<ReadableStreamReadResult<Uint8Array>> {
  try {
    return await reader.read();
  } catch (cause) {
    throw new SourceFailure('the stream failed', { cause });
  }
}

/** Closes after a failure, which is the one to report. */
function closeQuietly(file: FileHandle): Promise<void> {
  return file.close().catch(() => undefined);
}
