/** Which kernel runs, when that is decided, and what a bundler keeps of it. Each test loads the modules anew: they hold the choice. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KernelKind } from '../../ts/kernel/kernel.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
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
    expect(activeKernel()).toEqual({ kind: 'wasm', reason: 'chosen' });
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
  it('pins either kernel, as often as asked, over one compiled instance', async () => {
    const { compiled } = countCompilations();
    const { activeKernel, encodeBase64, useKernel } = await import('../../ts/kernel/select.ts');
    for (const kind of ['portable', 'wasm', 'portable', 'wasm'] as const) {
      useKernel(kind);
      expect(activeKernel()).toEqual({ kind, reason: 'pinned' });
      expect(encodeBase64(LARGE).length).toBe(400);
    }
    expect(compiled()).toBe(1);
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

describe('the current kernel on its own', () => {
  it('is portable, because nothing was offered', async () => {
    const current = await import('../../ts/kernel/current.ts');
    expect(current.activeKernel()).toEqual({ kind: 'portable', reason: 'not-offered' });
    expect(current.decodeBase64(current.encodeBase64(LARGE))).toEqual(LARGE);
  });

  it('becomes the compiled one once a wrapped function runs, even after a portable use', async () => {
    const current = await import('../../ts/kernel/current.ts');
    const { withCompiledKernel } = await import('../../ts/kernel/select.ts');
    const encode = withCompiledKernel(current.encodeBase64);
    current.encodeBase64(LARGE);
    expect(current.activeKernel().kind).toBe('portable');
    encode(LARGE);
    expect(current.activeKernel()).toEqual({ kind: 'wasm', reason: 'chosen' });
  });

  it('stays as pinned when a wrapped function runs', async () => {
    const current = await import('../../ts/kernel/current.ts');
    const { useKernel, withCompiledKernel } = await import('../../ts/kernel/select.ts');
    useKernel('portable');
    withCompiledKernel(current.encodeBase64)(LARGE);
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

/** How ts/index.ts exports a function that may encode or decode. */
const ENTRY = `
  import { encodeBase64 } from './ts/kernel/current.ts';
  import { withCompiledKernel } from './ts/kernel/select.ts';
  const encode = /* @__PURE__ */ withCompiledKernel(encodeBase64);
`;

async function bundle(contents: string): Promise<{ text: string; inputs: string[] }> {
  const result = await build({
    stdin: { contents, resolveDir: ROOT, loader: 'ts' },
    absWorkingDir: ROOT,
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
  });
  return { text: result.outputFiles[0]?.text ?? '', inputs: Object.keys(result.metafile.inputs) };
}

/** The platform's WebAssembly, with compilations counted. */
function countCompilations(): { compiled: () => number } {
  let count = 0;
  class CountedModule extends WebAssembly.Module {
    constructor(bytes: BufferSource) {
      super(bytes);
      count += 1;
    }
  }
  stubModule(CountedModule);
  return { compiled: () => count };
}

/** A platform that refuses to compile, as a Content Security Policy makes it; gives the error that it throws. */
function refuseCompilation(): Error {
  const refusal = new WebAssembly.CompileError('refused by the test');
  class RefusedModule {
    constructor() {
      throw refusal;
    }
  }
  stubModule(RefusedModule);
  return refusal;
}

function stubModule(Module: unknown): void {
  const { Instance, Memory, CompileError } = WebAssembly;
  vi.stubGlobal('WebAssembly', { Instance, Memory, CompileError, Module });
}
