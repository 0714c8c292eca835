/** M7: who receives judges drift by his own clock, before joining; what is too far ahead is refused, or written anew. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import { branchesOf } from '../../ts/merge/branch.ts';
import { MAX_DRIFT_MS } from '../../ts/merge/clock.ts';
import { mergeSessions, readMerge } from '../../ts/merge/merge.ts';
import { receiveSessions } from '../../ts/merge/receive.ts';
import { validateSession } from '../../ts/session/check.ts';
import type { Session } from '../../ts/session/session.ts';
import { history, makeRelated } from './related.ts';
import { bytesOf, contentOf } from './session-fixture.ts';
import { cookieOf, KEY, merged, NOON, sessionOf, storageOf, work } from './worker.ts';

const DAY = 86_400_000;
const TOKEN = ['app.example', '/', 'token', 'host-only', ''];
const token = (value: string) => ['cookie', TOKEN, cookieOf('token', value) as never] as const;
const tokensIn = ({ cookies }: Session): string[] => cookies.map(({ value }) => value);
const received = (sessions: readonly Session[], now: number) => receiveSessions(sessions, { now, restamp: true });

async function latest(session: Session): Promise<number> {
  const { entries } = (await readMerge(session)).document;
  return Math.max(...[...entries.values()].flatMap(({ candidates }) => candidates.map(({ stamp }) => stamp.time)));
}

describe('M7: what is received', () => {
  test('is as it was within the bound', async () => {
    const base = await merged(sessionOf({ cookies: [cookieOf('token', 'old')] }));
    const sessions = [await work(base, [token('new')], NOON + MAX_DRIFT_MS), base];
    expect(await received(sessions, NOON)).toEqual(sessions);
    expect(await receiveSessions(sessions, { now: NOON })).toEqual(sessions);
  });

  test('is refused beyond it, by its stamps and by the time of a session that has none', async () => {
    const base = await merged(sessionOf({ cookies: [cookieOf('token', 'old')] }));
    const ahead = [await work(base, [token('new')], NOON + DAY), sessionOf({ updatedAt: NOON + DAY })];
    for (const one of ahead) {
      const failure = await receiveSessions([base, one], { now: NOON }).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(PspError);
      expect(failure).toMatchObject({ code: 'MERGE_DRIFT', details: { aheadMs: DAY, maxDriftMs: MAX_DRIFT_MS } });
    }
  });

  test('written anew, it shows the same, is valid, and nothing is ahead any more', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.nat(3), async (one, back) => {
        // Each with a state: the writes of one without are named by its content and its time.
        const sessions = await Promise.all((await makeRelated(one, 3)).map((session) => merged(session)));
        const now = NOON - DAY + back;
        const anew = await received(sessions, now);
        expect(await Promise.all(anew.map(untimed))).toEqual(await Promise.all(sessions.map(untimed)));
        for (const session of anew) {
          expect(session.updatedAt).toBeLessThanOrEqual(now + MAX_DRIFT_MS);
          if (session.mergeState !== undefined) expect(await latest(session)).toBeLessThanOrEqual(now + MAX_DRIFT_MS);
          expect((await validateSession(session, { now })).filter(({ severity }) => severity === 'error')).toEqual([]);
        }
        // Merging them shows what it did: their order among each other stays.
        expect(await untimed(await merged(...anew))).toEqual(await untimed(await merged(...sessions)));
        expect(await bytesOf(await merged(...[...anew].reverse()))).toBe(await bytesOf(await merged(...anew)));
      }),
      { numRuns: 15 },
    );
  });

  test('written anew, what replaced a write still does, and what a later writer says now wins', async () => {
    const base = await merged(sessionOf({ cookies: [cookieOf('token', 'old')] }));
    const login = await work(base, [token('login')], NOON + DAY);
    const logout = await work(login, [['cookie', TOKEN]], NOON + DAY + 1);
    const [oldLogin, newLogout] = (await received([login, logout], NOON)) as [Session, Session];
    expect(tokensIn(await merged(oldLogin, newLogout))).toEqual([]);
    expect(tokensIn(await merged(newLogout, login))).toEqual([]);
    const next = await work(base, [token('next')], NOON + 1);
    expect(tokensIn(await merged(login, next))).toEqual(['login']);
    expect(tokensIn(await merged(oldLogin, next))).toEqual(['next']);
  });

  test('written anew by a clock that is slow, a logout is put before a refresh that it came after: so that is never done unasked', async () => {
    const base = await merged(sessionOf({ cookies: [cookieOf('token', 'old')] }));
    const refresh = await work(base, [token('refreshed')], NOON);
    const logout = await work(base, [['cookie', TOKEN]], NOON + DAY / 24);
    expect(tokensIn(await merged(refresh, logout))).toEqual([]);
    const [anew] = (await received([logout], NOON - DAY)) as [Session];
    expect(tokensIn(await merged(refresh, anew))).toEqual(['refreshed']);
  });

  test('written anew twice, by receivers with different clocks, it is shown once', async () => {
    const base = await merged(storageOf({ localStorage: [['a', '1']] }));
    const ahead = await work(base, [['localStorage', [KEY, 'a'], '2']], NOON + DAY);
    const [one] = (await received([ahead], NOON)) as [Session];
    const [other] = (await received([ahead], NOON + 5)) as [Session];
    const both = await mergeSessions([one, other, ahead]);
    expect(both.conflicts).toEqual([]);
    expect(both.losses).toEqual([]);
    expect(both.session.storage[0]?.localStorage).toEqual([['a', '2']]);
  });

  test('of two branches whose times say nothing, nobody knows which was later, and that is told', async () => {
    const base = sessionOf({ cookies: [cookieOf('token', 'old')], updatedAt: NOON + DAY });
    const sides = ['ours', 'theirs'].map((value, i) => ({ ...base, cookies: [cookieOf('token', value)], updatedAt: NOON + DAY + i }));
    for (const [from, ...files] of [
      [base, ...sides.map((side) => ({ ...side, updatedAt: base.updatedAt }))],
      await received([base, ...sides], NOON),
    ]) {
      const branches = await branchesOf(from as Session, files as Session[]);
      const { conflicts } = await mergeSessions(branches.map(({ session }) => session));
      expect(conflicts).toMatchObject([{ kind: 'cookie', reason: 'order-unknown' }]);
    }
  });
});

/** What a session holds, without its times. */
async function untimed(session: Session): Promise<unknown> {
  return contentOf({ ...session, createdAt: 0, updatedAt: 0 });
}
