/**
 * Where large contents go while a session is made, and how they are read without being whole in memory. A capture gives each content to a sink piece by
 * piece; what keeps the bytes (memory, a file) is the sink's.
 */
import { concatenate } from './bytes.ts';
import { type Section, section } from './session.ts';

/** Keeps contents, each as a section. */
export interface SectionSink {
  /** A content begins. Several may be under way at once. */
  begin(mediaType: string): Promise<SectionWriter>;
}

/** One content on its way into a sink. Each call waits for the one before. */
export interface SectionWriter {
  /** Takes the next bytes, which nobody changes after that. */
  write(bytes: Uint8Array): Promise<void>;
  /** The whole content. Its `length` is the sum of what was written. */
  end(): Promise<Section>;
  /** Lets go of a content that will not be ended. */
  abort(): Promise<void>;
}

/** Keeps contents in memory. */
export const memorySink: SectionSink = {
  async begin(mediaType) {
    const pieces: Uint8Array[] = [];
    return {
      async write(bytes) {
        pieces.push(bytes);
      },
      async end() {
        const [only] = pieces;
        return section(pieces.length === 1 && only !== undefined ? (only as Uint8Array<ArrayBuffer>) : concatenate(pieces), mediaType);
      },
      async abort() {
        pieces.length = 0;
      },
    };
  },
};

/**
 * A section's content piece by piece, in order: as `stream` gives it, else in one piece. Rejects as its `bytes()` does; what a hash tells of the whole may come
 * after the last piece.
 */
export async function* piecesOf(content: Section): AsyncGenerator<Uint8Array> {
  if (content.stream === undefined) yield await content.bytes();
  else yield* content.stream();
}
