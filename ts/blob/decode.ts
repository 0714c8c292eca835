/** Blob -> Session, by `layout.md`, in either framing. Reads untrusted bytes; sections stay as they are until they are asked for. */
import { fromDocuments, type HeaderDocument, type Resolver } from '../session/document.ts';
import type { Section, Session } from '../session/session.ts';
import { invalid } from '../session/validate.ts';
import { blobError } from './fault.ts';
import type { FramingRules } from './framing.ts';
import { detectFraming, readDocuments, readHeader } from './header.ts';
import { checkTable, lazySection, MAX_SECTION_BYTES } from './section.ts';

/** How far a reader trusts what a blob says of itself. */
export interface DecodeOptions {
  /** A section with more content than this is not read: its `bytes()` rejects with `BLOB_LIMIT`. By default 256 MiB. */
  readonly maxSectionBytes?: number;
}

/**
 * Decodes a blob of either framing. The session's sections refer to `blob` and are decoded, and checked against their hash, when `bytes()` is called:
 * do not write to `blob` while the session lives. In the packed framing an uncompressed section is a view of `blob`.
 *
 * @throws PspError
 * - `BLOB_NOT_A_BLOB`: these are not the bytes of a blob;
 * - `BLOB_UNSUPPORTED_VERSION`: another major version, both are named;
 * - `BLOB_TRUNCATED`, `BLOB_MALFORMED`, `BLOB_LIMIT`: cut, altered, or above a limit of `layout.md`;
 * - `SESSION_INVALID`: the schema refuses a document, or a reference has no section.
 *
 * A section's `bytes()` rejects with `BLOB_SECTION_ENCODING` (its Base64 or codec is wrong), `BLOB_SECTION_HASH`, `BLOB_LIMIT` or
 * `BLOB_UNSUPPORTED_CODEC`.
 */
export async function decodeSession(blob: Uint8Array, options: DecodeOptions = {}): Promise<Session> {
  const frame = readFrame(blob);
  const { header, state } = await readDocuments(frame.header, blob.subarray(frame.stateStart, frame.stateEnd));
  const maxBytes = options.maxSectionBytes ?? MAX_SECTION_BYTES;
  const sections = frame.header.sections.map((entry) => lazySection(entry, maxBytes, () => readStored(blob, frame, entry)));
  return fromDocuments(header, state, resolveFrom(frame.header, sections));
}

/** A blob whose header and lengths are right, and where its parts stand. */
export interface Frame {
  readonly rules: FramingRules;
  readonly header: HeaderDocument;
  readonly headerEnd: number;
  readonly stateStart: number;
  readonly stateEnd: number;
  readonly sectionsStart: number;
}

/** Reads the header of a whole blob and holds every length in it, and every byte between parts, against the blob. */
export function readFrame(blob: Uint8Array): Frame {
  const rules = detectFraming(blob);
  const headerLength = rules.headerLength(blob);
  const headerEnd = rules.headerStart + (headerLength ?? 0);
  if (headerLength === null || headerEnd > blob.length) throw blobError('BLOB_TRUNCATED', 'the blob ends inside its header');
  const header = readHeader(blob.subarray(rules.headerStart, headerEnd));
  const stateStart = rules.stateStart(headerEnd);
  const stateEnd = stateStart + header.state.length;
  const sectionsStart = rules.sectionsStart(stateEnd);
  const frame = { rules, header, headerEnd, stateStart, stateEnd, sectionsStart };
  const expected = sectionsStart + checkTable(header, rules);
  const details = { expected, found: blob.length };
  if (blob.length < expected) throw blobError('BLOB_TRUNCATED', `the blob has ${blob.length} of ${expected} bytes`, details);
  if (blob.length > expected) throw blobError('BLOB_MALFORMED', `the blob has ${blob.length - expected} bytes after its end`, details);
  checkFill(blob, frame);
  return frame;
}

/** The stored bytes of a section of a whole blob; a view where the framing keeps them as they are. */
export function readStored(
  blob: Uint8Array,
  { rules, sectionsStart }: Frame,
  entry: HeaderDocument['sections'][number],
): Uint8Array<ArrayBuffer> {
  const start = sectionsStart + entry.offset;
  return rules.unwrap(blob.subarray(start, start + entry.length), entry, start);
}

/** Gives a reference its section. A place of the schema has sections of one kind; a member that is not known may have any. */
export function resolveFrom(header: HeaderDocument, sections: readonly Section[]): Resolver {
  const byId = new Map(header.sections.map((entry, i) => [entry.id, { kind: entry.kind, section: sections[i] as Section }]));
  return ({ $section }, pointer, kind) => {
    const found = byId.get($section);
    if (found !== undefined && (kind === null || found.kind === kind)) return found.section;
    throw invalid('state', pointer, kind === null ? 'reference to a section' : `reference to a section of ${kind}`);
  };
}

function checkFill(blob: Uint8Array, { rules, header, headerEnd, stateStart, stateEnd, sectionsStart }: Frame): void {
  const check = (from: number, to: number): void => {
    for (let at = from; at < to; at++) {
      if (blob[at] !== rules.fill) throw blobError('BLOB_MALFORMED', `no part ends at offset ${at}`, { offset: at });
    }
  };
  check(headerEnd, stateStart);
  check(stateEnd, sectionsStart);
  for (const { offset, length } of header.sections) {
    const end = offset + length;
    check(sectionsStart + end, sectionsStart + rules.nextOffset(end));
  }
}
