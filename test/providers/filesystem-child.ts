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
async function writeForever(first: number, asStream: boolean): Promise<void> {
  for (let i = first; i < first + 100_000; i++) {
    const value = new Uint8Array(2 * 1024 * 1024).fill(i & 255);
    new DataView(value.buffer).setUint32(0, i);
    await provider.put('big', asStream ? new Blob([value]).stream() : value);
    say(String(i));
  }
}

/** Touches 'big' again and again; its expiry counts up from `first`. */
async function touchForever(first: number): Promise<void> {
  for (let i = first; i < first + 100_000; i++) {
    await provider.touch('big', i);
    say(String(i));
  }
}

/** Tries every kind of call in a store that may not be written to, and says what came of it. */
async function tryAll(): Promise<void> {
  const calls: Record<string, () => Promise<unknown>> = {
    put: () => provider.put('key', new Uint8Array(1)),
    stream: () => provider.put('key', new Blob(['x']).stream()),
    new: () => provider.put('another', new Uint8Array(1)),
    delete: () => provider.delete('key'),
    touch: () => provider.touch('key', null),
    get: async () => (await provider.get('key'))?.value.length,
    list: async () => (await provider.listPage()).items.length,
    health: async () => failureOf((await provider.health()).error),
  };
  for (const [name, call] of Object.entries(calls)) say(`${name} ${String(await call().catch(failureOf))}`);
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
    say(failureOf(error));
  }
}

function failureOf(error: unknown): string {
  return error instanceof PspError ? `${error.code} ${String(error.details['systemCode'])}` : String(error);
}

// Not console.log: a pipe's writes are asynchronous there, and this process will be killed.
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

const tasks: Record<string, () => Promise<void>> = {
  write: () => writeForever(Number(count), false),
  stream: () => writeForever(Number(count), true),
  touch: () => touchForever(Number(count)),
  refused: tryAll,
  raise: () => raise(Number(count)),
  hold,
  put: () => putOnce(Number(count)),
};
await tasks[task]?.();
