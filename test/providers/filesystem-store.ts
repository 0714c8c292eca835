/** Stores of the filesystem provider in folders that are removed with their test, and a record in one. */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nameKey } from '../../providers/filesystem/name.ts';
import { newOwner } from '../../providers/filesystem/owner.ts';
import { filesystem } from '../../providers/filesystem.ts';
import { pattern } from '../contract/provider/observe.ts';
import { makeFolder } from '../machine/folder.ts';

export const KEY = 'keysecret';
export const NAME = nameKey(KEY);

/** A provider with a root of its own, and the shard that {@link KEY} is in. */
export async function makeStore(options: { now?: () => number } = {}) {
  const root = await makeFolder('filesystem');
  return { root, shard: join(root, NAME.shard), provider: filesystem({ root, durability: 'none', ...options }) };
}

/** A store with a record under {@link KEY}, and the record's bytes. */
export async function makeRecord() {
  const store = await makeStore();
  const { version } = await store.provider.put(KEY, pattern(20), { metadata: { m: 'METASECRET' }, expiresAt: Date.now() + 3_600_000 });
  const path = join(store.shard, NAME.record);
  return { ...store, version, path, whole: await readFile(path) };
}

/** An owner of this machine whose process has ended. */
export function deadOwner(): string {
  const pid = execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }).trim();
  return newOwner().replace(/^\d+/, pid);
}
