/**
 * The one table of what a session consists of, for everything here: which members are lists of entries, what makes two entries the same one, and how an
 * entry is called in front of people. Every member that the table does not name belongs to its entry as a whole.
 */
import { cookieIdentity, storageKeyIdentity } from '../session/identity.ts';
import type {
  CacheEntry,
  Cookie,
  Database,
  HistoryEntry,
  NamedCache,
  ObjectStore,
  Passkey,
  Permission,
  PrivateFile,
  ServiceWorkerRegistration,
  StorageItem,
  StorageKey,
  Tab,
  TtlRule,
} from '../session/session.ts';
import type { DifferenceKind } from './difference.ts';
import { lengthOf } from './value.ts';

/** An object of a session, or an item of web storage: what has members. */
export type Entity = Readonly<Record<string, unknown>>;

/** How an entry is called: never a value, nor path or query of an address. */
export interface Label {
  readonly place: string;
  readonly name: string;
}

/** A kind of entry. */
export interface Kind {
  readonly kind: DifferenceKind;
  identity(entity: Entity): string;
  /** `parent` is the label of the entry that it is inside. */
  label(entity: Entity, parent: Label): Label;
  /** The member that holds the content. */
  readonly content: string | null;
  /** Members that are lists of entries. */
  readonly lists: Readonly<Record<string, Kind>>;
  /** Members that are one entry. */
  readonly slots: Readonly<Record<string, Kind>>;
  /** A list in which the same identity stands more than once without being wrong. */
  readonly repeats: boolean;
  /** A list whose entries are the same only in their order: what went elsewhere is another one. */
  readonly sequence: boolean;
}

interface KindOf<Type> {
  readonly kind: DifferenceKind;
  identity(entity: Type): string;
  label(entity: Type, parent: Label): Label;
  readonly content?: string;
  readonly lists?: Readonly<Record<string, Kind>>;
  readonly slots?: Readonly<Record<string, Kind>>;
  readonly repeats?: boolean;
  readonly sequence?: boolean;
}

function define<Type>(kind: KindOf<Type>): Kind {
  return { content: null, lists: {}, slots: {}, repeats: false, sequence: false, ...(kind as unknown as KindOf<Entity>) };
}

const NOWHERE: Label = { place: '', name: '' };

/** The label of what stands at the top. */
export const ROOT_LABEL: Label = NOWHERE;

interface Keyed {
  readonly key: StorageKey;
}

const keyed = ({ key }: Keyed): string => storageKeyIdentity(key);
const named = ({ name }: { readonly name: string }): string => name;
const within = ({ name: place }: Label, name: string): Label => ({ place, name });
const inside = ({ place, name: parent }: Label, name: string): Label => ({ place: join(place, parent), name });

function join(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}

/** A storage key in words: the origin, what it is framed by, its bucket. */
function describeKey({ origin, topLevelSite, hasCrossSiteAncestor, bucket }: StorageKey): string {
  return join(
    origin,
    topLevelSite === null ? '' : `in ${topLevelSite}`,
    hasCrossSiteAncestor === true ? 'across sites' : '',
    bucket === undefined ? '' : `bucket ${bucket}`,
  );
}

/** Path and query may be as secret as a token: the origin is all that is shown, or the scheme where it is opaque. */
function describeAddress(url: string): string {
  if (!URL.canParse(url)) return '';
  const { origin, protocol } = new URL(url);
  return origin === 'null' ? protocol : origin;
}

function itemsOf(kind: 'localStorage' | 'sessionStorage'): Kind {
  return define<StorageItem>({ kind, identity: ([name]) => name, label: ([name], parent) => within(parent, name), content: '1' });
}

const STORE: Kind = define<ObjectStore>({
  kind: 'store',
  identity: named,
  label: ({ name }, parent) => ({ place: parent.place, name: `${parent.name}/${name}` }),
  content: 'records',
});

const DATABASE: Kind = define<Database>({
  kind: 'database',
  identity: named,
  label: ({ name }, parent) => within(parent, name),
  lists: { stores: STORE },
});

const REQUEST: Kind = define<CacheEntry>({
  kind: 'request',
  identity: ({ method, url }) => JSON.stringify([method, url]),
  label: ({ method, url }, parent) => inside(parent, join(method, describeAddress(url))),
  content: 'body',
  // One for each variant that the response's Vary tells apart.
  repeats: true,
});

const CACHE: Kind = define<NamedCache>({
  kind: 'cache',
  identity: named,
  label: ({ name }, parent) => within(parent, name),
  lists: { entries: REQUEST },
});

const SERVICE_WORKER: Kind = define<ServiceWorkerRegistration>({
  kind: 'serviceWorker',
  identity: ({ scope }) => scope,
  label: ({ scope }, parent) => within(parent, describeAddress(scope)),
  content: 'script',
});

const FILE: Kind = define<PrivateFile>({
  kind: 'file',
  identity: ({ path }) => path,
  label: ({ path }, parent) => within(parent, path),
  content: 'body',
});

const STORAGE: Kind = define<Keyed>({
  kind: 'origin',
  identity: keyed,
  label: ({ key }) => ({ place: '', name: describeKey(key) }),
  lists: { localStorage: itemsOf('localStorage'), indexedDB: DATABASE, caches: CACHE, serviceWorkers: SERVICE_WORKER, files: FILE },
});

const TAB_STORAGE: Kind = define<Keyed>({
  kind: 'origin',
  identity: keyed,
  label: ({ key }, parent) => ({ place: parent.name, name: join('tab', describeKey(key)) }),
  lists: { items: itemsOf('sessionStorage') },
});

const HISTORY_ENTRY: Kind = define<HistoryEntry>({
  kind: 'historyEntry',
  identity: ({ url }) => url,
  label: ({ url }, parent) => ({ place: parent.place, name: describeAddress(url) }),
  content: 'state',
  repeats: true,
  sequence: true,
});

const HISTORY: Kind = define<object>({
  kind: 'history',
  identity: () => '',
  label: (_, { name }) => ({ place: join('tab', name), name: '' }),
  lists: { entries: HISTORY_ENTRY },
});

const TAB: Kind = define<Tab>({
  kind: 'tab',
  identity: ({ id }) => id,
  label: ({ url }) => ({ place: '', name: describeAddress(url) }),
  lists: { sessionStorage: TAB_STORAGE },
  slots: { history: HISTORY },
});

const COOKIE: Kind = define<Cookie>({
  kind: 'cookie',
  identity: cookieIdentity,
  label: ({ domain, hostOnly, path, name, partitionKey }) => ({
    place: join(`${hostOnly ? '' : '.'}${domain}${path}`, partitionKey === null ? '' : `in ${partitionKey.topLevelSite}`),
    name,
  }),
  content: 'value',
});

const PERMISSION: Kind = define<Permission>({
  kind: 'permission',
  identity: ({ origin, name, embeddingOrigin }) => JSON.stringify([origin, name, embeddingOrigin ?? null]),
  label: ({ origin, name, embeddingOrigin }) => ({
    place: join(origin, embeddingOrigin === undefined ? '' : `in ${embeddingOrigin}`),
    name,
  }),
});

const PASSKEY: Kind = define<Passkey>({
  kind: 'passkey',
  identity: ({ rpId, credentialId }) => JSON.stringify([rpId, credentialId]),
  label: ({ rpId }) => ({ place: rpId, name: '' }),
  content: 'privateKey',
});

const TTL: Kind = define<TtlRule>({
  kind: 'ttl',
  identity: ({ target }) =>
    JSON.stringify('pointer' in target ? target.pointer : [target.kind, target.origin ?? null, target.name ?? null]),
  label: ({ target }) =>
    'pointer' in target ? { place: '', name: target.pointer } : { place: target.origin ?? '', name: join(target.kind, target.name ?? '') },
});

const STORAGE_COVERAGE: Kind = define<Keyed>({
  kind: 'coverage',
  identity: keyed,
  label: ({ key }) => ({ place: '', name: describeKey(key) }),
});

const COVERAGE: Kind = define<object>({ kind: 'coverage', identity: () => '', label: () => NOWHERE, lists: { storage: STORAGE_COVERAGE } });

/** A session. */
export const SESSION: Kind = define<object>({
  kind: 'header',
  identity: () => '',
  label: () => NOWHERE,
  lists: { cookies: COOKIE, storage: STORAGE, tabs: TAB, permissions: PERMISSION, credentials: PASSKEY, ttl: TTL },
  slots: { coverage: COVERAGE },
});

/** The list at `name` of an entity; empty where it is absent. */
export function listAt(entity: Entity, name: string): readonly Entity[] {
  return (entity[name] ?? []) as readonly Entity[];
}

/** The members of an entity that differ as wholes: neither entries of their own nor absent. */
export function ownMembers({ lists, slots }: Kind, entity: Entity): string[] {
  return Object.keys(entity).filter((name) => entity[name] !== undefined && !Object.hasOwn(lists, name) && !Object.hasOwn(slots, name));
}

/** An entity without what is inside it: its lists empty, its slots left out. */
export function shellOf(kind: Kind, entity: Entity): Entity {
  const names = Object.keys(kind.lists).filter((name) => entity[name] !== undefined);
  if (names.length === 0 && Object.keys(kind.slots).length === 0) return entity;
  const shell: Record<string, unknown> = { ...entity };
  for (const name of names) shell[name] = [];
  for (const name of Object.keys(kind.slots)) delete shell[name];
  return shell;
}

/** The size of what an entity holds, as `Added.size` says; null where it holds nothing of its own. */
export function sizeOf({ content }: Kind, entity: Entity): number | null {
  return content === null ? null : lengthOf(entity[content]);
}

/** One step of a pointer, RFC 6901. */
export function step(pointer: string, name: string | number): string {
  const escaped = typeof name === 'number' || !/[~/]/.test(name) ? name : name.replaceAll('~', '~0').replaceAll('/', '~1');
  return `${pointer}/${escaped}`;
}

/**
 * What a rule's pointer leads to, by identities instead of indexes, so that a rule stays the same one when entries before its target come and go. The
 * pointer itself where it leads to no entry.
 */
export function targetIdentity(session: Entity, pointer: string): string {
  let kind = SESSION;
  let entity = session;
  const path: string[] = [];
  const names = pointer.split('/').slice(1);
  for (let at = 0; at < names.length; at += 2) {
    const [member, index] = [names[at] as string, names[at + 1]];
    const inner = Object.hasOwn(kind.lists, member) ? kind.lists[member] : undefined;
    const found = inner === undefined || index === undefined ? undefined : listAt(entity, member)[Number(index)];
    if (inner === undefined || found === undefined) return JSON.stringify(pointer);
    path.push(member, inner.identity(found));
    kind = inner;
    entity = found;
  }
  return JSON.stringify(path);
}
