/** Records on their way into a page: whole ones, as many at once as a transaction is best given. */
import { PspError } from '../errors.ts';
import { concatenate } from '../session/bytes.ts';
import { readRecords } from '../session/clone/records.ts';

/** Whole records that follow each other. */
export interface RecordPiece {
  /** The number of the first, from 0. */
  readonly first: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** Records of one transaction: fewer cost more of them, more bring nothing. */
const PIECE_RECORDS = 4000;
/** Bytes of one call, unless a record is larger. */
const PIECE_BYTES = 1024 * 1024;
/**
 * The same where records are large, for which the number of transactions does not matter: what a call leaves behind in this process is several times its bytes,
 * and is not collected at once (bench/browser-memory.ts shows it).
 */
const LARGE_PIECE_BYTES = 128 * 1024;
const LARGE_RECORD_BYTES = 1024;

/**
 * Cuts encoded records, which arrive in pieces of any size, between records. O(n).
 *
 * @throws PspError `SESSION_CLONE_MALFORMED` where the lengths do not add up.
 */
export async function* cutRecords(content: AsyncIterable<Uint8Array>): AsyncGenerator<RecordPiece> {
  let first = 0;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let needed = 1;
  for await (const arrived of content) {
    waiting.push(arrived);
    waitingBytes += arrived.length;
    // Not joined for nothing: a record of many megabytes arrives in many pieces.
    if (waitingBytes < needed) continue;
    const bytes = waiting.length === 1 ? arrived : concatenate(waiting);
    const whole = measureWhole(bytes);
    for (const piece of group(bytes.subarray(0, whole.end))) {
      yield { first, ...piece };
      first += piece.count;
    }
    const rest = bytes.subarray(whole.end);
    waiting = rest.length === 0 ? [] : [rest];
    waitingBytes = rest.length;
    needed = whole.needed;
  }
  if (waitingBytes > 0) throw new PspError('SESSION_CLONE_MALFORMED', 'the records end inside a record');
}

function* group(bytes: Uint8Array): IterableIterator<{ count: number; bytes: Uint8Array }> {
  let from = 0;
  let to = 0;
  let count = 0;
  for (const { whole } of readRecords(bytes)) {
    const length = to - from + whole.length;
    const most = length > LARGE_RECORD_BYTES * (count + 1) ? LARGE_PIECE_BYTES : PIECE_BYTES;
    if (count === PIECE_RECORDS || (count > 0 && length > most)) {
      yield { count, bytes: bytes.subarray(from, to) };
      from = to;
      count = 0;
    }
    to += whole.length;
    count++;
  }
  if (count > 0) yield { count, bytes: bytes.subarray(from, to) };
}

/** Where the last record ends that is there as a whole, and how many bytes the next one has at least. */
function measureWhole(bytes: Uint8Array): { end: number; needed: number } {
  let end = 0;
  for (;;) {
    const value = skipOne(bytes, end);
    const next = value > bytes.length ? value : skipOne(bytes, value);
    if (next > bytes.length) return { end, needed: next - end };
    end = next;
  }
}

/** The offset after a length and as many bytes, which may be behind the end. Lengths that are none are left to `readRecords`. */
function skipOne(bytes: Uint8Array, from: number): number {
  let length = 0;
  let scale = 1;
  let at = from;
  for (; at < bytes.length; at++) {
    const byte = bytes[at]!;
    length += (byte & 0x7f) * scale;
    scale *= 0x80;
    if (byte < 0x80) return at + 1 + length;
  }
  return at + 1;
}
