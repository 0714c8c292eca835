/**
 * Freeing bases that nobody can name any more (law M17). A base without units may still get a child by an update that is under way, until every replica
 * has seen what emptied it. A mark is what was covered here when a version was given out; whoever covers it has seen all that was emptied up to then.
 *
 *     mark   0 u32 clock | 4 table of 3 x u32 each: high, low, counter | 8 u32 entries
 */
import { allocate, release } from './arena';
import { CHILDREN, EMPTIED_AT, LIVE, NEXT_BASE, REPLICA, removeBase } from './base';
import { OK } from './fault';
import { isLogEmpty } from './log';
import { startReading } from './reader';
import { CLOCK, EARLY_COUNT, FIRST_BASE, HAS_NEWS, MARKS } from './record';
import { COVERED, compareIds, findReplica, HIGH, LOW, replicaAt, replicaCount, TAIL_BASE, TAIL_COUNTER } from './replica';
import { rebuildRuns } from './runs';
import { addToVector, freeVector, reserveInVector, setVectorLength, vectorAt, vectorLength } from './vector';
import { readVersion, VECTOR_ENTRY, vectorTableBytes, versionCount, writeVersion } from './version';
import { startWriting } from './writer';

const MARK_SIZE: u32 = 12;
const MARK_TABLE: usize = 4;
const MARK_COUNT: usize = 8;
/** More marks than these are thinned out: then less may be freed, never too much. */
const MOST_MARKS: u32 = 64;

/** The version that was read last. */
const VERSION_READ: usize = memory.data(12, 4);

/** How many of the marks all versions so far cover, and whether we cover all of them. */
let marksCovered: u32 = 0;
let areAllCovered: bool = false;

/** Writes the version, and marks it. */
export function giveVersion(sequence: usize): void {
  if (load<u32>(sequence, HAS_NEWS) !== 0) {
    if (vectorLength(sequence + MARKS) === MOST_MARKS * MARK_SIZE) thinMarks(sequence);
    addMark(sequence);
    store<u32>(sequence, 0, HAS_NEWS);
  }
  startWriting();
  writeVersion(sequence);
}

/** Begins to collect: all versions follow, then `collectBases`. */
export function startCollecting(sequence: usize): void {
  marksCovered = vectorLength(sequence + MARKS) / MARK_SIZE;
  areAllCovered = true;
}

/** Takes the version of another replica into account. 0, or MALFORMED. */
export function considerVersion(sequence: usize, bytes: usize, length: u32): u32 {
  startReading(bytes, length);
  setVectorLength(VERSION_READ, 0);
  const table = reserveInVector(VERSION_READ, vectorTableBytes());
  const fault = readVersion(table);
  if (fault !== OK) return fault;
  const count = versionCount();
  for (let index: u32 = 0; index < count && areAllCovered; index++) {
    const entry = table + index * VECTOR_ENTRY;
    const replica = findReplica(sequence, load<u32>(entry), load<u32>(entry, 4));
    areAllCovered = replica !== 0 && load<u32>(replica, COVERED) >= load<u32>(entry, 8);
  }
  // What a mark covers, later ones cover too.
  while (marksCovered !== 0 && !covers(table, count, vectorAt(sequence + MARKS) + (marksCovered - 1) * MARK_SIZE)) marksCovered--;
  return OK;
}

/** Frees what can be freed, and gives how many bases that were. */
export function collectBases(sequence: usize): u32 {
  if (marksCovered === 0 || !areAllCovered || !isLogEmpty(sequence) || load<u32>(sequence, EARLY_COUNT) !== 0) return 0;
  dropMarks(sequence, marksCovered - 1);
  const clock = load<u32>(vectorAt(sequence + MARKS));
  let freed: u32 = 0;
  let base = load<usize>(sequence, FIRST_BASE);
  // New bases come first in the list, so children come before their parents.
  while (base !== 0) {
    const next = load<usize>(base, NEXT_BASE);
    if (load<u32>(base, LIVE) === 0 && load<u32>(base, CHILDREN) === 0 && load<u32>(base, EMPTIED_AT) <= clock) {
      const replica = load<usize>(base, REPLICA);
      if (load<usize>(replica, TAIL_BASE) === base) {
        store<usize>(replica, 0, TAIL_BASE);
        store<u32>(replica, 0, TAIL_COUNTER);
      }
      removeBase(sequence, base);
      freed++;
    }
    base = next;
  }
  // Runs must not name what is gone.
  if (freed !== 0) rebuildRuns(sequence);
  return freed;
}

export function freeMarks(sequence: usize): void {
  dropMarks(sequence, vectorLength(sequence + MARKS) / MARK_SIZE);
  freeVector(sequence + MARKS);
}

function addMark(sequence: usize): void {
  const replicas = replicaCount(sequence);
  const table = allocate(replicas * VECTOR_ENTRY);
  for (let index: u32 = 0; index < replicas; index++) {
    const replica = replicaAt(sequence, index);
    const entry = table + index * VECTOR_ENTRY;
    store<u32>(entry, load<u32>(replica, HIGH));
    store<u32>(entry, load<u32>(replica, LOW), 4);
    store<u32>(entry, load<u32>(replica, COVERED), 8);
  }
  const mark = addToVector(sequence + MARKS, MARK_SIZE);
  const clock = load<u32>(sequence, CLOCK);
  store<u32>(mark, clock);
  store<usize>(mark, table, MARK_TABLE);
  store<u32>(mark, replicas, MARK_COUNT);
  store<u32>(sequence, clock + 1, CLOCK);
}

/** Whether a version has at least the counters of a mark. Both are in the order of ids. */
function covers(version: usize, count: u32, mark: usize): bool {
  const table = load<usize>(mark, MARK_TABLE);
  const entries = load<u32>(mark, MARK_COUNT);
  let at: u32 = 0;
  for (let index: u32 = 0; index < entries; index++) {
    const entry = table + index * VECTOR_ENTRY;
    const counter = load<u32>(entry, 8);
    if (counter === 0) continue;
    while (at < count && compareEntries(version + at * VECTOR_ENTRY, entry) < 0) at++;
    const other = version + at * VECTOR_ENTRY;
    if (at === count || compareEntries(other, entry) !== 0 || load<u32>(other, 8) < counter) return false;
  }
  return true;
}

function compareEntries(a: usize, b: usize): i32 {
  return compareIds(load<u32>(a), load<u32>(a, 4), load<u32>(b), load<u32>(b, 4));
}

/** Drops every second mark. */
function thinMarks(sequence: usize): void {
  const marks = vectorAt(sequence + MARKS);
  const count = vectorLength(sequence + MARKS) / MARK_SIZE;
  let kept: u32 = 0;
  for (let index: u32 = 0; index < count; index++) {
    const mark = marks + index * MARK_SIZE;
    if ((index & 1) !== 0) {
      freeTable(mark);
      continue;
    }
    memory.copy(marks + kept * MARK_SIZE, mark, MARK_SIZE);
    kept++;
  }
  setVectorLength(sequence + MARKS, kept * MARK_SIZE);
}

/** Drops the `dropped` oldest marks. */
function dropMarks(sequence: usize, dropped: u32): void {
  const marks = vectorAt(sequence + MARKS);
  for (let index: u32 = 0; index < dropped; index++) freeTable(marks + index * MARK_SIZE);
  const left = vectorLength(sequence + MARKS) - dropped * MARK_SIZE;
  memory.copy(marks, marks + dropped * MARK_SIZE, left);
  setVectorLength(sequence + MARKS, left);
}

function freeTable(mark: usize): void {
  release(load<usize>(mark, MARK_TABLE), load<u32>(mark, MARK_COUNT) * VECTOR_ENTRY);
}
