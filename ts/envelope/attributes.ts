/**
 * Attributes: what a reader learns about a plaintext only by opening it, encrypted and authenticated with it, at its front. They are apart
 * from the context, which a reader has to know before. A revision is what rollback is detected by: an older blob of the same context is
 * as authentic as the newest one, so only a reader that remembers a revision can tell them apart.
 *
 *     u16 length | canonical members (canonical.ts): incarnation (string), revision (integer), schemaVersion (string)
 */

import { PspError } from '../errors.ts';
import { decodeMembers, encodeMembers } from './canonical.ts';

/** What is sealed beside the data. Absent members are absent. */
export interface SealedAttributes {
  /** Tells one life of a name from the next: a session that was deleted and made again counts its revisions anew. */
  readonly incarnation?: string;
  /** Counts the changes of one incarnation: an integer from 0 to 2^53 - 1. */
  readonly revision?: number;
  /** Of the document inside, `<major>.<minor>`. */
  readonly schemaVersion?: string;
}

/** Most bytes of attributes, their length included: they always stand in the first chunk. */
const MAX_ATTRIBUTES_BYTES = 4096;

const TYPES = { incarnation: 'string', revision: 'number', schemaVersion: 'string' } as const;
const LENGTH_BYTES = 2;
const NO_ATTRIBUTES = new Uint8Array(0);

/**
 * The bytes in front of a plaintext: none without attributes. TypeError for a member that is not known, of another type, or with a lone surrogate; RangeError for a
 * revision that is no integer from 0 to 2^53 - 1, or more than 4,096 bytes in all.
 */
export function encodeAttributes(attributes: SealedAttributes | undefined): Uint8Array<ArrayBuffer> {
  if (attributes === undefined) return NO_ATTRIBUTES;
  for (const name of Object.keys(attributes)) {
    if (!Object.hasOwn(TYPES, name)) throw new TypeError(`attributes: expected incarnation, revision and schemaVersion only, got ${name}`);
  }
  const members: [string, string | number][] = [];
  for (const [name, type] of Object.entries(TYPES)) {
    const value: unknown = attributes[name as keyof SealedAttributes];
    if (value === undefined) continue;
    if (typeof value !== type) throw new TypeError(`attributes.${name}: expected a ${type}, got ${typeof value}`);
    if (type === 'number') checkRevision('attributes.revision', value as number);
    members.push([name, value as string | number]);
  }
  const encoded = encodeMembers('attributes', members);
  const byteLength = LENGTH_BYTES + encoded.length;
  if (byteLength > MAX_ATTRIBUTES_BYTES) {
    throw new RangeError(`attributes: expected at most ${MAX_ATTRIBUTES_BYTES} bytes, got ${byteLength}`);
  }
  const bytes = new Uint8Array(byteLength);
  new DataView(bytes.buffer).setUint16(0, encoded.length);
  bytes.set(encoded, LENGTH_BYTES);
  return bytes;
}

/** Attributes out of the first chunk, and where the data begins in it. */
export interface ReadAttributes {
  readonly attributes: SealedAttributes;
  readonly byteLength: number;
}

/**
 * The attributes at the front of `plaintext`, which must be authentic and hold at least the first chunk. `ENVELOPE_MALFORMED`: bytes that no
 * writer writes; `ENVELOPE_UNSUPPORTED_VERSION`: an attribute of a later version.
 */
export function readAttributes(plaintext: Uint8Array): ReadAttributes {
  const encodedBytes = plaintext.length < LENGTH_BYTES ? MAX_ATTRIBUTES_BYTES : plaintext[0]! * 256 + plaintext[1]!;
  const byteLength = LENGTH_BYTES + encodedBytes;
  const members = byteLength > Math.min(plaintext.length, MAX_ATTRIBUTES_BYTES) ? null : decodeMembers(plaintext.subarray(2, byteLength));
  if (members === null) throw new PspError('ENVELOPE_MALFORMED', 'attributes: expected what a writer writes, got something else');
  for (const [name, value] of members) {
    if (!Object.hasOwn(TYPES, name)) {
      throw new PspError(
        'ENVELOPE_UNSUPPORTED_VERSION',
        'attributes: this code knows incarnation, revision and schemaVersion, and found another',
      );
    }
    if (typeof value !== TYPES[name as keyof SealedAttributes]) {
      throw new PspError('ENVELOPE_MALFORMED', `attributes: ${name} is of another type than a writer writes`);
    }
  }
  return { attributes: Object.fromEntries(members), byteLength };
}

/**
 * Refuses what is older than the caller remembers, by its authentic revision: `ENVELOPE_ROLLBACK` where `minRevision` is given and the
 * revision is lower or absent.
 */
export function checkRollback({ revision }: Pick<SealedAttributes, 'revision'>, minRevision: number | undefined): void {
  if (minRevision === undefined || (revision !== undefined && revision >= minRevision)) return;
  throw new PspError('ENVELOPE_ROLLBACK', `revision: expected at least ${minRevision}, what was sealed has ${revision ?? 'none'}`, {
    details: { minRevision, revision: revision ?? null },
  });
}

/** RangeError, naming `subject`, for anything but an integer from 0 to 2^53 - 1. */
export function checkRevision(subject: string, revision: number): void {
  if (!Number.isSafeInteger(revision) || revision < 0) {
    throw new RangeError(`${subject}: expected an integer from 0 to 2^53 - 1, got ${revision}`);
  }
}
