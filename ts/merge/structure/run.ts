/**
 * The sequences inside structures, as states: made, edited, joined and read, with nothing kept in between. The replica of a sequence follows from the dot of the
 * candidate, so whoever lifts or edits the same value gets the same bytes (law M17), and a retry repeats them (law M5).
 */

import { createSequence } from '../../kernel/current-sequence.ts';
import type { KernelSequence, Replica, SequenceUnit } from '../../kernel/kernel.ts';
import { unitsToString } from '../../session/clone/bytes.ts';
import type { Dot } from '../entry.ts';
import type { Item, ListRun } from './model.ts';

/** Edits of a list, in order: each removes some elements at an index of the list as the one before left it, and puts others there. */
export interface RunEdit<T> {
  readonly index: number;
  readonly removed: number;
  readonly inserted: T;
}

/** Reads and joins, never writes: so it is in no state. */
const NOBODY: Replica = { high: 0xffffffff, low: 0xffffffff };

/** A text that `dot` wrote, as a sequence. */
export function liftText(text: string, dot: Dot): Uint8Array {
  return editText(null, dot, [{ index: 0, removed: 0, inserted: text }]);
}

/** The text after `dot` edited it. */
export function editText(run: Uint8Array | null, dot: Dot, edits: readonly RunEdit<string>[]): Uint8Array {
  return using(replicaOf(dot), 'text', (sequence) => {
    if (run !== null) sequence.apply(run, 0, 0);
    const units = new Uint16Array(edits.reduce((sum, { inserted }) => sum + inserted.length, 0));
    let at = 0;
    for (const { inserted } of edits) for (let i = 0; i < inserted.length; i++) units[at++] = inserted.charCodeAt(i);
    applyEdits(sequence, edits, units);
    return sequence.encode().bytes;
  });
}

/** Both texts in one. Commutative, associative and idempotent on the bytes. */
export function joinTexts(a: Uint8Array, b: Uint8Array): Uint8Array {
  return using(NOBODY, 'text', (sequence) => {
    sequence.apply(a, 0, 0);
    sequence.apply(b, 0, 0);
    return sequence.encode().bytes;
  });
}

export function readText(run: Uint8Array): string {
  return using(NOBODY, 'text', (sequence) => {
    sequence.apply(run, 0, 0);
    const units = new Uint16Array(sequence.length);
    sequence.read(0, units.length, units);
    return unitsToString(units);
  });
}

/** A list that `dot` wrote. */
export function liftList(items: readonly Item[], dot: Dot): ListRun {
  return editList(null, dot, [{ index: 0, removed: 0, inserted: items }]);
}

/** The list after `dot` edited it. */
export function editList(run: ListRun | null, dot: Dot, edits: readonly RunEdit<readonly Item[]>[]): ListRun {
  return using(replicaOf(dot), 'elements', (sequence) => {
    const before = run?.items ?? [];
    if (run !== null) sequence.apply(run.bytes, 0, before.length);
    const inserted = edits.flatMap((edit) => edit.inserted);
    const handles = Uint32Array.from(inserted, (_, i) => before.length + i);
    const counts = edits.map(({ index, removed, inserted: { length } }) => ({ index, removed, inserted: { length } }));
    applyEdits(sequence, counts, handles);
    return encodeList(sequence, [...before, ...inserted]);
  });
}

/** Both lists in one, as {@link joinTexts}. */
export function joinLists(a: ListRun, b: ListRun): ListRun {
  return using(NOBODY, 'elements', (sequence) => {
    sequence.apply(a.bytes, 0, a.items.length);
    sequence.apply(b.bytes, a.items.length, b.items.length);
    return encodeList(sequence, [...a.items, ...b.items]);
  });
}

/**
 * Checks bytes that came from elsewhere: that they are the state of a list of so many elements.
 *
 * @throws PspError `MERGE_MALFORMED` with `details.offset`.
 */
export function checkList(bytes: Uint8Array, count: number): void {
  using(NOBODY, 'elements', (sequence) => {
    sequence.apply(bytes, 0, count);
  });
}

function encodeList(sequence: KernelSequence, items: readonly Item[]): ListRun {
  const { bytes, units } = sequence.encode();
  return { bytes, items: Array.from(units, (handle) => items[handle] as Item) };
}

function applyEdits(
  sequence: KernelSequence,
  edits: readonly RunEdit<{ readonly length: number }>[],
  units: Uint16Array | Uint32Array,
): void {
  const triples = edits.flatMap(({ index, removed, inserted }) => [index, removed, inserted.length]);
  sequence.edit(Int32Array.from(triples), edits.length, units);
}

function using<T>(replica: Replica, unit: SequenceUnit, work: (sequence: KernelSequence) => T): T {
  const sequence = createSequence(replica, unit);
  try {
    return work(sequence);
  } finally {
    sequence.free();
  }
}

/** One replica for each dot: those of one replica differ in their low half, those of different replicas in 64 random bits. */
function replicaOf({ replica, counter }: Dot): Replica {
  const high = Number.parseInt(replica.slice(0, 8), 16);
  const low = (Number.parseInt(replica.slice(8), 16) + Math.imul(counter, 0x9e3779b1)) >>> 0;
  return high === 0 && low === 0 ? { high, low: 1 } : { high, low };
}
