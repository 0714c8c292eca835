import fc from 'fast-check';
import { expect, test } from 'vitest';
import { comparePlaces, isPlace, placesFor } from '../../ts/merge/tab-place.ts';

const ids = fc.uniqueArray(fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'), { maxLength: 26 });

function sorted(places: ReadonlyMap<string, string>): string[] {
  const tabs = [...places].map(([id, place]) => ({ id, place }));
  return tabs.sort(comparePlaces).map(({ id }) => id);
}

/** The length of the longest part of `order` that stands in the order of `known`, the slow way. */
function longestKept(order: readonly string[], known: ReadonlyMap<string, string>): number {
  const tabs = order.filter((id) => known.has(id)).map((id) => ({ id, place: known.get(id) as string }));
  const best: number[] = [];
  tabs.forEach((tab, i) => {
    best[i] = 1 + Math.max(0, ...tabs.slice(0, i).flatMap((other, j) => (comparePlaces(other, tab) < 0 ? [best[j] as number] : [])));
  });
  return Math.max(0, ...best);
}

test('tabs stand in the order asked for, whatever places were known, and as many as possible keep theirs', () => {
  const any = fc.stringMatching(/^[0-9A-Za-z]{0,3}[1-9A-Za-z]$/);
  fc.assert(
    fc.property(
      ids,
      fc.dictionary(fc.constantFrom(...'abcdefghijklmnop'), any),
      fc.constantFrom('', 'x', 'y'),
      (order, knownObject, seed) => {
        const known = new Map(Object.entries(knownObject));
        const places = placesFor(order, known, seed);
        expect(sorted(places)).toEqual(order);
        expect([...places.values()].every(isPlace)).toBe(true);
        const kept = order.filter((id) => known.get(id) === places.get(id)).length;
        const equalPlaces = new Set(known.values()).size < known.size;
        // Two tabs of one place leave no room between them.
        if (!equalPlaces) expect(kept).toBeGreaterThanOrEqual(longestKept(order, known));
      },
    ),
    { numRuns: 1000 },
  );
});

test('M14: moves and inserts of several workers, in any order of joining, never double a tab or swap those that nobody moved', () => {
  fc.assert(
    fc.property(ids, fc.array(fc.tuple(fc.nat(30), fc.nat(30)), { maxLength: 4 }), (order, moves) => {
      const base = placesFor(order, new Map(), '');
      const writes = moves.map(([from, to], i) => {
        const next = [...order];
        const [id] = order.length > 0 && i % 2 === 0 ? next.splice(from % order.length, 1) : [`new ${i}`];
        next.splice(to % (next.length + 1), 0, id as string);
        return { id: id as string, place: placesFor(next, base, `worker ${i}`).get(id as string) as string };
      });
      const joined = new Map(base);
      for (const { id, place } of writes) joined.set(id, place);
      const moved = new Set(writes.map(({ id }) => id));
      const stayed = sorted(joined).filter((id) => !moved.has(id));
      expect(stayed).toEqual(order.filter((id) => !moved.has(id)));
      expect(new Set(sorted(joined)).size).toBe(new Set([...order, ...moved]).size);
    }),
    { numRuns: 500 },
  );
});

test('everybody who knows nothing gives the same places; different seeds different ones at one spot', () => {
  const order = ['a', 'b', 'c'];
  expect(placesFor(order, new Map(), '')).toEqual(placesFor(order, new Map(), ''));
  const base = placesFor(order, new Map(), '');
  const drawn = Array.from({ length: 50 }, (_, i) => placesFor(['a', 'n', 'b', 'c'], base, `seed ${i}`).get('n'));
  expect(new Set(drawn).size).toBe(50);
});

test('places stay short: a hundred tabs, and a hundred more one after the other at the end, the start and one spot', () => {
  const many = Array.from({ length: 100 }, (_, i) => `t${i}`);
  let places = placesFor(many, new Map(), '');
  expect(Math.max(...[...places.values()].map(({ length }) => length))).toBeLessThanOrEqual(2);
  let order = many;
  for (let i = 0; i < 300; i++) {
    const at = i % 3 === 0 ? order.length : i % 3 === 1 ? 0 : order.length >> 1;
    order = [...order.slice(0, at), `n${i}`, ...order.slice(at)];
    places = placesFor(order, places, '');
  }
  expect(sorted(places)).toEqual(order);
  expect(Math.max(...[...places.values()].map(({ length }) => length))).toBeLessThanOrEqual(30);
});
