/** Reads the bytes of a state: hostile ones too, so everything is checked that a reader of the state relies on. See `layout.md`. */
import { PspError } from '../errors.ts';
import { ByteReader } from '../session/clone/bytes.ts';
import { isTime } from '../session/time.ts';
import type { Chunk } from './binding.ts';
import { type Context, readContext, replicasOf } from './context.ts';
import { type Candidate, KINDS, type Stamp } from './entry.ts';
import { compareIdentities } from './identity.ts';
import { sortCandidates } from './join-entry.ts';
import { Rows } from './rows.ts';
import { checkRows, HAS_STRUCTURE, HAS_VALUE, type HiddenEntry, IS_SHOWN, type MergeState, VERSION } from './state.ts';
import { readEntryValue, readString } from './value.ts';

/**
 * Reads a state. Guarantees: every dot is covered by the context, and none stands twice; candidates and entries are in their orders.
 *
 * @throws PspError `MERGE_MALFORMED` with `details.offset`; `MERGE_LIMIT` above {@link MAX_ROWS} entries.
 */
export function decodeState(bytes: Uint8Array): MergeState {
  try {
    return new Reading(new ByteReader(bytes)).read();
  } catch (error) {
    if (!(error instanceof PspError) || error.code !== 'SESSION_CLONE_MALFORMED') throw error;
    const { offset } = error.details;
    throw new PspError('MERGE_MALFORMED', `merge state: ${error.message.replace('structured-clone bytes: ', '')}`, {
      details: { offset: offset ?? null },
    });
  }
}

class Reading {
  readonly #reader: ByteReader;
  readonly #strings: string[] = [];
  /** By replica: the counters that writes have, as ranges [from, to, from, to, ...] in the order in which they were read. */
  readonly #taken = new Map<string, number[]>();
  #replicas: readonly string[] = [];
  #context: Context = new Map();
  #time = 0;

  constructor(reader: ByteReader) {
    this.#reader = reader;
  }

  read(): MergeState {
    const reader = this.#reader;
    if (reader.byte() !== VERSION) throw reader.fault('a version that is not known');
    const epoch = this.#epoch();
    this.#context = readContext(reader);
    this.#replicas = replicasOf(this.#context);
    const bits = reader.byte();
    if (bits > 32) throw reader.fault('chunks of a size that is not possible');
    const chunks = this.#chunks(bits);
    const tabs = this.#digest();
    const rows = this.#rows(chunks.reduce((sum, { count }) => sum + count, 0));
    const hidden = this.#hidden();
    const marks = this.#marks();
    if (reader.remaining > 0) throw reader.fault('bytes behind the end');
    this.#checkTaken();
    return { epoch, context: this.#context, bits, chunks, tabs, rows, hidden, marks };
  }

  #epoch(): string {
    const length = this.#reader.varint();
    if (length !== 0 && length !== 8) throw this.#reader.fault('an epoch of another length');
    let epoch = '';
    for (const byte of this.#reader.view(length)) epoch += byte.toString(16).padStart(2, '0');
    return epoch;
  }

  #chunks(bits: number): Chunk[] {
    const reader = this.#reader;
    const counts = Array.from({ length: reader.count(6) }, () => 1);
    if (bits > 0)
      counts.forEach((_, i) => {
        counts[i] = reader.varint();
        if (counts[i] === 0) throw reader.fault('a chunk without entries');
      });
    return counts.map((count) => ({ count, digest: this.#digest() }));
  }

  #digest(): number {
    const bytes = this.#reader.view(6);
    let digest = 0;
    for (let i = 5; i >= 0; i--) digest = digest * 256 + (bytes[i] as number);
    return digest;
  }

  #rows(count: number): Rows {
    const reader = this.#reader;
    checkRows(count);
    const columns = new Rows(count, this.#replicas);
    let stamped = 0;
    for (let row = 0; row < count; ) {
      const length = this.#run(count - row);
      const number = reader.varint();
      if (number > 0) {
        columns.setDots(row, length, number - 1, this.#counter(this.#replica(number), length));
        stamped += length;
      }
      row += length;
    }
    for (let row = 0; stamped > 0; ) {
      const length = this.#run(stamped);
      row = columns.setStamps(row, length, this.#stamp());
      stamped -= length;
    }
    return columns;
  }

  #run(most: number): number {
    const length = this.#reader.varint();
    if (length === 0 || length > most) throw this.#reader.fault('a run that is empty or too long');
    return length;
  }

  #replica(number: number): string {
    const replica = this.#replicas[number - 1];
    if (replica === undefined) throw this.#reader.fault('a replica that the context has not');
    return replica;
  }

  /** The first of `length` counters in a row, all of them covered. */
  #counter(replica: string, length: number): number {
    const counter = this.#reader.varint();
    const last = counter + length - 1;
    const ranges = this.#context.get(replica) as readonly number[];
    let isInOne = false;
    for (let i = 0; i < ranges.length && !isInOne; i += 2) isInOne = (ranges[i] as number) <= counter && last <= (ranges[i + 1] as number);
    if (!isInOne) throw this.#reader.fault('a write that the context does not cover');
    const taken = this.#taken.get(replica);
    if (taken === undefined) this.#taken.set(replica, [counter, last]);
    else if (counter === (taken[taken.length - 1] as number) + 1) taken[taken.length - 1] = last;
    else taken.push(counter, last);
    return counter;
  }

  #checkTaken(): void {
    for (const ranges of this.#taken.values()) {
      const starts = Array.from({ length: ranges.length / 2 }, (_, i) => 2 * i);
      starts.sort((a, b) => (ranges[a] as number) - (ranges[b] as number));
      for (let i = 1; i < starts.length; i++) {
        const before = (starts[i - 1] as number) + 1;
        if ((ranges[starts[i] as number] as number) <= (ranges[before] as number)) throw this.#reader.fault('a write that stands twice');
      }
    }
  }

  #stamp(): Stamp {
    const step = this.#reader.varint();
    const time = this.#time + (step % 2 === 0 ? step / 2 : -(step + 1) / 2);
    const count = this.#reader.varint();
    const back = this.#reader.varint();
    if (!isTime(time) || back > time + 1) throw this.#reader.fault('a time that is none');
    this.#time = time;
    return back === 0 ? { time, count } : { time, count, since: time - back + 1 };
  }

  #string(): string {
    const number = this.#reader.varint();
    if (number === 0) {
      const text = readString(this.#reader);
      this.#strings.push(text);
      return text;
    }
    const text = this.#strings[number - 1];
    if (text === undefined) throw this.#reader.fault('a string that did not stand before');
    return text;
  }

  #hidden(): HiddenEntry[] {
    const reader = this.#reader;
    const hidden: HiddenEntry[] = [];
    let last: HiddenEntry | null = null;
    for (let left = reader.count(4); left > 0; left--) {
      const byte = reader.byte();
      const kind = KINDS[byte & ~IS_SHOWN];
      if (kind === undefined) throw reader.fault('a kind that no entry has');
      const path = Array.from({ length: reader.count(1) }, () => this.#string());
      const candidates = Array.from({ length: reader.count(4) }, () => this.#candidate());
      if (candidates.length === 0) throw reader.fault('an entry without candidates');
      const entry: HiddenEntry = { kind, path, candidates: sortCandidates(candidates), isShown: byte >= IS_SHOWN };
      if (last !== null && compareIdentities(last, entry) >= 0) throw reader.fault('entries that are not in ascending order');
      last = entry;
      hidden.push(entry);
    }
    return hidden;
  }

  #candidate(): Candidate {
    const reader = this.#reader;
    const replica = this.#replica(reader.varint());
    const dot = { replica, counter: this.#counter(replica, 1) };
    const stamp = this.#stamp();
    const flags = reader.byte();
    if (flags > (HAS_VALUE | HAS_STRUCTURE)) throw reader.fault('a flag that is not known');
    return {
      dot,
      stamp,
      ...((flags & HAS_VALUE) === 0 ? {} : { value: readEntryValue(reader) }),
      ...((flags & HAS_STRUCTURE) === 0 ? {} : { structure: reader.view(reader.count(1)).slice() }),
    };
  }

  #marks(): Map<string, number> {
    const marks = new Map<string, number>();
    let last = '';
    for (let left = this.#reader.count(9); left > 0; left--) {
      const name = this.#string();
      if (name <= last) throw this.#reader.fault('marks that are not in ascending order');
      last = name;
      const value = this.#reader.double();
      if (!Number.isFinite(value)) throw this.#reader.fault('a mark that is no number');
      marks.set(name, value);
    }
    return marks;
  }
}
