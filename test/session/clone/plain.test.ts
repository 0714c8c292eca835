/** Plain values go a faster way than others: it must give the same bytes. */
import { expect, test } from 'vitest';
import { decodeValue } from '../../../ts/session/clone/decode.ts';
import { encodeValue } from '../../../ts/session/clone/encode.ts';

/** The bytes of a value as the child of a Map, whose children are walked in the general way: what is in front is the head of the Map and the key. */
function bytesByWalk(value: unknown): Uint8Array {
  const empty = encodeValue(new Map([[0, 0]])).bytes;
  const head = empty.length - encodeValue(0).bytes.length;
  return encodeValue(new Map([[0, value]])).bytes.slice(head);
}

function nested(depth: number): unknown {
  let value: unknown = ['inside'];
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? { [`at ${i}`]: value, n: i } : [value, i];
  return value;
}

test.each([
  ['an object', { id: 1, name: 'x', at: 1.5, flag: true, none: null, missing: undefined, tags: ['a', 'b'], deep: { big: 3n } }],
  ['an array', [1, 'two', [3], {}, []]],
  ['strings', { 'é\u2603': '\ud800 alone', long: 'x'.repeat(300) }],
  ['an own __proto__', JSON.parse('{"__proto__":{"a":1},"b":2}')],
  ['no prototype', Object.assign(Object.create(null), { a: 1 })],
  ['holes', { list: Object.assign([1, 2], { 5: 3 }), named: Object.assign([1], { extra: true }) }],
  ['other classes', { date: new Date(0), map: new Map([[1, { a: 1 }]]), bytes: new Uint8Array(3), error: new RangeError('r') }],
  ['claims', { mine: { [Symbol.toStringTag]: 'Date' }, changed: Object.setPrototypeOf(new Date(5), Object.prototype) }],
  ['a depth of 63', nested(63)],
  ['a depth of 64', nested(64)],
  ['a depth of 65', nested(65)],
  ['a depth of 200', nested(200)],
])('%s has the bytes that the walk gives', (_, value) => {
  const { bytes } = encodeValue(value);
  expect(bytes).toEqual(bytesByWalk(value));
});

test('what stands twice, and what holds itself, is one object still', () => {
  const shared = { a: 1 };
  const whole: Record<string, unknown> = { first: shared, again: [shared, { shared }] };
  whole['self'] = whole;
  const { value } = decodeValue(encodeValue(whole).bytes) as {
    value: { first: object; again: [object, { shared: object }]; self: object };
  };
  expect(value.again[0]).toBe(value.first);
  expect(value.again[1].shared).toBe(value.first);
  expect(value.self).toBe(value);
});

test('an accessor that encodes something itself does not disturb the encoding that it is met in', () => {
  const inner = encodeValue({ inner: true }).bytes;
  let met: Uint8Array | null = null;
  const value = {
    before: 'b',
    get between() {
      met = encodeValue({ inner: true }).bytes;
      return 1;
    },
    after: 'a',
  };
  const { bytes } = encodeValue(value);
  expect(met).toEqual(inner);
  expect(decodeValue(bytes).value).toEqual({ before: 'b', between: 1, after: 'a' });
});
