/**
 * The process that the suite kills: it writes without end and says each success on its standard output, which therefore holds nothing that did
 * not happen. Somebody who tests a provider writes a program of a few lines that calls {@link runWriter}, and gives its command line to the suite.
 */

import { writeSync } from 'node:fs';
import type { StorageProvider } from '../../ts/provider.ts';
import { raise } from './observe.ts';

/** The environment variable that tells the process what to do. */
export const WRITER_VARIABLE = 'PSP_CONFORMANCE_WRITER';

/** What a writer does, as JSON in {@link WRITER_VARIABLE}. */
export type WriterTask =
  /** Puts value after value, of `bytes` bytes, beginning with number 1. Says the number of each. */
  | { readonly task: 'write'; readonly key: string; readonly bytes: number }
  /** Raises the number under `key` by compare-and-set. Says each success. */
  | { readonly task: 'raise'; readonly key: string };

/**
 * Does what the suite asks of this process, until it is killed. `make` makes a provider of the values that the suite knows, with the machine's
 * clock. An Error when the process was not started by the suite.
 */
export async function runWriter(make: () => StorageProvider | Promise<StorageProvider>): Promise<void> {
  const text = process.env[WRITER_VARIABLE];
  if (text === undefined)
    throw new Error(`expected ${WRITER_VARIABLE} in the environment: this program is started by the conformance suite`);
  const task = JSON.parse(text) as WriterTask;
  const provider = await make();
  for (let i = 1; ; i++) {
    if (task.task === 'write') await provider.put(task.key, numberedValue(i, task.bytes));
    else await raise(provider, 1, task.key);
    // Not console.log: a pipe's writes are asynchronous there, and this process will be killed.
    writeSync(1, `${i}\n`);
  }
}

/** A value that says its number in its first four bytes and in all others. */
export function numberedValue(number: number, size: number): Uint8Array<ArrayBuffer> {
  const value = new Uint8Array(size).fill(number & 255);
  new DataView(value.buffer).setUint32(0, number);
  return value;
}

/** The number of a value of `size` bytes that {@link numberedValue} made; null when `value` is none: cut, or a mixture of two. */
export function numberIn(value: Uint8Array<ArrayBuffer>, size: number): number | null {
  if (value.length !== size) return null;
  const number = new DataView(value.buffer, value.byteOffset).getUint32(0);
  return Buffer.compare(value, numberedValue(number, size)) === 0 ? number : null;
}
