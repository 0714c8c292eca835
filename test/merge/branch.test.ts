/** Branches of one base: what they show, what merging them gives, on sessions that were generated and on ones made for a case. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { branchesOf } from '../../ts/merge/branch.ts';
import { mergeSessions } from '../../ts/merge/merge.ts';
import { validateSession } from '../../ts/session/check.ts';
import { hasError } from '../../ts/session/issue.ts';
import type { Coverage, Session } from '../../ts/session/session.ts';
import { history, makeRelated } from './related.ts';
import { bytesOf, contentOf, hasTwins, plainSession, plainSessions } from './session-fixture.ts';
import { NOON, storageOf } from './worker.ts';

const RUNS = { numRuns: 40 };

/** Of one id, with coverage that says that everything was looked at. */
const withFullCoverage = (session: Session, others: readonly Session[]): Session => {
  const keys = new Map([session, ...others].flatMap((one) => one.storage.map(({ key }) => [JSON.stringify(key), key] as const)));
  const storage = [...keys.values()].map((key) => ({
    key,
    ...{ localStorage: 'complete', indexedDB: 'complete', caches: 'complete', serviceWorkers: 'complete', files: 'complete' },
  })) as Coverage['storage'];
  const coverage: Coverage = { cookies: 'complete', tabs: 'complete', permissions: 'complete', credentials: 'complete', storage };
  return { ...session, coverage };
};

describe('a branch', () => {
  test('shows what the session does, whatever its base', async () => {
    await fc.assert(
      fc.asyncProperty(plainSessions(2), async ([base, session]) => {
        const [branch] = await branchesOf(base as Session, [session as Session]);
        expect(await contentOf(branch!.session)).toEqual(await contentOf(session as Session));
      }),
      RUNS,
    );
  });

  test('of a session that did not change has written nothing; one that carries merge state is given back', async () => {
    await fc.assert(
      fc.asyncProperty(plainSession, async (base) => {
        const [same] = await branchesOf(base, [base]);
        expect(same).toMatchObject({ written: 0, deleted: 0, unknown: 0 });
        const [again] = await branchesOf(base, [same!.session]);
        expect(again!.session).toBe(same!.session);
      }),
      RUNS,
    );
  });

  test('beside an unchanged one decides alone: what it added, changed and removed is what the merge shows', async () => {
    await fc.assert(
      fc.asyncProperty(plainSessions(2), async (pair) => {
        const [base, session] = pair.map((one) => withFullCoverage(one, pair)) as [Session, Session];
        // Requests that are told apart by their number only are other entries in another order.
        fc.pre(!hasTwins(base) && !hasTwins(session));
        const branches = await branchesOf(base, [session, base]);
        const { session: merged, conflicts, losses, parked } = await mergeSessions(branches.map((one) => one.session));
        expect({ conflicts, losses, parked }).toEqual({ conflicts: [], losses: [], parked: [] });
        const shown = (one: Session) => contentOf({ ...withoutMarks(one), tabs: one.tabs.map((tab) => ({ ...tab, sessionStorage: [] })) });
        expect(await shown(merged)).toEqual(await shown(session));
      }),
      RUNS,
    );
  });
});

describe('merging branches', () => {
  test('gives the same bytes in any order, and merged again', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (made) => {
        const [base, ...others] = (await makeRelated(made, 3)) as [Session, ...Session[]];
        const plain = others.map(({ mergeState: _, ...one }) => one as Session);
        const branches = (await branchesOf(base, plain)).map(({ session }) => session);
        const { session: merged } = await mergeSessions(branches);
        const again = (await branchesOf(base, plain)).map(({ session }) => session);
        expect(await bytesOf((await mergeSessions([...again].reverse())).session)).toBe(await bytesOf(merged));
        expect(await bytesOf((await mergeSessions([merged, ...again])).session)).toBe(await bytesOf(merged));
        expect(hasError(await validateSession(merged, { now: 0 }))).toBe(false);
      }),
      RUNS,
    );
  });
});

/** Cookies, localStorage, the header and permissions: without what only grows (law M15), and without what has such members inside. */
function withoutMarks(session: Session): Session {
  const { permissions, credentials, ttl, ...rest } = session;
  const storage = session.storage.flatMap(({ key, localStorage, bucketPolicy }) =>
    localStorage.length === 0 ? [] : [{ key, localStorage, indexedDB: [], ...(bucketPolicy === undefined ? {} : { bucketPolicy }) }],
  );
  const coverage: Coverage = { cookies: 'complete', tabs: 'complete', storage: [] };
  return {
    ...rest,
    ...{ createdAt: 0, updatedAt: 0, revision: 0, coverage, storage },
    ...(permissions === undefined || permissions.length === 0 ? {} : { permissions }),
  };
}

describe('a branch whose policies merge inside of values', () => {
  const withItem = (value: string, afterMs = 0): Session => ({
    ...storageOf({ localStorage: [['item', value]] }),
    updatedAt: NOON + afterMs,
  });
  const shownOf = async (policy: 'json' | 'text', ...values: [base: string, ...others: string[]]) => {
    const [base, ...sides] = values.map((value, i) => withItem(value, i));
    const policies = [{ policy }];
    const branches = await branchesOf(base as Session, sides, { policies });
    const { session, conflicts } = await mergeSessions(
      branches.map((one) => one.session),
      { policies },
    );
    return [session.storage[0]?.localStorage[0]?.[1], conflicts.length];
  };

  test('M3: keeps what each of them changed there', async () => {
    expect(await shownOf('json', '{"a":1,"b":1}', '{"a":2,"b":1}', '{"a":1,"b":2}')).toEqual(['{"a":2,"b":2}', 0]);
    expect(await shownOf('text', 'Dear', 'Dear Ada', 'Oh Dear')).toEqual(['Oh Dear Ada', 0]);
  });

  test('M5: merged under other policies it is another write, and no fork', async () => {
    const base = withItem('{"a":1}');
    const side = withItem('{"a":2}', 1);
    const branches = await Promise.all(
      [{}, { policies: [{ policy: 'json' as const }] }].map((options) => branchesOf(base, [side], options)),
    );
    const { session, conflicts } = await mergeSessions(branches.flat().map((one) => one.session));
    expect([session.storage[0]?.localStorage, conflicts]).toEqual([[['item', '{"a":2}']], []]);
  });
});
