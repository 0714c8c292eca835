/**
 * Bytes that are appended to a file and read back, encrypted. Each chunk has its own place, and is written once: a file that another program changed is refused.
 *
 *     file      chunks of 16 KiB of text and their tags, as in `envelope/payload.ts`
 *     memory    the text behind them, which does not yet fill a batch of chunks
 */
import type { FileHandle } from 'node:fs/promises';
import { CHUNK_BYTES, decryptChunks, encryptChunks, notAuthentic, type PayloadCipher, SEALED_CHUNK_BYTES } from '../envelope/payload.ts';
import { runAsync } from '../envelope/steps.ts';
import { concatenate } from '../session/bytes.ts';
import { readUpTo, writeAll } from './handle.ts';

/** Bytes in the order in which they came. */
export interface Tape {
  /** Puts `bytes` at the end, and returns the offset of the first of them. After a failure it rejects with that one for good. */
  append(bytes: Uint8Array): Promise<number>;
  /** `length` bytes from `offset` on, which were appended. @throws PspError `ENVELOPE_TAMPERED` where the file has others, or fewer. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Waits for what is being written, and wipes the key and what is in memory. Nothing is taken or given after that. */
  forget(): Promise<void>;
}

/** Chunks that are encrypted and written together. */
const BATCH_CHUNKS = 16;

/** A tape on an empty file. The caller closes the file, after `forget`; the tape wipes the cipher. */
export function recordOn(file: FileHandle, cipher: PayloadCipher): Tape {
  /** Text behind what is in the file. */
  const tail = new Uint8Array(BATCH_CHUNKS * CHUNK_BYTES);
  let tailBytes = 0;
  /** What the tail becomes: always the same memory, of which the collector would let much come together. */
  const sealed = new Uint8Array(BATCH_CHUNKS * SEALED_CHUNK_BYTES);
  /** Text in the file. */
  let writtenBytes = 0;
  let isForgotten = false;
  let turn: Promise<unknown> = Promise.resolve();

  const checkOpen = (): void => {
    if (isForgotten) throw new TypeError('spool: expected it to be open, and it is closed');
  };
  const writeTail = async (): Promise<void> => {
    const first = writtenBytes / CHUNK_BYTES;
    await runAsync(encryptChunks(cipher, first, new Uint8Array(0), tail, sealed));
    await writeAll(file, sealed, first * SEALED_CHUNK_BYTES);
    writtenBytes += tail.length;
    tailBytes = 0;
  };

  return {
    append(bytes) {
      // Contents come from several places at once; each piece goes to the end in its turn, and none after one that failed.
      const mine = turn.then(async () => {
        checkOpen();
        const offset = writtenBytes + tailBytes;
        for (let at = 0; at < bytes.length; ) {
          const part = bytes.subarray(at, at + tail.length - tailBytes);
          tail.set(part, tailBytes);
          tailBytes += part.length;
          at += part.length;
          if (tailBytes === tail.length) await writeTail();
        }
        return offset;
      });
      mine.catch(() => undefined); // whoever appended it has it
      turn = mine;
      return mine;
    },
    async read(offset, length) {
      checkOpen();
      const fromFile = Math.max(0, Math.min(length, writtenBytes - offset));
      // Copied before anything is waited for: the next batch comes to lie in the same place.
      const rest = tail.slice(Math.max(0, offset - writtenBytes), Math.max(0, offset + length - writtenBytes));
      if (fromFile === 0) return rest;
      const first = Math.floor(offset / CHUNK_BYTES);
      const count = Math.ceil((offset + fromFile) / CHUNK_BYTES) - first;
      const read = await readUpTo(file, first * SEALED_CHUNK_BYTES, count * SEALED_CHUNK_BYTES);
      const text = new Uint8Array(count * CHUNK_BYTES);
      const isWhole = read.length === count * SEALED_CHUNK_BYTES;
      if (!isWhole || !(await runAsync(decryptChunks(cipher, first, read, text)))) throw notAuthentic();
      const start = offset - first * CHUNK_BYTES;
      const part = text.subarray(start, start + fromFile);
      return rest.length === 0 ? part : concatenate([part, rest]);
    },
    async forget() {
      isForgotten = true;
      await turn.catch(() => undefined); // whoever appended it has it
      cipher.wipe();
      tail.fill(0);
    },
  };
}
