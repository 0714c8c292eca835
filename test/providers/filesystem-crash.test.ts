/** The filesystem provider among processes: several that write one key, some of which are killed, and the lock that parts them. */

import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { chmod, chown, mkdtemp, readdir, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ABANDONED_AFTER_MS, clearLeftLock, isHeld, LockOwner, type TakenLock, withLock } from '../../providers/filesystem/lock.ts';
import { nameKey } from '../../providers/filesystem/name.ts';
import { judgeOwner, newOwner } from '../../providers/filesystem/owner.ts';
import { filesystem } from '../../providers/filesystem.ts';
import { expectCode, pattern, raise, readCounter } from '../contract/provider/observe.ts';
import { bundleChild, type Child, startChild } from '../machine/child.ts';
import { makeFolder } from '../machine/folder.ts';
import { deadOwner } from './filesystem-store.ts';

const IS_DEEP = process.env['PSP_DEEP'] === '1';
const KILLS = IS_DEEP ? 200 : 10;
const NOBODY = 65_534;

let built: string;
let childScript: string;

beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), 'psp-child-'));
  childScript = bundleChild(join(import.meta.dirname, 'filesystem-child.ts'), built);
});

afterAll(() => rm(built, { recursive: true, force: true }));

describe('filesystem: killed writers', () => {
  test.each(['write', 'stream'])(
    `kill -9 (${KILLS} times) in a %s leaves the old value or the new one, whole, and never a lock for good`,
    { timeout: IS_DEEP ? 600_000 : 90_000 },
    async (task) => {
      const root = await makeFolder('crash');
      const provider = filesystem({ root });
      const shard = join(root, nameKey('big').shard);
      let leftovers = 0;
      let next = 1;
      for (let kill = 0; kill < KILLS; kill++) {
        const child = startTask(task, root, next);
        await child.said(1);
        // Spread over the length of one put, from its first moments to well into the next one.
        await new Promise((resolve) => setTimeout(resolve, ((kill * 3) % 20) * 1.7));
        child.process.kill('SIGKILL');
        await child.ended;
        const acknowledged = Number(child.lines.at(-1));
        const value = (await provider.get('big'))?.value ?? new Uint8Array();
        const written = new DataView(value.buffer).getUint32(0);
        expect(value.length).toBe(2 * 1024 * 1024);
        expect(value.subarray(4).every((byte) => byte === (written & 255))).toBe(true);
        expect([acknowledged, acknowledged + 1]).toContain(written);
        leftovers += (await readdir(shard)).length - 1;
        next = written + 1;
      }
      // Otherwise no kill hit a put and nothing was tried.
      expect(leftovers).toBeGreaterThan(0);
      const sweeper = filesystem({ root, now: () => Date.now() + 2 * ABANDONED_AFTER_MS });
      await sweeper.put('big', pattern(10));
      expect(await readdir(shard)).toEqual([nameKey('big').record]);
      await Promise.all([provider.close(), sweeper.close()]);
      expect(await readdir(root)).toEqual([nameKey('big').shard]);
    },
  );

  test('kill -9 in a touch leaves the value and its metadata, with the old expiry or the new one', { timeout: 60_000 }, async () => {
    const root = await makeFolder('crash');
    const provider = filesystem({ root });
    await provider.put('big', pattern(2 * 1024 * 1024), { metadata: { a: 'b' } });
    let next = 5_000_000_000_000; // Milliseconds: far from now.
    for (let kill = 0; kill < 10; kill++) {
      const child = startTask('touch', root, next);
      await child.said(1);
      await new Promise((resolve) => setTimeout(resolve, kill * 2.3));
      child.process.kill('SIGKILL');
      await child.ended;
      const acknowledged = Number(child.lines.at(-1));
      const record = await provider.get('big');
      expect(record?.metadata).toEqual({ a: 'b' });
      expect(Buffer.compare(record!.value, pattern(2 * 1024 * 1024))).toBe(0);
      const touched = record!.expiresAt!;
      expect([acknowledged, acknowledged + 1]).toContain(touched);
      next = touched + 1;
    }
  });

  test('processes that raise one counter lose nothing', { timeout: 120_000 }, async () => {
    const root = await makeFolder('crash');
    const provider = filesystem({ root });
    await provider.put('counter', Buffer.from('0'));
    const children = [1, 2, 3, 4].map(() => startTask('raise', root, 40));
    await raise(provider, 40);
    expect(await Promise.all(children.map((child) => child.ended))).toEqual([0, 0, 0, 0]);
    expect(await readCounter(provider)).toBe(200);
  });

  test('processes that raise one counter and are killed lose no acknowledged step', { timeout: 120_000 }, async () => {
    const root = await makeFolder('crash');
    const provider = filesystem({ root });
    await provider.put('counter', Buffer.from('0'));
    const children: Child[] = [];
    for (let round = 0; round < 4; round++) {
      const pair = [startTask('raise', root, 100_000), startTask('raise', root, 100_000)];
      for (const child of pair) await child.said(5);
      for (const child of pair) child.process.kill('SIGKILL');
      await Promise.all(pair.map((child) => child.ended));
      children.push(...pair);
    }
    const acknowledged = children.flatMap((child) => child.lines).length;
    const counted = await readCounter(provider);
    expect(acknowledged).toBeGreaterThanOrEqual(40);
    // A process may be killed after its rename and before it said so.
    expect(counted).toBeGreaterThanOrEqual(acknowledged);
    expect(counted).toBeLessThanOrEqual(acknowledged + children.length);
    await raise(provider, 1);
    expect(await readCounter(provider)).toBe(counted + 1);
  });

  test('a file that may not grow: the failure is reported, the old value stays, nothing is left behind', async () => {
    const root = await makeFolder('crash');
    const provider = filesystem({ root });
    await provider.put('key', pattern(1000));
    // The limit is in blocks of 512 or 1024 bytes; Node ignores the signal, so the write fails with EFBIG as it would with ENOSPC.
    const said = execFileSync('sh', ['-c', `ulimit -f 64; exec "$0" "$@"`, process.execPath, childScript, 'put', root, '1000000'], {
      encoding: 'utf8',
    });
    expect(said).toBe('PROVIDER_UNAVAILABLE EFBIG\n');
    expect((await provider.get('key'))?.value).toEqual(pattern(1000));
    expect(await readdir(join(root, nameKey('key').shard))).toEqual([nameKey('key').record]);
  });

  test.skipIf(process.getuid?.() !== 0)(
    'a store that belongs to a user who may not write to it: EACCES, and reads work (needs root, to become that user)',
    async () => {
      const root = await makeFolder('crash');
      await filesystem({ root }).put('key', pattern(10));
      const { shard, record } = nameKey('key');
      const [path, file] = [join(root, shard), join(root, shard, record)];
      for (const name of await readdir(root)) if (name.endsWith('.owner')) await rm(join(root, name));
      for (const entry of [root, path, file]) await chown(entry, NOBODY, NOBODY);
      for (const directory of [path, root]) await chmod(directory, 0o500);
      await chmod(built, 0o755);
      const said = execFileSync(process.execPath, [childScript, 'refused', root], { encoding: 'utf8', uid: NOBODY, gid: NOBODY });
      expect(said.trimEnd().split('\n')).toEqual([
        'put PROVIDER_UNAVAILABLE EACCES',
        'stream PROVIDER_UNAVAILABLE EACCES',
        'new PROVIDER_UNAVAILABLE EACCES',
        'delete PROVIDER_UNAVAILABLE EACCES',
        'touch PROVIDER_UNAVAILABLE EACCES',
        'get 10',
        'list 1',
        'health PROVIDER_UNAVAILABLE EACCES',
      ]);
      expect(await readdir(path)).toEqual([record]);
    },
  );
});

describe('filesystem: the lock', () => {
  const patient = { waitMs: 5000, now: Date.now };

  test('one holder at a time, and nothing is left when all are done', async () => {
    const directory = await makeFolder('crash');
    const path = join(directory, 'k-a.lock');
    const count = await countHolders(path, 16);
    expect(count).toEqual({ most: 1, done: 16 });
    expect(await readdir(directory)).toEqual([]);
  });

  test('a lock of a dead process is taken over by one waiter at a time', async () => {
    for (let round = 0; round < 10; round++) {
      const directory = await makeFolder('crash');
      const path = join(directory, 'k-a.lock');
      await plantLock(path, deadOwner());
      expect(await countHolders(path, 16)).toEqual({ most: 1, done: 16 });
      expect(await readdir(directory)).toEqual([]);
    }
  });

  test('a lock of a process that was killed while it held it is taken over at once', async () => {
    const path = join(await makeFolder('crash'), 'k-a.lock');
    const child = startTask('hold', path, 0);
    await child.said(1);
    await expectCode(
      withLock(path, { waitMs: 50, now: Date.now }, async () => undefined),
      'PROVIDER_UNAVAILABLE',
    );
    child.process.kill('SIGKILL');
    await child.ended;
    expect(await withLock(path, { waitMs: 50, now: Date.now }, async () => 'mine')).toBe('mine');
  });

  test('a waiter whose judgement is old cannot remove the lock of the one that was faster', async () => {
    const directory = await makeFolder('crash');
    const path = join(directory, 'k-a.lock');
    await plantLock(path, deadOwner());
    const fast = new LockOwner(directory);
    // The slow waiter has judged the lock left behind when it asks for the claim; meanwhile the fast one removes it and takes its own.
    let taken: TakenLock | null = null;
    class SlowOwner extends LockOwner {
      override async take(claim: string): Promise<TakenLock | null> {
        expect(await clearLeftLock(path, fast, Date.now())).toBe('gone');
        taken = await fast.take(path);
        return super.take(claim);
      }
    }
    const slow = new SlowOwner(directory);
    await clearLeftLock(path, slow, Date.now());
    expect(taken).not.toBeNull();
    expect(isHeld(taken!)).toBe(true);
    await unlink(path);
    await Promise.all([fast.close(), slow.close()]);
    expect(await readdir(directory)).toEqual([]);
  });

  test('a claim whose owner was killed, and the claim to that, are taken over too', async () => {
    const directory = await makeFolder('crash');
    const path = join(directory, 'k-a.lock');
    const dead = [deadOwner(), deadOwner(), deadOwner()];
    await plantLock(path, dead[0]!);
    await plantLock(join(directory, `${dead[0]}.claim`), dead[1]!);
    await plantLock(join(directory, `${dead[1]}.claim`), dead[2]!);
    expect(await countHolders(path, 16)).toEqual({ most: 1, done: 16 });
    expect(await readdir(directory)).toEqual([]);
  });

  test('waiting has an end, and leaves nothing behind', async () => {
    const directory = await makeFolder('crash');
    const path = join(directory, 'k-a.lock');
    await withLock(path, patient, async () => {
      const error = await expectCode(
        withLock(path, { waitMs: 20, now: Date.now }, async () => undefined),
        'PROVIDER_UNAVAILABLE',
      );
      expect(error.details).toEqual({ waitMs: 20 });
      expect(await readdir(directory)).toEqual(['k-a.lock']);
    });
  });

  test('is given back also when the file of its owner was swept and its owner was closed meanwhile', async () => {
    const directory = await makeFolder('crash');
    const owner = new LockOwner(directory);
    const path = join(directory, 'k-a.lock');
    await withLock(path, { ...patient, owner }, async (lock) => {
      for (const name of await readdir(directory)) if (name.endsWith('.owner')) await unlink(join(directory, name));
      expect(await owner.take(join(directory, 'k-b.lock'))).not.toBeNull();
      await owner.close();
      await lock.check();
    });
    expect(await readdir(directory)).toEqual(['k-b.lock']);
    const failure = new Error('of the work');
    await expect(withLock(path, { ...patient, owner }, () => owner.close().then(() => Promise.reject(failure)))).rejects.toBe(failure);
    expect(await readdir(directory)).toEqual(['k-b.lock']);
  });

  test('a lock is given back when the work under it fails', async () => {
    const path = join(await makeFolder('crash'), 'k-a.lock');
    const failure = new Error('of the work');
    await expect(withLock(path, patient, () => Promise.reject(failure))).rejects.toBe(failure);
    expect(await withLock(path, { waitMs: 0, now: Date.now }, async () => 'mine')).toBe('mine');
  });

  test('a lock of another machine is waited for, until it is old', async () => {
    const path = join(await makeFolder('crash'), 'k-a.lock');
    const stranger = newOwner().replace(/\.[0-9a-f]{16}\./, '.00000000000000ff.');
    await plantLock(path, stranger);
    const young = { waitMs: 20, now: () => Date.now() + ABANDONED_AFTER_MS - 60_000 };
    await expectCode(
      withLock(path, young, async () => undefined),
      'PROVIDER_UNAVAILABLE',
    );
    const old = { waitMs: 20, now: () => Date.now() + ABANDONED_AFTER_MS + 60_000 };
    expect(await withLock(path, old, async () => 'mine')).toBe('mine');
  });

  test('a holder whose lock was given up notices before it writes', async () => {
    const path = join(await makeFolder('crash'), 'k-a.lock');
    await withLock(path, patient, async (lock) => {
      await lock.check();
      await unlink(path);
      await withLock(path, patient, () => expectCode(lock.check(), 'PROVIDER_UNAVAILABLE'));
    });
  });

  test('a put and a delete whose lock is given up under them change nothing', async () => {
    const root = await makeFolder('crash');
    const { shard, lock, record } = nameKey('key');
    const { version } = await filesystem({ root }).put('key', pattern(5));
    // The clock is read between the taking of the lock and the write: a moment in which to be robbed.
    const robbed = filesystem({
      root,
      now: () => {
        rmSync(join(root, shard, lock), { recursive: true, force: true });
        return Date.now();
      },
    });
    await expectCode(robbed.put('key', pattern(6), { ifMatch: version }), 'PROVIDER_UNAVAILABLE');
    await expectCode(robbed.delete('key', { ifMatch: version }), 'PROVIDER_UNAVAILABLE');
    expect(await filesystem({ root }).get('key')).toMatchObject({ version, value: pattern(5) });
    expect(await readdir(join(root, shard))).toEqual([record]);
  });

  test('an owner is judged by its process, not only by its pid', async () => {
    const own = newOwner();
    expect(await judgeOwner(own)).toBe('alive');
    expect(await judgeOwner(deadOwner())).toBe('dead');
    expect(await judgeOwner('somebody')).toBe('unknown');
    expect(await judgeOwner(own.replace(/\.[0-9a-f]{16}\./, '.00000000000000ff.'))).toBe('unknown');
    // Only Linux tells when a process began; elsewhere a pid that was given again is found by age.
    const reborn = await judgeOwner(own.replace(/^(\d+)\.\d+/, '$1.1'));
    expect(reborn).toBe(process.platform === 'linux' ? 'dead' : 'unknown');
  });
});

/** Lets `waiters` take the lock at once; `most` is how many ever held it together. */
async function countHolders(path: string, waiters: number): Promise<{ most: number; done: number }> {
  let holding = 0;
  let most = 0;
  let done = 0;
  const wait = () =>
    withLock(path, { waitMs: 5000, now: Date.now }, async (lock) => {
      holding += 1;
      most = Math.max(most, holding);
      await lock.check();
      await new Promise((resolve) => setImmediate(resolve));
      await lock.check();
      holding -= 1;
      done += 1;
    });
  await Promise.all(Array.from({ length: waiters }, wait));
  return { most, done };
}

function startTask(task: string, root: string, count: number): Child {
  return startChild([childScript, task, root, String(count)]);
}

function plantLock(path: string, owner: string): Promise<void> {
  return writeFile(path, owner);
}
