/**
 * Updates that came before what they need: a queue for each author by the name that the update gives it, by first counter. Only the head of a queue can be
 * next, so only heads are tried again. Queues are tried in the order in which they came to be, and found by their names in a table.
 *
 *     queue    0 queue next | 4 queue previous | 8 queue next with the same place in the table | 12 u32 whether the name is full | 16 u32 high
 *              | 20 u32 low or short | 24 vector of updates | 36 u32 bytes of that vector in front of the head
 *     update   0 u32 first counter | 4 u32 last counter | 8 u32 length | 12 u32 first handle | 16 its bytes
 */
import { allocate, release } from './arena';
import { EARLY_UPDATE, faultAt, NEED_STATE, OK } from './fault';
import { startReading } from './reader';
import { EARLY_BYTES, EARLY_COUNT, EARLY_LAST, EARLY_QUEUES, EARLY_TABLE, UNIT_SHIFT } from './record';
import { COVERED } from './replica';
import { applyUpdate, hasApplied, resolveName } from './update-apply';
import { checkUpdate, firstCounter, hasFullNames, lastCounter, nameHigh, nameLow } from './update-form';
import { addToVector, freeVector, setVectorLength, vectorAt, vectorLength } from './vector';

const NEXT: usize = 0;
const PREVIOUS: usize = 4;
const NEXT_IN_PLACE: usize = 8;
const IS_FULL: usize = 12;
const NAME_HIGH: usize = 16;
const NAME_LOW: usize = 20;
const UPDATES: usize = 24;
const HEAD: usize = 36;
const QUEUE_SIZE: u32 = 40;

const FIRST_COUNTER: usize = 0;
const LAST_COUNTER: usize = 4;
const BYTES_LENGTH: usize = 8;
const FIRST_HANDLE: usize = 12;
const HEADER_SIZE: u32 = 16;

const LEAST_SHIFT: u32 = 4096;

/** Places of the table of names. */
const PLACES: u32 = 1024;

/** How much may wait, in bytes; each update counts for some more. */
const MAX_WAITING: u64 = 64 << 20;
const OVERHEAD: u32 = 64;

/** Keeps a copy of the update that `checkUpdate` read last, unless one with the same author and counters waits. 0, or NEED_STATE when it is too much. */
export function keepEarly(sequence: usize, bytes: usize, length: u32, firstHandle: u32): u32 {
  let queue = findQueue(sequence);
  const first = firstCounter();
  const at: u32 = queue === 0 ? 0 : placeBehind(queue, first);
  if (queue !== 0 && isWaiting(queue, at, first)) return OK;
  const size = load<u32>(sequence, EARLY_BYTES) + length + OVERHEAD;
  if (u64(size) > MAX_WAITING) return faultAt(NEED_STATE, 0);
  store<u32>(sequence, size, EARLY_BYTES);
  store<u32>(sequence, load<u32>(sequence, EARLY_COUNT) + 1, EARLY_COUNT);
  if (queue === 0) queue = addQueue(sequence);
  const update = allocate(HEADER_SIZE + length);
  store<u32>(update, first, FIRST_COUNTER);
  store<u32>(update, lastCounter(), LAST_COUNTER);
  store<u32>(update, length, BYTES_LENGTH);
  store<u32>(update, firstHandle, FIRST_HANDLE);
  memory.copy(update + HEADER_SIZE, bytes, length);
  store<usize>(openPlace(queue, at), update);
  return OK;
}

/** Tries again what waits, until nothing of it can be applied. 0, or the fault of an update, which then no longer waits. */
export function applyEarly(sequence: usize): u32 {
  let isMoving: bool = load<u32>(sequence, EARLY_COUNT) !== 0;
  while (isMoving) {
    isMoving = false;
    let queue = load<usize>(sequence, EARLY_QUEUES);
    while (queue !== 0) {
      const next = load<usize>(queue, NEXT);
      let isLast: bool = false;
      while (!isLast) {
        const result = tryHead(sequence, queue);
        if (result === EARLY_UPDATE) {
          isMoving = isMoving || tried;
          break;
        }
        isLast = dropHead(sequence, queue);
        if (result !== OK) return result;
        isMoving = true;
      }
      queue = next;
    }
  }
  return OK;
}

export function freeEarly(sequence: usize): void {
  while (load<usize>(sequence, EARLY_QUEUES) !== 0) dropHead(sequence, load<usize>(sequence, EARLY_QUEUES));
  if (load<usize>(sequence, EARLY_TABLE) !== 0) release(load<usize>(sequence, EARLY_TABLE), PLACES << 2);
}

/** Whether the update that was tried last changed anything. */
let tried: bool = false;

function headOf(queue: usize): usize {
  return load<usize>(vectorAt(queue + UPDATES) + load<u32>(queue, HEAD));
}

function tryHead(sequence: usize, queue: usize): u32 {
  tried = false;
  const update = headOf(queue);
  const replica = resolveName(sequence, load<u32>(queue, IS_FULL) !== 0, load<u32>(queue, NAME_HIGH), load<u32>(queue, NAME_LOW));
  if (replica === 1) return faultAt(NEED_STATE, 0);
  const covered: u32 = replica === 0 ? 0 : load<u32>(replica, COVERED);
  if (load<u32>(update, FIRST_COUNTER) > covered + 1) return EARLY_UPDATE;
  startReading(update + HEADER_SIZE, load<u32>(update, BYTES_LENGTH));
  checkUpdate(load<u32>(sequence, UNIT_SHIFT) === 1);
  const result = applyUpdate(sequence, load<u32>(update, FIRST_HANDLE));
  tried = hasApplied();
  return result;
}

/** Takes the first update out of a queue, and the queue when it was the only one: then true. */
function dropHead(sequence: usize, queue: usize): bool {
  const update = headOf(queue);
  const length = load<u32>(update, BYTES_LENGTH);
  store<u32>(sequence, load<u32>(sequence, EARLY_BYTES) - length - OVERHEAD, EARLY_BYTES);
  store<u32>(sequence, load<u32>(sequence, EARLY_COUNT) - 1, EARLY_COUNT);
  release(update, HEADER_SIZE + length);
  let head = load<u32>(queue, HEAD) + 4;
  const end = vectorLength(queue + UPDATES);
  if (head === end) {
    dropQueue(sequence, queue);
    return true;
  }
  // What is in front of the head is let go when it is more than the rest.
  if (head > LEAST_SHIFT && head > end >> 1) {
    const updates = vectorAt(queue + UPDATES);
    memory.copy(updates, updates + head, end - head);
    setVectorLength(queue + UPDATES, end - head);
    head = 0;
  }
  store<u32>(queue, head, HEAD);
  return false;
}

/** Where, in bytes of the vector, an update with that first counter goes: behind all that have it or a lower one. */
function placeBehind(queue: usize, first: u32): u32 {
  const updates = vectorAt(queue + UPDATES);
  let low = load<u32>(queue, HEAD) >> 2;
  let high = vectorLength(queue + UPDATES) >> 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<u32>(load<usize>(updates + (usize(middle) << 2)), FIRST_COUNTER) > first) high = middle;
    else low = middle + 1;
  }
  return low << 2;
}

/** Makes room for one update at a place, in bytes of the vector, and gives its address. */
function openPlace(queue: usize, at: u32): usize {
  const length = vectorLength(queue + UPDATES);
  let head = load<u32>(queue, HEAD);
  if (at !== head || length === 0) {
    addToVector(queue + UPDATES, 4);
    const place = vectorAt(queue + UPDATES) + at;
    memory.copy(place + 4, place, length - at);
    return place;
  }
  if (head === 0) {
    // Who gets updates from the last to the first gets more of them: as much room again.
    addToVector(queue + UPDATES, length);
    head = length;
    memory.copy(vectorAt(queue + UPDATES) + head, vectorAt(queue + UPDATES), length);
  }
  store<u32>(queue, head - 4, HEAD);
  return vectorAt(queue + UPDATES) + head - 4;
}

/** Whether one of the updates in front of a place has the same counters. */
function isWaiting(queue: usize, at: u32, first: u32): bool {
  const updates = vectorAt(queue + UPDATES);
  for (let place = at; place > load<u32>(queue, HEAD); place -= 4) {
    const update = load<usize>(updates + place - 4);
    if (load<u32>(update, FIRST_COUNTER) !== first) return false;
    if (load<u32>(update, LAST_COUNTER) === lastCounter()) return true;
  }
  return false;
}

/** Where the table has the first queue with names like this. */
function placeOf(sequence: usize, low: u32): usize {
  return load<usize>(sequence, EARLY_TABLE) + (usize((low * 0x9e37_79b1) >> 22) << 2);
}

function findQueue(sequence: usize): usize {
  if (load<usize>(sequence, EARLY_TABLE) === 0) return 0;
  const isFull = u32(hasFullNames());
  let queue = load<usize>(placeOf(sequence, nameLow()));
  while (queue !== 0) {
    const isSame =
      load<u32>(queue, IS_FULL) === isFull && load<u32>(queue, NAME_HIGH) === nameHigh() && load<u32>(queue, NAME_LOW) === nameLow();
    if (isSame) break;
    queue = load<usize>(queue, NEXT_IN_PLACE);
  }
  return queue;
}

/** A new empty queue behind all others. */
function addQueue(sequence: usize): usize {
  if (load<usize>(sequence, EARLY_TABLE) === 0) {
    const table = allocate(PLACES << 2);
    memory.fill(table, 0, PLACES << 2);
    store<usize>(sequence, table, EARLY_TABLE);
  }
  const queue = allocate(QUEUE_SIZE);
  memory.fill(queue, 0, QUEUE_SIZE);
  store<u32>(queue, u32(hasFullNames()), IS_FULL);
  store<u32>(queue, nameHigh(), NAME_HIGH);
  store<u32>(queue, nameLow(), NAME_LOW);
  const place = placeOf(sequence, nameLow());
  store<usize>(queue, load<usize>(place), NEXT_IN_PLACE);
  store<usize>(place, queue);
  const last = load<usize>(sequence, EARLY_LAST);
  store<usize>(queue, last, PREVIOUS);
  if (last === 0) store<usize>(sequence, queue, EARLY_QUEUES);
  else store<usize>(last, queue, NEXT);
  store<usize>(sequence, queue, EARLY_LAST);
  return queue;
}

function dropQueue(sequence: usize, queue: usize): void {
  const next = load<usize>(queue, NEXT);
  const previous = load<usize>(queue, PREVIOUS);
  if (next === 0) store<usize>(sequence, previous, EARLY_LAST);
  else store<usize>(next, previous, PREVIOUS);
  if (previous === 0) store<usize>(sequence, next, EARLY_QUEUES);
  else store<usize>(previous, next, NEXT);
  let link = placeOf(sequence, load<u32>(queue, NAME_LOW));
  while (load<usize>(link) !== queue) link = load<usize>(link) + NEXT_IN_PLACE;
  store<usize>(link, load<usize>(queue, NEXT_IN_PLACE));
  freeVector(queue + UPDATES);
  release(queue, QUEUE_SIZE);
}
