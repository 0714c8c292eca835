/** Which kernel for Base64 and differences runs, when that is decided, and what a bundler keeps of it. Each test loads the modules anew: they hold the choice. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KernelKind } from '../../ts/kernel/kernel.ts';
import { type Bundle, bundleProgram } from '../package/bundle.ts';
import { CHECKOUT } from '../package/packed.ts';
import { countCompilations, forbidCompiling, readModule, refuseCompilation, withoutSimd } from './engine.ts';

const LARGE = new Uint8Array(300).fill(0x61);

beforeEach(() => {
  vi.resetModules();
});

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('the choice', () => {
  it('is the compiled kernel where it starts', async () => {
    const { activeKernel, encodeBase64, decodeBase64 } = await import('../../ts/kernel/select.ts');
    expect(activeKernel()).toEqual({ kind: 'wasm-simd', reason: 'chosen' });
    for (const length of [0, 5, 47, 48, 63, 64, 300]) {
      const source = LARGE.subarray(0, length);
      expect(decodeBase64(encodeBase64(source))).toEqual(source);
    }
  });

  it('is made at the first use, not at import, and once', async () => {
    const { compiled } = countCompilations();
    const { encodeBase64 } = await import('../../ts/kernel/select.ts');
    expect(compiled()).toBe(0);
    encodeBase64(LARGE);
    encodeBase64(LARGE);
    expect(compiled()).toBe(1);
  });

  it('falls back to portable where there is no WebAssembly, remembers why, and does not try again', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    const { activeKernel, encodeBase64, decodeBase64 } = await import('../../ts/kernel/select.ts');
    expect(activeKernel()).toMatchObject({ kind: 'portable', reason: 'fell-back', cause: { code: 'KERNEL_UNAVAILABLE' } });
    expect(decodeBase64(encodeBase64(LARGE))).toEqual(LARGE);
    vi.unstubAllGlobals();
    expect(activeKernel().kind).toBe('portable');
  });

  it('falls back to portable where compiling throws, and keeps the cause', async () => {
    const refusal = refuseCompilation();
    const { activeKernel } = await import('../../ts/kernel/select.ts');
    const active = activeKernel();
    expect(active).toMatchObject({ kind: 'portable', reason: 'fell-back' });
    expect(active.cause).toMatchObject({ code: 'KERNEL_UNAVAILABLE', cause: refusal });
  });
});

describe('useKernel', () => {
  it('pins any kernel, as often as asked, over one compiled instance of each module', async () => {
    const { compiled } = countCompilations();
    const { activeKernel, encodeBase64, useKernel } = await import('../../ts/kernel/select.ts');
    for (const kind of ['portable', 'wasm', 'wasm-simd', 'portable', 'wasm-simd', 'wasm'] as const) {
      useKernel(kind);
      expect(activeKernel()).toEqual({ kind, reason: 'pinned' });
      expect(encodeBase64(LARGE).length).toBe(400);
    }
    // Base64 and differences, without and with SIMD.
    expect(compiled()).toBe(4);
  });

  it('throws KERNEL_UNAVAILABLE with the cause when it cannot, and leaves the choice alone', async () => {
    const refusal = refuseCompilation();
    const { activeKernel, useKernel } = await import('../../ts/kernel/select.ts');
    useKernel('portable');
    expect(() => useKernel('wasm')).toThrow(expect.objectContaining({ code: 'KERNEL_UNAVAILABLE', cause: refusal }));
    expect(activeKernel()).toEqual({ kind: 'portable', reason: 'pinned' });
  });

  it('refuses a kind that does not exist as a mistake of the caller', async () => {
    const { useKernel } = await import('../../ts/kernel/select.ts');
    expect(() => useKernel('fast' as KernelKind)).toThrow(TypeError);
  });
});

describe('SIMD', () => {
  it('is done without where the engine does not have it', async () => {
    withoutSimd();
    const { activeKernel, encodeBase64, useKernel } = await import('../../ts/kernel/select.ts');
    expect(activeKernel()).toEqual({ kind: 'wasm', reason: 'chosen' });
    expect(activeKernel('diff')).toEqual({ kind: 'wasm', reason: 'chosen' });
    expect(encodeBase64(LARGE).length).toBe(400);
    expect(() => useKernel('wasm-simd')).toThrow(expect.objectContaining({ code: 'KERNEL_UNAVAILABLE' }));
    useKernel('wasm');
    expect(activeKernel()).toEqual({ kind: 'wasm', reason: 'pinned' });
  });
});

describe('the kernels', () => {
  it('are chosen apart, each when it is first needed, and pinned together', async () => {
    const { compiled } = countCompilations();
    const { activeKernel, useKernel } = await import('../../ts/kernel/select.ts');
    activeKernel('base64');
    expect(compiled()).toBe(1);
    expect(activeKernel('diff')).toEqual({ kind: 'wasm-simd', reason: 'chosen' });
    expect(compiled()).toBe(2);
    const active = () => (['base64', 'diff'] as const).map((name) => activeKernel(name));
    useKernel('portable');
    expect(active()).toEqual(Array(2).fill({ kind: 'portable', reason: 'pinned' }));
    useKernel('wasm-simd');
    expect(active()).toEqual(Array(2).fill({ kind: 'wasm-simd', reason: 'pinned' }));
    expect(compiled()).toBe(2);
  });

  it('work behind the functions of current.ts', async () => {
    const { useKernel } = await import('../../ts/kernel/select.ts');
    const current = await import('../../ts/kernel/current.ts');
    const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
    for (const kind of ['portable', 'wasm', 'wasm-simd'] as const) {
      useKernel(kind);
      expect([...current.diffText('one two', 'one three').hunks]).toEqual([
        ...current.diffBytes(json('one two').subarray(1, 8), json('one three').subarray(1, 10)).hunks,
      ]);
      expect([...current.diffIds(Uint32Array.of(1, 2, 3), Uint32Array.of(1, 3)).hunks]).toEqual([1, 2, 1, 1]);
      expect([...current.internElements(json([1, 2]), json([2, 3])).idsB]).toEqual([1, 2]);
      const target = new Uint8Array(4);
      expect(current.encodeBase64Into(LARGE.subarray(0, 3), target)).toBe(4);
      expect(current.decodeBase64Into(target, new Uint8Array(3))).toBe(3);
      expect([...current.decodeBase64View(current.encodeBase64View(LARGE, 'url'), 'url')]).toEqual([...LARGE]);
      expect(current.decodeBase64Parts(target, Uint32Array.of(0, 4)).map((part) => [...part])).toEqual([[0x61, 0x61, 0x61]]);
    }
  });
});

describe('useModule', () => {
  it.each([
    ['base64', 'wasm'],
    ['base64-simd', 'wasm-simd'],
    ['diff', 'wasm'],
    ['diff-simd', 'wasm-simd'],
  ] as const)('uses %s, compiled or as bytes, where compiling its own is forbidden', async (name, kind) => {
    const bytes = await readModule(name);
    const compiled = new WebAssembly.Module(bytes);
    const kernel = name.startsWith('diff') ? 'diff' : 'base64';
    const other = kernel === 'base64' ? 'diff' : 'base64';
    const { activeKernel, encodeBase64, useModule } = await import('../../ts/kernel/select.ts');
    useModule(bytes);
    expect(activeKernel(kernel)).toEqual({ kind, reason: 'chosen' });
    vi.resetModules();
    forbidCompiling();
    const anew = await import('../../ts/kernel/select.ts');
    anew.useModule(compiled);
    expect(anew.activeKernel(kernel)).toEqual({ kind, reason: 'chosen' });
    expect(anew.activeKernel(other)).toMatchObject({ kind: 'portable', reason: 'fell-back' });
    expect(anew.encodeBase64(LARGE)).toEqual(encodeBase64(LARGE));
  });

  it('lets useKernel pin what was given', async () => {
    const modules = await Promise.all(['base64-simd', 'diff-simd'].map(async (name) => new WebAssembly.Module(await readModule(name))));
    forbidCompiling();
    const { activeKernel, useKernel, useModule } = await import('../../ts/kernel/select.ts');
    for (const module of modules) useModule(module);
    useKernel('portable');
    useKernel('wasm-simd');
    expect(activeKernel()).toEqual({ kind: 'wasm-simd', reason: 'pinned' });
    expect(() => useKernel('wasm')).toThrow(expect.objectContaining({ code: 'KERNEL_UNAVAILABLE' }));
  });

  it('refuses anything else as a mistake of the caller, and leaves the choice alone', async () => {
    const { activeKernel, useModule } = await import('../../ts/kernel/select.ts');
    const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    const sequence = await readModule('sequence');
    for (const wrong of [null, 'base64.wasm', {}, new Uint8Array(10), empty, new WebAssembly.Module(empty), sequence]) {
      expect(() => useModule(wrong as Uint8Array<ArrayBuffer>)).toThrow(TypeError);
    }
    expect(activeKernel()).toEqual({ kind: 'wasm-simd', reason: 'chosen' });
  });

  it('throws KERNEL_UNAVAILABLE for bytes where compiling is forbidden', async () => {
    const bytes = await readModule('base64');
    forbidCompiling();
    const { useModule } = await import('../../ts/kernel/select.ts');
    expect(() => useModule(bytes)).toThrow(expect.objectContaining({ code: 'KERNEL_UNAVAILABLE' }));
  });
});

describe('the current kernel on its own', () => {
  it('is portable, because nothing was offered', async () => {
    const current = await import('../../ts/kernel/current.ts');
    expect(current.activeKernel()).toEqual({ kind: 'portable', reason: 'not-offered' });
    expect(current.decodeBase64(current.encodeBase64(LARGE))).toEqual(LARGE);
  });

  it('becomes the compiled one once a wrapped function runs, even after a portable use', async () => {
    const current = await import('../../ts/kernel/current.ts');
    const { withCompiledBase64 } = await import('../../ts/kernel/select.ts');
    const encode = withCompiledBase64(current.encodeBase64);
    current.encodeBase64(LARGE);
    expect(current.activeKernel().kind).toBe('portable');
    encode(LARGE);
    expect(current.activeKernel()).toEqual({ kind: 'wasm-simd', reason: 'chosen' });
  });

  it('stays as pinned when a wrapped function runs', async () => {
    const current = await import('../../ts/kernel/current.ts');
    const { useKernel, withCompiledBase64 } = await import('../../ts/kernel/select.ts');
    useKernel('portable');
    withCompiledBase64(current.encodeBase64)(LARGE);
    expect(current.activeKernel()).toEqual({ kind: 'portable', reason: 'pinned' });
  });
});

describe('a bundle', () => {
  it('of the current kernel alone has no WebAssembly in it', async () => {
    const { text, inputs } = await bundle("export { encodeBase64, decodeBase64, activeKernel } from './ts/kernel/current.ts';");
    expect(text).not.toMatch(/WebAssembly/i);
    expect(inputs).not.toContain('ts/kernel/wasm.ts');
  });

  it('keeps the offer inside a wrapped function that is used', async () => {
    const { text } = await bundle(`${ENTRY} console.log(encode(new Uint8Array(3)));`);
    expect(text).toContain('WebAssembly.Module');
  });

  it('keeps nothing of a wrapped function that is not used', async () => {
    const { text } = await bundle(`${ENTRY} console.log('nothing else');`);
    expect(text).not.toContain('WebAssembly');
    expect(text.length).toBeLessThan(100);
  });
});

function bundle(contents: string): Promise<Bundle> {
  return bundleProgram(contents, CHECKOUT);
}

/** How ts/index.ts exports a function that may encode or decode. */
const ENTRY = `
  import { encodeBase64 } from './ts/kernel/current.ts';
  import { withCompiledBase64 } from './ts/kernel/select.ts';
  const encode = /* @__PURE__ */ withCompiledBase64(encodeBase64);
`;
