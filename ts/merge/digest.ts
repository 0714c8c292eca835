/**
 * A quick digest of 48 bits, by which a state knows the entries that it was written for (see `binding.ts`). Two lanes of multiply and rotate as in
 * MurmurHash3 (Appleby, public domain), two code units or one byte at a time. It keeps nobody out: who can change an entry can change the state beside it. What names a
 * write for ever (law M16) is SHA-256.
 */

/** Takes numbers, texts and bytes; their order and borders count. */
export class Digest {
  #a = 0x243f6a88;
  #b = 0x85a308d3 | 0;

  /** Begins anew. */
  reset(): void {
    this.#a = 0x243f6a88;
    this.#b = 0x85a308d3 | 0;
  }

  /** What {@link resume} goes on from, with {@link laneB}. */
  get laneA(): number {
    return this.#a;
  }

  get laneB(): number {
    return this.#b;
  }

  /** Goes on as the digest did that these lanes are of. */
  resume(laneA: number, laneB: number): void {
    this.#a = laneA;
    this.#b = laneB;
  }

  number(value: number): void {
    this.#a = mix(this.#a ^ value, 0x9e3779b1);
    this.#b = mix(this.#b ^ value, 0x85ebca77);
  }

  text(text: string): void {
    let a = this.#a;
    let b = this.#b;
    // Two code units a step; the length, which follows, tells an odd one from one that a zero follows.
    const even = text.length & ~1;
    for (let i = 0; i < even; i += 2) {
      const units = text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16);
      a = mix(a ^ units, 0x9e3779b1);
      b = mix(b ^ units, 0x85ebca77);
    }
    if (even < text.length) {
      const unit = text.charCodeAt(even);
      a = mix(a ^ unit, 0x9e3779b1);
      b = mix(b ^ unit, 0x85ebca77);
    }
    this.#a = a;
    this.#b = b;
    this.number(text.length);
  }

  bytes(bytes: Uint8Array): void {
    let a = this.#a;
    let b = this.#b;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      a = mix(a ^ byte, 0x9e3779b1);
      b = mix(b ^ byte, 0x85ebca77);
    }
    this.#a = a;
    this.#b = b;
    this.number(bytes.length);
  }

  /** The digest so far, an integer of 48 bits. */
  value(): number {
    const high = finish(this.#a ^ Math.imul(this.#b, 0xc2b2ae3d));
    const low = finish(this.#b ^ Math.imul(this.#a, 0x27d4eb2f));
    return (high >>> 0) * 0x10000 + (low >>> 16);
  }
}

function mix(lane: number, factor: number): number {
  const product = Math.imul(lane, factor);
  return (product << 13) | (product >>> 19);
}

function finish(lane: number): number {
  let bits = lane ^ (lane >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits ^= bits >>> 13;
  bits = Math.imul(bits, 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
