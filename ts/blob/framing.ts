/**
 * What the two framings have in common, as types: where the parts of a blob stand and how a section's stored bytes are written there. `text.ts` and
 * `packed.ts` are the two; everything else in this folder is written once, over this. The bytes are in `layout.md`.
 */
import type { SectionEntry } from '../session/document.ts';

/** `text`: lines, for people and tools (`.psp`). `packed`: aligned bytes, for speed and for sealing (`.pspb`). */
export type Framing = 'text' | 'packed';

/** A framing: magic, header, state and sections stand in this order, with nothing but `fill` between them. */
export interface FramingRules {
  readonly name: Framing;
  /** The first eight bytes of every blob of this framing. */
  readonly magic: Uint8Array;
  readonly headerStart: number;
  /** What stands between two parts. */
  readonly fill: number;
  /** The bytes before the header. */
  prefix(headerLength: number): Uint8Array;
  /**
   * Bytes of the header, told from the first bytes of a blob; null while those are too few.
   *
   * @throws PspError `BLOB_LIMIT` above `MAX_HEADER_BYTES`, `BLOB_UNSUPPORTED_VERSION` for a packed framing of another version.
   */
  headerLength(head: Uint8Array): number | null;
  stateStart(headerEnd: number): number;
  sectionsStart(stateEnd: number): number;
  /** Room that so many stored bytes take. */
  sectionLength(storedBytes: number): number;
  /** Where the section begins that follows one that ends at `end`; offsets count from the first section. */
  nextOffset(end: number): number;
  /** Stored bytes -> what stands in the blob. */
  wrap(stored: Uint8Array): Uint8Array;
  /**
   * What stands in the blob -> stored bytes; as a view where they are the same.
   *
   * @throws PspError `BLOB_SECTION_ENCODING`
   */
  unwrap(framed: Uint8Array, entry: SectionEntry, blobOffset: number): Uint8Array<ArrayBuffer>;
}

/** A longer header is refused. */
export const MAX_HEADER_BYTES: number = 16 * 1024 * 1024;
/** A longer state is refused. */
export const MAX_STATE_BYTES: number = 512 * 1024 * 1024;
