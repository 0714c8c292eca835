/** When writes of the lmdb provider wait for which sync, with a disk that is played. */

import { expect, test } from 'vitest';
import { Flushing } from '../../providers/lmdb/flushing.ts';
import { expectCode } from '../contract/provider/observe.ts';

/** A disk whose syncs end when the test says so. */
function playDisk() {
  const waiting: ((error?: Error | null) => void)[] = [];
  let begun = 0;
  return {
    sync(done: (error?: Error | null) => void) {
      begun += 1;
      waiting.push(done);
    },
    begun: () => begun,
    /** Ends the sync that began first, and lets who waited for it go on. */
    async end(error: Error | null = null) {
      waiting.shift()!(error);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test('who comes while a sync is running waits for the next one, and all of them for the same', async () => {
  const disk = playDisk();
  const flushing = new Flushing();
  const done: string[] = [];
  const join = (name: string) => flushing.join(disk).then(() => done.push(name));
  const all = [join('first')];
  expect(disk.begun()).toBe(1);
  all.push(join('second'), join('third'));
  expect(disk.begun()).toBe(1);
  await disk.end();
  expect([done, disk.begun()]).toEqual([['first'], 2]);
  all.push(join('fourth'));
  await disk.end();
  expect([done, disk.begun()]).toEqual([['first', 'second', 'third'], 3]);
  await disk.end();
  await Promise.all(all);
  expect(done).toEqual(['first', 'second', 'third', 'fourth']);
  all.push(join('fifth'));
  expect(disk.begun()).toBe(4);
});

test('after a sync that failed every later one fails, though the disk would call it a success', async () => {
  const disk = playDisk();
  const flushing = new Flushing();
  const first = flushing.join(disk);
  const second = flushing.join(disk);
  const failed = Promise.all([expectCode(first, 'PROVIDER_UNAVAILABLE'), expectCode(second, 'PROVIDER_UNAVAILABLE')]);
  await disk.end(new Error('Input/output error'));
  const [error] = await failed;
  expect(error.cause).toMatchObject({ message: 'Input/output error' });
  await expectCode(flushing.join(disk), 'PROVIDER_UNAVAILABLE');
  expect(disk.begun()).toBe(1);
});
