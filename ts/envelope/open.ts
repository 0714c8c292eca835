/**
 * Opening: sealed bytes -> bytes, all of them or nothing. The order of the checks is part of the contract, because it decides which code a
 * reader sees: form, key, authenticity of the header, context, length, payload, revision. Nothing is decrypted before the header is
 * authentic.
 */

import { clean, isBytes } from '@noble/hashes/utils.js';
import { checkRevision, checkRollback, readAttributes, type SealedAttributes } from './attributes.ts';
import { encodeContext, type SealContext } from './context.ts';
import { type Engines, engines, syncEngines } from './engine.ts';
import {
  bytesToFill,
  CHUNK_BYTES,
  decryptChunks,
  notAuthentic,
  PAYLOAD_HEAD_BYTES,
  type PayloadCipher,
  SEALED_CHUNK_BYTES,
} from './payload.ts';
import { runAsync, runSync, type Steps } from './steps.ts';
import { expectWhole, forget, openPayload, verifyHeader } from './verify.ts';
import { type KeySource, listKeys } from './wrap.ts';

/** What a reader may demand of what was sealed beyond its authenticity. */
export interface OpenOptions {
  /** The lowest revision that is not a rollback: the one that the reader remembers. An integer from 0 to 2^53 - 1. */
  readonly minRevision?: number;
}

/** What was sealed, and with which key it was opened. */
export interface Opened {
  readonly plaintext: Uint8Array<ArrayBuffer>;
  /** Authentic, like the plaintext. Empty for a blob that was sealed without. */
  readonly attributes: SealedAttributes;
  /** Of the key that opened it, as it stands in the blob. */
  readonly kid: string;
}

/**
 * The plaintext of a blob that was sealed for one of `keys` and for `context`, in a new array.
 *
 * TypeError and RangeError for wrong arguments. Otherwise it fails with exactly one code, the first in this order:
 * 1. `ENVELOPE_NOT_SEALED`: no sealed blob at all;
 * 2. `ENVELOPE_UNSUPPORTED_VERSION`: a version, suite or flag that this code does not know; both are named;
 * 3. `ENVELOPE_LIMIT`, `ENVELOPE_MALFORMED`: a header that no writer writes; `ENVELOPE_TRUNCATED`: it is cut before the first chunk, which
 *    is a hint only, as nothing is authentic yet;
 * 4. `KEY_UNKNOWN`: sealed for other keys, which the message names; `KEY_WRONG`: sealed for another key of the same name; and the codes
 *    of a key that may not be used any more, or of a key service;
 * 5. `ENVELOPE_TAMPERED`: the wrap or the header is not authentic;
 * 6. `ENVELOPE_CONTEXT`: authentic, but sealed for another tenant or session;
 * 7. `ENVELOPE_TRUNCATED`: shorter than the authentic header says; `ENVELOPE_TAMPERED`: longer than that;
 * 8. `ENVELOPE_TAMPERED`: the payload is not authentic;
 * 9. `ENVELOPE_MALFORMED`, `ENVELOPE_UNSUPPORTED_VERSION`: authentic attributes of another writer;
 * 10. `ENVELOPE_ROLLBACK`: authentic, but of a lower revision than `minRevision`, or of none.
 *
 * Without `minRevision` an older blob of the same context opens like a newer one. `sealed` must not change before the end.
 * Cost: O(n), and memory for one copy of the plaintext, allocated after the length has been verified.
 */
export async function open(
  sealed: Uint8Array,
  keys: KeySource | readonly KeySource[],
  context: SealContext = {},
  options: OpenOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  return (await runAsync(openSteps(engines(), sealed, keys, context, options))).plaintext;
}

/** {@link open}, with the attributes that were sealed beside the plaintext, and the key that opened it. */
export async function openSealed(
  sealed: Uint8Array,
  keys: KeySource | readonly KeySource[],
  context: SealContext = {},
  options: OpenOptions = {},
): Promise<Opened> {
  return runAsync(openSteps(engines(), sealed, keys, context, options));
}

/**
 * {@link openSealed} at once, by the fastest engine that never waits (node:crypto, else noble). TypeError for keys that have to wait: key
 * services and passphrases; `ENVELOPE_NO_CRYPTO` while WebCrypto is pinned.
 */
export function openSync(
  sealed: Uint8Array,
  keys: KeySource | readonly KeySource[],
  context: SealContext = {},
  options: OpenOptions = {},
): Opened {
  return runSync(openSteps(syncEngines(), sealed, keys, context, options));
}

/** {@link openSealed} on given engines. Not public. */
export function* openSteps(
  engines: Engines,
  sealed: Uint8Array,
  keys: KeySource | readonly KeySource[],
  context: SealContext,
  options: OpenOptions,
): Steps<Opened> {
  if (!isBytes(sealed)) throw new TypeError('sealed: expected a Uint8Array');
  const list = listKeys(keys);
  const encodedContext = encodeContext(context); // a wrong argument is reported whatever the blob is
  checkOptions(options);

  const verified = yield* verifyHeader(engines, sealed, list, encodedContext);
  let cipher: PayloadCipher | null = null;
  try {
    const { header, kid } = verified;
    const payload = sealed.subarray(header.headerBytes);
    const byteLength = expectWhole(header, payload.length);
    cipher = yield* openPayload(engines, verified, byteLength);
    const body = payload.subarray(PAYLOAD_HEAD_BYTES);
    const { plaintext, attributes } = yield* header.hasAttributes ? openBoth(cipher, body, byteLength) : openData(cipher, body, byteLength);
    checkRollback(attributes, options.minRevision);
    return { plaintext, attributes, kid };
  } finally {
    cipher?.wipe();
    forget(verified);
  }
}

/** RangeError for options that cannot be meant. */
export function checkOptions({ minRevision }: OpenOptions): void {
  if (minRevision !== undefined) checkRevision('minRevision', minRevision);
}

function* openData(cipher: PayloadCipher, body: Uint8Array, byteLength: number): Steps<Omit<Opened, 'kid'>> {
  const plaintext = bytesToFill(byteLength);
  if (yield* decryptChunks(cipher, 0, body, plaintext)) return { plaintext, attributes: {} };
  clean(plaintext);
  throw notAuthentic();
}

/** The first chunk is opened apart: it says where the data begins, and so where the others have to go. */
function* openBoth(cipher: PayloadCipher, body: Uint8Array, byteLength: number): Steps<Omit<Opened, 'kid'>> {
  const first = new Uint8Array(Math.min(CHUNK_BYTES, byteLength));
  if (!(yield* decryptChunks(cipher, 0, body.subarray(0, SEALED_CHUNK_BYTES), first))) throw notAuthentic();
  const { attributes, byteLength: frontBytes } = readAttributes(first);
  const plaintext = bytesToFill(byteLength - frontBytes);
  plaintext.set(first.subarray(frontBytes));
  clean(first);
  if (yield* decryptChunks(cipher, 1, body.subarray(SEALED_CHUNK_BYTES), plaintext.subarray(CHUNK_BYTES - frontBytes))) {
    return { plaintext, attributes };
  }
  clean(plaintext);
  throw notAuthentic();
}
