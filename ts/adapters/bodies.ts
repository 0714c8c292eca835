/** Large contents between a document and here, piece by piece: see `page/bodies.ts`. */
import { decodeBase64Text, encodeBase64Text } from '../kernel/text.ts';
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
    pieces.push(decodeBase64Text(text));
  }
}

/** Gives the page a content under `slot`. */
export async function sendBody(world: PageWorld, slot: string, bytes: Uint8Array): Promise<void> {
  for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
    await world.call('addPiece', slot, encodeBase64Text(bytes.subarray(from, from + PIECE_BYTES)));
  }
}
