/** Session -> text blob, by `layout.md`. Nothing that the schema refuses is ever written. */
import { sha256Hex } from '../digest.ts';
import { encodeBase64 } from '../kernel/current.ts';
import { type SectionEntry, toHeader, toState } from '../session/document.ts';
import type { Section, Session } from '../session/session.ts';
import { assertHeader, assertState } from '../session/validate.ts';

const LF = 0x0a;

/**
 * Encodes a session as a text blob. Holds every section in memory at once; O(size).
 *
 * @throws PspError `SESSION_INVALID` with the pointer of what the schema refuses, and whatever a section's `bytes()` rejects with.
 */
export async function encodeSession(session: Session): Promise<Uint8Array<ArrayBuffer>> {
  const sections = await collectSections(session);
  const document = toState(session, (section) => ({ $section: sections.ids.get(section) as string }));
  assertState(document);
  const state = new TextEncoder().encode(JSON.stringify(document));
  const header = toHeader(session, { length: state.length, sha256: sha256Hex(state) }, sections.entries);
  assertHeader(header);
  return joinLines([new TextEncoder().encode(JSON.stringify(header)), state, ...sections.lines]);
}

interface Sections {
  readonly ids: ReadonlyMap<Section, string>;
  readonly entries: readonly SectionEntry[];
  readonly lines: readonly Uint8Array[];
}

/** Reads every section once, stores equal ones once, and lays their lines out. */
async function collectSections(session: Session): Promise<Sections> {
  const ids = new Map<Section, string>();
  const byContent = new Map<string, string>();
  const entries: SectionEntry[] = [];
  const lines: Uint8Array[] = [];
  let offset = 0;
  for (const section of recordSections(session)) {
    if (ids.has(section)) continue;
    const bytes = await section.bytes();
    const sha256 = sha256Hex(bytes);
    const content = `${sha256} ${section.mediaType}`;
    const stored = byContent.get(content);
    if (stored !== undefined) {
      ids.set(section, stored);
      continue;
    }
    const id = `s${entries.length}`;
    const line = encodeBase64(bytes);
    entries.push({ id, kind: 'records', mediaType: section.mediaType, offset, length: line.length, rawLength: bytes.length, sha256 });
    lines.push(line);
    offset += line.length + 1;
    ids.set(section, id);
    byContent.set(content, id);
  }
  return { ids, entries, lines };
}

function* recordSections(session: Session): IterableIterator<Section> {
  for (const { indexedDB } of session.storage) {
    for (const { stores } of indexedDB) {
      for (const { records } of stores) if (records !== undefined) yield records;
    }
  }
}

function joinLines(lines: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const blob = new Uint8Array(lines.reduce((total, line) => total + line.length + 1, 0));
  let offset = 0;
  for (const line of lines) {
    blob.set(line, offset);
    offset += line.length;
    blob[offset++] = LF;
  }
  return blob;
}
