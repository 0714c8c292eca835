/** Sessions for the bench `merge`: what a replica makes of one by committing changes, as a checkout would, without a store or a browser. */
import { deltaOf, joinDocuments } from '../ts/merge/document.ts';
import { flattenSession } from '../ts/merge/flatten.ts';
import { readMerge, showDocument } from '../ts/merge/merge.ts';
import type { Operation } from '../ts/merge/operations.ts';
import { mergeSessions } from '../ts/merging.ts';
import { RECORDS_MEDIA_TYPE, RecordWriter } from '../ts/session/clone/records.ts';
import { type OriginStorage, type Session, section } from '../ts/session/session.ts';

const NOW = 1_790_000_000_000;
const KEY = { origin: 'https://shop.example', topLevelSite: null };

/** A session that is nothing but these storage items. */
export function sessionOfItems(items: Readonly<Record<string, string>>): Session {
  return sessionOf({ key: KEY, localStorage: Object.entries(items), indexedDB: [] });
}

/** A session that is nothing but one object store with these records, under the keys 1, 2 and so on. */
export function sessionOfRecords(records: readonly unknown[]): Session {
  const writer = new RecordWriter();
  records.forEach((record, at) => {
    writer.add(at + 1, record);
  });
  const store = {
    ...{ name: 'records', keyPath: null, autoIncrement: true, keyGenerator: records.length + 1, indexes: [], recordCount: records.length },
    records: section(writer.take(), RECORDS_MEDIA_TYPE),
  };
  return sessionOf({ key: KEY, localStorage: [], indexedDB: [{ name: 'app-db', version: 1, stores: [store] }] });
}

function sessionOf(storage: OriginStorage): Session {
  return {
    ...{ id: 'bench', incarnation: 'bench', revision: 0, createdAt: NOW, updatedAt: NOW, source: { tool: 'bench' } },
    ...{ cookies: [], storage: [storage], tabs: [], coverage: { cookies: 'complete', tabs: 'complete', storage: [] } },
  };
}

/** With a merge state of its own, as whatever was merged or committed once. */
export async function withState(session: Session): Promise<Session> {
  return (await mergeSessions([session])).session;
}

/** What a replica makes of a session by committing `next`, whose entries are those of the session with other values. */
export async function commitTo(base: Session, next: Session, replica: number, laterMs: number = 0): Promise<Session> {
  const { document } = await readMerge(base);
  const before = new Map((await flattenSession(base)).entries.map(({ key, value }) => [key, value]));
  const operations = (await flattenSession(next)).entries.flatMap(({ key, kind, path, value }): Operation[] => {
    if (JSON.stringify(before.get(key)) === JSON.stringify(value)) return [];
    const sees = (document.entries.get(key)?.candidates ?? []).map(({ dot }) => dot);
    return [{ kind, path, value, stamp: { time: NOW + laterMs + replica, count: 0 }, sees }];
  });
  const name = (replica + 1).toString(16).padStart(16, '0');
  const { delta } = deltaOf(document.epoch, operations, { replica: name, counter: document.context.get(name)?.at(-1) ?? 0 });
  return (await showDocument(joinDocuments([document, delta]), base)).session;
}

/** Cookies, items of localStorage and records of a session. */
export function countEntries(session: Session): number {
  return session.cookies.length + session.storage.reduce((sum, { localStorage }) => sum + localStorage.length, 0) + countRecords(session);
}

/** Records of all object stores of a session. */
export function countRecords({ storage }: Session): number {
  const stores = storage.flatMap(({ indexedDB }) => indexedDB).flatMap(({ stores }) => stores);
  return stores.reduce((sum, { recordCount }) => sum + recordCount, 0);
}
