/**
 * Differences of text, bytes, ids, lists and keyed maps: the compiled kernels, their portable twin, and the best packages for each. Contestants agree
 * when their edits make `b` of `a` and are about equally few: exact packages may not be beaten in distance, nor missed by more than a tenth.
 */
import untypedDiffSequences from '@jest/diff-sequences';
import { diffArrays, diffChars } from 'diff';
import fastJsonPatch from 'fast-json-patch';
import { diff as fastMyersDiff } from 'fast-myers-diff';
import { createCompiledDiff } from '../ts/kernel/compiled/diff.ts';
import { DIFF_SIMD_WASM } from '../ts/kernel/generated/diff-simd-wasm.ts';
import { DIFF_WASM } from '../ts/kernel/generated/diff-wasm.ts';
import type { DiffKernel } from '../ts/kernel/kernel.ts';
import { portableDiff } from '../ts/kernel/portable/diff.ts';
import { inlinedModule, startModule } from '../ts/kernel/wasm.ts';
import { bytesPair, idsPair, listPair, logPair, storagePair, textPair } from './generated-pairs.ts';
import type { BenchCase, Contestant, Subject } from './harness.ts';

// Its types are those of the CommonJS form, whose default is one step further in.
const diffSequences = untypedDiffSequences as unknown as typeof untypedDiffSequences.default;

const MIB = 2 ** 20;

/** Runs that differ: startA, endA, startB, endB of each. What every contestant for sequences gives. */
type Runs = ArrayLike<number>;

/** All cases. */
export function subject(): Subject {
  const kernels = [portableDiff, ...[DIFF_WASM, DIFF_SIMD_WASM].map((text) => createCompiledDiff(startModule(inlinedModule(text))))];
  const best = kernels.at(-1)!;
  const logs = [3, 30, 1000].map((distinct) => ({ distinct, pair: logPair(300_000, distinct, 100) }));
  const ratios = logs.map(
    ({ pair: [a, b] }) => distanceOf(best.diffText(a, b).hunks) / distanceOf(best.diffText(a, b, Number.POSITIVE_INFINITY).hunks),
  );
  return {
    name: 'diff',
    note:
      'Both sides are copied in, and hunks out, in every compiled row. Kernels are exact up to their budget (2000 edits and 10 MiB are past it), ' +
      'fast-myers-diff and @jest/diff-sequences always. "from bytes": parsing is part of the time; the kernels parse only what differs. On the logs ' +
      `the distance is ${ratios.map((ratio) => ratio.toFixed(3)).join(', ')} times the minimum.`,
    packages: ['fast-myers-diff', '@jest/diff-sequences', 'diff', 'fast-json-patch'],
    cases: [
      caseOfText('text 100 characters, 2 edits', textPair(100, 2), kernels, 'fast'),
      caseOfText('text 10 KiB, 10 edits', textPair(10 * 1024, 10), kernels, 'fast'),
      caseOfText('text 1 MiB, 20 edits', textPair(MIB, 20), kernels, 'fast'),
      caseOfText('text 1 Mi units that are not ASCII, 20 edits', textPair(MIB, 20, true), kernels, 'fast'),
      caseOfText('text 1 MiB, 200 edits', textPair(MIB, 200), kernels, 'slow'),
      caseOfText('text 1 MiB, 2000 edits', textPair(MIB, 2000), kernels, 'very slow'),
      ...logs.map(({ distinct, pair }) => caseOfText(`log 300 KB of ${distinct} lines, 100 edits`, pair, kernels, 'very slow')),
      caseOfBytes('bytes 10 MiB, 20 edits', bytesPair(10 * MIB, 20), kernels, true),
      caseOfBytes('bytes 10 MiB, 1000 edits', bytesPair(10 * MIB, 1000), kernels, false),
      caseOfIds('ids 100, 5 edits', idsPair(100, 5), kernels),
      caseOfIds('ids 10,000, 100 edits', idsPair(10_000, 100), kernels),
      caseOfIds('ids 10,000, 1000 edits', idsPair(10_000, 1000), kernels),
      caseOfList('list of 10,000 objects from bytes, 100 edits', listPair(10_000, 100), kernels),
      caseOfKeyed('map of 100 entries from bytes, 5 changed', storagePair(100, 5), kernels),
      caseOfKeyed('map of 10,000 entries from bytes, 100 changed', storagePair(10_000, 100), kernels),
    ],
  };
}

/** `speed`: of the packages. `slow` leaves jsdiff out, which takes seconds; `very slow` leaves packages out of a quick look. */
function caseOfText(
  name: string,
  [a, b]: [string, string],
  kernels: readonly DiffKernel[],
  speed: 'fast' | 'slow' | 'very slow',
): BenchCase {
  const slow = speed === 'very slow';
  const contestants: Contestant[] = [
    ...kernels.map((kernel): Contestant => ({ name: kernel.kind, run: () => kernel.diffText(a, b).hunks })),
    { name: 'fast-myers-diff', rival: true, slow, run: () => [...fastMyersDiff(a, b)].flat() },
    {
      name: '@jest/diff-sequences',
      rival: true,
      slow,
      run: () => runsByJest(a.length, b.length, (i, j) => a.charCodeAt(i) === b.charCodeAt(j)),
    },
  ];
  if (speed === 'fast') contestants.push({ name: 'diff', rival: true, run: () => runsOfChanges(diffChars(a, b)) });
  const isPatched = (runs: Runs): boolean => {
    let patched = '';
    let from = 0;
    for (let at = 0; at < runs.length; at += 4) {
      patched += a.slice(from, runs[at]) + b.slice(runs[at + 2], runs[at + 3]);
      from = runs[at + 1]!;
    }
    return patched + a.slice(from) === b;
  };
  return { name, inputBytes: a.length + b.length, contestants, agree: (first, other) => agreeOnRuns(first, other, isPatched) };
}

function caseOfBytes(name: string, [a, b]: [Uint8Array, Uint8Array], kernels: readonly DiffKernel[], withRival: boolean): BenchCase {
  const contestants: Contestant[] = kernels.map((kernel) => ({ name: kernel.kind, run: () => kernel.diffBytes(a, b).hunks }));
  // With 1000 edits it does not finish within minutes.
  if (withRival) contestants.push({ name: 'fast-myers-diff', rival: true, run: () => [...fastMyersDiff(a, b)].flat() });
  return { name, inputBytes: a.length + b.length, contestants, agree: (first, other) => agreeOnRuns(first, other, isPatchedBy(a, b)) };
}

function caseOfIds(name: string, [a, b]: [Uint32Array, Uint32Array], kernels: readonly DiffKernel[]): BenchCase {
  return {
    name,
    inputBytes: a.byteLength + b.byteLength,
    contestants: [
      ...kernels.map((kernel): Contestant => ({ name: kernel.kind, run: () => kernel.diffIds(a, b).hunks })),
      { name: 'fast-myers-diff', rival: true, run: () => [...fastMyersDiff(a, b)].flat() },
      { name: '@jest/diff-sequences', rival: true, run: () => runsByJest(a.length, b.length, (i, j) => a[i] === b[j]) },
      { name: 'diff', rival: true, run: () => runsOfChanges(diffArrays([...a], [...b])) },
    ],
    agree: (first, other) => agreeOnRuns(first, other, isPatchedBy(a, b)),
  };
}

function caseOfList(name: string, [a, b]: [Uint8Array, Uint8Array], kernels: readonly DiffKernel[]): BenchCase {
  const [itemsA, itemsB] = numberItems(parse(a) as unknown[], parse(b) as unknown[]);
  return {
    name,
    inputBytes: a.length + b.length,
    contestants: [
      ...kernels.map(
        (kernel): Contestant => ({
          name: kernel.kind,
          run: () => {
            const { idsA, idsB } = kernel.internElements(a, b);
            return kernel.diffIds(idsA, idsB).hunks;
          },
        }),
      ),
      {
        name: 'JSON.parse + fast-myers-diff',
        rival: true,
        run: () => [...fastMyersDiff(...numberItems(parse(a) as unknown[], parse(b) as unknown[]))].flat(),
      },
    ],
    agree: (first, other) => agreeOnRuns(first, other, isPatchedBy(itemsA, itemsB)),
  };
}

function caseOfKeyed(name: string, [a, b]: [Uint8Array, Uint8Array], kernels: readonly DiffKernel[]): BenchCase {
  return {
    name,
    inputBytes: a.length + b.length,
    contestants: [
      ...kernels.map((kernel): Contestant => ({ name: kernel.kind, run: () => changesFromBytes(kernel, a, b) })),
      {
        name: 'JSON.parse + fast-json-patch',
        rival: true,
        run: () =>
          fastJsonPatch
            .compare(parse(a) as object, parse(b) as object)
            .map((change) => [change.path.slice(1), 'value' in change ? change.value : undefined]),
      },
      {
        name: 'JSON.parse + loop over keys',
        rival: true,
        run: () => changesOf(parse(a) as Record<string, unknown>, parse(b) as Record<string, unknown>),
      },
    ],
    agree: (first, other) => sortedText(first) === sortedText(other),
  };
}

/** The keys that differ, with the value in `b` or undefined. Members with equal bytes are equal, and are not parsed. */
function changesFromBytes(kernel: DiffKernel, a: Uint8Array, b: Uint8Array): [key: string, value: unknown][] {
  const { spansA, spansB, idsA, idsB } = kernel.internElements(a, b);
  // Ids count up from 0, so an array of flags holds them all.
  const inA = new Uint8Array(idsA.length + idsB.length);
  const inB = new Uint8Array(idsA.length + idsB.length);
  for (const id of idsA) inA[id] = 1;
  for (const id of idsB) inB[id] = 1;
  return changesOf(parseMembers(a, spansA, idsA, inB), parseMembers(b, spansB, idsB, inA));
}

/** An object of the members whose bytes the other side does not have. */
function parseMembers(text: Uint8Array, spans: Uint32Array, ids: Uint32Array, inOther: Uint8Array): Record<string, unknown> {
  const members: string[] = [];
  for (const [index, id] of ids.entries()) {
    if (inOther[id] === 0) members.push(decoder.decode(text.subarray(spans[2 * index], spans[2 * index + 1])));
  }
  return JSON.parse(`{${members.join(',')}}`) as Record<string, unknown>;
}

function changesOf(a: Record<string, unknown>, b: Record<string, unknown>): [key: string, value: unknown][] {
  const changes: [string, unknown][] = [];
  for (const key of Object.keys(a)) if (!(key in b)) changes.push([key, undefined]);
  for (const [key, value] of Object.entries(b)) if (a[key] !== value) changes.push([key, value]);
  return changes;
}

/** Whether runs make `b` of `a`. */
function isPatchedBy(a: Uint8Array | Uint32Array, b: Uint8Array | Uint32Array): (runs: Runs) => boolean {
  return (runs) => {
    const areEqual = (fromA: number, toA: number, fromB: number, toB: number) => {
      if (toA - fromA !== toB - fromB) return false;
      for (let at = fromA; at < toA; at++) if (a[at] !== b[at - fromA + fromB]) return false;
      return true;
    };
    let endA = 0;
    let endB = 0;
    for (let at = 0; at < runs.length; at += 4) {
      if (!areEqual(endA, runs[at]!, endB, runs[at + 2]!)) return false;
      endA = runs[at + 1]!;
      endB = runs[at + 3]!;
    }
    return areEqual(endA, a.length, endB, b.length);
  };
}

function agreeOnRuns(first: unknown, other: unknown, isPatched: (runs: Runs) => boolean): boolean {
  const [one, two] = [first as Runs, other as Runs];
  const [less, more] = [distanceOf(one), distanceOf(two)].sort((x, y) => x - y) as [number, number];
  return more <= 1.1 * less && isPatched(one) && isPatched(two);
}

function distanceOf(runs: Runs): number {
  let distance = 0;
  for (let at = 0; at < runs.length; at += 4) distance += runs[at + 1]! - runs[at]! + (runs[at + 3]! - runs[at + 2]!);
  return distance;
}

/** Runs between the common subsequences that @jest/diff-sequences calls back with. */
function runsByJest(lengthA: number, lengthB: number, isCommon: (i: number, j: number) => boolean): Runs {
  const runs: number[] = [];
  let endA = 0;
  let endB = 0;
  const take = (count: number, startA: number, startB: number) => {
    if (startA > endA || startB > endB) runs.push(endA, startA, endB, startB);
    endA = startA + count;
    endB = startB + count;
  };
  diffSequences(lengthA, lengthB, isCommon, take);
  take(0, lengthA, lengthB);
  return runs;
}

/** Runs of what the package `diff` gives. */
function runsOfChanges(changes: readonly { added: boolean; removed: boolean; count: number }[]): Runs {
  const runs: number[] = [];
  let a = 0;
  let b = 0;
  for (const { added, removed, count } of changes) {
    const [startA, startB] = [a, b];
    if (!added) a += count;
    if (!removed) b += count;
    if (added || removed) runs.push(startA, a, startB, b);
  }
  return runs;
}

/** Items of two lists by number: equal JSON, equal number. The quickest way that we know for packages that compare with `===`. */
function numberItems(a: readonly unknown[], b: readonly unknown[]): [a: Uint32Array, b: Uint32Array] {
  const numbers = new Map<string, number>();
  const numberOf = (item: unknown): number => {
    const text = JSON.stringify(item);
    const known = numbers.get(text);
    if (known !== undefined) return known;
    numbers.set(text, numbers.size);
    return numbers.size - 1;
  };
  return [Uint32Array.from(a, numberOf), Uint32Array.from(b, numberOf)];
}

const decoder = new TextDecoder();

function parse(bytes: Uint8Array): unknown {
  return JSON.parse(decoder.decode(bytes));
}

function sortedText(changes: unknown): string {
  return JSON.stringify([...(changes as [string, unknown][])].sort(([one], [other]) => (one < other ? -1 : 1)));
}
