/**
 * A digest of large contents (files, bodies of responses), so that what a restore reads back is compared without being kept: MurmurHash3_x86_128 (Austin Appleby,
 * public domain), bytes given in pieces of any size. It tells apart what differs by accident; it protects from nobody.
 */

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

function scramble(value: number, first: number, by: number, second: number): number {
  return Math.imul(rotate(Math.imul(value, first), by), second);
}

function avalanche(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

const BLOCK_BYTES = 16;

/** One digest under way. */
export class ContentDigest {
  #h1 = 0;
  #h2 = 0;
  #h3 = 0;
  #h4 = 0;
  #length = 0;
  /** Bytes of a block that is not full. */
  readonly #rest = new Uint8Array(BLOCK_BYTES);
  #restLength = 0;

  /** Adds bytes to those before. O(n). */
  add(bytes: Uint8Array): void {
    this.#length += bytes.length;
    let at = 0;
    if (this.#restLength > 0) {
      at = Math.min(BLOCK_BYTES - this.#restLength, bytes.length);
      this.#rest.set(bytes.subarray(0, at), this.#restLength);
      this.#restLength += at;
      if (this.#restLength < BLOCK_BYTES) return;
      this.#blocks(this.#rest, 0, BLOCK_BYTES);
      this.#restLength = 0;
    }
    const end = at + Math.floor((bytes.length - at) / BLOCK_BYTES) * BLOCK_BYTES;
    this.#blocks(bytes, at, end);
    this.#rest.set(bytes.subarray(end));
    this.#restLength = bytes.length - end;
  }

  /** The digest as 32 hexadecimal digits. Nothing may be added after it. */
  finish(): string {
    const tail = this.#rest.fill(0, this.#restLength);
    const word = (at: number): number => tail[at]! | (tail[at + 1]! << 8) | (tail[at + 2]! << 16) | (tail[at + 3]! << 24);
    // Of a word that has no byte, nothing is left.
    let h4 = this.#h4 ^ scramble(word(12), C4, 18, C1);
    let h3 = this.#h3 ^ scramble(word(8), C3, 17, C4);
    let h2 = this.#h2 ^ scramble(word(4), C2, 16, C3);
    let h1 = this.#h1 ^ scramble(word(0), C1, 15, C2);
    h1 ^= this.#length;
    h2 ^= this.#length;
    h3 ^= this.#length;
    h4 ^= this.#length;
    h1 += h2 + h3 + h4;
    h2 += h1;
    h3 += h1;
    h4 += h1;
    h1 = avalanche(h1);
    h2 = avalanche(h2);
    h3 = avalanche(h3);
    h4 = avalanche(h4);
    h1 += h2 + h3 + h4;
    h2 += h1;
    h3 += h1;
    h4 += h1;
    return [h1, h2, h3, h4].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #blocks(bytes: Uint8Array, from: number, to: number): void {
    let h1 = this.#h1;
    let h2 = this.#h2;
    let h3 = this.#h3;
    let h4 = this.#h4;
    for (let at = from; at < to; at += BLOCK_BYTES) {
      const k1 = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      const k2 = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
      const k3 = bytes[at + 8]! | (bytes[at + 9]! << 8) | (bytes[at + 10]! << 16) | (bytes[at + 11]! << 24);
      const k4 = bytes[at + 12]! | (bytes[at + 13]! << 8) | (bytes[at + 14]! << 16) | (bytes[at + 15]! << 24);
      h1 = (Math.imul(rotate(h1 ^ scramble(k1, C1, 15, C2), 19) + h2, 5) + 0x561ccd1b) | 0;
      h2 = (Math.imul(rotate(h2 ^ scramble(k2, C2, 16, C3), 17) + h3, 5) + 0x0bcaa747) | 0;
      h3 = (Math.imul(rotate(h3 ^ scramble(k3, C3, 17, C4), 15) + h4, 5) + 0x96cd1c35) | 0;
      h4 = (Math.imul(rotate(h4 ^ scramble(k4, C4, 18, C1), 13) + h1, 5) + 0x32ac3b17) | 0;
    }
    this.#h1 = h1;
    this.#h2 = h2;
    this.#h3 = h3;
    this.#h4 = h4;
  }
}
