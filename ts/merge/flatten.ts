/**
 * A session taken apart into entries by identity (`path.ts`), and the marks beside them. Nothing of the schema is lost: `rebuild.ts` puts the parts together
 * again. The order of tabs is given as ids, since places (`tab-place.ts`) are not in the document.
 */
import { PspError } from '../errors.ts';
import { RECORDS_MEDIA_TYPE, readRecords } from '../session/clone/records.ts';
import type {
  Coverage,
  Database,
  Extent,
  NamedCache,
  ObjectStore,
  OriginStorage,
  Section,
  Session,
  StorageItem,
  Tab,
  TtlRule,
} from '../session/session.ts';
import { textOf } from '../session/session.ts';
import type { EntryDigest } from './binding.ts';
import { isSection, isTextSection, learnHash, type SectionHash } from './content.ts';
import { type EntryKind, type EntryValue, entryKey } from './entry.ts';
import { EXTENTS, markName } from './mark.ts';
import { cacheEntryPath, cookiePath, credentialPath, type Path, permissionPath, storageKeyText } from './path.ts';
import { recordKeyText } from './record-key.ts';
import { targetPaths } from './target.ts';
import { LONG_TEXT_UNITS } from './value.ts';

/** An entry as the session shows it. */
export interface FlatEntry {
  /** {@link entryKey} of kind and path. */
  readonly key: string;
  readonly kind: EntryKind;
  readonly path: Path;
  readonly value: EntryValue;
  /** {@link digestEntry}, once somebody asked. */
  digest?: EntryDigest;
}

/** A session as entries. */
export interface FlatSession {
  /** In the order of the document, without `tabPlace`. */
  readonly entries: readonly FlatEntry[];
  /** Ids of the tabs in their order. */
  readonly tabs: readonly string[];
  /** By {@link markName}. */
  readonly marks: ReadonlyMap<string, number>;
}

/** How to take a session apart. */
export interface FlattenOptions {
  readonly sectionHash?: SectionHash | undefined;
  /** Another session that may have much in common: items of web storage that are the same are the same objects then. */
  readonly like?: FlatSession | undefined;
}

/**
 * Takes a valid session apart. Reads the records of databases; other sections only where `sectionHash` does not say their hash, and short texts. O(size of
 * what is read).
 *
 * Rejects as the sections' `bytes()` do.
 */
export async function flattenSession(session: Session, { sectionHash, like }: FlattenOptions = {}): Promise<FlatSession> {
  const flattening = new Flattening(like?.entries ?? []);
  flattening.header(session);
  flattening.coverage(session.coverage);
  for (const cookie of session.cookies) flattening.add('cookie', cookiePath(cookie), cookie as unknown as EntryValue);
  for (const storage of session.storage) await addStorage(flattening, storage);
  for (const tab of session.tabs) await addTab(flattening, tab);
  flattening.lists(session);
  await flattening.learnHashes(sectionHash);
  return { entries: flattening.entries, tabs: session.tabs.map(({ id }) => id), marks: flattening.marks };
}

/** Members of a session that are not its entries: parts of their own, or none of the document's business. */
const NOT_HEADER = new Set([
  ...['id', 'incarnation', 'revision', 'createdAt', 'updatedAt', 'coverage', 'mergeState'],
  ...['cookies', 'storage', 'tabs', 'permissions', 'credentials', 'ttl'],
]);

class Flattening {
  readonly entries: FlatEntry[] = [];
  readonly marks: Map<string, number> = new Map();
  readonly #repeatable: Set<string> = new Set();
  readonly #sections: Section[] = [];
  readonly #like: readonly FlatEntry[];
  /** In {@link #like}: where what comes next may stand. */
  #next = 0;

  constructor(like: readonly FlatEntry[]) {
    this.#like = like;
  }

  add(kind: EntryKind, path: Path, value: EntryValue, key: string = entryKey(kind, path)): void {
    this.entries.push({ key, kind, path, value });
    if (typeof value === 'object') this.#collect(value);
  }

  /** Goes to where the entries of a place begin in the other session. Gives the place in its strings, which compare at once. */
  seek(kind: EntryKind, place: Path): Path {
    const begin = this.#like.findIndex((one) => one.kind === kind && isIn(one.path, place));
    this.#next = begin < 0 ? this.#like.length : begin;
    return this.#like[begin]?.path.slice(0, place.length) ?? place;
  }

  /** An item of web storage, by its name in its place. Names are mostly in their order, in which two lists are walked side by side. */
  addItem(kind: EntryKind, place: Path, name: string, value: string | Section, prefix: string): void {
    for (; this.#next < this.#like.length; this.#next++) {
      const other = this.#like[this.#next] as FlatEntry;
      if (other.kind !== kind || !isIn(other.path, place)) break;
      const otherName = other.path[place.length] as string;
      if (otherName === name) {
        this.#next++;
        if (other.value === value) this.entries.push(other);
        else this.add(kind, other.path, value, other.key);
        return;
      }
      if (otherName > name) break;
    }
    this.add(kind, [...place, name], value, `${prefix},${JSON.stringify(name)}]`);
  }

  /** An entry whose like may stand there more than once: the next one has its number behind its path. */
  addRepeatable(kind: EntryKind, path: Path, value: EntryValue): void {
    let numbered = path;
    let key = entryKey(kind, path);
    for (let occurrence = 1; this.#repeatable.has(key); occurrence++) {
      numbered = [...path, String(occurrence)];
      key = entryKey(kind, numbered);
    }
    this.#repeatable.add(key);
    this.add(kind, numbered, value, key);
  }

  mark(name: string, value: number): void {
    this.marks.set(name, value);
  }

  /** Long texts in sections too: the hash tells them apart. */
  #collect(value: EntryValue): void {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
    if (isSection(value)) this.#sections.push(value);
    else for (const member of Object.values(value)) if (typeof member === 'object') this.#collect(member as EntryValue);
  }

  async learnHashes(sectionHash: SectionHash | undefined): Promise<void> {
    for (const section of this.#sections) await learnHash(section, sectionHash);
  }

  header(session: Session): void {
    this.mark(markName('created'), -session.createdAt);
    this.mark(markName('updated'), session.updatedAt);
    this.mark(markName('revision'), session.revision);
    // Members of an object have no order that is kept.
    const members = Object.keys(session).filter((member) => !NOT_HEADER.has(member));
    for (const member of members.sort()) {
      const value = (session as unknown as Readonly<Record<string, EntryValue | undefined>>)[member];
      if (value !== undefined) this.add('header', [member], value);
    }
  }

  coverage(coverage: Coverage): void {
    const { storage, ...whole } = coverage;
    for (const [member, extent] of Object.entries(whole)) this.#extent(extent, member);
    for (const { key, ...members } of storage) {
      const storageKey = storageKeyText(key);
      for (const [member, extent] of Object.entries(members)) this.#extent(extent, storageKey, member);
    }
  }

  #extent(extent: string, ...place: [string] | [string, string]): void {
    const index = EXTENTS.indexOf(extent as Extent);
    if (index >= 0) this.mark(place.length === 1 ? markName('coverage', place[0]) : markName('coverage', place[0], place[1]), index);
  }

  lists(session: Session): void {
    const { permissions, credentials, ttl } = session;
    if (permissions !== undefined) this.mark(markName('list', 'permissions'), 1);
    for (const permission of permissions ?? []) this.add('permission', permissionPath(permission), permission as unknown as EntryValue);
    if (credentials !== undefined) this.mark(markName('list', 'credentials'), 1);
    for (const { signCount, ...credential } of credentials ?? []) {
      const path = credentialPath(credential);
      this.mark(markName('signCount', credential.rpId, credential.credentialId), signCount);
      this.add('credential', path, credential as unknown as EntryValue);
    }
    if (ttl !== undefined) this.#rules(session, ttl);
  }

  #rules(session: Session, ttl: readonly TtlRule[]): void {
    this.mark(markName('list', 'ttl'), 1);
    const paths = targetPaths(
      session,
      ttl.map(({ target }) => target),
    );
    ttl.forEach(({ target: _, lastTouched, ...rule }, i) => {
      const path = paths[i];
      // What points at nothing that can expire says nothing; `validate.ts` reports it.
      if (path === undefined || path === null) return;
      if (lastTouched !== undefined) this.mark(markName('touched', ...path), lastTouched);
      this.add('ttl', path, rule as unknown as EntryValue);
    });
  }
}

async function addStorage(flattening: Flattening, storage: OriginStorage): Promise<void> {
  const { key, localStorage, indexedDB, caches, serviceWorkers, files, ...own } = storage;
  const storageKey = storageKeyText(key);
  flattening.mark(markName('origin', storageKey), 1);
  if (Object.keys(own).length > 0) flattening.add('origin', [storageKey], own as unknown as EntryValue);
  await addItems(flattening, 'localStorage', [storageKey], localStorage);
  for (const database of indexedDB) await addDatabase(flattening, storageKey, database);
  const lists = { caches, serviceWorkers, files };
  for (const [member, list] of Object.entries(lists)) if (list !== undefined) flattening.mark(markName('list', storageKey, member), 1);
  for (const cache of caches ?? []) addCache(flattening, storageKey, cache);
  for (const worker of serviceWorkers ?? []) flattening.add('serviceWorker', [storageKey, worker.scope], worker as unknown as EntryValue);
  for (const file of files ?? []) flattening.add('file', [storageKey, file.path], file as unknown as EntryValue);
}

/** Items of web storage: many, so that what their keys have in common is written once. */
async function addItems(
  flattening: Flattening,
  kind: 'localStorage' | 'sessionStorage',
  place: Path,
  items: readonly StorageItem[],
): Promise<void> {
  const prefix = entryKey(kind, place).slice(0, -1);
  const own = flattening.seek(kind, place);
  for (const [name, kept] of items) {
    const value = isShortText(kept) ? await textOf(kept) : kept;
    flattening.addItem(kind, own, name, value, prefix);
  }
}

function isIn(path: Path, place: Path): boolean {
  for (let i = 0; i < place.length; i++) if (path[i] !== place[i]) return false;
  return true;
}

function isShortText(value: string | Section): boolean {
  return typeof value !== 'string' && isTextSection(value) && value.length < 2 * LONG_TEXT_UNITS;
}

async function addDatabase(flattening: Flattening, storageKey: string, database: Database): Promise<void> {
  const { name, stores, ...own } = database;
  const shells = stores.map((store) => addMarks(flattening, storageKey, name, store));
  const records = await Promise.all(stores.map(({ records: section }) => readStore(section)));
  const described = shells.map((shell, i) => {
    const { records: section, recordCount } = stores[i] as ObjectStore;
    // What is not ours to read stays with the store; and so does a count of what was not captured.
    if (section !== undefined && records[i] === null) return { ...shell, recordCount, records: section };
    return section === undefined && recordCount > 0 ? { ...shell, recordCount } : shell;
  });
  described.sort(byName);
  flattening.add('database', [storageKey, name], { ...own, stores: described } as unknown as EntryValue);
  stores.forEach((store, i) => {
    for (const { key, value } of records[i] ?? [])
      flattening.addRepeatable('record', [storageKey, name, store.name, recordKeyText(key)], value);
  });
}

type Shell = Omit<ObjectStore, 'records' | 'recordCount' | 'keyGenerator'>;

function addMarks(flattening: Flattening, storageKey: string, database: string, store: ObjectStore): Shell {
  const { records: _records, recordCount: _count, keyGenerator, ...shell } = store;
  if (keyGenerator !== undefined) flattening.mark(markName('generator', storageKey, database, store.name), keyGenerator);
  return { ...shell, indexes: [...shell.indexes].sort(byName) };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** Null for a section that is not one of records, or whose lengths do not add up: it is kept as it is. */
async function readStore(section: Section | undefined): Promise<{ key: Uint8Array; value: Uint8Array }[] | null> {
  if (section === undefined) return [];
  if (section.mediaType !== RECORDS_MEDIA_TYPE) return null;
  const bytes = await section.bytes();
  try {
    return [...readRecords(bytes)];
  } catch (error) {
    if (error instanceof PspError && error.code === 'SESSION_CLONE_MALFORMED') return null;
    throw error;
  }
}

function addCache(flattening: Flattening, storageKey: string, cache: NamedCache): void {
  const { name, entries, ...own } = cache;
  flattening.add('cache', [storageKey, name], own as unknown as EntryValue);
  for (const entry of entries)
    flattening.addRepeatable('cacheEntry', cacheEntryPath(storageKey, name, entry), entry as unknown as EntryValue);
}

/** Law M14: address, history and index of a tab are one register; its name, its opener and each item are their own. */
async function addTab(flattening: Flattening, tab: Tab): Promise<void> {
  const { id, windowName, opener, sessionStorage, ...location } = tab;
  flattening.add('tab', [id], location as unknown as EntryValue);
  if (windowName !== undefined) flattening.add('tab', [id, 'windowName'], windowName);
  if (opener !== undefined) flattening.add('tab', [id, 'opener'], opener);
  for (const { key, items } of sessionStorage) {
    const storageKey = storageKeyText(key);
    flattening.mark(markName('area', id, storageKey), 1);
    await addItems(flattening, 'sessionStorage', [id, storageKey], items);
  }
}
