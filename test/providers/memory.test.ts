/** The little that the memory provider adds to the contract, which is in test/conformance/. */

import { expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';

test('two memory providers share nothing', async () => {
  const [one, other] = [memory(), memory()];
  await one.put('key', Uint8Array.of(1));
  expect(await other.get('key')).toBeNull();
});

test('without a clock the time is the time of day', async () => {
  const provider = memory();
  await provider.put('past', Uint8Array.of(1), { expiresAt: Date.now() - 1 });
  await provider.put('future', Uint8Array.of(1), { expiresAt: Date.now() + 3_600_000 });
  expect([await provider.get('past'), (await provider.get('future'))?.size]).toEqual([null, 1]);
});
