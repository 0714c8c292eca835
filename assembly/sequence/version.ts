/** Versions: the last counter of every replica, as bytes and beside our own. The layout is ts/merge/sequence-layout.md. */
import { COUNTER_LIMIT } from './base';
import { faultAt, MALFORMED, OK } from './fault';
import { breakReader, bytesLeft, isBroken, readByte, readOffset, readVarint, readWord } from './reader';
import { COVERED, compareIds, HIGH, LOW, replicaAt, replicaCount } from './replica';
import { writeByte, writeVarint, writeWord } from './writer';

const VERSION: u32 = 0x82;

/** Writes a version. */
export function writeVersion(sequence: usize): void {
  writeByte(VERSION);
  writeVector(sequence);
}

/** Writes what a version and a state have in common: number of replicas with a counter, their ids, their counters. */
export function writeVector(sequence: usize): void {
  const count = replicaCount(sequence);
  let covered: u32 = 0;
  for (let index: u32 = 0; index < count; index++) covered += u32(load<u32>(replicaAt(sequence, index), COVERED) !== 0);
  writeVarint(covered);
  for (let index: u32 = 0; index < count; index++) {
    const replica = replicaAt(sequence, index);
    if (load<u32>(replica, COVERED) === 0) continue;
    writeWord(load<u32>(replica, HIGH));
    writeWord(load<u32>(replica, LOW));
  }
  for (let index: u32 = 0; index < count; index++) {
    const counter = load<u32>(replicaAt(sequence, index), COVERED);
    if (counter !== 0) writeVarint(counter);
  }
}

/**
 * Reads what `writeVector` wrote to a new table of 3 x u32 each: high, low, counter, ascending; the caller gives how many there can be, by the
 * bytes that are left. Gives their number; the reader is broken where there is a fault.
 */
export function readVector(table: usize): u32 {
  const count = readVarint();
  if (count > bytesLeft() / 9) breakReader();
  if (isBroken()) return 0;
  for (let index: u32 = 0; index < count; index++) {
    const entry = table + index * VECTOR_ENTRY;
    const high = readWord();
    const low = readWord();
    store<u32>(entry, high);
    store<u32>(entry, low, 4);
    if ((high | low) === 0) breakReader();
    else if (index !== 0 && compareIds(load<u32>(entry - VECTOR_ENTRY), load<u32>(entry - VECTOR_ENTRY, 4), high, low) >= 0) breakReader();
    if (isBroken()) return 0;
  }
  for (let index: u32 = 0; index < count; index++) {
    const counter = readVarint();
    if (counter === 0 || counter >= COUNTER_LIMIT) breakReader();
    store<u32>(table + index * VECTOR_ENTRY, counter, 8);
  }
  return count;
}

/** Bytes of one entry of a table that `readVector` fills. */
export const VECTOR_ENTRY: u32 = 12;

/** Bytes that a table for the bytes that are left can need. */
export function vectorTableBytes(): u32 {
  return (bytesLeft() / 9 + 1) * VECTOR_ENTRY;
}

/** Reads a whole version to a table; 0, or a fault. The number of entries is in `versionCount()`. */
export function readVersion(table: usize): u32 {
  if (readByte() !== VERSION) breakReader();
  count = readVector(table);
  if (bytesLeft() !== 0) breakReader();
  return isBroken() ? faultAt(MALFORMED, readOffset()) : OK;
}

let count: u32 = 0;

export function versionCount(): u32 {
  return count;
}
