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
