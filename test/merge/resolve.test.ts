/**
 * Reading as a whole: the generated cases of ../shared/data/crdt where they are there, and the law that the same sets give the same result however their
 * parts arrived.
 */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkDrift } from '../../ts/merge/clock.ts';
import { type Candidate, compareCandidates, compareDots, type Entry } from '../../ts/merge/entry.ts';
import type { PolicyName, PolicyRule } from '../../ts/merge/policy.ts';
import { resolve } from '../../ts/merge/resolve.ts';
import { cookie, entryOf, item, itemPath, shuffle, token, write } from './policy-fixture.ts';

const CASES = new URL('../../../shared/data/crdt/generated/map-merge.json.gz', import.meta.url);

interface MapOperation {
  readonly id: string;
  readonly site: string;
  readonly hlc: readonly [number, number];
  readonly key: string;
  readonly value?: string;
  readonly expiresAt?: number;
  readonly del?: true;
}

interface MapCase {
  readonly R: number;
  readonly now: number;
  readonly maxDrift: number;
  readonly ops: readonly MapOperation[];
  readonly expected: {
    readonly lww: object;
    readonly fww: object;
    readonly 'lww-quarantine-future': object;
    readonly quarantined: readonly string[];
  };
}

describe.skipIf(!existsSync(CASES))('map-merge of ../shared/data (skipped where the folder is absent)', () => {
  const cases: MapCase[] = existsSync(CASES) ? JSON.parse(gunzipSync(readFileSync(CASES)).toString()).cases : [];

  test.each(cases.map((one) => [one.R, one] as const))('%i replicas: the expected views, in any order, with duplicates', (seed, one) => {
    for (const round of [seed, seed + 100]) {
      const operations = shuffle([...one.ops, ...one.ops.slice(0, 500)], round);
      expect(view(operations, 'last-writer', one.now)).toEqual(one.expected.lww);
      expect(view(operations, 'first-writer', one.now)).toEqual(one.expected.fww);
    }
  });

  test.each(cases.map((one) => [one.R, one] as const))(
    'M7: %i replicas: what is dated too far ahead is set aside before the join',
    (_, one) => {
      const late = one.ops.filter(({ hlc: [time] }) => isRefused(time, one));
      expect(late.map(({ id }) => id).sort()).toEqual([...one.expected.quarantined].sort());
      const kept = one.ops.filter((operation) => !late.includes(operation));
      expect(view(kept, 'last-writer', one.now)).toEqual(one.expected['lww-quarantine-future']);
    },
  );

  function isRefused(time: number, { now, maxDrift }: MapCase): boolean {
    try {
      checkDrift([{ time, count: 0 }], now, maxDrift);
      return false;
    } catch {
      return true;
    }
  }

  /** All writes count as concurrent there, so the entry of a key holds all of them. A cookie is the value that has an expiry of its own. */
  function view(operations: readonly MapOperation[], policy: PolicyName, now: number): object {
    const byKey = new Map<string, Map<string, Candidate>>();
    for (const { id, site, hlc, key, value, expiresAt = null, del } of operations) {
      const candidates = byKey.get(key) ?? new Map<string, Candidate>();
      byKey.set(key, candidates);
      const dot = { replica: site, counter: Number(id.split(':')[1]) + 1 };
      candidates.set(id, {
        dot,
        stamp: { time: hlc[0], count: hlc[1] },
        ...(del === true ? {} : { value: { value: value as string, expiresAt } }),
      });
    }
    const keys = [...byKey.keys()].sort();
    const entries = keys.map((key) => cookie(key, ...(byKey.get(key) as Map<string, Candidate>).values()));
    const { shown } = resolve(entries, { groups: 'none', policies: [{ policy }], now });
    return Object.fromEntries(
      keys.flatMap((key, i) => {
        const one = shown[i]?.value as { value: string } | undefined;
        return one === undefined ? [] : [[key, one.value]];
      }),
    );
  }
});

describe('M2: reading is a pure function of the sets', () => {
  const value = fc.oneof(
    fc.constantFrom('x', 'y', '["pen"]', '["ink","pen"]', '{"a":1}', '{"a":2,"b":[1]}', token({ iat: 5 }), token({ iat: 9, exp: 10 })),
    fc.constant(undefined),
  );
  const candidate = fc
    .record({ replica: fc.constantFrom(...'abcdefgh'), time: fc.nat(20), width: fc.nat(8), value })
    .map(({ replica, time, width, value }) => write(replica, width === 0 ? time : [Math.max(0, time - width), time], value));
  const candidates = fc.uniqueArray(candidate, { selector: ({ dot }) => dot.replica, minLength: 1, maxLength: 6 });
  const policies = fc.array(
    fc.record({
      name: fc.constantFrom('*', 'k*', 'k1'),
      policy: fc.constantFrom<PolicyName>(
        'last-writer',
        'first-writer',
        'longest-lived',
        'prefer-fresh-token',
        'json',
        'text',
        'union',
        'keep-both',
      ),
      volatile: fc.constantFrom(true, false),
    }),
    { maxLength: 3 },
  );

  const normal = (policies: readonly PolicyRule[], entries: readonly Entry[]) => {
    const { shown, conflicts, losses, volatile } = resolve(entries, { policies, now: 30 });
    const names = entries.map(({ path }) => path.join(' '));
    const sorted = [...losses].sort((a, b) => a.path.join().localeCompare(b.path.join()) || compareDots(a.winning.dot, b.winning.dot));
    return {
      shown: new Map(shown.map((one, i) => [names[i], one])),
      conflicts: new Set(conflicts.map((one) => JSON.stringify(one))),
      sorted,
      volatile,
    };
  };

  test('the order of entries, and in which the candidates came, changes nothing', () => {
    fc.assert(
      fc.property(fc.array(candidates, { minLength: 1, maxLength: 6 }), policies, fc.integer(), (sets, rules, seed) => {
        const build = (order: number) =>
          sets
            .map((set, i) => item(`k${i}`, ...shuffle([...set], order + i)))
            .map((entry) => ({ ...entry, candidates: structuredClone(entry.candidates) }));
        const one = normal(rules, build(seed));
        expect(normal(rules, shuffle(build(seed + 1), seed))).toEqual(one);
      }),
    );
  });

  test('every candidate of an entry that is not shown lost exactly once to the shown one, or was combined, or is volatile', () => {
    fc.assert(
      fc.property(fc.array(candidates, { minLength: 1, maxLength: 6 }), (sets) => {
        const entries = sets.map((set, i) => item(`k${i}`, ...set));
        const { shown, losses } = resolve(entries);
        entries.forEach(({ path, candidates }, i) => {
          const own = losses.filter((loss) => loss.path === path);
          const winner = own[0]?.winning ?? candidates.at(-1);
          expect(own.every(({ winning }) => winning === winner)).toBe(true);
          expect(shown[i]?.value).toBe(winner?.value);
          const lost = candidates.filter(({ value }) => value !== winner?.value);
          expect(own.flatMap(({ losing }) => losing)).toEqual(lost);
        });
      }),
    );
  });

  test('a later write that saw the candidates leaves no policy anything to say: no policy undoes a logout', () => {
    for (const policy of ['first-writer', 'longest-lived', 'union', 'keep-both'] as const) {
      expect(resolve([item('k', write('a', 5))], { policies: [{ policy }] }).shown).toEqual([null]);
    }
  });
});

test('a map of 10,000 keys and eight candidates each is read as one writer’s without groups as with one', () => {
  const replicas = [...'12345678'].map((digit) => digit.padStart(16, '0'));
  const entries = Array.from({ length: 10_000 }, (_, i) => {
    const candidates = replicas.map((replica, r) => ({
      dot: { replica, counter: i + 1 },
      stamp: { time: 1000 + r, count: i },
      value: `${r}:${i}`,
    }));
    return entryOf('localStorage', itemPath(`k${i}`), ...candidates.sort(compareCandidates));
  });
  const alone = resolve(entries, { groups: 'none' });
  const grouped = resolve(entries);
  expect(alone.losses).toHaveLength(10_000);
  expect(alone.losses.every(({ losing }) => losing.length === 7)).toBe(true);
  expect(grouped.shown).toEqual(alone.shown);
  expect(grouped.shown.every((one) => one?.dot?.replica === replicas[7])).toBe(true);
});
