/**
 * Memory for sequences: blocks of power-of-two sizes, each size with a list of free ones; new ones come from the top of linear memory. All
 * documents of a thread share it, and what one gives back the next one takes. A larger free block is halved where there is none of a size. They are
 * never joined again, so memory is at most what every size needed at its peak.
 *
 *     static data | block | block | ... | top        free block:  u32 next free block of its size, then anything
 *
 * When the engine refuses to grow, `isRefused()` becomes true and the call traps: half of a change cannot be taken back. The host then treats
 * that one sequence as lost; every other one is whole.
 */
import { ensure } from '../memory';

/** Blocks have at least 2^6 bytes, so addresses are divisible by 64. */
const LEAST_BITS: u32 = 6;
const LARGEST_BLOCK: u32 = 1 << 30;
/** Memory grows by at least this much at a time: growing is slow, and detaches the host's views. */
const LEAST_GROWTH: u64 = 1 << 20;

const LISTS: u32 = 32;
const FREE_LISTS: usize = memory.data(LISTS * 4, 4);

let top: usize = (__heap_base + 63) & ~63;
let refused: bool = false;
let bytesInUse: u32 = 0;

/** Whether a call trapped because the engine refused memory. */
export function isRefused(): u32 {
  return u32(refused);
}

/** Bytes of all blocks that are in use. */
export function usedBytes(): u32 {
  return bytesInUse;
}

/** A block of at least `bytes` bytes with any content. Traps when the engine refuses. */
export function allocate(bytes: u32): usize {
  const bits = bitsOf(bytes);
  const list = FREE_LISTS + (usize(bits) << 2);
  const free = load<usize>(list);
  if (free !== 0) {
    store<usize>(list, load<usize>(free));
    bytesInUse += 1 << bits;
    return free;
  }
  if (bytes > LARGEST_BLOCK) refuse();
  const half = halve(bits);
  if (half !== 0) {
    bytesInUse += 1 << bits;
    return half;
  }
  const block = top;
  const end = u64(block) + (u64(1) << bits);
  if (end > u64(memory.size()) << 16) growTo(end);
  top = usize(end);
  bytesInUse += 1 << bits;
  return block;
}

/** Gives back a block that was allocated with `bytes`, or with any number of the same size class. */
export function release(block: usize, bytes: u32): void {
  const bits = bitsOf(bytes);
  const list = FREE_LISTS + (usize(bits) << 2);
  store<usize>(block, load<usize>(list));
  store<usize>(list, block);
  bytesInUse -= 1 << bits;
}

/** How many bytes a block for `bytes` bytes really has. */
export function blockSize(bytes: u32): u32 {
  return 1 << bitsOf(bytes);
}

/** A block of at least `bytes` bytes that begins with the `kept` bytes at `block`, which is given back. */
export function reallocate(block: usize, oldBytes: u32, kept: u32, bytes: u32): usize {
  const larger = allocate(bytes);
  if (block !== 0) {
    memory.copy(larger, block, kept);
    release(block, oldBytes);
  }
  return larger;
}

/** Ends the call for want of memory. */
export function refuse(): void {
  refused = true;
  unreachable();
}

/** A block of a size cut off the smallest larger one that is free, or 0. */
function halve(bits: u32): usize {
  let larger = bits + 1;
  while (larger < LISTS && load<usize>(FREE_LISTS + (usize(larger) << 2)) === 0) larger++;
  if (larger >= LISTS) return 0;
  const first = FREE_LISTS + (usize(larger) << 2);
  const block = load<usize>(first);
  store<usize>(first, load<usize>(block));
  while (larger > bits) {
    larger--;
    const list = FREE_LISTS + (usize(larger) << 2);
    const other = block + (usize(1) << larger);
    store<usize>(other, load<usize>(list));
    store<usize>(list, other);
  }
  return block;
}

function growTo(end: u64): void {
  const size = u64(memory.size()) << 16;
  const wanted = max(end, size + max(LEAST_GROWTH, size >> 2));
  if (wanted <= u64(u32.MAX_VALUE) && ensure(usize(wanted))) return;
  if (end > u64(u32.MAX_VALUE) || !ensure(usize(end))) refuse();
}

function bitsOf(bytes: u32): u32 {
  return bytes <= 1 << LEAST_BITS ? LEAST_BITS : 32 - clz(bytes - 1);
}
