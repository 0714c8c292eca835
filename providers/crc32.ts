/**
 * CRC-32 (ISO 3309; the one of gzip and PNG), which finds damage and no forgery. The runtime's own where it has one: Node since 20.15, Deno, Bun;
 * otherwise a table.
 */

/** The runtime's own, which is called at a cost of its own. */
const ofRuntime: typeof tableCrc32 | undefined = globalThis.process?.getBuiltinModule?.('node:zlib')?.crc32;

/** Bytes up to which the table is faster than a call of the runtime's own. */
const SHORT_BYTES = 64;

/** The CRC-32 of `bytes`, 0 to 2^32 - 1; `start` is the CRC-32 of what stands before them. */
export function crc32(bytes: Uint8Array, start = 0): number {
  return ofRuntime === undefined || bytes.length <= SHORT_BYTES ? tableCrc32(bytes, start) : ofRuntime(bytes, start);
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  return rest;
});

/** The same by a table, for runtimes without, and of bytes `from` to `to`: so few are not worth a view. */
export function tableCrc32(bytes: Uint8Array, start = 0, from = 0, to: number = bytes.length): number {
  let crc = ~start;
  for (let at = from; at < to; at++) crc = TABLE[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
