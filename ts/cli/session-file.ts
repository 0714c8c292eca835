/**
 * A session in a file: a sealed blob, a text whose fields are sealed one by one, or a clear blob that someone made with the library. Loose files are
 * sealed with an empty context.
 */
import { decodeSession } from '../blob/decode.ts';
import { encodeSession } from '../blob/encode.ts';
import type { SealContext } from '../envelope/context.ts';
import { isFieldFile } from '../envelope/field-text.ts';
import { open } from '../envelope/open.ts';
import { openSessionFile } from '../file.ts';
import { sectionsOf } from '../session/document.ts';
import type { Session } from '../session/session.ts';
import { openFields } from '../store/field-file.ts';
import { naming, peekFile, readWhole } from './file.ts';
import type { CliKey } from './key-source.ts';

/** Enough to tell what a file is. */
const HEAD_BYTES = 64;

/**
 * What `use` makes of the session in a file, each content of which was read and found right before; `key` is called only when the file is sealed. Contents are
 * read from the file when they are asked for, and not after `use` has ended; only what cannot be read so is whole in memory: a pipe, and sealed fields.
 */
export async function withSession<T>(path: string, key: () => Promise<CliKey>, use: (session: Session) => Promise<T>): Promise<T> {
  const head = await peekFile(path, HEAD_BYTES);
  if (head === null || isFieldFile(head)) {
    const bytes = await readWhole(path);
    return use(await openSession(bytes, isClear(bytes) ? null : await key()));
  }
  const keys = isClear(head) ? null : await key();
  return naming('FILE_READ', path, async () => {
    const file = await openSessionFile(path, { keys });
    try {
      await file.verify();
      return await use(file.session);
    } finally {
      await file.close();
    }
  });
}

/** The session of a file: opened with `key` where it is sealed. A sealed file and no key is for the caller to refuse. */
export async function openSession(file: Uint8Array, key: CliKey | null, context: SealContext = {}): Promise<Session> {
  return decodeWhole(await clearBlob(file, key, context));
}

/** The clear blob of a file: what `key` opens, or the file itself where it is not sealed. */
export async function clearBlob(file: Uint8Array, key: CliKey | null, context: SealContext = {}): Promise<Uint8Array> {
  return key === null || isClear(file) ? file : openFile(file, key, context);
}

/** The clear blob of a file that is sealed, as a whole or field by field; the latter comes out in the text framing. */
export async function openFile(bytes: Uint8Array, key: CliKey, context: SealContext = {}): Promise<Uint8Array> {
  return isFieldFile(bytes) ? encodeSession(await openFields(bytes, key, context)) : open(bytes, key, context);
}

/** The session of a blob of which every section is as its header says: a damaged file is refused before a browser is written to. */
export async function decodeWhole(blob: Uint8Array): Promise<Session> {
  const session = await decodeSession(blob);
  for (const section of sectionsOf(session).keys()) await section.bytes();
  return session;
}

/** A clear blob, in either framing; everything else is opened, and refused there when it is none of ours. */
export function isClear(bytes: Uint8Array): boolean {
  return (isText(bytes) && !isFieldFile(bytes)) || (bytes[0] === 0x89 && bytes[1] === 'P'.charCodeAt(0) && bytes[2] === 'S'.charCodeAt(0));
}

/** A clear blob in the text framing, which begins as JSON does (and so do sealed fields: see {@link isClear}). */
export function isText(bytes: Uint8Array): boolean {
  return bytes[0] === '{'.charCodeAt(0);
}
