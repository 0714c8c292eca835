/**
 * The state of merging as bytes: what `mergeState` of a session holds. Values that the session shows are not in it; see `layout.md`, which is the truth for the
 * bytes. Here are its form and the writer; the reader is in `state-read.ts`, what a state means for a session in `session-state.ts`.
 */
import { PspError } from '../errors.ts';
import { ByteWriter } from '../session/clone/bytes.ts';
import type { Chunk } from './binding.ts';
import { type Context, replicasOf, writeContext } from './context.ts';
import { type Candidate, type Dot, type Entry, isSameStamp, KINDS, type Stamp } from './entry.ts';
import type { Rows } from './rows.ts';
import { writeEntryValue, writeString } from './value.ts';

/** Media type of the section. */
export const MERGE_MEDIA_TYPE = 'application/vnd.psp.merge';

/** Of the layout; a reader refuses others. */
export const VERSION = 1;

/** Candidates of an entry that the session does not show. */
export interface HiddenEntry extends Entry {
  /** Whether it shows another value of the entry: if that is gone, somebody who had seen all of them took the entry out. */
  readonly isShown: boolean;
}

/** What stands in the bytes. */
export interface MergeState {
  readonly epoch: string;
  readonly context: Context;
  /** {@link chunkBits} of the chunks. */
  readonly bits: number;
  readonly chunks: readonly Chunk[];
  /** Digest of the order of tabs. */
  readonly tabs: number;
  /** One for each entry that the session shows, in its order; no write where what it shows is no candidate. Of replicas that the context has. */
  readonly rows: Rows;
  /** Candidates that the session does not show, in the order of `compareIdentities`. */
  readonly hidden: readonly HiddenEntry[];
  /** Marks that are higher than the session shows. */
  readonly marks: ReadonlyMap<string, number>;
}

/** Entries of a session that is merged, at most: a run of a few bytes must not take all memory. */
export const MAX_ROWS: number = 1024 * 1024;

/** Beside the kind of a hidden entry: see {@link HiddenEntry}. */
export const IS_SHOWN = 0x80;
/** Flags of a candidate. */
export const HAS_VALUE = 1;
/** Flags of a candidate. */
export const HAS_STRUCTURE = 2;

/**
 * The canonical bytes: equal states, equal bytes. The caller has learned the bytes of sections in hidden values.
 *
 * @throws PspError `MERGE_LIMIT` above {@link MAX_ROWS} entries, and for a value that is nested too deeply.
 */
export function encodeState(state: MergeState): Uint8Array<ArrayBuffer> {
  const { epoch, context, bits, chunks, tabs, rows, hidden, marks } = state;
  checkRows(rows.length);
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writer.varint(epoch.length / 2);
  for (let i = 0; i < epoch.length; i += 2) writer.byte(Number.parseInt(epoch.slice(i, i + 2), 16));
  writeContext(context, writer);
  writer.byte(bits);
  writer.varint(chunks.length);
  if (bits > 0) for (const { count } of chunks) writer.varint(count);
  for (const { digest } of chunks) writeDigest(digest, writer);
  writeDigest(tabs, writer);
  const writing = new Writing(writer, context);
  writing.rows(rows);
  writing.hidden(hidden);
  writing.marks(marks);
  return writer.take();
}

class Writing {
  readonly #writer: ByteWriter;
  readonly #replicas: ReadonlyMap<string, number>;
  readonly #strings = new Map<string, number>();
  #time = 0;

  constructor(writer: ByteWriter, context: Context) {
    this.#writer = writer;
    this.#replicas = new Map(replicasOf(context).map((replica, i) => [replica, i]));
  }

  /** Runs of dots that follow each other, then runs of one stamp. */
  rows(rows: Rows): void {
    const { length, replicaOf, counterOf } = rows;
    const numbers = rows.replicas.map((replica) => (this.#replicas.get(replica) as number) + 1);
    for (let from = 0, to = 0; from < length; from = to) {
      for (to = from + 1; to < length && follows(rows, to); to++);
      this.#writer.varint(to - from);
      if (replicaOf[from] === -1) this.#writer.varint(0);
      else {
        this.#writer.varint(numbers[replicaOf[from] as number] as number);
        this.#writer.varint(counterOf[from] as number);
      }
    }
    let stamp: Stamp | null = null;
    let run = 0;
    for (let row = 0; row < length; row++) {
      if (replicaOf[row] === -1) continue;
      const own = rows.stampAt(row);
      if (stamp !== null && !isSameStamp(own, stamp)) {
        this.#stampRun(run, stamp);
        run = 0;
      }
      stamp = own;
      run++;
    }
    if (stamp !== null) this.#stampRun(run, stamp);
  }

  #stampRun(length: number, stamp: Stamp): void {
    this.#writer.varint(length);
    this.#stamp(stamp);
  }

  hidden(hidden: readonly HiddenEntry[]): void {
    this.#writer.varint(hidden.length);
    for (const { kind, path, candidates, isShown } of hidden) {
      this.#writer.byte(KINDS.indexOf(kind) | (isShown ? IS_SHOWN : 0));
      this.#writer.varint(path.length);
      for (const part of path) this.#string(part);
      this.#writer.varint(candidates.length);
      for (let i = 0; i < candidates.length; i++) this.#candidate(candidates[i] as Candidate);
    }
  }

  #candidate({ dot, stamp, value, structure }: Candidate): void {
    this.#dot(dot);
    this.#stamp(stamp);
    this.#writer.byte((value === undefined ? 0 : HAS_VALUE) | (structure === undefined ? 0 : HAS_STRUCTURE));
    if (value !== undefined) writeEntryValue(value, this.#writer, 'bytes');
    if (structure === undefined) return;
    this.#writer.varint(structure.length);
    this.#writer.bytes(structure);
  }

  marks(marks: ReadonlyMap<string, number>): void {
    this.#writer.varint(marks.size);
    for (const name of [...marks.keys()].sort()) {
      this.#string(name);
      // A key generator may stand at 2^53, where varints end.
      this.#writer.double(marks.get(name) as number);
    }
  }

  #dot({ replica, counter }: Dot): void {
    this.#writer.varint((this.#replicas.get(replica) as number) + 1);
    this.#writer.varint(counter);
  }

  #stamp({ time, count, since }: Stamp): void {
    const step = time - this.#time;
    this.#time = time;
    this.#writer.varint(step < 0 ? -2 * step - 1 : 2 * step);
    this.#writer.varint(count);
    this.#writer.varint(since === undefined ? 0 : time - since + 1);
  }

  /** A string that stood before by its number, from 1. */
  #string(text: string): void {
    const number = this.#strings.get(text);
    this.#writer.varint(number ?? 0);
    if (number !== undefined) return;
    this.#strings.set(text, this.#strings.size + 1);
    writeString(text, this.#writer);
  }
}

/** @throws PspError `MERGE_LIMIT` above {@link MAX_ROWS}. */
export function checkRows(count: number): void {
  if (count > MAX_ROWS)
    throw new PspError('MERGE_LIMIT', `merge state: ${count} entries; ${MAX_ROWS} can be merged`, {
      details: { count, maxRows: MAX_ROWS },
    });
}

/** Whether a row goes on where the one before ended: the next write of the same replica, or again none. */
function follows({ replicaOf, counterOf }: Rows, row: number): boolean {
  if (replicaOf[row] !== replicaOf[row - 1]) return false;
  return replicaOf[row] === -1 || counterOf[row] === (counterOf[row - 1] as number) + 1;
}

function writeDigest(digest: number, writer: ByteWriter): void {
  for (let i = 0, rest = digest; i < 6; i++, rest = Math.floor(rest / 256)) writer.byte(rest % 256);
}
