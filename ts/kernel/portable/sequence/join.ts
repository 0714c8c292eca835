/**
 * Joins a state of another replica: units that it has and this instance has not seen come, units that this one has and the state has seen go. That is all:
 * what either knows of deletes is in the versions. Everything that could be wrong is found before anything changes.
 */

import type { SequenceUnits } from '../../kernel.ts';
import { sequenceFault } from '../../sequence-fault.ts';
import { applyWaiting } from './apply.ts';
import type { Contents } from './contents.ts';
import type { Leaf } from './nodes.ts';
import { Author, type Base } from './records.ts';
import { readState, type State, type StateBase, type StateRun } from './state-read.ts';

/** Units to remove, by index, and to insert. */
interface Plan {
  /** Index and length of each removal, ascending, as the list is before any of them. */
  readonly removals: number[];
  /** The new parts in document order, and where each begins among the state's units. */
  readonly parts: { readonly part: StateRun; readonly start: number }[];
}

/** Joins a state, and applies what waited for it. See `KernelSequence.apply`. */
export function joinState(contents: Contents, bytes: Uint8Array, firstHandle: number, handleCount: number): number {
  const state = readState(bytes, contents.unit, handleCount);
  const authors = state.replicas.map((replica) => contents.authors.find(replica));
  if (state.replicas.some(({ counter }, at) => authors[at] === contents.own && counter > contents.own.counter)) throw fork();
  const known = matchBases(state, authors, contents.root);
  const plan: Plan = { removals: [], parts: [] };
  findNew(state, authors, known, plan);
  findGone(contents, state, authors, known, plan);

  const units = contents.unit === 'text' ? state.units : Uint32Array.from({ length: state.length }, (_, at) => firstHandle + at);
  removeGone(contents, plan);
  const all = state.replicas.map((replica, at) => authors[at] ?? new Author(replica));
  insertNew(contents, plan, all, known, units);
  for (const [stateBase, base] of known) for (const run of stateBase.runs) widen(base, run);
  cover(contents, state, all, known);
  contents.isPastMark = true;
  applyWaiting(contents);
  return state.length;
}

function fork(): Error {
  return sequenceFault('MERGE_FORK', 0);
}

/** The state's bases that are here too. The same base has the same parent and digit, wherever it is. */
function matchBases(state: State, authors: readonly (Author | null)[], root: Base): Map<StateBase, Base> {
  const known = new Map<StateBase, Base>();
  for (const stateBase of state.bases) {
    const base = authors[stateBase.author]?.bases.get(stateBase.counter);
    if (base === undefined) continue;
    const { parent, offset, side, digit } = stateBase;
    const isSameParent = parent!.parent === null ? base.parent === root : known.get(parent!) === base.parent;
    if (!isSameParent || base.offset !== offset || base.side !== side || base.digit !== digit) throw fork();
    known.set(stateBase, base);
  }
  return known;
}

function findNew(state: State, authors: readonly (Author | null)[], known: ReadonlyMap<StateBase, Base>, plan: Plan): void {
  let start = 0;
  for (const run of state.parts) {
    const covered = authors[run.base.author]?.counter ?? 0;
    const skipped = Math.min(run.length, Math.max(0, covered + 1 - run.counter));
    if (skipped < run.length) {
      const part = partOf(run, skipped, run.length);
      const base = known.get(run.base);
      // A base grows outwards only, so what is new of it is past all that is known of it.
      if (base !== undefined && part.offset <= base.max && part.offset + part.length - 1 >= base.min) throw fork();
      plan.parts.push({ part, start: start + skipped });
    }
    start += run.length;
  }
}

function findGone(
  contents: Contents,
  state: State,
  authors: readonly (Author | null)[],
  known: ReadonlyMap<StateBase, Base>,
  plan: Plan,
): void {
  const places = new Map<Author, number>();
  authors.forEach((author, at) => {
    if (author !== null) places.set(author, at);
  });
  const texts = contents.unit === 'text' ? new LiveText(state) : null;
  let index = 0;
  for (let leaf: Leaf | null = contents.tree.first; leaf !== null; leaf = leaf.next) {
    let before = 0;
    for (const block of leaf.blocks) {
      const at = places.get(block.base.author!);
      if (at !== undefined) {
        const end = Math.min(block.length, state.replicas[at]!.counter + 1 - block.counter);
        for (let used = 0; used < end; ) {
          const run = runAt(state.dots[at]!, block.counter + used);
          // From here to the run, or to the end of the block, the state has seen units and has none.
          const gone = Math.min(end, run === undefined ? end : Math.max(used, run.counter - block.counter));
          if (gone > used) plan.removals.push(index + used, gone - used);
          if (gone === end || run === undefined) break;
          const into = block.counter + gone - run.counter;
          const same = Math.min(end - gone, run.length - into);
          if (known.get(run.base) !== block.base || run.offset + into !== block.offset + gone) throw fork();
          if (texts !== null && !texts.isEqual(run, into, leaf.units, before + gone, same)) throw fork();
          used = gone + same;
        }
      }
      index += block.length;
      before += block.length;
    }
  }
}

/** The first run that ends behind a counter. */
function runAt(runs: readonly StateRun[], counter: number): StateRun | undefined {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs[middle]!.counter + runs[middle]!.length > counter) high = middle;
    else low = middle + 1;
  }
  return runs[low];
}

function partOf({ base, offset, counter }: StateRun, from: number, to: number): StateRun {
  return { base, offset: offset + from, counter: counter + from, length: to - from };
}

/** The text of a state by base and offset: its units stand in document order, which cuts runs into parts. */
class LiveText {
  private readonly state: State;
  private readonly partsOf = new Map<StateBase, { readonly part: StateRun; readonly start: number }[]>();

  constructor(state: State) {
    this.state = state;
    let start = 0;
    for (const part of state.parts) {
      const parts = this.partsOf.get(part.base);
      if (parts === undefined) this.partsOf.set(part.base, [{ part, start }]);
      else parts.push({ part, start });
      start += part.length;
    }
  }

  /** Whether `length` units of a run, from `into` on, are equal to those of `units` from `from` on. */
  isEqual(run: StateRun, into: number, units: SequenceUnits, from: number, length: number): boolean {
    const parts = this.partsOf.get(run.base)!;
    let low = 0;
    let high = parts.length - 1;
    const offset = run.offset + into;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (parts[middle]!.part.offset <= offset) low = middle;
      else high = middle - 1;
    }
    for (let done = 0; done < length; low++) {
      const { part, start } = parts[low]!;
      const skipped = offset + done - part.offset;
      const end = Math.min(part.length - skipped, length - done);
      for (let at = 0; at < end; at++) if (this.state.units[start + skipped + at] !== units[from + done + at]) return false;
      done += end;
    }
    return true;
  }
}

function removeGone(contents: Contents, { removals }: Plan): void {
  const { tree, changes } = contents;
  let removed = 0;
  for (let at = 0; at < removals.length; at += 2) {
    const index = removals[at]! - removed;
    const length = removals[at + 1]!;
    if (changes.areRecorded) changes.removed(index, length);
    tree.seek(index);
    for (let left = length; left > 0; ) {
      tree.enterNext();
      const part = Math.min(left, tree.block!.length - tree.within);
      contents.remove(part);
      left -= part;
    }
    removed += length;
  }
}

function insertNew(
  contents: Contents,
  { parts }: Plan,
  authors: readonly Author[],
  known: Map<StateBase, Base>,
  units: SequenceUnits,
): void {
  const { tree, changes } = contents;
  for (const { part, start } of parts) {
    const base = needBase(contents, part.base, authors, known);
    tree.seekPlace(base, part.offset);
    if (changes.areRecorded) changes.inserted(tree.index(), units, start, part.length);
    contents.insert(base, part.offset, part.counter, units, start, part.length);
  }
  // The index of an author takes its units in the order of their counters.
  const byCounter = parts.map(({ part }) => part).sort((a, b) => a.counter - b.counter);
  for (const part of byCounter) contents.index(known.get(part.base)!, part.offset, part.counter, part.length);
}

/** The base here for one of the state, made with all ancestors that are missing. */
function needBase(contents: Contents, wanted: StateBase, authors: readonly Author[], known: Map<StateBase, Base>): Base {
  const missing: StateBase[] = [];
  for (let at = wanted; at.parent !== null && !known.has(at); at = at.parent) missing.push(at);
  for (let at = missing.pop(); at !== undefined; at = missing.pop()) {
    const parent = at.parent!.parent === null ? contents.root : known.get(at.parent!)!;
    known.set(at, contents.addBase(authors[at.author]!, at.counter, parent, at.offset, at.side, at.digit));
  }
  return known.get(wanted)!;
}

function widen(base: Base, { offset, length }: StateRun): void {
  base.min = Math.min(base.min, offset);
  base.max = Math.max(base.max, offset + length - 1);
}

/** Takes over how far the state covers each replica, and where its last unit is. */
function cover({ authors, own }: Contents, state: State, all: readonly Author[], known: ReadonlyMap<StateBase, Base>): void {
  state.replicas.forEach(({ counter }, at) => {
    const author = all[at]!;
    if (counter <= author.counter) return;
    if (author.counter === 0 && author !== own) authors.add(author);
    author.counter = counter;
    const run = runAt(state.dots[at]!, counter);
    const base = run === undefined ? undefined : known.get(run.base);
    if (run !== undefined && base !== undefined) author.setTail(counter, base, run.offset + counter - run.counter);
    else author.setTail(0, null, 0);
  });
}
