/**
 * What stands behind a verb: its options and files, read in one way, and what it says at its end, as text or with `--json` as one line. Which secrets the options
 * name is for key-source.ts.
 */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { usage } from './failure.ts';

/** The options that a verb has, as Node's `parseArgs` takes them. */
export type OptionTable = NonNullable<ParseArgsConfig['options']>;

/** The options that were given, under `values`, and what stands beside them, under `positionals`. */
export type Arguments<Options extends OptionTable> = ReturnType<typeof parseArgs<{ options: Options; allowPositionals: true }>>;

/** The options and files of a verb. Throws what `parseArgs` does for an option that the verb does not have, or one without its value. */
export function readArguments<const Options extends OptionTable>(args: readonly string[], options: Options): Arguments<Options> {
  return parseArgs({ args: [...args], allowPositionals: true, options });
}

/** As {@link readArguments}, for a verb that takes no files: one too many is an error of `parseArgs` as well. */
export function readOptions<const Options extends OptionTable>(args: readonly string[], options: Options): Arguments<Options>['values'] {
  return parseArgs({ args: [...args], options }).values as Arguments<Options>['values'];
}

/** The one argument of a verb that takes one. `demand` says so, such as `log needs one LOG`. */
export function onlyArgument(positionals: readonly string[], demand: string): string {
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0) throw usage(demand);
  return path;
}

/** The number in an option, from 1 to `most`. */
export function parseCount(option: string, text: string, most: number): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > most) throw usage(`--${option} takes a number from 1 to ${most}`);
  return count;
}

/** Writes what a verb has to say to standard output: `facts` as one line with `--json`, else `text`, which ends its lines itself. */
export function print(choice: { readonly json?: boolean | undefined }, facts: object, text: string): void {
  process.stdout.write(choice.json === true ? `${JSON.stringify(facts)}\n` : text);
}
