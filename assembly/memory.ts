/**
 * Linear memory as every kernel sees it: where the host's scratch space begins, and how it grows.
 * There is no allocator. The host lays out each call from `heapBase()` upwards and nothing outlives the call, so there is
 * nothing to free. Memory never shrinks (WebAssembly has no way to); giving it back means dropping the instance.
 *
 *     0            static data          heapBase()                                        memory.size() << 16
 *     |  unused  |  tables of the kernel  |  scratch: source, then target, laid out by the host  |
 */

/** Address of the first byte that belongs to the host. */
export function heapBase(): usize {
  return __heap_base;
}

/** 1 in the build with 128-bit SIMD, 0 in the one without. Every kernel exports it: it is how a host tells the two apart. */
export function simd(): u32 {
  return u32(ASC_FEATURE_SIMD);
}

/**
 * Grows memory until `[0, end)` is addressable; 1 when it is, 0 when the engine refused and nothing changed.
 * Pages are counted without adding to `end`, because `end + 65535` wraps to a small number near 2^32.
 */
export function ensure(end: usize): u32 {
  const pages = i32(end >>> 16) + i32((end & 0xffff) !== 0);
  const missing = pages - memory.size();
  if (missing <= 0) return 1;
  return u32(memory.grow(missing) >= 0);
}

/** Whether `[start, start + length)` lies inside memory. Counted in 64 bits, because the sum can pass 2^32. */
export function fits(start: usize, length: u32): bool {
  return u64(start) + u64(length) <= u64(memory.size()) << 16;
}
