/**
 * Which runtime a bench runs in, as results name it: in words, as the ending of a result file, and as the command that repeats it.
 * Node of the major that the package's engines begin with has the plain file names; every other runtime has files of its own.
 */

/** A runtime, as a report names it. */
export interface BenchRuntime {
  /** Product and version first, up to the first comma: `Node 20.20.2, V8 11.3, linux x64`. */
  readonly description: string;
  /** What stands between subject and `.md`: '', or for instance `.node26`, `.deno`, `.browser`. */
  readonly suffix: string;
  /** The command that repeats a run, from the root of the checkout. */
  commandFor(subject: string): string;
}

/** The versions that a runtime tells of itself: `process.versions`. Deno and Bun tell those of Node too, and their own beside them. */
export type RuntimeVersions = Readonly<Record<string, string | undefined>>;

/**
 * The runtime of this process, by its versions. `engines` is `engines.node` of package.json; `executable` the path of the runtime from the
 * root of the checkout, which begins with `..` where it is not in there.
 */
export function describeRuntime(versions: RuntimeVersions, platform: string, engines: string, executable: string): BenchRuntime {
  const { deno, bun, node = '', v8 } = versions;
  if (deno !== undefined) {
    return {
      description: `Deno ${deno}, V8 ${v8}, ${platform}`,
      suffix: '.deno',
      commandFor: (subject) => `npm run bench:deno -- ${subject}`,
    };
  }
  if (bun !== undefined) {
    return {
      description: `Bun ${bun}, ${platform}`,
      suffix: '.bun',
      commandFor: (subject) => `npm run build && npx bun dist/bench/run.js ${subject}`,
    };
  }
  const isOldest = majorOf(node) === majorOf(engines);
  const program = executable.startsWith('..') ? `npx --yes node@${node}` : executable;
  return {
    description: `Node ${node}, V8 ${v8}, ${platform}`,
    suffix: isOldest ? '' : `.node${majorOf(node)}`,
    commandFor: (subject) =>
      isOldest ? `npm run bench -- ${subject}` : `npm run set-up && npm run build && ${program} dist/bench/run.js ${subject}`,
  };
}

/** A page in a Chromium of this version. */
export function describeChromium(version: string, platform: string): BenchRuntime {
  return {
    description: `Chromium ${version}, headless, ${platform}`,
    suffix: '.browser',
    commandFor: (subject) => `npm run bench:browser -- ${subject}`,
  };
}

/** 20 for `20.20.2` and for `>=20.19`. */
function majorOf(version: string): string {
  return /\d+/.exec(version)?.[0] ?? '';
}
