/**
 * Bytes -> header and state documents, for every reader: which framing, where the header is, its version, its schema; then the state with its hash
 * and schema. Reads untrusted bytes.
 */
import { sha256Hex } from '../digest.ts';
import type { HeaderDocument, StateDocument } from '../session/document.ts';
import { parseJson } from '../session/json.ts';
import { SCHEMA_VERSION } from '../session/session.ts';
import { documentsFor, isLossy } from '../session/upgrade.ts';
import { assertHeader, assertState } from '../session/validate.ts';
import { blobError } from './fault.ts';
import { type FramingRules, MAX_HEADER_BYTES, MAX_STATE_BYTES } from './framing.ts';
import { packedFraming } from './packed.ts';
import { textFraming } from './text.ts';

/** The framing of a blob, from its first bytes; eight are enough. @throws PspError `BLOB_NOT_A_BLOB`, `BLOB_TRUNCATED` */
export function detectFraming(head: Uint8Array): FramingRules {
  for (const rules of [textFraming, packedFraming]) {
    const { magic } = rules;
    const length = Math.min(head.length, magic.length);
    if (length === 0 || head.subarray(0, length).some((byte, i) => byte !== magic[i])) continue;
    if (length < magic.length) throw blobError('BLOB_TRUNCATED', 'the blob ends inside its first bytes');
    return rules;
  }
  throw blobError('BLOB_NOT_A_BLOB', 'these are not the bytes of a session blob');
}

/** The header in its bytes, in the version it has. @throws PspError `BLOB_MALFORMED`, `BLOB_UNSUPPORTED_VERSION`, `BLOB_LIMIT`, `SESSION_INVALID` */
export function readHeader(bytes: Uint8Array): HeaderDocument {
  const document = parseDocument(bytes, 'header');
  checkVersion(document);
  assertHeader(document);
  const header = document as HeaderDocument;
  if (header.state.length > MAX_STATE_BYTES) throw blobError('BLOB_LIMIT', `the state is longer than ${MAX_STATE_BYTES} bytes`);
  return header;
}

/** The two documents of a session, of the newest version. */
export interface Documents {
  readonly header: HeaderDocument;
  readonly state: StateDocument;
}

/**
 * The documents of a header and the state in its bytes, which must have the hash that the header states. Those of an older major are upgraded, or stay
 * as they are where that would lose something.
 *
 * @throws PspError `BLOB_MALFORMED`, `BLOB_LIMIT`, `SESSION_INVALID`
 */
export async function readDocuments(header: HeaderDocument, stateBytes: Uint8Array): Promise<Documents> {
  if (sha256Hex(stateBytes) !== header.state.sha256)
    throw blobError('BLOB_MALFORMED', 'the state does not have the hash that the header states');
  const state = parseDocument(stateBytes, 'state');
  assertState(state, header.psp);
  if (!header.psp.startsWith(`${OLDER_MAJOR}.`)) return { header, state: state as StateDocument };
  const { documents, losses } = await documentsFor(SCHEMA_VERSION, header, state);
  // What 2.0 does not take, such as a control character in a cookie, shall not get lost unseen: it is read as it was, and refused when it is written.
  if (losses.some(isLossy)) return { header, state: state as StateDocument };
  assertHeader(documents.header);
  assertState(documents.state);
  return documents as unknown as Documents;
}

/**
 * Where the two documents of a blob stand, by what the blob says of itself and before anything of it is checked: for a reader that wants every fault and
 * not the first. `state` is empty when the header does not tell a length; `sections` is where the first section would begin.
 *
 * @throws PspError `BLOB_NOT_A_BLOB`, `BLOB_TRUNCATED`, `BLOB_LIMIT`, `BLOB_UNSUPPORTED_VERSION` (of the packed framing)
 */
export function locateDocuments(blob: Uint8Array): { header: Uint8Array; state: Uint8Array; sections: number } {
  const framing = detectFraming(blob);
  const length = framing.headerLength(blob);
  if (length === null) throw blobError('BLOB_TRUNCATED', 'the blob ends inside its header');
  const headerEnd = framing.headerStart + length;
  const header = blob.subarray(framing.headerStart, headerEnd);
  const stateStart = framing.stateStart(headerEnd);
  const stated = (parseJson(header).value as { state?: { length?: unknown } } | null | undefined)?.state?.length;
  const isLength = typeof stated === 'number' && Number.isSafeInteger(stated) && stated >= 0;
  const stateEnd = isLength ? Math.min(stateStart + stated, blob.length) : stateStart;
  return { header, state: blob.subarray(stateStart, stateEnd), sections: framing.sectionsStart(stateEnd) };
}

/** A major that this reader knows besides its own. */
const OLDER_MAJOR = '1';

/** Before the schema, since another major may look different altogether. */
function checkVersion(document: unknown): void {
  const version = (document as { psp?: unknown } | null)?.psp;
  const major = typeof version === 'string' ? /^(0|[1-9][0-9]{0,5})\.(?:0|[1-9][0-9]{0,5})$/.exec(version)?.[1] : undefined;
  const [supported] = SCHEMA_VERSION.split('.');
  if (major !== undefined && major !== supported && major !== OLDER_MAJOR) {
    throw blobError('BLOB_UNSUPPORTED_VERSION', `the blob has version ${version as string}; this reader knows ${SCHEMA_VERSION}`, {
      found: version as string,
      supported: SCHEMA_VERSION,
    });
  }
}

/** Strictly: a member that stands twice, or a number that no platform keeps, means something else to every reader. */
function parseDocument(bytes: Uint8Array, part: 'header' | 'state'): unknown {
  const { value, issues } = parseJson(bytes, { maxBytes: part === 'header' ? MAX_HEADER_BYTES : MAX_STATE_BYTES });
  const error = issues.find(({ severity }) => severity === 'error');
  if (error === undefined) return value;
  const { code, pointer, message } = error;
  throw blobError(LIMITS.has(code) ? 'BLOB_LIMIT' : 'BLOB_MALFORMED', `the ${part} ${message}`, { part, pointer, rule: code });
}

const LIMITS: ReadonlySet<string> = new Set(['too-deep', 'too-large', 'too-many-items']);
