/** What contestants of the bench `sequence` have in common: processor time around some work with a text, and texts that many wrote at once. */
import type { Contestant } from './harness.ts';
import type { Peer, PeerText } from './sequence-peers.ts';
import { BASE_TEXT, typeAtRandom } from './sequence-traces.ts';

/** Edits in one call. */
export const BATCH = 4096;

/** What takes seconds on the longest trace, one transaction or update for each edit: left out of a quick look. */
const SLOW: readonly string[] = ['yjs', 'ywasm', 'loro-crdt', '@automerge/automerge', 'list-positions'];

/**
 * `work` makes the document; it calls `start` where the time begins, if that is not at once, and `stop` where it ends, if reading the text is not part of it.
 */
export function contestantOf(
  { name }: Peer,
  work: (start: () => void, stop: () => void) => PeerText,
  slow: boolean = SLOW.includes(name),
): Contestant {
  function once(): { readonly text: string; readonly ms: number } {
    let begin = process.cpuUsage();
    let spent: NodeJS.CpuUsage | null = null;
    const document = work(
      () => {
        begin = process.cpuUsage();
      },
      () => {
        spent = process.cpuUsage(begin);
      },
    );
    const text = document.text();
    const { user, system } = spent ?? process.cpuUsage(begin);
    document.free?.();
    return { text, ms: (user + system) / 1000 };
  }
  return { name, rival: !isOurs(name), slow, run: () => once().text, sample: async () => once().ms };
}

/** Whether a contestant of this name is one of our kernels. */
export function isOurs(name: string): boolean {
  return name === 'wasm' || name === 'portable';
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

/** One peer's merge of what writers did who began with one text and did not hear of each other. */
export function mergeContestant(peer: Peer, replicas: number, count: number): Contestant {
  let prepared: ReturnType<typeof writeTogether> | null = null;
  return contestantOf(peer, (start) => {
    prepared ??= writeTogether(peer, replicas, count);
    const { document, updates } = prepared;
    const text = peer.load(document, replicas + 2);
    start();
    for (const update of updates) text.apply(update);
    return text;
  });
}

/** Where two wrote at one place, packages may put either first: the same characters, and as many. */
export function sameCharacters(first: unknown, other: unknown): boolean {
  return sorted(first) === sorted(other);
}

/** A list in pieces of a length, the last one shorter. */
export function cut<Item>(list: readonly Item[], length: number): Item[][] {
  return Array.from({ length: Math.ceil(list.length / length) }, (_, at) => list.slice(at * length, (at + 1) * length));
}

function sorted(text: unknown): string {
  return [...String(text)].sort().join('');
}
