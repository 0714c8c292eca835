/**
 * What in a session can expire, one by one: every entry, every container of entries and the session itself, with its JSON Pointer in the state
 * document and its parent. This is the one place that knows where members stand; it judges no time and changes nothing.
 */
import type { Cookie, OriginStorage, PrivateFile, Session, StorageKey, Tab, TtlKind } from './session.ts';

/** What a member is. The kinds beyond {@link TtlKind} have no name to match: a rule reaches them by pointer only. */
export type MemberKind = TtlKind | 'session' | 'serviceWorker' | 'permission' | 'passkey';

/** A part of a session that can expire. Holds no value. */
export interface Member {
  /**
   * JSON Pointer in the state document (`""` is the session): `/cookies/3`, `/storage/0` (an origin), `/storage/0/localStorage/7`, `/tabs/2`,
   * `/tabs/2/sessionStorage/0` (an origin within a tab), `/tabs/2/sessionStorage/0/items/1`. Also `indexedDB`, `caches`, `files` and
   * `serviceWorkers` of a storage, `/permissions/0` and `/credentials/0`.
   */
  readonly pointer: string;
  readonly kind: MemberKind;
  /**
   * What a name pattern is held against: the name of a cookie, item, database or cache; the path of a file; the origin of an origin; for a tab the
   * origin of its URL, or the scheme where that is opaque (`about:`): path and query may be secret. Empty for the kinds without a name.
   */
  readonly name: string;
  /** The origin that a rule narrows by; null where there is none. A cookie has a {@link scope} instead. */
  readonly origin: string | null;
  /** Where a cookie is sent. */
  readonly scope?: Pick<Cookie, 'domain' | 'hostOnly'>;
  /** What this member goes with: it never lives longer. Null for the session. */
  readonly parent: Member | null;
  /** What the document itself says: a cookie's, a bucket's or the session's own expiry. */
  readonly expiresAt: number | null;
  /** False for what is only as much as is in it: the session, and an origin without a bucket policy. */
  readonly holdsContent: boolean;
}

/** All members of `session` in the order of the document, each after its parent; the session is the first. O(n). */
export function listMembers(session: Session): readonly Member[] {
  const root: Member = {
    pointer: '',
    kind: 'session',
    name: '',
    origin: null,
    parent: null,
    expiresAt: session.expiresAt ?? null,
    holdsContent: false,
  };
  const members = [root];
  session.cookies.forEach((cookie, i) => {
    const { name, domain, hostOnly, expiresAt } = cookie;
    members.push({ ...leaf(`/cookies/${i}`, 'cookie', name, null, root), expiresAt, scope: { domain, hostOnly } });
  });
  session.storage.forEach((storage, i) => {
    addStorage(members, storage, `/storage/${i}`, root);
  });
  session.tabs.forEach((tab, i) => {
    addTab(members, tab, `/tabs/${i}`, root);
  });
  session.permissions?.forEach(({ origin }, i) => {
    members.push(leaf(`/permissions/${i}`, 'permission', '', origin, root));
  });
  session.credentials?.forEach((_, i) => {
    members.push(leaf(`/credentials/${i}`, 'passkey', '', null, root));
  });
  return members;
}

function addStorage(members: Member[], storage: OriginStorage, pointer: string, root: Member): void {
  const { key, bucketPolicy } = storage;
  const origin: Member = {
    ...area(pointer, key, root),
    expiresAt: bucketPolicy?.expiresAt ?? null,
    holdsContent: bucketPolicy !== undefined,
  };
  members.push(origin);
  const add = (kind: MemberKind, member: string, names: readonly string[]): void => {
    names.forEach((name, i) => {
      members.push(leaf(`${pointer}/${member}/${i}`, kind, name, key.origin, origin));
    });
  };
  add('localStorage', 'localStorage', storage.localStorage.map(firstOf));
  add('indexedDB', 'indexedDB', storage.indexedDB.map(nameOf));
  add('cache', 'caches', (storage.caches ?? []).map(nameOf));
  add('serviceWorker', 'serviceWorkers', Array<string>(storage.serviceWorkers?.length ?? 0).fill(''));
  addFiles(members, storage.files ?? [], `${pointer}/files`, origin);
}

function addTab(members: Member[], tab: Tab, pointer: string, root: Member): void {
  const name = addressName(tab.url);
  const owner = leaf(pointer, 'tab', name, name, root);
  members.push(owner);
  tab.sessionStorage.forEach(({ key, items }, i) => {
    const origin = area(`${pointer}/sessionStorage/${i}`, key, owner);
    members.push(origin);
    items.forEach(([item], j) => {
      members.push(leaf(`${origin.pointer}/items/${j}`, 'sessionStorage', item, key.origin, origin));
    });
  });
}

interface Directory {
  /** Null where only something below it is listed so far. */
  member: Member | null;
  readonly children: Map<string, Directory>;
}

/** A file goes with the nearest directory above it that is listed before it. By segments, so that a deep path costs its length only. */
function addFiles(members: Member[], files: readonly PrivateFile[], pointer: string, origin: Member): void {
  const root: Directory = { member: origin, children: new Map() };
  files.forEach(({ path, kind }, i) => {
    const segments = path.split('/');
    const last = segments.pop() as string;
    let directory: Directory | undefined = root;
    let parent = origin;
    for (const segment of segments) {
      directory = directory.children.get(segment);
      if (directory === undefined) break;
      parent = directory.member ?? parent;
    }
    const member = leaf(`${pointer}/${i}`, 'file', path, origin.origin, parent);
    members.push(member);
    if (kind === 'directory') enter(root, [...segments, last], member);
  });
}

function enter(root: Directory, segments: readonly string[], member: Member): void {
  let directory = root;
  for (const segment of segments) {
    let below = directory.children.get(segment);
    if (below === undefined) {
      below = { member: null, children: new Map() };
      directory.children.set(segment, below);
    }
    directory = below;
  }
  directory.member = member;
}

function leaf(pointer: string, kind: MemberKind, name: string, origin: string | null, parent: Member): Member {
  return { pointer, kind, name, origin, parent, expiresAt: null, holdsContent: true };
}

function area(pointer: string, { origin }: StorageKey, parent: Member): Member {
  return { pointer, kind: 'origin', name: origin, origin, parent, expiresAt: null, holdsContent: false };
}

function addressName(url: string): string {
  if (!URL.canParse(url)) return '';
  const { origin, protocol } = new URL(url);
  return origin === 'null' ? protocol : origin;
}

const firstOf = ([name]: readonly [string, unknown]): string => name;
const nameOf = ({ name }: { readonly name: string }): string => name;
