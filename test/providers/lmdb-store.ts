/** Stores of the lmdb provider in folders that are removed with their test. */

import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type LmdbOptions, lmdb } from '../../providers/lmdb.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { makeFolder } from '../machine/folder.ts';

/** A provider with a store of its own, which does not exist yet. */
export async function makeStore(options: Omit<LmdbOptions, 'path'> = {}): Promise<{ path: string; provider: StorageProvider }> {
  const path = join(await makeFolder('lmdb'), 'store');
  return { path, provider: openStore(path, options) };
}

/** A provider of the store in `path`, which is closed with its test. */
export function openStore(path: string, options: Omit<LmdbOptions, 'path'> = {}): StorageProvider {
  const provider = lmdb({ path, ...options });
  onTestFinished(() => provider.close());
  return provider;
}
