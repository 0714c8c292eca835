/**
 * The part of `assemblyscript/asc` that the build calls. Its own declarations bring the language's globals (`i32`, `console`, ...) along, which clash
 * with Node's and the DOM's; `paths` in tsconfig.json points here instead.
 */
export interface CompilerOutput {
  readonly error: Error | null;
  readonly stderr: { toString(): string };
}

export function main(
  args: readonly string[],
  options?: {
    readFile?(name: string, baseDir: string): string | null;
    writeFile?(name: string, contents: Uint8Array | string, baseDir: string): void;
    listFiles?(dir: string, baseDir: string): string[] | null;
  },
): Promise<CompilerOutput>;
