/**
 * How far two places in memory are equal, forwards and backwards, in units of u8, u16 or u32: what a diff spends most of its time on.
 * Eight bytes at a time, or sixteen where the module is built with SIMD. Nothing outside the two ranges is read.
 */

/** How many units are equal from `a` and `b` on, at most `limit`; 0 when that is negative. */
export function commonPrefix<T>(a: usize, b: usize, limit: i32): i32 {
  if (limit <= 0) return 0;
  const bytes = usize(limit) * sizeof<T>();
  let at: usize = 0;
  if (bytes >= 8) {
    const differing = load<u64>(a) ^ load<u64>(b);
    if (differing !== 0) return i32((usize(ctz(differing)) >> 3) / sizeof<T>());
    at = 8;
  }
  if (ASC_FEATURE_SIMD) {
    while (at + 64 <= bytes) {
      const p = a + at;
      const q = b + at;
      const first = v128.or(v128.xor(v128.load(p), v128.load(q)), v128.xor(v128.load(p, 16), v128.load(q, 16)));
      const second = v128.or(v128.xor(v128.load(p, 32), v128.load(q, 32)), v128.xor(v128.load(p, 48), v128.load(q, 48)));
      if (v128.any_true(v128.or(first, second))) break;
      at += 64;
    }
    while (at + 16 <= bytes) {
      const equal = i8x16.bitmask(i8x16.eq(v128.load(a + at), v128.load(b + at)));
      if (equal !== 0xffff) return i32((at + usize(ctz(~equal))) / sizeof<T>());
      at += 16;
    }
  }
  while (at + 8 <= bytes) {
    const differing = load<u64>(a + at) ^ load<u64>(b + at);
    if (differing !== 0) return i32((at + (usize(ctz(differing)) >> 3)) / sizeof<T>());
    at += 8;
  }
  while (at < bytes && load<T>(a + at) === load<T>(b + at)) at += sizeof<T>();
  return i32(at / sizeof<T>());
}

/** How many units are equal before `a` and `b`, at most `limit`; 0 when that is negative. */
export function commonSuffix<T>(a: usize, b: usize, limit: i32): i32 {
  if (limit <= 0) return 0;
  const bytes = usize(limit) * sizeof<T>();
  let at: usize = 0;
  if (bytes >= 8) {
    const differing = load<u64>(a - 8) ^ load<u64>(b - 8);
    if (differing !== 0) return i32((usize(clz(differing)) >> 3) / sizeof<T>());
    at = 8;
  }
  if (ASC_FEATURE_SIMD) {
    while (at + 64 <= bytes) {
      const p = a - at - 64;
      const q = b - at - 64;
      const first = v128.or(v128.xor(v128.load(p), v128.load(q)), v128.xor(v128.load(p, 16), v128.load(q, 16)));
      const second = v128.or(v128.xor(v128.load(p, 32), v128.load(q, 32)), v128.xor(v128.load(p, 48), v128.load(q, 48)));
      if (v128.any_true(v128.or(first, second))) break;
      at += 64;
    }
    while (at + 16 <= bytes) {
      const equal = i8x16.bitmask(i8x16.eq(v128.load(a - at - 16), v128.load(b - at - 16)));
      if (equal !== 0xffff) return i32((at + usize(clz(~equal << 16))) / sizeof<T>());
      at += 16;
    }
  }
  while (at + 8 <= bytes) {
    const differing = load<u64>(a - at - 8) ^ load<u64>(b - at - 8);
    if (differing !== 0) return i32((at + (usize(clz(differing)) >> 3)) / sizeof<T>());
    at += 8;
  }
  while (at < bytes && load<T>(a - at - sizeof<T>()) === load<T>(b - at - sizeof<T>())) at += sizeof<T>();
  return i32(at / sizeof<T>());
}
