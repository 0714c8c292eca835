/** Large contents between a document and here, piece by piece: see `page/bodies.ts`. None of them is ever here as a whole, unless a sink keeps it so. */
import { decodeBase64Text, encodeBase64Text } from '../kernel/text.ts';
import { piecesOf, type SectionSink } from '../session/section-sink.ts';
import type { Section } from '../session/session.ts';
import { ContentDigest } from './content-digest.ts';
import type { PageWorld } from './page-world.ts';

/** Media type of contents of which nothing more is known. */
export const BYTES_MEDIA_TYPE = 'application/octet-stream';

/** Bytes sent to the page at once. */
const PIECE_BYTES = 1024 * 1024;

/** What the page holds under `slot`, in a sink. */
export async function takeBody(world: PageWorld, slot: string, sink: SectionSink): Promise<Section> {
  const writer = await sink.begin(BYTES_MEDIA_TYPE);
  try {
    for (;;) {
      const text = await world.call('nextPiece', slot);
      if (text === null) return await writer.end();
      await writer.write(decodeBase64Text(text));
    }
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** Gives the page a content under `slot`. */
export async function sendBody(world: PageWorld, slot: string, body: Section | undefined): Promise<void> {
  if (body === undefined) return;
  for await (const piece of piecesOf(body)) {
    for (let from = 0; from < piece.length; from += PIECE_BYTES) {
      await world.call('addPiece', slot, encodeBase64Text(piece.subarray(from, from + PIECE_BYTES)));
    }
  }
}

/** Of what a {@link digestSink} was given. */
const digests = new WeakMap<Section, string>();

/** Keeps of each content its length and digest alone: for what is read back. The `bytes()` of its sections reject with a TypeError. */
export const digestSink: SectionSink = {
  async begin(mediaType) {
    const digest = new ContentDigest();
    let length = 0;
    return {
      async write(bytes) {
        digest.add(bytes);
        length += bytes.length;
      },
      async end() {
        const bytes = (): never => {
          throw new TypeError('only the digest of this content was kept');
        };
        const section: Section = { mediaType, length, bytes: async () => bytes() };
        digests.set(section, digest.finish());
        return section;
      },
      abort: async () => undefined,
    };
  },
};

/** Whether a content reads back as it should be; absent and empty are the same. */
export async function isSameContent(expected: Section | undefined, found: Section | undefined): Promise<boolean> {
  if ((expected?.length ?? 0) !== (found?.length ?? 0)) return false;
  return (await digestOf(expected)) === (await digestOf(found));
}

async function digestOf(content: Section | undefined): Promise<string> {
  const known = content === undefined ? undefined : digests.get(content);
  if (known !== undefined) return known;
  const digest = new ContentDigest();
  if (content !== undefined) for await (const piece of piecesOf(content)) digest.add(piece);
  return digest.finish();
}
