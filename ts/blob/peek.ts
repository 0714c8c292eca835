/** The header of a blob, from as few bytes as it takes. Nothing of it is verified: the header has no hash, and the rest is not read. */
import { concatenate } from '../session/bytes.ts';
import type { HeaderDocument } from '../session/document.ts';
import type { Session } from '../session/session.ts';
import { blobError } from './fault.ts';
import type { Framing, FramingRules } from './framing.ts';
import { detectFraming, readHeader } from './header.ts';
import { checkTable } from './section.ts';

/** What the header of a blob says. It names no cookie and no origin. */
export interface PeekedBlob extends Pick<Session, 'id' | 'incarnation' | 'revision' | 'name' | 'tags' | 'source'> {
  readonly framing: Framing;
  /** Schema version, `<major>.<minor>`. */
  readonly version: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly expiresAt?: number;
  readonly stateBytes: number;
  /** Of the whole blob. */
  readonly blobBytes: number;
  readonly sections: readonly PeekedSection[];
}

/** A section in the table of a header. */
export interface PeekedSection {
  readonly kind: string;
  readonly mediaType: string;
  /** Bytes of the content, before a codec. */
  readonly length: number;
  /** Of the content, in lower-case hexadecimal. */
  readonly sha256: string;
  readonly codec?: string;
}

/** Reads up to `length` bytes at `offset`; fewer only where the blob ends. */
export type ReadRange = (offset: number, length: number) => Promise<Uint8Array>;

/** Enough for the header of most sessions in one read. */
const FIRST_BYTES = 4096;

/**
 * Reads the header of a blob, given whole or by a function that reads a range of it. Reads at most as many bytes again as the header has, and 4 KiB.
 *
 * @throws PspError as `decodeSession` does for the header: `BLOB_NOT_A_BLOB`, `BLOB_UNSUPPORTED_VERSION`, `BLOB_TRUNCATED`, `BLOB_MALFORMED`,
 * `BLOB_LIMIT`, `SESSION_INVALID`.
 */
export async function peekBlob(source: Uint8Array | ReadRange): Promise<PeekedBlob> {
  const read = typeof source === 'function' ? source : async (at: number, length: number) => source.subarray(at, at + length);
  let head: Uint8Array = await read(0, FIRST_BYTES);
  const rules = detectFraming(head);
  for (;;) {
    const length = rules.headerLength(head);
    const end = length === null ? 2 * head.length : rules.headerStart + length;
    if (length !== null && end <= head.length) return toPeeked(rules, readHeader(head.subarray(rules.headerStart, end)), end);
    const more = await read(head.length, end - head.length);
    if (more.length === 0) throw blobError('BLOB_TRUNCATED', 'the blob ends inside its header');
    head = concatenate([head, more]);
  }
}

function toPeeked(rules: FramingRules, header: HeaderDocument, headerEnd: number): PeekedBlob {
  const { psp, id, incarnation, revision, name, tags, createdAt, updatedAt, expiresAt, source, state } = header;
  const stateEnd = rules.stateStart(headerEnd) + state.length;
  return {
    framing: rules.name,
    version: psp,
    id,
    incarnation,
    revision,
    ...(name === undefined ? {} : { name }),
    ...(tags === undefined ? {} : { tags }),
    createdAt: Date.parse(createdAt),
    updatedAt: Date.parse(updatedAt),
    ...(expiresAt === undefined ? {} : { expiresAt: Date.parse(expiresAt) }),
    source,
    stateBytes: state.length,
    blobBytes: rules.sectionsStart(stateEnd) + checkTable(header, rules),
    sections: header.sections.map(({ kind, mediaType, rawLength, sha256, codec }) => ({
      kind,
      mediaType,
      length: rawLength,
      sha256,
      ...(codec === undefined ? {} : { codec }),
    })),
  };
}
