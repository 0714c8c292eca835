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
import { isSection, isTextSection, learnHash, type SectionHash, toldHash } from './content.ts';
import type { EntryKind, EntryValue } from './entry.ts';
import { FlatSession, type FlatStore } from './flat-session.ts';
import { type Identity, IdentityTable } from './identity.ts';
import { EXTENTS, markName } from './mark.ts';
import { cacheEntryPath, cookiePath, credentialPath, type Path, permissionPath, storageKeyText, storeKey } from './path.ts';
import { recordKeyText } from './record-key.ts';
import { targetPaths } from './target.ts';
import { LONG_TEXT_UNITS, sameEntryValue } from './value.ts';

export type { FlatEntry, FlatSession } from './flat-session.ts';

/** How to take a session apart. */
export interface FlattenOptions {
  readonly sectionHash?: SectionHash | undefined;
  /** Another session that may have much in common: what is the same is the same object then, and neither read nor digested again. */
  readonly like?: FlatSession | undefined;
}

/**
 * Takes a valid session apart. Reads the records of databases, unless `like` has a section with their hash; other sections only where neither `sectionHash` nor
 * their blob says their hash, and short texts. O(size of what is read).
 *
 * Rejects as the sections' `bytes()` do.
 */
export async function flattenSession(session: Session, { sectionHash, like }: FlattenOptions = {}): Promise<FlatSession> {
  const flattening = new Flattening(like ?? null, sectionHash);
  flattening.header(session);
  flattening.coverage(session.coverage);
  for (const cookie of session.cookies) flattening.add('cookie', cookiePath(cookie), cookie as unknown as EntryValue);
  for (const storage of session.storage) await addStorage(flattening, storage);
  for (const tab of session.tabs) await addTab(flattening, tab);
  flattening.lists(session);
  await flattening.learnHashes();
  return flattening.take(session.tabs.map(({ id }) => id));
}

/** Members of a session that are not its entries: parts of their own, or none of the document's business. */
const NOT_HEADER = new Set([
  ...['id', 'incarnation', 'revision', 'createdAt', 'updatedAt', 'coverage', 'mergeState'],
  ...['cookies', 'storage', 'tabs', 'permissions', 'credentials', 'ttl'],
]);

class Flattening {
  readonly #identities: Identity[];
  readonly #values: EntryValue[];
  #same: Int32Array<ArrayBuffer>;
  /** Of the columns: they have room for more. */
  #length = 0;
  readonly #marks: Map<string, number> = new Map();
  readonly #stores: Map<string, FlatStore> = new Map();
  /** 1 at the number of an identity that {@link addRepeatable} has added. */
  #repeatable: Uint8Array = new Uint8Array(256);
  readonly #sections: Section[] = [];
  /** Entries with sections: whether they are the same is known when the hashes are. */
  readonly #undecided: { readonly at: number; readonly place: number }[] = [];
  readonly #table: IdentityTable;
  readonly #like: FlatSession | null;
  readonly #sectionHash: SectionHash | undefined;
  /** In {@link #like}: where what comes next may stand. Mostly it does, so two sessions are walked side by side. */
  #next = 0;

  constructor(like: FlatSession | null, sectionHash: SectionHash | undefined) {
    this.#like = like;
    this.#table = like?.table ?? new IdentityTable();
    this.#sectionHash = sectionHash;
    const expected = like?.identities.length ?? 0;
    this.#identities = new Array<Identity>(expected);
    this.#values = new Array<EntryValue>(expected);
    this.#same = new Int32Array(expected);
  }

  add(kind: EntryKind, path: Path, value: EntryValue): void {
    this.#push(this.#identify(kind, path), value);
  }

  /** Items of web storage: many, so that what their paths have in common is looked up once. */
  async addItems(kind: 'localStorage' | 'sessionStorage', path: Path, items: readonly StorageItem[]): Promise<void> {
    const place = this.#table.place(kind, path);
    const own = this.#shared(kind, path);
    for (let i = 0; i < items.length; i++) {
      const item = items[i] as StorageItem;
      const name = item[0];
      const kept = item[1];
      const value = isShortText(kept) ? await textOf(kept) : kept;
      const next = this.#like?.identities[this.#next];
      const isNext = next !== undefined && next.kind === kind && next.path[own.length] === name && isIn(next.path, own);
      this.#push(isNext ? next : this.#table.internIn(place, own, name), value);
    }
  }

  /** A path in the strings that its entries have in the other session, if that comes to it now: they compare at once. */
  #shared(kind: EntryKind, path: Path): Path {
    const next = this.#like?.identities[this.#next];
    return next !== undefined && next.kind === kind && isIn(next.path, path) ? next.path.slice(0, path.length) : path;
  }

  /** An entry whose like may stand there more than once: the next one has its number behind its path. */
  addRepeatable(kind: EntryKind, path: Path, value: EntryValue): void {
    let identity = this.#identify(kind, path);
    for (let occurrence = 1; this.#repeatable[identity.index] === 1; occurrence++)
      identity = this.#identify(kind, [...path, String(occurrence)]);
    this.#noteRepeatable(identity);
    this.#push(identity, value);
  }

  #noteRepeatable({ index }: Identity): void {
    if (index >= this.#repeatable.length) {
      const grown = new Uint8Array(2 * Math.max(index, this.#table.size));
      grown.set(this.#repeatable);
      this.#repeatable = grown;
    }
    this.#repeatable[index] = 1;
  }

  /** Where the other session has the records of this store, if their section is the same one. */
  findStore(store: string, section: Section | undefined): FlatStore | null {
    const other = this.#like?.stores.get(store);
    if (other === undefined || section === undefined) return null;
    if (section === other.section) return other;
    if (section.mediaType !== other.section.mediaType || section.length !== other.section.length) return null;
    const hash = toldHash(section, this.#sectionHash);
    return hash !== null && hash === toldHash(other.section, this.#sectionHash) ? other : null;
  }

  /** The records of a store that {@link findStore} found. */
  addFound({ from, to }: FlatStore): void {
    const { identities, values } = this.#like as FlatSession;
    for (let place = from; place < to; place++) {
      const identity = identities[place] as Identity;
      this.#noteRepeatable(identity);
      this.#put(identity, values[place] as EntryValue, place);
    }
    this.#next = to;
  }

  /** Notes that the records of a store are those that were added since there were `from` entries. */
  endStore(store: string, section: Section, from: number, isCanonical: boolean): void {
    this.#stores.set(store, { section, from, to: this.#length, isCanonical });
  }

  get length(): number {
    return this.#length;
  }

  mark(name: string, value: number): void {
    this.#marks.set(name, value);
  }

  #identify(kind: EntryKind, path: Path): Identity {
    const next = this.#like?.identities[this.#next];
    if (next !== undefined && next.kind === kind && next.path.length === path.length && isIn(next.path, path)) return next;
    return this.#table.intern(kind, path);
  }

  /** Gives equal values of both sessions one object. */
  #push(identity: Identity, value: EntryValue): void {
    const place = this.#findPlace(identity);
    const other = place < 0 ? undefined : (this.#like as FlatSession).values[place];
    if (typeof value !== 'object' || value === null) {
      // The other one's, so that they are told to be the same at once from here on.
      if (other !== undefined && Object.is(other, value)) this.#put(identity, other, place);
      else this.#put(identity, value, -1);
    } else if (other === value) this.#put(identity, value, place);
    else if (this.#collect(value)) {
      if (place >= 0) this.#undecided.push({ at: this.#length, place });
      this.#put(identity, value, -1);
    } else if (other !== undefined && sameEntryValue(other, value)) this.#put(identity, other, place);
    else this.#put(identity, value, -1);
  }

  #put(identity: Identity, value: EntryValue, place: number): void {
    const at = this.#length++;
    this.#identities[at] = identity;
    this.#values[at] = value;
    if (at >= this.#same.length) {
      const grown = new Int32Array(2 * at + 64);
      grown.set(this.#same);
      this.#same = grown;
    }
    this.#same[at] = place;
  }

  #findPlace(identity: Identity): number {
    if (this.#like === null) return -1;
    const place = this.#like.identities[this.#next] === identity ? this.#next : (this.#like.positions[identity.index] ?? -1);
    if (place >= 0) this.#next = place + 1;
    return place;
  }

  /** Whether there are sections in a value. Long texts are in sections too: the hash tells them apart. */
  #collect(value: EntryValue): boolean {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false;
    if (isSection(value)) {
      this.#sections.push(value);
      return true;
    }
    let found = false;
    for (const name of Object.keys(value)) {
      const member = (value as Readonly<Record<string, EntryValue>>)[name];
      if (typeof member === 'object' && this.#collect(member)) found = true;
    }
    return found;
  }

  async learnHashes(): Promise<void> {
    for (const section of this.#sections) await learnHash(section, this.#sectionHash);
    for (const { at, place } of this.#undecided) {
      const other = (this.#like as FlatSession).values[place] as EntryValue;
      if (!sameEntryValue(other, this.#values[at] as EntryValue)) continue;
      this.#values[at] = other;
      this.#same[at] = place;
    }
  }

  take(tabs: readonly string[]): FlatSession {
    const [identities, values] = [this.#identities, this.#values];
    identities.length = this.#length;
    values.length = this.#length;
    const positions = new Int32Array(this.#table.size).fill(-1);
    let twice: Identity | null = null;
    for (let i = 0; i < identities.length; i++) {
      const identity = identities[i] as Identity;
      if (positions[identity.index] !== -1) twice ??= identity;
      positions[identity.index] = i;
    }
    const same = this.#same.subarray(0, this.#length);
    const [table, like, stores, marks] = [this.#table, this.#like, this.#stores, this.#marks];
    return new FlatSession({ identities, values, table, positions, twice, like, same, stores, tabs, marks });
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

/** Members of a storage key's storage that have entries of their own. */
const STORAGE_LISTS: ReadonlySet<string> = new Set(['key', 'localStorage', 'indexedDB', 'caches', 'serviceWorkers', 'files']);

async function addStorage(flattening: Flattening, storage: OriginStorage): Promise<void> {
  const { key, localStorage, indexedDB, caches, serviceWorkers, files } = storage;
  const storageKey = storageKeyText(key);
  flattening.mark(markName('origin', storageKey), 1);
  const own = Object.keys(storage).filter((member) => !STORAGE_LISTS.has(member));
  if (own.length > 0) {
    const members = storage as unknown as Readonly<Record<string, EntryValue>>;
    flattening.add('origin', [storageKey], Object.fromEntries(own.map((member) => [member, members[member]])));
  }
  await flattening.addItems('localStorage', [storageKey], localStorage);
  for (const database of indexedDB) await addDatabase(flattening, storageKey, database);
  if (caches !== undefined) flattening.mark(markName('list', storageKey, 'caches'), 1);
  if (serviceWorkers !== undefined) flattening.mark(markName('list', storageKey, 'serviceWorkers'), 1);
  if (files !== undefined) flattening.mark(markName('list', storageKey, 'files'), 1);
  for (const cache of caches ?? []) addCache(flattening, storageKey, cache);
  for (const worker of serviceWorkers ?? []) flattening.add('serviceWorker', [storageKey, worker.scope], worker as unknown as EntryValue);
  for (const file of files ?? []) flattening.add('file', [storageKey, file.path], file as unknown as EntryValue);
}

function isIn(path: Path, place: Path): boolean {
  for (let i = 0; i < place.length; i++) if (path[i] !== place[i]) return false;
  return true;
}

function isShortText(value: string | Section): value is Section {
  return typeof value !== 'string' && isTextSection(value) && value.length < 2 * LONG_TEXT_UNITS;
}

async function addDatabase(flattening: Flattening, storageKey: string, database: Database): Promise<void> {
  const { name, stores, ...own } = database;
  const shells = stores.map((store) => addMarks(flattening, storageKey, name, store));
  const keys = stores.map((store) => storeKey(storageKey, name, store.name));
  const found = stores.map(({ records: section }, i) => flattening.findStore(keys[i] as string, section));
  const records = await Promise.all(stores.map(({ records: section }, i) => (found[i] === null ? readStore(section) : [])));
  const described = shells.map((shell, i) => {
    const { records: section, recordCount } = stores[i] as ObjectStore;
    // What is not ours to read stays with the store; and so does a count of what was not captured.
    if (section !== undefined && records[i] === null) return { ...shell, recordCount, records: section };
    return section === undefined && recordCount > 0 ? { ...shell, recordCount } : shell;
  });
  described.sort(byName);
  flattening.add('database', [storageKey, name], { ...own, stores: described } as unknown as EntryValue);
  stores.forEach((store, i) => {
    const from = flattening.length;
    const known = found[i] as FlatStore | null;
    let isCanonical = known?.isCanonical ?? true;
    if (known !== null) flattening.addFound(known);
    for (const { key, value } of records[i] ?? []) {
      const text = recordKeyText(key);
      isCanonical &&= isTextOf(text, key);
      flattening.addRepeatable('record', [storageKey, name, store.name, text], value);
    }
    if (store.records !== undefined && records[i] !== null) flattening.endStore(keys[i] as string, store.records, from, isCanonical);
  });
}

function isTextOf(text: string, bytes: Uint8Array): boolean {
  if (text.length !== bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== text.charCodeAt(i)) return false;
  return true;
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
    await flattening.addItems('sessionStorage', [id, storageKey], items);
  }
}
