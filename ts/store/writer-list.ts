/**
 * Listings of a provider without conditions (law M19): the objects of one session, and the sessions of a store by their records and objects together. Heads
 * only; no value is read.
 */
import { PspError } from '../errors.ts';
import type { RecordHead } from '../provider.ts';
import { headOf } from './list.ts';
import type { Operation } from './metrics.ts';
import { escapeId, idOf } from './namespace.ts';
import type { StoreParts } from './parts.ts';
import { checkCount } from './pool.ts';
import { malformed, type RecordFacts, readFacts } from './record-facts.ts';
import type { DamagedSession, ListSessionsOptions, SessionHead } from './store.ts';
import { type ListedObject, latestExpiry, objectsAt, readObject, sessionKeyOf, shownIncarnation } from './writer-object.ts';

/** A record at a session's key. */
export interface ListedHead {
  readonly head: RecordHead;
  readonly facts: RecordFacts;
}

/** The objects of the session at `sessionKey`, each once. Rejects for one that is damaged: what stands in it would be missing. */
export async function listObjects(parts: StoreParts, operation: Operation, sessionKey: string): Promise<ListedObject[]> {
  const objects = new Map<string, ListedObject>();
  const fail = ({ error }: DamagedSession): never => {
    throw error;
  };
  for await (const head of listAll(parts, operation, objectsAt(sessionKey), fail)) {
    if (sessionKeyOf(head.key) === sessionKey) objects.set(head.key, readObject(head));
  }
  return [...objects.values()];
}

/**
 * For who takes records along as they are: `PROVIDER_UNSUPPORTED` where commits stand beside the one of the session at `sessionKey`, in a provider without
 * conditions. They would be left behind.
 */
export async function refuseObjects(parts: StoreParts, operation: Operation, sessionKey: string): Promise<void> {
  if (parts.provider.capabilities.conditionalPut || (await listObjects(parts, operation, sessionKey)).length === 0) return;
  const message =
    'store: workers have committed to this session, and their commits stand beside its record, which cannot go without them: use get and put';
  throw new PspError('PROVIDER_UNSUPPORTED', message);
}

/** The head of the session that a record (null: none) and objects show together: the newest one's, with the latest expiry of all. Null: none. */
export function mergeHeads(id: string, record: ListedHead | null, objects: readonly ListedObject[]): SessionHead | null {
  const incarnation = shownIncarnation(record?.facts ?? null, objects);
  if (incarnation === null) return null;
  const shown: ListedHead[] = objects.filter(({ facts }) => facts.incarnation === incarnation);
  if (record !== null && record.facts.deletedAt === null) shown.push(record);
  const newest = shown.reduce((a, b) => (isNewer(b, a) ? b : a));
  return { ...headOf(id, newest.head, newest.facts)!, expiresAt: latestExpiry(shown.map(({ head }) => head.expiresAt)) };
}

function isNewer(a: ListedHead, b: ListedHead): boolean {
  return a.facts.revision !== b.facts.revision ? a.facts.revision > b.facts.revision : a.head.key > b.head.key;
}

/** What is known of one session in the middle of a listing. */
interface Gathered {
  record: ListedHead | null;
  readonly objects: Map<string, ListedObject>;
}

/**
 * `SessionStore.list`: an id comes when all of the listing was seen, since its records need not stand together. Memory: all heads.
 */
export async function* listMerged(parts: StoreParts, operation: Operation, options: ListSessionsOptions): AsyncGenerator<SessionHead> {
  const { prefix = '', limit = Number.MAX_SAFE_INTEGER, onDamaged } = options;
  if (typeof prefix !== 'string') throw new TypeError(`prefix: expected a string, got ${typeof prefix}`);
  checkCount('limit', limit, Number.MAX_SAFE_INTEGER);
  const errors: PspError[] = [];
  const report = (record: DamagedSession): void => {
    if (onDamaged === undefined) errors.push(record.error);
    else onDamaged(record);
  };
  const sessions = new Map<string, Gathered>();
  for await (const head of listAll(parts, operation, parts.prefix + escapeId(prefix), report)) {
    try {
      gather(parts.prefix, head, sessions);
    } catch (error) {
      if (!(error instanceof PspError)) throw error;
      report({ key: head.key, error });
    }
  }
  let left = limit;
  for (const [id, { record, objects }] of sessions) {
    const head = mergeHeads(id, record, [...objects.values()]);
    if (head === null) continue;
    yield head;
    if (--left === 0) return;
  }
  if (errors[0] !== undefined) throw errors[0];
}

function gather(prefix: string, head: RecordHead, sessions: Map<string, Gathered>): void {
  const sessionKey = sessionKeyOf(head.key);
  const key = sessionKey ?? head.key;
  // Of a namespace inside this one.
  if (key.includes('/', prefix.length)) return;
  const id = idOf(prefix, key);
  if (id === null) throw malformed('its key is none of this store');
  const found = sessionKey === null ? { head, facts: readFacts(head) } : null;
  const object = sessionKey === null ? null : readObject(head);
  const session = sessions.get(id) ?? { record: null, objects: new Map() };
  sessions.set(id, session);
  if (found !== null) session.record = found;
  if (object !== null) session.objects.set(head.key, object);
}

async function* listAll(
  { provider, retry }: StoreParts,
  operation: Operation,
  prefix: string,
  onDamaged: (record: DamagedSession) => void,
): AsyncGenerator<RecordHead> {
  let cursor: string | null = null;
  do {
    const at: { readonly cursor?: string } = cursor === null ? {} : { cursor };
    const page = await retry.read(operation, () => provider.listPage({ ...operation.call, ...at, prefix }));
    for (const { key, error } of page.damaged) onDamaged({ key, error });
    yield* page.items;
    cursor = page.cursor;
  } while (cursor !== null);
}
