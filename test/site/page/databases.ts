/** IndexedDB of the hard site: every kind of value and key, key generators in every state, schemas, and names that are hard to say. */
import { difference, KINDS, put, readAll } from '../../adapters/clone-kinds.ts';
import type { PageCell } from '../cell.ts';
import { plainName, shortBytes, shortText } from './short.ts';

const KEYS: readonly IDBValidKey[] = [
  Number.NEGATIVE_INFINITY,
  -0.5,
  0,
  1e300,
  new Date(-1),
  new Date(8.64e15),
  '',
  'text',
  '\ud800',
  '\u{1f98a}\0',
  new Uint8Array([0, 255, 128]),
  new Uint8Array(0),
  [],
  [1, 'a', [new Date(0), new Uint8Array([1])]],
];

/** Databases by name, with their schemas. */
export async function seedDatabases(): Promise<void> {
  await make('keys', 1, (database) => {
    const records = database.createObjectStore('keys');
    for (const key of KEYS) records.put(describeKey(key), key);
  });
  await make('generators', 3, (database) => {
    const counted = database.createObjectStore('deleted', { autoIncrement: true });
    for (let i = 0; i < 100; i++) counted.add(i);
    counted.clear();
    database.createObjectStore('fraction', { autoIncrement: true }).put('explicit', 5.5);
    database.createObjectStore('exhausted', { autoIncrement: true }).put('explicit', 2 ** 53);
    database.createObjectStore('unused', { autoIncrement: true });
    database.createObjectStore('by path', { keyPath: 'id.number', autoIncrement: true }).put({ id: { number: 41 } });
    database.createObjectStore('negative', { autoIncrement: true }).put('explicit', -7);
  });
  await make('schema', 2 ** 40, (database) => {
    database.createObjectStore('no indexes');
    const indexed = database.createObjectStore('indexed', { keyPath: ['a.b', 'c'] });
    indexed.createIndex('unique', 'u', { unique: true });
    indexed.createIndex('many', 'tags', { multiEntry: true });
    indexed.createIndex('compound \ud800', ['a.b', 'u']);
    indexed.put({ a: { b: 1 }, c: 'x', u: 1, tags: ['one', 'two'] });
    indexed.put({ a: { b: 2 }, c: 'x', tags: 'three' });
    database.createObjectStore('', { keyPath: '' }).put('its own key');
    database.createObjectStore('\ud800 store').put(undefined, 1);
  });
  await make('nothing in it', 5, () => undefined);
  await make('', 1, (database) => void database.createObjectStore('of no name').put('x', 'y'));
}

/** One whose name is no text. Firefox makes another name of it, and then cannot open it. */
export async function seedHardName(): Promise<void> {
  if (navigator.userAgent.includes('Firefox')) return;
  await make('\ud800 \0', 1, (database) => void database.createObjectStore('of a hard name').put('x', 'y'));
}

/** A small one that tells this place from the others. */
export async function seedOwnDatabase(own: string, factory: IDBFactory = indexedDB): Promise<void> {
  await make(
    'own',
    9,
    (database) => {
      database.createObjectStore('list', { autoIncrement: true }).put({ own, at: new Map([[own, new Date(1)]]) }, 12);
      database.createObjectStore('blobs').put(new Blob([own], { type: 'text/own' }), 'blob');
    },
    factory,
  );
}

/** Every database, store and index; how many records a store has, what an index finds; and the next key of each generator. */
export async function lookAtSchema(factory: IDBFactory = indexedDB): Promise<PageCell[]> {
  const cells: PageCell[] = [];
  for (const { name = '', version } of await factory.databases()) {
    const own = { group: 'IndexedDB schema', kind: 'indexedDB' } as const;
    cells.push({ ...own, name: plainName(name), seen: `version ${version}`, within: [name] });
    const database = await settle(factory.open(name));
    for (const storeName of database.objectStoreNames) {
      const records = database.transaction(storeName).objectStore(storeName);
      const place = `${plainName(name)}/${plainName(storeName)}`;
      const within = [name, `${name}/${storeName}`];
      const facts = [JSON.stringify(records.keyPath), records.autoIncrement ? 'counts' : '', `${await settle(records.count())} records`];
      // What cannot be carried is missing among the kinds: their cells say which.
      if (name === 'kinds') facts.pop();
      cells.push({ ...own, name: place, seen: facts.join(' '), within });
      for (const indexName of records.indexNames) {
        const index = records.index(indexName);
        const found = (await settle(index.getAllKeys())).map((key) => describeKey(key));
        const seen = [JSON.stringify(index.keyPath), index.unique ? 'unique' : '', index.multiEntry ? 'many' : '', ...found].join(' ');
        cells.push({ ...own, name: `${place}/${plainName(indexName)}`, seen, within });
      }
      if (!records.autoIncrement) continue;
      cells.push({ group: 'IndexedDB key generators', kind: 'indexedDB', name: place, seen: await nextKey(database, storeName), within });
    }
    database.close();
  }
  return cells;
}

/** Every kind of value that this browser makes and keeps, by name. */
export async function seedKinds(): Promise<void> {
  const values: [string, unknown][] = [];
  for (const { name, make: fresh } of KINDS) {
    try {
      const value = await fresh();
      structuredClone(value);
      values.push([name, value]);
    } catch {
      // It has no such class, or does not keep it.
    }
  }
  await put('kinds', values);
}

/** Each kind of value beside a clone of one that is made anew. */
export async function lookAtKinds(): Promise<PageCell[]> {
  const found = await readAll('kinds').catch(() => new Map<unknown, unknown>());
  const cells: PageCell[] = [];
  for (const { name, make: fresh } of KINDS) {
    if (!found.has(name)) continue;
    const seen = (await difference(structuredClone(await fresh()), found.get(name))) ?? 'as written';
    cells.push({ group: 'IndexedDB values', kind: 'indexedDB', name, seen, within: ['kinds/kinds'] });
  }
  return cells;
}

/** Each key with the record that it was given. */
export async function lookAtKeys(): Promise<PageCell[]> {
  if (!(await indexedDB.databases()).some(({ name }) => name === 'keys')) return [];
  const database = await settle(indexedDB.open('keys'));
  const records = database.transaction('keys').objectStore('keys');
  const [keys, values] = [await settle(records.getAllKeys()), await settle(records.getAll() as IDBRequest<unknown[]>)];
  database.close();
  return keys.map((key, index) => ({
    group: 'IndexedDB keys',
    kind: 'indexedDB',
    name: describeKey(key),
    seen: shortText(String(values[index])),
    within: ['keys', 'keys/keys'],
  }));
}

/** The records of {@link seedOwnDatabase}. */
export async function lookAtOwnDatabase(group: PageCell['group'], factory: IDBFactory = indexedDB): Promise<PageCell[]> {
  if (!(await factory.databases()).some(({ name }) => name === 'own')) return [];
  const database = await settle(factory.open('own'));
  const transaction = database.transaction(['list', 'blobs']);
  const list = (await settle(transaction.objectStore('list').getAll())) as { own: string; at: Map<string, Date> }[];
  const blob = (await settle(transaction.objectStore('blobs').get('blob'))) as Blob;
  const { version } = database;
  const next = await nextKey(database, 'list');
  database.close();
  const within = ['own', 'own/list', 'own/blobs'];
  return [
    { name: 'database own', seen: `version ${version}, next key ${next}` },
    { name: 'database own/list', seen: list.map(({ own, at }) => `${own} ${[...at].flat().map(Number).join()}`).join() },
    { name: 'database own/blobs', seen: `${blob.type} ${await blob.text()}` },
  ].map((cell) => ({ ...cell, group, kind: 'indexedDB', within }));
}

/** What `add` would take; it is taken back. */
async function nextKey(database: IDBDatabase, storeName: string): Promise<string> {
  const transaction = database.transaction(storeName, 'readwrite');
  const records = transaction.objectStore(storeName);
  const key = await settle(records.add(records.keyPath === null ? 'next' : {})).then(describeKey, (error: DOMException) => error.name);
  const over = new Promise((resolve) => transaction.addEventListener('abort', resolve));
  // A request that failed has aborted it already.
  if (transaction.error === null) transaction.abort();
  await over;
  return key;
}

async function make(name: string, version: number, build: (database: IDBDatabase) => void, factory: IDBFactory = indexedDB): Promise<void> {
  const request = factory.open(name, version);
  request.onupgradeneeded = () => build(request.result);
  (await settle(request)).close();
}

function describeKey(key: IDBValidKey): string {
  if (Array.isArray(key)) return `[${key.map(describeKey).join()}]`;
  if (key instanceof Date) return `Date ${key.getTime()}`;
  if (typeof key === 'string') return `"${plainName(key)}"`;
  return typeof key === 'number' ? String(key) : shortBytes(new Uint8Array(key as ArrayBuffer));
}

/** What a request comes to. The failure of one does not abort its transaction here. */
export function settle<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = (event) => {
      event.preventDefault();
      reject(request.error);
    };
  });
}
