/** A copy that is killed again and again: in the end every record is there, whole, and what was finished was not done again. */

import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { filesystem } from '../../providers/filesystem.ts';
import type { StorageProvider, Version } from '../../ts/provider.ts';
import { listAll } from './store-fixture.ts';

const COUNT = 400;

test('kill -9 over a copy of 400 records loses none and repeats few', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'psp-copy-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const script = join(folder, 'child.mjs');
  buildSync({
    entryPoints: [join(import.meta.dirname, 'copy-child.ts')],
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
  });
  const [from, to] = ['from', 'to'].map((name) => filesystem({ root: join(folder, name), durability: 'none' })) as [
    StorageProvider,
    StorageProvider,
  ];
  const value = (at: number) => new Uint8Array(2000).fill(at);
  for (let at = 0; at < COUNT; at++) await from.put(`k-${at}`, value(at), { metadata: { at: String(at) } });

  let kills = 0;
  let resumable = 0;
  // Versions tell what was written again: a record that is there is never put a second time.
  const versions = new Map<string, Version>();
  for (;;) {
    const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), ended]);
    // The first kills come soon, later ones ever later, so that the loop ends however slow the machine is.
    const timer = setTimeout(() => child.kill('SIGKILL'), randomInt(5, 60 + kills * 40));
    const status = await ended;
    clearTimeout(timer);
    for (const { key, version } of await listAll(to.list())) {
      expect(versions.get(key) ?? version).toBe(version);
      versions.set(key, version);
    }
    if (status === 0) break;
    expect(status).toBeNull();
    kills++;
    const checkpoint = join(folder, 'checkpoint');
    if (existsSync(checkpoint) && readFileSync(checkpoint, 'utf8') !== '') resumable++;
  }
  expect(versions.size).toBe(COUNT);
  for (let at = 0; at < COUNT; at++) {
    expect(await to.get(`k-${at}`)).toMatchObject({ value: value(at), metadata: { at: String(at) } });
  }
  expect(kills).toBeGreaterThan(0);
  expect(resumable).toBeGreaterThan(0);
});
