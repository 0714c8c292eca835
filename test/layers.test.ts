/**
 * The table of docs/architecture (section 2) as data, and the check that the import lines of the sources keep it: imports go down
 * only, and never in a circle. `import type` counts: a type from above is knowledge of what is above.
 */

import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { expect, test } from 'vitest';

interface Layer {
  readonly name: string;
  /** Files of the layer: a folder that ends in '/', or one file. The longest that fits decides. */
  readonly places: readonly string[];
  /** Layers that it may import, besides itself. */
  readonly layers: readonly string[];
  /** Packages that it may import; a trailing '/' allows every path of a scope. */
  readonly packages: readonly string[];
}

const BELOW_ENTRY = [
  'store',
  'adapters',
  'formats',
  'envelope',
  'blob',
  'merge',
  'diff',
  'session',
  'kernel',
  'digest',
  'provider',
  'errors',
];
const NOBLE = ['@noble/'];

const LAYERS: readonly Layer[] = [
  { name: 'errors', places: ['ts/errors.ts'], layers: [], packages: [] },
  { name: 'provider', places: ['ts/provider.ts'], layers: ['errors'], packages: [] },
  { name: 'digest', places: ['ts/digest.ts'], layers: ['errors'], packages: NOBLE },
  { name: 'kernel', places: ['ts/kernel/'], layers: ['errors'], packages: [] },
  { name: 'session', places: ['ts/session/'], layers: ['errors'], packages: [] },
  { name: 'merge', places: ['ts/merge/'], layers: ['session', 'kernel', 'digest', 'errors'], packages: [] },
  { name: 'diff', places: ['ts/diff/'], layers: ['session', 'kernel', 'errors'], packages: [] },
  { name: 'blob', places: ['ts/blob/'], layers: ['session', 'kernel', 'digest', 'errors'], packages: [] },
  { name: 'envelope', places: ['ts/envelope/'], layers: ['kernel', 'errors'], packages: NOBLE },
  { name: 'formats', places: ['ts/formats/'], layers: ['session', 'kernel', 'errors'], packages: [] },
  { name: 'adapters', places: ['ts/adapters/'], layers: ['session', 'kernel', 'digest', 'errors'], packages: [] },
  { name: 'store', places: ['ts/store/'], layers: ['blob', 'envelope', 'session', 'merge', 'diff', 'provider', 'errors'], packages: [] },
  { name: 'providers', places: ['providers/'], layers: ['provider', 'errors'], packages: ['node:'] },
  // Each with its own client library, which its own entry alone loads.
  {
    name: 'lmdb',
    places: ['providers/lmdb.ts', 'providers/lmdb/'],
    layers: ['providers', 'provider', 'errors'],
    packages: ['node:', 'lmdb'],
  },
  {
    name: 'redis',
    places: ['providers/redis.ts', 'providers/redis/'],
    layers: ['providers', 'provider', 'errors'],
    packages: ['node:', 'ioredis'],
  },
  {
    name: 's3',
    places: ['providers/s3.ts', 'providers/s3/'],
    layers: ['providers', 'provider', 'errors'],
    packages: ['node:', '@aws-sdk/', '@smithy/'],
  },
  // Runs inside Workers: no node: at all.
  {
    name: 'cloudflare-kv',
    places: ['providers/cloudflare-kv.ts', 'providers/cloudflare-kv/'],
    layers: ['providers', 'provider', 'errors'],
    packages: [],
  },
  {
    name: 'entry',
    places: ['index', 'index.workerd', 'portable', 'sequence', 'sequence.workerd', 'merging', 'merging.workerd'].map(
      (name) => `ts/${name}.ts`,
    ),
    layers: BELOW_ENTRY,
    packages: [],
  },
  // Sessions on disk: Node's file system, under an entry of its own.
  { name: 'file', places: ['ts/file.ts', 'ts/file/'], layers: BELOW_ENTRY, packages: ['node:'] },
  {
    name: 'cli',
    places: ['ts/cli/'],
    layers: ['entry', 'file', 'providers', 'lmdb', 'redis', 's3', 'cloudflare-kv', ...BELOW_ENTRY],
    packages: ['node:'],
  },
  { name: 'assembly', places: ['assembly/'], layers: [], packages: [] },
];

/** What one file may do that its layer may not, and why. */
const EXCEPTIONS: readonly { file: string; specifier: string; dynamicOnly: boolean; why: string }[] = [
  {
    file: 'ts/adapters/connection.ts',
    specifier: 'ws',
    dynamicOnly: true,
    why: 'Node 20 has no WebSocket; loaded only where it is missing',
  },
  {
    file: 'ts/envelope/engine/kdf.ts',
    specifier: 'hash-wasm',
    dynamicOnly: true,
    why: 'an optional peer: Argon2id where the runtime has none, loaded only when a passphrase asks for it',
  },
];

// Subpath entries re-export what belongs together: they may import whatever is below the command line. Providers stay providers.
const SUBPATH_ENTRIES = readSubpathEntries(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

interface Import {
  readonly specifier: string;
  readonly dynamic: boolean;
}

type Modules = ReadonlyMap<string, string>;

test('imports go down only', async () => {
  const modules = await readModules();
  expect(modules.size).toBeGreaterThan(20);
  expect(findViolations(modules)).toEqual([]);
});

test('no import goes in a circle', async () => {
  expect(findCycle(await readModules())).toBeNull();
});

test('the reading of import lines is not blind: every kind is found in the sources', async () => {
  const modules = await readModules();
  const found = (file: string) => readImports(modules.get(file) ?? '').map((one) => one.specifier);
  expect(found('providers/memory.ts')).toEqual(['../ts/provider.ts', '../ts/provider.ts', './contract.ts', './provide.ts']);
  expect(found('providers/filesystem.ts')).toContain('./filesystem/file.ts');
});

test.each<[string, string, readonly Import[]]>([
  ['a named import over lines', "import {\n  a,\n  type B,\n} from './a.ts';", [{ specifier: './a.ts', dynamic: false }]],
  ['a type import', "import type { A } from './a.ts';", [{ specifier: './a.ts', dynamic: false }]],
  ['a namespace and a default', "import b, * as a from './a.ts';", [{ specifier: './a.ts', dynamic: false }]],
  ['an import for its effect', "import './a.ts';", [{ specifier: './a.ts', dynamic: false }]],
  ['export from', 'export { a } from "./a.ts";', [{ specifier: './a.ts', dynamic: false }]],
  ['export all', "export * from './a.ts';", [{ specifier: './a.ts', dynamic: false }]],
  ['export type from', "export type { A } from './a.ts';", [{ specifier: './a.ts', dynamic: false }]],
  ['a dynamic import', "  const a = await import('./a.ts');", [{ specifier: './a.ts', dynamic: true }]],
  ['a type written as an import', "type A = import('./a.ts').A;", [{ specifier: './a.ts', dynamic: true }]],
  ['not a comment', "/*\nimport './a.ts';\n*/\n// import('./a.ts')\n * import('./a.ts')", []],
  ['not an export of its own', "export const from = 'x';\nexport function a() {}\nconst b = 'y';", []],
  ['both of two', "import a from './a.ts';\nexport const x = 1;\nexport * from './b.ts';", ['./a.ts', './b.ts'].map(asStatic)],
])('an import line is read: %s', (_, source, expected) => {
  expect(readImports(source)).toEqual(expected);
});

test.each([
  ['ts/session/session.ts', '../kernel/kernel.ts', 'session may import errors'],
  ['ts/kernel/select.ts', '../session/session.ts', 'kernel may import errors'],
  ['ts/session/clone/encode.ts', '../../blob/encode.ts', 'session may import errors'],
  ['ts/merge/merge.ts', '../diff/diff.ts', 'merge may import'],
  ['ts/store/store.ts', '../adapters/cdp.ts', 'store may import'],
  ['ts/blob/encode.ts', '../index.ts', 'blob may import'],
  ['ts/index.ts', './cli/psp.ts', 'entry may import'],
  ['ts/envelope/envelope.ts', '../cli/psp.ts', 'entry may import'],
  ['ts/index.ts', '../providers/memory.ts', 'entry may import'],
  ['ts/index.ts', 'node:fs', 'entry may import'],
  ['ts/digest.ts', 'node:crypto', 'digest may import'],
  ['ts/blob/encode.ts', '@noble/hashes/sha2.js', 'blob may import'],
  ['ts/adapters/playwright.ts', 'playwright-core', 'entry may import'],
  ['ts/adapters/protocol.ts', 'ws', 'adapters may import'],
  ['ts/adapters/connection.ts', 'ws', 'adapters may import'],
  ['providers/memory.ts', '../ts/session/session.ts', 'providers may import'],
  ['providers/memory.ts', 'ioredis', 'providers may import'],
  ['providers/redis.ts', 'lmdb', 'redis may import'],
  ['providers/cloudflare-kv.ts', 'node:fs', 'cloudflare-kv may import'],
  ['assembly/base64.ts', '../ts/errors.ts', 'assembly may import'],
  ['ts/errors.ts', '../bench/harness.ts', 'no layer has'],
  ['providers/filesystem.ts', '../test/contract/provider.ts', 'no layer has'],
  ['ts/cli/psp.ts', '../../demo/demo.ts', 'no layer has'],
  ['ts/helpers/text.ts', './other.ts', 'no layer has'],
])('a planted violation is found: %s imports %s', (file, specifier, rule) => {
  const found = findViolations(new Map([[file, `import { a } from '${specifier}';`]]));
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(`${file} imports '${specifier}'`);
  expect(found[0]).toContain(rule);
});

test.each([
  ['ts/session/clone/encode.ts', "import type { A } from '../session.ts';"],
  ['ts/adapters/capture.ts', "import { a } from '../kernel/current.ts';"],
  ['ts/adapters/connection.ts', "const { WebSocket } = await import('ws');"],
  ['ts/envelope/seal.ts', "import { gcm } from '@noble/ciphers/aes.js';"],
  ['ts/cli/psp.ts', "import { memory } from '../../providers/memory.ts';\nimport { argv } from 'node:process';"],
  ['providers/filesystem/lock.ts', "import { join } from 'node:path';\nimport { a } from '../contract.ts';"],
  ['assembly/base64.ts', "import { copy } from './memory';"],
])('what is allowed is allowed: %s', (file, source) => {
  expect(findViolations(new Map([[file, source]]))).toEqual([]);
});

test('a planted cycle is found and named, also through types and index files', () => {
  const modules = new Map([
    ['ts/session/a.ts', "import { b } from './b.ts';"],
    ['ts/session/b.ts', "import { x } from './x.ts';\nexport * from './deep/c.ts';"],
    ['ts/session/deep/c.ts', "import type { A } from '../a.ts';"],
    ['ts/session/x.ts', ''],
  ]);
  expect(findCycle(modules)).toBe('ts/session/a.ts -> ts/session/b.ts -> ts/session/deep/c.ts -> ts/session/a.ts');
  expect(findCycle(new Map([...modules, ['ts/session/deep/c.ts', '']]))).toBeNull();
  expect(findCycle(new Map([['ts/a.ts', "import './a.ts';"]]))).toBe('ts/a.ts -> ts/a.ts');
});

/** One line for each import that the table does not allow: file, import and rule. */
function findViolations(modules: Modules): string[] {
  const violations: string[] = [];
  for (const [file, source] of modules) {
    for (const one of readImports(source)) {
      const rule = brokenRule(file, one);
      if (rule !== null) violations.push(`${file} imports '${one.specifier}': ${rule}`);
    }
  }
  return violations;
}

function brokenRule(file: string, { specifier, dynamic }: Import): string | null {
  const own = layerOf(file);
  if (own === null) return `no layer has the file ${file}; give it one in test/layers.test.ts`;
  const importer = SUBPATH_ENTRIES.has(file) ? LAYERS.find((layer) => layer.name === 'entry')! : own;
  const packages = [...own.packages, ...importer.packages];
  const rule = `${importer.name} may import ${[...importer.layers, ...packages].join(', ') || 'nothing'}`;
  if (!specifier.startsWith('.')) {
    const exempt = EXCEPTIONS.some((one) => one.file === file && one.specifier === specifier && (dynamic || !one.dynamicOnly));
    return exempt || packages.some((name) => specifier === name || (/[/:]$/.test(name) && specifier.startsWith(name))) ? null : rule;
  }
  const target = layerOf(resolveImport(file, specifier));
  if (target === null) return `no layer has the file ${resolveImport(file, specifier)}`;
  return target === own || target === importer || importer.layers.includes(target.name) ? null : rule;
}

/** The first circle found, as 'a -> b -> a', or null. */
function findCycle(modules: Modules): string | null {
  const done = new Set<string>();
  const path: string[] = [];

  function visit(file: string): string | null {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file].join(' -> ');
    if (done.has(file)) return null;
    path.push(file);
    for (const { specifier } of readImports(modules.get(file) ?? '')) {
      const cycle = specifier.startsWith('.') ? visit(resolveImport(file, specifier)) : null;
      if (cycle !== null) return cycle;
    }
    path.pop();
    done.add(file);
    return null;
  }

  for (const file of modules.keys()) {
    const cycle = visit(file);
    if (cycle !== null) return cycle;
  }
  return null;
}

/**
 * The imports of a source, in order: statements at the start of a line (Biome puts them there) and `import('literal')` anywhere.
 * Lines inside comments are left out first. Not a parser: a template that holds an import line would be read as one.
 */
function readImports(source: string): Import[] {
  const code = source.replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, '').replace(/^[ \t]*(?:\/\/|\*).*$/gm, '');
  const imports: { at: number; one: Import }[] = [];
  const patterns = [
    { dynamic: false, pattern: /^(?:import|export)\s+(?:type\s+)?(?:[\w$*][\w$*,\s]*)?(?:\{[^}]*\}\s*)?from\s*(['"])(.*?)\1/gm },
    { dynamic: false, pattern: /^import\s*(['"])(.*?)\1/gm },
    { dynamic: true, pattern: /\bimport\(\s*(['"])(.*?)\1/g },
  ];
  for (const { dynamic, pattern } of patterns) {
    for (const match of code.matchAll(pattern)) imports.push({ at: match.index, one: { specifier: match[2]!, dynamic } });
  }
  return imports.sort((a, b) => a.at - b.at).map(({ one }) => one);
}

function layerOf(file: string): Layer | null {
  let best: { layer: Layer; length: number } | null = null;
  for (const layer of LAYERS) {
    for (const place of layer.places) {
      const fits = place.endsWith('/') ? file.startsWith(place) : file === place;
      if (fits && place.length > (best?.length ?? 0)) best = { layer, length: place.length };
    }
  }
  return best?.layer ?? null;
}

// AssemblyScript leaves the ending off.
function resolveImport(file: string, specifier: string): string {
  const path = posix.join(posix.dirname(file), specifier);
  return /\.[a-z]+$/.test(path) ? path : `${path}.ts`;
}

async function readModules(): Promise<Modules> {
  const project = dirname(import.meta.dirname);
  const modules = new Map<string, string>();
  for (const folder of ['ts', 'providers', 'assembly']) {
    for (const name of await readdir(join(project, folder), { recursive: true })) {
      const file = posix.join(folder, name.replaceAll('\\', '/'));
      if (/\.[cm]?[jt]s$/.test(file)) modules.set(file, await readFile(join(project, file), 'utf8'));
    }
  }
  return modules;
}

function readSubpathEntries(packageJson: string): ReadonlySet<string> {
  const { exports } = JSON.parse(packageJson) as { exports: Record<string, string | Record<string, string>> };
  const files = Object.values(exports).flatMap((target) => (typeof target === 'string' ? [] : Object.values(target)));
  const sources = files.filter((file) => file.startsWith('./dist/ts/') && file.endsWith('.js'));
  return new Set(sources.map((file) => file.replace('./dist/', '').replace(/\.js$/, '.ts')));
}

function asStatic(specifier: string): Import {
  return { specifier, dynamic: false };
}
