/** The entries of one storage key, put together again; see `rebuild.ts`. */
import { RECORDS_MEDIA_TYPE, RecordWriter } from '../session/clone/records.ts';
import { compareKeys } from '../session/semantic/key.ts';
import type {
  CacheEntry,
  Database,
  NamedCache,
  ObjectStore,
  OriginStorage,
  PrivateFile,
  Section,
  ServiceWorkerRegistration,
  StorageItem,
  StoreIndex,
} from '../session/session.ts';
import { knownSection } from './content.ts';
import { type Candidate, compareCandidates, type EntryKind, type EntryValue } from './entry.ts';
import { findMisfits, nextKey, type ShownRecord, type Source } from './fit.ts';
import type { Identity } from './identity.ts';
import { markName } from './mark.ts';
import { comparePaths, parseStorageKey, storeKey } from './path.ts';
import { compareRecordKeys, keyOf, recordKeyBytes } from './record-key.ts';
import type { ShownEntry } from './shown.ts';

/** An entry that the merged session does not show, though nothing deleted it: it would not be valid there. It stays in the state. */
export interface ParkedEntry {
  readonly kind: EntryKind;
  readonly path: readonly string[];
  /**
   * What it is in is not there (`no-database`, `no-store`, `no-cache`, `no-directory`), its store has another key path (`key-path`), another record has its key
   * in a unique index (`unique-index`), or another one was inserted under the same generated key (`generated-key`).
   */
  readonly reason: 'no-database' | 'no-store' | 'no-cache' | 'no-directory' | 'key-path' | 'unique-index' | 'generated-key';
}

/** A part of the storage key, by its name, and the write that is shown of it. */
interface Part<Value> {
  readonly name: string;
  readonly path: readonly string[];
  readonly value: Value;
  readonly candidate: Candidate;
}

type Members = Readonly<Record<string, EntryValue>>;

/** A store as a `database` entry describes it. */
interface Shell {
  readonly name: string;
  readonly keyPath: string | readonly string[] | null;
  readonly autoIncrement: boolean;
  readonly indexes: readonly StoreIndex[];
  readonly recordCount?: number;
  readonly records?: Section;
}

type RecordPart = ShownRecord & { readonly hasRivals: boolean };

/** Collects what is shown of one storage key. */
export class StorageBuilder {
  readonly #storageKey: string;
  readonly #items: StorageItem[] = [];
  readonly #databases: Part<{ readonly stores: readonly Shell[] }>[] = [];
  readonly #records = new Map<string, Map<string, RecordPart[]>>();
  readonly #caches: Part<Members>[] = [];
  readonly #cacheEntries = new Map<string, Part<CacheEntry>[]>();
  readonly #workers: Part<ServiceWorkerRegistration>[] = [];
  readonly #files: Part<PrivateFile>[] = [];
  #own: Members = {};

  constructor(storageKey: string) {
    this.#storageKey = storageKey;
  }

  add(shown: ShownEntry): void {
    const { kind, path, value } = shown;
    const name = path[1] as string;
    if (kind === 'localStorage') this.#items.push([name, value as string | Section]);
    else if (kind === 'origin') this.#own = value as Members;
    else if (kind === 'record') this.#addRecord(shown);
    else {
      const part = { name, path, value: value as never, candidate: shown.candidate };
      if (kind === 'database') this.#databases.push(part);
      else if (kind === 'cache') this.#caches.push(part);
      else if (kind === 'cacheEntry') listIn(this.#cacheEntries, name).push(part);
      else if (kind === 'serviceWorker') this.#workers.push(part);
      else this.#files.push(part);
    }
  }

  #addRecord({ path, value, candidate, hasRivals }: ShownEntry): void {
    const [, database, store, key] = path as [string, string, string, string];
    const stores = this.#records.get(database) ?? new Map<string, RecordPart[]>();
    this.#records.set(database, stores);
    const keyBytes = recordKeyBytes(key);
    listIn(stores, store).push({ path, key: keyOf(keyBytes), keyBytes, value: value as Uint8Array, candidate, hasRivals });
  }

  /** The storage of the key, or null when the key is none. What is not shown is added to `parked`. */
  build(marks: ReadonlyMap<string, number>, sources: readonly Source[], parked: ParkedEntry[]): OriginStorage | null {
    const key = parseStorageKey(this.#storageKey);
    if (key === null) return null;
    const isListed = (member: string): boolean => marks.get(markName('list', this.#storageKey, member)) === 1;
    const caches = this.#buildCaches(parked);
    const workers = this.#workers.sort(byName).map(({ value }) => value);
    const files = this.#buildFiles(parked);
    return {
      ...this.#own,
      key,
      localStorage: this.#items.sort(byFirst),
      indexedDB: this.#buildDatabases(marks, sources, parked),
      ...(caches.length > 0 || isListed('caches') ? { caches } : {}),
      ...(workers.length > 0 || isListed('serviceWorkers') ? { serviceWorkers: workers } : {}),
      ...(files.length > 0 || isListed('files') ? { files } : {}),
    };
  }

  #buildCaches(parked: ParkedEntry[]): NamedCache[] {
    const caches = this.#caches.sort(byWriting).map(({ name, value }) => {
      const entries = (this.#cacheEntries.get(name) ?? []).sort(byWriting).map((entry) => entry.value);
      this.#cacheEntries.delete(name);
      return { ...value, name, entries };
    });
    for (const entries of this.#cacheEntries.values()) {
      for (const { path } of entries) parked.push({ kind: 'cacheEntry', path, reason: 'no-cache' });
    }
    return caches;
  }

  /** A directory stands before what is in it: its path is shorter. */
  #buildFiles(parked: ParkedEntry[]): PrivateFile[] {
    const directories = new Set(['']);
    return this.#files.sort(byName).flatMap(({ name, path, value }) => {
      if (!directories.has(name.slice(0, Math.max(0, name.lastIndexOf('/'))))) {
        parked.push({ kind: 'file', path, reason: 'no-directory' });
        return [];
      }
      if (value.kind === 'directory') directories.add(name);
      return [value];
    });
  }

  #buildDatabases(marks: ReadonlyMap<string, number>, sources: readonly Source[], parked: ParkedEntry[]): Database[] {
    const databases = this.#databases.sort(byName).map(({ name, value }) => {
      const records = this.#records.get(name) ?? new Map<string, RecordPart[]>();
      this.#records.delete(name);
      const stores = value.stores.map((shell) => {
        const generator = marks.get(markName('generator', this.#storageKey, name, shell.name));
        const store = this.#buildStore(name, shell, records.get(shell.name) ?? [], generator, sources, parked);
        records.delete(shell.name);
        return store;
      });
      parkAll(records, 'no-store', parked);
      return { ...value, name, stores } as unknown as Database;
    });
    for (const stores of this.#records.values()) parkAll(stores, 'no-database', parked);
    return databases;
  }

  #buildStore(
    database: string,
    shell: Shell,
    parts: readonly RecordPart[],
    generator: number | undefined,
    sources: readonly Source[],
    parked: ParkedEntry[],
  ): ObjectStore {
    const store = storeKey(this.#storageKey, database, shell.name);
    const misfits = findMisfits(store, shell, parts, sources);
    for (const [{ path }, reason] of misfits) parked.push({ kind: 'record', path, reason });
    // Nothing tells two inserts from two changes of one record; so all that did not win are reported, and kept.
    for (const { path, hasRivals } of parts)
      if (hasRivals && shell.autoIncrement) parked.push({ kind: 'record', path, reason: 'generated-key' });
    const shown = parts.filter((record) => !misfits.has(record)).sort(byKey);
    const kept = shell.autoIncrement && generator !== undefined ? { keyGenerator: nextKey(generator, shown) } : {};
    if (shown.length === 0) return { recordCount: 0, ...shell, ...kept };
    const { records: _, recordCount: _uncaptured, ...rules } = shell;
    return { ...rules, ...kept, recordCount: shown.length, records: findSection(store, shown, sources) ?? writeRecords(shown) };
  }
}

/** The section of a source that has just these records, if there is one: most stores nobody changed. */
function findSection(store: string, records: readonly ShownRecord[], sources: readonly Source[]): Section | null {
  for (const source of sources) {
    const found = source.recordsOf(store);
    if (found === null || found.values.length !== records.length) continue;
    const isSame = records.every(({ path, value }, i) => {
      const own = (found.identities[i] as Identity).path;
      return value === found.values[i] && (path === own || comparePaths(path, own) === 0);
    });
    if (isSame) return found.section;
  }
  return null;
}

function writeRecords(records: readonly ShownRecord[]): Section {
  const writer = new RecordWriter();
  const encoded = (bytes: Uint8Array) => ({ bytes: bytes as Uint8Array<ArrayBuffer>, unportable: [] });
  for (const { keyBytes, value } of records) writer.addEncoded(encoded(keyBytes), encoded(value));
  return knownSection(writer.take(), RECORDS_MEDIA_TYPE);
}

function parkAll(stores: ReadonlyMap<string, readonly RecordPart[]>, reason: 'no-store' | 'no-database', parked: ParkedEntry[]): void {
  for (const records of stores.values()) for (const { path } of records) parked.push({ kind: 'record', path, reason });
}

function listIn<Item>(lists: Map<string, Item[]>, name: string): Item[] {
  const found = lists.get(name);
  if (found !== undefined) return found;
  const list: Item[] = [];
  lists.set(name, list);
  return list;
}

function byFirst([a]: StorageItem, [b]: StorageItem): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** Ties are two occurrences of one request: their paths differ. */
function byWriting(a: Part<unknown>, b: Part<unknown>): number {
  return compareCandidates(a.candidate, b.candidate);
}

function byKey(a: ShownRecord, b: ShownRecord): number {
  if (a.key !== null && b.key !== null) return compareKeys(a.key, b.key);
  const one = { key: a.key, text: a.path.slice(3).join('\0') };
  return compareRecordKeys(one, { key: b.key, text: b.path.slice(3).join('\0') });
}
