/** Laws M15 and M16 where somebody changes a session without merging: when that counts, who it was, and which life the session is of. */
import { expect, test } from 'vitest';
import type { Session } from '../../ts/session/session.ts';
import { bytesOf } from './session-fixture.ts';
import { KEY, merged, NOON, storageOf, work } from './worker.ts';

const item = (session: Session, name: string): unknown => session.storage[0]?.localStorage.find(([found]) => found === name)?.[1];

/** By hand: the items are others, and so may be the time. */
function edit(session: Session, items: Readonly<Record<string, string>>, more: Partial<Session> = {}): Session {
  const storage = session.storage.map((one) => ({ ...one, localStorage: Object.entries(items) }));
  return { ...session, storage, ...more };
}

const base = storageOf({
  localStorage: [
    ['a', '1'],
    ['b', '1'],
  ],
});

test('M16: a change by hand comes after all that its state holds, also where the session says an earlier time', async () => {
  const worked = await work(base, [['localStorage', [KEY, 'a'], 'of a worker']], NOON + 3_600_000);
  const edited = edit(await merged(worked), { a: 'by hand', b: '1' }, { updatedAt: NOON + 1 });
  // Somebody who had not seen it, half way between what the editor's session says and what it had seen.
  const other = await work(base, [['localStorage', [KEY, 'a'], 'another']], NOON + 1_800_000);
  for (const sessions of [
    [edited, other],
    [other, edited, worked],
  ]) {
    expect(item(await merged(...sessions), 'a')).toBe('by hand');
  }
});

test('M5, M16: two who make the same of different states are two writers, and join in any order', async () => {
  const one = await merged(await work(base, [['localStorage', [KEY, 'a'], '3']], NOON + 1000));
  const other = await merged(await work(base, [['localStorage', [KEY, 'b'], '3']], NOON + 1000));
  const edits = [one, other].map((session) => edit(session, { a: '3', b: '3' }, { updatedAt: NOON + 2000 }));
  // Had seen the first one's value, and not that the other one wrote it again, later.
  const deleting = await work(one, [['localStorage', [KEY, 'a']]], NOON + 1500);
  const [there, back] = [await merged(...edits, deleting), await merged(deleting, ...[...edits].reverse())];
  expect(await bytesOf(there)).toBe(await bytesOf(back));
  expect([item(there, 'a'), item(there, 'b')]).toEqual(['3', '3']);
});

test('M16: the same change of the same state is one write, whoever makes it', async () => {
  const state = await merged(await work(base, [['localStorage', [KEY, 'a'], '2']], NOON + 1000));
  const edits = [1, 2].map(() => edit(state, { a: '3', b: '1' }, { updatedAt: NOON + 2000 }));
  expect(await bytesOf(await merged(...edits))).toBe(await bytesOf(await merged(edits[0]!)));
});

test('M15: the merged session is of the life that was there first, in whatever order the sessions come', async () => {
  const lives = [
    { incarnation: 'old', createdAt: NOON },
    { incarnation: 'young', createdAt: NOON + 10 },
    { incarnation: 'a twin of old', createdAt: NOON },
  ].map((members) => ({ ...base, ...members, updatedAt: NOON + 20 }));
  const orders = [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
  ];
  for (const order of orders) {
    const session = await merged(...order.map((at) => lives[at]!));
    expect([session.incarnation, session.createdAt]).toEqual(['a twin of old', NOON]);
  }
});
