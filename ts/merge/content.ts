/**
 * What is known of the content of sections, so that joining, which never waits, can tell two of them apart: their hashes, and the bytes of those that were
 * read already. Kept beside the handles, which are plain Sections of anybody's making.
 */
import { sha256Hex } from '../digest.ts';
import { statedHash } from '../session/section-hash.ts';
import { type Section, section, TEXT_MEDIA_TYPE } from '../session/session.ts';

/** Says the SHA-256 of a section's content in lower-case hexadecimal, for a caller who knows it without reading; undefined where it must be read. */
export type SectionHash = (section: Section) => string | undefined;

const hashes = new WeakMap<Section, string>();
const contents = new WeakMap<Section, Uint8Array<ArrayBuffer>>();

/** A value that is read when it is asked for, as opposed to plain data. */
export function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Section>).bytes === 'function';
}

/** Text in a section: the same value as the string. */
export function isTextSection(value: unknown): boolean {
  return isSection(value) && value.mediaType === TEXT_MEDIA_TYPE && value.length % 2 === 0;
}

/** A section over bytes in memory whose content is known from the start. */
export function knownSection(bytes: Uint8Array<ArrayBuffer>, mediaType: string): Section {
  const known = section(bytes, mediaType);
  contents.set(known, bytes);
  return known;
}

/**
 * Learns the hash of a section: what `hashOf` tells, or the blob that it comes from states, or else what is found by reading it. Rejects as its `bytes()` does.
 * A section that is not what its blob states is found out when it is read, at the latest when the merged session is written.
 */
export async function learnHash(one: Section, hashOf?: SectionHash): Promise<void> {
  if (toldHash(one, hashOf) === null) hashes.set(one, sha256Hex(await one.bytes()));
}

/** The hash of a section as far as it is known without reading: {@link learnHash}. */
export function toldHash(one: Section, hashOf?: SectionHash): string | null {
  const known = hashes.get(one);
  if (known !== undefined) return known;
  const told = hashOf?.(one) ?? statedHash(one);
  if (told === undefined) return null;
  hashes.set(one, told);
  return told;
}

/** The SHA-256 of a section, once learned; null for one that nobody looked at. */
export function knownHash(one: Section): string | null {
  const hash = hashes.get(one);
  if (hash !== undefined) return hash;
  const bytes = contents.get(one);
  if (bytes === undefined) return null;
  const computed = sha256Hex(bytes);
  hashes.set(one, computed);
  return computed;
}

/** Reads a section into memory, so that {@link knownBytes} has it. Rejects as its `bytes()` does. */
export async function learnBytes(one: Section): Promise<void> {
  if (!contents.has(one)) contents.set(one, await one.bytes());
}

/** The content of a section that was learned; null where it was not. */
export function bytesIfKnown(one: Section): Uint8Array<ArrayBuffer> | null {
  return contents.get(one) ?? null;
}

/** The content of a section that was learned. The caller learned it. */
export function knownBytes(one: Section): Uint8Array<ArrayBuffer> {
  const bytes = contents.get(one);
  if (bytes === undefined) throw new TypeError('section: its bytes were not learned before they were written');
  return bytes;
}

/** The hash that a text has as a section, of the same text. O(n). */
export function textHash(text: string): string {
  const bytes = new Uint8Array(2 * text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes[2 * i] = unit;
    bytes[2 * i + 1] = unit >> 8;
  }
  return sha256Hex(bytes);
}
