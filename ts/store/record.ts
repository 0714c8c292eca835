/**
 * A session as the record of a store, and back: encoded in the packed framing, sealed for the store's keys under its tenant and the session's id,
 * with incarnation, revision and schema version authenticated beside it. What was opened is the truth; metadata that says otherwise is refused.
 */

import { decodeSession } from '../blob/decode.ts';
import { type EncodeOptions, encodeSession } from '../blob/encode.ts';
import { checkRollback, type SealedAttributes } from '../envelope/attributes.ts';
import type { SealContext } from '../envelope/context.ts';
import { openSealed } from '../envelope/open.ts';
import { seal } from '../envelope/seal.ts';
import type { KeySource } from '../envelope/wrap.ts';
import { PspError } from '../errors.ts';
import { SCHEMA_VERSION, type Session } from '../session/session.ts';
import { storeExpiry } from '../session/store-ttl.ts';
import { malformed, type RecordFacts } from './record-facts.ts';

/** For whom the records of a store are sealed. */
export interface RecordSeal {
  /** Null: not at all. */
  readonly keys: readonly KeySource[] | null;
  readonly tenant: string | undefined;
}

/** The value of a record. */
export interface RecordContent {
  readonly value: Uint8Array;
  readonly expiresAt: number | null;
}

/** What is opened and decoded. */
export interface RecordSession {
  readonly session: Session;
  /** As the seal says it, empty for a record in the clear. */
  readonly attributes: SealedAttributes;
}

/** Another schema version than the newest, for readers that know no newer one. */
export type VersionOptions = Pick<EncodeOptions, 'version' | 'allowLoss'>;

const SEALED_MAGIC = [0x50, 0x53, 0x50, 0x45]; // "PSPE"

/** Whether these are the bytes of a sealed blob, or begin like one. */
export function isSealed(bytes: Uint8Array): boolean {
  return SEALED_MAGIC.every((byte, at) => bytes[at] === byte);
}

/** The context of the session's record. */
export function contextFor({ tenant }: RecordSeal, id: string): SealContext {
  return { ...(tenant === undefined ? {} : { tenant }), sessionId: id };
}

/** The record of `session`, whose revision is the one to be stored. Errors of `encodeSession` and `seal`. */
export async function encodeRecord(to: RecordSeal, session: Session, { version, allowLoss }: VersionOptions = {}): Promise<RecordContent> {
  const schemaVersion = version ?? SCHEMA_VERSION;
  // Version 1.0 has the text framing only.
  const framing = schemaVersion.startsWith('1.') ? 'text' : 'packed';
  const blob = await encodeSession(session, { framing, version: schemaVersion, ...(allowLoss === undefined ? {} : { allowLoss }) });
  return { value: await sealBlob(to, blob, { ...session, schemaVersion }), expiresAt: storeExpiry(session) };
}

/** The value of a record out of the blob of a session, of which the caller knows these members. A clear one is the blob itself. */
export async function sealBlob(
  to: RecordSeal,
  blob: Uint8Array,
  { id, incarnation, revision, schemaVersion }: Pick<Session, 'id' | 'incarnation' | 'revision'> & { readonly schemaVersion: string },
): Promise<Uint8Array> {
  if (to.keys === null) return blob;
  return seal(blob, to.keys, contextFor(to, id), { attributes: { incarnation, revision, schemaVersion } });
}

/**
 * The session in the value of the record of `id`, proven to be what `facts` say. Errors of `open` and `decodeSession`; `KEY_MISSING`: it is sealed, and the
 * store has no keys; `ENVELOPE_NOT_SEALED`: the other way round; `STORE_MALFORMED`: another session than the metadata says, or than `id`.
 */
export async function decodeRecord(
  from: RecordSeal,
  id: string,
  value: Uint8Array,
  facts: RecordFacts,
  minRevision?: number,
): Promise<RecordSession> {
  const opened = await openRecord(from, id, value);
  const session = await decodeSession(opened.plaintext);
  const { incarnation, revision } = session;
  const { attributes } = opened;
  if (session.id !== id) throw malformed('its session has another id than its key says');
  if ((attributes.incarnation ?? incarnation) !== incarnation || (attributes.revision ?? revision) !== revision) {
    throw malformed('its seal and its session disagree on incarnation or revision');
  }
  if (facts.incarnation !== incarnation || facts.revision !== revision) {
    throw malformed('its metadata names another incarnation or revision than its session');
  }
  checkRollback({ revision }, minRevision);
  return { session, attributes };
}

/** The blob in the value of the record of `id`, and what its seal says of it. Errors of `open`; `KEY_MISSING`, `ENVELOPE_NOT_SEALED` as {@link decodeRecord}. */
export async function openRecord(
  from: RecordSeal,
  id: string,
  value: Uint8Array,
): Promise<{ readonly plaintext: Uint8Array; readonly attributes: SealedAttributes }> {
  if (from.keys !== null) return openSealed(value, from.keys, contextFor(from, id));
  if (isSealed(value)) {
    throw new PspError('KEY_MISSING', 'record: it is sealed, and the store was made with keys: null');
  }
  return { plaintext: value, attributes: {} };
}
