/** Which sequence kernel runs, when that is decided, and who carries it. Each test loads the modules anew: they hold the choice. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KernelKind } from '../../ts/kernel/kernel.ts';
import type { SequenceKernelKind } from '../../ts/kernel/select-sequence.ts';
import { type Bundle, bundleProgram } from '../package/bundle.ts';
import { CHECKOUT } from '../package/packed.ts';
import { countCompilations, forbidCompiling, readModule, refuseCompilation } from './engine.ts';

beforeEach(() => {
  vi.resetModules();
});

afterEach(() => {
  vi.unstubAllGlobals();
});

const ENTRIES = { sequence: () => import('../../ts/sequence.ts'), merge: () => import('../../ts/merging.ts') };

describe.each(Object.entries(ENTRIES))('the entry %s', (_, load) => {
  it('compiles nothing at import, and once at the first use', async () => {
    const { compiled } = countCompilations();
    const { activeKernel } = await load();
    expect(compiled()).toBe(0);
    expect(activeKernel()).toEqual({ kind: 'wasm', reason: 'chosen' });
    expect(activeKernel()).toEqual({ kind: 'wasm', reason: 'chosen' });
    expect(compiled()).toBe(1);
  });

  it('falls back to portable where compiling throws, and keeps the cause', async () => {
    const refusal = refuseCompilation();
    const { activeKernel } = await load();
    const active = activeKernel();
    expect(active).toMatchObject({ kind: 'portable', reason: 'fell-back' });
    expect(active.cause).toMatchObject({ code: 'KERNEL_UNAVAILABLE', cause: refusal });
  });

  it('pins either kernel, as often as asked, over one instance', async () => {
    const { compiled } = countCompilations();
    const { activeKernel, useKernel } = await load();
    for (const kind of ['portable', 'wasm', 'portable', 'wasm'] as const) {
      useKernel(kind);
      expect(activeKernel()).toEqual({ kind, reason: 'pinned' });
    }
    expect(compiled()).toBe(1);
  });

  it('refuses to pin what there is not, or what cannot start, and leaves the choice alone', async () => {
    const refusal = refuseCompilation();
    const { activeKernel, useKernel } = await load();
    useKernel('portable');
    expect(() => useKernel('wasm')).toThrow(expect.objectContaining({ code: 'KERNEL_UNAVAILABLE', cause: refusal }));
    // There is no module with SIMD: nothing answers to that name.
    expect(() => useKernel('wasm-simd' satisfies KernelKind as SequenceKernelKind)).toThrow(TypeError);
    expect(activeKernel()).toEqual({ kind: 'portable', reason: 'pinned' });
  });

  it('uses a given module where compiling its own is forbidden, and pins it', async () => {
    const module = new WebAssembly.Module(await readModule('sequence'));
    forbidCompiling();
    const { activeKernel, useKernel, useModule } = await load();
    useModule(module);
    expect(activeKernel()).toEqual({ kind: 'wasm', reason: 'chosen' });
    useKernel('portable');
    useKernel('wasm');
    expect(activeKernel()).toEqual({ kind: 'wasm', reason: 'pinned' });
  });

  it('refuses other modules as a mistake of the caller, and bytes where compiling is forbidden with a code', async () => {
    const { activeKernel, useModule } = await load();
    for (const wrong of [null, {}, new Uint8Array(10), await readModule('base64'), await readModule('diff-simd')]) {
      expect(() => useModule(wrong as Uint8Array<ArrayBuffer>)).toThrow(TypeError);
    }
    const bytes = await readModule('sequence');
    forbidCompiling();
    expect(() => useModule(bytes)).toThrow(expect.objectContaining({ code: 'KERNEL_UNAVAILABLE' }));
    expect(activeKernel()).toMatchObject({ kind: 'portable', reason: 'fell-back' });
  });
});

describe('the current kernel', () => {
  it('is portable on its own, because nothing was offered, and the compiled one once a wrapped function runs', async () => {
    const current = await import('../../ts/kernel/current-sequence.ts');
    expect(current.activeSequenceKernel()).toEqual({ kind: 'portable', reason: 'not-offered' });
    const { createText } = await import('../../ts/sequence.ts');
    expect(current.activeSequenceKernel().kind).toBe('portable');
    createText().free();
    expect(current.activeSequenceKernel()).toEqual({ kind: 'wasm', reason: 'chosen' });
  });

  it('stays as pinned when a wrapped function runs; pinned as portable from the start, nothing is ever compiled', async () => {
    const { compiled } = countCompilations();
    const { activeKernel, createList, useKernel } = await import('../../ts/sequence.ts');
    useKernel('portable');
    createList().free();
    expect(compiled()).toBe(0);
    expect(activeKernel()).toEqual({ kind: 'portable', reason: 'pinned' });
  });

  it('is one for texts, lists, merges and stores', async () => {
    const sequence = await import('../../ts/sequence.ts');
    const merge = await import('../../ts/merging.ts');
    const current = await import('../../ts/kernel/current-sequence.ts');
    sequence.useKernel('portable');
    expect(merge.activeKernel()).toEqual({ kind: 'portable', reason: 'pinned' });
    merge.useKernel('wasm');
    expect(sequence.activeKernel()).toEqual({ kind: 'wasm', reason: 'pinned' });
    expect(current.activeSequenceKernel()).toEqual({ kind: 'wasm', reason: 'pinned' });
  });

  it('keeps a sequence with the kernel that made it', async () => {
    const { createText, useKernel } = await import('../../ts/sequence.ts');
    const texts = (['portable', 'wasm'] as const).map((kind) => {
      useKernel(kind);
      return createText();
    });
    useKernel('portable');
    for (const text of texts) text.insert(0, 'abc');
    const [a, b] = texts.map((text) => text.toString());
    expect([a, b]).toEqual(['abc', 'abc']);
    for (const text of texts) text.free();
  });

  it('is another one than those of the main entry: pinning these leaves it alone, and the other way round', async () => {
    const main = await import('../../ts/index.ts');
    const { activeKernel, useKernel } = await import('../../ts/sequence.ts');
    main.useKernel('portable');
    expect(activeKernel()).toEqual({ kind: 'wasm', reason: 'chosen' });
    useKernel('portable');
    main.useKernel('wasm');
    expect(activeKernel()).toEqual({ kind: 'portable', reason: 'pinned' });
    expect(main.activeKernel('diff')).toEqual({ kind: 'wasm', reason: 'pinned' });
  });
});

describe('an entry for Workers', () => {
  it.each([
    ['index', 'the kernels for Base64 and differences', 2],
    ['sequence', 'the kernel for sequences', 1],
    ['merging', 'the kernel for sequences', 1],
  ] as const)('%s starts %s at import', async (name, _, count) => {
    const { compiled } = countCompilations();
    await import(`../../ts/${name}.workerd.ts`);
    expect(compiled()).toBe(count);
  });
});

describe('a bundle', () => {
  const KERNEL = /ts\/kernel\/(?:portable\/sequence|compiled\/sequence|generated\/sequence|select-sequence|current-sequence)/;

  it.each(['index', 'portable'])('of the entry %s reaches no sequence kernel', async (name) => {
    const { inputs } = await bundle(`export * from './ts/${name}.ts';`);
    expect(inputs.filter((input) => KERNEL.test(input))).toEqual([]);
  });

  it.each(['sequence', 'merging'])('of the entry %s reaches that kernel, and no module of the others', async (name) => {
    const { text, inputs } = await bundle(`export * from './ts/${name}.ts';`);
    expect(inputs.filter((input) => KERNEL.test(input)).length).toBeGreaterThan(4);
    expect(text.split(INLINED_MODULE).length - 1).toBe(1);
    expect(inputs.filter((input) => /generated\/(?:base64|diff)/.test(input))).toEqual([]);
  });

  it('of a store merges with the portable kernel: it carries no module', async () => {
    const { text, inputs } = await bundle("export * from './ts/store/session-store.ts';");
    expect(inputs).toContain('ts/kernel/portable/sequence.ts');
    expect(text).not.toMatch(/WebAssembly/i);
  });

  it('keeps nothing of entries that are not used', async () => {
    const { text } = await bundle("import * as a from './ts/sequence.ts'; import * as b from './ts/merging.ts'; console.log('else');");
    expect(text.length).toBeLessThan(60);
  });

  it('of policies alone has no module either', async () => {
    const { text } = await bundle("export { keepBoth, mergeJson, preferSource } from './ts/merging.ts';");
    expect(text).not.toContain(INLINED_MODULE);
  });
});

function bundle(contents: string): Promise<Bundle> {
  return bundleProgram(contents, CHECKOUT);
}

/** How every WebAssembly module begins, in Base64. */
const INLINED_MODULE = 'AGFzbQ';
