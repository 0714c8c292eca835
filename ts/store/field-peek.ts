/**
 * Files of sealed fields without a key: what stands there in the clear, and which values differ between two versions. Nothing here is authentic, so
 * the types say so, as `peek` of the envelope does.
 */
import { readFieldFile } from '../envelope/field-text.ts';
import type { Unverified } from '../envelope/peek.ts';
import { leavesOf } from './field-document.ts';
import { parseDocuments } from './field-file.ts';
import { toHex } from './hex.ts';

/** What can be read of a file of sealed fields without a key. */
export interface PeekedFields {
  /** 32 hex digits; kept while the file is sealed again over its previous text. */
  readonly fileId: string;
  /** As in a peeked header of a blob. A kid is any text: escape it before showing it. */
  readonly wraps: readonly { readonly type: number; readonly kid: string }[];
  /** The members of the session's header document, and its state document, with objects that have a member `$sealed` for what is sealed. Not validated. */
  readonly session: object;
  readonly state: object;
  /** Base64 of every sealed value by its place, in the order of the file. A place is the JSON of the names and identities that lead to it. */
  readonly fields: ReadonlyMap<string, string>;
}

/** How the sealed value of a place differs between two files. */
export interface FieldChange {
  readonly place: string;
  readonly change: 'added' | 'removed' | 'changed';
}

/** What `file` claims. Fails as `openFields` in its step 1, and with `ENVELOPE_MALFORMED` or `ENVELOPE_LIMIT` for JSON that no writer writes. */
export function peekFields(file: Uint8Array): Unverified<PeekedFields> {
  const { header } = readFieldFile(file);
  const documents = parseDocuments(file);
  const fields = new Map([...leavesOf(documents)].map(([place, { $sealed }]) => [place, $sealed]));
  return {
    unverified: { fileId: toHex(header.fileId), wraps: header.wraps.map(({ type, kid }) => ({ type, kid })), ...documents, fields },
  };
}

/**
 * The places whose sealed values differ from file `a` to file `b`, without a key: those of `a` in its order, then what was added. Between two files
 * of different ids every value differs. Fails as {@link peekFields}.
 */
export function compareFields(a: Uint8Array, b: Uint8Array): Unverified<readonly FieldChange[]> {
  const [{ unverified: one }, { unverified: other }] = [peekFields(a), peekFields(b)];
  const changes: FieldChange[] = [];
  for (const [place, sealed] of one.fields) {
    const now = other.fields.get(place);
    if (now !== sealed) changes.push({ place, change: now === undefined ? 'removed' : 'changed' });
  }
  for (const place of other.fields.keys()) {
    if (!one.fields.has(place)) changes.push({ place, change: 'added' });
  }
  return { unverified: changes };
}
