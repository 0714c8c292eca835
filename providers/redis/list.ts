/**
 * Listing: SCAN of one master after the other, and the heads of the keys that it finds. Keys come at least once if they stay put, also when the
 * servers do not:
 *
 * - A slot counts as listed when a server that had it from the beginning to the end of its scan was scanned whole. Slots that were not are looked for
 *   again where they are then.
 * - The keys of a slot that is moving are on two servers, and move one way: the source is scanned first and the target after it.
 * - SCAN's cursors mean nothing to another process: one that was started again, or that took over, is scanned from the beginning.
 *
 * The price is that such a listing gives some keys twice. The limit: a move that is taken back half way, during the scan of its source.
 */

import { PspError } from '../../ts/errors.ts';
import type { DamagedRecord, ListPage, RecordHead } from '../../ts/provider.ts';
import type { Call } from '../calls.ts';
import { checkKey, isLive, type PageRequest } from '../contract.ts';
import { decodeFrameHead, FRAME_HEAD_BYTES } from '../frame.ts';
import { askNode, type Connection, type RedisNodeLike } from './client.ts';
import { formatCursor, parseCursor, type Scan, type Walk } from './cursor.ts';
import { translate } from './failure.ts';
import { SLOTS, slotOf, slotsWhere } from './slot.ts';
import { findNode, readMaster, readMasters } from './topology.ts';

/** Calls of SCAN for one page: one that has found little by then ends all the same. */
const MAX_SCANS = 64;
/** Least and most keys that one SCAN looks at. */
const [MIN_COUNT, MAX_COUNT] = [16, 4096];

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** One page of the live keys under `keyPrefix` + `prefix`. */
export async function listPage(
  connection: Connection,
  keyPrefix: string,
  now: () => number,
  { prefix, cursor, limit }: PageRequest,
  call: Call,
): Promise<ListPage> {
  const walk: Walk =
    cursor === null ? { done: slotsWhere(() => false), scan: null, after: [], keys: [] } : parseCursor(cursor, keyPrefix + prefix);
  const items: RecordHead[] = [];
  const damaged: DamagedRecord[] = [];
  const listed = new Set<string>();
  const pattern = matchPattern(keyPrefix + prefix);
  let count = 0;

  for (let scans = 0; items.length < limit && scans < MAX_SCANS && !call.signal.aborted; ) {
    const keys = walk.keys.splice(0, limit - items.length).filter((key) => !listed.has(key));
    for (const outcome of await readHeads(connection, keyPrefix, keys)) {
      if (outcome !== null && 'error' in outcome) damaged.push(outcome);
      else if (outcome !== null && isLive(outcome.expiresAt, now())) items.push(outcome);
    }
    for (const key of keys) listed.add(key);
    if (walk.keys.length > 0 || items.length >= limit) continue;

    if (walk.scan === null && isDone(walk)) break;
    walk.scan ??= await nextScan(connection, walk);
    // Where nothing matches for long, more is looked at in one step; where all matches, little more than is wanted.
    count = count === 0 || walk.keys.length > 0 ? Math.max(limit - items.length, MIN_COUNT) : Math.min(2 * count, MAX_COUNT);
    const names = await scanOn(connection, walk, walk.scan, pattern, count);
    if (names.length > 0) count = 0;
    scans++;
    for (const name of names) {
      const key = readKey(name, keyPrefix);
      if (key === null) damaged.push({ key: null, error: foreignKey() });
      else if (key.startsWith(prefix)) walk.keys.push(key);
    }
  }
  const isLast = walk.scan === null && walk.keys.length === 0 && isDone(walk);
  return { items, damaged, cursor: isLast ? null : formatCursor(walk, keyPrefix + prefix) };
}

function isDone({ done }: Walk): boolean {
  return !done.includes(0);
}

/** The scan that `walk` goes on with, of slots that are not listed yet. */
async function nextScan(connection: Connection, walk: Walk): Promise<Scan> {
  for (;;) {
    const later = slotsWhere((slot) => walk.after.some(({ slots }) => slots[slot] === 1));
    const wanted = slotsWhere((slot) => walk.done[slot] === 0 && later[slot] === 0);
    if (!wanted.includes(1)) {
      const { node, slots } = walk.after.shift()!;
      if ((await findNode(connection, node)) !== null) return { node, run: '', at: '0', slots, follows: true };
      continue; // The server is gone: its slots are wanted again, wherever they are.
    }
    for (const master of await readMasters(connection)) {
      const slots = slotsWhere((slot) => wanted[slot] === 1 && master.slots[slot] === 1);
      if (slots.includes(1)) return { node: master.id, run: '', at: '0', slots, follows: false };
    }
    connection.refresh();
    throw new PspError('PROVIDER_UNAVAILABLE', 'redis: no server that answers has some of the slots of the cluster', {
      details: { redisCode: 'CLUSTERDOWN' },
    });
  }
}

/** One SCAN. Moves `walk` on; the keys, with their prefix. */
async function scanOn(connection: Connection, walk: Walk, scan: Scan, pattern: Buffer, count: number): Promise<Buffer[]> {
  const node = await findNode(connection, scan.node);
  if (node === null) {
    walk.scan = null;
    return [];
  }
  // Both go over one connection, one after the other: the cursor is the process's that names itself.
  const [info, [next, names]] = await Promise.all([askNode(node, 'INFO', ['server']), scanNode(node, scan.at, pattern, count)]);
  const run = /run_id:(\w+)/.exec(String(info))?.[1] ?? '';
  if (scan.run !== '' && scan.run !== run) {
    walk.scan = null;
    return [];
  }
  scan.run = run;
  scan.at = next;
  if (next === '0') {
    await finishScan(connection, walk, scan, node);
    walk.scan = null;
  }
  return connection.isCluster ? names.filter((name) => scan.slots[slotOf(name)] === 1) : names;
}

async function scanNode(node: RedisNodeLike, at: string, pattern: Buffer, count: number): Promise<[string, Buffer[]]> {
  try {
    const [next, names] = (await node.callBuffer('SCAN', [at, 'MATCH', pattern, 'COUNT', count])) as [Buffer, Buffer[]];
    return [next.toString(), names];
  } catch (error) {
    throw translate(error);
  }
}

/** Marks what a whole scan has listed, and what is to be looked for on the servers it moves to. */
async function finishScan(connection: Connection, walk: Walk, scan: Scan, node: RedisNodeLike): Promise<void> {
  const master = await readMaster(connection, node);
  if (master === null) return;
  const targets = new Map<string, number[]>();
  for (let slot = 0; slot < SLOTS; slot++) {
    if (scan.slots[slot] === 0) continue;
    if (master.slots[slot] === 0 && !(scan.follows && master.importing.has(slot))) continue;
    const target = master.migrating.get(slot);
    if (target === undefined) walk.done[slot] = 1;
    else targets.set(target, [...(targets.get(target) ?? []), slot]);
  }
  for (const [target, slots] of targets) {
    if ((await findNode(connection, target)) === null) {
      connection.refresh();
      throw new PspError('PROVIDER_UNAVAILABLE', 'redis: keys are moving to a server that the client does not know yet', {
        details: { redisCode: 'TRYAGAIN' },
      });
    }
    walk.after.push({ node: target, slots: slotsWhere((slot) => slots.includes(slot)) });
  }
}

/** For each key its head, or why it cannot be read; null where there is none any more. */
async function readHeads(
  connection: Connection,
  keyPrefix: string,
  keys: readonly string[],
): Promise<(RecordHead | DamagedRecord | null)[]> {
  if (keys.length > 0) connection.hold();
  return Promise.all(
    keys.map(async (key) => {
      try {
        return await connection.askBytes('GETRANGE', [keyPrefix + key, 0, FRAME_HEAD_BYTES - 1], (answer) => {
          const bytes = answer as Buffer;
          return bytes.length === 0 ? null : decodeFrameHead(key, bytes);
        });
      } catch (error) {
        if (error instanceof PspError && error.code === 'PROVIDER_CORRUPT') return { key, error };
        throw error;
      }
    }),
  );
}

/** What MATCH takes for "begins with": up to half a character, which stands for no bytes; the whole of `start` is compared later. */
function matchPattern(start: string): Buffer {
  const half = start.search(/\p{Surrogate}/u);
  const whole = half < 0 ? start : start.slice(0, half);
  return Buffer.from(`${whole.replace(/[\\*?[\]]/g, '\\$&')}*`);
}

/** The key that a name in the database stands for; null for what none of our keys looks like. */
function readKey(name: Buffer, keyPrefix: string): string | null {
  try {
    const key = decoder.decode(name).slice(keyPrefix.length);
    checkKey(key);
    return key;
  } catch {
    return null;
  }
}

function foreignKey(): PspError {
  return new PspError('PROVIDER_CORRUPT', 'redis: a name in the database begins like a key of this provider and is none');
}
