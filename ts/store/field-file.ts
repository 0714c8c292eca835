/**
 * A sealed session as text that can be reviewed: names, domains, expiry and structure readable, every secret sealed by itself, and a manifest that
 * authenticates all of it. Sealed again over its previous text, a file keeps its id, its data key and every value that did not change, so its
 * history in git shows which entries changed, and not to what. The bytes are in `../envelope/field-layout.md`.
 */
import { checkRevision, checkRollback } from '../envelope/attributes.ts';
import type { SealContext } from '../envelope/context.ts';
import {
  createFieldCipher,
  type FieldCipher,
  MAX_PAD_BYTES,
  type OpenedFieldFile,
  openFieldCipher,
  sealedFieldBytes,
} from '../envelope/field.ts';
import { type FieldFrame, fieldText, MAX_FIELD_FILE_BYTES, parseFieldText, readFieldFile, writeFieldFile } from '../envelope/field-text.ts';
import type { OpenOptions } from '../envelope/open.ts';
import { SALT_BYTES } from '../envelope/payload.ts';
import { type RandomBytes, systemRandom } from '../envelope/random.ts';
import { type KeySource, listKeys } from '../envelope/wrap.ts';
import { PspError } from '../errors.ts';
import { parseJson } from '../session/json.ts';
import type { Session } from '../session/session.ts';
import { type FieldDocuments, fromFields, isSealedLeaf, leavesOf, type OpenLeaf, type SealedLeaf, toFields } from './field-document.ts';
import { breakLines } from './field-lines.ts';

/** How a file of sealed fields is written. */
export interface SealFieldsOptions {
  /**
   * The file that this one takes the place of, for the same context; one of `keys` must open it. What did not change keeps its bytes: the id, the data
   * key, the wraps of `keys`, and every value whose place and content are the same. Absent: everything is new.
   */
  readonly previous?: Uint8Array;
  /** The length of every sealed value is hidden up to the next multiple of so many bytes, 1 to 65,536. By default 1: lengths show to the byte. */
  readonly padTo?: number;
}

/** What a file held, and with which key it was opened. */
export interface OpenedFields {
  readonly session: Session;
  /** Of the key that opened it, as it stands in the file. */
  readonly kid: string;
}

/**
 * `session` as a text file in which every secret is sealed and the rest can be read and is authenticated; any one of `keys` (1 to 8) opens it, given
 * the same `context`. Which members are secret is said in `field-layout.md`. Anyone can read names, domains, paths, times, and the length of
 * every value. Holds all of the session in memory; O(size).
 *
 * Without `previous` the same session gives another file each time. With it a key that was taken away keeps what it could read: it knows the
 * data key. Against that only a file without `previous` helps.
 *
 * @throws TypeError, RangeError for wrong arguments; PspError
 * - `SESSION_INVALID` for what no document can hold, and what a section's `bytes()` rejects with;
 * - as {@link openFields} for `previous`, up to the values, and as `seal` for `keys`;
 * - `ENVELOPE_LIMIT` for a file of more than 256 MiB.
 */
export async function sealFields(
  session: Session,
  keys: KeySource | readonly KeySource[],
  context: SealContext = {},
  options: SealFieldsOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  return sealFieldsWith(systemRandom, session, keys, context, options);
}

/**
 * {@link sealFields} with given randomness. Not public. Draws, where there is no previous file: data key 32, file id 16, what the wraps draw; then for each
 * value that is sealed anew, in the order of the document: salt 24.
 */
export async function sealFieldsWith(
  random: RandomBytes,
  session: Session,
  keys: KeySource | readonly KeySource[],
  context: SealContext,
  { previous, padTo = 1 }: SealFieldsOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  if (!Number.isInteger(padTo) || padTo < 1 || padTo > MAX_PAD_BYTES) {
    throw new RangeError(`padTo: expected an integer from 1 to ${MAX_PAD_BYTES}, got ${padTo}`);
  }
  const list = listKeys(keys);
  const fields = toFields(session);
  const before = previous === undefined ? null : await openFile(previous, list, context);
  const cipher = before?.cipher ?? (await createFieldCipher(list, context, random));
  try {
    const header = before === null ? cipher.header : await cipher.headerFor(list, random);
    await sealLeaves(fields.leaves, cipher, before?.leaves ?? new Map(), padTo, random);
    return await writeFieldFile(cipher, header, encodeDocuments(fields));
  } finally {
    cipher.wipe();
  }
}

/**
 * The session that was sealed for one of `keys` and for `context`. All of it is read and held in memory: no section of it is lazy.
 *
 * TypeError and RangeError for wrong arguments. Otherwise it fails with exactly one code, the first in this order:
 * 1. `ENVELOPE_NOT_SEALED`, `ENVELOPE_LIMIT`, `ENVELOPE_TRUNCATED`, `ENVELOPE_UNSUPPORTED_VERSION`, `ENVELOPE_MALFORMED`: no such file, or a header or manifest
 *    line that no writer writes. Nothing is authentic yet, so `ENVELOPE_TRUNCATED` is a hint;
 * 2. `KEY_UNKNOWN`, `KEY_WRONG` and the other codes of keys, as `open` (of sealed blobs) has them;
 * 3. `ENVELOPE_TAMPERED`: a wrap or the manifest is not authentic: something was changed, added, taken away or moved, be it a line end;
 * 4. `ENVELOPE_CONTEXT`: authentic, but sealed for another tenant or session;
 * 5. of an authentic file that another writer wrote: `ENVELOPE_MALFORMED`, `ENVELOPE_LIMIT` for its JSON, `ENVELOPE_TAMPERED` for a value that does not
 *    belong to its place, `SESSION_UNSUPPORTED_VERSION`, `SESSION_INVALID`;
 * 6. `ENVELOPE_ROLLBACK`: authentic, but of a lower revision than `minRevision`.
 *
 * Without `minRevision` an older file of the same context opens like a newer one. The revision is the session's own.
 */
export async function openFields(
  file: Uint8Array,
  keys: KeySource | readonly KeySource[],
  context: SealContext = {},
  options: OpenOptions = {},
): Promise<Session> {
  return (await openSealedFields(file, keys, context, options)).session;
}

/** {@link openFields}, with the key that opened it. */
export async function openSealedFields(
  file: Uint8Array,
  keys: KeySource | readonly KeySource[],
  context: SealContext = {},
  { minRevision }: OpenOptions = {},
): Promise<OpenedFields> {
  if (minRevision !== undefined) checkRevision('minRevision', minRevision);
  const { cipher, kid, documents, leaves } = await openFile(file, listKeys(keys), context);
  try {
    const opened = new Map<SealedLeaf, Uint8Array<ArrayBuffer>>();
    for (const [place, leaf] of leaves) opened.set(leaf, await openLeaf(cipher, place, leaf));
    const session = fromFields(documents, opened);
    checkRollback(session, minRevision);
    return { session, kid };
  } finally {
    cipher.wipe();
  }
}

/**
 * `file` for `newKeys` instead of its keys: new wraps and a new manifest, and every other line as it is. Fails as {@link openFields} in its steps 1 to 4
 * (the context is checked only when it is given), and as `seal` for `newKeys`. It does not help against someone who had an old key and kept the
 * old file, which a history does: then open it and seal it without `previous`.
 */
export async function rewrapFields(
  file: Uint8Array,
  keys: KeySource | readonly KeySource[],
  newKeys: KeySource | readonly KeySource[],
  context?: SealContext,
): Promise<Uint8Array<ArrayBuffer>> {
  const newList = listKeys(newKeys);
  const frame = readFieldFile(file);
  const { cipher } = await openFieldCipher(listKeys(keys), context ?? null, frame);
  try {
    return await writeFieldFile(cipher, await cipher.headerFor(newList, systemRandom), frame.lines);
  } finally {
    cipher.wipe();
  }
}

/** The documents of a file, parsed strictly. They are as authentic as the frame is. @throws PspError `ENVELOPE_MALFORMED`, `ENVELOPE_LIMIT` */
export function parseDocuments(file: Uint8Array): FieldDocuments {
  const { value, issues } = parseJson(file, { maxBytes: MAX_FIELD_FILE_BYTES });
  const error = issues.find(({ severity }) => severity === 'error');
  if (error !== undefined) {
    const code = LIMITS.has(error.code) ? 'ENVELOPE_LIMIT' : 'ENVELOPE_MALFORMED';
    throw new PspError(code, `sealed fields: the file ${error.message}`, { details: { rule: error.code } });
  }
  const { session, state } = value as Partial<FieldDocuments>;
  const isForm = isObject(session) && isObject(state) && Object.keys(value as object).join() === 'pspf,session,state,manifest';
  if (!isForm) throw new PspError('ENVELOPE_MALFORMED', 'sealed fields: expected the members pspf, session, state and manifest');
  return { session, state };
}

const LIMITS: ReadonlySet<string> = new Set(['too-deep', 'too-large', 'too-many-items']);

interface OpenFile extends OpenedFieldFile {
  readonly documents: FieldDocuments;
  readonly leaves: ReadonlyMap<string, SealedLeaf>;
}

/** Whoever gets the result has to wipe its cipher. */
async function openFile(file: Uint8Array, keys: readonly KeySource[], context: SealContext): Promise<OpenFile> {
  const frame: FieldFrame = readFieldFile(file);
  const { cipher, kid } = await openFieldCipher(keys, context, frame);
  try {
    const documents = parseDocuments(file);
    return { cipher, kid, documents, leaves: leavesOf(documents) };
  } catch (error) {
    cipher.wipe();
    throw error;
  }
}

/** Fills in the leaves. What `before` has of the same content, for the same place, is taken as it stands. */
async function sealLeaves(
  leaves: readonly OpenLeaf[],
  cipher: FieldCipher,
  before: ReadonlyMap<string, SealedLeaf>,
  padTo: number,
  random: RandomBytes,
): Promise<void> {
  let characters = 0;
  for (const { place, leaf, atLeastBytes, content } of leaves) {
    expectFits(characters + textLength(sealedFieldBytes(atLeastBytes, padTo))); // before it is read
    const value = await content();
    const sealedBytes = sealedFieldBytes(value.length, padTo);
    characters += textLength(sealedBytes);
    expectFits(characters);
    const kept = before.get(place);
    leaf.$sealed =
      kept !== undefined && (await holds(cipher, place, kept, value, sealedBytes))
        ? kept.$sealed
        : fieldText(await cipher.seal(encodePlace(place), value, padTo, random(SALT_BYTES)));
  }
}

/** Whether a leaf holds `value`, padded as it would be now. */
async function holds(cipher: FieldCipher, place: string, leaf: SealedLeaf, value: Uint8Array, sealedBytes: number): Promise<boolean> {
  // Of another length, or padded otherwise: it need not be opened.
  if (parseFieldText(leaf.$sealed)?.length !== sealedBytes) return false;
  const earlier = await openLeaf(cipher, place, leaf);
  const isSame = earlier.length === value.length && earlier.every((byte, at) => byte === value[at]);
  earlier.fill(0);
  return isSame;
}

async function openLeaf(cipher: FieldCipher, place: string, { $sealed }: SealedLeaf): Promise<Uint8Array<ArrayBuffer>> {
  const sealed = parseFieldText($sealed);
  const value = sealed === null ? null : await cipher.open(encodePlace(place), sealed);
  if (value !== null) return value;
  throw new PspError('ENVELOPE_TAMPERED', 'sealed fields: a value does not belong to its place', { details: { part: partOf(place) } });
}

/** Names may be long, and are other people's text: the kind of the entry has to do. */
function partOf(place: string): string {
  return (JSON.parse(place) as string[]).slice(0, 2).join('/');
}

/** Characters of so many bytes in Base64. */
function textLength(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

function expectFits(characters: number): void {
  if (characters <= MAX_FIELD_FILE_BYTES) return;
  throw new PspError('ENVELOPE_LIMIT', `file length: expected at most ${MAX_FIELD_FILE_BYTES}, and the sealed values alone are longer`, {
    details: { limit: MAX_FIELD_FILE_BYTES, found: characters },
  });
}

function encodePlace(place: string): Uint8Array {
  return new TextEncoder().encode(place);
}

function encodeDocuments({ session, state }: FieldDocuments): Uint8Array {
  const lines = { session, state };
  const text = Object.entries(lines).map(([name, document]) => `"${name}":${breakLines(document, isSealedLeaf, 0)},\n`);
  return new TextEncoder().encode(text.join(''));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
