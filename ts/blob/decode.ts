/** Text blob -> Session, by `layout.md`. Reads untrusted bytes; sections stay encoded until they are asked for. */
import { sha256Hex } from '../digest.ts';
import { PspError, type PspErrorCode, type PspErrorDetails } from '../errors.ts';
import { decodeBase64 } from '../kernel/current.ts';
import { fromDocuments, type HeaderDocument, type SectionEntry, type StateDocument } from '../session/document.ts';
import { SCHEMA_VERSION, type Section, type Session } from '../session/session.ts';
import { assertHeader, assertState, invalid } from '../session/validate.ts';

const LF = 0x0a;
const MAGIC = '{"psp":"';
const MAX_HEADER_BYTES = 16 * 1024 * 1024;
const MAX_STATE_BYTES = 512 * 1024 * 1024;

/**
 * Decodes a text blob. The session's sections refer to `blob` and are decoded, and checked against their hash, when `bytes()` is called: do not
 * write to `blob` while the session lives.
 *
 * @throws PspError
 * - `BLOB_NOT_A_BLOB`: these are not the bytes of a blob;
 * - `BLOB_UNSUPPORTED_VERSION`: another major version, both are named;
 * - `BLOB_TRUNCATED`, `BLOB_MALFORMED`, `BLOB_LIMIT`: cut, altered, or above a limit of `layout.md`;
 * - `SESSION_INVALID`: the schema refuses a document, or a reference has no section.
 *
 * A section's `bytes()` rejects with `BLOB_SECTION_ENCODING` (its Base64 is wrong) or `BLOB_SECTION_HASH`.
 */
export async function decodeSession(blob: Uint8Array): Promise<Session> {
  const header = readHeader(blob);
  const stateStart = header.end + 1;
  const sectionsStart = checkLengths(blob, stateStart, header.document);
  const stateBytes = blob.subarray(stateStart, sectionsStart - 1);
  if (sha256Hex(stateBytes) !== header.document.state.sha256)
    throw blobError('BLOB_MALFORMED', 'the state does not have the hash that the header states');
  const state = parseJson(stateBytes, 'state');
  assertState(state);
  // A newer minor may have other kinds of section; records are not read from them.
  const records = header.document.sections.filter(({ kind }) => kind === 'records');
  const sections = new Map(records.map((entry) => [entry.id, lazySection(blob, sectionsStart, entry)]));
  return fromDocuments(header.document, state as StateDocument, ({ $section }, pointer) => {
    const section = sections.get($section);
    if (section === undefined) throw invalid('state', pointer, 'reference to a section of records');
    return section;
  });
}

function readHeader(blob: Uint8Array): { document: HeaderDocument; end: number } {
  for (let i = 0; i < MAGIC.length; i++) {
    if (blob[i] === MAGIC.charCodeAt(i)) continue;
    throw i === blob.length && i > 0
      ? blobError('BLOB_TRUNCATED', 'the blob ends inside its first bytes')
      : blobError('BLOB_NOT_A_BLOB', 'these are not the bytes of a session blob');
  }
  const end = blob.subarray(0, MAX_HEADER_BYTES + 1).indexOf(LF);
  if (end === -1) {
    throw blob.length > MAX_HEADER_BYTES
      ? blobError('BLOB_LIMIT', `the header is longer than ${MAX_HEADER_BYTES} bytes`)
      : blobError('BLOB_TRUNCATED', 'the blob ends inside its header');
  }
  const document = parseJson(blob.subarray(0, end), 'header');
  checkVersion(document);
  assertHeader(document);
  return { document: document as HeaderDocument, end };
}

/** Before the schema, since another major may look different altogether. */
function checkVersion(document: unknown): void {
  const version = (document as { psp?: unknown }).psp;
  const major = typeof version === 'string' ? /^(0|[1-9][0-9]{0,5})\.(?:0|[1-9][0-9]{0,5})$/.exec(version)?.[1] : undefined;
  const [supported] = SCHEMA_VERSION.split('.');
  if (major !== undefined && major !== supported) {
    throw blobError('BLOB_UNSUPPORTED_VERSION', `the blob has version ${version as string}; this reader knows ${SCHEMA_VERSION}`, {
      found: version as string,
      supported: SCHEMA_VERSION,
    });
  }
}

/** Holds the lengths that the header states against the blob; returns where the section lines begin. */
function checkLengths(blob: Uint8Array, stateStart: number, header: HeaderDocument): number {
  if (header.state.length > MAX_STATE_BYTES) throw blobError('BLOB_LIMIT', `the state is longer than ${MAX_STATE_BYTES} bytes`);
  const sectionsStart = stateStart + header.state.length + 1;
  let offset = 0;
  header.sections.forEach((entry, i) => {
    if (entry.id !== `s${i}` || entry.offset !== offset || entry.length !== 4 * Math.ceil(entry.rawLength / 3)) {
      throw blobError('BLOB_MALFORMED', `section ${i} of the header does not follow the one before`, { section: i });
    }
    offset += entry.length + 1;
  });
  const expected = sectionsStart + offset;
  const details = { expected, found: blob.length };
  if (blob.length < expected) throw blobError('BLOB_TRUNCATED', `the blob has ${blob.length} of ${expected} bytes`, details);
  if (blob.length > expected) throw blobError('BLOB_MALFORMED', `the blob has ${blob.length - expected} bytes after its end`, details);
  const lineEnds = [sectionsStart - 1, ...header.sections.map(({ offset: at, length }) => sectionsStart + at + length)];
  for (const lineEnd of lineEnds) {
    if (blob[lineEnd] !== LF) throw blobError('BLOB_MALFORMED', `no line ends at offset ${lineEnd}`, { offset: lineEnd });
  }
  return sectionsStart;
}

function parseJson(bytes: Uint8Array, part: 'header' | 'state'): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    // The platform's message quotes the text around the fault, which may be a secret: it goes no further, not even as a cause.
    throw blobError('BLOB_MALFORMED', `the ${part} is not JSON in UTF-8`);
  }
}

function lazySection(blob: Uint8Array, sectionsStart: number, entry: SectionEntry): Section {
  const start = sectionsStart + entry.offset;
  let verified = false;
  return {
    mediaType: entry.mediaType,
    length: entry.rawLength,
    async bytes() {
      const bytes = decodeLine(blob.subarray(start, start + entry.length), start, entry);
      verified ||= sha256Hex(bytes) === entry.sha256;
      if (!verified)
        throw blobError('BLOB_SECTION_HASH', `section ${entry.id} does not have the hash that the header states`, { section: entry.id });
      return bytes;
    },
  };
}

function decodeLine(line: Uint8Array, start: number, entry: SectionEntry): Uint8Array<ArrayBuffer> {
  const bytes = decode(line, start, entry);
  if (bytes.length === entry.rawLength) return bytes;
  throw blobError('BLOB_SECTION_ENCODING', `section ${entry.id} has ${bytes.length} bytes, ${entry.rawLength} expected`, {
    section: entry.id,
  });
}

function decode(line: Uint8Array, start: number, entry: SectionEntry): Uint8Array<ArrayBuffer> {
  try {
    return decodeBase64(line);
  } catch (cause) {
    if (!(cause instanceof PspError)) throw cause;
    const offset = Number(cause.details['offset'] ?? 0);
    throw new PspError('BLOB_SECTION_ENCODING', `section ${entry.id} is not Base64: ${cause.code} at its offset ${offset}`, {
      cause,
      details: { section: entry.id, offset, blobOffset: start + offset, reason: cause.code },
    });
  }
}

function blobError(code: PspErrorCode, message: string, details: PspErrorDetails = {}): PspError {
  return new PspError(code, message, { details });
}
