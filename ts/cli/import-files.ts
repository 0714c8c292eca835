/** What `psp import` reads: files, folders with all that is in them, or the lines of a stream. */
import { fstatSync } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { dearmor, isArmored } from '../envelope/armor.ts';
import type { SealContext } from '../envelope/context.ts';
import type { ImportItem } from '../store/import.ts';
import { idOfFile, LIST_NAME, type ListedFacts, readList, readStreamLine, SESSION_ENDINGS } from './export-file.ts';
import { CliFailure, usage } from './failure.ts';
import { readWhole, reasonOf } from './file.ts';

/** What is to be imported, as far as it is known before it is read. */
export interface Found {
  /** Null for a stream. */
  readonly total: number | null;
  readonly items: AsyncIterable<ImportItem>;
}

/** How files are read. */
export interface FindOptions {
  /** Tags beside files are wanted. */
  readonly withTags: boolean;
  /** What all files and lines are sealed for, where that is not the store and their id. */
  readonly context: SealContext | null;
}

interface FoundFile {
  readonly path: string;
  readonly listed: ListedFacts | null;
}

const ENDINGS: readonly string[] = Object.values(SESSION_ENDINGS);

/**
 * The files of `paths`: a file whatever its name is, a folder with all files in it and below that end as sessions do, in the order of their names;
 * links and hidden files are passed over. `-` alone is standard input, a line for each session.
 */
export async function findItems(paths: readonly string[], options: FindOptions): Promise<Found> {
  if (paths.includes('-')) {
    if (paths.length > 1) throw usage('- goes alone');
    return { total: null, items: readLines(options) };
  }
  const files: FoundFile[] = [];
  for (const path of paths) {
    const found = await stat(path).catch((cause: unknown) => {
      throw new CliFailure('FILE_READ', `${basename(path)} cannot be read: ${reasonOf(cause)}`, { cause });
    });
    if (found.isDirectory()) await addFolder(files, path);
    else files.push({ path, listed: null });
  }
  return { total: files.length, items: readFiles(files, options) };
}

async function addFolder(files: FoundFile[], folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new CliFailure('FILE_READ', `${basename(folder)} cannot be read: ${reasonOf(cause)}`, { cause });
  });
  const list = entries.some((entry) => entry.name === LIST_NAME && entry.isFile())
    ? readList(new TextDecoder().decode(await readWhole(join(folder, LIST_NAME))))
    : null;
  // By UTF-16 code units: the same order wherever and whenever, which a checkpoint relies on.
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) await addFolder(files, path);
    else if (entry.isFile() && ENDINGS.some((ending) => entry.name.endsWith(ending)))
      files.push({ path, listed: list?.get(entry.name) ?? null });
  }
}

async function* readFiles(files: readonly FoundFile[], { withTags, context }: FindOptions): AsyncGenerator<ImportItem> {
  for (const { path, listed } of files) {
    const tag = withTags && (await isThere(`${path}.tag`)) ? await readWhole(`${path}.tag`) : null;
    const isSealed = path.endsWith(SESSION_ENDINGS.stored);
    yield {
      name: path,
      bytes: async () => {
        const bytes = await readWhole(path);
        return isArmored(bytes) ? dearmor(bytes) : bytes;
      },
      // A clear blob says itself whose it is, and a loose file need not say it in its name.
      ...(isSealed && context === null ? { id: idOfFile(basename(path)) } : {}),
      ...listed,
      ...(tag === null ? {} : { tag }),
      ...(context === null ? {} : { context }),
    };
  }
}

async function* readLines({ context }: FindOptions): AsyncGenerator<ImportItem> {
  let number = 0;
  for await (const line of standardInput()) {
    number++;
    if (line === '') continue;
    yield { ...readStreamLine(line, number), ...(context === null ? {} : { context }) };
  }
}

async function* standardInput(): AsyncGenerator<string> {
  try {
    // Node makes an empty stream of a folder: an import of what cannot be read must not look like one of nothing.
    if (fstatSync(process.stdin.fd).isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
    yield* createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (cause) {
    throw new CliFailure('FILE_READ', `standard input cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
