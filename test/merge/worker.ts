/** A worker on a small session: writes operations against what it has seen, as a commit does. */
import { deltaOf, joinDocuments, type MergeDocument } from '../../ts/merge/document.ts';
import { entryKey } from '../../ts/merge/entry.ts';
import { mergeSessions, readMerge, showDocument } from '../../ts/merge/merge.ts';
import type { Operation } from '../../ts/merge/operations.ts';
import { encodeValue } from '../../ts/session/clone/encode.ts';
import { RECORDS_MEDIA_TYPE, RecordWriter } from '../../ts/session/clone/records.ts';
import { type Cookie, type Database, type ObjectStore, type Section, type Session, section, type Tab } from '../../ts/session/session.ts';

export const ORIGIN = 'https://app.example';
/** The storage key of the origin, as paths have it. */
export const KEY: string = JSON.stringify([ORIGIN, null, false, null]);
export const NOON = 1_700_000_000_000;

/** A session with nothing in it but what is given. */
export function sessionOf(members: Partial<Session> = {}): Session {
  return {
    ...{ id: 'one', incarnation: 'first', revision: 0, createdAt: NOON, updatedAt: NOON, source: { tool: 'test' } },
    coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
    ...{ cookies: [], storage: [], tabs: [] },
    ...members,
  };
}

/** A session with one origin. */
export function storageOf(storage: Partial<Session['storage'][number]>): Session {
  return sessionOf({ storage: [{ key: { origin: ORIGIN, topLevelSite: null }, localStorage: [], indexedDB: [], ...storage }] });
}

export function cookieOf(name: string, value: string, more: Partial<Cookie> = {}): Cookie {
  return {
    ...{ name, value, domain: 'app.example', hostOnly: true, path: '/', secure: true, httpOnly: true, sameSite: 'lax' as const },
    ...{ expiresAt: null, partitionKey: null },
    ...more,
  };
}

export function tabOf(id: string, more: Partial<Tab> = {}): Tab {
  return { id, url: `${ORIGIN}/${id}`, sessionStorage: [], ...more };
}

export function storeOf(name: string, records: readonly (readonly [unknown, unknown])[], more: Partial<ObjectStore> = {}): ObjectStore {
  const writer = new RecordWriter();
  for (const [key, value] of records) writer.add(key, value);
  return {
    ...{ name, keyPath: null, autoIncrement: false, indexes: [], recordCount: records.length },
    ...(records.length === 0 ? {} : { records: section(writer.take(), RECORDS_MEDIA_TYPE) }),
    ...more,
  };
}

export function databaseOf(stores: readonly ObjectStore[], version = 1): Database {
  return { name: 'db', version, stores };
}

export const bodyOf = (text: string): Section => section(new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>, 'text/plain');

/** The key of a record as paths have it. */
export function recordKey(key: unknown): string {
  return String.fromCharCode(...encodeValue(key).bytes);
}

/** What a worker does to one entry. */
export type Deed = readonly [kind: Operation['kind'], path: readonly string[], value?: Operation['value']];

let replicas = 1;

/** What a worker who had seen all of a document does to it at `time`. Each call is a new checkout. */
export function deltaTo(document: MergeDocument, deeds: readonly Deed[], time: number): MergeDocument {
  const operations = deeds.map(([kind, path, value], count): Operation => {
    const sees = (document.entries.get(entryKey(kind, path))?.candidates ?? []).map(({ dot }) => dot);
    return { kind, path, ...(value === undefined ? {} : { value }), stamp: { time, count }, sees };
  });
  return deltaOf(document.epoch, operations, { replica: (replicas++).toString(16).padStart(16, '0'), counter: 0 }).delta;
}

/** The session after a worker who had seen all of it did these things at `time`. */
export async function work(session: Session, deeds: readonly Deed[], time: number = NOON + 1000): Promise<Session> {
  const { document } = await readMerge(session);
  return (await showDocument(joinDocuments([document, deltaTo(document, deeds, time)]), session)).session;
}

/** What is shown of several sessions, of which each was written to by a worker of its own. */
export async function merged(...sessions: readonly Session[]): Promise<Session> {
  return (await mergeSessions(sessions)).session;
}
