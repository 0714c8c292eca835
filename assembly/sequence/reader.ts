/**
 * Reading bytes that others sent. Whatever is read past the end, or is no shortest varint, is 0 and makes `isBroken()` true for good, so that
 * whoever reads may check once for many numbers; loops check in each round, because a broken reader never moves.
 */

let start: usize = 0;
let at: usize = 0;
let end: usize = 0;
let broken: bool = false;

/** Begins to read `length` bytes at `bytes`. */
export function startReading(bytes: usize, length: u32): void {
  start = bytes;
  at = bytes;
  end = bytes + length;
  broken = false;
}

export function isBroken(): bool {
  return broken;
}

/** Notes that something read makes no sense. */
export function breakReader(): void {
  broken = true;
}

/** Offset of what is read next. */
export function readOffset(): u32 {
  return u32(at - start);
}

/** Goes on reading at an offset. */
export function readFrom(offset: u32): void {
  at = start + offset;
}

/** How many bytes are left. */
export function bytesLeft(): u32 {
  return u32(end - at);
}

export function readByte(): u32 {
  if (broken || at >= end) {
    broken = true;
    return 0;
  }
  const byte = load<u8>(at);
  at++;
  return byte;
}

/** LEB128 below 2^32, shortest form. */
export function readVarint(): u32 {
  const first = readByte();
  return first < 0x80 ? first : readLongVarint(first);
}

/** The number at which signed varints go up and down from 0. */
export function readSigned(): i32 {
  const zigzag = readVarint();
  if (zigzag === u32.MAX_VALUE) broken = true;
  return i32((zigzag >> 1) ^ (0 - (zigzag & 1)));
}

/** Four bytes, the most significant first. */
export function readWord(): u32 {
  if (broken || bytesLeft() < 4) {
    broken = true;
    return 0;
  }
  const word = bswap<u32>(load<u32>(at));
  at += 4;
  return word;
}

/** Three bytes, the most significant first. */
export function readShort(): u32 {
  if (broken || bytesLeft() < 3) {
    broken = true;
    return 0;
  }
  const short = (u32(load<u8>(at)) << 16) | (u32(load<u8>(at, 1)) << 8) | u32(load<u8>(at, 2));
  at += 3;
  return short;
}

function readLongVarint(first: u32): u32 {
  let value = first & 0x7f;
  for (let shift: u32 = 7; shift <= 28; shift += 7) {
    const byte = readByte();
    value |= (byte & 0x7f) << shift;
    if (byte >= 0x80) {
      if (shift === 28) break;
      continue;
    }
    // A last byte of 0 could be left out; a fifth one has room for four bits.
    if (byte === 0 || (shift === 28 && byte > 0x0f)) broken = true;
    return value;
  }
  broken = true;
  return 0;
}
