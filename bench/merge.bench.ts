/**
 * Merging whole sessions: against maps of other packages, where a session is nothing but a map; and against the time that it takes to read the sessions
 * that are merged. Processor time of this process.
 */
import { createRequire } from 'node:module';
import { decodeSession } from '../ts/blob/decode.ts';
import { encodeSession } from '../ts/blob/encode.ts';
import { deltaOf, joinDocuments } from '../ts/merge/document.ts';
import { flattenSession } from '../ts/merge/flatten.ts';
import { compactSession, mergeSessions, readMerge, showDocument } from '../ts/merge/merge.ts';
import type { Operation } from '../ts/merge/operations.ts';
import type { OriginStorage, Session } from '../ts/session/session.ts';
import { generateSession } from './generated-session.ts';
import type { BenchCase, Contestant, Subject } from './harness.ts';

const KEYS = 10_000;
const REPLICAS = [2, 8, 32];
const NOW = 1_790_000_000_000;
const KEY = { origin: 'https://shop.example', topLevelSite: null };

/** For the runner: see `SubjectModule`. */
export const needsNode = 'peers are packages for Node, and processor time is read from the process';

/** All cases. */
export async function subject(): Promise<Subject> {
  const cases: BenchCase[] = [];
  for (const replicas of REPLICAS) cases.push(await mapCase(replicas));
  for (const replicas of REPLICAS) cases.push(await sessionCase(replicas));
  const { before, after } = await historySize();
  return {
    name: 'merge',
    baseline: 'mergeSessions',
    packages: ['yjs', 'loro-crdt'],
    note:
      `\`map\`: a session of ${KEYS.toLocaleString('en')} storage items, every one overwritten by each replica; blobs in, the merged session out, with its merge state. Peers: ` +
      'a map of as many keys, one update of each replica in, an object out. `session`: 1 MiB of cookies, items and records, of which each replica changed 5 %; `parse` reads the blobs and is ' +
      'what merging is held against, `mergeSessions` merges what was read. ' +
      `The merge state of a session of 10 KiB after 1,000 commits by 50 workers: ${before.toLocaleString('en')} bytes, and ${after.toLocaleString('en')} after \`compact\`.`,
    cases,
  };
}

async function mapCase(replicas: number): Promise<BenchCase> {
  const base = await withState(sessionOf(Object.fromEntries(NAMES.map((name) => [name, 'base']))));
  const blobs: Uint8Array[] = [];
  for (let replica = 0; replica < replicas; replica++) {
    const values = Object.fromEntries(NAMES.map((name) => [name, `${name} of ${replica}`]));
    blobs.push(await encodeSession(await change(base, sessionOf(values), replica), { framing: 'packed' }));
  }
  async function merge(): Promise<Session> {
    const sessions: Session[] = [];
    for (const blob of blobs) sessions.push(await decodeSession(blob));
    return (await mergeSessions(sessions)).session;
  }
  return {
    name: `map of ${KEYS.toLocaleString('en')} keys, ${replicas} replicas`,
    inputBytes: null,
    // Which of the concurrent values is shown is each package's own business.
    agree: (first, other) => first === other && first === KEYS,
    contestants: [
      timed('mergeSessions', false, async () => (await merge()).storage[0]!.localStorage.length),
      ...peerMaps(replicas).map(([name, run]) => timed(name, true, run)),
    ],
  };
}

type Run = () => number | Promise<number>;

function peerMaps(replicas: number): [name: string, run: Run][] {
  const require = createRequire(import.meta.url);
  const Y = require('yjs') as typeof import('yjs');
  const { LoroDoc } = require('loro-crdt') as typeof import('loro-crdt');
  const yjs = Array.from({ length: replicas }, (_, replica) => {
    const doc = new Y.Doc();
    doc.clientID = replica + 1;
    doc.transact(() => {
      for (const name of NAMES) doc.getMap('map').set(name, `${name} of ${replica}`);
    });
    return Y.encodeStateAsUpdate(doc);
  });
  const loro = Array.from({ length: replicas }, (_, replica) => {
    const doc = new LoroDoc();
    doc.setPeerId(BigInt(replica + 1));
    for (const name of NAMES) doc.getMap('map').set(name, `${name} of ${replica}`);
    doc.commit();
    return doc.export({ mode: 'update' });
  });
  return [
    [
      'yjs',
      () => {
        const doc = new Y.Doc();
        for (const update of yjs) Y.applyUpdate(doc, update);
        return Object.keys(doc.getMap('map').toJSON()).length;
      },
    ],
    [
      'loro-crdt',
      () => {
        const doc = new LoroDoc();
        doc.importBatch(loro);
        return Object.keys(doc.getMap('map').toJSON() as object).length;
      },
    ],
  ];
}

async function sessionCase(replicas: number): Promise<BenchCase> {
  const base = await withState(generateSession('1 MiB'));
  const blobs: Uint8Array[] = [];
  for (let replica = 0; replica < replicas; replica++)
    blobs.push(await encodeSession(await changeSome(base, replica), { framing: 'packed' }));
  async function parse(): Promise<Session[]> {
    const sessions: Session[] = [];
    for (const blob of blobs) sessions.push(await decodeSession(blob));
    return sessions;
  }
  const parsed = await parse();
  return {
    name: `session of 1 MiB, ${replicas} replicas, 5 % changed by each`,
    inputBytes: blobs.reduce((sum, { length }) => sum + length, 0),
    agree: (first, other) => first === other,
    contestants: [
      timed('parse', true, async () => (await parse()).length),
      timed('mergeSessions', false, async () => ((await mergeSessions(parsed)).session === null ? 0 : replicas)),
    ],
  };
}

function timed(name: string, rival: boolean, run: Run): Contestant {
  async function sample(): Promise<number> {
    const start = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  }
  return { name, rival, run, sample };
}

/** What is left of the history of a small session. */
async function historySize(): Promise<{ before: number; after: number }> {
  let session = await withState(sessionOf(Object.fromEntries(NAMES.slice(0, 100).map((name) => [name, 'x'.repeat(80)]))));
  for (let commit = 0; commit < 1000; commit++) {
    const items = Object.fromEntries(session.storage[0]!.localStorage as readonly [string, string][]);
    items[NAMES[commit % 100]!] = `${'x'.repeat(70)} ${commit}`;
    session = await change(session, sessionOf(items), commit % 50, commit);
  }
  return { before: session.mergeState!.length, after: (await compactSession(session, 'c'.repeat(16))).mergeState?.length ?? 0 };
}

const NAMES: readonly string[] = Array.from({ length: KEYS }, (_, at) => `item ${at}`);

function sessionOf(items: Readonly<Record<string, string>>): Session {
  const storage: OriginStorage[] = [{ key: KEY, localStorage: Object.entries(items), indexedDB: [] }];
  return {
    ...{
      id: 'bench',
      incarnation: 'bench',
      revision: 0,
      createdAt: NOW,
      updatedAt: NOW,
      source: { tool: 'bench' },
      cookies: [],
      storage,
      tabs: [],
    },
    coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
  };
}

/** With a merge state of its own, as whatever was merged or committed once. */
async function withState(session: Session): Promise<Session> {
  return (await mergeSessions([session])).session;
}

/** What a replica makes of a session by committing `next`. */
async function change(base: Session, next: Session, replica: number, counter = 0): Promise<Session> {
  const { document } = await readMerge(base);
  const before = new Map((await flattenSession(base)).entries.map(({ key, value }) => [key, value]));
  const operations = (await flattenSession(next)).entries.flatMap(({ key, kind, path, value }): Operation[] => {
    if (JSON.stringify(before.get(key)) === JSON.stringify(value)) return [];
    const sees = (document.entries.get(key)?.candidates ?? []).map(({ dot }) => dot);
    return [{ kind, path, value, stamp: { time: NOW + counter + replica, count: 0 }, sees }];
  });
  const name = (replica + 1).toString(16).padStart(16, '0');
  const last = document.context.get(name)?.at(-1) ?? 0;
  const { delta } = deltaOf(document.epoch, operations, { replica: name, counter: last });
  return (await showDocument(joinDocuments([document, delta]), base)).session;
}

/** Every twentieth cookie and item has another value, another twentieth for each replica. */
async function changeSome(base: Session, replica: number): Promise<Session> {
  const isChanged = (at: number): boolean => at % 20 === replica % 20;
  const cookies = base.cookies.map((cookie, at) => (isChanged(at) ? { ...cookie, value: `${cookie.value}${replica}` } : cookie));
  const storage = base.storage.map((one) => ({
    ...one,
    localStorage: one.localStorage.map(([name, value], at) =>
      isChanged(at) && typeof value === 'string' ? ([name, `${value}${replica}`] as const) : ([name, value] as const),
    ),
  }));
  return change(base, { ...base, cookies, storage }, replica);
}
