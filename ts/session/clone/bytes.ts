/**
 * The growing writer and the bounds-checked reader under the structured-clone encoding (`layout.md`): varints, doubles, raw bytes and
 * strings. Nothing here knows tags. Runs in pages too, so it uses nothing but the language.
 */
import { PspError } from '../../errors.ts';
import { sameBytes } from '../bytes.ts';

/** Writes bytes into an array that doubles as it fills. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The bytes written so far, copied out. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  /** Whether the bytes written so far are these. */
  holds(bytes: Uint8Array): boolean {
    return sameBytes(this.#bytes.subarray(0, this.#length), bytes);
  }

  /** Forgets what was written, and keeps the room for it. */
  clear(): void {
    this.#length = 0;
  }

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = value;
  }

  bytes(source: Uint8Array): void {
    this.#room(source.length);
    this.#bytes.set(source, this.#length);
    this.#length += source.length;
  }

  /** `value` is an integer from 0 to 2^53-1: bit operations stop at 32 bits, so the upper part is divided off. */
  varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
  }

  /** NaN has one form here, whatever payload the engine keeps. */
  double(value: number): void {
    this.#room(8);
    const view = new DataView(this.#bytes.buffer);
    if (Number.isNaN(value)) view.setBigUint64(this.#length, 0x7ff8000000000000n, true);
    else view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  latin1(text: string): void {
    this.#room(text.length);
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i);
  }

  utf16(text: string): void {
    this.#room(text.length * 2);
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      this.#bytes[this.#length++] = unit & 0xff;
      this.#bytes[this.#length++] = unit >>> 8;
    }
  }

  #room(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** Reads bytes front to back; every fault is `SESSION_CLONE_MALFORMED` with the offset. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  byte(): number {
    this.#need(1);
    return this.#bytes[this.#offset++] as number;
  }

  /** A view of the next `length` bytes. */
  view(length: number): Uint8Array {
    this.#need(length);
    const from = this.#offset;
    this.#offset += length;
    return this.#bytes.subarray(from, this.#offset);
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw this.fault('a varint above 2^53-1');
      if (byte < 0x80) {
        if (byte === 0 && i > 0) throw this.fault('a varint that is not in its shortest form');
        return value;
      }
      scale *= 0x80;
    }
    throw this.fault('a varint longer than eight bytes');
  }

  /** NaN in its one form, or any other double. */
  double(): number {
    const bytes = this.view(8);
    const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
    const value = view.getFloat64(0, true);
    if (Number.isNaN(value) && view.getBigUint64(0, true) !== 0x7ff8000000000000n) throw this.fault('a NaN that is not in canonical form');
    return value;
  }

  latin1(length: number): string {
    return unitsToString(this.view(length));
  }

  utf16(length: number): string {
    const bytes = this.view(length * 2);
    const units = new Uint16Array(length);
    for (let i = 0; i < length; i++) units[i] = (bytes[2 * i] as number) | ((bytes[2 * i + 1] as number) << 8);
    return unitsToString(units);
  }

  /** A count of things that take at least `bytesEach` bytes each, so that a forged count cannot make us allocate. */
  count(bytesEach: number): number {
    const count = this.varint();
    if (count * bytesEach > this.remaining) throw this.fault('a count larger than what is left');
    return count;
  }

  /** The error for what was just read; the offset is the end of it. */
  fault(what: string): PspError {
    return new PspError('SESSION_CLONE_MALFORMED', `structured-clone bytes: ${what}, at offset ${this.#offset}`, {
      details: { offset: this.#offset },
    });
  }

  #need(count: number): void {
    if (count > this.remaining) throw this.fault(`${count} bytes expected, ${this.remaining} left`);
  }
}

/** How many units one call takes: a huge array of arguments overflows the stack. */
const UNITS_PER_CALL = 0x2000;

/** The string of these code units, lone surrogates among them. */
export function unitsToString(units: Uint8Array | Uint16Array): string {
  if (units.length <= UNITS_PER_CALL) return callFromCharCode(units);
  const parts: string[] = [];
  for (let i = 0; i < units.length; i += UNITS_PER_CALL) parts.push(callFromCharCode(units.subarray(i, i + UNITS_PER_CALL)));
  return parts.join('');
}

/** Spreading the array into arguments goes through its iterator, which V8 takes six times as long for. */
function callFromCharCode(units: Uint8Array | Uint16Array): string {
  return String.fromCharCode.apply(null, units as unknown as number[]);
}
