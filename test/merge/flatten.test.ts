import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mergeSessions } from '../../ts/merge/merge.ts';
import { contentOf, plainSession } from './session-fixture.ts';

test('a session that was taken apart and put together is the same one, but for the order of lists that have none', async () => {
  await fc.assert(
    fc.asyncProperty(plainSession, async (session) => {
      const { session: merged, parked } = await mergeSessions([session]);
      expect(parked).toEqual([]);
      expect(await contentOf(merged)).toEqual(await contentOf(session));
    }),
    { numRuns: 150 },
  );
});
