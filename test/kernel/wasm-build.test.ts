/** The committed modules are what the sources and the pinned compiler give, and they need nothing from whoever runs them. */

import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkModule, compileKernel, MAX_GZIP_BYTES, MODULES, readGenerated, renderGenerated } from '../../scripts/build-wasm.mjs';
import { inlinedModule } from '../../ts/kernel/wasm.ts';

const COMMON = ['function ensure', 'function heapBase', 'function simd', 'memory memory'];
const EXPORTS: Readonly<Record<string, readonly string[]>> = {
  base64: [
    ...COMMON,
    'function decodeBase64',
    'function decodeBase64Parts',
    'function decodedLength',
    'function encodeBase64',
    'function encodedLength',
    'function faultOffset',
    'function faultPart',
  ],
};

it('every kernel is built without SIMD, and with it where that is of use', () => {
  expect(MODULES.map(({ name }) => name)).toEqual(['base64', 'base64-simd', 'diff', 'diff-simd', 'sequence']);
});

describe.each(MODULES)('$name', (module) => {
  // What is committed, or was built in another process a moment ago, is the other time. The compiler takes two to ten seconds.
  it('is not stale, and compiling again gives the same bytes', { timeout: 60_000 }, async () => {
    expect(renderGenerated(module, await compileKernel(module.kernel, 'release', module.simd))).toBe(await readGenerated(module));
  });

  it('imports nothing, exports its memory and the common functions, and stays within the size budget', async () => {
    const bytes = await readInlined(module);
    const compiled = new WebAssembly.Module(bytes);
    expect(WebAssembly.Module.imports(compiled)).toEqual([]);
    const exported = WebAssembly.Module.exports(compiled).map(({ kind, name }) => `${kind} ${name}`);
    expect(exported).toEqual(expect.arrayContaining(COMMON));
    const expected = EXPORTS[module.kernel];
    if (expected !== undefined) expect(exported.sort()).toEqual([...expected].sort());
    expect(checkModule(module, bytes)).toBeLessThanOrEqual(MAX_GZIP_BYTES[module.kernel]);
  });

  it('says whether it has SIMD, and only then uses it', async () => {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(await readInlined(module)));
    expect((instance.exports['simd'] as () => number)()).toBe(Number(module.simd));
  });
});

it('writes the raw modules, byte by byte the inlined ones', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'psp-raw-'));
  try {
    execFileSync(process.execPath, [join(import.meta.dirname, '../../scripts/build-wasm.mjs'), '--raw', folder]);
    expect((await readdir(folder)).sort()).toEqual(MODULES.map(({ name }) => `${name}.wasm`).sort());
    for (const module of MODULES) {
      expect(Buffer.compare(await readFile(join(folder, `${module.name}.wasm`)), await readInlined(module))).toBe(0);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** The module in the generated file, as the package reads it. */
async function readInlined(module: (typeof MODULES)[number]): Promise<Uint8Array<ArrayBuffer>> {
  const exports: Record<string, unknown> = await import(`../../ts/kernel/generated/${module.name}-wasm.ts`);
  const [text] = Object.values(exports);
  if (typeof text !== 'string') throw new Error(`${module.name}: the generated file exports no text`);
  return inlinedModule(text);
}
