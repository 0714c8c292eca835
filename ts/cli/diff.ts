/**
 * `psp diff`: what differs between two session files, sealed or not, as a table, as counts or as JSON. Values are shown with `--reveal` only. Exit status
 * 0: the same, 2: different. Two files of sealed fields need no key to show which values differ.
 */
import type { SessionDiff } from '../diff/difference.ts';
import { countKinds, renderDiff, renderStat } from '../diff/render.ts';
import { isFieldFile } from '../envelope/field-text.ts';
import { base64Of } from '../formats/base64-text.ts';
import type { Section } from '../session/session.ts';
import { diffBlobs } from '../store/compare.ts';
import { compareFields, type FieldChange } from '../store/field-peek.ts';
import { print, readArguments } from './arguments.ts';
import { CONTEXT_OPTIONS, contextFrom } from './context-option.ts';
import { EXIT_STATUS, usage } from './failure.ts';
import { readWhole } from './file.ts';
import { findKey, KEY_OPTIONS, readKey } from './key-source.ts';
import { clearBlob, isClear } from './session-file.ts';
import { showName, table } from './text.ts';

/** A revealed value is cut after so many characters; `--json` has it whole. */
const SHOWN_CHARACTERS = 120;

/** Shows what differs between two files; sets exit status 2 when something does. */
export async function runDiff(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, {
    ...KEY_OPTIONS,
    ...CONTEXT_OPTIONS,
    stat: { type: 'boolean' },
    reveal: { type: 'boolean' },
    json: { type: 'boolean' },
  });
  const [pathA, pathB, ...more] = positionals;
  if (pathA === undefined || pathB === undefined || more.length > 0) throw usage('diff needs two files, A and B');
  const [fileA, fileB] = [await readWhole(pathA), await readWhole(pathB)];
  const needsNoKey = isFieldFile(fileA) && isFieldFile(fileB);
  // Looked for once: a descriptor or a prompt gives it only once.
  const key = isClear(fileA) && isClear(fileB) ? null : await (needsNoKey ? findKey(values) : readKey(values));
  if (needsNoKey && key === null) return showFields(compareFields(fileA, fileB).unverified, values);
  const context = contextFrom(values);
  const [a, b] = [await clearBlob(fileA, key, context), await clearBlob(fileB, key, context)];
  const diff = await diffBlobs(a, b, { reveal: values.reveal === true });
  process.stdout.write(await show(diff, values));
  if (isDifferent(diff)) process.exitCode = EXIT_STATUS.different;
}

/** Without a key: which sealed values differ, and not to what. What stands in the clear is for a diff of text. */
function showFields(changes: readonly FieldChange[], choice: { readonly json?: boolean | undefined }): void {
  const rows = changes.map(({ place, change }) => [change, showName(place, SHOWN_CHARACTERS)]);
  const text =
    rows.length === 0
      ? 'every sealed value is the same\n'
      : `${table([['', 'sealed value'], ...rows])}without a key: nothing here is authentic\n`;
  print(choice, { fields: changes }, text);
  if (changes.length > 0) process.exitCode = EXIT_STATUS.different;
}

async function show(diff: SessionDiff, { json, stat }: { readonly json?: boolean; readonly stat?: boolean }): Promise<string> {
  const layout = { show: (text: string) => showName(text, SHOWN_CHARACTERS), table };
  if (json !== true) return stat === true ? renderStat(diff, layout) : renderDiff(diff, layout);
  const { unchangedCount } = diff;
  const facts = stat === true ? { kinds: Object.fromEntries(countKinds(diff)), unchangedCount } : await withContent(diff);
  return `${JSON.stringify(facts)}\n`;
}

/** With the content of sections in their place, which JSON would leave out. */
async function withContent(value: unknown): Promise<unknown> {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Promise.all(value.map(withContent));
  const { mediaType, length, bytes } = value as Section;
  if (typeof bytes === 'function') return { mediaType, length, base64: base64Of(await (value as Section).bytes()) };
  return Object.fromEntries(await Promise.all(Object.entries(value).map(async ([name, member]) => [name, await withContent(member)])));
}

function isDifferent({ added, removed, changed, moved }: SessionDiff): boolean {
  return added.length + removed.length + changed.length + moved.length > 0;
}
