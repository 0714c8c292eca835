/**
 * Sequences large enough that trees have several levels: random edits all over, long pastes, deletes until little is left, updates one by one to others and states
 * joined, always against a plain array. SEQUENCE_SEED repeats a run.
 */
import { describe, expect, it } from 'vitest';
import type { KernelSequence } from '../../ts/kernel/kernel.ts';
import { PortableSequence } from '../../ts/kernel/portable/sequence.ts';
import { seededRandom } from '../oracle/edits.ts';
import { faultInside } from '../oracle/sequence-inside.ts';
import { KERNELS } from './sequence-kernels.ts';

const SEED = Number(process.env['SEQUENCE_SEED'] ?? Date.now() % 2 ** 31);

/** How edits are spread: how many, how long insertions are, how often units go. */
interface Phase {
  readonly edits: number;
  readonly inserted: number;
  readonly removed: number;
  readonly removing: number;
}

const PHASES: readonly Phase[] = [
  { edits: 6000, inserted: 1, removed: 1, removing: 0.1 },
  { edits: 12, inserted: 5000, removed: 10, removing: 0.3 },
  { edits: 3000, inserted: 3, removed: 6, removing: 0.5 },
  { edits: 3000, inserted: 1, removed: 60, removing: 0.95 },
  { edits: 2000, inserted: 2, removed: 2, removing: 0.2 },
];

describe.each(KERNELS)(`large sequences of the $name kernel (seed ${SEED})`, ({ kernel }) => {
  it('do as an array does, tell every change to others, and shrink again', { timeout: 240_000 }, () => {
    const random = seededRandom(SEED);
    const below = (limit: number) => Math.floor(random() * limit);
    const author = kernel.createSequence({ high: 1, low: 1 }, 'text');
    const reader = kernel.createSequence({ high: 2, low: 2 }, 'text');
    reader.recordChanges(true);
    const plain: number[] = [];
    const shown: number[] = [];
    for (const { edits, inserted, removed, removing } of PHASES) {
      for (let edit = 0; edit < edits; edit++) {
        const isRemoval = random() < removing;
        const index = below(plain.length + 1);
        const count = isRemoval ? Math.min(1 + below(removed), plain.length - index) : 0;
        const units = isRemoval ? [] : Array.from({ length: 1 + below(inserted) }, () => 97 + below(26));
        author.edit(Int32Array.of(index, count, units.length), 1, Uint16Array.from(units));
        splice(plain, index, count, units);
        if (edit % 5 === 0) send(author, reader, shown);
        if (edit % 250 === 0) checkInside(author, reader);
      }
      send(author, reader, shown);
      expect(unitsOf(author)).toEqual(Uint16Array.from(plain));
      expect(unitsOf(reader)).toEqual(Uint16Array.from(shown));
      expect(Uint16Array.from(shown)).toEqual(Uint16Array.from(plain));
      const state = author.encode().bytes;
      expect(Buffer.compare(reader.encode().bytes, state)).toBe(0);
      checkInside(author, reader);
    }
  });

  it('take very many updates in any order', { timeout: 240_000 }, () => {
    const author = kernel.createSequence({ high: 4, low: 1 }, 'text');
    const updates: Uint8Array[] = [];
    const random = seededRandom(SEED + 3);
    for (let edit = 0; edit < 20_000; edit++) {
      const index = Math.floor(random() * (author.length + 1));
      author.edit(Int32Array.of(index, Math.min(edit % 2, author.length - index), 1), 1, Uint16Array.of(97 + (edit % 26)));
      updates.push(author.takeUpdate()!.bytes);
    }
    const state = author.encode().bytes;
    const shuffled = updates.map((update) => ({ update, key: random() })).sort((a, b) => a.key - b.key);
    for (const order of [[...updates].reverse(), shuffled.map(({ update }) => update), [...updates.slice(1), updates[0]!]]) {
      const reader = kernel.createSequence({ high: 4, low: 2 }, 'text');
      for (const update of order) reader.apply(update, 0, 0);
      expect(reader.waiting()).toBe(0);
      expect(Buffer.compare(reader.encode().bytes, state)).toBe(0);
      checkInside(reader);
    }
  });

  it('join states of two that both went on for long, either way round', { timeout: 240_000 }, () => {
    const random = seededRandom(SEED + 1);
    const below = (limit: number) => Math.floor(random() * limit);
    const lists = [1, 2].map((low) => kernel.createSequence({ high: 9, low }, 'text'));
    lists[0]!.edit(Int32Array.of(0, 0, 20_000), 1, new Uint16Array(20_000).fill(48));
    lists[1]!.apply(lists[0]!.encode().bytes, 0, 0);
    for (let round = 0; round < 4; round++) {
      for (const [at, list] of lists.entries()) {
        for (let edit = 0; edit < 1500; edit++) {
          const index = below(list.length - 8);
          list.edit(Int32Array.of(index, below(2) * below(9), 1 + below(3)), 1, Uint16Array.of(65 + at, 97 + round, 48));
        }
      }
      const states = lists.map((list) => list.encode().bytes);
      for (const list of lists) {
        const shown = [...unitsOf(list)];
        list.recordChanges(true);
        list.apply(states[1 - lists.indexOf(list)]!, 0, 0);
        showChanges(list, shown);
        list.recordChanges(false);
        expect(unitsOf(list)).toEqual(Uint16Array.from(shown));
      }
      checkInside(...lists);
      expect(Buffer.compare(lists[0]!.encode().bytes, lists[1]!.encode().bytes)).toBe(0);
    }
  });
});

describe('large sequences of all kernels', () => {
  it('have equal bytes', { timeout: 240_000 }, () => {
    const states = KERNELS.map(({ kernel }) => {
      const random = seededRandom(SEED + 2);
      const list = kernel.createSequence({ high: 3, low: 3 }, 'text');
      for (let edit = 0; edit < 20_000; edit++) {
        const index = Math.floor(random() * (list.length + 1));
        const count = random() < 0.3 ? Math.min(3, list.length - index) : 0;
        list.edit(Int32Array.of(index, count, 1), 1, Uint16Array.of(97 + (edit % 26)));
      }
      return { update: list.takeUpdate()!.bytes, state: list.encode().bytes };
    });
    for (const { update, state } of states) {
      expect(Buffer.compare(update, states[0]!.update)).toBe(0);
      expect(Buffer.compare(state, states[0]!.state)).toBe(0);
    }
  });
});

function splice(list: number[], index: number, removed: number, inserted: readonly number[]): void {
  list.splice(index, removed, ...inserted);
}

function send(from: KernelSequence, to: KernelSequence, shown: number[]): void {
  const update = from.takeUpdate();
  if (update !== null) to.apply(update.bytes, 0, 0);
  showChanges(to, shown);
}

function showChanges(list: KernelSequence, shown: number[]): void {
  const { ranges, units } = list.takeChanges();
  let from = 0;
  for (let at = 0; at < ranges.length; at += 3) {
    const end = from + ranges[at + 2]!;
    splice(shown, ranges[at]!, ranges[at + 1]!, [...units.subarray(from, end)]);
    from = end;
  }
}

function unitsOf(list: KernelSequence): Uint16Array {
  const units = new Uint16Array(list.length);
  list.read(0, list.length, units);
  return units;
}

function checkInside(...lists: readonly KernelSequence[]): void {
  for (const list of lists) if (list instanceof PortableSequence) expect(faultInside(list.contents)).toBeNull();
}
