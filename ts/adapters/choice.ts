/**
 * Which part of a session a restore brings, and what it does with what is there: of an area of which everything is brought the old content is replaced; of one
 * of which only some is, or where the caller keeps what is there, that is added to; one of which nothing is brought is left as it is.
 */
import { isSentTo } from '../session/effective.ts';
import { withoutMembers } from '../session/expiry.ts';
import { storageKeyIdentity } from '../session/identity.ts';
import { listMembers, type Member, type MemberKind } from '../session/member.ts';
import type { OriginStorage, Session } from '../session/session.ts';
import type { ChosenKind, RestoreOptions } from './driver.ts';
import { withoutBucket } from './storage-key.ts';

/** What becomes of an area that a site has already. */
export type Way = 'replace' | 'add' | 'leave';

/** What a restore can be asked for. */
export const CHOSEN_KINDS: readonly ChosenKind[] = [
  ...(['cookie', 'localStorage', 'sessionStorage', 'indexedDB', 'cache'] as const),
  ...(['serviceWorker', 'file', 'tab', 'permission', 'passkey'] as const),
];

/** The areas of a storage key. */
export type Area = 'localStorage' | 'indexedDB' | 'caches' | 'serviceWorkers' | 'files';

export interface Ways extends Readonly<Record<Area, Way>> {
  /** Buckets that the key has and the session has not: they go where all of the key is replaced. */
  readonly otherBuckets: 'replace' | 'leave';
}

/** A storage of a session, and what a restore does with its areas; without that, it replaces them. */
interface ChosenStorage extends OriginStorage {
  readonly ways?: Ways;
}

const AREAS: Readonly<Record<Area, ChosenKind>> = {
  localStorage: 'localStorage',
  indexedDB: 'indexedDB',
  caches: 'cache',
  serviceWorkers: 'serviceWorker',
  files: 'file',
};
const AREA_NAMES = Object.keys(AREAS) as readonly Area[];
const REPLACED: Ways = {
  ...{ localStorage: 'replace', indexedDB: 'replace', caches: 'replace', serviceWorkers: 'replace', files: 'replace' },
  otherBuckets: 'replace',
};

/** What a restore does with the areas of a storage that {@link choose} gave. */
export function waysOf(storage: OriginStorage): Ways {
  return (storage as ChosenStorage).ways ?? REPLACED;
}

/** What of `session` is to be restored: `session` itself where the options leave nothing out and keep nothing. */
export function choose(session: Session, { origins, kinds, only, existing = 'replace' }: RestoreOptions): Session {
  if (origins === undefined && kinds === undefined && only === undefined && existing === 'replace') return session;
  const hosts = origins?.map(hostOf);
  const isKind = (kind: MemberKind): boolean => kinds === undefined || kinds.includes(kind as ChosenKind);
  const isThere = (member: Member): boolean =>
    origins === undefined ||
    (member.origin !== null && origins.includes(member.origin)) ||
    hosts!.some((host) => isSentTo(member, host) || isPasskeyOf(session, member, host));
  const isChosen = (member: Member): boolean => isKind(member.kind) && isThere(member) && (only === undefined || only(member));

  const members = listMembers(session);
  const gone = new Set<string>();
  const kept = new Set<Member>();
  for (const member of members) {
    if (CONTAINERS.has(member.kind)) continue;
    if (!isChosen(member)) gone.add(member.pointer);
    // What it stands in is needed for it: a directory, a tab.
    else for (let one: Member | null = member; one !== null; one = one.parent) kept.add(one);
  }
  for (const member of kept) gone.delete(member.pointer);

  const found = new Map(members.map((member) => [member.pointer, member]));
  const waysAt = session.storage.map((storage, index): Record<Area, Way> => {
    const wayOf = (area: Area): Way => {
      const entries = storage[area] ?? [];
      if (!isKind(AREAS[area]) || !isThere(found.get(`/storage/${index}`)!)) return 'leave';
      const left = entries.filter((_, at) => gone.has(`/storage/${index}/${area}/${at}`)).length;
      if (only !== undefined && left === entries.length) return 'leave';
      return left > 0 || existing === 'keep' ? 'add' : 'replace';
    };
    return Object.fromEntries(AREA_NAMES.map((area) => [area, wayOf(area)])) as Record<Area, Way>;
  });
  const partial = new Set<string>();
  for (const [index, { key }] of session.storage.entries()) {
    const ways = Object.values(waysAt[index]!);
    if (ways.some((way) => way !== 'replace')) partial.add(storageKeyIdentity(withoutBucket(key)));
    if (ways.every((way) => way === 'leave')) gone.add(`/storage/${index}`);
  }
  const storage = session.storage.map((one, index): ChosenStorage => {
    const otherBuckets = partial.has(storageKeyIdentity(withoutBucket(one.key))) ? 'leave' : 'replace';
    return { ...one, ways: { ...waysAt[index]!, otherBuckets } };
  });
  return withoutMembers({ ...session, storage }, gone);
}

/** These are as much as is in them. */
const CONTAINERS: ReadonlySet<MemberKind> = new Set(['session', 'origin']);

/** A passkey knows no origin: it counts where it may be asked for (Web Authentication, section 5.1.3, "effective domain"). */
function isPasskeyOf({ credentials }: Session, { kind, pointer }: Member, host: string): boolean {
  if (kind !== 'passkey') return false;
  const { rpId } = credentials![Number(pointer.slice('/credentials/'.length))]!;
  return host === rpId || host.endsWith(`.${rpId}`);
}

function hostOf(origin: string): string {
  if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
    throw new TypeError('origins: expected serialized http or https origins such as https://app.example');
  }
  return new URL(origin).hostname;
}
