/**
 * This project as its users get it: packed by npm, unpacked beside its dependencies in a temporary folder, without network. Tests of the package
 * import from there, so that a file that is not shipped, or an export that is not declared, is missed here first. Does not build.
 */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const CHECKOUT: string = fileURLToPath(new URL('../..', import.meta.url));

/** The parts of package.json that the tests look at. */
export interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

/** The installed package. */
export interface PackedProject {
  /** A folder to run programs in. Its `node_modules` holds the package and its dependencies, and there is nothing else. */
  readonly folder: string;
  /** The unpacked package, `<folder>/node_modules/persistent-sessions`. */
  readonly root: string;
  readonly manifest: Manifest;
  /** Runs a program in `folder` and gives its standard output. Rejects with all it said when it fails or takes longer than a minute. */
  run(command: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>;
  /** Removes the folder. May be called twice. */
  dispose(): void;
}

const RUN_TIMEOUT_MS = 60_000;

/**
 * Packs the checkout as it was built last, and installs the result. `links` names further packages of the checkout's node_modules to link.
 * Throws when nothing was built.
 */
export function packProject(links: readonly string[] = []): PackedProject {
  if (!existsSync(join(CHECKOUT, 'dist/ts/index.js'))) throw new Error('dist/ is missing: run `npm run build` first');
  const folder = mkdtempSync(join(tmpdir(), 'psp-packed-'));
  try {
    const root = unpack(folder);
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
    const modules = join(folder, 'node_modules');
    // Copied, not linked: a link leads back into the checkout, where a dependency that we forgot to declare would be found as well.
    for (const name of Object.keys(manifest.dependencies)) {
      cpSync(join(CHECKOUT, 'node_modules', name), join(modules, name), { recursive: true });
    }
    for (const name of links) {
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(CHECKOUT, 'node_modules', name), join(modules, name));
    }
    return {
      folder,
      root,
      manifest,
      run: (command, args, env = {}) => run(folder, command, args, env),
      dispose: () => rmSync(folder, { recursive: true, force: true }),
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Paths of all files under `folder`, relative to it, sorted. */
export function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** What npm packed, for all test files of this process: packing takes seconds. */
let tarball: Uint8Array | null = null;

function unpack(folder: string): string {
  const root = join(folder, 'node_modules/persistent-sessions');
  mkdirSync(root, { recursive: true });
  tarball ??= pack(folder);
  execFileSync('tar', ['-xz', '-C', root, '--strip-components=1'], { input: tarball, stdio: ['pipe', 'pipe', 'pipe'] });
  return root;
}

// Without scripts: a package that had to run something at packing would not be what `npm run build` made.
function pack(folder: string): Uint8Array {
  execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], { cwd: CHECKOUT, stdio: 'pipe' });
  const name = readdirSync(folder).find((one) => one.endsWith('.tgz'));
  if (name === undefined) throw new Error(`npm pack left no tarball in ${folder}`);
  const bytes = readFileSync(join(folder, name));
  rmSync(join(folder, name));
  return bytes;
}

function run(cwd: string, command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, env: { ...process.env, ...env }, timeout: RUN_TIMEOUT_MS }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} ${args.join(' ')} ended with ${error.code ?? error.signal}\n${stdout}${stderr}`, { cause: error }));
    });
  });
}
