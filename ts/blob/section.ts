/**
 * One section as the table of a header describes it: checks of the table, the handle that reads the content when it is asked for, and
 * text as a section.
 */
import { sha256Hex } from '../digest.ts';
import type { HeaderDocument, SectionEntry } from '../session/document.ts';
import { stateHash } from '../session/section-hash.ts';
import { type Section, TEXT_MEDIA_TYPE } from '../session/session.ts';
import { decompress } from './codec.ts';
import { blobError } from './fault.ts';
import type { FramingRules } from './framing.ts';

/** Beside the handles, which are plain Sections. */
const kinds = new WeakMap<Section, string>();

/** What a section was in the blob that it comes from; undefined for one that comes from elsewhere. */
export function storedKind(section: Section): string | undefined {
  return kinds.get(section);
}

/** Content above this is not read, unless the caller allows it: 256 MiB. */
export const MAX_SECTION_BYTES: number = 256 * 1024 * 1024;

/**
 * Holds the table of sections against the framing, and returns where the last section ends, counted from the first.
 *
 * @throws PspError `BLOB_MALFORMED` where a section does not follow the one before or has a length that its content cannot have.
 */
export function checkTable({ sections }: HeaderDocument, rules: FramingRules): number {
  let offset = 0;
  sections.forEach((entry, i) => {
    if (entry.id !== `s${i}` || entry.offset !== offset || !hasPossibleLength(entry, rules) || (entry.where ?? 'inline') !== 'inline') {
      throw blobError('BLOB_MALFORMED', `section ${i} of the header does not follow the one before`, { section: i });
    }
    offset = rules.nextOffset(offset + entry.length);
  });
  return offset;
}

function hasPossibleLength({ codec, length, rawLength }: SectionEntry, rules: FramingRules): boolean {
  if (codec === undefined) return length === rules.sectionLength(rawLength);
  return rules.name === 'packed' || length % 4 === 0;
}

/**
 * The handle of a section. `readStored` gives the stored bytes each time the content is read; the hash is checked the first time.
 * `bytes()` rejects with `BLOB_LIMIT`, `BLOB_SECTION_ENCODING`, `BLOB_SECTION_HASH` or `BLOB_UNSUPPORTED_CODEC`.
 */
export function lazySection(
  entry: SectionEntry,
  maxBytes: number,
  readStored: () => Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>,
): Section {
  let verified = false;
  const section: Section = {
    mediaType: entry.mediaType,
    length: entry.rawLength,
    async bytes() {
      const { id, rawLength, sha256, codec } = entry;
      if (rawLength > maxBytes) {
        throw blobError('BLOB_LIMIT', `section ${id} has ${rawLength} bytes; the limit is ${maxBytes}`, { section: id });
      }
      const stored = await readStored();
      const content = codec === undefined ? stored : await decompress(stored, codec, rawLength, id);
      if (content.length !== rawLength) {
        throw blobError('BLOB_SECTION_ENCODING', `section ${id} has ${content.length} bytes, ${rawLength} expected`, { section: id });
      }
      verified ||= sha256Hex(content) === sha256;
      if (!verified) {
        throw blobError('BLOB_SECTION_HASH', `section ${id} does not have the hash that the header states`, { section: id });
      }
      return content;
    },
  };
  kinds.set(section, entry.kind);
  stateHash(section, entry.sha256);
  return section;
}

/** Text as a section: two bytes a unit, the lower first, made when they are asked for. */
export function textSection(text: string): Section {
  return {
    mediaType: TEXT_MEDIA_TYPE,
    length: 2 * text.length,
    async bytes() {
      const bytes = new Uint8Array(2 * text.length);
      for (let i = 0; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        bytes[2 * i] = unit;
        bytes[2 * i + 1] = unit >> 8;
      }
      return bytes;
    },
  };
}
