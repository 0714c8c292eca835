/**
 * The canonical encoding of a few named values: one text for one meaning, without any room for doubt. The context enters its MAC in it, the
 * attributes stand in front of a plaintext in it.
 *
 *     u32 count | for each member, by the UTF-8 bytes of its name:  u32 length | name | u8 type | u32 length | value
 *
 * Big-endian. Type 1 is a string in UTF-8, not normalized; type 2 an integer of 64 bits, unsigned.
 */

/** Named values, sorted by the bytes of their names. The caller guarantees the order, and integers that are safe and not negative. */
export type Members = readonly (readonly [name: string, value: string | number])[];

const TYPE_STRING = 1;
const TYPE_INTEGER = 2;
const INTEGER_BYTES = 8;

const encoder = new TextEncoder();

/**
 * The bytes of `members`. TypeError, naming `subject` and the member, for a string with a lone surrogate: UTF-8 has no bytes for it, and two
 * texts would become one.
 */
export function encodeMembers(subject: string, members: Members): Uint8Array<ArrayBuffer> {
  const parts = members.map(([name, value]) => {
    if (typeof value === 'string' && /\p{Surrogate}/u.test(value)) {
      throw new TypeError(`${subject}.${name}: expected well-formed UTF-16, got a lone surrogate`);
    }
    return { name: encoder.encode(name), type: typeof value === 'string' ? TYPE_STRING : TYPE_INTEGER, value: encodeValue(value) };
  });
  const bytes = new Uint8Array(parts.reduce((sum, { name, value }) => sum + 9 + name.length + value.length, 4));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, parts.length);
  let at = 4;
  for (const { name, type, value } of parts) {
    view.setUint32(at, name.length);
    bytes.set(name, at + 4);
    at += 4 + name.length;
    view.setUint8(at, type);
    view.setUint32(at + 1, value.length);
    bytes.set(value, at + 5);
    at += 5 + value.length;
  }
  return bytes;
}

/**
 * The members that {@link encodeMembers} wrote, or null for bytes that it does not write: another order or a name twice, a type or length that
 * is not its own, text that is no UTF-8, an integer beyond 2^53 - 1, bytes left over. Allocates no more than `bytes` is long.
 */
export function decodeMembers(bytes: Uint8Array): Members | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (length: number): Uint8Array | null => {
    if (length > bytes.length - at) return null;
    at += length;
    return bytes.subarray(at - length, at);
  };
  const takeCounted = (): Uint8Array | null => (take(4) === null ? null : take(view.getUint32(at - 4)));

  if (take(4) === null) return null;
  const count = view.getUint32(0);
  const members: [string, string | number][] = [];
  let previous: Uint8Array | null = null;
  while (members.length < count) {
    const name = takeCounted();
    const type = take(1)?.[0];
    const value = takeCounted();
    if (name === null || value === null || (previous !== null && compareBytes(previous, name) >= 0)) return null;
    previous = name;
    const text = decodeText(name);
    const decoded = type === TYPE_STRING ? decodeText(value) : type === TYPE_INTEGER ? decodeInteger(value) : null;
    if (text === null || decoded === null) return null;
    members.push([text, decoded]);
  }
  return at === bytes.length ? members : null;
}

function encodeValue(value: string | number): Uint8Array {
  if (typeof value === 'string') return encoder.encode(value);
  const bytes = new Uint8Array(INTEGER_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

function decodeInteger(bytes: Uint8Array): number | null {
  if (bytes.length !== INTEGER_BYTES) return null;
  const value = new DataView(bytes.buffer, bytes.byteOffset, INTEGER_BYTES).getBigUint64(0);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : null;
}

/** The text of `bytes`, or null where they are no UTF-8. */
export function decodeText(bytes: Uint8Array): string | null {
  try {
    // `ignoreBOM` keeps a leading U+FEFF: without it two different texts would decode to one.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null; // the one thing that a fatal decoder can say
  }
}

function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const at = one.findIndex((byte, index) => byte !== other[index]);
  return at === -1 ? one.length - other.length : one[at]! - (other[at] ?? -1);
}
