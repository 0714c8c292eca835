/**
 * Compiles the kernels in assembly/ with the settings of asconfig.json, without SIMD and, where it is of use, with it, and writes every module, as Base64 in a TypeScript
 * constant, to ts/kernel/generated/<module>-wasm.ts. Those files are committed: users and tests need no AssemblyScript. The same source and the
 * same pinned compiler give the same bytes. Also leaves build/<module>.wasm, and build/<module>.debug.wasm (assertions on) to look at.
 *
 *     node scripts/build-wasm.mjs                   writes, prints sizes
 *     node scripts/build-wasm.mjs --check           writes nothing; exits 1 when a committed file is stale
 *     node scripts/build-wasm.mjs --raw dist/wasm   compiles nothing; writes the committed modules to that folder as raw .wasm files
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { main as asc } from 'assemblyscript/asc';

/** @typedef {'base64' | 'diff' | 'sequence'} KernelName a file of assembly/ */
/** @typedef {{ kernel: KernelName, simd: boolean, name: string }} KernelModule one kernel in one build; `name` is that of its files */

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GENERATED = new URL('../ts/kernel/generated/', import.meta.url);
const BUILD = new URL('../build/', import.meta.url);
/** A module that is inlined may have so many bytes after gzip. @type {Readonly<Record<KernelName, number>>} */
export const MAX_GZIP_BYTES = { base64: 8 * 1024, diff: 8 * 1024, sequence: 16 * 1024 };

/** Every module of the package. A sequence has nothing that SIMD could do. @type {readonly KernelModule[]} */
export const MODULES = [
  { kernel: 'base64', simd: false, name: 'base64' },
  { kernel: 'base64', simd: true, name: 'base64-simd' },
  { kernel: 'diff', simd: false, name: 'diff' },
  { kernel: 'diff', simd: true, name: 'diff-simd' },
  { kernel: 'sequence', simd: false, name: 'sequence' },
];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [flag, folder] = process.argv.slice(2);
  if (flag === undefined) await writeModules();
  else if (flag === '--check' && folder === undefined) await checkModules();
  else if (flag === '--raw' && folder !== undefined) await writeRaw(resolve(folder));
  else {
    console.error('usage: node scripts/build-wasm.mjs [--check | --raw <folder>]');
    process.exitCode = 2;
  }
}

/**
 * Compiles a kernel in this process and returns the module's bytes. Throws with the compiler's own report when it refuses.
 *
 * @param {KernelName | 'sequence-checked'} kernel a file of assembly/
 * @param {'release' | 'debug'} target a target of asconfig.json
 * @param {boolean} simd whether the module may use 128-bit SIMD
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function compileKernel(kernel, target, simd) {
  const entry = `assembly/${kernel}.ts`;
  const output = `${kernel}.wasm`;
  /** @type {Uint8Array<ArrayBuffer> | null} */
  let bytes = null;
  const options = [
    '--config',
    'asconfig.json',
    '--target',
    target,
    '--baseDir',
    ROOT,
    '--outFile',
    output,
    ...(simd ? ['--enable', 'simd'] : []),
  ];
  const { error, stderr } = await asc([entry, ...options], {
    writeFile(name, contents) {
      if (name === output && typeof contents !== 'string') bytes = new Uint8Array(contents);
    },
  });
  if (error !== null) throw new Error(`asc refused ${entry} (${target}, simd ${simd}):\n${stderr.toString()}`, { cause: error });
  if (bytes === null) throw new Error(`asc wrote no ${output} (${target}, simd ${simd})`);
  return bytes;
}

/**
 * The whole text of the generated file of one module.
 *
 * @param {KernelModule} module
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function renderGenerated({ kernel, simd, name }, bytes) {
  return [
    `// Made by \`node scripts/build-wasm.mjs\` from assembly/${kernel}.ts. Do not edit; \`--check\` fails when it is stale.`,
    `/** The compiled kernel ${simd ? 'with' : 'without'} SIMD, ${bytes.length} bytes, as Base64. */`,
    `export const ${constantName(name)}: string =\n  '${Buffer.from(bytes).toString('base64')}';`,
    '',
  ].join('\n');
}

/**
 * @param {KernelModule} module
 * @returns {Promise<string>} the committed text; empty when there is no such file yet
 */
export async function readGenerated({ name }) {
  try {
    return await readFile(generatedFile(name), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

/**
 * Throws when a module could not be started without arguments, or is too big to inline.
 *
 * @param {KernelModule} module
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {number} its size after gzip, in bytes
 */
export function checkModule({ kernel, name }, bytes) {
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
  if (imports.length > 0) {
    throw new Error(`${name}: expected no imports, found ${imports.map((entry) => `${entry.module}.${entry.name}`).join(', ')}`);
  }
  const gzipBytes = gzipSync(bytes, { level: 9 }).length;
  if (gzipBytes > MAX_GZIP_BYTES[kernel])
    throw new Error(`${name}: ${gzipBytes} bytes after gzip, the budget is ${MAX_GZIP_BYTES[kernel]}`);
  return gzipBytes;
}

async function writeModules() {
  await mkdir(GENERATED, { recursive: true });
  await mkdir(BUILD, { recursive: true });
  for (const module of MODULES) {
    const release = await compileRelease(module);
    await writeFile(generatedFile(module.name), renderGenerated(module, release));
    await writeFile(new URL(`${module.name}.wasm`, BUILD), release);
    await writeFile(new URL(`${module.name}.debug.wasm`, BUILD), await compileKernel(module.kernel, 'debug', module.simd));
  }
}

async function checkModules() {
  for (const module of MODULES) {
    if ((await readGenerated(module)) === renderGenerated(module, await compileRelease(module))) continue;
    console.error(`ts/kernel/generated/${module.name}-wasm.ts is stale: run \`npm run build:wasm\` and commit it`);
    process.exitCode = 1;
  }
}

/** @param {string} folder */
async function writeRaw(folder) {
  await mkdir(folder, { recursive: true });
  for (const module of MODULES) {
    const [, text] = /'([A-Za-z0-9+/=]+)';\n$/.exec(await readGenerated(module)) ?? [];
    if (text === undefined) throw new Error(`ts/kernel/generated/${module.name}-wasm.ts holds no module: run \`npm run build:wasm\``);
    await writeFile(resolve(folder, `${module.name}.wasm`), Buffer.from(text, 'base64'));
  }
}

/**
 * @param {KernelModule} module
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
async function compileRelease(module) {
  const { kernel, simd, name } = module;
  const release = await compileKernel(kernel, 'release', simd);
  const gzipBytes = checkModule(module, release);
  console.log(`${name}.wasm: ${release.length} bytes, ${gzipBytes} after gzip (budget ${MAX_GZIP_BYTES[kernel]}), no imports`);
  return release;
}

/** @param {string} name */
function generatedFile(name) {
  return new URL(`${name}-wasm.ts`, GENERATED);
}

/** @param {string} name */
function constantName(name) {
  return `${name.toUpperCase().replace('-', '_')}_WASM`;
}
