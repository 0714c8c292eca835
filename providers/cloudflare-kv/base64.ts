/**
 * Base64 of bytes, for what KV takes as text only: by the runtime's own means for bytes where it has them, else by the two functions for strings
 * that every runtime has.
 */

/** What newer runtimes have on every Uint8Array. */
interface Native {
  toBase64?(): string;
}

// A multiple of 3, so that the pieces can be joined; short enough to be arguments of a call.
const PIECE_BYTES = 3 * 8190;

/** Standard Base64, with padding. */
export function toBase64(bytes: Uint8Array): string {
  const native = (bytes as Native).toBase64?.();
  if (native !== undefined) return native;
  const { Buffer } = globalThis;
  if (Buffer !== undefined) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
  return toBase64ByStrings(bytes);
}

/** The same without anything that some runtimes lack. Exported for the test that compares them. */
export function toBase64ByStrings(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) text += btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE_BYTES)));
  return text;
}

/** The bytes of {@link toBase64}, or null when the text is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}
