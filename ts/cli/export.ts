/** `psp export`: sessions out of a store, into the files of a folder or as lines on standard output; what it writes, `psp import` reads. */
import type { RotationCheckpoint } from '../store/checkpoint.ts';
import { type ExportForm, type ExportOptions, type ExportProgress, exportMany } from '../store/export.ts';
import { sessionStore } from '../store/session-store.ts';
import { onlyArgument, parseCount, print, readArguments } from './arguments.ts';
import { checkpointIn } from './checkpoint-file.ts';
import { type ExportTarget, folderTarget, streamTarget } from './export-target.ts';
import { CliFailure, usage } from './failure.ts';
import { withInterrupt } from './interrupt.ts';
import { codeOf, type ItemFailure, showFailures } from './item-failure.ts';
import { KEY_OPTIONS } from './key-source.ts';
import { progressOf } from './progress.ts';
import { openStore, STORE_OPTIONS, storeOptionsOf } from './store-option.ts';
import { showBytes } from './text.ts';

const DEMAND = 'export needs --store, and one FOLDER or -';

/** Exports a store. Exit status 1 when a session failed, after everything else was done. */
export async function runExport(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, {
    ...KEY_OPTIONS,
    ...STORE_OPTIONS,
    clear: { type: 'boolean' },
    form: { type: 'string' },
    id: { type: 'string', multiple: true },
    prefix: { type: 'string' },
    concurrency: { type: 'string' },
    checkpoint: { type: 'string' },
    json: { type: 'boolean' },
  });
  const { store: name, id: ids, prefix, checkpoint } = values;
  const path = onlyArgument(positionals, DEMAND);
  if (name === undefined) throw usage(DEMAND);
  if (path === '-' && values.json === true) throw usage('--json goes with a folder: on standard output are the sessions themselves');
  // A line that a kill has cut would spoil the next one.
  if (path === '-' && checkpoint !== undefined) throw usage('--checkpoint goes with a folder: a stream cannot be gone on with');
  if (ids !== undefined && prefix !== undefined) throw usage('--id and --prefix exclude each other');
  const form = formOf(values.form);
  const options: ExportOptions = {
    form,
    ...(ids === undefined ? {} : { ids }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(values.concurrency === undefined ? {} : { concurrency: parseCount('concurrency', values.concurrency, 256) }),
  };
  // Stored bytes are moved as they are: nobody has to be able to open them.
  const storeOptions =
    form === 'stored' ? { ...(await storeOptionsOf({ ...values, clear: true }, 'open')) } : await storeOptionsOf(values, 'open');
  const provider = await openStore(name);
  const target = path === '-' ? streamTarget() : await folderTarget(path, form, checkpoint !== undefined);
  const marks = checkpoint === undefined ? {} : { checkpoint: behind(target, checkpointIn(checkpoint)) };
  const failures: ItemFailure[] = [];
  const counts = { items: 0, failed: 0, bytes: 0 };
  let finishedBefore = 0;
  let isWhole = false;
  const progress = progressOf('exported', ids?.length ?? null);
  try {
    await withInterrupt('the export was called off; with --checkpoint it goes on when it is run again', async (signal) => {
      await provider.open();
      const onProgress = (progress: ExportProgress): void => {
        finishedBefore = progress.finishedBefore;
      };
      for await (const result of exportMany(sessionStore(provider, storeOptions), { ...options, ...marks, signal, onProgress })) {
        counts.items++;
        if (result.status === 'fulfilled') {
          await target.write(result.value);
          counts.bytes += result.value.bytes.length;
        } else {
          counts.failed++;
          failures.push({ name: result.id ?? '(its id cannot be read)', code: codeOf(result.reason) });
        }
        progress.update({ ...counts, items: counts.items + finishedBefore });
      }
    });
    isWhole = true;
  } finally {
    progress.end();
    // A connection that stays open would keep the process.
    await target.end(isWhole).finally(() => provider.close());
  }
  const { items, failed, bytes } = counts;
  const before = finishedBefore > 0 ? `, ${finishedBefore} were there from a run before` : '';
  const text = `${showFailures('not exported', failures)}exported ${items - failed} (${showBytes(bytes)})${before}, ${failed} failed\n`;
  if (path === '-') process.stderr.write(failed > 0 ? text : '');
  else print(values, { exported: items - failed, finishedBefore, bytes, failed: failures }, text);
  if (failed > 0) throw new CliFailure('EXPORT_INCOMPLETE', `${failed} of ${items + finishedBefore} sessions were not exported`);
}

function formOf(form = 'stored'): ExportForm {
  if (form !== 'stored' && form !== 'packed' && form !== 'text') throw usage('--form is stored, packed or text');
  return form;
}

/** A checkpoint that is never ahead of what has been written. */
function behind(target: ExportTarget, { load, save }: RotationCheckpoint): RotationCheckpoint {
  return {
    load,
    async save(text) {
      await target.keep();
      await save(text);
    },
  };
}
