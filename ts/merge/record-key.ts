/**
 * Keys of IndexedDB records as parts of identities: one text for all encodings of one key (0 and -0; a buffer and a view on one), and their order by Indexed
 * Database API 3.0.
 */
import { PspError } from '../errors.ts';
import { unitsToString } from '../session/clone/bytes.ts';
import { decodeValue } from '../session/clone/decode.ts';
import { encodeValue } from '../session/clone/encode.ts';
import { TAG } from '../session/clone/tags.ts';
import { compareKeys, type Key, toKey } from '../session/semantic/key.ts';

/** As `semantic/record.ts`: what is shared in a key counts as often as it stands there. */
const MAX_SHARING = 64;

/** The identity of an encoded key: the bytes of its canonical form, one character a byte. What is no valid key keeps its own bytes. */
export function recordKeyText(key: Uint8Array): string {
  switch (key[0]) {
    case TAG.integer:
    case TAG.latin1:
    case TAG.utf16:
    case TAG.date:
      // These have one encoding each.
      return unitsToString(key);
    default: {
      const found = keyOf(key);
      return found === null ? unitsToString(key) : keyText(found);
    }
  }
}

/** The text of a key: equal keys, equal texts. */
export function keyText(key: Key): string {
  return unitsToString(encodeValue(keyValue(key)).bytes);
}

/** The encoded key that a text stands for. */
export function recordKeyBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** The key that encoded bytes hold; null when they hold none. */
export function keyOf(bytes: Uint8Array): Key | null {
  const integer = integerOf(bytes);
  if (integer !== null) return [1, integer];
  try {
    return toKey(decodeValue(bytes).value, { left: MAX_SHARING * bytes.length });
  } catch (error) {
    if (error instanceof PspError) return null;
    throw error;
  }
}

/** What most keys are: an integer below 2^28; null for any other. */
function integerOf(bytes: Uint8Array): number | null {
  const end = bytes.length - 1;
  if (bytes[0] !== TAG.integer || end < 1 || end > 4) return null;
  let integer = 0;
  for (let i = end; i >= 1; i--) {
    const byte = bytes[i] as number;
    // A varint ends with its first byte below 0x80, which is 0 only where it is alone.
    if (byte < 0x80 !== (i === end) || (byte === 0 && end > 1)) return null;
    integer = integer * 0x80 + (byte & 0x7f);
  }
  return integer;
}

function keyValue(key: Key): unknown {
  switch (key[0]) {
    case 1:
      return key[1] === 0 ? 0 : key[1];
    case 2:
      return new Date(key[1]);
    case 3:
      return key[1];
    case 4:
      return key[1].slice().buffer;
    case 5:
      return key[1].map(keyValue);
  }
}

/** By keys; what has none comes last, by its text. */
export function compareRecordKeys(
  a: { readonly key: Key | null; readonly text: string },
  b: { readonly key: Key | null; readonly text: string },
): number {
  if (a.key !== null && b.key !== null) return compareKeys(a.key, b.key);
  if (a.key !== null || b.key !== null) return a.key !== null ? -1 : 1;
  return a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
}
