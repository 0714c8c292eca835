/** The contract of providers: a value is gone at the millisecond it expires, whenever it is removed. */
import { describe, expect, test } from 'vitest';
import type { StorageProvider } from '../../../ts/provider.ts';
import { type Clock, START_MS } from './clock.ts';
import { bytes, expectCode, keysOf, present } from './observe.ts';

/** Expiry. `start` gives an empty provider that reads `clock`, which these tests set. */
export function expiryContract(name: string, start: () => Promise<StorageProvider>, clock: Clock): void {
  describe(`${name}: expiry`, () => {
    const expiresAt = START_MS + 1000;

    test('a value is there until the millisecond it expires', async () => {
      const provider = await start();
      await provider.put('key', bytes(1), { expiresAt });
      await provider.put('stays', bytes(2));
      clock.nowMs = expiresAt - 1;
      expect(await present(provider, 'key')).toMatchObject({ expiresAt });
      expect((await keysOf(provider)).sort()).toEqual(['key', 'stays']);
      clock.nowMs = expiresAt;
      expect(await provider.get('key')).toBeNull();
      expect(await keysOf(provider)).toEqual(['stays']);
    });

    test('an expired value is absent in every condition', async () => {
      const provider = await start();
      const { version } = await provider.put('key', bytes(1), { expiresAt });
      clock.nowMs = expiresAt;
      await expectCode(provider.put('key', bytes(2), { ifMatch: version }), 'PROVIDER_CONFLICT');
      await expectCode(provider.delete('key', { ifMatch: version }), 'PROVIDER_CONFLICT');
      const created = await provider.put('key', bytes(3), { ifNoneMatch: '*' });
      expect(await provider.get('key')).toEqual({ ...created, value: bytes(3) });
    });

    test('deleting an expired value says there was none', async () => {
      const provider = await start();
      await provider.put('key', bytes(1), { expiresAt });
      clock.nowMs = expiresAt;
      expect(await provider.delete('key')).toBe(false);
    });

    test('a put without an expiry clears the old one, a put with another replaces it', async () => {
      const provider = await start();
      await provider.put('cleared', bytes(1), { expiresAt });
      await provider.put('cleared', bytes(1));
      await provider.put('later', bytes(1), { expiresAt });
      await provider.put('later', bytes(1), { expiresAt: expiresAt + 1 });
      clock.nowMs = expiresAt;
      expect((await present(provider, 'cleared')).expiresAt).toBeNull();
      expect((await present(provider, 'later')).expiresAt).toBe(expiresAt + 1);
      clock.nowMs = expiresAt + 1;
      expect(await keysOf(provider)).toEqual(['cleared']);
    });

    test('a value put with an expiry in the past is stored and not there', async () => {
      const provider = await start();
      await provider.put('key', bytes(1));
      await provider.put('key', bytes(2), { expiresAt: START_MS });
      expect(await provider.get('key')).toBeNull();
    });
  });
}
