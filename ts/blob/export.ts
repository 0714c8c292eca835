/**
 * A session as one pretty JSON text, for people and for git: members in the order of the blob, one fact a line, content of sections where it belongs
 * and readable where it can be. Never read back: the blob is the form to keep. It holds every secret of the session in the clear.
 */
import { encodeBase64 } from '../kernel/current.ts';
import { isDense } from '../session/clone/brand.ts';
import { decodeValue } from '../session/clone/decode.ts';
import { RECORDS_MEDIA_TYPE, readRecords } from '../session/clone/records.ts';
import { type SectionReference, sectionsOf, toHeader, toState } from '../session/document.ts';
import { type Section, type Session, TEXT_MEDIA_TYPE, textOf } from '../session/session.ts';

/**
 * The session as JSON with an indent of two, ending with LF. The same session gives the same text. What each kind of section becomes is said in
 * `layout.md`. Holds all of it in memory.
 *
 * @throws PspError `SESSION_INVALID` for a time without a form; and whatever a section's `bytes()` rejects with.
 */
export async function exportJson(session: Session): Promise<string> {
  const shown = new Map<Section, unknown>();
  for (const [section, kind] of sectionsOf(session)) shown.set(section, await show(section, kind));
  // The mapping puts what it is given where the reference would stand.
  const content = (section: Section): SectionReference => shown.get(section) as SectionReference;
  const state = toState(session, { section: content, text: (value) => value });
  const { state: _state, sections: _sections, ...header } = toHeader(session, { length: 0, sha256: '' }, []);
  return `${JSON.stringify({ ...header, ...state }, null, 2)}\n`;
}

async function show(section: Section, kind: string | null): Promise<unknown> {
  const { mediaType } = section;
  if (kind === 'text' && mediaType === TEXT_MEDIA_TYPE && section.length % 2 === 0) return textOf(section);
  const bytes = await section.bytes();
  if (kind === 'records' && mediaType === RECORDS_MEDIA_TYPE) {
    const records = attempt(() => [...readRecords(bytes)].map(({ key, value }) => ({ ...half('key', key), ...half('value', value) })));
    if (records !== null) return { mediaType, records };
  }
  if (kind === 'value') return { mediaType, ...half('value', bytes) };
  const text = kind === 'body' && /^text\/|json|javascript|xml/.test(mediaType) ? toText(bytes) : null;
  return text === null ? { mediaType, base64: toBase64(bytes) } : { mediaType, text };
}

/** A structured-clone value as JSON where that says all of it, else as Base64 under another name. */
function half(name: string, bytes: Uint8Array): Record<string, unknown> {
  const decoded = attempt(() => decodeValue(bytes));
  return decoded !== null && isJson(decoded.value, new Set(), 0) ? { [name]: decoded.value } : { [`${name}Base64`]: toBase64(bytes) };
}

const MAX_DEPTH = 64;

/** Whether JSON says all of a value: nothing that stands twice, no hole, no -0, no class. */
function isJson(value: unknown, seen: Set<object>, depth: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value !== 'object' || value === null) return value === null || typeof value === 'string' || typeof value === 'boolean';
  if (seen.has(value) || depth > MAX_DEPTH) return false;
  seen.add(value);
  if (Array.isArray(value)) return isDense(value, Object.keys(value)) && value.every((one) => isJson(one, seen, depth + 1));
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every((one) => isJson(one, seen, depth + 1));
}

/** What cannot be read is shown as it is: this is the handling of a value in an encoding that is not known, or damaged. */
function attempt<Value>(read: () => Value): Value | null {
  try {
    return read();
  } catch {
    return null;
  }
}

function toText(bytes: Uint8Array): string | null {
  return attempt(() => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
}

function toBase64(bytes: Uint8Array): string {
  return new TextDecoder().decode(encodeBase64(bytes));
}
