/** Cases: what one provider gives, another takes, and back: nothing of a record depends on the service that keeps it. */

import assert from 'node:assert/strict';
import type { RecordHead, StorageProvider } from '../../ts/provider.ts';
import { memory } from '../memory.ts';
import { type ConformanceGroup, START_MS } from './case.ts';
import { collect, expectBytes, expectSame, pattern, present } from './observe.ts';

/** Between providers. */
export const cross: ConformanceGroup = {
  name: 'cross',
  cases: [
    {
      name: 'same-bytes-there-and-back',
      says: 'records copied from memory and back keep key, value, metadata and expiry',
      async run({ provider, clock, amount }) {
        const [from, back] = [memory({ now: () => clock.nowMs }), memory({ now: () => clock.nowMs })];
        for (let i = 0; i < amount(100, 20); i++) {
          const expiry = i % 3 === 0 ? { expiresAt: START_MS + 1000 + i } : {};
          await from.put(`${i}/\u00e9 %?*`, pattern(i * 997), { metadata: { i: String(i), '\u{1f600}': '' }, ...expiry });
        }
        await copy(from, provider);
        await copy(provider, back);
        const heads = await collect(from);
        expectSame((await collect(back)).map(describeHead), heads.map(describeHead), 'heads');
        for (const { key } of heads) expectBytes((await present(back, key)).value, (await present(from, key)).value);
        clock.nowMs = START_MS + 1000 + 50;
        expectSame((await collect(provider)).map(describeHead), (await collect(from)).map(describeHead), 'heads, when some have expired');
        await Promise.all([from.close(), back.close()]);
      },
    },
    {
      name: 'metadata-of-records-is-plain',
      says: 'the head that a provider gives is plain data: what a copy by JSON makes of it is the same',
      async run({ provider }) {
        const head = await provider.put('key', pattern(10), { metadata: { a: 'b' }, expiresAt: START_MS + 5 });
        assert.deepEqual(JSON.parse(JSON.stringify(head)), { ...head, metadata: { ...head.metadata } });
        assert.deepEqual(Object.keys(head).sort(), ['expiresAt', 'key', 'metadata', 'size', 'version']);
      },
    },
  ],
};

async function copy(from: StorageProvider, to: StorageProvider): Promise<void> {
  for await (const { key } of from.list()) {
    const { value, metadata, expiresAt } = await present(from, key);
    await to.put(key, value, { metadata, ...(expiresAt === null ? {} : { expiresAt }) });
  }
}

function describeHead({ key, size, expiresAt, metadata }: RecordHead): string {
  return JSON.stringify([key, size, expiresAt, Object.entries(metadata).sort()]);
}
