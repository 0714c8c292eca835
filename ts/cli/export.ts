/** `psp export`: sessions out of a store, into the files of a folder or as lines on standard output; what it writes, `psp import` reads. */
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ExportedSession, type ExportForm, type ExportOptions, exportMany } from '../store/export.ts';
import { isSealed } from '../store/record.ts';
import { sessionStore } from '../store/session-store.ts';
import { endingOf, fileNameOf, LIST_NAME, listLine, streamLine } from './export-file.ts';
import { CliFailure, usage } from './failure.ts';
import { reasonOf, writeWhole } from './file.ts';
import { codeOf, countOf, showFailures, storeOptionsOf } from './import.ts';
import { withInterrupt } from './interrupt.ts';
import { KEY_OPTIONS } from './key-source.ts';
import { progressOf } from './progress.ts';
import { openStore, STORE_OPTIONS } from './store-option.ts';
import { showBytes } from './text.ts';

/** Where sessions go. */
interface Target {
  write(session: ExportedSession): Promise<void>;
  /** Also after a failure. */
  end(): Promise<void>;
}

/** Exports a store. Exit status 1 when a session failed, after everything else was done. */
export async function runExport(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...KEY_OPTIONS,
      ...STORE_OPTIONS,
      clear: { type: 'boolean' },
      form: { type: 'string' },
      id: { type: 'string', multiple: true },
      prefix: { type: 'string' },
      concurrency: { type: 'string' },
      json: { type: 'boolean' },
    },
  });
  const [path, ...more] = positionals;
  const { store: name, id: ids, prefix } = values;
  if (name === undefined || path === undefined || more.length > 0) throw usage('export needs --store, and one FOLDER or -');
  if (path === '-' && values.json === true) throw usage('--json goes with a folder: on standard output are the sessions themselves');
  if (ids !== undefined && prefix !== undefined) throw usage('--id and --prefix exclude each other');
  const form = formOf(values.form);
  const options: ExportOptions = {
    form,
    ...(ids === undefined ? {} : { ids }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(values.concurrency === undefined ? {} : { concurrency: countOf('concurrency', values.concurrency, 256) }),
  };
  // Stored bytes are moved as they are: nobody has to be able to open them.
  const storeOptions =
    form === 'stored' ? { ...(await storeOptionsOf({ ...values, clear: true }, 'open')) } : await storeOptionsOf(values, 'open');
  const provider = await openStore(name);
  const target = path === '-' ? streamTarget() : await folderTarget(path, form);
  const failures: { readonly name: string; readonly code: string }[] = [];
  const counts = { items: 0, failed: 0, bytes: 0 };
  const progress = progressOf('exported', ids?.length ?? null);
  try {
    await withInterrupt('the export was called off', async (signal) => {
      await provider.open();
      for await (const result of exportMany(sessionStore(provider, storeOptions), { ...options, signal })) {
        counts.items++;
        if (result.status === 'fulfilled') {
          await target.write(result.value);
          counts.bytes += result.value.bytes.length;
        } else {
          counts.failed++;
          failures.push({ name: result.id ?? '(its id cannot be read)', code: codeOf(result.reason) });
        }
        progress.update(counts);
      }
    });
  } finally {
    progress.end();
    await target.end();
    await provider.close();
  }
  const { items, failed, bytes } = counts;
  const text = `${showFailures('not exported', failures, failed)}exported ${items - failed} (${showBytes(bytes)}), ${failed} failed\n`;
  if (path === '-') process.stderr.write(failed > 0 ? text : '');
  else process.stdout.write(values.json === true ? `${JSON.stringify({ exported: items - failed, bytes, failed: failures })}\n` : text);
  if (failed > 0) throw new CliFailure('EXPORT_INCOMPLETE', `${failed} of ${items} sessions were not exported`);
}

function formOf(form = 'stored'): ExportForm {
  if (form !== 'stored' && form !== 'packed' && form !== 'text') throw usage('--form is stored, packed or text');
  return form;
}

/** Waits where the reader is slower than the store. */
function streamTarget(): Target {
  return {
    async write(session) {
      if (process.stdout.write(streamLine(session))) return;
      await once(process.stdout, 'drain').catch((cause: unknown) => {
        throw new CliFailure('FILE_WRITE', `standard output cannot be written: ${reasonOf(cause)}`, { cause });
      });
    },
    end: async () => undefined,
  };
}

/** Files for this user alone, each there only when it is whole; one of the same name is replaced. */
async function folderTarget(folder: string, form: ExportForm): Promise<Target> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw new CliFailure('FILE_WRITE', `the folder cannot be made: ${reasonOf(cause)}`, { cause });
  });
  let list = '';
  return {
    async write(session) {
      const sealed = form === 'stored' && isSealed(session.bytes);
      const file = fileNameOf(session.id, endingOf(form, sealed));
      await writeWhole(join(folder, file), session.bytes);
      if (sealed) list += listLine(file, session);
    },
    async end() {
      if (list !== '') await writeWhole(join(folder, LIST_NAME), list);
    },
  };
}
