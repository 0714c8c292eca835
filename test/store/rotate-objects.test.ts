/** Law M19: the rotation of commits in a provider without conditions. Each is written anew beside the old one, which goes when it may. */
import { describe, expect, test } from 'vitest';
import { peek } from '../../ts/envelope/peek.ts';
import { type RotateOptions, type RotationResult, rotateStore } from '../../ts/store/session-store.ts';
import { NEW, OLD, promoted } from './rotation-fixture.ts';
import { codeOf } from './store-fixture.ts';
import { add, commitItems, failing, hiding, ID, itemSession, OBJECT, type Place, placeWith, storedItems } from './writers-fixture.ts';

const TWELVE_MINUTES = 720_000;

/** A place with two commits, the second of which has seen the first, all on the key `old`. */
async function committed(): Promise<Place> {
  const place = await placeWith(null);
  const store = place.open(place.provider, { keys: OLD });
  await store.put(itemSession({ token: '1' }));
  for (const name of ['a', 'b']) await commitItems(await store.checkout(ID), add(name));
  place.nowMs += 1000;
  return place;
}
const ALL = { token: '1', a: '1', b: '1' };

function rotate(place: Place, more: Partial<RotateOptions> = {}): Promise<RotationResult> {
  const { contextOf } = place.open();
  return rotateStore(place.provider, promoted(), { mode: 'rewrap', contextOf, now: () => place.nowMs, nobodyPuts: true, ...more });
}

/** How many values are on which key. */
async function kidsOf(place: Place): Promise<Record<string, number>> {
  const count: Record<string, number> = {};
  for (const key of await place.keys()) {
    for (const { kid } of peek((await place.provider.get(key))!.value).unverified.wraps) count[kid] = (count[kid] ?? 0) + 1;
  }
  return count;
}

describe.each(['rewrap', 'reseal'] as const)('%s of commits', (mode) => {
  test('writes each anew; the old ones go twelve minutes later; the session is the same all the while', async () => {
    const place = await committed();
    const both = place.open(place.provider, { keys: promoted() });
    expect(await rotate(place, { mode, dryRun: true })).toMatchObject({ done: 3, conflicted: 0 });
    expect(await kidsOf(place)).toEqual({ old: 3 });
    expect(await rotate(place, { mode })).toMatchObject({ done: 1, skipped: 0, conflicted: 2, failed: [] });
    expect(await kidsOf(place)).toEqual({ old: 2, new: 3 });
    expect(await storedItems(both)).toEqual(ALL);
    place.nowMs += TWELVE_MINUTES - 1;
    expect(await rotate(place, { mode })).toMatchObject({ done: 0, skipped: 3, conflicted: 2, failed: [] });
    place.nowMs += 1;
    expect(await rotate(place, { mode, dryRun: true })).toMatchObject({ done: 2, skipped: 3, conflicted: 0 });
    expect(await rotate(place, { mode })).toMatchObject({ done: 2, skipped: 3, conflicted: 0, failed: [] });
    expect(await kidsOf(place)).toEqual({ new: 3 });
    expect(await rotate(place, { mode })).toMatchObject({ done: 0, skipped: 3, conflicted: 0 });
    expect(await storedItems(place.open(place.provider, { keys: NEW }))).toEqual(ALL);
  });

  test('says of itself what the old one says, and lives as long', async () => {
    const place = await placeWith(null);
    const store = place.open(place.provider, { keys: OLD });
    await store.put({ ...itemSession({ token: '1' }), expiresAt: place.nowMs + 5_000_000 });
    await commitItems(await store.checkout(ID), add('a'));
    const [, before] = await place.keys();
    await rotate(place, { mode });
    const after = (await place.keys()).find((key) => OBJECT.test(key) && key !== before)!;
    const [old, now] = [(await place.provider.head(before!))!, (await place.provider.head(after))!];
    expect(now.expiresAt).toBe(old.expiresAt);
    expect(now.expiresAt).not.toBeNull();
    const { at: _, write, ...rest } = old.metadata;
    expect(now.metadata).toEqual({
      ...rest,
      before: write!.slice(0, 12),
      at: expect.any(String),
      write: expect.not.stringMatching(write!),
    });
    expect(Number(now.metadata['at'])).toBeGreaterThan(Number(old.metadata['at']));
  });
});

describe('rotation of commits', () => {
  test('workers go on meanwhile, and remove what others have read long ago', async () => {
    const place = await committed();
    await rotate(place);
    const both = place.open(place.provider, { keys: promoted() });
    place.nowMs += TWELVE_MINUTES;
    await commitItems(await both.checkout(ID), add('c'));
    // The first commit is in the second, which is there twice, since nobody has read its successor as yet.
    expect(await kidsOf(place)).toEqual({ new: 3, old: 1 });
    expect(await rotate(place)).toMatchObject({ done: 1, skipped: 3, conflicted: 0 });
    expect(await storedItems(both)).toEqual({ ...ALL, c: '1' });
  });

  test('a reseal of all is done, too', async () => {
    const place = await committed();
    await rotate(place, { mode: 'reseal', all: true });
    place.nowMs += TWELVE_MINUTES;
    expect(await rotate(place, { mode: 'reseal' })).toMatchObject({ done: 2, skipped: 3, conflicted: 0 });
  });

  test('a session that is deleted or purged between the look and the write does not come back', async () => {
    for (const end of ['delete', 'purge'] as const) {
      const place = await committed();
      const other = place.open(place.provider, { keys: promoted() });
      const put = place.provider.put.bind(place.provider);
      let isOver = false;
      const racing = new Proxy(place.provider, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name);
          if (name !== 'put') return typeof value === 'function' ? value.bind(target) : value;
          return async (...args: Parameters<typeof put>) => {
            if (!isOver && OBJECT.test(args[0])) {
              isOver = true;
              await other[end](ID);
            }
            return put(...args);
          };
        },
      });
      const { contextOf } = place.open();
      await rotateStore(racing, promoted(), { mode: 'rewrap', contextOf, now: () => place.nowMs, nobodyPuts: true, concurrency: 1 });
      expect(isOver).toBe(true);
      expect((await place.keys()).filter((key) => OBJECT.test(key))).toEqual([]);
      expect(await storedItems(other)).toBeNull();
    }
  });

  test('what has ended gets no successor', async () => {
    const place = await committed();
    const [, object] = await place.keys();
    const { value, metadata } = (await place.provider.get(object!))!;
    const store = place.open(place.provider, { keys: promoted() });
    await store.delete(ID);
    await place.provider.put(object!, value, { metadata });
    expect(await rotate(place)).toMatchObject({ done: 0, skipped: 2, conflicted: 0, failed: [] });
    expect(await place.keys()).toEqual([ID, object]);
  });

  test('marks need nothing, and what they say has ended gets no successor when nothing else is left', async () => {
    const place = await committed();
    const old = await Promise.all((await place.keys()).filter((key) => OBJECT.test(key)).map((key) => place.provider.get(key)));
    const store = place.open(place.provider, { keys: promoted() });
    await store.delete(ID);
    await store.put({ ...itemSession({ token: '2' }, 'second'), expiresAt: place.nowMs + 600_000 });
    for (const one of old) await place.provider.put(one!.key, one!.value, { metadata: one!.metadata });
    expect(await rotate(place, { mode: 'rewrap' })).toMatchObject({ done: 0, skipped: 4, conflicted: 0, failed: [] });
    place.nowMs += 700_000;
    const keys = await place.keys();
    expect(keys).toHaveLength(3);
    for (const dryRun of [true, false]) expect(await rotate(place, { dryRun })).toMatchObject({ done: 0, skipped: 3, failed: [] });
    expect(await place.keys()).toEqual(keys);
    expect(await storedItems(store)).toBeNull();
  });

  test('a session that was to be replaced, and was not, is rotated as ever', async () => {
    const place = await committed();
    const refusing = failing(place.provider, (key) => key === ID, 'PROVIDER_TOO_LARGE');
    const next = { ...itemSession({}, 'second'), expiresAt: place.nowMs + 600_000 };
    expect(await codeOf(place.open(refusing, { keys: OLD }).put(next, { replace: true }))).toBe('PROVIDER_TOO_LARGE');
    expect(await place.keys()).toHaveLength(4);
    expect(await rotate(place)).toMatchObject({ done: 1, skipped: 1, conflicted: 2, failed: [] });
    expect(await storedItems(place.open(place.provider, { keys: promoted() }))).toEqual(ALL);
  });

  test('another value under the name of its write is no successor', async () => {
    const place = await committed();
    const [, first, second] = await place.keys();
    const facts = (await place.provider.head(first!))!.metadata;
    const { value } = (await place.provider.get(second!))!;
    await rotate(place);
    const forged = `${ID}/#w/ffffffffffffffff/1`;
    const own = (await place.keys()).filter((key) => OBJECT.test(key) && key !== first && key !== second);
    for (const key of own) await place.provider.delete(key);
    await place.provider.put(forged, value, { metadata: { ...facts, at: String(place.nowMs + 1) } });
    place.nowMs += TWELVE_MINUTES + 1;
    expect(await rotate(place)).toMatchObject({ failed: [] });
    expect(await place.keys()).toContain(first);
  });

  test('is refused without the word that nobody puts', async () => {
    const place = await committed();
    expect(await codeOf(rotate(place, { nobodyPuts: false }))).toBe('PROVIDER_UNSUPPORTED');
    expect(await kidsOf(place)).toEqual({ old: 3 });
  });

  test('a commit that the service does not show yet is found by the next run', async () => {
    const place = await committed();
    const [, , second] = await place.keys();
    const { contextOf } = place.open();
    const behind = hiding(place.provider, (key) => key === second);
    const lists = new Proxy(behind, {
      get(target, name) {
        if (name !== 'list') return Reflect.get(target, name);
        return async function* (options: object) {
          for await (const head of place.provider.list(options)) if (head.key !== second) yield head;
        };
      },
    });
    const options = { mode: 'rewrap', contextOf, now: () => place.nowMs, nobodyPuts: true } as const;
    expect(await rotateStore(lists, promoted(), options)).toMatchObject({ done: 1, conflicted: 1 });
    expect(await rotate(place)).toMatchObject({ conflicted: 2 });
    place.nowMs += TWELVE_MINUTES;
    expect(await rotate(place)).toMatchObject({ done: 2, conflicted: 0 });
    expect(await kidsOf(place)).toEqual({ new: 3 });
  });
});
