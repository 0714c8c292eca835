/** Cases: a value is gone at the millisecond it expires, whenever it is removed; a touch moves that moment and nothing else. */

import assert from 'node:assert/strict';
import { type ConformanceGroup, START_MS } from './case.ts';
import { bytes, collect, expectClass, expectCode, expectHead, expectRecord, expectSame, keysOf, pattern, present } from './observe.ts';

const EXPIRES_AT = START_MS + 1000;
const DAY_MS = 86_400_000;

/** Expiry. */
export const ttl: ConformanceGroup = {
  name: 'ttl',
  cases: [
    {
      name: 'expires-on-read',
      says: 'a value is there until the millisecond it expires, by every way of reading',
      async run({ provider, clock }) {
        const head = await provider.put('key', bytes(1), { expiresAt: EXPIRES_AT });
        assert.equal(head.expiresAt, EXPIRES_AT);
        clock.nowMs = EXPIRES_AT - 1;
        await expectRecord(provider, head, bytes(1));
        expectHead(await provider.head('key'), head);
        for (const late of [0, 1, 400 * DAY_MS]) {
          clock.nowMs = EXPIRES_AT + late;
          assert.equal(await provider.get('key'), null);
          assert.equal(await provider.head('key'), null);
          assert.deepEqual(await provider.getMany(['key']), [{ status: 'fulfilled', value: null }]);
          if (provider.capabilities.ranges) assert.equal(await provider.get('key', { range: [0, 1] }), null);
          if (provider.capabilities.streams) assert.equal(await provider.getStream('key'), null);
        }
      },
    },
    {
      name: 'expires-in-list',
      says: 'a value is listed until the millisecond it expires',
      async run({ provider, clock }) {
        const head = await provider.put('key', bytes(1), { expiresAt: EXPIRES_AT });
        const stays = await provider.put('stays', bytes(2));
        clock.nowMs = EXPIRES_AT - 1;
        expectSame(await keysOf(provider), ['key', 'stays'], 'before');
        assert.deepEqual(await collect(provider, { prefix: 'key' }), [head]);
        clock.nowMs = EXPIRES_AT;
        assert.deepEqual(await collect(provider), [stays]);
        assert.deepEqual((await provider.listPage()).items, [stays]);
      },
    },
    {
      name: 'expired-is-absent-in-conditions',
      says: 'an expired value can be created anew, and not be replaced or deleted by its version',
      needs: ['conditionalPut'],
      async run({ provider, clock }) {
        const { version } = await provider.put('key', bytes(1), { expiresAt: EXPIRES_AT });
        clock.nowMs = EXPIRES_AT;
        await expectCode(provider.put('key', bytes(2), { ifMatch: version }), 'PROVIDER_CONFLICT');
        if (provider.capabilities.conditionalDelete) await expectCode(provider.delete('key', { ifMatch: version }), 'PROVIDER_CONFLICT');
        const created = await provider.put('key', bytes(3), { ifNoneMatch: '*' });
        await expectRecord(provider, created, bytes(3));
      },
    },
    {
      name: 'expired-delete-false',
      says: 'deleting an expired value says there was none',
      async run({ provider, clock }) {
        await provider.put('key', bytes(1), { expiresAt: EXPIRES_AT });
        await provider.put('other', bytes(1), { expiresAt: EXPIRES_AT });
        clock.nowMs = EXPIRES_AT;
        assert.equal(await provider.delete('key'), false);
        assert.deepEqual(await provider.deleteMany(['other']), [{ status: 'fulfilled', value: false }]);
      },
    },
    {
      name: 'overwrite-clears-ttl',
      says: 'a put without an expiry clears the old one, a put with another replaces it',
      async run({ provider, clock }) {
        await provider.put('cleared', bytes(1), { expiresAt: EXPIRES_AT });
        await provider.put('cleared', bytes(1));
        await provider.put('later', bytes(1), { expiresAt: EXPIRES_AT });
        await provider.put('later', bytes(1), { expiresAt: EXPIRES_AT + 1 });
        clock.nowMs = EXPIRES_AT;
        assert.equal((await present(provider, 'cleared')).expiresAt, null);
        assert.equal((await present(provider, 'later')).expiresAt, EXPIRES_AT + 1);
        clock.nowMs = EXPIRES_AT + 1;
        assert.deepEqual(await keysOf(provider), ['cleared']);
      },
    },
    {
      name: 'put-in-the-past',
      says: 'a value put with an expiry in the past replaces what was there and is not there itself',
      async run({ provider }) {
        for (const expiresAt of [START_MS, 0]) {
          await provider.put('key', bytes(1));
          const head = await provider.put('key', bytes(2), { expiresAt });
          assert.equal(head.expiresAt, expiresAt);
          assert.equal(await provider.get('key'), null);
          assert.deepEqual(await keysOf(provider), []);
        }
      },
    },
    {
      name: 'ttl-below-native-minimum-still-exact',
      says: 'a value that lives for a millisecond, a second or a minute does so exactly',
      async run({ provider, clock }) {
        for (const lifeMs of [1, 999, 1000, 1001, 59_999, 60_000, 60_001]) {
          clock.nowMs = START_MS;
          await provider.put('key', bytes(1), { expiresAt: START_MS + lifeMs });
          clock.nowMs = START_MS + lifeMs - 1;
          assert.equal((await present(provider, 'key')).expiresAt, START_MS + lifeMs);
          clock.nowMs = START_MS + lifeMs;
          assert.equal(await provider.get('key'), null);
        }
      },
    },
    {
      name: 'ttl-far-away',
      says: 'an expiry may be any time that fits into a safe integer',
      async run({ provider, clock }) {
        for (const [i, expiresAt] of [START_MS + 10_000 * DAY_MS, 8_640_000_000_000_000, Number.MAX_SAFE_INTEGER].entries()) {
          const head = await provider.put(`key ${i}`, bytes(i), { expiresAt });
          await expectRecord(provider, { ...head, expiresAt }, bytes(i));
          clock.nowMs = expiresAt - 1;
          await expectRecord(provider, head, bytes(i));
          clock.nowMs = expiresAt;
          assert.equal(await provider.get(`key ${i}`), null);
          clock.nowMs = START_MS;
        }
      },
    },
    {
      name: 'clock-skew',
      says: 'the clock that was given decides, not that of the service: years behind it, years ahead, and back',
      async run({ provider, clock }) {
        for (const nowMs of [1000, START_MS, Date.now() + 3650 * DAY_MS]) {
          clock.nowMs = nowMs;
          const head = await provider.put('key', bytes(1), { expiresAt: nowMs + 5000 });
          await expectRecord(provider, head, bytes(1));
          clock.nowMs = nowMs + 5000;
          assert.equal(await provider.head('key'), null);
        }
      },
    },
    {
      name: 'touch-extends-only',
      says: 'a touch changes expiry and version, and neither value nor metadata; sooner, later and never',
      needs: ['touch'],
      async run({ provider, clock }) {
        const value = pattern(100_000);
        let before = await provider.put('key', value, { metadata: { a: 'b' }, expiresAt: EXPIRES_AT });
        for (const expiresAt of [EXPIRES_AT + 1000, EXPIRES_AT - 500, null, EXPIRES_AT]) {
          const touched = await provider.touch('key', expiresAt);
          assert.ok(touched !== null && touched.version !== before.version, 'the version changes');
          expectHead(touched, { ...before, expiresAt, version: touched.version });
          await expectRecord(provider, touched, value);
          assert.deepEqual(await collect(provider), [touched]);
          before = touched;
        }
        clock.nowMs = EXPIRES_AT;
        assert.equal(await provider.get('key'), null);
      },
    },
    {
      name: 'touch-outlives-first-expiry',
      says: 'a value that was touched lives on after the expiry it was put with',
      needs: ['touch'],
      async run({ provider, clock }) {
        await provider.put('later', bytes(1), { expiresAt: EXPIRES_AT });
        await provider.put('never', bytes(1), { expiresAt: EXPIRES_AT });
        await provider.touch('later', EXPIRES_AT + 1000);
        await provider.touch('never', null);
        clock.nowMs = EXPIRES_AT + 999;
        expectSame(await keysOf(provider), ['later', 'never'], 'live keys');
        clock.nowMs = EXPIRES_AT + 1000 * DAY_MS;
        assert.deepEqual(await keysOf(provider), ['never']);
      },
    },
    {
      name: 'touch-missing-null',
      says: 'a touch of what is not there, or has expired, is null and makes nothing',
      needs: ['touch'],
      async run({ provider, clock }) {
        assert.equal(await provider.touch('missing', EXPIRES_AT), null);
        await provider.put('expired', bytes(1), { expiresAt: EXPIRES_AT });
        clock.nowMs = EXPIRES_AT;
        assert.equal(await provider.touch('expired', EXPIRES_AT + 1000), null);
        assert.deepEqual(await keysOf(provider), []);
      },
    },
    {
      name: 'touch-into-the-past',
      says: 'a touch with an expiry in the past ends the value at once',
      needs: ['touch'],
      async run({ provider }) {
        await provider.put('key', bytes(1));
        await provider.touch('key', START_MS);
        assert.equal(await provider.get('key'), null);
        assert.deepEqual(await keysOf(provider), []);
      },
    },
    {
      name: 'touch-wrong-expiry',
      says: 'an expiry that is no time is a RangeError and changes nothing',
      needs: ['touch'],
      async run({ provider }) {
        const head = await provider.put('key', bytes(1), { expiresAt: EXPIRES_AT });
        for (const expiresAt of [-1, 0.5, Number.NaN, 2 ** 53])
          await expectClass(provider.touch('key', expiresAt), RangeError, `${expiresAt}`);
        await expectRecord(provider, head, bytes(1));
      },
    },
    {
      name: 'touch-and-put-race',
      says: 'a touch that races with puts of another length never joins one value with the head of another',
      needs: ['touch'],
      async run({ provider, amount }) {
        for (let round = 0; round < amount(20, 4); round++) {
          const before = await provider.put('key', bytes(round), { metadata: { is: 'old' } });
          const value = pattern(1000 + round);
          const [touched, put] = await Promise.all([
            provider.touch('key', EXPIRES_AT),
            provider.put('key', value, { metadata: { is: 'new' } }),
          ]);
          assert.ok(touched !== null);
          const record = await present(provider, 'key');
          // The put may be last, or the touch; either way the value and the metadata are those of the put.
          await expectRecord(provider, record, value);
          assert.deepEqual(record.metadata, { is: 'new' });
          assert.ok(record.version === put.version || record.version === touched.version);
          assert.notEqual(record.version, before.version);
        }
      },
    },
    {
      name: 'sweep-removes-only-expired',
      says: 'a sweep removes what has expired, says how much, and leaves all else as it is',
      needs: ['sweep'],
      async run({ provider, clock, amount }) {
        const count = amount(60, 6);
        for (let i = 0; i < count; i++) await provider.put(`expires ${i}`, bytes(i), { expiresAt: EXPIRES_AT });
        const later = await provider.put('later', bytes(1), { expiresAt: EXPIRES_AT + 1, metadata: { a: 'b' } });
        const stays = await provider.put('stays', pattern(500));
        assert.deepEqual(await provider.sweep(), { expired: 0, orphans: 0 });
        clock.nowMs = EXPIRES_AT;
        const { expired, orphans } = await provider.sweep();
        // Without conditional deletes a sweep would race with those who put such a key anew; it may leave them to the service, and says so.
        const allowed = provider.capabilities.conditionalDelete ? [count] : [0, count];
        assert.ok(allowed.includes(expired), `${expired} of ${count} expired values were removed`);
        assert.equal(orphans, 0);
        if (expired === count) assert.deepEqual(await provider.sweep(), { expired: 0, orphans: 0 });
        await expectRecord(provider, later, bytes(1));
        await expectRecord(provider, stays, pattern(500));
        expectSame(await keysOf(provider), ['later', 'stays'], 'what is left');
        // What was swept is gone for good, also for a clock that goes back.
        clock.nowMs = START_MS;
        if (expired === count) assert.equal(await provider.get('expires 0'), null);
      },
    },
  ],
};
