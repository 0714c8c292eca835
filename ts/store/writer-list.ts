/**
 * Listings of a provider without conditions (law M19): what stands beside one session, and the sessions of a store by their records and all that stands beside
 * them. Heads only; no value is read.
 */
import { PspError } from '../errors.ts';
import type { RecordHead } from '../provider.ts';
import { headOf, listRecords } from './list.ts';
import type { Operation } from './metrics.ts';
import { escapeId, idOf } from './namespace.ts';
import type { StoreParts } from './parts.ts';
import { checkCount } from './pool.ts';
import { malformed, type RecordFacts, readFacts } from './record-facts.ts';
import type { DamagedSession, ListSessionsOptions, SessionHead } from './store.ts';
import {
  type Beside,
  besideOf,
  type ListedObject,
  latestExpiry,
  markAt,
  readObject,
  sessionKeyOf,
  shownIncarnation,
} from './writer-object.ts';

/** A record at a session's key. */
export interface ListedHead {
  readonly head: RecordHead;
  readonly facts: RecordFacts;
}

/** What stands beside the session at `sessionKey`, each once. Rejects for an object that is damaged: what stands in it would be missing. */
export async function listBeside(parts: StoreParts, operation: Operation, sessionKey: string): Promise<Beside> {
  const objects = new Map<string, ListedObject>();
  const ended = new Set<string>();
  const refuse = ({ key, error }: DamagedSession): void => {
    // Another one is of a session whose id begins with #, in the namespace that has the name of this one.
    if (key === null || ownerOf(key) === sessionKey) throw error;
  };
  for await (const head of listAll(parts, operation, besideOf(sessionKey), refuse)) {
    if (ownerOf(head.key) !== sessionKey) continue;
    const mark = markAt(head.key);
    if (mark === null) objects.set(head.key, readObject(head));
    else ended.add(mark.mark);
  }
  return { objects: [...objects.values()], ended };
}

/** The key of the session beside which `key` stands; null for a record's own. */
function ownerOf(key: string): string | null {
  return sessionKeyOf(key) ?? markAt(key)?.sessionKey ?? null;
}

/** The head of the session that a record (null: none) and objects show together: the newest one's, with the latest expiry of all. Null: none. */
export function mergeHeads(id: string, record: ListedHead | null, beside: Beside): SessionHead | null {
  const incarnation = shownIncarnation(record?.facts ?? null, beside);
  if (incarnation === null) return null;
  const shown: ListedHead[] = beside.objects.filter(({ facts }) => facts.incarnation === incarnation);
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
  readonly ended: Set<string>;
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
  let left = limit;
  for (const head of await listShown(parts, operation, prefix, report)) {
    yield head;
    if (--left === 0) return;
  }
  if (errors[0] !== undefined) throw errors[0];
}

/** The heads of all sessions whose ids start with `prefix`, in a provider without conditions. Damaged records are told, and left out. */
export async function listShown(
  parts: StoreParts,
  operation: Operation,
  prefix: string,
  onDamaged: (record: DamagedSession) => void,
): Promise<SessionHead[]> {
  const heads: SessionHead[] = [];
  for (const [id, { record, objects, ended }] of await gatherAll(parts, operation, prefix, onDamaged)) {
    const head = mergeHeads(id, record, { objects: [...objects.values()], ended });
    if (head !== null) heads.push(head);
  }
  return heads;
}

/** The ids of all that a store holds, tombstones too, whatever its provider can; each once. Where nothing but marks is left, there is none. */
export async function listIds(
  parts: StoreParts,
  operation: Operation,
  prefix: string,
  onDamaged: (record: DamagedSession) => void,
): Promise<string[]> {
  if (!parts.provider.capabilities.conditionalPut) {
    const gathered = [...(await gatherAll(parts, operation, prefix, onDamaged))];
    return gathered.filter(([, { record, objects }]) => record !== null || objects.size > 0).map(([id]) => id);
  }
  const ids = new Set<string>();
  for await (const { id } of listRecords(parts, operation, prefix, onDamaged)) ids.add(id);
  return [...ids];
}

async function gatherAll(
  parts: StoreParts,
  operation: Operation,
  prefix: string,
  onDamaged: (record: DamagedSession) => void,
): Promise<Map<string, Gathered>> {
  const sessions = new Map<string, Gathered>();
  for await (const head of listAll(parts, operation, parts.prefix + escapeId(prefix), onDamaged)) {
    try {
      gather(parts.prefix, head, sessions);
    } catch (error) {
      if (!(error instanceof PspError)) throw error;
      onDamaged({ key: head.key, error });
    }
  }
  return sessions;
}

function gather(prefix: string, head: RecordHead, sessions: Map<string, Gathered>): void {
  const sessionKey = ownerOf(head.key);
  const key = sessionKey ?? head.key;
  // Of a namespace inside this one.
  if (key.includes('/', prefix.length)) return;
  const id = idOf(prefix, key);
  if (id === null) throw malformed('its key is none of this store');
  const mark = markAt(head.key);
  const found = sessionKey === null ? { head, facts: readFacts(head) } : null;
  const object = sessionKey === null || mark !== null ? null : readObject(head);
  const session = sessions.get(id) ?? { record: null, objects: new Map(), ended: new Set() };
  sessions.set(id, session);
  if (found !== null) session.record = found;
  if (object !== null) session.objects.set(head.key, object);
  if (mark !== null) session.ended.add(mark.mark);
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
