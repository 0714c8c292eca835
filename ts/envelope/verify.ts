/**
 * From the front of a blob and somebody's keys to an authentic header: what every reader (open, stream, range, rewrap) does first, and
 * does alike. Nothing of the payload is decrypted here.
 */

import { equalBytes } from '@noble/ciphers/utils.js';
import { clean } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { type Deriver, deriverOf, macWith } from './derive.ts';
import type { Engines } from './engine.ts';
import { type Header, parseHeader } from './header.ts';
import {
  committedCipher,
  messageBytes,
  PAYLOAD_HEAD_BYTES,
  type PayloadCipher,
  payloadBytes,
  payloadContext,
  truncated,
} from './payload.ts';
import { type Steps, together, waitFor } from './steps.ts';
import { type KeySource, unwrapDataKey } from './wrap.ts';

/** An authentic header, and the data key that proved it. */
export interface VerifiedHeader {
  readonly header: Header;
  /** The first bytes of the payload, which the header MAC covers. */
  readonly payloadHead: Uint8Array;
  /** Of the key that opened it. */
  readonly kid: string;
  readonly dataKey: Uint8Array;
  readonly deriver: Deriver;
}

/**
 * The authentic header at the front of `sealed`: steps 1 to 6 of `open`. `context` is its canonical bytes; null leaves it unchecked.
 * Whoever gets the result has to {@link forget} it.
 */
export function* verifyHeader(
  engines: Engines,
  sealed: Uint8Array,
  keys: readonly KeySource[],
  context: Uint8Array | null,
): Steps<VerifiedHeader> {
  const header = parseHeader(sealed);
  const payloadHead = sealed.subarray(header.headerBytes, header.headerBytes + PAYLOAD_HEAD_BYTES);
  if (payloadHead.length < PAYLOAD_HEAD_BYTES) throw cutShort(header, payloadHead.length);
  const { dataKey, kid } = yield* waitFor(unwrapDataKey(keys, header.wraps, header.immutable, engines));
  const deriver = deriverOf(engines, dataKey);
  const verified = { header, payloadHead, kid, dataKey, deriver };
  let isVerified = false;
  try {
    const [headerMac, contextMac] = yield* together(
      macWith(engines, deriver, 'header-mac', header.authenticated, payloadHead),
      context === null ? waitFor(header.contextMac) : macWith(engines, deriver, 'context', context),
    );
    if (!equalBytes(headerMac, header.headerMac)) throw new PspError('ENVELOPE_TAMPERED', 'header: it is not authentic');
    if (!equalBytes(contextMac, header.contextMac)) {
      throw new PspError('ENVELOPE_CONTEXT', 'context: the blob was sealed for another tenant or session than was given');
    }
    isVerified = true;
    return verified;
  } finally {
    if (!isVerified) forget(verified);
  }
}

/** The cipher of the payload behind a verified header. `expectedBytes` of plaintext, about, decide the engine. */
export function* openPayload(engines: Engines, verified: VerifiedHeader, expectedBytes: number): Steps<PayloadCipher> {
  const key = yield* waitFor(verified.deriver.derive('payload', 32));
  try {
    return yield* committedCipher(engines, key, payloadContext(verified.header.immutable), verified.payloadHead, expectedBytes);
  } finally {
    clean(key);
  }
}

/**
 * The plaintext bytes of a payload of `actualBytes` behind an authentic header: `ENVELOPE_TRUNCATED` when it is shorter than the header says,
 * or of a length that no stream has; `ENVELOPE_TAMPERED` when it is longer.
 */
export function expectWhole(header: Header, actualBytes: number): number {
  const byteLength = header.plaintextBytes ?? messageBytes(actualBytes);
  if (byteLength === null) throw truncated(actualBytes);
  const expectedBytes = payloadBytes(byteLength);
  if (actualBytes < expectedBytes) throw cutShort(header, actualBytes);
  if (actualBytes > expectedBytes) throw extended(expectedBytes, actualBytes);
  return byteLength;
}

/** Wipes the data key of a verified header. */
export function forget({ dataKey, deriver }: VerifiedHeader): void {
  deriver.wipe();
  clean(dataKey);
}

/** A payload that is shorter than its header says, or than any payload is. */
export function cutShort({ plaintextBytes }: Header, actualBytes: number): PspError {
  const expectedBytes = payloadBytes(plaintextBytes ?? 0);
  const atLeast = plaintextBytes === null ? 'at least ' : '';
  return new PspError('ENVELOPE_TRUNCATED', `payload: expected ${atLeast}${expectedBytes} bytes, got ${actualBytes}`, {
    details: { expectedBytes, actualBytes },
  });
}

/** A payload that goes on after its end. */
export function extended(expectedBytes: number, actualBytes: number): PspError {
  return new PspError('ENVELOPE_TAMPERED', `payload: expected ${expectedBytes} bytes, got ${actualBytes}`, {
    details: { expectedBytes, actualBytes },
  });
}
