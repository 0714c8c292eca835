/** The laws of joining on whole sessions: on the bytes that are stored, for any order, grouping and repetition, through storing and reading. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeSession, encodeSession } from '../../ts/index.ts';
import { mergeSessions } from '../../ts/merge/merge.ts';
import { validateSession } from '../../ts/session/check.ts';
import type { Session } from '../../ts/session/session.ts';
import { history, makeRelated } from './related.ts';
import { bytesOf, contentOf, plainSession } from './session-fixture.ts';

const merge = async (...sessions: readonly Session[]): Promise<Session> => (await mergeSessions(sessions)).session;
/** Stored and read again. */
const restart = async (session: Session): Promise<Session> => decodeSession(await encodeSession(session));

describe('M1, M20: joining whole sessions', () => {
  test('is commutative', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (past) => {
        const [a, b] = await makeRelated(past, 2);
        expect(await bytesOf(await merge(a!, b!))).toBe(await bytesOf(await merge(b!, a!)));
      }),
      { numRuns: 60 },
    );
  });

  test('is associative, also through storing and reading', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (past) => {
        const [a, b, c] = await makeRelated(past, 3);
        const left = await merge(await restart(await merge(a!, b!)), c!);
        const right = await merge(a!, await restart(await merge(b!, c!)));
        expect(await bytesOf(left)).toBe(await bytesOf(right));
        expect(await bytesOf(await merge(a!, b!, c!))).toBe(await bytesOf(left));
      }),
      { numRuns: 60 },
    );
  });

  test('is idempotent, and a merged session takes nothing from its parts', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (past) => {
        const [a, b] = await makeRelated(past, 2);
        const merged = await merge(a!, b!);
        const bytes = await bytesOf(merged);
        expect(await bytesOf(await merge(merged))).toBe(bytes);
        expect(await bytesOf(await merge(merged, merged))).toBe(bytes);
        expect(await bytesOf(await merge(b!, await restart(merged), a!, b!))).toBe(bytes);
      }),
      { numRuns: 40 },
    );
  });

  test('any partition, order and repetition of any number of sessions gives the same bytes', async () => {
    const schedule = fc.tuple(history, fc.infiniteStream(fc.nat(1_000_000)));
    await fc.assert(
      fc.asyncProperty(schedule, async ([past, stream]) => {
        const sessions = await makeRelated(past, 5);
        const draw = (limit: number): number => (stream.next().value as number) % limit;
        const expected = await bytesOf(await merge(...sessions));
        const pool = [...sessions];
        while (pool.length > 1) {
          const [one] = pool.splice(draw(pool.length), 1) as [Session];
          const at = draw(pool.length);
          const joined = await merge(one, pool[at]!, ...(draw(3) === 0 ? [sessions[draw(5)]!] : []));
          pool[at] = draw(2) === 0 ? await restart(joined) : joined;
        }
        expect(await bytesOf(pool[0]!)).toBe(expected);
      }),
      { numRuns: 40 },
    );
  });
});

test('M13: the merged view of valid sessions is valid', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (past) => {
      const sessions = await makeRelated(past, 3);
      const issues = await validateSession(await merge(...sessions));
      expect(issues.filter(({ severity }) => severity === 'error')).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test('M16: what a session without state lacks means nothing; equal sessions are one', async () => {
  await fc.assert(
    fc.asyncProperty(plainSession, async (session) => {
      const one = await merge(session);
      expect(await bytesOf(await merge(session, await restart(session)))).toBe(await bytesOf(one));
      const emptied = { ...session, cookies: [], tabs: [] };
      const { ttl: _, ...bare } = emptied;
      const merged = await merge(session, bare);
      expect(merged.cookies).toEqual(one.cookies);
      expect(merged.tabs.map(({ id }) => id)).toEqual(one.tabs.map(({ id }) => id));
    }),
    { numRuns: 30 },
  );
});

test('what is read back shows the same as what was stored', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (past) => {
      const sessions = await makeRelated(past, 2);
      const merged = await merge(...sessions);
      expect(await contentOf(await restart(merged))).toEqual(await contentOf(merged));
    }),
    { numRuns: 40 },
  );
});
