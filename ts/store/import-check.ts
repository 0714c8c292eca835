/**
 * The look at one item before it is stored: what it is, whose it is, and whether it is whole, as far as the wanted level goes. A clear blob is read
 * once; a sealed one is opened at the level `full` only. Nothing is written here, and a damaged item is an error of that item.
 *
 *              clear blob                                                     sealed blob
 *     header   the header by its schema, the length of every part             the header's form and every length; nothing is authentic
 *     hashes   also the hash of the state and of every section                also the integrity tag, by the MAC key
 *     full     also the state by its schema and by the rules beyond it        opened by the store's keys, and then as a clear blob
 */

import { convertBlob } from '../blob/convert.ts';
import { decodeSession, type Frame, readFrame, readStored, resolveFrom } from '../blob/decode.ts';
import { encodeJson, encodeSession, layOut } from '../blob/encode.ts';
import { readState } from '../blob/hashed.ts';
import { readDocuments } from '../blob/header.ts';
import { lazySection, MAX_SECTION_BYTES } from '../blob/section.ts';
import { encodeContext, type SealContext } from '../envelope/context.ts';
import { parseHeader } from '../envelope/header.ts';
import { verifyIntegrity } from '../envelope/integrity.ts';
import type { MacKey } from '../envelope/key.ts';
import { openSealed } from '../envelope/open.ts';
import { expectWhole } from '../envelope/verify.ts';
import type { KeySource } from '../envelope/wrap.ts';
import { PspError } from '../errors.ts';
import { concatenate } from '../session/bytes.ts';
import { assertSession } from '../session/check.ts';
import { fromDocuments, type HeaderDocument, type StateDocument } from '../session/document.ts';
import { explainIssues } from '../session/issue.ts';
import { SCHEMA_VERSION, type Section } from '../session/session.ts';
import { STORE_SKEW_MS, storeExpiry } from '../session/store-ttl.ts';
import { LATEST_TIME, parseTime } from '../session/time.ts';
import { validateMeaning } from '../session/validate.ts';
import { isSealed } from './record.ts';

/** How much is known of an item before it is stored; the table above says what each level finds. */
export type VerifyLevel = 'header' | 'hashes' | 'full';

/** What a store keeps beside a session. */
export interface SessionFacts {
  readonly incarnation: string;
  readonly revision: number;
  /** When the store may delete it, milliseconds since the epoch: never earlier than the last entry that lives; null: it may not. */
  readonly expiresAt: number | null;
}

/** What is said of a blob beside it. */
export interface ItemClaims {
  /** Of the session. A sealed blob needs it, since what it was sealed for has to be known (or `context`); a clear one says it itself, and must not say another. */
  readonly id?: string;
  /** What the store said that it comes from. A sealed blob that is not opened needs it; whoever reads the session proves it. */
  readonly facts?: SessionFacts;
  /** The integrity tag of the bytes, for the context of the item. A clear item that has one is held against it, too, from the level `hashes` on. */
  readonly tag?: Uint8Array;
  /** For whom and what it was sealed and tagged, where that is not the context of the store and the id: `{}` for a loose file. */
  readonly context?: SealContext;
}

/** One blob that somebody has, and what has to be known beside it. */
export interface ImportItem extends ItemClaims {
  /** For results, progress and the checkpoint: a file name, or whatever the source calls it. */
  readonly name: string;
  /**
   * A blob in either framing, clear or sealed, or what reads it when its turn has come: a read that fails is a failure of this item only. The bytes
   * must not change before the result is there.
   */
  readonly bytes: Uint8Array | (() => Uint8Array | Promise<Uint8Array>);
}

/** What items are held against. */
export interface CheckOptions {
  readonly level: VerifyLevel;
  /** Of the store; null: it keeps clear blobs only. */
  readonly keys: KeySource | readonly KeySource[] | null;
  readonly macKeys: MacKey | readonly MacKey[] | null;
  /** The context of the store for the session of this id. */
  readonly contextOf: (id: string) => SealContext;
}

/** An item that was found good, as far as it was looked at. */
export interface CheckedItem {
  readonly id: string;
  readonly facts: SessionFacts;
  /** What tells this blob from every other: its header, which has the hashes of all the rest, or is random. */
  readonly identity: Uint8Array;
  /** What is stored: the blob in the framing of the store, to be sealed where the store has keys; or bytes that are sealed for it already. */
  readonly blob: Uint8Array;
  readonly isSealed: boolean;
  /** Of the documents in a clear blob, `<major>.<minor>`; null for a sealed one. */
  readonly schemaVersion: string | null;
}

const LEVELS: readonly VerifyLevel[] = ['header', 'hashes', 'full'];

/** TypeError for anything that is no level. */
export function checkLevel(level: VerifyLevel): void {
  if (!LEVELS.includes(level)) throw new TypeError(`verify: expected ${LEVELS.join(', ')}`);
}

/**
 * Looks at `bytes`, those of `item`. Fails with the codes of `decodeSession`, of a section's `bytes()`, of {@link openSealed} and of
 * {@link verifyIntegrity}; besides
 *
 * - `SESSION_INVALID`: by the schema, or (`full`) by a rule beyond it;
 * - `STORE_MALFORMED`: a sealed item without its id, or, where it is not opened, without its facts or the tag that is to be verified; an id or facts that
 *   the session or its seal says otherwise;
 * - `KEY_MISSING`: a sealed item for a store without keys, or no MAC key;
 * - `ENVELOPE_CONTEXT`: sealed for another context, and not to be opened.
 */
export async function checkItem(bytes: Uint8Array, item: ItemClaims, options: CheckOptions): Promise<CheckedItem> {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('bytes: expected a Uint8Array');
  return isSealed(bytes) ? checkSealed(bytes, item, options) : checkClear(bytes, item, options);
}

/** The clear blob of an item that {@link checkItem} found good at the level `full`. Errors of {@link openSealed}. */
export async function openItem(bytes: Uint8Array, item: ItemClaims, checked: CheckedItem, options: CheckOptions): Promise<Uint8Array> {
  if (!checked.isSealed) return checked.blob;
  return (await openSealed(bytes, options.keys!, item.context ?? options.contextOf(checked.id))).plaintext;
}

/** A clear blob with another revision in its header. Whatever else it says stays. */
export function withRevision(blob: Uint8Array, revision: number): { readonly blob: Uint8Array; readonly schemaVersion: string } {
  const { rules, header, stateStart, stateEnd, sectionsStart } = readFrame(blob);
  // Offsets of sections count from the first of them, so the rest of the blob can stay as it is.
  const { head } = layOut(rules, encodeJson({ ...header, revision }), blob.subarray(stateStart, stateEnd), []);
  return { blob: concatenate([...head, blob.subarray(sectionsStart)]), schemaVersion: header.psp };
}

async function checkClear(bytes: Uint8Array, item: ItemClaims, { level, macKeys, contextOf }: CheckOptions): Promise<CheckedItem> {
  const { tag, facts: said } = item;
  const frame = readFrame(bytes);
  const { id } = frame.header;
  expectSame('id', item.id, id);
  expectFacts(said, frame.header);
  if (tag !== undefined && macKeys !== null && level !== 'header')
    await verifyIntegrity(bytes, tag, macKeys, item.context ?? contextOf(id));
  return { id, identity: bytes.subarray(0, frame.headerEnd), ...(await checkBlob(bytes, frame, level)), isSealed: false };
}

async function checkSealed(bytes: Uint8Array, item: ItemClaims, options: CheckOptions): Promise<CheckedItem> {
  const { tag, facts: said, id: saidId } = item;
  const { level, keys, macKeys } = options;
  const header = parseHeader(bytes);
  expectWhole(header, bytes.length - header.headerBytes);
  const identity = bytes.subarray(0, header.headerBytes);
  if (keys === null) throw new PspError('KEY_MISSING', 'a sealed item cannot be read by a store without keys');
  const context = item.context ?? (saidId === undefined ? undefined : options.contextOf(saidId));
  if (context === undefined) throw new PspError('STORE_MALFORMED', 'a sealed item needs the id of its session, which it was sealed for');
  if (level !== 'full') {
    if (saidId === undefined || said === undefined) {
      throw new PspError('STORE_MALFORMED', "a sealed item needs its id and its facts: verify 'full' opens it and finds them");
    }
    if (item.context !== undefined && !isSameContext(context, options.contextOf(saidId))) {
      throw new PspError('ENVELOPE_CONTEXT', "the item is sealed for another context: verify 'full' opens it and seals it anew");
    }
    if (level === 'hashes') await verifyTag(bytes, tag, macKeys, context);
    return { id: saidId, facts: said, identity, blob: bytes, isSealed: true, schemaVersion: null };
  }
  if (tag !== undefined && macKeys !== null) await verifyIntegrity(bytes, tag, macKeys, context);
  const { plaintext, attributes } = await openSealed(bytes, keys, context);
  const frame = readFrame(plaintext);
  const { id } = frame.header;
  expectSame('id', saidId, id);
  expectFacts(said, frame.header);
  expectFacts(attributes, frame.header);
  const checked = await checkBlob(plaintext, frame, level);
  const isComplete = attributes.incarnation !== undefined && attributes.revision !== undefined;
  const isOwn = item.context === undefined || isSameContext(context, options.contextOf(id));
  if (!isComplete || checked.blob !== plaintext || !isOwn) {
    return { id, identity, ...checked, isSealed: false };
  }
  // The sealed bytes are stored, and the clear ones are of no more use.
  plaintext.fill(0);
  return { id, facts: checked.facts, identity, blob: bytes, isSealed: true, schemaVersion: null };
}

async function verifyTag(
  bytes: Uint8Array,
  tag: Uint8Array | undefined,
  macKeys: MacKey | readonly MacKey[] | null,
  context: SealContext,
): Promise<void> {
  if (macKeys === null) throw new PspError('KEY_MISSING', "verify 'hashes' of a sealed item needs a MAC key");
  if (tag === undefined) throw new PspError('STORE_MALFORMED', "verify 'hashes' of a sealed item needs its integrity tag");
  await verifyIntegrity(bytes, tag, macKeys, context);
}

type CheckedBlob = Pick<CheckedItem, 'blob' | 'facts' | 'schemaVersion'>;

/** The blob as it is stored, and what the store keeps beside it. */
async function checkBlob(bytes: Uint8Array, frame: Frame, level: VerifyLevel): Promise<CheckedBlob> {
  const older = isOlder(frame.header);
  if (level === 'full' && older) return upgradeBlob(bytes);
  const facts = level === 'full' ? await checkWhole(bytes, frame) : await checkParts(bytes, frame, level);
  // An older version has the text framing only, and stays as it is where its documents are not read.
  const blob = older || frame.rules.name === 'packed' ? bytes : await convertBlob(bytes, 'packed');
  return { blob, facts, schemaVersion: frame.header.psp };
}

async function checkParts(bytes: Uint8Array, frame: Frame, level: VerifyLevel): Promise<SessionFacts> {
  const { header } = frame;
  if (level === 'hashes') {
    readState(bytes, frame);
    await checkSections(sectionsIn(bytes, frame));
  }
  // Nothing outlives the session, so its own expiry is never too early.
  const expiresAt = header.expiresAt === undefined ? null : parseTime(header.expiresAt);
  return factsOf(header, expiresAt === null || expiresAt + STORE_SKEW_MS > LATEST_TIME ? null : expiresAt + STORE_SKEW_MS);
}

async function checkWhole(bytes: Uint8Array, frame: Frame): Promise<SessionFacts> {
  const { header, state } = await readDocuments(frame.header, bytes.subarray(frame.stateStart, frame.stateEnd));
  const errors = validateMeaning(header, state).filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first !== undefined) {
    const { pointer, code, stage } = first;
    throw new PspError(
      'SESSION_INVALID',
      `session: ${explainIssues([first])}${errors.length > 1 ? `; and ${errors.length - 1} more` : ''}`,
      {
        details: { pointer, rule: code, stage, errors: errors.length },
      },
    );
  }
  const sections = sectionsIn(bytes, frame);
  await checkSections(sections);
  const expiresAt = neverExpires(header, state) ? null : storeExpiry(fromDocuments(header, state, resolveFrom(frame.header, sections)));
  return factsOf(header, expiresAt);
}

/** A session of an older version is stored as the newest: its documents change, so it is encoded anew. */
async function upgradeBlob(bytes: Uint8Array): Promise<CheckedBlob> {
  const session = await decodeSession(bytes);
  await assertSession(session);
  const blob = await encodeSession(session, { framing: 'packed' });
  return { blob, facts: factsOf(session, storeExpiry(session)), schemaVersion: SCHEMA_VERSION };
}

function factsOf({ incarnation, revision }: Pick<SessionFacts, 'incarnation' | 'revision'>, expiresAt: number | null): SessionFacts {
  return { incarnation, revision, expiresAt };
}

/**
 * True where one entry shows that the session never expires: then nobody has to look at all of them. An entry of localStorage, or a session cookie,
 * ends with a rule or with the session, and there is neither.
 */
function neverExpires({ expiresAt }: HeaderDocument, { ttl, cookies, storage }: StateDocument): boolean {
  if (expiresAt !== undefined || (ttl !== undefined && ttl.length > 0)) return false;
  return (
    cookies.some((cookie) => cookie.expiresAt === null) ||
    storage.some(({ bucketPolicy, localStorage }) => bucketPolicy === undefined && localStorage.length > 0)
  );
}

function sectionsIn(bytes: Uint8Array, frame: Frame): Section[] {
  return frame.header.sections.map((entry) => lazySection(entry, MAX_SECTION_BYTES, () => readStored(bytes, frame, entry)));
}

async function checkSections(sections: readonly Section[]): Promise<void> {
  for (const section of sections) await section.bytes();
}

function isOlder({ psp }: HeaderDocument): boolean {
  return psp.split('.')[0] !== SCHEMA_VERSION.split('.')[0];
}

function isSameContext(a: SealContext, b: SealContext): boolean {
  const [one, other] = [encodeContext(a), encodeContext(b)];
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

function expectFacts(said: Partial<Pick<SessionFacts, 'incarnation' | 'revision'>> | undefined, own: HeaderDocument): void {
  expectSame('incarnation', said?.incarnation, own.incarnation);
  expectSame('revision', said?.revision, own.revision);
}

/** What is said of a session beside it must be what it says itself. */
function expectSame(what: 'id' | 'incarnation' | 'revision', said: string | number | undefined, own: string | number): void {
  if (said === undefined || said === own) return;
  throw new PspError('STORE_MALFORMED', `${what}: the session itself says another than what is said of it`, { details: { what } });
}
