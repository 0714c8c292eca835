/** A file system that is full after 1 MiB, for what happens where there is no room left. Only root on Linux may mount one. */

import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Whether {@link mountTmpfs} works here: tried in a namespace of its own, so that nothing is left. */
export function canMountTmpfs(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The folder of a fresh one, which is gone after the test. */
export async function mountTmpfs(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'psp-tmpfs-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'tmpfs', path]);
  onTestFinished(async () => {
    // Lazily: files may be open, or mapped, still.
    execFileSync('umount', ['-l', path]);
    await rm(path, { recursive: true, force: true });
  });
  return path;
}
