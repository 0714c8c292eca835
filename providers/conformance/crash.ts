/** Cases: processes are killed with SIGKILL in the middle of their writes. What is there afterwards is whole, and nothing acknowledged is lost. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConformanceGroup, Trial } from './case.ts';
import { expectSame, keysOf, present, raise, readCounter } from './observe.ts';
import { numberedValue, numberIn, WRITER_VARIABLE, type WriterTask } from './writer.ts';

const DEFAULT_KILLS = 20;
/** Processes at once: about as many as the smallest machines have cores. */
const TOGETHER = 2;
const VALUE_BYTES = 2 * 1024 * 1024;
const DAY_MS = 86_400_000;

/** Killed writers. */
export const crash: ConformanceGroup = {
  name: 'crash',
  cases: [
    {
      name: 'kill-9-writer',
      says: 'after each kill the value is the last that was acknowledged or the one after it, whole; a sweep keeps it',
      needs: ['writer'],
      timeoutMs: 900_000,
      async run(trial) {
        const { provider, clock } = trial;
        // The writers read the machine's clock, and judge what they find by it.
        clock.nowMs = Date.now();
        const bytes = Math.min(trial.amount(VALUE_BYTES, 65_536), provider.capabilities.maxValueBytes);
        const kills = killsOf(trial);
        const keys = Array.from({ length: kills }, (_, kill) => `killed ${kill}`);
        const least = new Map<string, number>();
        const most = new Map<string, number>();
        let torn = 0;
        for (let kill = 0; kill < kills; kill += TOGETHER) {
          await Promise.all(
            keys.slice(kill, kill + TOGETHER).map(async (key, i) => {
              await provider.put(key, numberedValue(0, bytes));
              const writer = startWriter(trial, { task: 'write', key, bytes });
              await writer.said(1 + (kill % 3));
              // Spread over the length of a put, from its first moments to well into the next one.
              await sleep(((kill + i) * 1.7) % 40);
              const acknowledged = await writer.kill();
              const { value } = await present(provider, key);
              const number = numberIn(value, bytes);
              if (number === null) {
                torn += 1;
                return;
              }
              assert.ok([acknowledged, acknowledged + 1].includes(number), `value ${number} after ${acknowledged} was acknowledged`);
              least.set(key, number);
              most.set(key, acknowledged + 1);
            }),
          );
        }
        assert.equal(torn, 0, `torn values of ${kills}`);
        expectSame(await keysOf(provider), keys, 'keys');
        // Whatever the dead have left behind is old by then.
        clock.nowMs += DAY_MS;
        if (provider.capabilities.sweep) assert.equal((await provider.sweep()).expired, 0);
        for (const key of keys) {
          // The last request of a dead process may have reached its service after the look above.
          const { value } = await present(provider, key);
          const number = numberIn(value, bytes);
          assert.ok(
            number !== null && number >= least.get(key)! && number <= most.get(key)!,
            `value ${number} where ${least.get(key)} was`,
          );
        }
        for (const key of keys) await provider.put(key, numberedValue(1, 10));
        expectSame(await keysOf(provider), keys, 'keys that can be written again');
      },
    },
    {
      name: 'kill-9-counter',
      says: 'writers that raise a number and are killed lose no step that was acknowledged, and hold up nobody',
      needs: ['writer', 'conditionalPut'],
      timeoutMs: 900_000,
      async run(trial) {
        const { provider, clock } = trial;
        clock.nowMs = Date.now();
        await provider.put('counter', Buffer.from('0'));
        const rounds = Math.ceil(killsOf(trial) / 5 / TOGETHER);
        let acknowledged = 0;
        for (let round = 0; round < rounds; round++) {
          const writers = Array.from({ length: TOGETHER }, () => startWriter(trial, { task: 'raise', key: 'counter' }));
          await Promise.all(writers.map((writer) => writer.said(5)));
          for (const writer of writers) acknowledged += await writer.kill();
        }
        const counted = await readCounter(provider);
        assert.ok(acknowledged >= rounds * TOGETHER * 5);
        assert.ok(counted >= acknowledged, `${counted} counted, ${acknowledged} acknowledged`);
        // A process may be killed after its write and before it said so.
        assert.ok(counted <= acknowledged + rounds * TOGETHER, `${counted} counted, ${acknowledged} acknowledged`);
        await raise(provider, 1);
        assert.equal(await readCounter(provider), counted + 1);
      },
    },
  ],
};

function killsOf(trial: Trial): number {
  return trial.subject.kills ?? DEFAULT_KILLS;
}

/** A process that writes until it is killed, at the latest when the case ends. */
function startWriter(trial: Trial, task: WriterTask) {
  const [command = '', ...args] = trial.writer;
  const child = spawn(command, args, {
    env: { ...process.env, [WRITER_VARIABLE]: JSON.stringify(task) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = new Promise<void>((resolve, reject) => {
    child.once('exit', () => resolve());
    child.once('error', reject);
  });
  let lines = 0;
  let heard: () => void = () => undefined;
  const reader = createInterface({ input: child.stdout });
  const read = new Promise<void>((resolve) => reader.once('close', resolve));
  reader.on('line', (line) => {
    lines += 1;
    assert.equal(line, String(lines));
    heard();
  });
  trial.atEnd(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  return {
    /** Resolves when the process has acknowledged `count` writes; rejects when it ends before. */
    said: (count: number): Promise<void> =>
      new Promise((resolve, reject) => {
        heard = () => (lines >= count ? resolve() : undefined);
        heard();
        exit.then(() => reject(new Error(`the writer ended by itself after ${lines} writes`)), reject);
      }),
    /** Kills it and gives the number of writes that it acknowledged. */
    async kill(): Promise<number> {
      child.kill('SIGKILL');
      await Promise.all([exit, read]);
      return lines;
    },
  };
}
