/** The laws of joining on documents: sets of candidates under a causal context. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import { contextOf, covers, includesContext, subtractContexts, uniteContexts } from '../../ts/merge/context.ts';
import {
  compactDocument,
  deltaOf,
  deltaSince,
  emptyDocument,
  joinDocuments,
  type MergeDocument,
  removeEntries,
} from '../../ts/merge/document.ts';
import { type Dot, entryKey } from '../../ts/merge/entry.ts';
import type { Operation } from '../../ts/merge/operations.ts';

const item = (name: string): Pick<Operation, 'kind' | 'path'> => ({
  kind: 'localStorage',
  path: ['["https://app.example",null,false,null]', name],
});
const keyOf = (name: string): string => entryKey(item(name).kind, item(name).path);
const replica = (n: number): string => n.toString(16).padStart(16, '0');

/** A worker: what it knows, its replica and its last counter. */
interface Worker {
  document: MergeDocument;
  replica: string;
  counter: number;
}

/** Writes by somebody who has seen all that the worker's document holds; gives the delta. */
function write(worker: Worker, name: string, value: string | undefined, time: number): MergeDocument {
  const sees = (worker.document.entries.get(keyOf(name))?.candidates ?? []).map(({ dot }) => dot);
  const operation = { ...item(name), ...(value === undefined ? {} : { value }), stamp: { time, count: 0 }, sees };
  const { delta, counter } = deltaOf('', [operation], worker);
  worker.counter = counter;
  worker.document = joinDocuments([worker.document, delta]);
  return delta;
}

const start = (n: number): Worker => ({ document: emptyDocument(), replica: replica(n), counter: 0 });
const valuesOf = (document: MergeDocument, name: string): unknown[] =>
  (document.entries.get(keyOf(name))?.candidates ?? []).map(({ value }) => value ?? null);

/** Whatever is equal in two documents of equal content. */
function plain(document: MergeDocument): unknown {
  const context = [...document.context].sort(([a], [b]) => (a < b ? -1 : 1));
  return { epoch: document.epoch, context, entries: [...document.entries].sort(([a], [b]) => (a < b ? -1 : 1)) };
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof PspError) return error.code;
    throw error;
  }
  return 'none';
}

const script = fc.array(
  fc.record({
    worker: fc.nat(3),
    what: fc.constantFrom('write', 'write', 'write', 'delete', 'join', 'restart', 'remove'),
    name: fc.constantFrom('a', 'b', 'c'),
    other: fc.nat(3),
    time: fc.nat(5),
  }),
  { maxLength: 40 },
);

/** Runs a script; the workers, and every delta that was made. */
function run(steps: typeof script extends fc.Arbitrary<infer Steps> ? Steps : never): {
  readonly workers: Worker[];
  readonly deltas: MergeDocument[];
} {
  const workers = [0, 1, 2, 3].map(start);
  const deltas: MergeDocument[] = [];
  let replicas = 10;
  for (const { worker: number, what, name, other, time } of steps) {
    const worker = workers[number]!;
    if (what === 'join') worker.document = joinDocuments([worker.document, workers[other]!.document]);
    // A new checkout: a replica is never used again.
    else if (what === 'restart') Object.assign(worker, { replica: replica(replicas++), counter: 0 });
    else if (what === 'remove') {
      const delta = removeEntries(worker.document, [keyOf(name)]);
      deltas.push(delta);
      worker.document = joinDocuments([worker.document, delta]);
    } else deltas.push(write(worker, name, what === 'delete' ? undefined : `${number}${time}`, time));
  }
  return { workers, deltas };
}

describe('M1: join keeps what all hold who have seen it', () => {
  test('is commutative, associative and idempotent', () => {
    fc.assert(
      fc.property(script, (steps) => {
        const [a, b, c] = run(steps).workers.map(({ document }) => document) as [MergeDocument, MergeDocument, MergeDocument];
        expect(plain(joinDocuments([a, b]))).toEqual(plain(joinDocuments([b, a])));
        expect(plain(joinDocuments([joinDocuments([a, b]), c]))).toEqual(plain(joinDocuments([a, joinDocuments([b, c])])));
        expect(plain(joinDocuments([a, b, c]))).toEqual(plain(joinDocuments([joinDocuments([c, a]), b])));
        expect(plain(joinDocuments([a, a]))).toEqual(plain(a));
      }),
      { numRuns: 500 },
    );
  });

  test('is what the definition says, candidate by candidate', () => {
    fc.assert(
      fc.property(script, (steps) => {
        const { workers } = run(steps);
        const [a, b] = workers.map(({ document }) => document) as [MergeDocument, MergeDocument];
        const joined = joinDocuments([a, b]);
        const dotsOf = (document: MergeDocument): Map<string, Dot> =>
          new Map([...document.entries.values()].flatMap(({ candidates }) => candidates.map(({ dot }) => [JSON.stringify(dot), dot])));
        const [inA, inB] = [dotsOf(a), dotsOf(b)];
        const expected = [...new Map([...inA, ...inB])].flatMap(([text, dot]) => {
          const stays = inA.has(text) ? inB.has(text) || !covers(b.context, dot) : !covers(a.context, dot);
          return stays ? [text] : [];
        });
        expect([...dotsOf(joined).keys()].sort()).toEqual(expected.sort());
      }),
      { numRuns: 300 },
    );
  });

  test('deltas in any order, repeated, and through other deltas, give the same state', () => {
    fc.assert(
      fc.property(script, fc.infiniteStream(fc.nat(1000)), (steps, stream) => {
        const { deltas } = run(steps);
        const draw = (limit: number): number => (stream.next().value as number) % limit;
        const expected = plain(joinDocuments([emptyDocument(), ...deltas]));
        const pool = [emptyDocument(), ...deltas, ...deltas.filter(() => draw(3) === 0)];
        while (pool.length > 1) {
          const [one] = pool.splice(draw(pool.length), 1) as [MergeDocument];
          const at = draw(pool.length);
          pool[at] = joinDocuments([pool[at]!, one]);
        }
        expect(plain(pool[0]!)).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  test('a delta since another state brings all that it lacks, and nothing that it has', () => {
    fc.assert(
      fc.property(script, (steps) => {
        const [a, b] = run(steps).workers.map(({ document }) => document) as [MergeDocument, MergeDocument];
        const delta = deltaSince(a, b);
        expect(plain(joinDocuments([b, delta]))).toEqual(plain(joinDocuments([a, b])));
        for (const { candidates } of delta.entries.values()) for (const { dot } of candidates) expect(covers(b.context, dot)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});

test('M1: concurrent writes are both kept; a write that saw them replaces both', () => {
  const [a, b] = [start(1), start(2)];
  write(a, 'x', 'of a', 5);
  write(b, 'x', 'of b', 4);
  a.document = joinDocuments([a.document, b.document]);
  expect(valuesOf(a.document, 'x')).toEqual(['of b', 'of a']);
  write(a, 'x', 'both', 1);
  expect(valuesOf(joinDocuments([b.document, a.document]), 'x')).toEqual(['both']);
});

test('M4: a deletion stands beside a concurrent write, and is replaced by a later one', () => {
  const [a, b] = [start(1), start(2)];
  b.document = joinDocuments([b.document, write(a, 'x', 'old', 1)]);
  write(a, 'x', 'refreshed', 2);
  write(b, 'x', undefined, 3);
  const joined = joinDocuments([a.document, b.document]);
  expect(valuesOf(joined, 'x')).toEqual(['refreshed', null]);
  b.document = joined;
  write(b, 'x', 'logged in', 4);
  expect(valuesOf(joinDocuments([a.document, b.document]), 'x')).toEqual(['logged in']);
});

test('M4: what is removed leaves only the context, and a concurrent write survives it', () => {
  const [a, b] = [start(1), start(2)];
  b.document = joinDocuments([b.document, write(a, 'x', 'old', 1)]);
  write(b, 'x', 'new', 2);
  a.document = joinDocuments([a.document, removeEntries(a.document, [keyOf('x')])]);
  expect(a.document.entries.size).toBe(0);
  expect(valuesOf(joinDocuments([a.document, b.document]), 'x')).toEqual(['new']);
});

test('M5: a retry reuses its dots, so a reply that was lost does no harm', () => {
  const a = start(1);
  const delta = write(a, 'x', 'once', 1);
  const stored = joinDocuments([emptyDocument(), delta]);
  expect(plain(joinDocuments([stored, delta, a.document]))).toEqual(plain(stored));
});

test.each([
  ['value', { value: 'two' }],
  ['stamp', { stamp: { time: 2, count: 0 } }],
  ['structure', { structure: Uint8Array.of(1) }],
  ['deletion', { value: undefined }],
])('M5: one dot with another %s is a fork', (_, change) => {
  const operation = { ...item('x'), value: 'one', stamp: { time: 1, count: 0 }, sees: [] };
  const [one, two] = [operation, { ...operation, ...change } as Operation].map(
    (each) => deltaOf('', [each], { replica: replica(1), counter: 0 }).delta,
  );
  expect(codeOf(() => joinDocuments([one!, two!]))).toBe('MERGE_FORK');
});

test('M6: compacting keeps what is shown under new dots, and another epoch does not join', () => {
  const [a, b] = [start(1), start(2)];
  write(a, 'x', 'of a', 1);
  write(a, 'gone', 'old', 1);
  write(a, 'gone', undefined, 2);
  write(b, 'x', 'of b', 2);
  const joined = joinDocuments([a.document, b.document]);
  const compacted = compactDocument(joined, 'e'.repeat(16), ({ candidates }) => candidates.at(-1)?.value);
  expect([...compacted.entries.keys()]).toEqual([keyOf('x')]);
  expect(valuesOf(compacted, 'x')).toEqual(['of b']);
  expect([...compacted.context]).toEqual([['e'.repeat(16), [1, 1]]]);
  expect(codeOf(() => joinDocuments([compacted, joined]))).toBe('MERGE_EPOCH');
  expect(codeOf(() => deltaSince(compacted, joined))).toBe('MERGE_EPOCH');
  const again = compactDocument(compacted, 'f'.repeat(16), ({ candidates }) => candidates.at(-1)?.value);
  expect(valuesOf(again, 'x')).toEqual(['of b']);
});

describe('contexts', () => {
  const dots = fc.array(fc.record({ replica: fc.constantFrom(replica(1), replica(2)), counter: fc.integer({ min: 1, max: 12 }) }), {
    maxLength: 15,
  });
  const everyDot = [1, 2].flatMap((n) => [...Array(13).keys()].map((i) => ({ replica: replica(n), counter: i + 1 })));
  const textOf = ({ replica: r, counter }: Dot): string => `${r}${counter}`;

  test('unite and subtract as sets of dots do', () => {
    fc.assert(
      fc.property(dots, dots, (a, b) => {
        const [one, other] = [contextOf(a), contextOf(b)];
        const [inA, inB] = [new Set(a.map(textOf)), new Set(b.map(textOf))];
        for (const dot of everyDot) {
          const text = textOf(dot);
          expect(covers(one, dot)).toBe(inA.has(text));
          expect(covers(uniteContexts(one, other), dot)).toBe(inA.has(text) || inB.has(text));
          expect(covers(subtractContexts(one, other), dot)).toBe(inA.has(text) && !inB.has(text));
        }
        expect(includesContext(uniteContexts(one, other), other)).toBe(true);
        expect(uniteContexts(one, other)).toEqual(contextOf([...b, ...a]));
      }),
      { numRuns: 500 },
    );
  });
});
