/**
 * The laws of joining structures, on histories of random replicas that write random values: each edits what it has seen, and states are joined at random. Seeds
 * and shrunken histories are printed by fast-check.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { setSequenceKernel } from '../../ts/kernel/current-sequence.ts';
import { portableSequence } from '../../ts/kernel/portable/sequence.ts';
import { editStructure } from '../../ts/merge/structure/edit.ts';
import { decodeStructure, encodeStructure } from '../../ts/merge/structure/encoding.ts';
import { joinStructures } from '../../ts/merge/structure/join.ts';
import { liftTextValue, liftTree } from '../../ts/merge/structure/lift.ts';
import type { Author, Structure } from '../../ts/merge/structure/model.ts';
import { readStructure } from '../../ts/merge/structure/read.ts';
import { KERNELS } from '../kernel/sequence-kernels.ts';

const { value: json } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<unknown>(0, 1, 'x', '', null, true, '\ud800'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'id', '__proto__'), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));

/** What happens to one of the states: it is written, or joined with another one. */
interface Step<T> {
  readonly replica: number;
  readonly write?: T;
  readonly join?: number;
  readonly restart: boolean;
}

const REPLICAS = 4;

function stepsOf<T>(value: fc.Arbitrary<T>): fc.Arbitrary<Step<T>[]> {
  const replica = fc.nat(REPLICAS - 1);
  const step = fc.oneof(
    fc.record({ replica, write: value, restart: fc.boolean() }),
    fc.record({ replica, join: replica, restart: fc.boolean() }),
  );
  return fc.array(step, { minLength: 1, maxLength: 12 });
}

const authorOf = (replica: number, counter: number): Author => ({
  dot: { replica: '0123456789abcdef'.charAt(replica + 1).repeat(16), counter },
  // Clocks that are ahead and behind, with ties.
  stamp: { time: 100 + ((counter * 7 + replica * 3) % 5), count: 0, ...(counter % 3 === 0 ? { since: 99 } : {}) },
});

/** The states of all replicas in the end. Most begin with the same plain value, which each one lifts for itself; the last one wrote that value on its own. */
function run<T>(steps: readonly Step<T>[], lift: (author: Author) => Structure): Structure[] {
  const states = Array.from({ length: REPLICAS }, (_, replica) => lift(authorOf(replica === REPLICAS - 1 ? 6 : 5, 1)));
  let counter = 0;
  for (const { replica, write, join, restart } of steps) {
    const state = states[replica] as Structure;
    const next =
      join === undefined ? editStructure(state, write, authorOf(replica, ++counter)) : joinStructures(state, states[join] as Structure);
    states[replica] = restart ? decodeStructure(encodeStructure(next)) : next;
  }
  return states;
}

const bytes = (structure: Structure): string => Buffer.from(encodeStructure(structure)).toString('hex');
const partOf = (structure: Structure): unknown => readStructure(structure, 'localStorage')?.part;

const kinds = [
  { name: 'json', value: json, lift: (root: unknown) => (author: Author) => liftTree({ form: 'json', root }, author) },
  {
    name: 'text',
    value: fc.string({ unit: 'binary', maxLength: 12 }) as fc.Arbitrary<unknown>,
    lift: (root: unknown) => (author: Author) => liftTextValue(root as string, author),
  },
];

describe.each(kinds)('M1: joining structures of $name', ({ value, lift }) => {
  const histories = fc.tuple(value, stepsOf(value));

  test('is commutative, associative and idempotent on canonical bytes, whatever was written', () => {
    fc.assert(
      fc.property(histories, ([root, steps]) => {
        const [a, b, , c] = run(steps, lift(root)) as [Structure, Structure, Structure, Structure];
        expect(bytes(joinStructures(a, b))).toBe(bytes(joinStructures(b, a)));
        expect(bytes(joinStructures(joinStructures(a, b), c))).toBe(bytes(joinStructures(a, joinStructures(b, c))));
        expect(bytes(joinStructures(a, a))).toBe(bytes(a));
        const all = joinStructures(joinStructures(a, b), c);
        expect(bytes(joinStructures(all, b))).toBe(bytes(all));
      }),
      { numRuns: 300 },
    );
  });

  test('M20: what is encoded decodes to equal bytes and reads the same', () => {
    fc.assert(
      fc.property(histories, ([root, steps]) => {
        for (const state of run(steps, lift(root))) {
          const again = decodeStructure(encodeStructure(state));
          expect(bytes(again)).toBe(bytes(state));
          expect(partOf(again)).toEqual(partOf(state));
        }
      }),
    );
  });

  test('has the same bytes with every sequence kernel', () => {
    fc.assert(
      fc.property(histories, ([root, steps]) => {
        const results = KERNELS.map(({ kernel }) => {
          setSequenceKernel(kernel, 'pinned');
          return run(steps, lift(root)).reduce(joinStructures);
        });
        expect(new Set(results.map(bytes)).size).toBe(1);
      }),
    );
    setSequenceKernel(portableSequence, 'pinned');
  });

  test('a writer reads back what it wrote, whatever it saw, and its write replaces what it saw', () => {
    fc.assert(
      fc.property(histories, value, ([root, steps], written) => {
        const [a, , , b] = run(steps, lift(root)) as [Structure, Structure, Structure, Structure];
        const next = editStructure(joinStructures(a, b), written, authorOf(7, 1));
        expect(partOf(next)).toEqual(written);
        expect(partOf(joinStructures(joinStructures(next, a), b))).toEqual(written);
      }),
      { numRuns: 300 },
    );
  });
});

test('M3: elements that different writers insert into one list are all there once, in the order of each writer', () => {
  const insertions = fc.array(fc.record({ replica: fc.nat(3), at: fc.nat(9), count: fc.integer({ min: 1, max: 3 }) }), { maxLength: 10 });
  fc.assert(
    fc.property(insertions, (list) => {
      const lift = (author: Author): Structure => liftTree({ form: 'json', root: ['start'] }, author);
      const states = Array.from({ length: 4 }, () => lift(authorOf(5, 1)));
      const inserted: string[] = [];
      list.forEach(({ replica, at, count }, i) => {
        const before = partOf(states[replica] as Structure) as string[];
        const fresh = Array.from({ length: count }, (_, k) => `${i}-${k}`);
        inserted.push(...fresh);
        const place = at % (before.length + 1);
        const after = [...before.slice(0, place), ...fresh, ...before.slice(place)];
        states[replica] = editStructure(states[replica] as Structure, after, authorOf(replica, i + 1));
      });
      const joined = partOf(states.reduce(joinStructures)) as string[];
      expect([...joined].sort()).toEqual(['start', ...inserted].sort());
      for (const state of states) {
        const own = partOf(state) as string[];
        expect(joined.filter((one) => own.includes(one))).toEqual(own);
      }
    }),
  );
});
