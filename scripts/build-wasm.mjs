/**
 * Compiles assembly/base64.ts with the settings of asconfig.json and writes the module, as Base64 in a TypeScript constant, to
 * ts/kernel/generated/base64-wasm.ts. That file is committed: users and tests need no AssemblyScript. The same source and the same
 * pinned compiler give the same bytes. Also leaves build/base64.wasm, and build/base64.debug.wasm (assertions on) to look at.
 *
 *     node scripts/build-wasm.mjs            writes, prints sizes
 *     node scripts/build-wasm.mjs --check    writes nothing; exits 1 when the committed file is stale
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { main as asc } from 'assemblyscript/asc';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ENTRY = 'assembly/base64.ts';
const OUTPUT = 'base64.wasm';
const GENERATED = new URL('../ts/kernel/generated/base64-wasm.ts', import.meta.url);
const MAX_GZIP_BYTES = 8 * 1024;

if (process.argv[1] === fileURLToPath(import.meta.url)) await run(process.argv.includes('--check'));

/**
 * Compiles the kernel in this process and returns the module's bytes. Throws with the compiler's own report when it refuses.
 *
 * @param {'release' | 'debug'} target a target of asconfig.json
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function compileKernel(target) {
  /** @type {Uint8Array<ArrayBuffer> | null} */
  let bytes = null;
  const { error, stderr } = await asc([ENTRY, '--config', 'asconfig.json', '--target', target, '--baseDir', ROOT, '--outFile', OUTPUT], {
    writeFile(name, contents) {
      if (name === OUTPUT && typeof contents !== 'string') bytes = new Uint8Array(contents);
    },
  });
  if (error !== null) throw new Error(`asc refused ${ENTRY} (${target}):\n${stderr.toString()}`, { cause: error });
  if (bytes === null) throw new Error(`asc wrote no ${OUTPUT} (${target})`);
  return bytes;
}

/**
 * The whole text of the generated file for one module.
 *
 * @param {Uint8Array} module
 * @returns {string}
 */
export function renderGenerated(module) {
  return [
    '// Made by `node scripts/build-wasm.mjs` from assembly/base64.ts. Do not edit; `--check` fails when it is stale.',
    `/** The compiled kernel, ${module.length} bytes, as Base64. */`,
    `export const BASE64_WASM: string =\n  '${Buffer.from(module).toString('base64')}';`,
    '',
  ].join('\n');
}

/** @returns {Promise<string>} the committed text; empty when there is no such file yet */
export async function readGenerated() {
  try {
    return await readFile(GENERATED, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

/**
 * Throws when the module could not be made without arguments, or is too big to inline.
 *
 * @param {Uint8Array<ArrayBuffer>} module
 * @returns {number} its size after gzip, in bytes
 */
export function checkModule(module) {
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(module));
  if (imports.length > 0) {
    throw new Error(`${OUTPUT}: expected no imports, found ${imports.map((entry) => `${entry.module}.${entry.name}`).join(', ')}`);
  }
  const gzipBytes = gzipSync(module, { level: 9 }).length;
  if (gzipBytes > MAX_GZIP_BYTES) throw new Error(`${OUTPUT}: ${gzipBytes} bytes after gzip, the budget is ${MAX_GZIP_BYTES}`);
  return gzipBytes;
}

/** @param {boolean} checkOnly */
async function run(checkOnly) {
  const release = await compileKernel('release');
  const gzipBytes = checkModule(release);
  const text = renderGenerated(release);
  console.log(`${OUTPUT}: ${release.length} bytes, ${gzipBytes} after gzip (budget ${MAX_GZIP_BYTES}), no imports`);
  if (checkOnly) {
    if ((await readGenerated()) === text) return;
    console.error('ts/kernel/generated/base64-wasm.ts is stale: run `npm run build:wasm` and commit it');
    process.exitCode = 1;
    return;
  }
  const debug = await compileKernel('debug');
  checkModule(debug);
  await mkdir(new URL('.', GENERATED), { recursive: true });
  await mkdir(new URL('../build/', import.meta.url), { recursive: true });
  await writeFile(GENERATED, text);
  await writeFile(new URL('../build/base64.wasm', import.meta.url), release);
  await writeFile(new URL('../build/base64.debug.wasm', import.meta.url), debug);
}
