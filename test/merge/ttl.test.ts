/** Times to live in merges of whole sessions: what has expired hides what it won against, and a reading at one time is the same for everybody. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EntryValue } from '../../ts/merge/entry.ts';
import { mergeSessions } from '../../ts/merge/merge.ts';
import type { Cookie, Session } from '../../ts/session/session.ts';
import { bytesOf } from './session-fixture.ts';
import { cookieOf, type Deed, NOON, sessionOf, work } from './worker.ts';

const path = ['app.example', '/', 'sid', 'host-only', ''];

/** A session in which a worker wrote the cookie at a time, or deleted it; all from one past. */
function writing(cookie: Pick<Cookie, 'value' | 'expiresAt'> | null, at: number): Promise<Session> {
  const deed: Deed = cookie === null ? ['cookie', path] : ['cookie', path, cookieOf('sid', cookie.value, cookie) as unknown as EntryValue];
  return work(past, [deed], NOON + at);
}

const past = sessionOf({ cookies: [cookieOf('sid', 'first', { expiresAt: NOON + 900_000 })] });

async function shown(now: number, ...sessions: readonly Session[]): Promise<string[]> {
  return (await mergeSessions(sessions, { now: NOON + now })).session.cookies.map(({ value }) => value);
}

test('M2: an expired winner does not bring back what it won against, however long that would live', async () => {
  const lasting = await writing({ value: 'lasting', expiresAt: NOON + 800_000 }, 1000);
  const brief = await writing({ value: 'brief', expiresAt: NOON + 5000 }, 2000);
  expect(await shown(4999, lasting, brief)).toEqual(['brief']);
  expect(await shown(5000, lasting, brief)).toEqual([]);
  // Nor after the expired reading was stored, read and merged again.
  const stored = (await mergeSessions([lasting, brief], { now: NOON + 6000 })).session;
  expect(await shown(6000, stored, lasting)).toEqual([]);
});

test('M4: a deletion against a time to live: the later one decides, and neither brings back the other', async () => {
  const logout = await writing(null, 3000);
  const before = await writing({ value: 'before', expiresAt: NOON + 5000 }, 2000);
  const after = await writing({ value: 'after', expiresAt: NOON + 5000 }, 4000);
  for (const now of [4500, 5000]) expect(await shown(now, before, logout)).toEqual([]);
  expect(await shown(4500, after, logout)).toEqual(['after']);
  expect(await shown(5000, after, logout, before)).toEqual([]);
});

test('M2, M20: equal sessions at equal times for everybody; the time of reading changes nothing of the state', async () => {
  const write = fc.record({
    value: fc.constantFrom('x', 'y', null),
    at: fc.nat(4000),
    expiresAt: fc.constantFrom(null, NOON + 3000, NOON + 6000),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(write, { minLength: 2, maxLength: 4 }), fc.nat(8000), async (writes, now) => {
      const sessions: Session[] = [];
      for (const { value, at, expiresAt } of writes) sessions.push(await writing(value === null ? null : { value, expiresAt }, at));
      const read = async (list: readonly Session[], at: number): Promise<Session> =>
        (await mergeSessions(list, { now: NOON + at })).session;
      const expected = await bytesOf(await read(sessions, now));
      expect(await bytesOf(await read([...sessions].reverse(), now))).toBe(expected);
      // Read early, late, and then merged once more: as if it had been read now at once.
      const early = await read(sessions.slice(0, 2), 0);
      const late = await read(sessions.slice(1), 9000);
      expect(await bytesOf(await read([late, early], now))).toBe(expected);
    }),
    { numRuns: 80 },
  );
});
