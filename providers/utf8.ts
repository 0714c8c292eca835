/**
 * UTF-8 of short texts, such as keys and metadata. Nearly all of them are ASCII, which is counted and written here unit by unit: a call of the runtime's
 * encoder takes longer than that for a hundred of them.
 */

const encoder = new TextEncoder();

// With the u flag a paired surrogate is one code point of another category, so this finds lone ones only.
const loneSurrogate = /\p{Surrogate}/u;

/** How many bytes `text` has in UTF-8. A lone surrogate counts as U+FFFD, three bytes. */
export function utf8Length(text: string): number {
  return isAscii(text) ? text.length : encoder.encode(text).length;
}

/** Writes `text` at `at` and returns where it ends. The caller guarantees the room: {@link utf8Length}. */
export function writeUtf8(bytes: Uint8Array, at: number, text: string): number {
  if (!isAscii(text)) return at + encoder.encodeInto(text, bytes.subarray(at)).written;
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + text.length;
}

/** Whether it has a surrogate without its other half, which UTF-8 has no bytes for. */
export function hasLoneSurrogate(text: string): boolean {
  return !isAscii(text) && loneSurrogate.test(text);
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return false;
  }
  return true;
}
