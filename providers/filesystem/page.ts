/**
 * A listing page by page: shard after shard, and in a shard by name, so that a cursor is a place in that order and means the same in
 * any process. A key that stays keeps its name, so it comes exactly once whatever else is put or deleted meanwhile. Memory is for one
 * page and the names of one shard.
 */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PspError } from '../../ts/errors.ts';
import type { DamagedRecord, ListPage, RecordHead } from '../../ts/provider.ts';
import { badCursor, isLive, type PageRequest } from '../contract.ts';
import { crc32 } from '../crc32.ts';
import { settleEach } from '../provide.ts';
import { hasCode } from './failure.ts';
import { readHeader } from './file.ts';
import { isRecordName, isShardName, nameKey, readKey } from './name.ts';
import { corrupt, headOf, type RecordHeader } from './record.ts';

/** A place in the order of a listing: behind the record of this name. */
interface Place {
  readonly shard: string;
  /** '' for the beginning of the shard. */
  readonly record: string;
}

const START: Place = { shard: '', record: '' };

// A page that finds little, because most is expired or under another prefix, ends after so many looks: somebody waits for it.
const MAX_LOOKS = 4096;

/** One page of the store in `root`; of none, when that is null. `PROVIDER_CURSOR` for a cursor that no page of this prefix gave. */
export async function readPage(root: string | null, request: PageRequest, now: () => number): Promise<ListPage> {
  const { prefix, cursor, limit } = request;
  const from = cursor === null ? START : readCursor(cursor, prefix);
  const items: RecordHead[] = [];
  const damaged: DamagedRecord[] = [];
  let looks = 0;
  for (const { name: shard, isDirectory } of root === null ? [] : await listShards(root, from.shard)) {
    if (!isDirectory) {
      damaged.push({ key: null, error: corrupt('expected a directory under the name of a shard, found something else') });
      continue;
    }
    const names = await listRecords(join(root!, shard), shard === from.shard ? from.record : '', prefix);
    for (let at = 0; at < names.length; ) {
      const batch = names.slice(at, at + Math.min(limit - items.length, MAX_LOOKS));
      const results = await settleEach(batch, (record) => readOwnHeader(root!, { shard, record }));
      for (const [index, result] of results.entries()) {
        if (result.status === 'rejected') damaged.push(reportDamage({ shard, record: batch[index]! }, result.reason));
        else if (isWanted(result.value, prefix, now())) items.push(headOf(result.value));
      }
      at += batch.length;
      looks += batch.length;
      if (items.length === limit || looks >= MAX_LOOKS) {
        return { items, damaged, cursor: writeCursor({ shard, record: batch.at(-1)! }, prefix) };
      }
    }
  }
  return { items, damaged, cursor: null };
}

/** The header of the record that has its key's own name, or null when it is gone. */
export async function readOwnHeader(root: string, { shard, record }: Place): Promise<RecordHeader | null> {
  const header = await readHeader(join(root, shard, record));
  if (header === null) return null;
  const own = nameKey(header.key);
  if (own.shard !== shard || own.record !== record) throw corrupt('a record lies under the name of another key');
  return header;
}

/** The shards of a root from one on, in order. What is not a directory has no business under such a name. */
export async function listShards(root: string, from: string): Promise<{ readonly name: string; readonly isDirectory: boolean }[]> {
  const entries = await readdir(root, { withFileTypes: true });
  return entries
    .filter(({ name }) => isShardName(name) && name >= from)
    .map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The names of records in a shard behind one, in order, without those that spell a key of another prefix. */
export async function listRecords(path: string, after: string, prefix: string): Promise<string[]> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return []; // Somebody removed the shard; it holds no record now.
    throw error;
  }
  return names.filter((name) => name > after && isRecordName(name) && (readKey(name)?.startsWith(prefix) ?? true)).sort();
}

function isWanted(header: RecordHeader | null, prefix: string, now: number): header is RecordHeader {
  return header?.key.startsWith(prefix) === true && isLive(header.expiresAt, now);
}

/** What a name still tells of a record that cannot be read. Throws what is no damage. */
function reportDamage({ shard, record }: Place, error: unknown): DamagedRecord {
  if (!(error instanceof PspError) || error.code !== 'PROVIDER_CORRUPT') throw error;
  const spelled = readKey(record);
  const own = spelled === null ? null : nameKey(spelled);
  return { key: own?.shard === shard && own.record === record ? spelled : null, error };
}

/** A place, and a checksum of it and the prefix that it goes with. */
function writeCursor({ shard, record }: Place, prefix: string): string {
  const place = `${shard}/${record}`;
  return `${place}:${crc32(Buffer.from(`${place}\0${prefix}`)).toString(16)}`;
}

function readCursor(cursor: string, prefix: string): Place {
  const shard = cursor.slice(0, 2);
  const record = cursor.slice(3, Math.max(3, cursor.lastIndexOf(':')));
  if (!isShardName(shard) || !isRecordName(record) || writeCursor({ shard, record }, prefix) !== cursor) throw badCursor();
  return { shard, record };
}
