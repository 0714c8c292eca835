/**
 * Two inserts under one generated key (law M13). Both are in the state and one is shown. Giving the other one a key of its own is a write that somebody
 * asks for, never part of a merge: other records may refer to the key, and only the application knows. IndexedDB 3.0 section 2.11 (key generators) and 7.2
 * (injecting a key).
 */
import { sha256Hex } from '../digest.ts';
import { unitsToString } from '../session/clone/bytes.ts';
import { decodeValueAsync } from '../session/clone/decode.ts';
import { encodeValueAsync } from '../session/clone/encode.ts';
import type { Session } from '../session/session.ts';
import { tick } from './clock.ts';
import { deltaOf, joinDocuments, type MergeDocument } from './document.ts';
import { type Candidate, type Entry, entryKey } from './entry.ts';
import { flattenSession } from './flatten.ts';
import { type MergedSession, readMerge, type ShowOptions, showDocument } from './merge.ts';
import type { Operation } from './operations.ts';
import { storageKeyText, storeKey } from './path.ts';
import { sameWrite } from './policy.ts';
import { keyOf, keyText, recordKeyBytes } from './record-key.ts';
import type { Loss } from './resolve.ts';
import { sameEntryValue } from './value.ts';

/** A record that has got a key of its own. */
export interface RekeyedRecord {
  readonly path: readonly string[];
  readonly newPath: readonly string[];
}

/** A session after {@link rekeyRecords}. Its `losses` say what was moved where, by the rule `generated-key`. */
export interface RekeyedSession extends MergedSession {
  readonly rekeyed: readonly RekeyedRecord[];
}

/** How records are re-keyed. */
export interface RekeyOptions extends ShowOptions {
  /**
   * Which ones, by the path of their entry; all unless told. Nothing tells two inserts under one key from two changes of one record, of which one has lost: who
   * knows says so here.
   */
  readonly isInsert?: (path: readonly string[]) => boolean;
}

/** The generator gives no key above: IndexedDB 3.0 section 2.11. */
const LAST_KEY = 2 ** 53;

/**
 * The session with every record that lost its generated key to another one (`parked` as `generated-key`) under the next key of its store's generator, and in
 * its value where the store has a key path. What stays parked so cannot be moved: its value holds what this platform cannot write, or the generator is at its end.
 *
 * Reads no clock and no randomness: a record is stamped right after the write that it was, and the same losers and keys give the same dots, so who does it twice,
 * or at the same time as somebody else, does it once. Who had other losers beside it may give it another key: then it is there twice, and nothing is lost.
 * O(entries). Throws as `mergeSessions`.
 *
 * @example
 * await store.update(id, async (session) => (await rekeyRecords(session)).session);
 */
export async function rekeyRecords(session: Session, options: RekeyOptions = {}): Promise<RekeyedSession> {
  const input = await readMerge(session, options.sectionHash);
  const before = await showDocument(input.document, session, { ...options, inputs: [input] });
  const moves = await findMoves(before, options.isInsert ?? (() => true));
  if (moves.length === 0) return { ...before, rekeyed: [] };
  const { document } = before;
  const operations = moves.map(({ losing, newPath, value }): Operation => {
    const { stamp } = losing[losing.length - 1] as Candidate;
    return { kind: 'record', path: newPath, value, stamp: tick(stamp, stamp.time), sees: losing.map(({ dot }) => dot) };
  });
  const { delta } = deltaOf(document.epoch, operations, { replica: nameMoves(document, moves), counter: 0 });
  const after = await showDocument(joinDocuments([document, delta]), session, options);
  const losses = moves.map(({ path, losing, newPath }): Loss => {
    const winning = delta.entries.get(entryKey('record', newPath))?.candidates[0] as Candidate;
    return { kind: 'record', path, losing, winning, rule: 'generated-key', movedTo: newPath };
  });
  return { ...after, losses: [...after.losses, ...losses], rekeyed: moves.map(({ path, newPath }) => ({ path, newPath })) };
}

/** A value that leaves its key. */
interface Move extends RekeyedRecord {
  /** The writes that wrote it, in canonical order. */
  readonly losing: readonly Candidate[];
  readonly value: Uint8Array;
}

/** In the order of the entries, so that everybody gives the same keys. */
async function findMoves({ session, document }: MergedSession, isInsert: (path: readonly string[]) => boolean): Promise<Move[]> {
  const generators = generatorsOf(session, document);
  const moves: Move[] = [];
  for (const { key, kind, path, value } of (await flattenSession(session)).entries) {
    const entry = document.entries.get(key);
    const generator = generators.get(storeOf(path));
    if (kind !== 'record' || entry === undefined || generator === undefined || numberOf(path) === null || !isInsert(path)) continue;
    for (const losing of losersOf(entry, value as Uint8Array)) {
      const { next, keyPath } = generator;
      const moved = next > LAST_KEY ? null : await withKey((losing[0] as Candidate).value as Uint8Array, keyPath, next);
      if (moved === null) continue;
      generator.next++;
      moves.push({ path, newPath: [...path.slice(0, 3), keyText([1, next])], losing, value: moved });
    }
  }
  return moves;
}

/** The writes of each value that is not shown. None where what is shown was made of several. */
function losersOf({ candidates }: Entry, shown: Uint8Array): Candidate[][] {
  const winner = candidates.find(({ value }) => value !== undefined && sameEntryValue(value, shown));
  if (winner === undefined) return [];
  const losers = new Map<string, Candidate[]>();
  for (const one of candidates) {
    if (one.value === undefined || sameWrite(one, winner)) continue;
    const bytes = unitsToString(one.value as Uint8Array);
    losers.set(bytes, [...(losers.get(bytes) ?? []), one]);
  }
  return [...losers.values()];
}

interface Generator {
  readonly keyPath: string | null;
  next: number;
}

/** Of each store that generates keys: above all keys that the state knows, shown or not. By {@link storeOf}. */
function generatorsOf({ storage }: Session, { entries }: MergeDocument): Map<string, Generator> {
  const generators = new Map<string, Generator>();
  const known = [...entries.values()].filter(({ kind }) => kind === 'record').map(({ path }) => path);
  for (const { key, indexedDB } of storage) {
    for (const database of indexedDB) {
      for (const { name, keyPath, autoIncrement, keyGenerator } of database.stores) {
        if (!autoIncrement || Array.isArray(keyPath)) continue;
        generators.set(storeKey(storageKeyText(key), database.name, name), { keyPath: keyPath as string | null, next: keyGenerator ?? 1 });
      }
    }
  }
  for (const path of known) {
    const generator = generators.get(storeOf(path));
    const key = numberOf(path);
    if (generator !== undefined && key !== null && key >= generator.next) generator.next = Math.floor(key) + 1;
  }
  return generators;
}

function storeOf([storageKey = '', database = '', store = '']: readonly string[]): string {
  return storeKey(storageKey, database, store);
}

/** The key of a record where it is a number: a generator makes no other. */
function numberOf(path: readonly string[]): number | null {
  const key = path.length === 4 ? keyOf(recordKeyBytes(path[3] as string)) : null;
  return key !== null && key[0] === 1 ? key[1] : null;
}

/** An encoded value with another key at its key path; null where it has none there, or would not come back as it was. */
async function withKey(bytes: Uint8Array, keyPath: string | null, key: number): Promise<Uint8Array | null> {
  if (keyPath === null) return bytes;
  const { value, unportable, foreign } = await decodeValueAsync(bytes);
  if (unportable.length + foreign.length > 0) return null;
  const names = keyPath.split('.');
  const last = names.pop() as string;
  let holder: unknown = value;
  for (const name of names) holder = isHolder(holder, name) ? holder[name] : null;
  if (!isHolder(holder, last)) return null;
  holder[last] = key;
  return (await encodeValueAsync(value)).bytes;
}

function isHolder(value: unknown, name: string): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name);
}

/** As law M16 names the writer of a session without state: what is written names who writes. With the values, which follow from the key path as well. */
function nameMoves({ epoch }: MergeDocument, moves: readonly Move[]): string {
  const text = JSON.stringify([
    'psp/rekey@1',
    epoch,
    moves.map(({ losing, newPath, value }) => [losing.map(({ dot }) => dot), newPath, sha256Hex(value)]),
  ]);
  return sha256Hex(new TextEncoder().encode(text)).slice(0, 16);
}
