/** A Deno of node_modules, running one of our programs with the permissions of a bench and no network. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RESULTS_FOLDER } from './report.ts';

const OFFLINE = ['--quiet', '--no-remote', '--cached-only', '--no-lock', '--no-config', '--no-prompt', '--node-modules-dir=manual'];
const PERMISSIONS = ['--allow-read', '--allow-env', '--allow-sys', `--allow-write=${RESULTS_FOLDER}`];

/**
 * Runs a program to its end, in the root of the checkout. Deno's cache is an empty folder that is removed again: nothing comes from anywhere
 * else. Throws when there is no Deno.
 */
export function runInDeno(program: string, words: readonly string[], stdio: 'inherit' | 'pipe'): SpawnSyncReturns<string> {
  const cache = mkdtempSync(join(tmpdir(), 'psp-bench-deno-'));
  try {
    const env = { ...process.env, DENO_DIR: cache, DENO_NO_UPDATE_CHECK: '1' };
    const args = ['run', ...OFFLINE, ...PERMISSIONS, program, ...words];
    const ended = spawnSync(findDeno('node_modules'), args, { stdio, env, encoding: 'utf8' });
    if (ended.error !== undefined) throw ended.error;
    return ended;
  } finally {
    rmSync(cache, { recursive: true });
  }
}

/** The binary of whichever platform package npm has installed: it is there even where install scripts were not allowed to run. */
function findDeno(modules: string): string {
  const platforms = join(modules, '@deno');
  const installed = existsSync(platforms) ? readdirSync(platforms) : [];
  const path = installed.map((name) => join(platforms, name, 'deno')).find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error(`no Deno in ${platforms}: run \`npm ci\`, with optional dependencies`);
  return path;
}
