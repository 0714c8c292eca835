/**
 * Memory for one diff: a pointer that only moves up, from where the host's data ends, until the call is over. When the engine refuses to grow,
 * `isRefused()` stays true for the rest of the call, and whoever reserves gets 0.
 */
import { ensure } from '../memory';

let top: usize = 0;
let refused: bool = false;

/** Begins a call: everything from `from` on is free. */
export function startScratch(from: usize): void {
  top = align(from);
  refused = false;
}

/** `bytes` of memory with any content, at an address divisible by 16; 0 when the engine refused. */
export function reserve(bytes: u64): usize {
  const start = top;
  const end = u64(start) + bytes + 15;
  if (refused || end > u64(u32.MAX_VALUE) || !ensure(usize(end))) {
    refused = true;
    return 0;
  }
  top = align(start + usize(bytes));
  return start;
}

/** Makes everything from `to` on free again; `to` lies in what was reserved. */
export function releaseTo(to: usize): void {
  top = align(to);
}

/** Where the next reservation will begin. */
export function scratchTop(): usize {
  return top;
}

export function isRefused(): bool {
  return refused;
}

function align(address: usize): usize {
  return (address + 15) & ~15;
}
