/**
 * A command that carries a frame. Its bytes for the wire are made here, with the frame made in their midst: ioredis would copy every value once more.
 * Redis serialization protocol, "Sending commands to a Redis server".
 */

import { Command } from 'ioredis';
import type { RecordHead } from '../../ts/provider.ts';
import { encodeFrame } from '../frame.ts';

/** The longest text of a length: `$536870912\r\n`. */
const LENGTH_BYTES = 12;

/** `name`, words, the frame, more words. `keys` are the arguments by which ioredis finds the key: the words as far as that. */
export class FrameCommand extends Command {
  /** Bytes of the frame. */
  readonly frameBytes: number;
  readonly #bytes: Buffer;
  /** Where what is sent begins, and the frame in it. */
  readonly #from: number;
  readonly #frameAt: number;

  constructor(name: string, words: readonly string[], head: RecordHead, value: Uint8Array, after: readonly string[]) {
    super(name, [...words], { replyEncoding: 'utf8' });
    let start = `*${words.length + after.length + 2}\r\n${bulk(name)}`;
    for (const word of words) start += bulk(word);
    let end = '\r\n';
    for (const word of after) end += bulk(word);
    const frameAt = Buffer.byteLength(start) + LENGTH_BYTES;
    const bytes = encodeFrame(head, value, { before: frameAt, after: end.length, allocate }); // `after` is ASCII: a unit and a number
    this.frameBytes = bytes.length - frameAt - end.length;
    this.#frameAt = frameAt;
    this.#bytes = bytes;
    // How long the frame's length is is known only now: what stands before it is put against it.
    const length = `$${this.frameBytes}\r\n`;
    this.#from = LENGTH_BYTES - length.length;
    bytes.write(start + length, this.#from);
    for (let at = 0; at < end.length; at++) bytes[frameAt + this.frameBytes + at] = end.charCodeAt(at);
  }

  /** The whole frame; a view of what is sent. */
  get frame(): Buffer {
    return this.#bytes.subarray(this.#frameAt, this.#frameAt + this.frameBytes);
  }

  override toWritable(): Buffer {
    return this.#from === 0 ? this.#bytes : this.#bytes.subarray(this.#from);
  }
}

// Small commands are cut from a larger piece of memory, as Buffer does for still smaller ones: to ask for memory costs more than to fill it.
const PIECE_BYTES = 256 * 1024;
const LARGEST_CUT_BYTES = 32 * 1024;
let piece: Buffer<ArrayBuffer> = Buffer.alloc(0);
let cutBytes = 0;

/** Memory with whatever in it: what is sent of it is written before. */
function allocate(bytes: number): Buffer<ArrayBuffer> {
  if (bytes > LARGEST_CUT_BYTES) return Buffer.allocUnsafeSlow(bytes);
  if (cutBytes + bytes > piece.length) {
    piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
    cutBytes = 0;
  }
  cutBytes += bytes;
  return Buffer.from(piece.buffer, cutBytes - bytes, bytes);
}

function bulk(word: string): string {
  return `$${Buffer.byteLength(word)}\r\n${word}\r\n`;
}
