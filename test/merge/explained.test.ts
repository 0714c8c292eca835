/** M21: the log explains each overwritten write exactly once, and is the same for any order of joining; inside of values too. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Candidate, Entry } from '../../ts/merge/entry.ts';
import { exportMergeLog, type LogEntry, mergeLog } from '../../ts/merge/log.ts';
import { mergeSessions } from '../../ts/merge/merge.ts';
import { pointerOf } from '../../ts/merge/place.ts';
import { type PolicyName, type PolicyRule, preferSource, sameWrite } from '../../ts/merge/policy.ts';
import { resolve } from '../../ts/merge/resolve.ts';
import { structureFor } from '../../ts/merge/structure.ts';
import { decodeValue } from '../../ts/session/clone/decode.ts';
import { cookie, item, shuffle, write } from './policy-fixture.ts';
import { history, makeRelated } from './related.ts';

const dotOf = ({ dot }: Candidate): string => `${dot.replica}:${dot.counter}`;

/** That each candidate that left something else behind than the one that is shown lost once, and nobody else did. Gives how many did. */
function checkExplained(entries: Iterable<Entry>, log: readonly LogEntry[]): number {
  const byPointer = new Map<string, LogEntry[]>();
  for (const line of log) byPointer.set(line.pointer, [...(byPointer.get(line.pointer) ?? []), line]);
  let lost = 0;
  for (const { kind, path, candidates } of entries) {
    const pointer = pointerOf(kind, path);
    const lines = byPointer.get(pointer) ?? [];
    byPointer.delete(pointer);
    const losing = lines.map((line) => dotOf(line.losing));
    const winners = lines.map(({ winning }) => winning).filter((one) => !losing.includes(dotOf(one)));
    const winner = winners[0] ?? (candidates.at(-1) as Candidate);
    expect(new Set(winners.map(dotOf)).size).toBeLessThanOrEqual(1);
    expect(losing.sort()).toEqual(
      candidates
        .filter((one) => !sameWrite(one, winner))
        .map(dotOf)
        .sort(),
    );
    lost += losing.length;
  }
  expect([...byPointer.keys()]).toEqual([]);
  return lost;
}

const NAMES: readonly PolicyName[] = ['last-writer', 'first-writer', 'longest-lived', 'prefer-fresh-token', 'keep-both'];
const policies: fc.Arbitrary<PolicyRule[]> = fc
  .tuple(fc.constantFrom(...NAMES), fc.constantFrom('cookie', 'localStorage'), fc.boolean())
  .map(([policy, kind, source]) => [{ kind, policy: source ? preferSource(['0'.repeat(15).concat('2')]) : policy }]);

describe('M21: each overwritten write is explained exactly once', () => {
  test('whatever the policy, the group and the order of what was joined', () => {
    const candidate = fc.record({ replica: fc.constantFrom('1', '2', '3', '4'), time: fc.nat(5), since: fc.nat(3), value: fc.nat(3) });
    const candidates = fc.uniqueArray(candidate, { selector: ({ replica }) => replica, minLength: 1, maxLength: 4 });
    let lost = 0;
    fc.assert(
      fc.property(
        fc.array(candidates, { minLength: 1, maxLength: 4 }),
        policies,
        fc.constantFrom('site', 'none'),
        fc.integer(),
        (lists, rules, groups, seed) => {
          const entries = lists.map((list, i) => {
            const writes = list.map(({ replica, time, since, value }) =>
              write(replica, since === 0 ? 10 + time : [10 + time - since, 10 + time], value === 0 ? undefined : `v${value}`, i + 1),
            );
            return i % 2 === 0 ? item(`item ${i}`, ...writes) : cookie(`cookie ${i}`, ...writes.map(asCookie));
          });
          const log = mergeLog(resolve(entries, { policies: rules, groups }).losses);
          lost += checkExplained(entries, log);
          expect(mergeLog(resolve(shuffle([...entries], seed), { policies: rules, groups }).losses)).toEqual(log);
        },
      ),
    );
    expect(lost).toBeGreaterThan(0);
  });

  test('of whole sessions with a history in common, joined in any order and grouping', async () => {
    await fc.assert(
      fc.asyncProperty(history, policies, fc.integer(), async (one, rules, seed) => {
        const sessions = await makeRelated(one, 3);
        const { document, losses } = await mergeSessions(sessions, { policies: rules });
        const log = mergeLog(losses);
        checkExplained(document.entries.values(), log);
        const [first, ...others] = shuffle([...sessions], seed);
        const rest = await mergeSessions(others);
        const again = mergeLog((await mergeSessions([rest.session, first!], { policies: rules })).losses);
        expect(await linesOf(again)).toEqual(await linesOf(log));
      }),
      { numRuns: 25 },
    );
  });
});

/** Canonical: sections by their content. */
async function linesOf(log: readonly LogEntry[]): Promise<readonly string[]> {
  const mac = (message: Uint8Array) => new Uint8Array(createHash('sha256').update(message).digest());
  return (await exportMergeLog(log, { mac, timeMs: 0, actor: 'test', names: 'clear' })).lines;
}

function asCookie(one: Candidate): Candidate {
  return one.value === undefined ? one : { ...one, value: { name: 'c', value: one.value, expiresAt: null } };
}

/** What a writer does to a member of what it sees: nothing, taking it out, or writing a number there. */
type Deed = 'keep' | 'delete' | number;
interface Worker {
  readonly sawFirst: boolean;
  readonly deeds: readonly Deed[];
}
const MEMBERS = ['a', 'b', 'c', 'd'];
const BASE: Record<string, number> = { a: 1, b: 1, c: 1 };
const deed: fc.Arbitrary<Deed> = fc.constantFrom<Deed>('keep', 'keep', 'delete', 2, 3);
const deeds = fc.tuple(deed, deed, deed, deed);

/** One write of a member, of the model: who made it, what it says, and the write with which the member came. */
interface MemberWrite {
  readonly by: string;
  readonly value: number;
  readonly birth: string;
}
/** What a writer has of each member, and whose writes it has seen. */
interface View {
  readonly members: ReadonlyMap<string, MemberWrite>;
  readonly seen: ReadonlySet<string>;
}

function act({ members, seen }: View, done: readonly Deed[], by: string): View {
  const next = new Map(members);
  MEMBERS.forEach((name, i) => {
    const [what, before] = [done[i], members.get(name)];
    if (what === 'delete') next.delete(name);
    else if (typeof what === 'number' && what !== before?.value) next.set(name, { by, value: what, birth: before?.birth ?? by });
  });
  return { members: next, seen: new Set([...seen, by]) };
}

const textOf = ({ members }: View): string => JSON.stringify(Object.fromEntries([...members].map(([name, { value }]) => [name, value])));

test('M21: of members of one object, writes that lost and deletions that lost to a rewrite are each explained once', () => {
  let deletions = 0;
  fc.assert(
    fc.property(deeds, fc.array(fc.record<Worker>({ sawFirst: fc.boolean(), deeds }), { minLength: 2, maxLength: 4 }), (first, workers) => {
      const start: View = {
        members: new Map(Object.entries(BASE).map(([name, value]) => [name, { by: '0', value, birth: '0' }])),
        seen: new Set('0'),
      };
      const firstView = act(start, first, '1');
      const base = write('0', 1, textOf(start));
      const commit = (by: string, time: number, seen: Candidate, view: View): Candidate => {
        const plain = write(by, time, textOf(view));
        const structure = structureFor([seen], textOf(view), plain, 'json');
        return structure === undefined ? plain : { ...plain, structure };
      };
      const firstWrite = commit('1', 10, base, firstView);
      const heads = workers.map(({ sawFirst, deeds: done }, i) => {
        const by = String.fromCharCode(97 + i);
        const view = act(sawFirst ? firstView : start, done, by);
        return { by, view, candidate: commit(by, 20 + i, sawFirst ? firstWrite : base, view) };
      });
      if (!workers.some(({ sawFirst }) => sawFirst)) heads.push({ by: '1', view: firstView, candidate: firstWrite });

      const expected: string[] = [];
      const shown: Record<string, number> = {};
      const order = ['0', '1', 'a', 'b', 'c', 'd'];
      for (const name of MEMBERS) {
        const held = heads.flatMap(({ view }) => view.members.get(name) ?? []);
        // What somebody has seen, and has not any more, was replaced or taken out.
        const live = [...new Map(held.map((one) => [one.by, one])).values()].filter(({ by }) =>
          heads.every(({ view }) => !view.seen.has(by) || view.members.get(name)?.by === by),
        );
        const winner = live.sort((x, y) => order.indexOf(x.by) - order.indexOf(y.by)).at(-1);
        if (winner === undefined) continue;
        shown[name] = winner.value;
        for (const one of live) if (one.value !== winner.value) expected.push(`${name}: ${one.by}=${one.value} < ${winner.by}`);
        for (const { by, view } of heads) {
          if (view.members.has(name) || !live.some(({ birth }) => view.seen.has(birth))) continue;
          expected.push(`${name}: ${by} deleted < ${winner.by}`);
          deletions++;
        }
      }
      const { shown: read, losses } = resolve([item('k', ...heads.map(({ candidate }) => candidate))], { policies: [{ policy: 'json' }] });
      const name = ({ dot }: Candidate): string => dot.replica.replace(/^0+(?=.)/, '');
      const explained = mergeLog(losses).map(({ within, losing, winning }) => {
        const value = losing.value === undefined ? ' deleted' : `=${String(decodeValue(losing.value as Uint8Array).value)}`;
        return `${within?.slice(1)}: ${name(losing)}${value} < ${name(winning)}`;
      });
      // Where all wrote the same text nothing is merged inside, and nothing lost.
      const texts = new Set(heads.map(({ view }) => textOf(view)));
      if (texts.size === 1) expect(explained).toEqual([]);
      else {
        expect(JSON.parse(read[0]?.value as string)).toEqual(shown);
        expect(explained.sort()).toEqual(expected.sort());
      }
    }),
    { numRuns: 500 },
  );
  expect(deletions).toBeGreaterThan(0);
});

test('M21: a deletion of the whole entry that lost to what was merged of several writes is explained', () => {
  const [gone, one, two] = [write('a', 9), write('b', 10, '[1]'), write('c', 11, '[2]')];
  for (const policy of ['json', 'union'] as const) {
    const { losses } = resolve([item('k', gone, one, two)], { policies: [{ policy }] });
    expect(mergeLog(losses)).toMatchObject([{ losing: gone, winning: two, rule: policy }]);
  }
});
