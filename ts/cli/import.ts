/** `psp import`: session files, folders of them or a stream, into a store; each checked, and none held up by another. */
import { type ImportOptions, type ImportProgress, type ImportSummary, importMany, type VerifyLevel } from '../store/import.ts';
import { sessionStore } from '../store/session-store.ts';
import { parseCount, print, readArguments } from './arguments.ts';
import { checkpointIn } from './checkpoint-file.ts';
import { CliFailure, usage } from './failure.ts';
import { findItems } from './import-files.ts';
import { withInterrupt } from './interrupt.ts';
import { codeOf, type ItemFailure, showFailures } from './item-failure.ts';
import { findMacKey, KEY_OPTIONS, MAC_OPTIONS } from './key-source.ts';
import { progressOf } from './progress.ts';
import { openStore, STORE_OPTIONS, storeOptionsOf } from './store-option.ts';
import { showBytes } from './text.ts';

/** So many failures are in `--json`; their number is there too. */
const LISTED_FAILURES = 10_000;

/** Imports into a store. Exit status 1 when an item failed, after everything else was done. */
export async function runImport(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, {
    ...KEY_OPTIONS,
    ...MAC_OPTIONS,
    ...STORE_OPTIONS,
    clear: { type: 'boolean' },
    verify: { type: 'string' },
    'on-conflict': { type: 'string' },
    context: { type: 'string' },
    concurrency: { type: 'string' },
    threads: { type: 'string' },
    restamp: { type: 'boolean' },
    'max-mib': { type: 'string' },
    checkpoint: { type: 'string' },
    json: { type: 'boolean' },
  });
  const { store: name, context = 'store', checkpoint } = values;
  if (name === undefined || positionals.length === 0) throw usage('import needs --store, and FILE, FOLDER or -');
  if (context !== 'store' && context !== 'none') throw usage('--context is store (sealed for the store and the id) or none (a loose file)');
  const verify = levelOf(values.verify);
  const onConflict = ruleOf(values['on-conflict']);
  if (onConflict === 'merge' && verify !== 'full') throw usage('--on-conflict merge reads the sessions, so --verify is full');
  if (values.restamp === true && onConflict !== 'merge') throw usage('--restamp goes with --on-conflict merge');
  const macKey = await findMacKey(values);
  const options: ImportOptions = {
    verify,
    onConflict,
    ...(values.restamp === true ? { restamp: true } : {}),
    ...(values.threads === undefined ? {} : { threads: values.threads === '0' ? 0 : parseCount('threads', values.threads, 64) }),
    ...(values.concurrency === undefined ? {} : { concurrency: parseCount('concurrency', values.concurrency, 256) }),
    ...(values['max-mib'] === undefined ? {} : { maxBytesInFlight: parseCount('max-mib', values['max-mib'], 4096) * 1024 * 1024 }),
    ...(macKey === null ? {} : { macKey }),
    ...(checkpoint === undefined ? {} : { checkpoint: checkpointIn(checkpoint) }),
  };
  const found = await findItems(positionals, { withTags: macKey !== null, context: context === 'none' ? {} : null });
  const storeOptions = await storeOptionsOf(values, 'seal');
  const provider = await openStore(name);
  const failures: ItemFailure[] = [];
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
    print(values, { ...asJson(summary), failed: failures }, showSummary(summary, failures));
    if (summary.failed > 0) throw new CliFailure('IMPORT_INCOMPLETE', `${summary.failed} of ${itemsIn(summary)} items were not imported`);
  } finally {
    progress.end();
    await provider.close();
  }
}

function levelOf(verify = 'full'): VerifyLevel {
  if (verify !== 'header' && verify !== 'hashes' && verify !== 'full') throw usage('--verify is header, hashes or full');
  return verify;
}

function ruleOf(rule = 'skip'): NonNullable<ImportOptions['onConflict']> {
  if (rule !== 'skip' && rule !== 'replace' && rule !== 'merge') throw usage('--on-conflict is skip, replace or merge');
  return rule;
}

function itemsIn({ created, replaced, merged, kept, present, failed, finishedBefore }: ImportProgress): number {
  return created + replaced + merged + kept + present + failed + finishedBefore;
}

function asJson({ failures, failed, ...counts }: ImportSummary): object {
  return { ...counts, failures: failed };
}

function showSummary(
  { created, replaced, merged, kept, present, finishedBefore, failed, bytes, resumed }: ImportSummary,
  failures: readonly ItemFailure[],
): string {
  const before = present + finishedBefore;
  const parts = [
    `imported ${created + replaced + merged} (${showBytes(bytes)} read)`,
    ...(replaced > 0 ? [`${replaced} in the place of another`] : []),
    ...(merged > 0 ? [`${merged} joined with what is stored under that id`] : []),
    ...(kept > 0 ? [`${kept} left out, since another is stored under that id`] : []),
    ...(before > 0 ? [`${before} were there from a run before`] : []),
    `${failed} failed`,
  ];
  return `${showFailures('not imported', failures, failed)}${parts.join(', ')}${resumed ? ' (after a checkpoint)' : ''}\n`;
}
