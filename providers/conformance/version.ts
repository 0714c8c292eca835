/** Cases: each write gives a new version, and a condition names one; also when sixteen race. Counters are in counter.ts. */

import assert from 'node:assert/strict';
import type { Version } from '../../ts/provider.ts';
import { type ConformanceGroup, START_MS, type SubjectFacts } from './case.ts';
import { bytes, codeOf, expectCode, expectRecord, keysOf, oneWinner, present } from './observe.ts';

const RACERS = 16;

/** Versions and conditions. */
export const version: ConformanceGroup = {
  name: 'version',
  cases: [
    {
      name: 'put-changes-version',
      says: 'a put gives a version that the key never had',
      async run({ provider }) {
        const versions: Version[] = [];
        for (let i = 0; i < 20; i++) versions.push((await provider.put('key', bytes(i))).version);
        assert.equal(new Set(versions).size, 20);
        assert.equal((await present(provider, 'key')).version, versions.at(-1));
      },
    },
    {
      name: 'same-bytes-new-version',
      says: 'a put of the same bytes gives another version, also after a delete',
      async run({ provider }) {
        const versions: Version[] = [];
        for (let i = 0; i < 10; i++) {
          versions.push((await provider.put('key', bytes(1))).version, (await provider.put('key', bytes(1))).version);
          await provider.delete('key');
        }
        assert.equal(new Set(versions).size, 20);
      },
    },
    {
      name: 'create-only-second-fails',
      says: "with ifNoneMatch '*' the second put fails and the first value stays",
      needs: ['conditionalPut'],
      async run({ provider }) {
        const first = await provider.put('key', bytes(1), { ifNoneMatch: '*' });
        await expectCode(provider.put('key', bytes(2), { ifNoneMatch: '*' }), 'PROVIDER_CONFLICT');
        await expectRecord(provider, first, bytes(1));
        await provider.delete('key');
        await provider.put('key', bytes(3), { ifNoneMatch: '*' });
      },
    },
    {
      name: 'ifmatch-stale-fails-and-value-unchanged',
      says: 'ifMatch replaces the version it names, and no other',
      needs: ['conditionalPut'],
      async run({ provider }) {
        const first = await provider.put('key', bytes(1));
        const second = await provider.put('key', bytes(2), { ifMatch: first.version });
        await expectCode(provider.put('key', bytes(3), { ifMatch: first.version }), 'PROVIDER_CONFLICT');
        await expectRecord(provider, second, bytes(2));
      },
    },
    {
      name: 'ifmatch-missing-fails',
      says: 'ifMatch on a missing key fails and creates nothing',
      needs: ['conditionalPut'],
      async run({ provider }) {
        const other = await provider.put('other', bytes(1));
        await expectCode(provider.put('key', bytes(1), { ifMatch: other.version }), 'PROVIDER_CONFLICT');
        assert.deepEqual(await keysOf(provider), ['other']);
      },
    },
    {
      name: 'ifmatch-made-up-version',
      says: 'a text that is no version at all is a version that is not there',
      needs: ['conditionalPut'],
      async run({ provider }) {
        const head = await provider.put('key', bytes(1));
        for (const text of ['', 'x', '*', '"', '0'.repeat(32), `${head.version} `, `${head.version}\0`, '\u00e9', 'x'.repeat(10_000)]) {
          await expectCode(provider.put('key', bytes(2), { ifMatch: text as Version }), 'PROVIDER_CONFLICT');
        }
        await expectRecord(provider, head, bytes(1));
      },
    },
    {
      name: 'delete-ifmatch-stale',
      says: 'a conditional delete takes only the version it names',
      needs: ['conditionalDelete'],
      async run({ provider }) {
        const first = await provider.put('key', bytes(1));
        const second = await provider.put('key', bytes(2));
        await expectCode(provider.delete('key', { ifMatch: first.version }), 'PROVIDER_CONFLICT');
        await expectRecord(provider, second, bytes(2));
        assert.equal(await provider.delete('key', { ifMatch: second.version }), true);
        assert.equal(await provider.get('key'), null);
      },
    },
    {
      name: 'delete-ifmatch-missing-fails',
      says: 'a conditional delete of a missing key is a conflict',
      needs: ['conditionalDelete'],
      async run({ provider }) {
        const { version } = await provider.put('key', bytes(1));
        await expectCode(provider.delete('missing', { ifMatch: version }), 'PROVIDER_CONFLICT');
        await provider.delete('key');
        await expectCode(provider.delete('key', { ifMatch: version }), 'PROVIDER_CONFLICT');
      },
    },
    {
      name: 'touch-changes-version',
      says: 'a touch gives a new version; with ifMatch it takes only the version it names',
      needs: ['touch'],
      async run({ provider }) {
        const first = await provider.put('key', bytes(1));
        const second = await provider.touch('key', START_MS + 9, { ifMatch: first.version });
        assert.ok(second !== null && second.version !== first.version);
        await expectCode(provider.touch('key', null, { ifMatch: first.version }), 'PROVIDER_CONFLICT');
        await expectCode(provider.touch('missing', null, { ifMatch: first.version }), 'PROVIDER_CONFLICT');
        await expectRecord(provider, { ...second, expiresAt: START_MS + 9 }, bytes(1));
      },
    },
    {
      name: 'touch-makes-older-version-stale',
      says: 'a put that names the version before a touch is a conflict',
      needs: ['touch', 'conditionalPut'],
      async run({ provider }) {
        const first = await provider.put('key', bytes(1));
        const second = await provider.touch('key', null);
        await expectCode(provider.put('key', bytes(2), { ifMatch: first.version }), 'PROVIDER_CONFLICT');
        await provider.put('key', bytes(3), { ifMatch: second!.version });
      },
    },
    {
      name: 'ABA-detected',
      says: 'a value that was replaced or deleted and put again is another version',
      needs: ['conditionalPut'],
      async run({ provider }) {
        const { version } = await provider.put('key', bytes(1));
        await provider.put('key', bytes(2));
        await provider.put('key', bytes(1));
        await expectCode(provider.put('key', bytes(3), { ifMatch: version }), 'PROVIDER_CONFLICT');
        await provider.delete('key');
        const last = await provider.put('key', bytes(1));
        await expectCode(provider.put('key', bytes(3), { ifMatch: version }), 'PROVIDER_CONFLICT');
        if (provider.capabilities.conditionalDelete) {
          await expectCode(provider.delete('key', { ifMatch: version }), 'PROVIDER_CONFLICT');
        }
        await expectRecord(provider, last, bytes(1));
      },
    },
    {
      name: 'race-create-16-one-winner',
      says: 'of 16 that create a key at once one succeeds, and its value is there',
      needs: ['conditionalPut'],
      async run({ provider, amount }) {
        for (let round = 0; round < amount(5, 2); round++) {
          const key = `round ${round}`;
          const tries = Array.from({ length: RACERS }, (_, i) => provider.put(key, bytes(i), { ifNoneMatch: '*' }));
          const { winner } = await oneWinner(tries);
          await expectRecord(provider, winner.head, bytes(winner.index));
        }
      },
    },
    {
      name: 'race-replace-16-one-winner',
      says: 'of 16 that replace one version at once one succeeds, and its value is there',
      needs: ['conditionalPut'],
      async run({ provider, amount }) {
        let { version } = await provider.put('key', bytes(255));
        for (let round = 0; round < amount(5, 2); round++) {
          const tries = Array.from({ length: RACERS }, (_, i) => provider.put('key', bytes(i), { ifMatch: version }));
          const { winner } = await oneWinner(tries);
          await expectRecord(provider, winner.head, bytes(winner.index));
          version = winner.head.version;
        }
      },
    },
    {
      name: 'race-of-two-clients-one-winner',
      says: 'of 16 writers in two clients that replace one version at once one succeeds',
      needs: ['conditionalPut', 'again'],
      async run({ provider, again, amount }) {
        const clients = [provider, await again()];
        let { version } = await provider.put('key', bytes(255));
        for (let round = 0; round < amount(5, 2); round++) {
          const tries = Array.from({ length: RACERS }, (_, i) => clients[i % 2]!.put('key', bytes(i), { ifMatch: version }));
          const { winner } = await oneWinner(tries);
          for (const client of clients) await expectRecord(client, winner.head, bytes(winner.index));
          version = winner.head.version;
        }
      },
    },
    {
      name: 'race-delete-16-one-winner',
      says: 'of 16 that delete one version at once one succeeds',
      needs: ['conditionalDelete'],
      async run({ provider }) {
        const { version } = await provider.put('key', bytes(1));
        const results = await Promise.allSettled(Array.from({ length: RACERS }, () => provider.delete('key', { ifMatch: version })));
        assert.equal(results.filter((result) => result.status === 'fulfilled' && result.value).length, 1);
        const losers = results.flatMap((result) => (result.status === 'rejected' ? [codeOf(result.reason)] : []));
        assert.deepEqual(losers, Array(RACERS - 1).fill('PROVIDER_CONFLICT'));
        assert.equal(await provider.get('key'), null);
      },
    },
    {
      name: 'plain-put-does-not-slip-in',
      says: 'an unconditional put does not slip between the check and the write of a conditional one',
      needs: ['conditionalPut'],
      async run({ provider, amount }) {
        for (let round = 0; round < amount(20, 5); round++) {
          const before = await provider.put('key', bytes(0));
          const [plain, conditional] = await Promise.allSettled([
            provider.put('key', bytes(1)),
            provider.put('key', bytes(2), { ifMatch: before.version }),
          ]);
          assert.equal(plain.status, 'fulfilled');
          const left = await present(provider, 'key');
          // The conditional put may come first and be replaced, or come second and fail; it may not come second and win.
          assert.deepEqual([...left.value], [1]);
          if (conditional.status === 'rejected') assert.equal(codeOf(conditional.reason), 'PROVIDER_CONFLICT');
        }
      },
    },
    {
      name: 'unsupported-throws',
      says: 'what the capabilities do not promise is PROVIDER_UNSUPPORTED, before anything is done',
      pointless: ({ capabilities }: SubjectFacts) =>
        (['conditionalPut', 'conditionalDelete', 'touch', 'ranges', 'streams', 'sweep'] as const).every((name) => capabilities[name])
          ? 'every capability is true'
          : null,
      async run({ provider }) {
        const { conditionalPut, conditionalDelete, touch, ranges, streams, sweep } = provider.capabilities;
        const head = await provider.put('key', bytes(1));
        const { version } = head;
        const refused = (promise: Promise<unknown>) => expectCode(promise, 'PROVIDER_UNSUPPORTED');
        if (!conditionalPut) {
          await refused(provider.put('key', bytes(2), { ifMatch: version }));
          await refused(provider.put('new', bytes(2), { ifNoneMatch: '*' }));
          await refused(provider.putMany([{ key: 'key', value: bytes(2), ifMatch: version }]));
        }
        if (!conditionalDelete) await refused(provider.delete('key', { ifMatch: version }));
        if (!touch) await refused(provider.touch('key', START_MS + 5));
        if (!ranges) await refused(provider.get('key', { range: [0, 1] }));
        if (!streams) {
          await refused(provider.getStream('key'));
          await refused(provider.put('key', new Blob([bytes(2)]).stream()));
        }
        if (!sweep) await refused(provider.sweep());
        await expectRecord(provider, head, bytes(1));
        assert.deepEqual(await keysOf(provider), ['key']);
      },
    },
  ],
};
