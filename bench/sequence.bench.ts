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
import { formatBytes } from './figure.ts';
import type { BenchCase, Contestant, Subject } from './harness.ts';
import { oursWith } from './sequence-ours.ts';
import { loadPeers, type Peer, type PeerText, type TextEdit } from './sequence-peers.ts';
import { BASE_TEXT, readTraces, type Trace, typeAtRandom } from './sequence-traces.ts';

/** Edits in one call. */
const BATCH = 4096;
const MERGES = [
  [2, 10_000],
  [8, 2000],
  [32, 1000],
] as const;
/** Documents of so many characters, to see what size costs. */
const SIZES = [1000, 10_000, 100_000, 1_000_000];
/** Edits in such a document. */
const EDITS = 1000;
const REPLICAS = [2, 8, 32, 64];

/** What takes many seconds on the longest trace, one transaction for each edit: left out of a quick look. */
const SLOW: readonly string[] = ['yjs', 'ywasm', '@automerge/automerge', 'list-positions'];
/** Their updates of single edits are not measured: making 260,000 of them takes minutes. */
const NO_SINGLE_UPDATES: readonly string[] = ['ywasm', '@automerge/automerge'];

/** For the runner: see `SubjectModule`. */
export const needsNode = 'it reads recorded traces, and peers are packages for Node';

/** All cases. */
export function subject(): Subject {
  const ours = [oursWith('wasm'), oursWith('portable')];
  const peers = loadPeers();
  const traces = readTraces();
  const sizes = new Map<string, string>();
  return {
    name: 'sequence',
    baseline: 'portable',
    packages: peers.map(({ name }) => name),
    get note() {
      return (
        'Processor time of the process, user and system. `wasm` and `portable` are our two kernels. `local`: the recorded edits are made on a fresh document, in calls of ' +
        `${BATCH.toLocaleString('en')} or one at a time; packages whose transactions make many edits slower get one for each. \`remote\`: a fresh document receives the updates of single edits one by one, ` +
        'as bytes (list-positions: as objects). `cold`: the first work of a fresh process, loading the package not counted. `merge`: one replica, loaded from a common text, receives what the others wrote at the same time, one update each, and is read. ' +
        `\`edits in\`: ${EDITS.toLocaleString('en')} edits, typed and jumping, in a document of that length. ` +
        `${traces.length === 0 ? 'The recorded traces are not here: their cases are LEFT OUT. ' : ''}${[...sizes.values()].join(' ')}`
      );
    },
    cases: [
      ...traces.flatMap((trace) => traceCases(trace, ours, peers, sizes)),
      ...MERGES.map(([replicas, edits]) => mergeCase(replicas, edits, ours, peers)),
      ...MERGES.map(([replicas, edits]) => coldMergeCase(replicas, edits, ours, peers)),
      ...traces.slice(0, 1).map((trace) => coldTraceCase(trace, ours)),
      ...SIZES.map((size) => sizeCase(size, ours)),
      ...REPLICAS.map((replicas) => mergeCase(replicas, EDITS, ours, [])),
    ].filter((one, at, all) => all.findIndex(({ name }) => name === one.name) === at),
  };
}

function traceCases(trace: Trace, ours: readonly Peer[], peers: readonly Peer[], sizes: Map<string, string>): BenchCase[] {
  const { name, edits, endContent } = trace;
  const batches = cut(edits, BATCH);
  const all = [...ours, ...peers];
  noteSizes(trace, all, batches, sizes);
  const inBatches = ({ create, batchesEdits }: Peer) => {
    const text = create(1);
    if (batchesEdits) for (const batch of batches) text.editAll(batch);
    else for (const edit of edits) text.edit(edit);
    return text;
  };
  const oneByOne = ({ create }: Peer) => {
    const text = create(1);
    for (const edit of edits) text.edit(edit);
    return text;
  };
  const updates = new Map<Peer, readonly unknown[]>();
  const received = (peer: Peer) => {
    let sent = updates.get(peer);
    if (sent === undefined) {
      sent = updatesOf(peer, edits);
      updates.set(peer, sent);
      const bytes = peer.updatesAreObjects ? null : (sent as Uint8Array[]).reduce((sum, update) => sum + update.length, 0);
      if (bytes !== null)
        sizes.set(`${name} ${peer.name}`, `${name}: updates of ${peer.name}, one for each edit: ${formatBytes(bytes)} in all.`);
    }
    return sent;
  };
  const agree = (first: unknown, other: unknown): boolean => first === other && first === endContent;
  const contestants = (run: (peer: Peer) => PeerText, from: readonly Peer[]): Contestant[] =>
    from.map((peer) => contestantOf(peer, () => run(peer)));
  return [
    { name: `${name}: local, in batches`, inputBytes: null, agree, contestants: contestants(inBatches, all) },
    {
      name: `${name}: local, one call an edit`,
      inputBytes: null,
      agree,
      contestants: contestants(
        oneByOne,
        all.filter((peer) => !NO_SINGLE_UPDATES.includes(peer.name)),
      ),
    },
    {
      name: `${name}: remote, one update an edit`,
      inputBytes: null,
      agree,
      contestants: all
        .filter((peer) => !NO_SINGLE_UPDATES.includes(peer.name))
        .map((peer) =>
          contestantOf(peer, (start) => {
            const sent = received(peer);
            start();
            const text = peer.create(2);
            for (const update of sent) text.apply(update);
            return text;
          }),
        ),
    },
  ];
}

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

/** How long the whole document is, in each package's most compact format. */
function noteSizes(
  { name, endContent }: Trace,
  peers: readonly Peer[],
  batches: readonly (readonly TextEdit[])[],
  sizes: Map<string, string>,
): void {
  const lengths = peers.map((peer) => {
    const text = peer.create(1);
    for (const batch of batches) text.editAll(batch);
    const { length } = text.encode();
    text.free?.();
    return `${peer.name} ${length.toLocaleString('en')}`;
  });
  sizes.set(name, `${name}: ${endContent.length.toLocaleString('en')} characters, whole documents in bytes: ${lengths.join(', ')}.`);
}

/** Writers that began with one text and did not hear of each other. */
function mergeCase(replicas: number, count: number, ours: readonly Peer[], peers: readonly Peer[]): BenchCase {
  const contestants = [...ours, ...peers].map((peer) => {
    let prepared: { readonly document: Uint8Array; readonly updates: readonly unknown[] } | null = null;
    return contestantOf(peer, (start) => {
      prepared ??= writeTogether(peer, replicas, count);
      const { document, updates } = prepared;
      const text = peer.load(document, replicas + 2);
      start();
      for (const update of updates) text.apply(update);
      return text;
    });
  });
  return {
    name: `merge of ${replicas} x ${count.toLocaleString('en')} edits`,
    inputBytes: null,
    // Where two wrote at one place, packages may put either first: the same characters, and as many.
    agree: (first, other) => sortedText(first) === sortedText(other),
    contestants,
  };
}

/** A document, and one update of each of its writers. */
export function writeTogether(
  peer: Peer,
  replicas: number,
  count: number,
): { readonly document: Uint8Array; readonly updates: readonly unknown[] } {
  const first = peer.create(0);
  first.edit([0, 0, BASE_TEXT]);
  const document = first.encode();
  const updates = Array.from({ length: replicas }, (_, replica) => {
    const text = peer.load(document, replica + 1);
    text.watch();
    text.editAll(typeAtRandom(BASE_TEXT.length, count, replica));
    const update = text.takeUpdate();
    text.free?.();
    return update;
  });
  first.free?.();
  return { document, updates };
}

/** The first merge of a fresh process, for each sample. */
function coldMergeCase(replicas: number, count: number, ours: readonly Peer[], peers: readonly Peer[]): BenchCase {
  const folder = mkdtempSync(join(tmpdir(), 'psp-bench-sequence-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const contestants = [...ours, ...peers].map((peer) => {
    const file = join(folder, peer.name.replaceAll('/', '-'));
    return coldContestant(peer, 'merge', () => {
      if (!existsSync(file)) writeFileSync(file, serialize(writeTogether(peer, replicas, count)));
      return file;
    });
  });
  return {
    name: `merge of ${replicas} x ${count.toLocaleString('en')} edits, cold`,
    inputBytes: null,
    agree: (first, other) => sortedText(first) === sortedText(other),
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
  return { name, rival: !isOurs(name), run: async () => (await once()).text, sample: async () => (await once()).ms };
}

function isOurs(name: string): boolean {
  return name === 'wasm' || name === 'portable';
}

function sizeCase(size: number, ours: readonly Peer[]): BenchCase {
  const filling = cut(typeAtRandom(0, Math.ceil(size / 0.6), 7), BATCH);
  const contestants = ours.map((peer) => {
    let document: Uint8Array | null = null;
    return contestantOf(peer, (start) => {
      if (document === null) {
        const text = peer.create(1);
        for (const batch of filling) text.editAll(batch);
        document = text.encode();
        text.free?.();
      }
      const text = peer.load(document, 2);
      const edits = typeAtRandom(text.text().length, EDITS, 11);
      start();
      text.editAll(edits);
      return text;
    });
  });
  return {
    name: `edits in a document of ${size.toLocaleString('en')} characters`,
    inputBytes: null,
    agree: (first, other) => first === other,
    contestants,
  };
}

/** `work` makes the document; it calls `start` where the time begins, if that is not at once. Reading the text is part of it. */
function contestantOf({ name }: Peer, work: (start: () => void) => PeerText): Contestant {
  function once(): { readonly text: string; readonly ms: number } {
    let start = process.cpuUsage();
    const document = work(() => {
      start = process.cpuUsage();
    });
    const text = document.text();
    const { user, system } = process.cpuUsage(start);
    document.free?.();
    return { text, ms: (user + system) / 1000 };
  }
  return { name, rival: !isOurs(name), slow: SLOW.includes(name), run: () => once().text, sample: async () => once().ms };
}

function cut<T>(list: readonly T[], length: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / length) }, (_, at) => list.slice(at * length, (at + 1) * length));
}

function sortedText(text: unknown): string {
  return [...String(text)].sort().join('');
}
