/**
 * Merging whole sessions: against maps of other packages, where a session is nothing but a map; and against the time that it takes to read the sessions
 * that are merged. Processor time of this process.
 */
import { decodeSession } from '../ts/blob/decode.ts';
import { encodeSession } from '../ts/blob/encode.ts';
import { compactSession, mergeSessions } from '../ts/merging.ts';
import { decodeValue } from '../ts/session/clone/decode.ts';
import { readRecords } from '../ts/session/clone/records.ts';
import type { Session } from '../ts/session/session.ts';
import { generateSession } from './generated-session.ts';
import type { BenchCase, Contestant, FigureTable, Subject } from './harness.ts';
import { type Items, loadMapPeers, type MapPeer } from './merge-peers.ts';
import { commitTo, countEntries, countRecords, sessionOfItems, sessionOfRecords, withState } from './merge-sessions.ts';

const KEYS = 10_000;
const RECORDS = 5000;
const REPLICAS = [2, 8, 32];
/** What takes about a second for each replica is measured up to so many. */
const MOST_REPLICAS_OF_SLOW = 8;

/** For the runner: see `SubjectModule`. */
export const needsNode = 'peers are packages for Node, and processor time is read from the process';

/** All cases. */
export async function subject(): Promise<Subject> {
  const peers = loadMapPeers();
  const cases: BenchCase[] = [];
  for (const replicas of REPLICAS) cases.push(await mapCase(replicas, peers));
  const mixed = await withState(generateSession('1 MiB'));
  for (const replicas of REPLICAS) cases.push(await sessionCase('session of 1 MiB', mixed, changeMixed, replicas));
  const stored = await withState(sessionOfRecords(RECORD_VALUES));
  for (const replicas of REPLICAS)
    cases.push(await sessionCase(`session of ${RECORDS.toLocaleString('en')} records`, stored, changeRecords, replicas, true));
  return {
    name: 'merge',
    baseline: 'mergeSessions',
    packages: peers.map(({ name }) => name),
    note:
      `\`map\`: a session of ${KEYS.toLocaleString('en')} storage items, every one overwritten by each replica; blobs in, the merged session out, with its merge state. Peers: ` +
      'a map of as many keys that all began with, one update of each replica in, an object out. `session`: 1 MiB of cookies, items, records and files, or IndexedDB records alone, of which each ' +
      `replica changed another 5 %; \`parse\` reads the blobs, which leaves records as bytes, and \`parse, every record\` their values too; \`mergeSessions\` merges what was parsed. Automerge is left out above ${MOST_REPLICAS_OF_SLOW} replicas.`,
    tables: [await historyTable()],
    cases,
  };
}

async function mapCase(replicas: number, peers: readonly MapPeer[]): Promise<BenchCase> {
  const base: Items = Object.fromEntries(NAMES.map((name) => [name, 'base']));
  const changed = Array.from({ length: replicas }, (_, replica): Items => {
    return Object.fromEntries(NAMES.map((name) => [name, `${name} of ${replica}`]));
  });
  const session = await withState(sessionOfItems(base));
  const blobs: Uint8Array[] = [];
  for (const [replica, items] of changed.entries()) blobs.push(await encode(await commitTo(session, sessionOfItems(items), replica)));
  async function merge(): Promise<Items> {
    const { session } = await mergeSessions(await parseAll(blobs));
    return Object.fromEntries(session.storage[0]!.localStorage as readonly [string, string][]);
  }
  const able = peers.filter(({ slow }) => !slow || replicas <= MOST_REPLICAS_OF_SLOW);
  return {
    name: `map of ${KEYS.toLocaleString('en')} keys, ${replicas} replicas`,
    inputBytes: null,
    // Which of the concurrent values is shown is each package's own business.
    agree: (first, other) => isOneOf(first as Items, changed) && isOneOf(other as Items, changed),
    contestants: [timed('mergeSessions', merge), ...able.map((peer) => peerContestant(peer, base, changed))],
  };
}

/** Made ready when it is first asked, so that who is left out costs nothing. */
function peerContestant({ name, slow = false, prepare }: MapPeer, base: Items, changed: readonly Items[]): Contestant {
  let merge: (() => Items) | null = null;
  const ready = (): (() => Items) => {
    merge ??= prepare(base, changed);
    return merge;
  };
  return { ...timed(name, () => ready()()), rival: true, slow };
}

/** Whether every key has a value that a replica gave it. */
function isOneOf(shown: Items, changed: readonly Items[]): boolean {
  return Object.keys(shown).length === KEYS && NAMES.every((name) => changed.some((items) => items[name] === shown[name]));
}

async function sessionCase(
  name: string,
  base: Session,
  change: (base: Session, replica: number) => Session,
  replicas: number,
  isAllRecords: boolean = false,
): Promise<BenchCase> {
  const blobs: Uint8Array[] = [];
  for (let replica = 0; replica < replicas; replica++) blobs.push(await encode(await commitTo(base, change(base, replica), replica)));
  const parsed = await parseAll(blobs);
  return {
    name: `${name}, ${replicas} replicas, 5 % changed by each`,
    inputBytes: blobs.reduce((sum, { length }) => sum + length, 0),
    // Both see the entries that everybody began with, since values were changed only.
    agree: (first, other) => first === other && first === countEntries(base),
    contestants: [
      // Of records alone parsing reads nothing.
      ...(isAllRecords ? [] : [{ ...timed('parse', async () => countEntries((await parseAll(blobs)).at(-1)!)), rival: true }]),
      { ...timed('parse, every record', async () => countRead(await parseAll(blobs))), rival: true },
      timed('mergeSessions', async () => countEntries((await mergeSessions(parsed)).session)),
    ],
  };
}

function encode(session: Session): Promise<Uint8Array> {
  return encodeSession(session, { framing: 'packed' });
}

async function parseAll(blobs: readonly Uint8Array[]): Promise<Session[]> {
  const sessions: Session[] = [];
  for (const blob of blobs) sessions.push(await decodeSession(blob));
  return sessions;
}

/** Entries of the last one, after the values of every record of all were read. */
async function countRead(sessions: readonly Session[]): Promise<number> {
  let values = 0;
  for (const session of sessions) {
    values = 0;
    for (const { stores } of session.storage.flatMap(({ indexedDB }) => indexedDB)) {
      for (const { records } of stores) {
        if (records === undefined) continue;
        for (const { key, value } of readRecords(await records.bytes())) {
          decodeValue(key);
          if (decodeValue(value).value !== undefined) values += 1;
        }
      }
    }
  }
  const last = sessions.at(-1)!;
  return countEntries(last) - countRecords(last) + values;
}

function timed(name: string, run: () => unknown): Contestant {
  async function sample(): Promise<number> {
    const start = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  }
  return { name, run, sample };
}

/** What is left of the history of a small session. */
async function historyTable(): Promise<FigureTable> {
  let session = await withState(sessionOfItems(Object.fromEntries(NAMES.slice(0, 100).map((name) => [name, 'x'.repeat(80)]))));
  for (let commit = 0; commit < 1000; commit++) {
    const items = Object.fromEntries(session.storage[0]!.localStorage as readonly [string, string][]);
    items[NAMES[commit % 100]!] = `${'x'.repeat(70)} ${commit}`;
    session = await commitTo(session, sessionOfItems(items), commit % 50, commit);
  }
  const compacted = await compactSession(session, 'c'.repeat(16));
  const line = (when: string, { mergeState }: Session): string[] => [when, (mergeState?.length ?? 0).toLocaleString('en')];
  return {
    title: 'Bytes of the merge state of a session of 10 KiB after 1,000 commits by 50 workers',
    ...{ names: 1, header: ['', 'bytes'], lines: [line('as it is', session), line('after `compact`', compacted)] },
  };
}

const NAMES: readonly string[] = Array.from({ length: KEYS }, (_, at) => `item ${at}`);
const RECORD_VALUES: readonly RecordValue[] = Array.from({ length: RECORDS }, (_, at) => ({
  ...{ id: at, title: `An entry of the list, number ${at}`, done: at % 3 === 0 },
  ...{ tags: ['home', `tag ${at % 17}`], note: 'Lorem ipsum dolor sit amet consetetur. '.repeat(2) },
}));

interface RecordValue {
  readonly id: number;
  readonly title: string;
}

/** Every twentieth, another twentieth for each replica. */
function isChanged(at: number, replica: number): boolean {
  return at % 20 === replica % 20;
}

/** Other values for some cookies and items. */
function changeMixed(base: Session, replica: number): Session {
  const cookies = base.cookies.map((cookie, at) => (isChanged(at, replica) ? { ...cookie, value: `${cookie.value}${replica}` } : cookie));
  const storage = base.storage.map((one) => ({
    ...one,
    localStorage: one.localStorage.map(([name, value], at) =>
      isChanged(at, replica) && typeof value === 'string' ? ([name, `${value}${replica}`] as const) : ([name, value] as const),
    ),
  }));
  return { ...base, cookies, storage };
}

/** Other titles for some records. */
function changeRecords(base: Session, replica: number): Session {
  const records = RECORD_VALUES.map((record, at) =>
    isChanged(at, replica) ? { ...record, title: `${record.title}, changed by ${replica}` } : record,
  );
  return { ...base, storage: sessionOfRecords(records).storage };
}
