/** What a policy may look into: texts, wherever they are kept, and plain objects. Sections count once they were learned (`learn.ts`). */
import { ByteReader } from '../../session/clone/bytes.ts';
import type { Section } from '../../session/session.ts';
import { bytesIfKnown, isSection, isTextSection } from '../content.ts';
import type { EntryValue } from '../entry.ts';

/** A text, wherever it is kept; null for another value, and for a section that was not read. */
export function textIn(value: EntryValue | undefined): string | null {
  if (typeof value === 'string') return value;
  if (!isTextSection(value)) return null;
  const bytes = bytesIfKnown(value as Section);
  return bytes === null ? null : new ByteReader(bytes).utf16(bytes.length / 2);
}

/** A plain object of a session document: no list, no bytes, no section. */
export function isMembers(value: EntryValue | undefined): value is { readonly [member: string]: EntryValue | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array) && !isSection(value);
}
