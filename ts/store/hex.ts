/** Bytes as text in hexadecimal digits, lower case: how ids, MACs and check values are written where people read them. */

/** Two digits for each byte. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
