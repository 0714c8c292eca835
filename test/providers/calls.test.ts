/** The calls of a provider that are under way: each ends once, by its own reason, and one signal serves any number of them. */

import { once } from 'node:events';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Calls, whenAborted } from '../../providers/calls.ts';

const never = (): Promise<never> => new Promise(() => undefined);

/** What became of each, in order. */
async function reasonsOf(calls: readonly Promise<unknown>[]): Promise<unknown[]> {
  return (await Promise.allSettled(calls)).map((one) => (one.status === 'rejected' ? (one.reason?.code ?? one.reason) : one.value));
}

/** Warnings of the process, from now until the test ends. */
function collectWarnings(): string[] {
  const warnings: string[] = [];
  const note = (warning: Error): void => void warnings.push(warning.name);
  process.on('warning', note);
  onTestFinished(() => void process.off('warning', note));
  return warnings;
}

describe('one signal of many calls', () => {
  test('has one listener while any of them is under way, and none after', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    const warnings = collectWarnings();
    const ends: (() => void)[] = [];
    // Two providers' worth: the signal is the caller's, who may give it to all.
    const both = [new Calls(true), new Calls(false)];
    const pending = Array.from({ length: 40 }, (_, i) =>
      both[i % 2]!.run({ signal }, 0, () => new Promise<number>((resolve) => ends.push(() => resolve(i)))),
    );
    // In an order of no meaning, so that any may be the first, the last, or in the midst.
    for (const at of [39, 0, 17, 18, 1, 38]) ends[at]!();
    expect(await Promise.all([39, 0, 17, 18, 1, 38].map((at) => pending[at]))).toEqual([39, 0, 17, 18, 1, 38]);
    expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([1, 0]);
    controller.abort('enough');
    const reasons = await reasonsOf(pending);
    expect(reasons.filter((reason) => reason === 'enough')).toHaveLength(34);
    for (const end of ends) end();
    await Promise.resolve().then(() => undefined);
    expect(removed).toHaveBeenCalledTimes(1);
    await new Promise(setImmediate);
    expect(warnings).toEqual([]);
  });

  test('serves the next calls too, when all before them are done', async () => {
    const controller = new AbortController();
    const calls = new Calls(true);
    for (let i = 0; i < 3; i++) expect(await calls.run({ signal: controller.signal }, 0, async () => i)).toBe(i);
    const last = calls.run({ signal: controller.signal }, 0, never);
    controller.abort('now');
    await expect(last).rejects.toBe('now');
  });

  test('who stopped waiting is not called, and those beside it are', () => {
    const controller = new AbortController();
    const called: number[] = [];
    const stops = [0, 1, 2, 3].map((i) => whenAborted(controller.signal, () => called.push(i)));
    stops[0]!();
    stops[2]!();
    controller.abort();
    expect(called.sort()).toEqual([1, 3]);
  });
});

describe('calls that end in any order', () => {
  test.each([true, false])('each by its own limit of time, with one timer: %s', async (sharesTimer) => {
    const calls = new Calls(sharesTimer);
    const ends: (() => void)[] = [];
    const pending = Array.from({ length: 30 }, (_, i) =>
      calls.run({ timeoutMs: i % 3 === 0 ? 5 : 60_000 }, 0, () => new Promise<number>((resolve) => ends.push(() => resolve(i)))),
    );
    const late = pending.filter((_, i) => i % 3 === 0);
    expect(new Set(await reasonsOf(late))).toEqual(new Set(['PROVIDER_TIMEOUT']));
    for (const end of ends) end();
    expect(await reasonsOf(pending)).toEqual(pending.map((_, i) => (i % 3 === 0 ? 'PROVIDER_TIMEOUT' : i)));
  });

  test('closing waits for all of them', async () => {
    const calls = new Calls(true);
    const first = new AbortController();
    const second = new AbortController();
    const work = (signal: AbortSignal) => calls.run({}, 60_000, () => once(signal, 'abort').then(() => 'done'));
    const pending = [work(first.signal), work(second.signal)];
    let isClosed = false;
    const closing = calls.close().then(() => {
      isClosed = true;
    });
    second.abort();
    await expect(pending[1]).resolves.toBe('done');
    expect(isClosed).toBe(false);
    first.abort();
    await closing;
    expect(await reasonsOf([...pending, calls.run({}, 0, never)])).toEqual(['done', 'done', 'PROVIDER_CLOSED']);
  });
});
