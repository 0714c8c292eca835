/**
 * What the child processes of the filesystem tests do. Bundled to plain JavaScript by the tests, since Node 20 runs no TypeScript:
 * `node child.mjs <task> <root> <count>`. Every line on standard output is a fact that happened before it was written.
 */

import { writeSync } from 'node:fs';
import { withLock } from '../../providers/filesystem/lock.ts';
import { filesystem } from '../../providers/filesystem.ts';
import { PspError } from '../../ts/errors.ts';

const [task = '', root = '', count = '0'] = process.argv.slice(2);
const provider = filesystem({ root });

/** Puts value after value under 'big': value i is 2 MiB of the byte i, its first four bytes the number i. */
async function writeForever(first: number): Promise<void> {
  for (let i = first; i < first + 100_000; i++) {
    const value = new Uint8Array(2 * 1024 * 1024).fill(i & 255);
    new DataView(value.buffer).setUint32(0, i);
    await provider.put('big', value);
    say(String(i));
  }
}

/** Raises the number under 'counter' by compare-and-set and says each success. */
async function raise(times: number): Promise<void> {
  for (let done = 0; done < times; ) {
    const record = await provider.get('counter');
    if (record === null) throw new Error('the counter is gone');
    const next = Buffer.from(String(Number(Buffer.from(record.value).toString()) + 1));
    try {
      await provider.put('counter', next, { ifMatch: record.version });
      done += 1;
      say('raised');
    } catch (error) {
      if (!(error instanceof PspError) || error.code !== 'PROVIDER_CONFLICT') throw error;
    }
  }
}

/** Takes the lock at `root` and keeps it. */
async function hold(): Promise<void> {
  await withLock(root, { waitMs: 1000, now: Date.now }, async () => {
    say('held');
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  });
}

/** Puts `bytes` bytes under 'key' and says the code of the failure. */
async function putOnce(bytes: number): Promise<void> {
  try {
    await provider.put('key', new Uint8Array(bytes));
    say('stored');
  } catch (error) {
    say(error instanceof PspError ? `${error.code} ${String(error.details['systemCode'])}` : String(error));
  }
}

// Not console.log: a pipe's writes are asynchronous there, and this process will be killed.
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

const tasks: Record<string, () => Promise<void>> = {
  write: () => writeForever(Number(count)),
  raise: () => raise(Number(count)),
  hold,
  put: () => putOnce(Number(count)),
};
await tasks[task]?.();
