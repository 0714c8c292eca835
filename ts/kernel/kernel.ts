/**
 * The kernel border, as types: bytes and integers cross it, nothing else. Every kernel (portable TypeScript, WebAssembly with and without SIMD) gives
 * the same bytes, the same edits and the same failures for the same input; one contract suite runs over all of them.
 */

/** Which implementation runs: plain TypeScript, or a module compiled from `assembly/`, without or with 128-bit SIMD. */
export type KernelKind = 'portable' | 'wasm' | 'wasm-simd';

/**
 * `standard`: RFC 4648 section 4 (`+` and `/`, padding required). `url`: section 5 (`-` and `_`, padding forbidden).
 * Never detected, never mixed: the caller knows.
 */
export type Base64Alphabet = 'standard' | 'url';

/**
 * Base64 from bytes to bytes, strict: one alphabet (`standard` unless told otherwise), canonical trailing bits, no white space. Source and target may
 * be views at any place of any buffer, but must not overlap; nothing outside the result is written.
 *
 * Decoding throws for the first fault from the left, with its byte offset in `source` as `details.offset`:
 * - `KERNEL_BASE64_CHARACTER`: a byte outside the alphabet (white space and the other alphabet's characters included);
 * - `KERNEL_BASE64_PADDING`: a `=` that does not complete the last group of four, or any `=` in the `url` alphabet;
 * - `KERNEL_BASE64_LENGTH`: every byte is in the alphabet, but the text ends where no text can (offset = length);
 * - `KERNEL_BASE64_TRAILING_BITS`: the last character carries bits that no encoder writes (RFC 4648 section 3.5).
 */
export interface Base64Kernel {
  readonly kind: KernelKind;
  /** Encodes into a new array. */
  encodeBase64(source: Uint8Array, alphabet?: Base64Alphabet): Uint8Array<ArrayBuffer>;
  /** Decodes into a new array. */
  decodeBase64(source: Uint8Array, alphabet?: Base64Alphabet): Uint8Array<ArrayBuffer>;
  /** Encodes to the start of `target` and returns how many bytes that were. Throws RangeError, nothing written, when `target` is too short. */
  encodeBase64Into(source: Uint8Array, target: Uint8Array, alphabet?: Base64Alphabet): number;
  /** Decodes to the start of `target` and returns how many bytes that were. Throws as `encodeBase64Into`; a fault leaves `target` partly written. */
  decodeBase64Into(source: Uint8Array, target: Uint8Array, alphabet?: Base64Alphabet): number;
  /** As `encodeBase64`, but the result may lie in the kernel's memory, and stays only until the next call of this kernel. */
  encodeBase64View(source: Uint8Array, alphabet?: Base64Alphabet): Uint8Array<ArrayBuffer>;
  /** As `decodeBase64`, but the result may lie in the kernel's memory, and stays only until the next call of this kernel. */
  decodeBase64View(source: Uint8Array, alphabet?: Base64Alphabet): Uint8Array<ArrayBuffer>;
  /**
   * Decodes many parts of one text in one call: `ranges` holds start and end of each, in `source`. The results are views, one for each part, which stay
   * until the next call of this kernel. A fault's offset counts from the start of `source`; `details.part` says which part it is in.
   */
  decodeBase64Parts(source: Uint8Array, ranges: Uint32Array, alphabet?: Base64Alphabet): Uint8Array<ArrayBuffer>[];
}

/**
 * What makes `b` of `a`: the runs that differ, ascending, at least one equal unit between two of them.
 *
 *     hunks   4 x u32 each:  startA, endA, startB, endB      a[startA, endA) becomes b[startB, endB); never both empty
 */
export interface Edits {
  readonly hunks: Uint32Array<ArrayBuffer>;
  /** True when no other edits insert and delete fewer units. False once the cost budget ran out and anchors were used. */
  readonly isMinimal: boolean;
}

/** The elements of two JSON texts. `ids` are equal exactly where the bytes of two elements are, on either side; they count up from 0. */
export interface InternedElements {
  /** 2 x u32 for each element of `a`: start and end in its text, white space around it left out. */
  readonly spansA: Uint32Array<ArrayBuffer>;
  readonly spansB: Uint32Array<ArrayBuffer>;
  readonly idsA: Uint32Array<ArrayBuffer>;
  readonly idsB: Uint32Array<ArrayBuffer>;
}

/**
 * Differences between two sequences. Exact linear-space Myers (E. W. Myers, An O(ND) Difference Algorithm and Its Variations, 1986) while its cost stays
 * under `budget`: steps of the search, by default the measured `DIFF_BUDGET`, for bytes `DIFF_BYTES_BUDGET`. Past it, anchors that are unique in both
 * sides, in the order of their longest increasing subsequence; where those are few, a longest common subsequence of windows; and Myers between
 * them. All kernels give the same edits, and spend the budget at the same steps.
 */
export interface DiffKernel {
  readonly kind: KernelKind;
  /** Of lists of integers: whatever the caller numbers. */
  diffIds(a: Uint32Array, b: Uint32Array, budget?: number): Edits;
  /** Of texts, in UTF-16 units. No hunk begins or ends inside a surrogate pair; `isMinimal` speaks of the units before hunks were widened for that. */
  diffText(a: string, b: string, budget?: number): Edits;
  /** Of bytes. */
  diffBytes(a: Uint8Array, b: Uint8Array, budget?: number): Edits;
  /**
   * Numbers the elements of two JSON arrays, or the members of two objects, by their bytes, without parsing them: an element is one text, a member is
   * name, colon and value. Equality is that of bytes, never of hashes.
   *
   * The texts are UTF-8, valid JSON, and checked only as far as finding the elements needs: throws `KERNEL_ELEMENTS_MALFORMED` with `details.offset` and
   * `details.side` (`a` or `b`) where a string or bracket has no end, or something stands after it.
   */
  internElements(a: Uint8Array, b: Uint8Array): InternedElements;
}

/** A replica of a merged thing: 64 random bits as two unsigned 32-bit halves, not both 0. Ordered by `high`, then `low`. */
export interface Replica {
  readonly high: number;
  readonly low: number;
}

/** The name of one operation or one inserted unit: the `counter`-th of its replica, from 1. Given once, never again. */
export interface Dot extends Replica {
  readonly counter: number;
}

/** What a sequence is a list of: UTF-16 units, or 32-bit handles of values which the caller keeps. */
export type SequenceUnit = 'text' | 'elements';

/** `Uint16Array` for a text, `Uint32Array` for elements. */
export type SequenceUnits = Uint16Array | Uint32Array;

/** Bytes of a sequence, and of `elements` the handles that they stand for, in the order of the bytes (of a text: empty). */
export interface SequenceBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly units: Uint32Array<ArrayBuffer>;
}

/**
 * What others changed in the visible list, in the order in which it applies.
 *
 *     ranges   3 x i32 each:  index, removed, inserted      the inserted units of all ranges follow each other in `units`
 */
export interface SequenceChanges {
  readonly ranges: Int32Array<ArrayBuffer>;
  readonly units: SequenceUnits;
}

/** Makes replicated lists. All kernels give equal bytes and equal changes for the same calls; the bytes are those of ts/merge/sequence-layout.md. */
export interface SequenceKernel {
  readonly kind: KernelKind;
  /** An empty list of one replica, which nobody else may ever use: a replica that comes back after a restart is a new one. */
  createSequence(replica: Replica, unit: SequenceUnit): KernelSequence;
}

/**
 * One replica of a list. Every method throws TypeError after `free`. Where `MERGE_` errors come from what others sent, `details.offset` points to
 * or near the fault, and the list is as before unless the method says otherwise.
 */
export interface KernelSequence {
  /** Number of live units. */
  readonly length: number;
  /**
   * Applies edits in order: 3 x i32 each, index, removed, inserted; the inserted units of all of them follow each other in `units`. Indexes
   * refer to the list as the edits before left it.
   *
   * All are checked first: throws RangeError where an index or a number lies outside, and `MERGE_LIMIT` where the replica's counter would pass
   * 2^30 - 1, the length 2^30 - 1, or one run 2^29 - 1.
   */
  edit(edits: Int32Array, count: number, units: SequenceUnits): void;
  /** An update of all local edits since the last one, or null when there was none. */
  takeUpdate(): SequenceBytes | null;
  /**
   * Applies an update or joins a state. Duplicates do nothing. An update that needs another first waits, and is tried again by later calls.
   * Returns how many units the bytes hold: of `elements` they are numbered from `firstHandle`, also while they wait, and must be `handleCount`.
   *
   * - `MERGE_MALFORMED`: not what any replica writes; nothing changed.
   * - `MERGE_FORK`: the same dot, base or place with two contents, or the own replica with operations that this instance never made.
   * - `MERGE_NEED_STATE`: names what this instance has dropped, or a short name that two replicas share, or too much waits already (64 MiB): join a
   *   state of the sender instead.
   * - `MERGE_LIMIT`: a unit outside the limits of the layout.
   *
   * The last three may come from an update that waited, which is then dropped. Events of an update before the one at fault stay applied.
   */
  apply(bytes: Uint8Array, firstHandle: number, handleCount: number): number;
  /** Whether `apply` notes changes for `takeChanges`; off at first. Turning it off drops what was noted. */
  recordChanges(on: boolean): void;
  /** The changes by `apply` since the last call. Local edits are not among them. */
  takeChanges(): SequenceChanges;
  /** Copies units `from` to `to` (not included) to the start of `into`. Throws RangeError where they lie outside or do not fit. */
  read(from: number, to: number, into: SequenceUnits): void;
  /** The dot of the unit at `index`. Throws RangeError where there is none. */
  dotAt(index: number): Dot;
  /** The whole state, local edits included. Equal states give equal bytes, whatever happened before. */
  encode(): SequenceBytes;
  /** The version: the last counter of every replica. Also a mark for `collect`. */
  version(): Uint8Array<ArrayBuffer>;
  /**
   * Frees the bases that have neither units nor children, were emptied before a mark that all `versions` cover, while this instance covers all
   * of them: they must be of every other replica that may still send. Returns how many. Does nothing while edits wait to be taken or updates wait.
   * Throws `MERGE_MALFORMED` for what is no version.
   */
  collect(versions: readonly Uint8Array[]): number;
  /** Updates that wait for others. */
  waiting(): number;
  /** Bases held: what the list costs beyond its units. */
  bases(): number;
  /** Gives all memory back. Calling it again does nothing. */
  free(): void;
}
