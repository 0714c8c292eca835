/** The text framing: the header line, the state line, one line of Base64 for each section; see `layout.md`. */
import { PspError } from '../errors.ts';
import { decodeBase64, decodeBase64Into, encodeBase64 } from '../kernel/current.ts';
import { concatenate } from '../session/bytes.ts';
import type { SectionEntry } from '../session/document.ts';
import { blobError } from './fault.ts';
import { type FramingRules, MAX_HEADER_BYTES } from './framing.ts';

const LF = 0x0a;

/** {@link FramingRules} of a `.psp` file. */
export const textFraming: FramingRules = {
  name: 'text',
  magic: new TextEncoder().encode('{"psp":"'),
  headerStart: 0,
  fill: LF,
  prefix: () => new Uint8Array(0),
  headerLength(head) {
    const end = head.subarray(0, MAX_HEADER_BYTES + 1).indexOf(LF);
    if (end === -1 && head.length > MAX_HEADER_BYTES) throw blobError('BLOB_LIMIT', `the header is longer than ${MAX_HEADER_BYTES} bytes`);
    return end === -1 ? null : end;
  },
  stateStart: (headerEnd) => headerEnd + 1,
  sectionsStart: (stateEnd) => stateEnd + 1,
  sectionLength: (storedBytes) => 4 * Math.ceil(storedBytes / 3),
  nextOffset: (end) => end + 1,
  wrap: (bytes) => encodeBase64(bytes),
  unwrap(line, entry, blobOffset) {
    try {
      return decodeBase64(line);
    } catch (cause) {
      throw notBase64(cause, entry, 0, blobOffset);
    }
  },
};

/**
 * Decodes the line of one section that arrives in pieces: what it finds, and where, is what {@link FramingRules.unwrap} finds in the whole line. The length
 * of each piece but the last is divisible by four, and no piece is kept.
 */
export class LineDecoder {
  readonly #entry: SectionEntry;
  readonly #blobOffset: number;
  readonly #stored: Uint8Array<ArrayBuffer>;
  #taken = 0;
  #filled = 0;

  constructor(entry: SectionEntry, blobOffset: number) {
    this.#entry = entry;
    this.#blobOffset = blobOffset;
    this.#stored = new Uint8Array(3 * Math.ceil(entry.length / 4));
  }

  /** @throws PspError `BLOB_SECTION_ENCODING` */
  add(piece: Uint8Array): void {
    const isLast = this.#taken + piece.length === this.#entry.length;
    try {
      // Padding ends a text. Where another piece follows, it is a fault, which shows when another group does.
      if (!isLast && piece[piece.length - 1] === EQUALS) decodeBase64(concatenate([piece, ZEROS]));
      this.#filled += decodeBase64Into(piece, this.#stored.subarray(this.#filled));
    } catch (cause) {
      throw notBase64(cause, this.#entry, this.#taken, this.#blobOffset);
    }
    this.#taken += piece.length;
  }

  /** What was decoded, when all pieces were added. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#stored.subarray(0, this.#filled);
  }
}

const EQUALS = 0x3d;
/** A group of Base64. */
const ZEROS = new TextEncoder().encode('AAAA');

function notBase64(cause: unknown, { id }: SectionEntry, pieceOffset: number, blobOffset: number): unknown {
  if (!(cause instanceof PspError)) return cause;
  const offset = pieceOffset + Number(cause.details['offset'] ?? 0);
  return new PspError('BLOB_SECTION_ENCODING', `section ${id} is not Base64: ${cause.code} at its offset ${offset}`, {
    cause,
    details: { section: id, offset, blobOffset: blobOffset + offset, reason: cause.code },
  });
}
