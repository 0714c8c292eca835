/** The contract of providers: compare-and-set, also when sixteen race. */
import { describe, expect, test } from 'vitest';
import type { StorageProvider, Version } from '../../../ts/provider.ts';
import { START_MS } from './clock.ts';
import { bytes, codeOf, collect, expectCode, headOf, keysOf, oneWinner, present, raise, readCounter } from './observe.ts';

/** Versions and conditions. `start` gives an empty provider. */
export function versionContract(name: string, start: () => Promise<StorageProvider>): void {
  describe(`${name}: version`, () => {
    test('every put gives a new version, also for the same bytes', async () => {
      const provider = await start();
      const versions: Version[] = [];
      for (let i = 0; i < 20; i++) versions.push((await provider.put('key', bytes(1))).version);
      expect(new Set(versions).size).toBe(20);
      expect((await present(provider, 'key')).version).toBe(versions.at(-1));
    });

    test('get, put and list tell the same version', async () => {
      const provider = await start();
      const head = await provider.put('key', bytes(1), { metadata: { a: 'b' }, expiresAt: START_MS + 5 });
      expect(headOf(await present(provider, 'key'))).toEqual(head);
      expect(await collect(provider)).toEqual([head]);
    });

    test('create only: the second fails and the first stays', async () => {
      const provider = await start();
      const first = await provider.put('key', bytes(1), { ifNoneMatch: '*' });
      await expectCode(provider.put('key', bytes(2), { ifNoneMatch: '*' }), 'PROVIDER_CONFLICT');
      expect(await provider.get('key')).toEqual({ ...first, value: bytes(1) });
    });

    test('ifMatch replaces the version it names, and no other', async () => {
      const provider = await start();
      const first = await provider.put('key', bytes(1));
      const second = await provider.put('key', bytes(2), { ifMatch: first.version });
      await expectCode(provider.put('key', bytes(3), { ifMatch: first.version }), 'PROVIDER_CONFLICT');
      expect(await provider.get('key')).toEqual({ ...second, value: bytes(2) });
    });

    test('ifMatch on a missing key fails and creates nothing', async () => {
      const provider = await start();
      const { version } = await provider.put('other', bytes(1));
      await expectCode(provider.put('key', bytes(1), { ifMatch: version }), 'PROVIDER_CONFLICT');
      await expectCode(provider.delete('key', { ifMatch: version }), 'PROVIDER_CONFLICT');
      expect(await keysOf(provider)).toEqual(['other']);
    });

    test('a conditional delete takes only the version it names', async () => {
      const provider = await start();
      const first = await provider.put('key', bytes(1));
      const second = await provider.put('key', bytes(2));
      await expectCode(provider.delete('key', { ifMatch: first.version }), 'PROVIDER_CONFLICT');
      expect((await present(provider, 'key')).version).toBe(second.version);
      expect(await provider.delete('key', { ifMatch: second.version })).toBe(true);
      expect(await provider.get('key')).toBeNull();
    });

    test('ABA: a value that was deleted and put again is another version', async () => {
      const provider = await start();
      const { version } = await provider.put('key', bytes(1));
      await provider.put('key', bytes(2));
      await provider.put('key', bytes(1));
      await expectCode(provider.put('key', bytes(3), { ifMatch: version }), 'PROVIDER_CONFLICT');
      await provider.delete('key');
      await provider.put('key', bytes(1));
      await expectCode(provider.put('key', bytes(3), { ifMatch: version }), 'PROVIDER_CONFLICT');
      await expectCode(provider.delete('key', { ifMatch: version }), 'PROVIDER_CONFLICT');
      expect((await present(provider, 'key')).value).toEqual(bytes(1));
    });

    test('race-create-16-one-winner', async () => {
      const provider = await start();
      for (let round = 0; round < 5; round++) {
        const key = `round ${round}`;
        const tries = Array.from({ length: 16 }, (_, i) => provider.put(key, bytes(i), { ifNoneMatch: '*' }));
        const { winner } = await oneWinner(tries);
        expect(await provider.get(key)).toEqual({ ...winner.head, value: bytes(winner.index) });
      }
    });

    test('race-replace-16-one-winner', async () => {
      const provider = await start();
      let { version } = await provider.put('key', bytes(255));
      for (let round = 0; round < 5; round++) {
        const tries = Array.from({ length: 16 }, (_, i) => provider.put('key', bytes(i), { ifMatch: version }));
        const { winner } = await oneWinner(tries);
        expect(await provider.get('key')).toEqual({ ...winner.head, value: bytes(winner.index) });
        version = winner.head.version;
      }
    });

    test('race-delete-16-one-winner', async () => {
      const provider = await start();
      const { version } = await provider.put('key', bytes(1));
      const results = await Promise.allSettled(Array.from({ length: 16 }, () => provider.delete('key', { ifMatch: version })));
      expect(results.filter((result) => result.status === 'fulfilled' && result.value)).toHaveLength(1);
      expect(results.filter((result) => result.status === 'rejected').map((result) => codeOf(result.reason))).toEqual(
        Array(15).fill('PROVIDER_CONFLICT'),
      );
      expect(await provider.get('key')).toBeNull();
    });

    test('a counter that 16 writers raise 25 times each loses nothing', { timeout: 30_000 }, async () => {
      const provider = await start();
      await provider.put('counter', Buffer.from('0'));
      await Promise.all(Array.from({ length: 16 }, () => raise(provider, 25)));
      expect(await readCounter(provider)).toBe(400);
    });

    test('unconditional puts do not slip between the check and the write of a conditional one', async () => {
      const provider = await start();
      for (let round = 0; round < 20; round++) {
        const before = await provider.put('key', bytes(0));
        const [plain, conditional] = await Promise.allSettled([
          provider.put('key', bytes(1)),
          provider.put('key', bytes(2), { ifMatch: before.version }),
        ]);
        expect(plain.status).toBe('fulfilled');
        // Either the conditional put came first and was replaced, or it came second and failed: never both and 2 in the end.
        expect((await present(provider, 'key')).value).toEqual(bytes(1));
        if (conditional.status === 'rejected') expect(codeOf(conditional.reason)).toBe('PROVIDER_CONFLICT');
      }
    });
  });
}
