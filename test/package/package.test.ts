/** What is in the tarball, whether all that package.json promises is there and loads, and what a bundler makes of it. */
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bundle, bundleProgram } from './bundle.ts';
import { CHECKOUT, listFiles, type PackedProject, packProject } from './packed.ts';

/**
 * Bytes after minifying and gzip, about a sixth above what they are: of a program that encodes, seals, opens and decodes, and of everything that an entry
 * exports, its kernels included.
 */
const MAX_USUAL_GZIP_BYTES = 54_000;
const MAX_ENTRY_GZIP_BYTES: Readonly<Record<string, number>> = {
  'persistent-sessions': 127_000,
  'persistent-sessions/portable': 106_000,
  'persistent-sessions/sequence': 48_000,
  'persistent-sessions/merge': 107_000,
  'persistent-sessions/store': 160_000,
};

/** How every WebAssembly module begins, in Base64. */
const INLINED_MODULE = 'AGFzbQ';

let packed: PackedProject;
/** The same with its optional peers beside it. */
let withPeers: PackedProject;

/** Entries that are nothing without their client library. That of lmdb is loaded when a store is opened. */
const NEEDS_PEER: Readonly<Record<string, string>> = {
  'persistent-sessions/providers/redis': 'ioredis',
  'persistent-sessions/providers/s3': '@aws-sdk/client-s3',
};

beforeAll(() => {
  packed = packProject();
  withPeers = packProject(Object.keys(packed.manifest.peerDependencies));
});

afterAll(() => {
  packed?.dispose();
  withPeers?.dispose();
});

describe('the tarball', () => {
  it('holds the sources, what was built from them, the schema and the documents, and nothing else', () => {
    const sources = ['ts', 'providers'].flatMap((folder) => listIn(folder));
    const built = sources
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => ['.js', '.js.map', '.d.ts', '.d.ts.map'].map((ending) => `dist/${file.replace(/\.ts$/, ending)}`));
    const modules = ['base64', 'base64-simd', 'diff', 'diff-simd', 'sequence'].map((name) => `dist/wasm/${name}.wasm`);
    const documents = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'];
    expect(listFiles(packed.root)).toEqual([...documents, ...sources, ...built, ...modules, ...listIn('schema')].sort());
    expect(sources.filter((file) => !/\.(?:ts|md)$/.test(file))).toEqual([]);
  });

  it('holds every source that a source map points to', () => {
    const dangling = listFiles(packed.root)
      .filter((file) => file.endsWith('.map'))
      .flatMap((file) => readSourceMap(file).map((source) => join(dirname(file), source)))
      .filter((source) => !existsSync(join(packed.root, source)));
    expect(dangling).toEqual([]);
  });
});

describe('package.json', () => {
  it('exports files that are there, types first', () => {
    const { exports } = packed.manifest;
    for (const [subpath, target] of Object.entries(exports)) {
      if (typeof target === 'string') {
        expect(existsSync(join(packed.root, target)), `${subpath} -> ${target}`).toBe(true);
        continue;
      }
      // TypeScript takes the first condition that fits: `types` after `default` would never be looked at.
      expect(Object.keys(target)[0], subpath).toBe('types');
      for (const file of Object.values(target)) expect(existsSync(join(packed.root, file)), `${subpath} -> ${file}`).toBe(true);
    }
  });

  it('exports the kernels as raw modules, which start without imports', () => {
    const modules = Object.keys(packed.manifest.exports).filter((subpath) => subpath.endsWith('.wasm'));
    expect(modules).toEqual(['base64', 'base64-simd', 'diff', 'diff-simd', 'sequence'].map((name) => `./wasm/${name}.wasm`));
    for (const subpath of modules) {
      const bytes = readFileSync(join(packed.root, packed.manifest.exports[subpath] as string));
      expect(new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports['memory'], subpath).toBeInstanceOf(WebAssembly.Memory);
    }
  });

  it('names a program that runs as npm links it and explains itself', async () => {
    const bin = packed.manifest.bin['psp']!;
    const file = join(packed.root, bin);
    expect(readFileSync(file, 'utf8').split('\n')[0]).toBe('#!/usr/bin/env node');
    const link = join(packed.folder, 'node_modules/.bin/psp');
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(file, link);
    chmodSync(file, 0o755); // as npm does
    expect(await packed.run(link, ['--help'])).toMatch(/\bpsp\b[\s\S]*\bcapture\b[\s\S]*\brestore\b/);
  });
});

describe('in Node', () => {
  it('every entry imports, and gives something', async () => {
    const names = entryNames();
    const program = `
      const names = ${JSON.stringify(names)};
      const entries = await Promise.all(names.map(async (name) => [name, Object.keys(await import(name)).length]));
      console.log(JSON.stringify(entries));
    `;
    const entries = JSON.parse(await runNode(program, withPeers)) as [string, number][];
    expect(entries.map(([name]) => name)).toEqual(names);
    expect(entries.filter(([, exported]) => exported === 0)).toEqual([]);
  });

  it('without the optional peers every other entry imports, and those say which package is missing', async () => {
    const program = `
      const outcomes = ${JSON.stringify(entryNames())}.map(async (name) => {
        const missing = await import(name).then(() => null, (error) => /Cannot find package '(.+?)'/.exec(error.message)?.[1] ?? String(error));
        return missing === null ? [] : [[name, missing]];
      });
      console.log(JSON.stringify(Object.fromEntries((await Promise.all(outcomes)).flat())));
    `;
    expect(JSON.parse(await runNode(program))).toEqual(NEEDS_PEER);
  });

  // Only possible as long as nothing in the package awaits at its top level.
  it('every entry can be required from CommonJS', async () => {
    const program = `
      import { createRequire } from 'node:module';
      const require = createRequire(import.meta.resolve('persistent-sessions/package.json'));
      console.log(JSON.stringify(${JSON.stringify(entryNames())}.filter((name) => Object.keys(require(name)).length === 0)));
    `;
    expect(JSON.parse(await runNode(program, withPeers))).toEqual([]);
  });

  it('what is not exported cannot be imported', async () => {
    const program = `
      const refused = await import('persistent-sessions/dist/ts/kernel/wasm.js').then(() => 'imported', (error) => error.code);
      console.log(refused);
    `;
    expect((await runNode(program)).trim()).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });
});

describe('in a bundle for browsers', () => {
  it('the main entry needs no node: module, no client library, no provider and nothing of the command line', async () => {
    const { inputs, external, mentioned } = await bundle("export * from 'persistent-sessions';");
    expect(external).toEqual([]);
    // The optional peer of passphrases, which this entry does not export. By name: nothing else may join it.
    expect(mentioned).toEqual(['hash-wasm']);
    expect(inputs).toContain('node_modules/persistent-sessions/dist/ts/kernel/wasm.js');
    const foreign = inputs.filter(
      (input) => !/^(?:<stdin>$|node_modules\/(?:persistent-sessions\/dist\/ts|@noble\/(?:hashes|ciphers))\/)/.test(input),
    );
    expect(foreign).toEqual([]);
    // Of the drivers only the shape of their report, which programs look at.
    expect(inputs.filter((input) => /\/(?:cli|formats)\/|\/adapters\/(?!report\.js$)/.test(input))).toEqual([]);
  });

  it('the portable entry has no WebAssembly in it, neither the word nor a module', async () => {
    const main = await bundle("export * from 'persistent-sessions';");
    expect(main.text).toContain('WebAssembly');
    expect(main.text).toContain(INLINED_MODULE);
    const portable = await bundle("export * from 'persistent-sessions/portable';");
    expect(portable.text).not.toMatch(/WebAssembly/i);
    expect(portable.text).not.toContain(INLINED_MODULE);
    expect(portable.external).toEqual([]);
    expect(portable.mentioned).toEqual(['hash-wasm']);
  });

  it('PspError alone costs next to nothing', async () => {
    const { text } = await bundle("import { PspError } from 'persistent-sessions'; console.log(PspError);");
    expect(text).toContain('PspError');
    expect(text).not.toContain('WebAssembly');
    expect(text).not.toContain(INLINED_MODULE);
    expect(text.length).toBeLessThan(400);
  });

  it(`a program that encodes, seals, opens and decodes stays below ${MAX_USUAL_GZIP_BYTES} bytes after gzip`, async () => {
    const { text } = await bundle("export { encodeSession, decodeSession, seal, open, generateKey } from 'persistent-sessions';");
    expect(gzipSync(text, { level: 9 }).length).toBeLessThan(MAX_USUAL_GZIP_BYTES);
  });

  it.each(Object.entries(MAX_ENTRY_GZIP_BYTES))('all of %s stays below %i bytes after gzip', async (name, max) => {
    const { text } = await bundle(`export * from '${name}';`);
    const gzipBytes = gzipSync(text, { level: 9 }).length;
    console.log(`${name}: ${text.length} bytes minified, ${gzipBytes} after gzip`);
    expect(gzipBytes).toBeLessThan(max);
  });

  it('the sequence kernel is in the bundles of those that make sequences or merge, and in no other', async () => {
    const inputsOf = async (name: string): Promise<readonly string[]> => (await bundle(`export * from '${name}';`)).inputs;
    const carriers = { compiled: /\/generated\/sequence-wasm\.js$/, portable: /\/kernel\/portable\/sequence\.js$/ };
    const carried: Record<string, string[]> = {};
    for (const name of Object.keys(MAX_ENTRY_GZIP_BYTES)) {
      const inputs = await inputsOf(name);
      carried[name] = Object.entries(carriers).flatMap(([kind, pattern]) => (inputs.some((input) => pattern.test(input)) ? [kind] : []));
    }
    expect(carried).toEqual({
      'persistent-sessions': [],
      'persistent-sessions/portable': [],
      'persistent-sessions/sequence': ['compiled', 'portable'],
      'persistent-sessions/merge': ['compiled', 'portable'],
      'persistent-sessions/store': ['portable'],
    });
  });
});

function listIn(folder: string): string[] {
  return listFiles(join(CHECKOUT, folder)).map((file) => `${folder}/${file}`);
}

function readSourceMap(file: string): string[] {
  return (JSON.parse(readFileSync(join(packed.root, file), 'utf8')) as { sources: string[] }).sources;
}

/** What a program may import, package.json and the raw modules apart. */
function entryNames(): string[] {
  const subpaths = Object.keys(packed.manifest.exports).filter((subpath) => !/\.(?:json|wasm)$/.test(subpath));
  return subpaths.map((subpath) => packed.manifest.name + subpath.slice(1));
}

function runNode(program: string, project: PackedProject = packed): Promise<string> {
  return project.run(process.execPath, ['--input-type=module', '--eval', program]);
}

function bundle(contents: string): Promise<Bundle> {
  return bundleProgram(contents, packed.folder);
}
