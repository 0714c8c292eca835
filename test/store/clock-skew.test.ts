/** Law M7 through a store: workers whose clocks are a day behind, an hour ahead, or go back. What saw comes after what it saw; time orders only what is concurrent. */
import { describe, expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { readMerge } from '../../ts/merge/merge.ts';
import { type SessionStore, sessionStore } from '../../ts/store/session-store.ts';
import { commitItems, ID, itemSession, START, storedItems } from './writers-fixture.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** One service, and stores of workers whose clocks may be set. */
async function world() {
  const time = { now: START };
  const provider = memory({ now: () => time.now });
  const storeOf = (clock: { skewMs: number }): SessionStore => sessionStore(provider, { keys: null, now: () => time.now + clock.skewMs });
  const right = storeOf({ skewMs: 0 });
  await right.put(itemSession({ stays: '1', token: 'first' }));
  return { time, right, storeOf };
}

/** The latest time that any write in the store says. */
async function latestStamp(store: SessionStore): Promise<number> {
  const { document } = await readMerge((await store.get(ID))!.session);
  return Math.max(...[...document.entries.values()].flatMap(({ candidates }) => candidates.map(({ stamp }) => stamp.time)));
}

describe.each([
  { what: 'a day behind', skewMs: -DAY_MS },
  { what: 'an hour ahead', skewMs: HOUR_MS },
])('M7: a worker whose clock is $what', ({ skewMs }) => {
  test('replaces what it saw', async () => {
    const { time, right, storeOf } = await world();
    await commitItems(await right.checkout(ID), (items) => ({ ...items, token: 'seen' }));
    time.now += 1000;
    await commitItems(await storeOf({ skewMs }).checkout(ID), (items) => ({ ...items, token: 'of the wrong clock' }));
    expect(await storedItems(right)).toEqual({ stays: '1', token: 'of the wrong clock' });
  });

  test('is replaced by whoever saw it, a logout too', async () => {
    const { time, right, storeOf } = await world();
    await commitItems(await storeOf({ skewMs }).checkout(ID), (items) => ({ ...items, token: 'of the wrong clock' }));
    time.now += 1000;
    await commitItems(await right.checkout(ID), ({ token: _, ...items }) => items);
    expect(await storedItems(right)).toEqual({ stays: '1' });
  });

  test('brings what is new beside what others brought, whatever the clocks say', async () => {
    const { time, right, storeOf } = await world();
    const [wrong, other] = [await storeOf({ skewMs }).checkout(ID), await right.checkout(ID)];
    time.now += 1000;
    await commitItems(wrong, (items) => ({ ...items, a: '1' }));
    await commitItems(other, (items) => ({ ...items, b: '1' }));
    expect(await storedItems(right)).toEqual({ stays: '1', token: 'first', a: '1', b: '1' });
  });
});

test('M7: a clock that goes back: each commit of a worker comes after the ones before', async () => {
  const { time, right, storeOf } = await world();
  const clock = { skewMs: HOUR_MS };
  const work = await storeOf(clock).checkout(ID);
  for (const [at, skewMs] of [HOUR_MS, 0, -DAY_MS, 5000].entries()) {
    clock.skewMs = skewMs;
    time.now += 1000;
    await commitItems(work, (items) => ({ ...items, token: `commit ${at}` }));
    expect(await storedItems(right)).toEqual({ stays: '1', token: `commit ${at}` });
  }
});

test('M7: who has seen a stamp of the future does not carry it on: what it writes is dated by its own clock', async () => {
  const { time, right, storeOf } = await world();
  await commitItems(await storeOf({ skewMs: HOUR_MS }).checkout(ID), (items) => ({ ...items, token: 'of the future' }));
  expect(await latestStamp(right)).toBe(START + HOUR_MS);
  time.now += 1000;
  await commitItems(await right.checkout(ID), (items) => ({ ...items, token: 'of today' }));
  expect(await storedItems(right)).toEqual({ stays: '1', token: 'of today' });
  expect(await latestStamp(right)).toBe(START + 1000);
});

test('M7: a put joins nothing and judges nothing: it is shown whatever its stamps say, and who has seen it comes after it', async () => {
  const { time, right, storeOf } = await world();
  await commitItems(await storeOf({ skewMs: DAY_MS }).checkout(ID), (items) => ({ ...items, token: 'of tomorrow' }));
  const { session } = (await right.get(ID))!;
  await commitItems(await right.checkout(ID), (items) => ({ ...items, token: 'of today' }));
  const before = await right.checkout(ID);
  await right.put(session);
  expect(await storedItems(right)).toEqual({ stays: '1', token: 'of tomorrow' });
  expect(await latestStamp(right)).toBe(START + DAY_MS);
  time.now += 1000;
  // Who did not see it loses to it.
  await commitItems(before, (items) => ({ ...items, token: 'beside it' }));
  expect(await storedItems(right)).toEqual({ stays: '1', token: 'of tomorrow' });
  await commitItems(await right.checkout(ID), (items) => ({ ...items, token: 'after it' }));
  expect(await storedItems(right)).toEqual({ stays: '1', token: 'after it' });
});
