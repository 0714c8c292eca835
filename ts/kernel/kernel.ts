/**
 * The kernel border, as types: bytes and integers cross it, nothing else. Every kernel (portable TypeScript, WebAssembly) gives the
 * same bytes and the same failures for the same input; one contract suite runs over all of them.
 */

/** Which implementation runs: plain TypeScript, or the module compiled from `assembly/`. */
export type KernelKind = 'portable' | 'wasm';

/** Base64 of RFC 4648 section 4: the standard alphabet, padding required, canonical trailing bits, no white space. */
export interface Base64Kernel {
  readonly kind: KernelKind;
  /** Encodes `source` into a new array of `4 * ceil(source.length / 3)` ASCII bytes. */
  encodeBase64(source: Uint8Array): Uint8Array<ArrayBuffer>;
  /**
   * Decodes ASCII bytes into a new array.
   *
   * The first fault from the left decides the error, whose `details.offset` is its byte offset in `source`:
   * - `KERNEL_BASE64_CHARACTER`: a byte outside the alphabet (white space and the URL-safe `-` and `_` included);
   * - `KERNEL_BASE64_PADDING`: a `=` that does not complete the last group of four;
   * - `KERNEL_BASE64_LENGTH`: every byte is in the alphabet, but the length is not a multiple of four (offset = length);
   * - `KERNEL_BASE64_TRAILING_BITS`: the last character before the padding carries bits that no encoder writes (RFC 4648 section 3.5).
   */
  decodeBase64(source: Uint8Array): Uint8Array<ArrayBuffer>;
}
