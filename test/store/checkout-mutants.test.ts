/**
 * Would the model of checkout and commit find a mistake? The code gets one at a time (laws M5, M6, M11, M12, M18, M19), and a schedule must end in a lost write, a
 * resurrection, a torn credential or an error that nobody planned. The seeds are always the same: this asks how strong the model is, and finds nothing new.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadMutated, type Mutation } from '../merge/mutant.ts';
import { scheduleOf } from './checkout-schedule.ts';
import { START } from './writers-fixture.ts';

type CheckoutWorld = typeof import('./checkout-world.ts');

interface World {
  /** Of the schedules, where the common seed finds it late. */
  readonly seed?: number;
  readonly conditions: boolean;
  readonly expiresAt: number | null;
  readonly tasks?: 'short lives' | 'lives that expire' | 'leases';
}

/** With compare-and-set, and by objects of writers. */
const CONDITIONS: World = { conditions: true, expiresAt: null };
const SHORT_LIVES: World = { ...CONDITIONS, tasks: 'short lives' };
const LEASES: World = { ...CONDITIONS, tasks: 'leases' };
const OBJECTS: World = { conditions: false, expiresAt: null };
const LIVES_THAT_EXPIRE: World = { ...OBJECTS, tasks: 'lives that expire' };
const OBJECTS_THAT_EXPIRE: World = { conditions: false, expiresAt: START + 1_200_000 };

const mutations: readonly (Mutation & World)[] = [
  {
    ...{ ...CONDITIONS, mistake: 'M1: a commit stores its own changes and not what others stored meanwhile' },
    file: 'ts/store/checkout.ts',
    from: 'showDocument(joinDocuments([document, this.#unstored!.delta]), found)',
    to: 'showDocument(this.#unstored!.delta, found)',
  },
  {
    ...{ ...CONDITIONS, mistake: 'M5: what a failed commit did not store is forgotten by the next one' },
    file: 'ts/store/checkout.ts',
    from: 'delta: this.#unstored === null ? changes : joinDocuments([this.#unstored.delta, changes]),',
    to: 'delta: changes,',
  },
  {
    ...{ ...CONDITIONS, mistake: 'M5: workers share one replica' },
    file: 'ts/store/checkout.ts',
    from: 'const replica = toHex(parts.random(REPLICA_BYTES));',
    to: "const replica = '0'.repeat(15) + '1';",
  },
  {
    ...{ ...CONDITIONS, mistake: 'M5: a worker begins with its first dot again in each commit' },
    file: 'ts/store/checkout.ts',
    from: 'this.#counter = counter;',
    to: '',
  },
  {
    ...{ ...CONDITIONS, seed: 7, mistake: 'M6: after a compaction a worker takes nothing for seen' },
    file: 'ts/store/checkout.ts',
    from: 'if (known === stored.get(key)) this.#seen.set(key, candidates);',
    to: '',
  },
  {
    ...{ ...CONDITIONS, mistake: 'M6: after a compaction a worker goes on in the old epoch' },
    file: 'ts/store/checkout.ts',
    from: 'if (document.epoch !== this.#epoch) await this.#rebase(found, document);',
    to: '',
  },
  {
    ...{ ...CONDITIONS, seed: 2, mistake: 'M8: what a worker has replaced is not what it saw' },
    file: 'ts/merge/operations.ts',
    from: 'sees: seen(key), atMs: observed.changeOf(key)',
    to: 'sees: [], atMs: observed.changeOf(key)',
  },
  {
    ...{ ...CONDITIONS, seed: 7, mistake: 'M11: each entry of a site is decided alone' },
    file: 'ts/merge/resolve.ts',
    from: 'else addTo(groups, group, contested);',
    to: 'else this.#settle(contested, choice.winner, group);',
  },
  {
    ...{ ...LEASES, mistake: 'M12: a lease that ended is given with the number that it had' },
    file: 'ts/store/lease.ts',
    from: 'Math.max((found?.fence ?? 0) + 1, now)',
    to: 'Math.max(found?.fence ?? 0, now)',
  },
  {
    ...{ ...LEASES, mistake: 'M12: whoever ever held the lease holds it still' },
    file: 'ts/store/lease.ts',
    from: 'return fence === this.fence && owner === this.#owner && until > this.#parts.now() ? head : null;',
    to: 'return fence >= this.fence && owner !== "" && until > this.#parts.now() ? head : null;',
  },
  {
    ...{ ...LEASES, mistake: 'M12: two who take the lease at the same time both have it' },
    file: 'ts/store/lease.ts',
    from: "const condition = seen === null ? ({ ifNoneMatch: '*' } as const) : { ifMatch: seen };",
    to: 'const condition = seen === null ? {} : {};',
  },
  {
    ...{ ...LEASES, mistake: 'M12: a lease is never said to be held' },
    file: 'ts/store/checkout.ts',
    from: "(await this.#lease.isHeld(operation)) ? 'held' : 'stale'",
    to: "(await this.#lease.isHeld(operation)) ? 'stale' : 'stale'",
  },
  {
    ...{ ...CONDITIONS, mistake: 'M18: a commit goes to whatever session stands there' },
    file: 'ts/store/checkout.ts',
    from: 'if (incarnation !== this.#view.incarnation) throw',
    to: 'if (incarnation === null) throw',
  },
  {
    ...{ ...SHORT_LIVES, mistake: 'M18: a tombstone forgets which life it ended' },
    file: 'ts/store/record-facts.ts',
    from: 'return ended.includes(markOf(incarnation));',
    to: 'return false;',
  },
  {
    ...{ ...CONDITIONS, mistake: 'a write does not mind what was written since it looked' },
    file: 'ts/store/write.ts',
    from: '...(provider.capabilities.conditionalPut ? condition : {}),',
    to: '',
  },
  {
    ...{ ...OBJECTS, mistake: 'M19: an object is deleted as soon as another one holds all of it' },
    file: 'ts/store/writer-object.ts',
    from: 'export const VISIBLE_MS = 120_000;',
    to: 'export const VISIBLE_MS = 0;',
  },
  {
    ...{ ...OBJECTS, seed: 120189288, mistake: 'M19: an object is taken for readable by the age that it tells' },
    file: 'ts/store/writer-object.ts',
    from: 'return new Set(old.flatMap(({ facts }) => facts.before));',
    to: 'return new Set(old.map(({ facts }) => shorten(facts.writeId)));',
  },
  {
    ...{ ...OBJECTS, mistake: 'M19: an object is deleted though none holds all of it' },
    file: 'ts/store/writer-object.ts',
    from: 'if (!includesContext(a.document.context, b.document.context)) return false;',
    to: '',
  },
  {
    ...{ ...OBJECTS, mistake: 'M19: an object shows only what its writer changed' },
    file: 'ts/store/checkout.ts',
    from: 'showDocument(joinDocuments([document, this.#unstored!.delta]), found)',
    to: 'showDocument(this.#unstored!.delta, found)',
  },
  {
    ...{ ...OBJECTS, mistake: 'M18: objects of a deleted session count again' },
    file: 'ts/store/writer-object.ts',
    from: 'if (hasEndedHere(record, ended, facts.incarnation)) continue;',
    to: '',
  },
  {
    ...{ ...LIVES_THAT_EXPIRE, mistake: 'M18: a life that expires takes the marks of those before it along' },
    file: 'ts/store/write.ts',
    from: 'if (!provider.capabilities.conditionalPut) await this.#keepMarks(passingMarks(facts, expiresAt), place);',
    to: '',
  },
  {
    ...{ ...LIVES_THAT_EXPIRE, mistake: 'M18: only marks of lives before the last one are kept' },
    file: 'ts/store/record-facts.ts',
    from: 'const passing = expiresAt === null ? ended.slice(MAX_ENDED) : ended;',
    to: 'const passing = expiresAt === null ? ended.slice(MAX_ENDED) : ended.slice(1);',
  },
  {
    ...{ ...LIVES_THAT_EXPIRE, mistake: 'M18: where only marks are left, a put begins what has ended' },
    file: 'ts/store/write.ts',
    from: 'ended.has(markOf(next.incarnation))) throw deletedHere();',
    to: 'ended.has(next.incarnation)) throw deletedHere();',
  },
  {
    ...{ ...OBJECTS_THAT_EXPIRE, mistake: 'M19: an object lives for ever' },
    file: 'ts/store/writers.ts',
    from: '...(expiresAt === null ? {} : { expiresAt }) });\n    });',
    to: '});\n    });',
  },
];

const SEED = 20_261_123;
/**
 * By the common seed the rarest that are found are found within three hundred; one in four to six seeds finds those that have their own within forty, but the ages
 * that objects tell: one schedule in some thousands finds that.
 */
const MOST_SCHEDULES = 1000;

describe('the model of checkout and commit', () => {
  test.each(mutations)('finds it: $mistake', { timeout: 300_000 }, async ({ conditions, expiresAt, tasks, seed = SEED, ...mutation }) => {
    const world = await loadMutated<CheckoutWorld>('test/store/checkout-world.ts', mutation, { vitest: { expect } });
    const property = fc.asyncProperty(scheduleOf({ conditions, ...(tasks === undefined ? {} : { tasks }) }), (steps) =>
      world.runSchedule(steps, { conditions, expiresAt }),
    );
    const { failed, numRuns } = await fc.check(property, { seed, numRuns: MOST_SCHEDULES, endOnFailure: true });
    expect(failed, `${numRuns} schedules found nothing`).toBe(true);
  });
});
