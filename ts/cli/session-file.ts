/** A session in a file: a sealed blob, or a clear one that someone made with the library. Loose files are sealed with an empty context. */
import { decodeSession } from '../blob/decode.ts';
import { encodeSession } from '../blob/encode.ts';
import type { EncryptionKey } from '../envelope/key.ts';
import { open } from '../envelope/open.ts';
import { seal } from '../envelope/seal.ts';
import type { Session } from '../session/session.ts';
import { readWhole, writeWhole } from './file.ts';

/** Sizes of a session on its way to a file, in bytes. */
export interface Written {
  readonly blobBytes: number;
  readonly fileBytes: number;
}

/** Encodes, seals and writes a session. */
export async function writeSessionFile(path: string, session: Session, key: EncryptionKey): Promise<Written> {
  const blob = await encodeSession(session);
  const sealed = await seal(blob, key);
  await writeWhole(path, sealed);
  return { blobBytes: blob.length, fileBytes: sealed.length };
}

/** Reads a session; `key` is called only when the file is sealed. */
export async function readSessionFile(path: string, key: () => Promise<EncryptionKey>): Promise<Session> {
  const bytes = await readWhole(path);
  return decodeWhole(isClear(bytes) ? bytes : await open(bytes, await key()));
}

/** The session of a blob of which every section is as its header says: a damaged file is refused before a browser is written to. */
export async function decodeWhole(blob: Uint8Array): Promise<Session> {
  const session = await decodeSession(blob);
  const stores = session.storage.flatMap(({ indexedDB }) => indexedDB.flatMap((database) => database.stores));
  for (const { records } of stores) await records?.bytes();
  return session;
}

/** A clear blob begins as JSON does; everything else is opened, and refused there when it is none of ours. */
export function isClear(bytes: Uint8Array): boolean {
  return bytes[0] === '{'.charCodeAt(0);
}
