/**
 * Which server has which slots, by each server's own word: it alone knows which of its slots are moving. A server outside a cluster has them all.
 * CLUSTER NODES, "Serialization format".
 */

import { askNode, type Connection, type RedisNodeLike } from './client.ts';
import { SLOTS, type SlotSet } from './slot.ts';

/** A server that takes writes. */
export interface Master {
  readonly node: RedisNodeLike;
  readonly id: string;
  /** The newer of two that claim a slot has the higher one. */
  readonly epoch: number;
  readonly slots: SlotSet;
  /** Slots whose keys are moving from here, and the id of the server they move to. */
  readonly migrating: ReadonlyMap<number, string>;
  /** Slots whose keys are moving here. */
  readonly importing: ReadonlySet<number>;
}

const ids = new WeakMap<RedisNodeLike, string>();

/** What every server says that can be asked; the newest first. Rejects when none can. */
export async function readMasters(connection: Connection): Promise<Master[]> {
  const answers = await Promise.allSettled(connection.masters().map((node) => readMaster(connection, node)));
  const masters = answers.flatMap((answer) => (answer.status === 'fulfilled' && answer.value !== null ? [answer.value] : []));
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (masters.length === 0 && failed !== undefined) throw failed.reason;
  return masters.sort((one, other) => other.epoch - one.epoch);
}

/** What this server says of itself; null when it is no master any more. */
export async function readMaster(connection: Connection, node: RedisNodeLike): Promise<Master | null> {
  if (!connection.isCluster) {
    return { node, id: '', epoch: 0, slots: new Uint8Array(SLOTS).fill(1), migrating: new Map(), importing: new Set() };
  }
  const lines = String(await askNode(node, 'CLUSTER', ['NODES'])).split('\n');
  const [id, , flags, , , , epoch, , ...ranges] =
    lines
      .find((line) => /\bmyself\b/.test(line))
      ?.trim()
      .split(' ') ?? [];
  if (id === undefined || flags === undefined || !flags.split(',').includes('master')) return null;
  ids.set(node, id);
  const slots = new Uint8Array(SLOTS);
  const migrating = new Map<number, string>();
  const importing = new Set<number>();
  for (const range of ranges) {
    const moving = /^\[(\d+)-([<>])-(\w+)\]$/.exec(range);
    if (moving === null) {
      const [from, to = from] = range.split('-').map(Number);
      slots.fill(1, from, to! + 1);
    } else if (moving[2] === '>') {
      migrating.set(Number(moving[1]), moving[3]!);
    } else {
      importing.add(Number(moving[1]));
    }
  }
  return { node, id, epoch: Number(epoch), slots, migrating, importing };
}

/** The connection to the server with this id, or null where the client has none. */
export async function findNode(connection: Connection, id: string): Promise<RedisNodeLike | null> {
  if (!connection.isCluster) return id === '' ? connection.masters()[0]! : null;
  for (const node of connection.masters()) {
    if (ids.get(node) === id) return node;
  }
  return (await readMasters(connection)).find((master) => master.id === id)?.node ?? null;
}
