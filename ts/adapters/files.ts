/** The origin private file system of one origin (File System Standard, section 5). The time of modification is the browser's: a restored file is a new one. */

import type { SectionSink } from '../session/section-sink.ts';
import type { Extent, PrivateFile } from '../session/session.ts';
import { digestSink, isSameContent, sendBody, takeBody } from './bodies.ts';
import type { Operation } from './operation.ts';
import type { PageWorld } from './page-world.ts';

const SLOT = 'file';

/** Reads the tree. A file that fails (one that is locked) is an entry of the report, and makes the extent partial. */
export async function captureFiles(
  operation: Operation,
  world: PageWorld,
  place: string,
  sink: SectionSink = operation.sink,
): Promise<{ files: PrivateFile[]; extent: Extent }> {
  const files: PrivateFile[] = [];
  let extent: Extent = 'complete';
  for (const { path, kind, size, lastModified, error } of await world.call('listFiles')) {
    const entry = { outcome: 'lost', kind: 'fileSystem', place: `${place} ${path}` } as const;
    if (error !== null) {
      operation.entries.push({ ...entry, reason: `it could not be read: ${error}` });
      extent = 'partial';
      continue;
    }
    const facts = { path, kind, ...(lastModified === null ? {} : { lastModified }) };
    if (size === null || size === 0) {
      files.push(facts);
      continue;
    }
    const body = await operation.part(entry, async () => {
      await world.call('readFile', path, SLOT);
      return takeBody(world, SLOT, sink);
    });
    if (body === null) extent = 'partial';
    else files.push({ ...facts, body });
  }
  return { files, extent };
}

/** What {@link restoreFiles} begins with. */
export function replaceDirectoriesCall(files: readonly PrivateFile[], isAdded: boolean): ['replaceDirectories', string[], boolean] {
  return ['replaceDirectories', files.filter(({ kind }) => kind === 'directory').map(({ path }) => path), isAdded];
}

/** Replaces the tree, or adds to it, and reads it back; how many files and directories are there as captured, apart from their times. */
export async function restoreFiles(
  operation: Operation,
  world: PageWorld,
  place: string,
  files: readonly PrivateFile[],
  isAdded: boolean,
): Promise<number> {
  const refused = await world.call(...replaceDirectoriesCall(files, isAdded));
  if (refused === null) {
    if (files.length > 0)
      operation.entries.push({ outcome: 'lost', kind: 'fileSystem', place, reason: 'the page has no private file system' });
    return 0;
  }
  const lost = new Set(refused);
  for (const path of refused) {
    operation.entries.push({ outcome: 'lost', kind: 'fileSystem', place: `${place} ${path}`, reason: 'the browser refused the directory' });
  }
  const written = files.filter(({ kind }) => kind === 'file');
  for (const { path, body } of written) {
    const done = await operation.part({ outcome: 'lost', kind: 'fileSystem', place: `${place} ${path}` }, async () => {
      await sendBody(world, SLOT, body);
      await world.call('writeFile', path, SLOT);
      return true;
    });
    if (done === null) lost.add(path);
  }
  if (written.some(({ path, lastModified }) => lastModified !== undefined && !lost.has(path))) {
    const reason = 'files keep no time of modification: it is that of the restore';
    operation.entries.push({ outcome: 'notice', kind: 'fileSystem', place, reason });
  }
  return verifyFiles(operation, world, place, files, lost, isAdded);
}

async function verifyFiles(
  operation: Operation,
  world: PageWorld,
  place: string,
  expected: readonly PrivateFile[],
  lost: ReadonlySet<string>,
  isAdded: boolean,
): Promise<number> {
  const found = new Map((await captureFiles(operation, world, place, digestSink)).files.map((file) => [file.path, file]));
  let right = 0;
  for (const file of expected) {
    if (lost.has(file.path)) continue;
    const there = found.get(file.path);
    const isRight = there !== undefined && there.kind === file.kind && (await isSameContent(file.body, there.body));
    if (isRight) right++;
    else
      operation.entries.push({
        outcome: there === undefined ? 'lost' : 'altered',
        kind: 'fileSystem',
        place: `${place} ${file.path}`,
        reason: 'it reads back differently',
      });
  }
  const named = new Set(expected.map(({ path }) => path));
  for (const path of found.keys()) {
    if (isAdded || named.has(path)) continue;
    const reason = 'it was there before and could not be removed: a page holds it locked';
    operation.entries.push({ outcome: 'altered', kind: 'fileSystem', place: `${place} ${path}`, reason });
  }
  return right;
}
