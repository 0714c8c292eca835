/** What assembly/diff.ts does with linear memory: reads and writes nothing outside its ranges, grows in the middle of a call, and says when it cannot. */
import { describe, expect, it } from 'vitest';
import type { DiffExports } from '../../ts/kernel/compiled/diff.ts';
import { applyEdits, faultOfEdits, seededRandom } from '../oracle/edits.ts';
import { compiledDiff, DIFF_MODULES } from './diff-kernels.ts';

const PAGE = 65_536;
const BUDGET = 2 ** 20;
const GUARD = 0xa5;

interface RawDiff extends DiffExports {
  readonly memory: WebAssembly.Memory;
  heapBase(): number;
  ensure(end: number): number;
}

const DIFFS = [
  ['diff8', Uint8Array],
  ['diff16', Uint16Array],
  ['diff32', Uint32Array],
] as const;

describe.each(DIFF_MODULES)('diff in linear memory: %s', (_, bytes) => {
  const start = () => new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as RawDiff;

  it.each(DIFFS)('%s reads nothing past the end of memory, and grows where scratch memory begins there', (name, Units) => {
    for (let length = 1; length < 150; length++) {
      const kernel = start();
      kernel.ensure(2 * PAGE);
      const end = kernel.memory.buffer.byteLength;
      const sizeB = length * Units.BYTES_PER_ELEMENT;
      const a = end - 2 * sizeB;
      const values = Units.from(Array.from({ length: 2 * length }, (__, at) => (at % length === length >> 1 ? at : at % length) % 100));
      new Units(kernel.memory.buffer, a, 2 * length).set(values);
      const count = kernel[name](a, length, end - sizeB, length, end, BUDGET);
      const hunks = new Uint32Array(kernel.memory.buffer, kernel.hunksAt(), 4 * count).slice();
      expect(applyEdits({ hunks, isMinimal: true }, values.subarray(0, length), values.subarray(length))).toEqual([
        ...values.subarray(length),
      ]);
    }
  });

  it.each(DIFFS)('%s writes nothing below scratch memory, on any way through the plan', (name, Units) => {
    const random = seededRandom(11);
    for (const budget of [0, 500, BUDGET]) {
      const kernel = start();
      kernel.ensure(20 * PAGE);
      const memory = new Uint8Array(kernel.memory.buffer);
      memory.fill(GUARD, kernel.heapBase());
      const a = Math.ceil(kernel.heapBase() / 16) * 16 + 64;
      const b = a + 20_000;
      const scratch = b + 20_004;
      const values = Units.from(Array.from({ length: 4000 }, () => random() * 200));
      new Units(memory.buffer, a, 4000).set(values);
      new Units(memory.buffer, b, 3000).set(values.subarray(1000));
      new Units(memory.buffer, b + 2000 * Units.BYTES_PER_ELEMENT, 50).fill(7);
      const before = memory.slice(0, scratch);
      expect(kernel[name](a, 4000, b, 3000, scratch, budget)).toBeGreaterThan(0);
      const heap = kernel.heapBase();
      expect(Buffer.compare(new Uint8Array(kernel.memory.buffer).slice(heap, scratch), before.slice(heap))).toBe(0);
    }
  });

  it('finds and numbers elements up to the last byte of memory, and writes nothing outside the results', () => {
    const text = new TextEncoder().encode('[["a\\"b",{"c":[1]}], "long enough for sixteen bytes at once", "x", 12345 ,"x"]');
    for (let cut = 0; cut < text.length; cut++) {
      const kernel = start();
      kernel.ensure(PAGE);
      const memory = new Uint8Array(kernel.memory.buffer);
      memory.fill(GUARD, kernel.heapBase());
      const part = text.subarray(0, text.length - cut);
      const at = memory.length - part.length;
      const spans = Math.ceil(kernel.heapBase() / 16) * 16 + 16;
      const [ids, table] = [spans + 80, spans + 160];
      memory.set(part, at);
      expect(kernel.findElements(at, part.length, spans, 5)).toBe(cut === 0 ? 5 : -1);
      expect([...memory.subarray(spans - 16, spans), ...memory.subarray(spans + 40, ids)]).toEqual(Array(56).fill(GUARD));
      if (cut > 0) continue;
      expect(kernel.internElements(at, spans, 5, at, spans, 0, ids, ids + 20, table, 3)).toBe(1);
      expect([...new Uint32Array(memory.buffer, ids, 5)]).toEqual([0, 1, 2, 3, 2]);
      expect([...memory.subarray(ids + 20, table), ...memory.subarray(table + 128, at)].every((byte) => byte === GUARD)).toBe(true);
    }
  });

  it('says when there are more elements than fit, and writes no more than fit', () => {
    const kernel = start();
    const base = Math.ceil(kernel.heapBase() / 16) * 16;
    kernel.ensure(base + 200);
    const memory = new Uint8Array(kernel.memory.buffer);
    memory.set(new TextEncoder().encode('[1,2,3]'), base);
    memory.fill(GUARD, base + 32, base + 64);
    expect(kernel.findElements(base, 7, base + 32, 2)).toBe(-2);
    expect([...new Uint32Array(memory.buffer, base + 32, 4)]).toEqual([1, 2, 3, 4]);
    expect([...memory.subarray(base + 48, base + 64)]).toEqual(Array(16).fill(GUARD));
  });

  it('refuses ranges outside memory', () => {
    const kernel = start();
    const size = kernel.memory.buffer.byteLength;
    const base = kernel.heapBase();
    expect(kernel.diff8(size - 2, 3, base, 1, base, BUDGET)).toBe(-1);
    expect(kernel.diff16(base, 1, size - 4, 3, base, BUDGET)).toBe(-1);
    expect(kernel.diff32(base, 0xffff_ffff, base, 1, base, BUDGET)).toBe(-1);
    expect(kernel.diff8(base, 1, base, 1, size + 1, BUDGET)).toBe(-1);
    expect(kernel.findElements(size - 1, 2, base, 1)).toBe(-3);
    expect(kernel.findElements(base, 1, size - 8, 2)).toBe(-3);
    expect(kernel.internElements(base, size, 1, base, base, 0, base, base, base, 3)).toBe(0);
    expect(kernel.internElements(base, base, 4, base, base, 4, base, base, base, 3)).toBe(0);
    expect(kernel.internElements(base, base, 1, base, base, 0, base, base, size - 127, 3)).toBe(0);
  });

  it('refuses, and works on, where scratch memory would pass 4 GiB', () => {
    const kernel = start();
    // Nobody touches these pages, so the operating system backs none of them; an engine may refuse them all the same.
    if (kernel.ensure(0xffff_ffff) === 0) return;
    const base = Math.ceil(kernel.heapBase() / 16) * 16;
    new Uint8Array(kernel.memory.buffer).set([1, 2, 3, 4, 5, 6], base);
    expect(kernel.diff8(base, 3, base + 3, 3, 0xffff_fff0, BUDGET)).toBe(-1);
    expect(kernel.diff8(base, 3, base + 3, 3, base + 16, BUDGET)).toBe(1);
  });

  it('grows in the middle of a call, and goes on with large and small inputs', () => {
    const kernel = compiledDiff(bytes);
    const random = seededRandom(12);
    for (const length of [10, 200_000, 10, 1_000_000, 0]) {
      const a = Uint8Array.from({ length }, () => random() * 256);
      // Every 50th byte differs: some 20,000 hunks.
      const b = a.map((byte, at) => (at % 50 === 7 ? byte ^ 1 : byte));
      const edits = kernel.diffBytes(a, b, 10_000_000);
      expect(faultOfEdits(edits, a, b)).toBeNull();
      expect(edits.hunks.length).toBeGreaterThanOrEqual(4 * Math.floor(length / 50));
      expect(kernel.diffText('grow', 'grown')).toEqual({ hunks: Uint32Array.of(4, 4, 4, 5), isMinimal: true });
    }
  });

  it('refuses with KERNEL_MEMORY what 4 GiB cannot hold, and works on', () => {
    const kernel = compiledDiff(bytes);
    const tooLarge = new Uint8Array(2 ** 31);
    expect(() => kernel.diffBytes(tooLarge, tooLarge)).toThrow(expect.objectContaining({ code: 'KERNEL_MEMORY' }));
    expect(() => kernel.internElements(tooLarge, tooLarge)).toThrow(expect.objectContaining({ code: 'KERNEL_MEMORY' }));
    expect(kernel.diffBytes(Uint8Array.of(1), Uint8Array.of(1, 2)).hunks).toEqual(Uint32Array.of(1, 1, 1, 2));
  });
});
