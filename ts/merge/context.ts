/**
 * What a document has seen: for each replica the counters of its dots, as ranges (a version vector, and what lies beyond a gap). A dot that a context covers
 * and a document does not hold was replaced or removed (law M1). Plain immutable maps, and their bytes.
 */
import type { ByteReader, ByteWriter } from '../session/clone/bytes.ts';
import type { Dot } from './entry.ts';

/** Replica -> ranges of counters, ascending, apart by at least one: [from, to, from, to, ...], both inside. No replica without a range. */
export type Context = ReadonlyMap<string, readonly number[]>;

/** Has seen nothing. */
export const EMPTY_CONTEXT: Context = new Map();

const REPLICA_BYTES = 8;

/** Whether `dot` was seen. */
export function covers(context: Context, { replica, counter }: Dot): boolean {
  const ranges = context.get(replica);
  return ranges !== undefined && isWithin(ranges, counter);
}

/** Whether a counter is in one of the ranges of its replica. */
export function isWithin(ranges: readonly number[], counter: number): boolean {
  // Nearly always one range that begins at 1.
  for (let i = 0; i < ranges.length; i += 2) {
    if (counter <= (ranges[i + 1] as number)) return counter >= (ranges[i] as number);
  }
  return false;
}

/** The context of exactly these dots, in any order, repeats allowed. O(n log n). */
export function contextOf(dots: Iterable<Dot>): Context {
  const counters = new Map<string, number[]>();
  for (const { replica, counter } of dots) {
    const list = counters.get(replica);
    if (list === undefined) counters.set(replica, [counter]);
    else list.push(counter);
  }
  const context = new Map<string, readonly number[]>();
  for (const [replica, list] of counters) context.set(replica, toRanges(list));
  return context;
}

function toRanges(counters: number[]): number[] {
  if (counters.some((counter, i) => i > 0 && counter < (counters[i - 1] as number))) counters.sort((a, b) => a - b);
  const ranges: number[] = [];
  for (const counter of counters) addRange(ranges, counter, counter);
  return ranges;
}

/** Adds a range that begins no earlier than the last one does. */
function addRange(ranges: number[], from: number, to: number): void {
  const end = ranges.length === 0 ? Number.NEGATIVE_INFINITY : (ranges[ranges.length - 1] as number);
  if (from > end + 1) ranges.push(from, to);
  else if (to > end) ranges[ranges.length - 1] = to;
}

/** What either has seen. */
export function uniteContexts(a: Context, b: Context): Context {
  if (a.size === 0) return b;
  if (b.size === 0) return a;
  const united = new Map(a);
  for (const [replica, ranges] of b) {
    const other = united.get(replica);
    united.set(replica, other === undefined || other === ranges ? ranges : uniteRanges(other, ranges));
  }
  return united;
}

function uniteRanges(a: readonly number[], b: readonly number[]): readonly number[] {
  const ranges: number[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const isA = j >= b.length || (i < a.length && (a[i] as number) <= (b[j] as number));
    const [list, at] = isA ? [a, i] : [b, j];
    addRange(ranges, list[at] as number, list[at + 1] as number);
    if (isA) i += 2;
    else j += 2;
  }
  return ranges;
}

/** What `a` has seen and `b` has not. */
export function subtractContexts(a: Context, b: Context): Context {
  const left = new Map<string, readonly number[]>();
  for (const [replica, ranges] of a) {
    const rest = subtractRanges(ranges, b.get(replica) ?? []);
    if (rest.length > 0) left.set(replica, rest);
  }
  return left;
}

function subtractRanges(a: readonly number[], b: readonly number[]): number[] {
  const rest: number[] = [];
  for (let i = 0, j = 0; i < a.length; i += 2) {
    let from = a[i] as number;
    const to = a[i + 1] as number;
    while (j < b.length && (b[j + 1] as number) < from) j += 2;
    for (let k = j; k < b.length && (b[k] as number) <= to; k += 2) {
      if (from < (b[k] as number)) rest.push(from, (b[k] as number) - 1);
      from = Math.max(from, (b[k + 1] as number) + 1);
    }
    if (from <= to) rest.push(from, to);
  }
  return rest;
}

/** Whether `a` has seen all that `b` has. */
export function includesContext(a: Context, b: Context): boolean {
  return subtractContexts(b, a).size === 0;
}

/** The replicas in the order in which their bytes stand: what refers to one by number counts them so, from 0. */
export function replicasOf(context: Context): string[] {
  return [...context.keys()].sort();
}

/**
 * Canonical bytes: varint count of replicas, then for each, ascending: 8 bytes of its id; varint count of its ranges; for each range a varint of how far it
 * begins behind the last one's end (counted so that nothing but what is possible can be written), and a varint of its length less one.
 */
export function writeContext(context: Context, writer: ByteWriter): void {
  const replicas = replicasOf(context);
  writer.varint(replicas.length);
  for (const replica of replicas) {
    writeReplica(replica, writer);
    const ranges = context.get(replica) as readonly number[];
    writer.varint(ranges.length / 2);
    let free = 1;
    for (let i = 0; i < ranges.length; i += 2) {
      writer.varint((ranges[i] as number) - free);
      writer.varint((ranges[i + 1] as number) - (ranges[i] as number));
      free = (ranges[i + 1] as number) + 2;
    }
  }
}

/** Reads what {@link writeContext} wrote, and nothing else. Errors are those of the reader. */
export function readContext(reader: ByteReader): Context {
  const context = new Map<string, readonly number[]>();
  let last = '';
  for (let left = reader.count(REPLICA_BYTES + 3); left > 0; left--) {
    const replica = readReplica(reader);
    if (replica <= last) throw reader.fault('replicas that are not in ascending order');
    last = replica;
    const ranges: number[] = [];
    let free = 1;
    const count = reader.count(2);
    if (count === 0) throw reader.fault('a replica without a range');
    for (let i = 0; i < count; i++) {
      const from = free + reader.varint();
      const to = from + reader.varint();
      if (to >= Number.MAX_SAFE_INTEGER) throw reader.fault('a counter that is too large');
      ranges.push(from, to);
      free = to + 2;
    }
    context.set(replica, ranges);
  }
  return context;
}

/** 16 hexadecimal digits as 8 bytes. */
function writeReplica(replica: string, writer: ByteWriter): void {
  for (let i = 0; i < 2 * REPLICA_BYTES; i += 2) writer.byte(Number.parseInt(replica.slice(i, i + 2), 16));
}

function readReplica(reader: ByteReader): string {
  let replica = '';
  for (const byte of reader.view(REPLICA_BYTES)) replica += byte.toString(16).padStart(2, '0');
  return replica;
}
