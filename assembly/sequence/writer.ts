/** Writing bytes for the host: one list that grows, used anew by each call. */
import { addToVector, clearVector, reserveInVector, setVectorLength, vectorAt, vectorLength } from './vector';

const OUTPUT: usize = memory.data(12, 4);
const HANDLES: usize = memory.data(12, 4);
/** Memory that is kept from one call to the next. */
const KEPT_BYTES: u32 = 1 << 16;
/** Room is made for so many bytes at least. */
const LEAST_ROOM: u32 = 1024;

/** Where the next byte goes, and where room ends. */
let at: usize = 0;
let end: usize = 0;

/** Address of what was written last. */
export function outputAt(): usize {
  return vectorAt(OUTPUT);
}

export function outputLength(): u32 {
  return u32(at - vectorAt(OUTPUT));
}

/** Address of the handles that go with it, 4 bytes each. */
export function handlesAt(): usize {
  return vectorAt(HANDLES);
}

export function handleCount(): u32 {
  return vectorLength(HANDLES) >> 2;
}

/** Forgets what was written. */
export function startWriting(): void {
  clearVector(OUTPUT, KEPT_BYTES);
  clearVector(HANDLES, KEPT_BYTES);
  at = vectorAt(OUTPUT);
  end = at;
}

export function writeByte(byte: u32): void {
  if (at === end) makeRoom(1);
  store<u8>(at, byte);
  at++;
}

export function writeVarint(value: u32): void {
  if (end - at < 5) makeRoom(5);
  while (value >= 0x80) {
    store<u8>(at, value | 0x80);
    at++;
    value >>= 7;
  }
  store<u8>(at, value);
  at++;
}

export function writeSigned(value: i32): void {
  writeVarint((u32(value) << 1) ^ u32(value >> 31));
}

export function writeWord(word: u32): void {
  if (end - at < 4) makeRoom(4);
  store<u32>(at, bswap<u32>(word));
  at += 4;
}

export function writeShort(short: u32): void {
  writeByte((short >> 16) & 0xff);
  writeByte((short >> 8) & 0xff);
  writeByte(short & 0xff);
}

/** Writes `count` UTF-16 units as varints. */
export function writeUnits(units: usize, count: u32): void {
  if (u32(end - at) < count * 3) makeRoom(count * 3);
  let to = at;
  const last = units + (usize(count) << 1);
  for (let unit = units; unit < last; unit += 2) {
    let value = u32(load<u16>(unit));
    while (value >= 0x80) {
      store<u8>(to, value | 0x80);
      to++;
      value >>= 7;
    }
    store<u8>(to, value);
    to++;
  }
  at = to;
}

/** Adds `count` handles to those that go with the bytes. */
export function writeHandles(handles: usize, count: u32): void {
  memory.copy(addToVector(HANDLES, count << 2), handles, count << 2);
}

/** Makes room for `bytes` more. */
function makeRoom(bytes: u32): void {
  setVectorLength(OUTPUT, u32(at - vectorAt(OUTPUT)));
  const room = max(bytes, LEAST_ROOM);
  at = reserveInVector(OUTPUT, room);
  end = at + room;
}
