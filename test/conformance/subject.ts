/** What the subjects of this folder share: how many processes are killed, the command line of a writer, folders, and prefixes that nobody else has. */

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireNewestNode } from '../servers/newest-node.ts';

/** Every provider that the suite is run on, as the README's table names them. */
export const SUBJECT_NAMES = [
  'memory',
  'filesystem',
  'lmdb',
  'redis',
  'redis cluster',
  'redis sentinel',
  's3 on Ceph RGW',
  's3 on R2',
  'cloudflare-kv (binding in workerd)',
  'cloudflare-kv (REST)',
  'cloudflare-kv (REST of miniflare)',
  'memory (sealed)',
  'filesystem (sealed)',
  'lmdb (sealed)',
] as const;

/** Processes to kill for each provider: 200 where `PSP_DEEP` is set. */
export const KILLS: number = process.env['PSP_DEEP'] ? 200 : 20;

const node = requireNewestNode('killed writers of the conformance suite');

/** The writer of the provider `name`, as a member of what `make` gives; nothing where there is no Node for it. */
export function writerOf(name: string, options: object): { writer?: readonly string[] } {
  if (node === null) return {};
  return { writer: [node, fileURLToPath(new URL('writer.ts', import.meta.url)), name, JSON.stringify(options)] };
}

/** An empty folder, and how it is removed. */
export async function makeFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'psp-conformance-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** A prefix that no other has. */
export function newPrefix(): string {
  return `${randomBytes(6).toString('hex')}/`;
}
