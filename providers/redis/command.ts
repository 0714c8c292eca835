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
  /** The whole frame; a view of what is sent. */
  readonly frame: Buffer;
  readonly #bytes: Buffer;

  constructor(name: string, words: readonly string[], head: RecordHead, value: Uint8Array, after: readonly string[]) {
    super(name, [...words], { replyEncoding: 'utf8' });
    const start = `*${words.length + after.length + 2}\r\n${bulk(name)}${words.map(bulk).join('')}`;
    const end = `\r\n${after.map(bulk).join('')}`;
    const startBytes = Buffer.byteLength(start) + LENGTH_BYTES;
    const endBytes = end.length; // ASCII: a unit and a number
    const room = encodeFrame(head, value, { before: startBytes, after: endBytes, allocate });
    const bytes = Buffer.from(room.buffer, room.byteOffset, room.length);
    this.frame = bytes.subarray(startBytes, bytes.length - endBytes);
    // How long the frame's length is is known only now: what stands before it is put against it.
    const length = `$${this.frame.length}\r\n`;
    const from = LENGTH_BYTES - length.length;
    bytes.write(start + length, from);
    bytes.write(end, bytes.length - endBytes);
    this.#bytes = from === 0 ? bytes : bytes.subarray(from);
  }

  override toWritable(): Buffer {
    return this.#bytes;
  }
}

// Small commands are cut from a larger piece of memory, as Buffer does for still smaller ones: to ask for memory costs more than to fill it.
const PIECE_BYTES = 256 * 1024;
const LARGEST_CUT_BYTES = 32 * 1024;
let piece = new Uint8Array(0);
let cutBytes = 0;

function allocate(bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes > LARGEST_CUT_BYTES) return new Uint8Array(bytes);
  if (cutBytes + bytes > piece.length) {
    piece = new Uint8Array(PIECE_BYTES);
    cutBytes = 0;
  }
  cutBytes += bytes;
  return piece.subarray(cutBytes - bytes, cutBytes);
}

function bulk(word: string): string {
  return `$${Buffer.byteLength(word)}\r\n${word}\r\n`;
}
