/** Failures of the system under the filesystem provider: a full disk, a read-only one, something else in place of a file. */
import { execFileSync } from 'node:child_process';
import type { FileHandle } from 'node:fs/promises';
import { chmod, lstat, mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { writeNewFile } from '../../providers/filesystem/file.ts';
import { filesystem } from '../../providers/filesystem.ts';
import { PspError } from '../../ts/errors.ts';
import { expectCode, expectSilent, keysOf, pattern } from '../contract/provider/observe.ts';
import { makeFolder } from '../machine/folder.ts';
import { canMountTmpfs, mountTmpfs } from '../machine/tmpfs.ts';
import { KEY, makeStore, NAME } from './filesystem-store.ts';

describe('filesystem: failures of the system', () => {
  const canMount = canMountTmpfs();

  test.skipIf(!canMount)('disk full: the old value stays, nothing is left behind (needs root, to mount a tmpfs)', async () => {
    const root = await mountTmpfs();
    const provider = filesystem({ root });
    await provider.put(KEY, pattern(100_000));
    const error = await expectCode(provider.put(KEY, pattern(3_000_000)), 'PROVIDER_UNAVAILABLE');
    expect(error.details).toEqual({ systemCode: 'ENOSPC' });
    expect(error.cause).toMatchObject({ code: 'ENOSPC' });
    expectSilent(error, [KEY]);
    let isCancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(pattern(50_000)),
      cancel() {
        isCancelled = true;
      },
    });
    expect((await expectCode(provider.put(KEY, endless), 'PROVIDER_UNAVAILABLE')).details).toEqual({ systemCode: 'ENOSPC' });
    expect(isCancelled).toBe(true);
    await provider.put(KEY, pattern(600_000));
    expect((await expectCode(provider.touch(KEY, Date.now() + 60_000), 'PROVIDER_UNAVAILABLE')).details).toEqual({ systemCode: 'ENOSPC' });
    expect(await readdir(join(root, NAME.shard))).toEqual([NAME.record]);
    expect(await provider.get(KEY)).toMatchObject({ value: pattern(600_000), expiresAt: null });
    expect(await provider.delete(KEY)).toBe(true);
  });

  test.skipIf(!canMount)('read-only root: reads work, writes are PROVIDER_UNAVAILABLE (needs root, to mount a tmpfs)', async () => {
    const root = await mountTmpfs();
    await filesystem({ root }).put(KEY, pattern(10));
    execFileSync('mount', ['-o', 'remount,ro', root]);
    await expectReadOnly(root, 'EROFS');
  });

  test.skipIf(process.getuid?.() === 0)('a root without write permission (needs a user other than root)', async () => {
    const { root, shard, provider } = await makeStore();
    await provider.put(KEY, pattern(10));
    await chmod(shard, 0o500);
    onTestFinished(() => chmod(shard, 0o700));
    await expectReadOnly(root, 'EACCES');
  });

  test('a root that is a file', async () => {
    const root = join(await makeFolder('filesystem'), KEY);
    await writeFile(root, '');
    const provider = filesystem({ root });
    const calls = [
      () => provider.put(KEY, pattern(1)),
      () => provider.put(KEY, new Blob(['x']).stream()),
      () => provider.get(KEY),
      () => provider.getStream(KEY),
      () => provider.head(KEY),
      () => provider.delete(KEY),
      () => provider.touch(KEY, null),
      () => keysOf(provider),
      () => provider.sweep(),
    ];
    for (const call of calls) {
      const error = await expectCode(call(), 'PROVIDER_UNAVAILABLE');
      expect(error.details).toEqual({ systemCode: 'ENOTDIR' });
      expectSilent(error, [KEY]);
    }
  });

  test('a directory in place of the record: the put fails and leaves nothing behind', async () => {
    const { provider, shard } = await makeStore();
    await mkdir(join(shard, NAME.record), { recursive: true });
    const error = await expectCode(provider.put(KEY, pattern(1)), 'PROVIDER_UNAVAILABLE');
    expect(error.cause).not.toBeInstanceOf(PspError);
    expectSilent(error, [KEY]);
    expect(await readdir(shard)).toEqual([NAME.record]);
  });

  test('a new file that cannot be written, nor removed again: the first failure is the one that is told', async () => {
    const path = join(await makeFolder('filesystem'), 'new');
    const failure = new Error('no more room');
    // A directory in place of the file, which unlink refuses.
    async function replace(): Promise<void> {
      await rm(path);
      await mkdir(path);
    }
    const write = vi.spyOn(await fileHandlePrototype(), 'write').mockImplementation(async () => {
      await replace();
      throw failure;
    });
    onTestFinished(() => write.mockRestore());
    await expect(writeNewFile(path, pattern(100_000), 'none')).rejects.toBe(failure);
    expect((await lstat(path)).isDirectory()).toBe(true);
  });

  async function expectReadOnly(root: string, systemCode: string): Promise<void> {
    const provider = filesystem({ root });
    const stream = () => new Blob(['x']).stream();
    const writes = [
      () => provider.put(KEY, pattern(1)),
      () => provider.put(KEY, stream()),
      () => provider.put('another', pattern(1)),
      () => provider.delete(KEY),
      () => provider.touch(KEY, null),
    ];
    for (const write of writes) {
      const error = await expectCode(write(), 'PROVIDER_UNAVAILABLE');
      expect(error.details).toEqual({ systemCode });
      expectSilent(error, [KEY]);
    }
    expect(await provider.health()).toMatchObject({ ok: false, error: { code: 'PROVIDER_UNAVAILABLE', details: { systemCode } } });
    expect((await provider.get(KEY))?.value).toEqual(pattern(10));
    expect(await keysOf(provider)).toEqual([KEY]);
    expect(await readdir(join(root, NAME.shard))).toEqual([NAME.record]);
  }
});

async function fileHandlePrototype(): Promise<FileHandle> {
  const file = await open('/dev/null');
  await file.close();
  return Object.getPrototypeOf(file);
}
