/** Miniflare and workerd end with the tests, also with tests that are killed. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { requireMiniflare, startKv } from './miniflare.ts';
import { requireNewestNode } from './newest-node.ts';

const GROUP = 'the end of miniflare';

describe.skipIf(requireMiniflare(GROUP) === null)(GROUP, () => {
  test('when the process that started it is killed, it ends, and workerd too', async () => {
    const parent = spawn(requireNewestNode(GROUP)!, [fileURLToPath(new URL('miniflare-parent.ts', import.meta.url))], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
    const pids = [Number(line), ...childrenOf(Number(line))];
    expect(pids.length).toBeGreaterThan(1);
    expect(pids.filter(isRunning)).toEqual(pids);
    parent.kill('SIGKILL');
    await untilEnded(pids);
  });

  test('when it was killed itself, stopping it ends workerd', async () => {
    const { pid, stop } = await startKv();
    const workers = childrenOf(pid);
    expect(workers.filter(isRunning).length).toBeGreaterThan(0);
    process.kill(pid, 'SIGKILL');
    await stop();
    await untilEnded([pid, ...workers]);
  });
});

/** Fails by the time limit of the test. */
async function untilEnded(pids: readonly number[]): Promise<void> {
  while (pids.some(isRunning)) await sleep(50);
}

function childrenOf(pid: number): number[] {
  return processes()
    .filter(({ parent }) => parent === pid)
    .map((child) => child.pid);
}

/** A zombie is not: it has ended, and only waits to be asked how. */
function isRunning(pid: number): boolean {
  return processes().some((found) => found.pid === pid && !found.state.startsWith('Z'));
}

function processes(): { readonly pid: number; readonly parent: number; readonly state: string }[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,stat='], { encoding: 'utf8' }).trim().split('\n');
  return lines.map((line) => {
    const [pid, parent, state = ''] = line.trim().split(/\s+/);
    return { pid: Number(pid), parent: Number(parent), state };
  });
}
