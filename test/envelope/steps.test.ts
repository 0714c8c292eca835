/** Work that may have to wait: run at once, run with waiting, and two of it side by side. */

import { describe, expect, it } from 'vitest';
import { runAsync, runSync, type Steps, together, waitFor } from '../../ts/envelope/steps.ts';

/** Waits for `promise`, and notes when it begins and when it ends. */
function* noting(log: string[], name: string, promise: Promise<string> | string): Steps<string> {
  log.push(`${name} begins`);
  try {
    return yield* waitFor(promise);
  } finally {
    log.push(`${name} ends`);
  }
}

describe('two computations together', () => {
  it('run one after the other, and at once, where neither waits', () => {
    const log: string[] = [];
    expect(runSync(together(noting(log, 'a', 'x'), noting(log, 'b', 'y')))).toEqual(['x', 'y']);
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });

  it('wait side by side', async () => {
    const log: string[] = [];
    let release: (value: string) => void = () => undefined;
    const first = new Promise<string>((resolve) => {
      release = resolve;
    });
    const both = runAsync(together(noting(log, 'a', first), noting(log, 'b', Promise.resolve('y'))));
    expect(log).toEqual(['a begins', 'b begins']);
    release('x');
    expect(await both).toEqual(['x', 'y']);
  });

  it('fail with what the first of them threw, after both have ended', async () => {
    const log: string[] = [];
    const failing = noting(log, 'a', Promise.reject(new Error('first')));
    const late = noting(log, 'b', new Promise((_, reject) => setImmediate(() => reject(new Error('second')))));
    await expect(runAsync(together(failing, late))).rejects.toThrow('first');
    expect(log).toEqual(['a begins', 'b begins', 'a ends', 'b ends']);
  });

  it('fail with what the second threw where only that fails, also without waiting', async () => {
    await expect(runAsync(together(waitFor(Promise.resolve(1)), waitFor(Promise.reject(new Error('second')))))).rejects.toThrow('second');
    const broken = function* (): Steps<never> {
      yield* waitFor(0);
      throw new RangeError('at once');
    };
    await expect(runAsync(together(waitFor(Promise.resolve(1)), broken()))).rejects.toThrow('at once');
    expect(() => runSync(together(waitFor(1), broken()))).toThrow('at once');
  });

  it('are refused where they may not wait', () => {
    expect(() => runSync(together(waitFor(Promise.resolve(1)), waitFor(2)))).toThrow(TypeError);
  });
});
