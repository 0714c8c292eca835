/** `psp import`: session files, folders of them or a stream, into a store; each checked, and none held up by another. */
import { parseArgs } from 'node:util';
import { PspError } from '../errors.ts';
import { type ImportOptions, type ImportProgress, type ImportSummary, importMany, type VerifyLevel } from '../store/import.ts';
import { type SessionStoreOptions, sessionStore } from '../store/session-store.ts';
import { checkpointIn } from './checkpoint-file.ts';
import { CliFailure, usage } from './failure.ts';
import { findItems } from './import-files.ts';
import { withInterrupt } from './interrupt.ts';
import { type CliKey, findMacKey, KEY_OPTIONS, type KeyChoice, MAC_OPTIONS, readKey } from './key-source.ts';
import { progressOf } from './progress.ts';
import { openStore, STORE_OPTIONS } from './store-option.ts';
import { showBytes, showName, table } from './text.ts';

/** So many failures are shown as text, and so many are in `--json`; their number is in both. */
const SHOWN_FAILURES = 20;
const LISTED_FAILURES = 10_000;

interface Failure {
  readonly name: string;
  readonly code: string;
}

/** Imports into a store. Exit status 1 when an item failed, after everything else was done. */
export async function runImport(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...KEY_OPTIONS,
      ...MAC_OPTIONS,
      ...STORE_OPTIONS,
      clear: { type: 'boolean' },
      verify: { type: 'string' },
      'on-conflict': { type: 'string' },
      context: { type: 'string' },
      concurrency: { type: 'string' },
      'max-mib': { type: 'string' },
      checkpoint: { type: 'string' },
      json: { type: 'boolean' },
    },
  });
  const { store: name, context = 'store', checkpoint } = values;
  if (name === undefined || positionals.length === 0) throw usage('import needs --store, and FILE, FOLDER or -');
  if (context !== 'store' && context !== 'none') throw usage('--context is store (sealed for the store and the id) or none (a loose file)');
  const verify = levelOf(values.verify);
  const macKey = await findMacKey(values);
  const options: ImportOptions = {
    verify,
    onConflict: ruleOf(values['on-conflict']),
    ...(values.concurrency === undefined ? {} : { concurrency: countOf('concurrency', values.concurrency, 256) }),
    ...(values['max-mib'] === undefined ? {} : { maxBytesInFlight: countOf('max-mib', values['max-mib'], 4096) * 1024 * 1024 }),
    ...(macKey === null ? {} : { macKey }),
    ...(checkpoint === undefined ? {} : { checkpoint: checkpointIn(checkpoint) }),
  };
  const found = await findItems(positionals, { withTags: macKey !== null, context: context === 'none' ? {} : null });
  const storeOptions = await storeOptionsOf(values, 'seal');
  const provider = await openStore(name);
  const failures: Failure[] = [];
  const progress = progressOf('imported', found.total);
  try {
    const summary = await withInterrupt('the import was called off; with --checkpoint it goes on when it is run again', async (signal) => {
      await provider.open();
      const onProgress = (counts: ImportProgress): void => progress.update({ items: itemsIn(counts), ...counts });
      const run = importMany(sessionStore(provider, storeOptions), found.items, { ...options, signal, onProgress });
      for await (const result of run) {
        if (result.status === 'rejected' && failures.length < LISTED_FAILURES)
          failures.push({ name: result.name, code: codeOf(result.reason) });
      }
      return run.summary;
    });
    progress.end();
    process.stdout.write(
      values.json === true ? `${JSON.stringify({ ...asJson(summary), failed: failures })}\n` : showSummary(summary, failures),
    );
    if (summary.failed > 0) throw new CliFailure('IMPORT_INCOMPLETE', `${summary.failed} of ${itemsIn(summary)} items were not imported`);
  } finally {
    progress.end();
    await provider.close();
  }
}

/** The keys and names of a store: `--clear`, which has to be said, or a key. */
export async function storeOptionsOf(
  choice: KeyChoice & {
    readonly clear?: boolean | undefined;
    readonly tenant?: string | undefined;
    readonly namespace?: string | undefined;
  },
  purpose: 'seal' | 'open',
): Promise<SessionStoreOptions> {
  const { tenant, namespace } = choice;
  const keys: CliKey | null = choice.clear === true ? null : await readKey(choice, purpose);
  return { keys, ...(tenant === undefined ? {} : { tenant }), ...(namespace === undefined ? {} : { namespace }) };
}

/** The code of any failure of an item. */
export function codeOf(error: unknown): string {
  return error instanceof PspError || error instanceof CliFailure ? error.code : 'UNEXPECTED';
}

/** The number in an option. */
export function countOf(option: string, text: string, most: number): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > most) throw usage(`--${option} takes a number from 1 to ${most}`);
  return count;
}

/** Failures as a table, the first of them. */
export function showFailures(title: string, failures: readonly Failure[], count: number): string {
  if (failures.length === 0) return '';
  const rows = failures.slice(0, SHOWN_FAILURES).map(({ name, code }) => [showName(name), code]);
  const more = count > rows.length ? `and ${count - rows.length} more\n` : '';
  return `${table([[title, 'reason'], ...rows])}\n${more}`;
}

function levelOf(verify = 'full'): VerifyLevel {
  if (verify !== 'header' && verify !== 'hashes' && verify !== 'full') throw usage('--verify is header, hashes or full');
  return verify;
}

function ruleOf(rule = 'skip'): NonNullable<ImportOptions['onConflict']> {
  if (rule !== 'skip' && rule !== 'replace' && rule !== 'merge') throw usage('--on-conflict is skip or replace');
  return rule;
}

function itemsIn({ created, replaced, kept, present, failed, finishedBefore }: ImportProgress): number {
  return created + replaced + kept + present + failed + finishedBefore;
}

function asJson({ failures, failed, ...counts }: ImportSummary): object {
  return { ...counts, failures: failed };
}

function showSummary(
  { created, replaced, kept, present, finishedBefore, failed, bytes, resumed }: ImportSummary,
  failures: readonly Failure[],
): string {
  const before = present + finishedBefore;
  const parts = [
    `imported ${created + replaced} (${showBytes(bytes)} read)`,
    ...(replaced > 0 ? [`${replaced} in the place of another`] : []),
    ...(kept > 0 ? [`${kept} left out, since another is stored under that id`] : []),
    ...(before > 0 ? [`${before} were there from a run before`] : []),
    `${failed} failed`,
  ];
  return `${showFailures('not imported', failures, failed)}${parts.join(', ')}${resumed ? ' (after a checkpoint)' : ''}\n`;
}
