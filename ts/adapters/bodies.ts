/** Large contents between a document and here, piece by piece: see `page/bodies.ts`. */
import { decodeBase64, encodeBase64 } from '../kernel/current.ts';
import { concatenate } from '../session/bytes.ts';
import type { PageWorld } from './page-world.ts';

/** Media type of contents of which nothing more is known. */
export const BYTES_MEDIA_TYPE = 'application/octet-stream';

/** Bytes sent to the page at once. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** What the page holds under `slot`. */
export async function takeBody(world: PageWorld, slot: string): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const text = await world.call('nextPiece', slot);
    if (text === null) return concatenate(pieces);
    pieces.push(decodeBase64(new TextEncoder().encode(text)));
  }
}

/** Gives the page a content under `slot`. */
export async function sendBody(world: PageWorld, slot: string, bytes: Uint8Array): Promise<void> {
  for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
    await world.call('addPiece', slot, new TextDecoder().decode(encodeBase64(bytes.subarray(from, from + PIECE_BYTES))));
  }
}

/** Whether two contents are the same, byte by byte. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
