/** What a bundler makes of a program, as its users would run it: esbuild, for browsers, minified. */
import { build } from 'esbuild';

/** A bundle. Files are named by their paths from the folder. */
export interface Bundle {
  readonly text: string;
  /** The modules that were read for it. */
  readonly inputs: readonly string[];
  /** What is left in it to be imported. */
  readonly external: readonly string[];
  /** What all that was read would import from elsewhere, used or not. */
  readonly mentioned: readonly string[];
}

/** The minified bundle of a program in `folder`. Rejects with the bundler's report. */
export async function bundleProgram(contents: string, folder: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: folder },
    absWorkingDir: folder,
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  });
  const externals = (files: Readonly<Record<string, { imports: readonly { path: string; external?: boolean }[] }>>): string[] =>
    Object.values(files).flatMap(({ imports }) => imports.filter(({ external }) => external === true).map(({ path }) => path));
  return {
    text: outputFiles[0]!.text,
    inputs: Object.keys(metafile.inputs),
    external: externals(metafile.outputs),
    mentioned: externals(metafile.inputs),
  };
}
