/** The bytes of a causal context (laws M1, M20): one for each set of dots, however the set came to be. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Context, contextOf, readContext, subtractContexts, uniteContexts, writeContext } from '../../ts/merge/context.ts';
import type { Dot } from '../../ts/merge/entry.ts';
import { ByteReader, ByteWriter } from '../../ts/session/clone/bytes.ts';

const dots = fc.array(fc.record({ replica: fc.constantFrom('1'.repeat(16), '2'.repeat(16)), counter: fc.integer({ min: 1, max: 9 }) }), {
  maxLength: 12,
});

function bytesOf(context: Context): Uint8Array {
  const writer = new ByteWriter();
  writeContext(context, writer);
  return writer.take();
}

const oneByOne = (list: readonly Dot[]): Context => list.map((dot) => contextOf([dot])).reduce(uniteContexts, contextOf([]));

test('M20: a set of dots has one sequence of bytes, however it was put together, and is read back from it', () => {
  fc.assert(
    fc.property(dots, dots, (a, b) => {
      const context = contextOf([...a, ...b]);
      const bytes = bytesOf(context);
      for (const same of [oneByOne([...b, ...a]), uniteContexts(contextOf(b), contextOf(a)), subtractContexts(context, contextOf([]))])
        expect(bytesOf(same)).toEqual(bytes);
      const taken = subtractContexts(context, contextOf(a));
      expect(bytesOf(uniteContexts(taken, contextOf(a)))).toEqual(bytes);
      expect(readContext(new ByteReader(bytes))).toEqual(context);
    }),
    { numRuns: 500 },
  );
});

test('M20: dots that follow each other are one range', () => {
  const dots = [3, 1, 2, 5].map((counter) => ({ replica: 'a'.repeat(16), counter }));
  expect(contextOf(dots).get('a'.repeat(16))).toEqual([1, 3, 5, 5]);
  expect(oneByOne(dots).get('a'.repeat(16))).toEqual([1, 3, 5, 5]);
});
