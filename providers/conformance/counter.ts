/** Cases: many writers of one value, by compare-and-set, lose nothing. Loops with pauses and merging belong to the store. */

import assert from 'node:assert/strict';
import type { ConformanceGroup } from './case.ts';
import { raise, readCounter } from './observe.ts';

/** Counters. */
export const counter: ConformanceGroup = {
  name: 'merge',
  cases: [
    {
      name: 'counter-64x50-no-lost-update',
      says: '64 writers (as many as the scale allows) that raise a number 50 times each lose nothing',
      needs: ['conditionalPut'],
      timeoutMs: 300_000,
      async run({ provider, amount }) {
        const [writers, times] = [amount(64, 4), amount(50, 5)];
        await provider.put('counter', Buffer.from('0'));
        await Promise.all(Array.from({ length: writers }, () => raise(provider, times)));
        assert.equal(await readCounter(provider), writers * times);
      },
    },
    {
      name: 'counter-of-four-clients-no-lost-update',
      says: 'four clients that raise a number lose nothing',
      needs: ['conditionalPut', 'again'],
      timeoutMs: 120_000,
      async run({ provider, again, amount }) {
        const clients = [provider, await again(), await again(), await again()];
        const times = amount(100, 5);
        await provider.put('counter', Buffer.from('0'));
        await Promise.all(clients.map((client) => raise(client, times)));
        for (const client of clients) assert.equal(await readCounter(client), clients.length * times);
      },
    },
  ],
};
