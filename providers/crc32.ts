/**
 * CRC-32 (ISO 3309; the one of gzip and PNG), which finds damage and no forgery. The runtime's own where it has one: Node since 20.15, Deno, Bun;
 * otherwise a table.
 */

type Crc32 = (bytes: Uint8Array, start?: number) => number;

/** The CRC-32 of `bytes`, 0 to 2^32 - 1; `start` is the CRC-32 of what stands before them. */
export const crc32: Crc32 = globalThis.process?.getBuiltinModule?.('node:zlib')?.crc32 ?? tableCrc32;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  return rest;
});

/** The same by a table, for runtimes without. Exported for the test that compares them. */
export function tableCrc32(bytes: Uint8Array, start = 0): number {
  let crc = ~start;
  for (let at = 0; at < bytes.length; at++) crc = TABLE[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
