/**
 * Where `psp export` puts sessions: lines of standard output, or files of a folder with a list of what cannot be read off them. The list of an export that
 * has a checkpoint grows in a hidden file, so that after a kill nothing in it is missing; it gets its name when it is whole.
 */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../../providers/filesystem/file.ts';
import type { ExportedSession, ExportForm } from '../store/export.ts';
import { isSealed } from '../store/record.ts';
import { endingOf, fileNameOf, LIST_NAME, listLine, streamLine } from './export-file.ts';
import { CliFailure } from './failure.ts';
import { reasonOf, writeWhole } from './file.ts';

/** Where sessions go. */
export interface ExportTarget {
  write(session: ExportedSession): Promise<void>;
  /** After it, all that was written is there also when the machine stops. */
  keep(): Promise<void>;
  /** `isWhole`: nothing is left to be written, by a later run. Also called after a failure. */
  end(isWhole: boolean): Promise<void>;
}

/** The list of an export that is under way. */
const PART_NAME = `.${LIST_NAME}.part`;

/** Standard output. Waits where the reader is slower than the store. */
export function streamTarget(): ExportTarget {
  return {
    async write(session) {
      if (process.stdout.write(streamLine(session))) return;
      await once(process.stdout, 'drain').catch((cause: unknown) => {
        throw new CliFailure('FILE_WRITE', `standard output cannot be written: ${reasonOf(cause)}`, { cause });
      });
    },
    keep: async () => undefined,
    end: async () => undefined,
  };
}

/** A folder. Files are for this user alone, each there only when it is whole; one of the same name is replaced. `goesOn`: the export has a checkpoint. */
export async function folderTarget(folder: string, form: ExportForm, goesOn: boolean): Promise<ExportTarget> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw new CliFailure('FILE_WRITE', `the folder cannot be made: ${reasonOf(cause)}`, { cause });
  });
  const [list, part] = [join(folder, LIST_NAME), join(folder, PART_NAME)];
  let growing = goesOn ? await tryToWrite(() => openPart(part)) : null;
  let lines = '';

  async function keepLines(): Promise<void> {
    if (lines === '') return;
    growing ??= await open(part, 'a', 0o600);
    await growing.appendFile(lines);
    lines = '';
    await growing.sync();
  }

  return {
    async write(session) {
      // Only of sealed files a list is needed.
      const sealed = form === 'stored' && isSealed(session.bytes);
      const file = fileNameOf(session.id, endingOf(form, sealed));
      await writeWhole(join(folder, file), session.bytes);
      if (sealed) lines += listLine(file, session);
    },
    keep: () =>
      tryToWrite(async () => {
        await keepLines();
        await syncDirectory(folder);
      }),
    async end(isWhole) {
      if (!goesOn) {
        if (lines !== '') await writeWhole(list, lines);
        return;
      }
      await tryToWrite(async () => {
        await keepLines();
        await growing?.close();
        if (isWhole && growing !== null) await rename(part, list);
      });
    },
  };
}

/** The list that an export has left which was stopped, or null. What a kill cut in the middle is written again, since the checkpoint knows nothing of it. */
async function openPart(path: string): Promise<FileHandle | null> {
  if (!existsSync(path)) return null;
  const file = await open(path, 'a+');
  const bytes = await file.readFile();
  await file.truncate(bytes.lastIndexOf(0x0a) + 1);
  return file;
}

async function tryToWrite<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new CliFailure('FILE_WRITE', `${LIST_NAME} cannot be written: ${reasonOf(cause)}`, { cause });
  }
}
