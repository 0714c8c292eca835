/**
 * Opening: sealed bytes -> bytes, all of them or nothing. The order of the checks is part of the contract, because it decides which code a
 * reader sees: form, key, authenticity of the header, context, length, payload. Nothing is decrypted before the header is authentic.
 */

import { equalBytes } from '@noble/ciphers/utils.js';
import { clean, isBytes } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { encodeContext, macContext, type SealContext } from './context.ts';
import { derive } from './derive.ts';
import { type Header, macHeader, parseHeader } from './header.ts';
import { type EncryptionKey, listKeys } from './key.ts';
import { decryptPayload, PAYLOAD_HEAD_BYTES, payloadBytes, payloadContext } from './payload.ts';
import { unwrapDataKey } from './wrap.ts';

/**
 * The plaintext of a blob that was sealed for one of `keys` and for `context`, in a new array.
 *
 * TypeError and RangeError for wrong arguments. Otherwise it fails with exactly one code, the first in this order:
 * 1. `ENVELOPE_NOT_SEALED`: no sealed blob at all;
 * 2. `ENVELOPE_UNSUPPORTED_VERSION`: a version, suite or flag that this code does not know; both are named;
 * 3. `ENVELOPE_LIMIT`, `ENVELOPE_MALFORMED`: a header that no writer writes; `ENVELOPE_TRUNCATED`: it is cut before the first chunk, which
 *    is a hint only, as nothing is authentic yet;
 * 4. `KEY_UNKNOWN`: sealed for other keys, which the message names; `KEY_WRONG`: sealed for another key of the same name;
 * 5. `ENVELOPE_TAMPERED`: the wrap or the header is not authentic;
 * 6. `ENVELOPE_CONTEXT`: authentic, but sealed for another tenant or session;
 * 7. `ENVELOPE_TRUNCATED`: shorter than the authentic header says; `ENVELOPE_TAMPERED`: longer than that;
 * 8. `ENVELOPE_TAMPERED`: the payload is not authentic.
 *
 * An older blob of the same context opens like a newer one: what a reader expects of the revision it must check on the plaintext.
 * Cost: O(n), and memory for one copy of the plaintext, allocated after the length has been verified.
 */
export async function open(
  sealed: Uint8Array,
  keys: EncryptionKey | readonly EncryptionKey[],
  context: SealContext = {},
): Promise<Uint8Array<ArrayBuffer>> {
  if (!isBytes(sealed)) throw new TypeError('sealed: expected a Uint8Array');
  const list = listKeys(keys);
  encodeContext(context); // a wrong argument is reported whatever the blob is

  const header = parseHeader(sealed);
  const payload = sealed.subarray(header.headerBytes);
  if (payload.length < PAYLOAD_HEAD_BYTES) throw cut(header, payload);
  const dataKey = unwrapDataKey(list, header.wraps, header.immutable);
  try {
    return openWithDataKey(dataKey, header, payload, context);
  } finally {
    clean(dataKey);
  }
}

function openWithDataKey(dataKey: Uint8Array, header: Header, payload: Uint8Array, context: SealContext): Uint8Array<ArrayBuffer> {
  if (!equalBytes(macHeader(dataKey, header.authenticated, payload.subarray(0, PAYLOAD_HEAD_BYTES)), header.headerMac)) {
    throw new PspError('ENVELOPE_TAMPERED', 'header: it is not authentic');
  }
  if (!equalBytes(macContext(dataKey, context), header.contextMac)) {
    throw new PspError('ENVELOPE_CONTEXT', 'context: the blob was sealed for another tenant or session than was given');
  }
  const expectedBytes = payloadBytes(header.plaintextBytes);
  if (payload.length < expectedBytes) throw cut(header, payload);
  if (payload.length > expectedBytes) {
    throw new PspError('ENVELOPE_TAMPERED', `payload: expected ${expectedBytes} bytes, got ${payload.length}`, {
      details: { expectedBytes, actualBytes: payload.length },
    });
  }
  const payloadKey = derive(dataKey, 'payload', 32);
  try {
    return decryptPayload(payloadKey, payloadContext(header.immutable), payload);
  } finally {
    clean(payloadKey);
  }
}

function cut(header: Header, payload: Uint8Array): PspError {
  const expectedBytes = payloadBytes(header.plaintextBytes);
  return new PspError('ENVELOPE_TRUNCATED', `payload: expected ${expectedBytes} bytes, got ${payload.length}`, {
    details: { expectedBytes, actualBytes: payload.length },
  });
}
