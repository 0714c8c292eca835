/**
 * A growing list of bytes in the arena, as three words of some record: address, bytes in use, bytes of its block.
 *
 *     0   u32   address, 0 while nothing was ever added
 *     4   u32   length in bytes
 *     8   u32   bytes of the block at the address
 */
import { allocate, blockSize, reallocate, refuse, release } from './arena';

export const VECTOR_SIZE: usize = 12;
const LENGTH: usize = 4;
const CAPACITY: usize = 8;
const LARGEST: u64 = 1 << 30;

/** Address of the first byte. Stays until the list grows. */
export function vectorAt(vector: usize): usize {
  return load<usize>(vector);
}

/** Bytes in use. */
export function vectorLength(vector: usize): u32 {
  return load<u32>(vector, LENGTH);
}

/** Makes room for `bytes` more, and says where they go; they count as added. */
export function addToVector(vector: usize, bytes: u32): usize {
  const length = load<u32>(vector, LENGTH);
  const needed = u64(length) + u64(bytes);
  if (needed > u64(load<u32>(vector, CAPACITY))) growVector(vector, needed);
  store<u32>(vector, u32(needed), LENGTH);
  return load<usize>(vector) + length;
}

/** Makes room for `bytes` more behind what is in use, which stays as it is. */
export function reserveInVector(vector: usize, bytes: u32): usize {
  const length = load<u32>(vector, LENGTH);
  addToVector(vector, bytes);
  store<u32>(vector, length, LENGTH);
  return load<usize>(vector) + length;
}

/** Sets how many bytes are in use; at most what the list has had room for. */
export function setVectorLength(vector: usize, length: u32): void {
  store<u32>(vector, length, LENGTH);
}

/** Gives the memory back; the list is empty. */
export function freeVector(vector: usize): void {
  const at = load<usize>(vector);
  if (at !== 0) release(at, load<u32>(vector, CAPACITY));
  store<usize>(vector, 0);
  store<u32>(vector, 0, LENGTH);
  store<u32>(vector, 0, CAPACITY);
}

/** Empties the list, and gives its memory back where it is more than `keptBytes`. */
export function clearVector(vector: usize, keptBytes: u32): void {
  if (load<u32>(vector, CAPACITY) > keptBytes) freeVector(vector);
  else store<u32>(vector, 0, LENGTH);
}

function growVector(vector: usize, needed: u64): void {
  if (needed > LARGEST) refuse();
  const at = load<usize>(vector);
  const capacity = load<u32>(vector, CAPACITY);
  const length = load<u32>(vector, LENGTH);
  const bytes = u32(min(LARGEST, max(needed, u64(capacity) << 1)));
  store<usize>(vector, at === 0 ? allocate(bytes) : reallocate(at, capacity, length, bytes));
  store<u32>(vector, blockSize(bytes), CAPACITY);
}
