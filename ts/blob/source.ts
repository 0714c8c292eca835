/**
 * A blob that is read from where it lies (a file, an object with ranges) instead of being whole in memory: header and state at once, a section when it is
 * asked for. The checks are those of `decode.ts`; what is not read is not checked.
 */
import { startSha256 } from '../digest.ts';
import { fromDocuments, type SectionEntry } from '../session/document.ts';
import type { Section, Session } from '../session/session.ts';
import { type DecodeOptions, resolveFrom } from './decode.ts';
import { blobError } from './fault.ts';
import type { FramingRules } from './framing.ts';
import { detectFraming, readDocuments, readHeader } from './header.ts';
import { checkTable, lazySection, MAX_SECTION_BYTES } from './section.ts';

/** Bytes that stay where they are while a session of them is used. */
export interface BlobSource {
  readonly length: number;
  /** `length` bytes from `offset` on, in an array of their own. The caller asks for none behind the end. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * The session of a blob of either framing. Sections that are stored as they are, in the packed framing, can be streamed: then none of them is ever whole in
 * memory, and the limit of their size does not hold.
 *
 * @throws PspError as `decodeSession`, and what `source` throws.
 */
export async function openBlob(source: BlobSource, options: DecodeOptions = {}): Promise<Session> {
  const { rules, head } = await readHead(source);
  const headerEnd = rules.headerStart + head.length;
  const header = readHeader(head);
  const stateStart = rules.stateStart(headerEnd);
  const stateEnd = stateStart + header.state.length;
  const sectionsStart = rules.sectionsStart(stateEnd);
  const expected = sectionsStart + checkTable(header, rules);
  const details = { expected, found: source.length };
  if (source.length < expected) throw blobError('BLOB_TRUNCATED', `the blob has ${source.length} of ${expected} bytes`, details);
  if (source.length > expected) throw blobError('BLOB_MALFORMED', `the blob has ${source.length - expected} bytes after its end`, details);
  await checkFill(source, rules, headerEnd, stateStart);
  await checkFill(source, rules, stateEnd, sectionsStart);
  const documents = await readDocuments(header, await source.read(stateStart, header.state.length));
  const maxBytes = options.maxSectionBytes ?? MAX_SECTION_BYTES;
  const sections = header.sections.map((entry) => sectionAt(source, rules, sectionsStart + entry.offset, entry, maxBytes));
  return fromDocuments(documents.header, documents.state, resolveFrom(header, sections));
}

const HEAD_BYTES = 64 * 1024;

async function readHead(source: BlobSource): Promise<{ rules: FramingRules; head: Uint8Array }> {
  let bytes = await source.read(0, Math.min(HEAD_BYTES, source.length));
  const rules = detectFraming(bytes);
  for (;;) {
    const length = rules.headerLength(bytes);
    const end = length === null ? null : rules.headerStart + length;
    if (end !== null && end <= bytes.length) return { rules, head: bytes.subarray(rules.headerStart, end) };
    if (bytes.length === source.length) throw blobError('BLOB_TRUNCATED', 'the blob ends inside its header');
    bytes = await source.read(0, Math.min(end ?? 4 * bytes.length, source.length));
  }
}

async function checkFill(source: BlobSource, rules: FramingRules, from: number, to: number): Promise<void> {
  if (to === from) return;
  const wrong = (await source.read(from, to - from)).findIndex((byte) => byte !== rules.fill);
  if (wrong !== -1) throw blobError('BLOB_MALFORMED', `no part ends at offset ${from + wrong}`, { offset: from + wrong });
}

function sectionAt(source: BlobSource, rules: FramingRules, start: number, entry: SectionEntry, maxBytes: number): Section {
  const end = start + entry.length;
  const checkEnd = (): Promise<void> => checkFill(source, rules, end, start + rules.nextOffset(entry.offset + entry.length) - entry.offset);
  const section = lazySection(entry, maxBytes, async () => {
    await checkEnd();
    return rules.unwrap(await source.read(start, entry.length), entry, start);
  });
  if (rules.name !== 'packed' || entry.codec !== undefined) return section;
  // The handle itself is what the rest of the library knows about: the member is added to it.
  return Object.assign(section, { stream: () => piecesAt(source, start, entry, checkEnd) });
}

const PIECE_BYTES = 256 * 1024;

async function* piecesAt(
  source: BlobSource,
  start: number,
  { id, length, sha256 }: SectionEntry,
  checkEnd: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  await checkEnd();
  const hash = startSha256();
  for (let at = 0; at < length; at += PIECE_BYTES) {
    const piece = await source.read(start + at, Math.min(PIECE_BYTES, length - at));
    hash.add(piece);
    yield piece;
  }
  if (hash.hex() !== sha256) {
    throw blobError('BLOB_SECTION_HASH', `section ${id} does not have the hash that the header states`, { section: id });
  }
}
