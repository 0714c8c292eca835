import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Candidate, Entry } from '../../ts/merge/entry.ts';
import { checkPolicy, type PolicyFault } from '../../ts/merge/policy/check.ts';
import { mergeJson, mergeText } from '../../ts/merge/policy/structured.ts';
import { union } from '../../ts/merge/policy/union.ts';
import {
  customPolicy,
  firstWriter,
  keepBoth,
  lastWriter,
  longestLived,
  type Policy,
  preferFreshToken,
  preferSource,
} from '../../ts/merge/policy.ts';
import { item, token, write } from './policy-fixture.ts';

const samples: readonly Entry[] = [
  item('k', write('a', 10, '1'), write('b', 20, '2')),
  item('k', write('a', [5, 15], '["x"]'), write('b', 20, '["y"]'), write('c', 30)),
  item('k', write('a', [0, 40], token({ iat: 5 })), write('b', [10, 50], token({ iat: 4 })), write('c', 30, token({ iat: 3 }))),
];

type Choose = Parameters<typeof customPolicy>[1];

/** A policy that is wrong in one way. */
const wrong: [PolicyFault, Choose][] = [
  ['order', (list) => list[0] as Candidate],
  ['duplicates', (list) => ({ made: String(list.reduce((sum, { value }) => sum + Number(value ?? 0), 0)) })],
  [
    'repetition',
    (() => {
      let calls = 0;
      return (list: readonly Candidate[]) => canonical(list)[calls++ % 2] as Candidate;
    })(),
  ],
  ['clock', (list) => canonical(list)[Date.now() > 1e12 ? 0 : 1] as Candidate],
  ['clock', (list) => canonical(list)[new Date().getFullYear() > 2000 ? 0 : 1] as Candidate],
  ['randomness', (list) => canonical(list)[Math.random() > 0.5 ? 0 : 1] as Candidate],
  [
    'changes-candidates',
    (list) => {
      (list[0] as { value?: unknown }).value = 'mine';
      return list[0] as Candidate;
    },
  ],
  ['loses-data', () => ({ made: undefined })],
  [
    'throws',
    () => {
      throw new Error('no');
    },
  ],
];

function canonical(list: readonly Candidate[]): Candidate[] {
  return [...list].sort((a, b) => a.dot.replica.localeCompare(b.dot.replica));
}

describe('M2: checkPolicy shows where a policy is no pure function of the set', () => {
  test.each(wrong)('%s', (fault, choose) => {
    const found = checkPolicy(customPolicy('wrong', choose), structuredClone(samples));
    expect(found?.fault).toBe(fault);
    expect(found?.candidates.length).toBeGreaterThan(1);
  });

  test('a choice that is none of the candidates', () => {
    const stranger: Policy = { name: 'stranger', choose: () => ({ winner: write('z', 1, 'z'), by: 'asked' }) };
    expect(checkPolicy(stranger, samples)).toMatchObject({ fault: 'no-candidate', sample: 0 });
  });

  test('says which sample it was, and what was chosen', () => {
    const first = customPolicy('first', (list) => (list.length > 2 ? (list[0] as Candidate) : (canonical(list)[0] as Candidate)));
    const found = checkPolicy(first, samples);
    expect(found).toMatchObject({ fault: 'order', sample: 1, expected: { by: 'asked' }, found: { by: 'asked' } });
  });

  test('leaves the clock and the random numbers as they were, also where the policy throws', () => {
    const [realDate, realRandom] = [globalThis.Date, Math.random];
    checkPolicy(customPolicy('throws', wrong.at(-1)?.[1] as Choose), samples);
    expect([globalThis.Date, Math.random]).toEqual([realDate, realRandom]);
  });

  test('nothing is found in a policy that is right', () => {
    const largest = customPolicy('largest', (list) => canonical(list).reduce((a, b) => (String(a.value) >= String(b.value) ? a : b)));
    expect(checkPolicy(largest, samples)).toBeNull();
  });
});

test('the policies of the package are pure functions of the set, on generated samples', () => {
  const value = fc.option(
    fc.oneof(fc.constantFrom('x', '[1]', '[2,1]', '{"a":1}', '{"a":2}', token({ iat: 5 }), token({ exp: 9, iat: 2 }))),
    {
      nil: undefined,
    },
  );
  const candidate = fc
    .record({ replica: fc.constantFrom(...'abcdef'), since: fc.nat(9), time: fc.integer({ min: 9, max: 20 }), value })
    .map(({ replica, since, time, value }) => write(replica, [since, time], value));
  const sample = fc
    .uniqueArray(candidate, { selector: ({ dot }) => dot.replica, minLength: 2, maxLength: 4 })
    .filter((list) => list.some((one) => one.value !== list[0]?.value))
    .map((list) => item('k', ...list));
  for (const policy of [
    lastWriter,
    firstWriter,
    longestLived,
    preferFreshToken,
    keepBoth,
    union,
    mergeJson,
    mergeText,
    preferSource(['000000000000000b']),
  ]) {
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 5 }), (entries) => {
        expect(checkPolicy(policy, entries)).toBeNull();
      }),
      { numRuns: 25 },
    );
  }
});
