/**
 * What the child processes of the lmdb tests do, run by the newest Node: `node lmdb-child.ts <task> <path> <durability>`. Every line on standard output is a
 * fact that happened before it was written.
 */

import { writeSync } from 'node:fs';
import { openEnvironment } from '../../providers/lmdb/environment.ts';
import { type Durability, lmdb } from '../../providers/lmdb.ts';

const [task = '', path = '', durability = 'full'] = process.argv.slice(2);
const provider = lmdb({ path, durability: durability as Durability });

/** Puts batch after batch: 50 values of 8 KiB, all of the batch's number. */
async function writeBatches(): Promise<void> {
  for (let batch = 1; ; batch++) {
    const items = Array.from({ length: 50 }, (_, i) => ({ key: `item ${i}`, value: new Uint8Array(8192).fill(batch & 255) }));
    const results = await provider.putMany(items);
    if (results.some(({ status }) => status === 'rejected')) throw new Error('a put failed');
    say(String(batch));
  }
}

/** Takes the lock of writers, writes, and ends neither the transaction nor itself. */
async function holdLock(): Promise<void> {
  const { database } = await openEnvironment(path, 'full');
  database.transactionSync(() => {
    database.put(Buffer.from('half'), new Uint8Array(100));
    say('held');
    for (;;);
  });
}

/** Puts one value, and says what stands around it. */
async function putOnce(): Promise<void> {
  await provider.open();
  say('opened');
  await provider.put('key', new Uint8Array(100));
  say('stored');
  await provider.put('key', new Uint8Array(20_000), { ifMatch: (await provider.head('key'))!.version });
  say('replaced');
  await provider.close();
}

// Not console.log: a pipe's writes are asynchronous there, and this process will be killed.
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

const tasks: Record<string, () => Promise<void>> = { batches: writeBatches, hold: holdLock, put: putOnce };
await tasks[task]?.();
