/** The committed module is what the source and the pinned compiler give, and it needs nothing from whoever runs it. */
import { expect, it } from 'vitest';
import { checkModule, compileKernel, readGenerated, renderGenerated } from '../../scripts/build-wasm.mjs';
import { BASE64_WASM } from '../../ts/kernel/generated/base64-wasm.ts';

// The compiler takes about two seconds a run on an idle machine.
it('the generated file is not stale, and compiling twice gives the same bytes', { timeout: 60_000 }, async () => {
  const first = await compileKernel('release');
  const second = await compileKernel('release');
  expect(Buffer.compare(first, second)).toBe(0);
  expect(renderGenerated(first)).toBe(await readGenerated());
});

it('the inlined module imports nothing, exports its memory and stays within the size budget', () => {
  const bytes = new Uint8Array(Buffer.from(BASE64_WASM, 'base64'));
  const module = new WebAssembly.Module(bytes);
  expect(WebAssembly.Module.imports(module)).toEqual([]);
  expect(
    WebAssembly.Module.exports(module)
      .map(({ kind, name }) => `${kind} ${name}`)
      .sort(),
  ).toEqual([
    'function decodeBase64',
    'function decodedLength',
    'function encodeBase64',
    'function ensure',
    'function faultOffset',
    'function heapBase',
    'memory memory',
  ]);
  expect(checkModule(bytes)).toBeLessThanOrEqual(8 * 1024);
});
