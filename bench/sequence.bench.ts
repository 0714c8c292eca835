/**
 * The sequence against seven packages of replicated text: recorded editing sessions typed locally and received from somewhere else, and many writers at
 * once. Processor time of this process, not time on the wall: some packages work in threads, and machines are shared.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { serialize } from 'node:v8';
import type { BenchCase, Contestant, Subject } from './harness.ts';
import { oursWith } from './sequence-ours.ts';
import { loadPeers, type Peer, type PeerText, type TextEdit } from './sequence-peers.ts';
import { scaleCases } from './sequence-scale.ts';
import { SequenceSizes } from './sequence-sizes.ts';
import { readTraces, type Trace } from './sequence-traces.ts';
import { BATCH, contestantOf, cut, isOurs, mergeContestant, sameCharacters, writeTogether } from './sequence-work.ts';

const MERGES = [
  [2, 10_000],
  [8, 2000],
  [32, 1000],
] as const;

/** Their updates of single edits are not measured: making 260,000 of them takes minutes. */
const NO_SINGLE_UPDATES: readonly string[] = ['ywasm', '@automerge/automerge'];

/** For the runner: see `SubjectModule`. */
export const needsNode = 'it reads recorded traces, and peers are packages for Node';

/** All cases. */
export function subject(): Subject {
  const ours = [oursWith('wasm'), oursWith('portable')];
  const peers = loadPeers();
  const all = [...ours, ...peers];
  const traces = readTraces();
  const sizes = new SequenceSizes();
  return {
    name: 'sequence',
    baseline: 'portable',
    packages: peers.map(({ name }) => name),
    note:
      'Processor time of the process, user and system. `wasm` and `portable` are our two kernels. `local`: the recorded edits are made on a fresh document, in calls of ' +
      `${BATCH.toLocaleString('en')} or one at a time; packages whose transactions make many edits slower get one for each. \`remote\`: a fresh document receives the updates of single edits one by one, ` +
      'as bytes (list-positions: as objects). `cold`: the first work of a fresh process, loading the package not counted. `merge`: one replica, loaded from a common text, receives what the others wrote at the same time, one update each. ' +
      'All of these end with reading the text. `1,000 edits`: typed and jumping, in a document that was opened and edited before, until their update is there; the text is not read.' +
      (traces.length === 0 ? ' The recorded traces are not here: their cases are LEFT OUT.' : ''),
    get tables() {
      return sizes.tables();
    },
    cases: [
      ...traces.flatMap((trace) => traceCases(trace, all, sizes)),
      ...MERGES.map(([replicas, edits]) => mergeCase(replicas, edits, all)),
      ...MERGES.map(([replicas, edits]) => coldMergeCase(replicas, edits, all)),
      ...traces.slice(0, 1).map((trace) => coldTraceCase(trace, ours)),
      ...scaleCases(ours, peers),
    ],
  };
}

function traceCases(trace: Trace, all: readonly Peer[], sizes: SequenceSizes): BenchCase[] {
  const { name, edits, endContent } = trace;
  const batches = cut(edits, BATCH);
  const inBatches = (peer: Peer, _start: () => void, stop: () => void) => {
    const text = peer.create(1);
    if (peer.batchesEdits) for (const batch of batches) text.editAll(batch);
    else for (const edit of edits) text.edit(edit);
    if (!sizes.hasDocument(trace, peer)) {
      // Once, in the run before any is timed.
      stop();
      sizes.noteDocument(trace, peer, text.encode());
    }
    return text;
  };
  const oneByOne = (peer: Peer) => {
    const text = peer.create(1);
    for (const edit of edits) text.edit(edit);
    return text;
  };
  const updates = new Map<Peer, readonly unknown[]>();
  const received = (peer: Peer, start: () => void) => {
    let sent = updates.get(peer);
    if (sent === undefined) {
      sent = updatesOf(peer, edits);
      updates.set(peer, sent);
      if (!peer.updatesAreObjects) sizes.noteUpdates(trace, peer, sent as Uint8Array[]);
    }
    start();
    const text = peer.create(2);
    for (const update of sent) text.apply(update);
    return text;
  };
  const caseOf = (what: string, run: Run, from: readonly Peer[]): BenchCase => ({
    name: `${name}: ${what}`,
    inputBytes: null,
    agree: (first, other) => first === other && first === endContent,
    contestants: from.map((peer) => contestantOf(peer, (start, stop) => run(peer, start, stop))),
  });
  const singles = all.filter((peer) => !NO_SINGLE_UPDATES.includes(peer.name));
  return [
    caseOf('local, in batches', inBatches, all),
    caseOf('local, one call an edit', oneByOne, singles),
    caseOf('remote, one update an edit', received, singles),
  ];
}

type Run = (peer: Peer, start: () => void, stop: () => void) => PeerText;

function updatesOf(peer: Peer, edits: readonly TextEdit[]): unknown[] {
  const text = peer.create(1);
  text.watch();
  const updates = edits.map((edit) => {
    text.edit(edit);
    return text.takeUpdate();
  });
  text.free?.();
  return updates;
}

/** Writers that began with one text and did not hear of each other. */
function mergeCase(replicas: number, count: number, all: readonly Peer[]): BenchCase {
  return {
    name: `merge of ${replicas} x ${count.toLocaleString('en')} edits`,
    inputBytes: null,
    agree: sameCharacters,
    contestants: all.map((peer) => mergeContestant(peer, replicas, count)),
  };
}

/** The first merge of a fresh process, for each sample. */
function coldMergeCase(replicas: number, count: number, all: readonly Peer[]): BenchCase {
  const folder = mkdtempSync(join(tmpdir(), 'psp-bench-sequence-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const contestants = all.map((peer) => {
    const file = join(folder, peer.name.replaceAll('/', '-'));
    return coldContestant(peer, 'merge', () => {
      if (!existsSync(file)) writeFileSync(file, serialize(writeTogether(peer, replicas, count)));
      return file;
    });
  });
  return {
    name: `merge of ${replicas} x ${count.toLocaleString('en')} edits, cold`,
    inputBytes: null,
    agree: sameCharacters,
    contestants,
  };
}

function coldTraceCase({ name, endContent }: Trace, ours: readonly Peer[]): BenchCase {
  return {
    name: `${name}: local, in batches, cold`,
    inputBytes: null,
    agree: (first, other) => first === other && first === endContent,
    contestants: ours.map((peer) => coldContestant(peer, 'trace', () => name)),
  };
}

function coldContestant({ name }: Peer, task: string, argument: () => string): Contestant {
  async function once(): Promise<{ readonly ms: number; readonly text: string }> {
    const program = fileURLToPath(new URL('./sequence-cold-program.js', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program, task, name, argument()], { maxBuffer: 2 ** 26 });
    return JSON.parse(stdout) as { ms: number; text: string };
  }
  // A process each: a quick look starts ours only.
  return { name, rival: !isOurs(name), slow: !isOurs(name), run: async () => (await once()).text, sample: async () => (await once()).ms };
}
