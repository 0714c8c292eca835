/**
 * A session of a blob whose sections tell the hash that the header states of them, so that equal ones are known without being read. The state may be
 * read from another text than the blob's own: from a part of it.
 */
import { sha256Hex } from '../digest.ts';
import { PspError } from '../errors.ts';
import { fromDocuments, type StateDocument } from '../session/document.ts';
import { hasError } from '../session/issue.ts';
import { parseJson } from '../session/json.ts';
import { SCHEMA_VERSION, type Section, type Session } from '../session/session.ts';
import { assertState } from '../session/validate.ts';
import { type DecodeOptions, type Frame, readStored, resolveFrom } from './decode.ts';
import { blobError } from './fault.ts';
import { type Documents, readDocuments } from './header.ts';
import { lazySection, MAX_SECTION_BYTES } from './section.ts';

/** A session and the hashes of its sections, in lower-case hexadecimal; a section's hash is checked when it is first read. */
export interface HashedSession {
  readonly session: Session;
  readonly hashes: ReadonlyMap<Section, string>;
}

/**
 * The bytes of a blob's state, a view of it.
 *
 * @throws PspError `BLOB_MALFORMED` when they do not have the hash that the header states.
 */
export function readState(blob: Uint8Array, { header, stateStart, stateEnd }: Frame): Uint8Array {
  const state = blob.subarray(stateStart, stateEnd);
  if (sha256Hex(state) === header.state.sha256) return state;
  throw blobError('BLOB_MALFORMED', 'the state does not have the hash that the header states');
}

/** Decodes a blob whose frame was read. Throws as `decodeSession` does. */
export async function decodeHashed(blob: Uint8Array, frame: Frame, options: DecodeOptions): Promise<HashedSession> {
  const documents = await readDocuments(frame.header, blob.subarray(frame.stateStart, frame.stateEnd));
  return toHashed(blob, frame, documents, options);
}

/** The session of another state with the header and sections of a blob of this version; null where that text is no state. */
export function decodePart(blob: Uint8Array, frame: Frame, stateText: Uint8Array, options: DecodeOptions): HashedSession | null {
  const { header } = frame;
  const { value, issues } = parseJson(stateText);
  if (hasError(issues) || header.psp.split('.')[0] !== SCHEMA_VERSION.split('.')[0]) return null;
  try {
    assertState(value, header.psp);
    return toHashed(blob, frame, { header, state: value as StateDocument }, options);
  } catch (error) {
    // Its pointers would be those of the part.
    if (error instanceof PspError) return null;
    throw error;
  }
}

function toHashed(blob: Uint8Array, frame: Frame, { header, state }: Documents, { maxSectionBytes }: DecodeOptions): HashedSession {
  const entries = frame.header.sections;
  const sections = entries.map((entry) => lazySection(entry, maxSectionBytes ?? MAX_SECTION_BYTES, () => readStored(blob, frame, entry)));
  return {
    session: fromDocuments(header, state, resolveFrom(frame.header, sections)),
    hashes: new Map(sections.map((section, i) => [section, entries[i]?.sha256 as string])),
  };
}
