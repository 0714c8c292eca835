/** The Base64 contract over every kernel, and the kernels against each other. The debug build of the module has its assertions on. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileKernel } from '../../scripts/build-wasm.mjs';
import { portableBase64 } from '../../ts/kernel/portable/base64.ts';
import { createWasmKernel } from '../../ts/kernel/wasm.ts';
import { describeBase64Kernel, nearBase64, outcomeOf } from '../contract/base64.ts';

const debugModule = await compileKernel('debug');
const wasm = createWasmKernel();

describeBase64Kernel('portable', () => portableBase64);
describeBase64Kernel('wasm', () => createWasmKernel());
describeBase64Kernel('wasm, debug build', () => createWasmKernel(debugModule));

describe('portable and wasm', () => {
  it('say which they are', () => {
    expect([portableBase64.kind, wasm.kind]).toEqual(['portable', 'wasm']);
  });

  it('give the same bytes, codes and offsets for random malformed input', () => {
    fc.assert(
      fc.property(fc.oneof(nearBase64(), fc.uint8Array({ maxLength: 60 })), (source) => {
        expect(outcomeOf(() => wasm.decodeBase64(source))).toEqual(outcomeOf(() => portableBase64.decodeBase64(source)));
      }),
      { numRuns: 5000 },
    );
  });

  it('fail with the same words', () => {
    for (const text of ['YW!j', 'YQ=', 'YQ', 'YR==']) {
      const source = new TextEncoder().encode(text);
      expect(messageOf(() => wasm.decodeBase64(source))).toBe(messageOf(() => portableBase64.decodeBase64(source)));
    }
  });

  it('decode one after the other without remembering the last fault', () => {
    const broken = new TextEncoder().encode('YWJj~');
    const whole = new TextEncoder().encode('YWJj');
    expect(outcomeOf(() => wasm.decodeBase64(broken))).toEqual({ code: 'KERNEL_BASE64_CHARACTER', offset: 4 });
    expect(outcomeOf(() => wasm.decodeBase64(whole))).toEqual({ bytes: [97, 98, 99] });
  });
});

describe('linear memory', () => {
  it('refuses with KERNEL_MEMORY what cannot fit in 4 GiB together with its result, and works on', () => {
    // 2 GiB that nobody touches: the operating system backs none of it, and the refusal comes before any copy.
    const tooLarge = new Uint8Array(2 ** 31);
    const kernel = createWasmKernel();
    expect(() => kernel.encodeBase64(tooLarge)).toThrow(expect.objectContaining({ code: 'KERNEL_MEMORY' }));
    expect(kernel.encodeBase64(Uint8Array.of(0))).toEqual(new TextEncoder().encode('AA=='));
  });

  it('grows by whole pages to what was asked for, without wrapping near 2^32', () => {
    const { memory, ensure } = rawKernel();
    for (const end of [1, 65_535, 65_536, 65_537, 131_072, 131_073, 1_000_000]) {
      const before = memory.buffer.byteLength;
      expect(ensure(end)).toBe(1);
      expect(memory.buffer.byteLength).toBe(Math.max(before, 65_536 * Math.ceil(end / 65_536)));
    }
    const before = memory.buffer.byteLength;
    const granted = ensure(0xffff_ffff) === 1;
    expect(memory.buffer.byteLength).toBe(granted ? 2 ** 32 : before);
  });

  it('is checked inside as well: ranges outside it give result 5 and change nothing', () => {
    const { memory, heapBase, encodeBase64, decodeBase64 } = rawKernel();
    const size = memory.buffer.byteLength;
    const before = new Uint8Array(memory.buffer).slice();
    expect(encodeBase64(size - 2, 3, heapBase())).toBe(5);
    expect(encodeBase64(heapBase(), 3, size - 3)).toBe(5);
    expect(encodeBase64(heapBase(), 0xffff_ffff, heapBase())).toBe(5);
    expect(decodeBase64(size - 3, 4, heapBase())).toBe(5);
    expect(decodeBase64(heapBase(), 4, size - 2)).toBe(5);
    expect(decodeBase64(0xffff_fffc, 4, heapBase())).toBe(5);
    expect(Buffer.compare(new Uint8Array(memory.buffer), before)).toBe(0);
  });
});

interface RawKernel {
  readonly memory: WebAssembly.Memory;
  heapBase(): number;
  ensure(end: number): number;
  encodeBase64(source: number, length: number, target: number): number;
  decodeBase64(source: number, length: number, target: number): number;
}

function rawKernel(): RawKernel {
  return new WebAssembly.Instance(new WebAssembly.Module(debugModule)).exports as unknown as RawKernel;
}

function messageOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('expected an error, but nothing was thrown');
}
