/** Merging inside values, through the door that commits and policies use. */
import { describe, expect, test } from 'vitest';
import type { PspError } from '../../ts/errors.ts';
import { learnBytes } from '../../ts/merge/content.ts';
import type { Candidate, EntryValue } from '../../ts/merge/entry.ts';
import { checkPolicy } from '../../ts/merge/policy/check.ts';
import { learnConflicts } from '../../ts/merge/policy/learn.ts';
import { structureModes } from '../../ts/merge/policy/rules.ts';
import { mergeJson, mergeText } from '../../ts/merge/policy/structured.ts';
import { resolve } from '../../ts/merge/resolve.ts';
import { decodeStructure, encodeStructure } from '../../ts/merge/structure/encoding.ts';
import { pairElements } from '../../ts/merge/structure/pair.ts';
import { type StructureMode, structureFor } from '../../ts/merge/structure.ts';
import { decodeValue } from '../../ts/session/clone/decode.ts';
import { encodeValue } from '../../ts/session/clone/encode.ts';
import { section, TEXT_MEDIA_TYPE } from '../../ts/session/session.ts';
import { item, itemPath, write } from './policy-fixture.ts';

/** A write that saw these candidates, with the structure that a commit would give it. */
function commit(
  replica: string,
  time: number | readonly [number, number],
  seen: readonly Candidate[],
  value: EntryValue,
  mode: StructureMode | null = 'json',
  counter = 1,
): Candidate {
  const plain = write(replica, time, value, counter);
  const structure = structureFor(seen, value, plain, mode);
  return structure === undefined ? plain : { ...plain, structure };
}

const json = (value: unknown): string => JSON.stringify(value);

/** What is read of concurrent candidates. */
function merged(policy: StructureMode, ...candidates: readonly Candidate[]) {
  const { shown, losses, conflicts } = resolve([item('k', ...candidates)], { policies: [{ policy }] });
  const [one] = shown;
  return { value: one?.value, losses, conflicts };
}

function mergedJson(...candidates: readonly Candidate[]): unknown {
  return JSON.parse(merged('json', ...candidates).value as string);
}

describe('json: objects merge by member', () => {
  const base = write('0', 1, json({ theme: 'dark', user: { name: 'Ann', age: 3 }, old: 1 }));

  test('M3: changes of different members are kept from both, at any depth', () => {
    const a = commit('a', 10, [base], json({ theme: 'light', user: { name: 'Ann', age: 3 }, old: 1 }));
    const b = commit('b', 20, [base], json({ theme: 'dark', user: { name: 'Ann', age: 4, city: 'Bonn' }, old: 1 }));
    expect(mergedJson(a, b)).toEqual({ theme: 'light', user: { name: 'Ann', age: 4, city: 'Bonn' }, old: 1 });
    expect(merged('json', a, b).losses).toEqual([]);
  });

  test('of one member the last write wins, and what lost is told with its place', () => {
    const a = commit('a', 10, [base], json({ theme: 'dark', user: { name: 'Bea', age: 3 }, old: 1 }));
    const b = commit('b', 20, [base], json({ theme: 'dark', user: { name: 'Cem', age: 3 }, old: 1 }));
    expect(mergedJson(a, b)).toMatchObject({ user: { name: 'Cem', age: 3 } });
    const { losses, conflicts } = merged('json', a, b);
    expect(losses).toMatchObject([{ within: ['user', 'name'], rule: 'json', losing: [{ dot: a.dot }], winning: { dot: b.dot } }]);
    expect(conflicts).toEqual([]);
  });

  test('M10: where the order of two writes of one member is unknown it is surfaced', () => {
    const a = commit('a', [0, 10], [base], json({ theme: 'x' }));
    const b = commit('b', [5, 20], [base], json({ theme: 'y' }));
    expect(merged('json', a, b).conflicts).toMatchObject([{ reason: 'order-unknown', rule: 'json' }]);
  });

  test('a deleted member stays deleted, unless another one wrote it again', () => {
    const gone = commit('a', 10, [base], json({ theme: 'dark', user: { name: 'Ann', age: 3 } }));
    const same = commit('b', 20, [base], json({ theme: 'light', user: { name: 'Ann', age: 3 }, old: 1 }));
    const again = commit('b', 5, [base], json({ theme: 'dark', user: { name: 'Ann', age: 3 }, old: 2 }));
    expect(mergedJson(gone, same)).toEqual({ theme: 'light', user: { name: 'Ann', age: 3 } });
    expect(mergedJson(gone, again)).toMatchObject({ old: 2 });
  });

  test('a deletion of what is around wins over a write inside of it: no part of an object comes back alone', () => {
    const gone = commit('a', 10, [base], json({ theme: 'dark', old: 1 }));
    const inside = commit('b', 20, [base], json({ theme: 'dark', user: { name: 'Bea', age: 3 }, old: 1 }));
    expect(mergedJson(gone, inside)).toEqual({ theme: 'dark', old: 1 });
    const { losses } = merged('json', gone, inside);
    expect(losses).toMatchObject([
      { within: ['user', 'name'], rule: 'json', losing: [{ dot: inside.dot, value: 'Bea' }], winning: { dot: gone.dot } },
    ]);
    expect(losses[0]?.winning.value).toBeUndefined();
  });

  test('M21: what was written inside of a deleted element lost to the last one who had seen and deleted it', () => {
    const list = write('0', 1, json({ cart: [{ id: 1, tags: ['x'] }] }));
    const inside = commit('a', 10, [list], json({ cart: [{ id: 1, tags: ['x'], note: { by: 'a' } }] }));
    const gone = commit('b', 20, [list], json({ cart: [] }));
    const also = commit('c', 30, [list], json({ cart: 'none' }));
    const stranger = write('d', 40, json({ other: true }));
    const two = merged('json', inside, gone, stranger);
    expect(JSON.parse(two.value as string)).toEqual({ other: true, cart: [] });
    expect(two.losses).toMatchObject([{ within: ['cart', '-', 'note'], losing: [{ dot: inside.dot }], winning: { dot: gone.dot } }]);
    const three = merged('json', inside, gone, also);
    expect(three.losses).toContainEqual(
      expect.objectContaining({ within: ['cart', '-', 'note'], winning: { dot: also.dot, stamp: also.stamp } }),
    );
  });

  test('a write survives a concurrent deletion of the whole entry', () => {
    const changed = commit('a', 10, [base], json({ theme: 'light' }));
    expect(merged('json', changed, write('b', 20)).value).toBe(json({ theme: 'light' }));
  });

  test('the members stand in the order of the last writer’s text', () => {
    const a = commit('a', 10, [base], json({ user: 1, theme: 'dark', old: 1, z: 1 }));
    const b = commit('b', 20, [base], json({ old: 1, theme: 'dark', user: { name: 'Ann', age: 9 } }));
    expect(Object.keys(mergedJson(a, b) as object)).toEqual(['old', 'theme', 'user', 'z']);
  });

  test('members named __proto__ and constructor are members', () => {
    const odd = write('0', 1, '{"__proto__":{"a":1},"constructor":1}');
    const a = commit('a', 10, [odd], '{"__proto__":{"a":2},"constructor":1}');
    const b = commit('b', 20, [odd], '{"__proto__":{"a":1,"b":1},"constructor":2}');
    expect(merged('json', a, b).value).toBe('{"__proto__":{"a":2,"b":1},"constructor":2}');
  });
});

describe('json: lists are sequences', () => {
  const cart = [
    { id: 'pen', qty: 1 },
    { id: 'ink', qty: 1 },
  ];
  const base = write('0', 1, json({ cart, tags: ['x', 'y'] }));

  test('what each one put in is there once, what one took out is gone', () => {
    const a = commit('a', 10, [base], json({ cart: [...cart, { id: 'pad', qty: 1 }], tags: ['y'] }));
    const b = commit('b', 20, [base], json({ cart: [{ id: 'cup', qty: 2 }, ...cart], tags: ['x', 'y', 'z'] }));
    expect(mergedJson(a, b)).toEqual({ cart: [{ id: 'cup', qty: 2 }, ...cart, { id: 'pad', qty: 1 }], tags: ['y', 'z'] });
  });

  test('one changes an element, another one its neighbour, a third one takes one out', () => {
    const a = commit('a', 10, [base], json({ cart: [{ id: 'pen', qty: 5 }, cart[1]], tags: ['x', 'y'] }));
    const b = commit('b', 20, [base], json({ cart: [{ id: 'pen', qty: 1, gift: true }, cart[1]], tags: ['x', 'y'] }));
    const c = commit('c', 30, [base], json({ cart: [cart[0]], tags: ['x', 'y'] }));
    expect(mergedJson(a, b, c)).toEqual({ cart: [{ id: 'pen', qty: 5, gift: true }], tags: ['x', 'y'] });
  });

  test('two who change one element make one element, not two', () => {
    const a = commit('a', 10, [base], json({ cart: [{ id: 'pen', qty: 5 }, cart[1]], tags: ['x', 'y'] }));
    const b = commit('b', 20, [base], json({ cart: [{ id: 'pen', qty: 7 }, cart[1]], tags: ['x', 'y'] }));
    expect(mergedJson(a, b)).toEqual({ cart: [{ id: 'pen', qty: 7 }, cart[1]], tags: ['x', 'y'] });
    expect(merged('json', a, b).losses).toMatchObject([{ within: ['cart', '0', 'qty'] }]);
  });

  test('runs that two wrote at one place do not interleave', () => {
    const list = write('0', 1, json([]));
    const a = commit('a', 10, [list], json(['a1', 'a2', 'a3']));
    const b = commit('b', 10, [list], json(['b1', 'b2', 'b3']));
    const both = (mergedJson(a, b) as string[]).map((one) => one[0]).join('');
    expect(['aaabbb', 'bbbaaa']).toContain(both);
  });

  test('lists without a common origin stand one after another, equal elements once', () => {
    expect(mergedJson(write('a', 10, json(['pen', 'ink'])), write('b', 20, json(['ink', 'cup', 'cup'])))).toEqual([
      'pen',
      'ink',
      'cup',
      'cup',
    ]);
    const none = mergedJson(write('a', 10, json({ cart: ['pen'], a: 1 })), write('b', 20, json({ cart: ['cup'], b: 1 })));
    expect(none).toEqual({ cart: ['pen', 'cup'], b: 1, a: 1 });
  });

  test('M17: two who saw one plain value lift it alike, whenever and wherever', () => {
    const a = commit('a', 10, [base], json({ cart: [cart[0]], tags: ['x', 'y'] }));
    const b = commit('b', 20, [base], json({ cart: [cart[1]], tags: ['x', 'y'] }));
    expect(mergedJson(a, b)).toEqual({ cart: [], tags: ['x', 'y'] });
  });

  test('M5: a retry gives the same bytes', () => {
    const again = (): Candidate => commit('a', 10, [base], json({ cart: [], tags: ['z'] }));
    expect(again().structure).toEqual(again().structure);
  });
});

describe('a write that saw several candidates', () => {
  const base = write('0', 1, json({ n: 0, list: ['x'] }));
  const a = commit('a', 10, [base], json({ n: 1, list: ['x', 'a'] }));
  const b = commit('b', 20, [base], json({ n: 2, list: ['x', 'b'] }));

  test('goes on from what they show together', () => {
    const shown = mergedJson(a, b) as { n: number; list: string[] };
    const next = commit('c', 30, [a, b], json({ ...shown, n: 3 }));
    const late = commit('d', 25, [a], json({ n: 1, list: ['x', 'a', 'd'] }));
    expect(new Set((mergedJson(next, late) as { list: string[] }).list)).toEqual(new Set(['x', 'a', 'b', 'd']));
    expect(mergedJson(next, late)).toMatchObject({ n: 3 });
  });

  test('settles their conflicts, also by writing what is shown', () => {
    const next = commit('c', 30, [a, b], json(mergedJson(a, b)));
    const late = commit('d', 5, [b], json({ n: 2, list: ['x', 'b', 'd'] }));
    expect(merged('json', next, late).losses).toEqual([]);
  });

  test('of lists without a common origin makes one', () => {
    const [one, two] = [write('a', 10, json(['pen'])), write('b', 20, json(['cup']))];
    const next = commit('c', 30, [one, two], json(['pen', 'cup']));
    const d = commit('d', 40, [next], json(['pen', 'cup', 'd']));
    const e = commit('e', 40, [next], json(['e', 'pen', 'cup']));
    expect(mergedJson(d, e)).toEqual(['e', 'pen', 'cup', 'd']);
  });

  test('carries the structure on where a candidate had one, whatever the rules are now', () => {
    expect(commit('c', 30, [a], json({ n: 9 }), null).structure).toBeInstanceOf(Uint8Array);
    expect(commit('c', 30, [base], json({ n: 9 }), null).structure).toBeUndefined();
    expect(commit('c', 30, [], json({ n: 9 })).structure).toBeUndefined();
    expect(commit('c', 30, [write('a', 10)], json({ n: 9 })).structure).toBeUndefined();
    expect(commit('c', 30, [base], 'no JSON').structure).toBeUndefined();
  });

  test('may be without a structure: it is lifted when it meets one', () => {
    const plain = write('c', 30, json({ n: 5, extra: true }));
    expect(mergedJson(a, plain)).toEqual({ n: 5, extra: true, list: ['x', 'a'] });
  });
});

describe('text', () => {
  const base = write('0', 1, 'The quick fox jumps.');

  test('keeps what each one typed and loses what one deleted', () => {
    const a = commit('a', 10, [base], 'The quick brown fox jumps.', 'text');
    const b = commit('b', 20, [base], 'The fox jumps over it.', 'text');
    expect(merged('text', a, b).value).toBe('The brown fox jumps over it.');
    expect(merged('text', a, b).losses).toEqual([]);
  });

  test('lone surrogates, NUL and pairs survive', () => {
    const odd = write('0', 1, '\ud800\0x😀y');
    const a = commit('a', 10, [odd], '\ud800\0x😀yA', 'text');
    const b = commit('b', 20, [odd], 'B\ud800\0x😀y', 'text');
    expect(merged('text', a, b).value).toBe('B\ud800\0x😀yA');
  });

  test('a text in a section is a text', async () => {
    const kept = section(
      new Uint8Array(new Uint16Array([...'The quick fox jumps!'].map((unit) => unit.charCodeAt(0))).buffer),
      TEXT_MEDIA_TYPE,
    );
    await learnBytes(kept);
    const base = write('0', 1, kept);
    const a = commit('a', 10, [base], 'The quick fox jumps!!', 'text');
    const b = commit('b', 20, [base], 'A quick fox jumps!', 'text');
    expect(merged('text', a, b).value).toBe('A quick fox jumps!!');
  });

  test('sections are read where a rule looks inside', async () => {
    const kept = section(new Uint8Array([0x5b, 0, 0x31, 0, 0x5d, 0]), TEXT_MEDIA_TYPE);
    const entry = item('k', write('a', 10, kept), write('b', 20, '[2]'));
    await learnConflicts([entry], [{ policy: 'json' }]);
    expect(resolve([entry], { policies: [{ policy: 'json' }] }).shown[0]?.value).toBe('[1,2]');
  });

  test('whoever saw texts without a common origin makes one', () => {
    const next = commit('c', 30, [write('a', 10, 'one'), write('b', 20, 'two')], 'one two', 'text');
    const d = commit('d', 40, [next], 'one and two', 'text');
    const e = commit('e', 40, [next], 'one two three', 'text');
    expect(merged('text', d, e).value).toBe('one and two three');
  });

  test('texts without a common origin are no merged text: the last one is shown', () => {
    const { value, losses } = merged('text', write('a', 10, 'one'), write('b', 20, 'two'));
    expect(value).toBe('two');
    expect(losses).toHaveLength(1);
  });
});

test('M2: merging inside is a pure function of the set of candidates, structures and all', () => {
  const base = write(
    '0',
    1,
    json({
      cart: [
        { id: 1, n: 0 },
        { id: 2, n: 0 },
      ],
      theme: 'dark',
    }),
  );
  const a = commit('a', [5, 20], [base], json({ cart: [{ id: 1, n: 1 }, { id: 2, n: 0 }, { id: 3 }], theme: 'x' }));
  const b = commit('b', [8, 30], [base], json({ cart: [{ id: 2, n: 2 }], theme: 'y' }));
  const c = commit('c', 25, [base], json({ cart: [{ id: 4 }, { id: 1, n: 5 }, { id: 2, n: 0 }] }));
  const text = write('0', 1, 'one two three');
  const typed = ['one two', 'zero one two three', 'one TWO three'].map((now, i) => commit('abc'.charAt(i), 10 + i, [text], now, 'text'));
  expect(
    checkPolicy(mergeJson, [item('k', a, b, c), item('k', a, b, write('d', 22)), item('k', a, write('d', 22, json({ cart: [9] })))]),
  ).toBeNull();
  expect(checkPolicy(mergeText, [item('k', ...typed), item('k', ...typed.slice(1), write('d', 9, 'other'))])).toBeNull();
});

describe('what can be taken apart', () => {
  test('records: plain data, with atoms of every class', () => {
    const record = (value: unknown): Uint8Array => encodeValue(value).bytes;
    const at = (time: number): Date => new Date(time);
    const base = write('0', 1, record({ at: at(5), tags: new Set(['x']), n: 1n, none: undefined, list: [at(5)] }));
    const a = commit('a', 10, [base], record({ at: at(6), tags: new Set(['x']), n: 1n, none: undefined, list: [at(5)] }));
    const b = commit('b', 20, [base], record({ at: at(5), tags: new Set(['x', 'y']), n: 1n, none: undefined, list: [at(5), 2] }));
    const { value } = merged('json', a, b);
    const expected = { at: at(6), tags: new Set(['x', 'y']), n: 1n, none: undefined, list: [at(5), 2] };
    expect(decodeValue(value as Uint8Array).value).toEqual(expected);
  });

  test('an object that stands in two places is one object, and no part of a tree', () => {
    const shared = { a: 1 };
    const base = write('0', 1, encodeValue([shared, shared]).bytes);
    expect(commit('a', 10, [base], encodeValue([shared]).bytes).structure).toBeUndefined();
    expect(commit('a', 10, [write('0', 1, encodeValue([shared]).bytes)], base.value as Uint8Array).structure).toBeUndefined();
  });

  test.each([
    ['no JSON', 'a', 'b'],
    ['JSON and a record', '{}', encodeValue({ a: 1 }).bytes],
    ['a member twice', '{"a":1,"a":2}', '{}'],
    ['a number beyond a double', '{"a":12345678901234567890}', '{}'],
    ['a lone surrogate in JSON', '{"a":"\ud800"}', '{}'],
    ['too deep', `${'['.repeat(101)}${']'.repeat(101)}`, '[]'],
  ])('%s: the last writer’s value, surfaced', (_, one, other) => {
    const { value, conflicts } = merged('json', write('a', 10, one), write('b', 20, other));
    expect(value).toBe(other);
    expect(conflicts).toMatchObject([{ reason: 'not-mergeable', rule: 'json' }]);
  });

  test('rules say which entries are merged inside', () => {
    const modes = structureModes([{ name: 'cart*', policy: 'json' }, { name: 'draft', policy: 'text' }, { policy: 'last-writer' }]);
    expect(['cart-1', 'draft', 'sid'].map((name) => modes('localStorage', itemPath(name)))).toEqual(['json', 'text', null]);
  });
});

test('elements are paired by id, by place, and in order', () => {
  const pairs = (before: unknown[], after: unknown[]): number[] => [...pairElements(before, after)];
  expect(pairs([1, 2, 3], [0, 1, 3])).toEqual([1, -1, 2]);
  expect(pairs([{ id: 1 }, { id: 2 }], [{ id: 9 }, { id: 2, x: 1 }])).toEqual([-1, 1]);
  expect(
    pairs(
      [{ id: 1 }, { id: 2 }],
      [
        { id: 2, x: 1 },
        { id: 1, x: 1 },
      ],
    ),
  ).toEqual([1, -1]);
  expect(pairs([{ a: 1 }, [1]], [{ a: 2 }, [2]])).toEqual([0, 1]);
  expect(pairs([{ a: 1 }], [{ a: 2 }, { a: 3 }])).toEqual([-1]);
});

describe('hostile structures', () => {
  const base = write('0', 1, json({ a: [1, { b: 2 }], c: 'x' }));
  const { structure } = commit('a', 10, [base], json({ a: [1, { b: 3 }, 4], c: 'y' }));
  const bytes = structure as Uint8Array;

  test('what was encoded decodes to the same bytes', () => {
    expect(encodeStructure(decodeStructure(bytes))).toEqual(bytes);
  });

  test('every truncation and every changed byte is either a coded error or a structure of its own', () => {
    for (let length = 0; length < bytes.length; length++) expect(codeOf(bytes.subarray(0, length))).toBe('MERGE_MALFORMED');
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 2, 16, 128]) {
        const changed = bytes.slice();
        changed[at] = (changed[at] as number) ^ bit;
        expect(['MERGE_MALFORMED', 'fine']).toContain(codeOf(changed));
      }
    }
    expect(codeOf(new Uint8Array([...bytes, 0]))).toBe('MERGE_MALFORMED');
  });

  function codeOf(given: Uint8Array): string {
    try {
      expect(encodeStructure(decodeStructure(given))).toEqual(given);
      return 'fine';
    } catch (error) {
      if ((error as PspError).code === undefined) throw error;
      return (error as PspError).code;
    }
  }
});
