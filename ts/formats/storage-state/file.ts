/** Files of the origin private file system, in a storage state and in a Session: paths without a slash in front, directories before what is in them. */
import { type PrivateFile, section } from '../../session/session.ts';
import { base64Of, bytesOfBase64 } from '../base64-text.ts';
import { type Loss, lose } from '../loss.ts';
import type { Place } from '../place.ts';

/** An entry of the origin private file system. */
export interface StorageStateFile {
  path: string;
  type: 'file' | 'directory';
  /** The content of a file. */
  base64?: string;
}

/** Media type of a section that holds the content of a file: the file system keeps none. */
const FILE_MEDIA_TYPE = 'application/octet-stream';

/** A Session holds no longer path. */
const MAX_PATH_LENGTH = 65_536;
/** A path implies a directory for each of its names: without a limit, a short file would be read as very many. File systems end at about 2048. */
const MAX_PATH_DEPTH = 2048;

const KINDS = new Map<unknown, PrivateFile['kind']>([
  ['file', 'file'],
  ['directory', 'directory'],
]);

/** Reads the entries. A directory that is only implied by a path is made, as Playwright makes it. */
export function readFiles(places: readonly Place[], losses: Loss[]): PrivateFile[] {
  const kept = new Map<string, { file: PrivateFile; pointer: string }>();
  for (const place of places) {
    const path = readPath(place.member('path'));
    for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) addDirectory(path.slice(0, end), place, kept);
    const kind = place.member('type').oneOf(KINDS);
    if (kind === 'directory') {
      addDirectory(path, place, kept);
      continue;
    }
    const earlier = kept.get(path);
    if (earlier?.file.kind === 'directory') throw place.member('type').malformed('"directory", as before', 'a file of that path');
    if (earlier !== undefined) lose(losses, earlier.pointer, 'dropped', 'the same file comes again later in the file');
    const bytes = bytesOfBase64(place.member('base64').string());
    if (bytes === null) throw place.member('base64').malformed('Base64', 'another string');
    const body = bytes.length === 0 ? {} : { body: section(bytes, FILE_MEDIA_TYPE) };
    kept.set(path, { file: { path, kind, ...body }, pointer: place.pointer });
  }
  return [...kept.values()].map(({ file }) => file);
}

function readPath(place: Place): string {
  const path = place.string();
  if (path.length > MAX_PATH_LENGTH) throw place.malformed(`a path of at most ${MAX_PATH_LENGTH} code units`, 'a longer one');
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    throw place.malformed('names joined by slashes', 'another string');
  if (parts.length > MAX_PATH_DEPTH) throw place.malformed(`at most ${MAX_PATH_DEPTH} names joined by slashes`, 'more');
  return path;
}

function addDirectory(path: string, place: Place, kept: Map<string, { file: PrivateFile; pointer: string }>): void {
  const earlier = kept.get(path);
  if (earlier === undefined) kept.set(path, { file: { path, kind: 'directory' }, pointer: place.pointer });
  else if (earlier.file.kind === 'file') throw place.member('path').malformed('a path in a directory', 'one inside a file');
}

/** Writes the entries, in their order. */
export async function writeFiles(files: readonly PrivateFile[], pointer: string, losses: Loss[]): Promise<StorageStateFile[]> {
  if (files.some(({ lastModified }) => lastModified !== undefined)) {
    lose(losses, pointer, 'lossy', 'a storage state does not hold when files were last modified');
  }
  const written: StorageStateFile[] = [];
  for (const { path, kind, body } of files) {
    if (kind === 'directory') written.push({ path, type: kind });
    else written.push({ path, type: kind, base64: body === undefined ? '' : base64Of(await body.bytes()) });
  }
  return written;
}
