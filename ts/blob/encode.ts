/**
 * Session -> blob, by `layout.md`, in either framing. The header stands first and holds every hash and length, so there are two passes over the
 * sections: one to measure, one to write. Nothing that the schema refuses is ever written.
 */
import { sha256Hex, startSha256 } from '../digest.ts';
import { concatenate } from '../session/bytes.ts';
import { type SectionEntry, type SectionKind, toHeader, toState } from '../session/document.ts';
import { SCHEMA_VERSION, type Section, type Session } from '../session/session.ts';
import { downgradeDocuments, type SessionDocuments, textReader } from '../session/upgrade.ts';
import { assertHeader, assertState } from '../session/validate.ts';
import { type Codec, compress } from './codec.ts';
import { blobError } from './fault.ts';
import type { Framing, FramingRules } from './framing.ts';
import { packedFraming } from './packed.ts';
import { storedKind, textSection } from './section.ts';
import { textFraming } from './text.ts';

/** A section before it is written, for the choice of its codec. */
export interface SectionHead {
  readonly kind: string;
  readonly mediaType: string;
  /** Bytes of the content. */
  readonly length: number;
}

/** How a blob is written. Every choice gives a blob with the same session and the same hash of each section's content. */
export interface EncodeOptions {
  /** By default `text`. */
  readonly framing?: Framing;
  /**
   * Compression, of every section or as a function says; by default `none`. A section that gains less than 5 % is stored as it is. The size of
   * a compressed section tells something of its content to whoever chose a part of it.
   */
  readonly codec?: Codec | ((section: SectionHead) => Codec);
  /** Values of web storage with at least so many UTF-16 units become sections; by default {@link TEXT_SECTION_UNITS}. */
  readonly textSectionUnits?: number;
  /** Schema version to write, for readers that know no newer one. Version 1.0 has the text framing and no codec (TypeError otherwise). */
  readonly version?: string;
  /** Writes an older version although its readers will see less. What it cannot hold is parked in the blob, and back when it is read here. */
  readonly allowLoss?: boolean;
}

/**
 * Web storage values from this length on are kept in sections. Node 20, bench/results/blob.md, "text of N Ki units": from 16 Ki on reading all of it is
 * about twice as fast from sections as from the state, and not reading it more than twenty times; at 4 Ki reading is even, below it loses.
 */
export const TEXT_SECTION_UNITS: number = 16 * 1024;

/**
 * Encodes a session as a blob. Holds every section in memory at once; O(size). `writeBlob` does not.
 *
 * @throws PspError `SESSION_INVALID` with the pointer of what the schema refuses, `BLOB_UNSUPPORTED_CODEC`, and whatever a section's `bytes()`
 * rejects with. For an older `version` also `SESSION_UNSUPPORTED_VERSION`, and `SESSION_LOSSY` unless `allowLoss`.
 */
export async function encodeSession(session: Session, options: EncodeOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const plan = await planBlob(session, options, true);
  const blob = new Uint8Array(plan.length);
  let at = 0;
  for await (const part of writePlan(plan)) {
    blob.set(part, at);
    at += part.length;
  }
  return blob;
}

/** A blob of which everything but the sections is made. */
export interface BlobPlan {
  readonly rules: FramingRules;
  /** All that stands before the sections. */
  readonly head: readonly Uint8Array[];
  readonly sections: readonly PlannedSection[];
  /** Bytes of the blob. */
  readonly length: number;
}

interface PlannedSection {
  readonly section: Section;
  readonly entry: SectionEntry;
  /** What will be stored; null when it is made again in the second pass. */
  readonly stored: Uint8Array<ArrayBuffer> | null;
}

/** The first pass: reads every section once. `keep` holds what is read for the second pass; else one section at a time is in memory. */
export async function planBlob(session: Session, options: EncodeOptions, keep: boolean): Promise<BlobPlan> {
  const rules = rulesOf(options.framing ?? 'text');
  const { document, places } = referToSections(session, options.textSectionUnits ?? TEXT_SECTION_UNITS);
  const sections = await measureSections(places, rules, options.codec ?? 'none', keep);
  const entries = sections.map(({ entry }) => entry);
  const newest = { header: toHeader(session, NO_STATE, entries), state: document };
  assertState(newest.state);
  const version = options.version ?? SCHEMA_VERSION;
  const documents = version === SCHEMA_VERSION ? newest : await inOlderVersion(newest, sections, version, options);
  const state = encodeJson(documents.state);
  // The member stands where it stood: spreading keeps the place of a key.
  const header = { ...documents.header, state: { length: state.length, sha256: sha256Hex(state) } };
  assertHeader(header);
  return layOut(rules, encodeJson(header), state, sections);
}

/** Holds the place of what is only known when the state is written. */
const NO_STATE = { length: 0, sha256: '0'.repeat(64) } as const;

async function inOlderVersion(
  { header, state }: { readonly header: unknown; readonly state: unknown },
  sections: readonly PlannedSection[],
  version: string,
  { framing = 'text', codec = 'none', allowLoss = false }: EncodeOptions,
): Promise<SessionDocuments> {
  if (framing !== 'text' || codec !== 'none') throw new TypeError(`version: ${version} has the text framing and no codec`);
  const readText = textReader((id) => sections.find(({ entry }) => entry.id === id)?.section ?? null);
  const { documents } = await downgradeDocuments({ header, state } as SessionDocuments, { to: version, allowLoss, readText });
  const older = documents as SessionDocuments;
  assertState(older.state, version);
  return older;
}

/** The second pass: the parts of the blob in their order. @throws PspError `BLOB_SECTION_HASH` when a section is not what it was. */
export async function* writePlan({ rules, head, sections }: BlobPlan): AsyncGenerator<Uint8Array> {
  yield* head;
  for (const { section, entry, stored } of sections) {
    if (stored === null && entry.codec === undefined && section.stream !== undefined) yield* streamAgain(rules, section.stream(), entry);
    else {
      const framed = rules.wrap(stored ?? (await makeAgain(section, entry)));
      if (framed.length !== entry.length) throw changed(entry);
      yield framed;
    }
    const end = entry.offset + entry.length;
    if (rules.nextOffset(end) > end) yield new Uint8Array(rules.nextOffset(end) - end).fill(rules.fill);
  }
}

/** The rules of a framing by its name. */
export function rulesOf(framing: Framing): FramingRules {
  if (framing === 'text') return textFraming;
  if (framing === 'packed') return packedFraming;
  throw new TypeError("framing: expected 'text' or 'packed'");
}

/** Puts a blob's parts in their places. The sections of `header` must be laid out by `rules`. */
export function layOut<Sections extends readonly { readonly entry: SectionEntry }[]>(
  rules: FramingRules,
  header: Uint8Array,
  state: Uint8Array,
  sections: Sections,
): { readonly rules: FramingRules; readonly head: readonly Uint8Array[]; readonly sections: Sections; readonly length: number } {
  const headerEnd = rules.headerStart + header.length;
  const stateStart = rules.stateStart(headerEnd);
  const stateEnd = stateStart + state.length;
  const sectionsStart = rules.sectionsStart(stateEnd);
  const fill = (length: number): Uint8Array => new Uint8Array(length).fill(rules.fill);
  const head = [rules.prefix(header.length), header, fill(stateStart - headerEnd), state, fill(sectionsStart - stateEnd)];
  const last = sections.at(-1)?.entry;
  const length = sectionsStart + (last === undefined ? 0 : rules.nextOffset(last.offset + last.length));
  return { rules, head, sections, length };
}

/** Compact JSON in UTF-8. */
export function encodeJson(document: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(document));
}

/** Where the state refers to a section; the id is filled in when it is known. */
interface Place {
  readonly section: Section;
  readonly kind: string;
  readonly reference: { $section: string };
}

function referToSections(session: Session, textSectionUnits: number): { document: unknown; places: Place[] } {
  const places: Place[] = [];
  const texts = new Map<string, Section>();
  const refer = (section: Section, kind: string): { $section: string } => {
    const reference = { $section: '' };
    places.push({ section, kind, reference });
    return reference;
  };
  const document = toState(session, {
    section: (section, kind) => refer(section, kind ?? kindOf(section)),
    text: (value) => {
      if (value.length < textSectionUnits) return value;
      const section = texts.get(value) ?? textSection(value);
      texts.set(value, section);
      return refer(section, 'text' satisfies SectionKind);
    },
  });
  return { document, places };
}

/** Of a section in a member that is not known. */
function kindOf(section: Section): string {
  return storedKind(section) ?? 'body';
}

/** Reads every section once, stores equal ones once, and lays them out. */
async function measureSections(
  places: readonly Place[],
  rules: FramingRules,
  codec: NonNullable<EncodeOptions['codec']>,
  keep: boolean,
): Promise<PlannedSection[]> {
  const planned: PlannedSection[] = [];
  const idOf = new Map<string, string>();
  const hashes = new Map<Section, string>();
  let offset = 0;
  for (const { section, kind, reference } of places) {
    const { mediaType } = section;
    const identify = (sha256: string): string => JSON.stringify([sha256, kind, mediaType]);
    const known = hashes.get(section);
    const stored = known === undefined ? undefined : idOf.get(identify(known));
    const choose = (): Codec | 'none' => (typeof codec === 'function' ? codec({ kind, mediaType, length: section.length }) : codec);
    // The caller is asked for what is written, and for what might be streamed before it is known whether it is.
    const early = stored === undefined && !keep && section.stream !== undefined ? choose() : null;
    const isStreamed = early === 'none';
    const content = stored === undefined && !isStreamed ? await section.bytes() : null;
    const sha256 = known ?? (content === null ? await hashOf(section) : sha256Hex(content));
    hashes.set(section, sha256);
    const id = stored ?? idOf.get(identify(sha256)) ?? `s${planned.length}`;
    reference.$section = id;
    if (stored !== undefined || idOf.get(identify(sha256)) !== undefined) continue;
    idOf.set(identify(sha256), id);
    const chosen = early ?? choose();
    const compressed = chosen === 'none' || content === null ? null : await compress(content, chosen);
    const rawLength = content === null ? section.length : content.length;
    const length = rules.sectionLength(compressed === null ? rawLength : compressed.length);
    const entry = { id, kind, mediaType, offset, length, rawLength, sha256 };
    planned.push({
      section,
      entry: compressed === null ? entry : { ...entry, codec: chosen },
      stored: keep ? (compressed ?? content) : null,
    });
    offset = rules.nextOffset(offset + length);
  }
  return planned;
}

/** Of a content that is not to be whole in memory. */
async function hashOf({ length, stream }: Section): Promise<string> {
  const hash = startSha256();
  let sum = 0;
  for await (const piece of stream!()) {
    hash.add(piece);
    sum += piece.length;
  }
  if (sum !== length) throw new TypeError(`section: it gives ${sum} bytes, and says that it has ${length}`);
  return hash.hex();
}

/** What stands in the blob, piece by piece: each but the last of whole groups of the framing, so that together they are what the whole would be. */
async function* streamAgain(rules: FramingRules, content: AsyncIterable<Uint8Array>, entry: SectionEntry): AsyncGenerator<Uint8Array> {
  const hash = startSha256();
  let sum = 0;
  let rest: Uint8Array = new Uint8Array(0);
  for await (const piece of content) {
    hash.add(piece);
    sum += piece.length;
    if (sum > entry.rawLength) throw changed(entry);
    const bytes = rest.length === 0 ? piece : concatenate([rest, piece]);
    const whole = bytes.length - (bytes.length % GROUP_BYTES);
    if (whole > 0) yield rules.wrap(bytes.subarray(0, whole));
    rest = bytes.slice(whole);
  }
  if (sum !== entry.rawLength || hash.hex() !== entry.sha256) throw changed(entry);
  if (rest.length > 0) yield rules.wrap(rest);
}

/** Of Base64. */
const GROUP_BYTES = 3;

async function makeAgain(section: Section, entry: SectionEntry): Promise<Uint8Array<ArrayBuffer>> {
  const content = await section.bytes();
  if (content.length !== entry.rawLength || sha256Hex(content) !== entry.sha256) throw changed(entry);
  if (entry.codec === undefined) return content;
  const compressed = await compress(content, entry.codec as Exclude<Codec, 'none'>);
  if (compressed === null) throw changed(entry);
  return compressed;
}

function changed({ id }: SectionEntry): Error {
  return blobError('BLOB_SECTION_HASH', `section ${id} changed while the blob was written`, { section: id });
}
