/**
 * Large contents on their way between this document and the driver, a piece at a time: the platform keeps a Blob outside of the heap, so a file of many
 * megabytes is never here as a whole.
 */

/** Bytes that cross to the driver at once. */
const PIECE_BYTES = 512 * 1024;

const leaving = new Map<string, Blob>();
const arriving = new Map<string, BlobPart[]>();

/** Holds `content` for the driver until {@link nextPiece} has given its last; returns how many bytes it has. */
export function offerBody(slot: string, content: Blob): number {
  if (content.size > 0) leaving.set(slot, content);
  return content.size;
}

/** The next piece of what is held for the driver; null after the last. */
export async function nextPiece(slot: string): Promise<Uint8Array<ArrayBuffer> | null> {
  const rest = leaving.get(slot);
  if (rest === undefined) return null;
  const piece = rest.slice(0, PIECE_BYTES);
  if (piece.size === rest.size) leaving.delete(slot);
  else leaving.set(slot, rest.slice(PIECE_BYTES));
  return new Uint8Array(await piece.arrayBuffer());
}

/** Adds to a content that the driver sends. */
export function addPiece(slot: string, piece: Uint8Array<ArrayBuffer>): void {
  const pieces = arriving.get(slot) ?? [];
  pieces.push(new Blob([piece]));
  arriving.set(slot, pieces);
}

/** All that the driver has sent, once; an empty Blob when that is nothing. */
export function takeBody(slot: string): Blob {
  const pieces = arriving.get(slot) ?? [];
  arriving.delete(slot);
  return new Blob(pieces);
}
