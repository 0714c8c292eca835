/** Listings of a million keys, in a process of their own, by the program that the bench `storage` runs: `npm run test:deep`. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Listing } from '../../bench/storage-listing.ts';
import { hasRedis, startRedis } from '../servers/redis.ts';

const COUNT = 1_000_000;
const MAX_GROWTH_BYTES = 64 * 2 ** 20;
const PROGRAM = join(import.meta.dirname, '../../dist/bench/storage-listing.js');
const isDeep = process.env['PSP_DEEP'] !== undefined;

async function listMillion(provider: string, options: object): Promise<Listing> {
  expect(existsSync(PROGRAM), 'npm run build makes it').toBe(true);
  const run = promisify(execFile);
  const words = [provider, JSON.stringify(options), String(COUNT)];
  await run(process.execPath, [PROGRAM, 'fill', ...words]);
  return JSON.parse((await run(process.execPath, [PROGRAM, 'list', ...words])).stdout) as Listing;
}

describe.skipIf(!isDeep)('1,000,000 keys are each listed once in constant memory (PSP_DEEP=1)', () => {
  test('lmdb', { timeout: 600_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'psp-million-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const { keys, repeated, growthBytes } = await listMillion('lmdb', { path: folder, durability: 'none' });
    expect([keys, repeated]).toEqual([COUNT, 0]);
    expect(growthBytes).toBeLessThan(MAX_GROWTH_BYTES);
  });

  test.skipIf(!hasRedis('a listing of a million keys in Redis'))('redis', { timeout: 600_000 }, async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const { keys, repeated, growthBytes } = await listMillion('redis', { url: server.url });
    expect([keys, repeated]).toEqual([COUNT, 0]);
    expect(growthBytes).toBeLessThan(MAX_GROWTH_BYTES);
  });
});
