/**
 * Reading and writing the parts of a sequence's bytes: varints, signed varints and replicas by their full or short names (sequence-layout.md).
 * Whatever a writer never writes is refused where it stands.
 */
import type { Replica } from '../../kernel.ts';
import { type SequenceFaultCode, sequenceFault } from '../../sequence-fault.ts';

/** How many low bits of a replica its short name has. */
const SHORT_MASK = 0xffffff;

/** The short name of a replica: the low 24 bits of its id. */
export function shortOf(replica: Replica): number {
  return replica.low & SHORT_MASK;
}

/** Collects bytes. One writer may be used again and again. */
export class ByteWriter {
  private bytes: Uint8Array<ArrayBuffer> = new Uint8Array(256);
  private length = 0;

  byte(value: number): void {
    if (this.length === this.bytes.length) this.grow(1);
    this.bytes[this.length++] = value;
  }

  /** An integer from 0, below 2^32. */
  varint(value: number): void {
    if (this.length + 5 > this.bytes.length) this.grow(5);
    let rest = value >>> 0;
    while (rest > 127) {
      this.bytes[this.length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.bytes[this.length++] = rest;
  }

  /** An integer between -2^31 and 2^31, neither included. */
  signed(value: number): void {
    this.varint(value >= 0 ? 2 * value : -2 * value - 1);
  }

  full(replica: Replica): void {
    this.word(replica.high);
    this.word(replica.low);
  }

  short(replica: Replica): void {
    this.byte((replica.low >>> 16) & 255);
    this.byte((replica.low >>> 8) & 255);
    this.byte(replica.low & 255);
  }

  append(bytes: Uint8Array): void {
    if (this.length + bytes.length > this.bytes.length) this.grow(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** A copy of what was written, and the writer is empty again. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.bytes.slice(0, this.length);
    this.length = 0;
    return taken;
  }

  private word(value: number): void {
    this.byte(value >>> 24);
    this.byte((value >>> 16) & 255);
    this.byte((value >>> 8) & 255);
    this.byte(value & 255);
  }

  private grow(more: number): void {
    const larger = new Uint8Array(Math.max(2 * this.bytes.length, this.length + more));
    larger.set(this.bytes);
    this.bytes = larger;
  }
}

/** Reads bytes from the start. Every method throws `MERGE_MALFORMED` for what no writer writes. */
export class ByteReader {
  /** Where the next byte is. */
  at = 0;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  byte(): number {
    if (this.at >= this.bytes.length) throw this.malformed();
    return this.bytes[this.at++]!;
  }

  varint(): number {
    const first = this.byte();
    if (first < 128) return first;
    let value = first & 127;
    for (let shift = 7; shift < 35; shift += 7) {
      const next = this.byte();
      // 2^28 * 16 would pass 32 bits, and a last byte of 0 is not the shortest form.
      if (next === 0 || (shift === 28 && next > 15)) throw this.malformed();
      value |= (next & 127) << shift;
      if (next < 128) return value >>> 0;
    }
    throw this.malformed();
  }

  signed(): number {
    const value = this.varint();
    if (value === 0xffffffff) throw this.malformed();
    return value & 1 ? -((value >>> 1) + 1) : value >>> 1;
  }

  /** The next `length` bytes, as a view. */
  view(length: number): Uint8Array {
    if (length > this.left) {
      this.at = this.bytes.length;
      throw this.malformed();
    }
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** A varint no larger than `largest`. */
  upTo(largest: number): number {
    const value = this.varint();
    if (value > largest) throw this.malformed();
    return value;
  }

  full(): Replica {
    const high = this.word();
    const low = this.word();
    if (high === 0 && low === 0) throw this.malformed();
    return { high, low };
  }

  short(): number {
    return (this.byte() << 16) | (this.byte() << 8) | this.byte();
  }

  /** The fault at the byte before the next one, which is the one that was wrong. */
  malformed(): Error {
    return this.fault('MERGE_MALFORMED');
  }

  fault(code: SequenceFaultCode): Error {
    return sequenceFault(code, Math.max(0, Math.min(this.at, this.bytes.length) - 1));
  }

  private word(): number {
    return ((this.byte() << 24) | (this.byte() << 16) | (this.byte() << 8) | this.byte()) >>> 0;
  }
}
