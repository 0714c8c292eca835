/** Linear memory under the compiled Base64 kernels: its ends, its growth, and what is refused. */
import { describe, expect, it } from 'vitest';
import { type Base64Exports, createCompiledBase64 } from '../../ts/kernel/compiled/base64.ts';
import type { LinearModule } from '../../ts/kernel/linear.ts';
import { ALPHABETS, encodeByBuffer } from '../contract/base64.ts';
import { someBytes } from '../contract/base64-forms.ts';
import { BASE64_MODULES, startBase64 } from './base64-kernels.ts';

/** Larger than any block that SIMD writes at once, with room to spare. */
const GUARD_BYTES = 64;
const GUARD = 0x5a;

describe.each(Object.keys(BASE64_MODULES))('linear memory of %s', (name) => {
  it('does not grow with the input for arrays and for the caller’s targets', () => {
    const module = startBase64(name);
    const kernel = createCompiledBase64(module);
    const plain = someBytes(3_000_000);
    kernel.encodeBase64(plain.subarray(0, 1000));
    const before = module.reserve(0).length;
    const text = kernel.encodeBase64(plain);
    kernel.decodeBase64(text);
    kernel.encodeBase64Into(plain, new Uint8Array(text.length));
    kernel.decodeBase64Into(text, new Uint8Array(plain.length));
    expect(module.reserve(0).length).toBe(before);
    expect(before).toBeLessThanOrEqual(256 * 1024);
    kernel.encodeBase64View(plain);
    expect(module.reserve(0).length).toBeGreaterThan(plain.length + text.length);
  });

  it('refuses with KERNEL_MEMORY a view that cannot fit in 4 GiB together with its source, and works on', () => {
    // 2 GiB that nobody touches: the operating system backs none of it, and the refusal comes before any copy.
    const tooLarge = new Uint8Array(2 ** 31);
    const kernel = createCompiledBase64(startBase64(name));
    expect(() => kernel.encodeBase64View(tooLarge)).toThrow(expect.objectContaining({ code: 'KERNEL_MEMORY' }));
    expect(kernel.encodeBase64(Uint8Array.of(0))).toEqual(new TextEncoder().encode('AA=='));
  });

  it('refuses with KERNEL_MEMORY where the engine does not let it grow, and works on in what there is', () => {
    const module = refusingToGrow(startBase64(name));
    const kernel = createCompiledBase64(module);
    const plain = someBytes(300_000);
    const text = kernel.encodeBase64(plain);
    expect(() => kernel.encodeBase64View(plain)).toThrow(expect.objectContaining({ code: 'KERNEL_MEMORY' }));
    expect(() => kernel.decodeBase64View(text)).toThrow(expect.objectContaining({ code: 'KERNEL_MEMORY' }));
    expect(() => kernel.decodeBase64Parts(text, Uint32Array.of(0, text.length))).toThrow(
      expect.objectContaining({ code: 'KERNEL_MEMORY' }),
    );
    expect(Buffer.compare(kernel.decodeBase64(text), plain)).toBe(0);
  });

  it('writes nothing beside the target, for every length and alignment', () => {
    const { exports: kernel, base, reserve } = startBase64(name);
    const memory = reserve(base + 4096);
    const source = base + 1024;
    for (const [url, alphabet] of ALPHABETS.entries()) {
      for (let length = 0; length < 150; length++) {
        const plain = someBytes(length);
        const text = Buffer.from(encodeByBuffer(plain, alphabet));
        const target = base + 2048 + (length % 16);
        memory.fill(GUARD, base);
        memory.set(plain, source);
        expect(kernel.encodeBase64(source, length, target, url)).toBe(0);
        expectBetweenGuards(memory, target, text);
        memory.fill(GUARD, base);
        memory.set(text, source);
        expect(kernel.decodeBase64(source, text.length, target, url, 1)).toBe(0);
        expectBetweenGuards(memory, target, plain);
      }
    }
  });

  it('writes nothing beside the target when the text has a fault anywhere', () => {
    const { exports: kernel, base, reserve } = startBase64(name);
    const memory = reserve(base + 4096);
    const text = Buffer.from(encodeByBuffer(someBytes(90), 'standard'));
    for (let length = 1; length <= text.length; length++) {
      for (let at = 0; at < length; at += length < 60 ? 1 : 3) {
        memory.fill(GUARD, base);
        memory.set(text.subarray(0, length), base + 1024);
        memory[base + 1024 + at] = 0x3d;
        const url = at % 2;
        const target = base + 2048;
        const result = kernel.decodeBase64(base + 1024, length, target, url, 1);
        const end = target + Math.floor((length * 3) / 4);
        const isLegal = result === 0;
        expect(isLegal).toBe(url === 0 && length % 4 === 0 && at === length - 1);
        expectGuards(memory, target, end);
      }
    }
  });

  it('works up to the very end of memory, for source and for target', () => {
    const { exports: kernel, base, reserve } = startBase64(name);
    const memory = reserve(base + 4096);
    const end = memory.length;
    for (const [url, alphabet] of ALPHABETS.entries()) {
      for (let length = 1; length < 120; length++) {
        const plain = someBytes(length);
        const text = Buffer.from(encodeByBuffer(plain, alphabet));
        memory.set(plain, end - length);
        expect(kernel.encodeBase64(end - length, length, base, url)).toBe(0);
        expectBetweenGuards(memory, base, text, 0);
        memory.set(plain, base);
        expect(kernel.encodeBase64(base, length, end - text.length, url)).toBe(0);
        expectBetweenGuards(memory, end - text.length, text, 0);
        expect(kernel.decodeBase64(end - text.length, text.length, base, url, 1)).toBe(0);
        expectBetweenGuards(memory, base, plain, 0);
        memory.set(text, base);
        expect(kernel.decodeBase64(base, text.length, end - length, url, 1)).toBe(0);
        expectBetweenGuards(memory, end - length, plain, 0);
      }
    }
  });

  it('is checked inside as well: ranges outside it give result 5 and change nothing', () => {
    const { exports: kernel, base, reserve } = startBase64(name);
    const memory = reserve(0);
    const size = memory.length;
    const before = memory.slice();
    expect(kernel.encodeBase64(size - 2, 3, base, 0)).toBe(5);
    expect(kernel.encodeBase64(base, 3, size - 3, 0)).toBe(5);
    expect(kernel.encodeBase64(base, 0xffff_ffff, base, 0)).toBe(5);
    expect(kernel.encodeBase64(base, 3, size - 3, 1)).toBe(5);
    expect(kernel.decodeBase64(size - 3, 4, base, 0, 1)).toBe(5);
    expect(kernel.decodeBase64(base, 4, size - 2, 0, 1)).toBe(5);
    expect(kernel.decodeBase64(0xffff_fffc, 4, base, 0, 1)).toBe(5);
    expect(kernel.decodeBase64Parts(base, size - 4, 1, base + 64, size, 0)).toBe(5);
    expect(kernel.decodeBase64Parts(base, base, 0xffff_ffff, base + 64, size, 0)).toBe(5);
    expect(kernel.decodeBase64Parts(base, base, 1, base + 64, size + 1, 0)).toBe(5);
    expect(Buffer.compare(memory, before)).toBe(0);
  });

  it('checks each part: its range, and the room that is left for it', () => {
    const { exports: kernel, base, reserve } = startBase64(name);
    const memory = reserve(base + 4096);
    const text = Buffer.from('YWJj'.repeat(8));
    const table = base + 256;
    const target = base + 1024;
    const run = (room: number, ...ranges: number[]): number => {
      memory.fill(GUARD, base);
      memory.set(text, base);
      new Uint32Array(memory.buffer, table, ranges.length).set(ranges);
      const result = kernel.decodeBase64Parts(base, table, ranges.length / 2, target, target + room, 0);
      expectGuards(memory, target, target + room);
      return result;
    };
    expect(run(24, 0, 32)).toBe(0);
    expect(run(23, 0, 32)).toBe(5);
    expect(run(19, 0, 4, 4, 8)).toBe(0);
    expect(run(18, 0, 4, 4, 8)).toBe(5);
    expect(run(24, 8, 4)).toBe(5);
    expect(run(24, 0, memory.length)).toBe(5);
  });

  it('grows by whole pages to what was asked for, without wrapping near 2^32', () => {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(BASE64_MODULES[name]!));
    const memory = instance.exports['memory'] as WebAssembly.Memory;
    const ensure = instance.exports['ensure'] as (end: number) => number;
    for (const end of [1, 65_535, 65_536, 65_537, 131_072, 131_073, 1_000_000]) {
      const before = memory.buffer.byteLength;
      expect(ensure(end)).toBe(1);
      expect(memory.buffer.byteLength).toBe(Math.max(before, 65_536 * Math.ceil(end / 65_536)));
    }
    const before = memory.buffer.byteLength;
    const granted = ensure(0xffff_ffff) === 1;
    expect(memory.buffer.byteLength).toBe(granted ? 2 ** 32 : before);
  });

  it('is seen anew after the module itself, or anyone else, has let it grow', () => {
    const module = startBase64(name);
    const small = module.reserve(0);
    const { ensure } = module.exports as unknown as { ensure(end: number): number };
    ensure(small.length + 1);
    expect(small.length).toBe(0);
    expect(module.reserve(0).length).toBeGreaterThan(0);
  });
});

/** The module, which after it has its window refuses to grow. */
function refusingToGrow(module: LinearModule<Base64Exports>): LinearModule<Base64Exports> {
  const { exports: kernel } = module;
  const small = module.reserve(256 * 1024).length;
  return {
    ...module,
    exports: kernel,
    // What `reserve` does beyond this is to ask the engine, which cannot be made to refuse here at less than 4 GiB.
    reserve: (end) => module.reserve(end > small ? 2 ** 33 : end),
  };
}

function expectBetweenGuards(memory: Uint8Array, at: number, expected: Uint8Array, guards: number = GUARD_BYTES): void {
  expect(Buffer.compare(memory.subarray(at, at + expected.length), expected)).toBe(0);
  if (guards > 0) expectGuards(memory, at, at + expected.length);
}

function expectGuards(memory: Uint8Array, start: number, end: number): void {
  expect(memory.subarray(start - GUARD_BYTES, start).every((byte) => byte === GUARD)).toBe(true);
  expect(memory.subarray(end, end + GUARD_BYTES).every((byte) => byte === GUARD)).toBe(true);
}
