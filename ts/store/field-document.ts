/**
 * Session <-> the two documents of a file of sealed fields, with a leaf in the place of every secret. Nothing is encrypted here: leaves come out
 * with what they are to hold, and go in with what they were opened to.
 */
import { TEXT_SECTION_UNITS } from '../blob/encode.ts';
import { textSection } from '../blob/section.ts';
import { PspError } from '../errors.ts';
import { fromDocuments, type HeaderDocument, type SectionReference, type StateDocument, toHeader, toState } from '../session/document.ts';
import { parseJson } from '../session/json.ts';
import { SCHEMA_VERSION, type Section, type Session, section, TEXT_MEDIA_TYPE, textOf } from '../session/session.ts';
import { assertHeader, assertState } from '../session/validate.ts';
import { isSameMajor, unsupported } from '../session/version.ts';
import { type FieldPart, type FieldVisitor, mapFields, type Place, readablePart, type SecretRole } from './field-walk.ts';

/** A sealed value as it stands in a document. */
export interface SealedLeaf {
  /** Of a section, whose content the value is. Absent: the value is the JSON of a string, number or boolean. */
  readonly mediaType?: string;
  /** The front of a URL that stays readable; the value is the rest. */
  readonly clear?: string;
  /** Base64 of the sealed value. */
  $sealed: string;
}

/** A leaf that has its place and no ciphertext yet: whoever seals `content()` puts it into `leaf.$sealed`. */
export interface OpenLeaf {
  readonly place: string;
  readonly leaf: SealedLeaf;
  /** No more than `content()` will have. */
  readonly atLeastBytes: number;
  content(): Promise<Uint8Array>;
}

/** The documents of a file. */
export interface FieldDocuments {
  readonly session: object;
  readonly state: object;
}

/** What the schema asks for in a header and a file of sealed fields does not have: there is no table of sections. */
const NO_STATE = { length: 0, sha256: '0'.repeat(64) } as const;

/**
 * The documents of `session`, and their leaves in the order in which they stand. Reads no section.
 *
 * @throws PspError `SESSION_INVALID` with the pointer of what the schema refuses.
 */
export function toFields(from: Session): FieldDocuments & { readonly leaves: readonly OpenLeaf[] } {
  const references = new Map<object, { readonly section: Section; readonly isText: boolean }>();
  const refer = (found: Section, isText: boolean): SectionReference => {
    const reference = { $section: `s${references.size}` };
    references.set(reference, { section: found, isText });
    return reference;
  };
  const header = toHeader(from, NO_STATE, []);
  const state = toState(from, {
    section: (found, kind) => refer(found, kind === 'text' && isShortText(found)),
    text: (value) => (value.length < TEXT_SECTION_UNITS ? value : refer(textSection(value), false)),
  });
  assertHeader(header);
  assertState(state);
  const { state: _state, sections: _sections, ...members } = header;
  const leaves: OpenLeaf[] = [];
  const add = (place: Place, leaf: SealedLeaf, atLeastBytes: number, content: () => Promise<Uint8Array>): SealedLeaf => {
    leaves.push({ place: JSON.stringify(place), leaf, atLeastBytes, content });
    return leaf;
  };
  const visitor: FieldVisitor = {
    isLeaf: (value) => references.has(value),
    leaf(reference, _role, place) {
      const { section: found, isText } = references.get(reference) as { section: Section; isText: boolean };
      if (isText) return add(place, { $sealed: '' }, found.length / 2, async () => encodeValue(await textOf(found)));
      return add(place, { mediaType: found.mediaType, $sealed: '' }, found.length, () => found.bytes());
    },
    secret(value, role, place) {
      const front = role === 'value' ? {} : { clear: readablePart(String(value), role) };
      const rest = role === 'value' ? value : String(value).slice(front.clear?.length);
      return add(place, { ...front, $sealed: '' }, String(rest).length, async () => encodeValue(rest));
    },
  };
  return { session: mapPart('session', members, visitor), state: mapPart('state', state, visitor), leaves };
}

/**
 * The leaves of `documents` by their places, in order.
 *
 * @throws PspError `ENVELOPE_MALFORMED` for a leaf that no writer writes.
 */
export function leavesOf(documents: FieldDocuments): ReadonlyMap<string, SealedLeaf> {
  const leaves = new Map<string, SealedLeaf>();
  const visitor = reading((leaf, place) => {
    leaves.set(JSON.stringify(place), checkLeaf(leaf));
    return leaf;
  });
  mapPart('session', documents.session, visitor);
  mapPart('state', documents.state, visitor);
  return leaves;
}

/**
 * The Session of `documents` with what each leaf was opened to. Its sections hold those arrays.
 *
 * @throws PspError `ENVELOPE_MALFORMED` for a value that no writer seals; `SESSION_UNSUPPORTED_VERSION` for documents of another major version;
 * `SESSION_INVALID` for what the schema refuses.
 */
export function fromFields(documents: FieldDocuments, opened: ReadonlyMap<SealedLeaf, Uint8Array<ArrayBuffer>>): Session {
  const sections = new Map<string, Section>();
  const visitor = reading((leaf) => {
    const bytes = opened.get(leaf) as Uint8Array<ArrayBuffer>;
    if (leaf.mediaType === undefined) return readValue(leaf, bytes);
    const id = `s${sections.size}`;
    sections.set(id, section(bytes, leaf.mediaType));
    return { $section: id };
  });
  const members = mapPart('session', documents.session, visitor);
  const state = mapPart('state', documents.state, visitor);
  const header = { ...members, state: NO_STATE, sections: [] } as unknown as HeaderDocument;
  assertHeader(header);
  if (!isSameMajor(header.psp, SCHEMA_VERSION)) throw unsupported(header.psp, [SCHEMA_VERSION]);
  assertState(state, header.psp);
  return fromDocuments(header, state as StateDocument, ({ $section }) => {
    const found = sections.get($section);
    if (found === undefined) throw malformed('a reference has no section');
    return found;
  });
}

/** Whether an object is a sealed value. No other object of a document has such a member: what is not known is sealed. */
export function isSealedLeaf(value: object): value is SealedLeaf {
  return typeof (value as Partial<SealedLeaf>).$sealed === 'string';
}

function mapPart(part: FieldPart, document: object, visitor: FieldVisitor): object {
  return mapFields(part, document, visitor) as object;
}

function reading(leaf: (leaf: SealedLeaf, place: Place) => unknown): FieldVisitor {
  return {
    isLeaf: isSealedLeaf,
    leaf: (value: object, _role: SecretRole, place) => leaf(value as SealedLeaf, place),
    // What a writer left readable is taken as it is: the manifest says that a holder of the key wrote it.
    secret: (value) => value,
  };
}

function checkLeaf(leaf: SealedLeaf): SealedLeaf {
  const { mediaType, clear } = leaf;
  const members = [mediaType, clear, leaf.$sealed].filter((member) => member !== undefined);
  const isForm = members.every((member) => typeof member === 'string') && members.length === Object.keys(leaf).length;
  if (!isForm || (mediaType !== undefined && clear !== undefined))
    throw malformed('a sealed value has another form than a writer gives it');
  return leaf;
}

/** One form for one text, whether it was captured as a string or read from a blob: by its length, as a blob has it. */
function isShortText({ mediaType, length }: Section): boolean {
  return mediaType === TEXT_MEDIA_TYPE && length % 2 === 0 && length / 2 < TEXT_SECTION_UNITS;
}

function encodeValue(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function readValue({ clear }: SealedLeaf, bytes: Uint8Array): unknown {
  const { value, issues } = parseJson(bytes);
  const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  if (!isScalar || issues.some(({ severity }) => severity === 'error')) throw malformed('a sealed value is no value');
  if (clear === undefined) return value;
  if (typeof value !== 'string') throw malformed('a sealed part of a URL is no text');
  return clear + value;
}

function malformed(message: string): PspError {
  return new PspError('ENVELOPE_MALFORMED', `sealed fields: ${message}`);
}
