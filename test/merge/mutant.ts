/**
 * Code with a mistake put in on purpose, to see whether tests find it: a module and all that it imports are bundled with one line of one source file exchanged,
 * and run in this process beside the right ones. The line must stand there exactly once, so a mutation never outlives what it was made for.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import fc from 'fast-check';

/** One mistake. */
export interface Mutation {
  /** What is wrong, as a sentence. */
  readonly mistake: string;
  /** From the folder of the project. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly from: string;
  readonly to: string;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const require = createRequire(import.meta.url);

/**
 * What a module exports when the mistake is made; null: as it is. `provided` stands for packages that it imports by name; `fast-check` is the one of this
 * process.
 *
 * @throws Error where the source does not hold `from` exactly once, or nothing that was bundled is in `file`.
 */
export async function loadMutated<Module>(
  entry: string,
  mutation: Pick<Mutation, 'file' | 'from' | 'to'> | null,
  provided: Readonly<Record<string, unknown>> = {},
): Promise<Module> {
  const packages: Readonly<Record<string, unknown>> = { 'fast-check': fc, ...provided };
  let isMutated = mutation === null;
  const path = mutation === null ? '' : ROOT + mutation.file;
  const { outputFiles } = await build({
    entryPoints: [ROOT + entry],
    ...{ bundle: true, write: false, format: 'cjs', platform: 'node', target: 'node20', logLevel: 'silent' },
    external: Object.keys(packages),
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(ROOT + entry).href) },
    plugins: [
      {
        name: 'mutation',
        setup(setup) {
          setup.onLoad({ filter: /\.ts$/ }, ({ path: loaded }) => {
            if (mutation === null || loaded !== path) return null;
            const parts = readFileSync(loaded, 'utf8').split(mutation.from);
            if (parts.length !== 2) throw new Error(`${mutation.file} has ${parts.length - 1} times, not once: ${mutation.from}`);
            isMutated = true;
            return { contents: parts.join(mutation.to), loader: 'ts' };
          });
        },
      },
    ],
  });
  if (!isMutated) throw new Error(`${entry} does not import ${mutation?.file}`);
  const module = { exports: {} };
  const load = (name: string): unknown => packages[name] ?? require(name);
  new Function('module', 'exports', 'require', outputFiles[0]!.text)(module, module.exports, load);
  return module.exports as Module;
}
