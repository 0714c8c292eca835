/** The Deno that npm installed, for tests: where it is, and how it runs without a network. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT } from '../package/packed.ts';

/** Nothing remote, nothing written beside the program, nothing asked. */
export const DENO_OFFLINE: readonly string[] = ['--quiet', '--no-remote', '--cached-only', '--no-lock', '--no-config', '--no-prompt'];

/** The binary of whichever platform package npm has installed: it is there even where install scripts were not allowed to run. */
export function findDeno(): string {
  const platforms = join(CHECKOUT, 'node_modules/@deno');
  const installed = existsSync(platforms) ? readdirSync(platforms) : [];
  const path = installed.map((name) => join(platforms, name, 'deno')).find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error(`no Deno in ${platforms}: run \`npm ci\`, with optional dependencies`);
  return path;
}
