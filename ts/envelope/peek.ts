/**
 * Peeking: what the header of a sealed blob claims, without a key. Nothing here is authentic, so the result says so in its type, and the
 * word stands at every place that uses it: `peek(blob).unverified.wraps`. Good for choosing a key or showing a list, never for a decision.
 */

import { bytesToHex, isBytes } from '@noble/hashes/utils.js';
import { parseHeader } from './header.ts';

/** A value that anyone may have written. */
export interface Unverified<T> {
  readonly unverified: T;
}

/** What can be read of a sealed blob without a key. */
export interface PeekedHeader {
  /** 32 hex digits, random for each sealing. */
  readonly blobId: string;
  /** Attributes included; null for a stream, whose length is told by its end only. */
  readonly plaintextBytes: number | null;
  /** Present where the plaintext begins with attributes. */
  readonly hasAttributes?: true;
  /** Type 1: local key, 2: KMS, 3: passphrase; others are of later versions. A kid is any text: escape it before showing it. */
  readonly wraps: readonly { readonly type: number; readonly kid: string }[];
  /** Bytes of the header: where the payload starts. */
  readonly headerBytes: number;
}

/**
 * The claims of the header of `sealed`, of which the first 8,192 bytes are always enough. Fails as steps 1 to 3 of {@link open} do,
 * except that it does not ask for any of the payload.
 */
export function peek(sealed: Uint8Array): Unverified<PeekedHeader> {
  if (!isBytes(sealed)) throw new TypeError('sealed: expected a Uint8Array');
  const { blobId, plaintextBytes, hasAttributes, wraps, headerBytes } = parseHeader(sealed);
  return {
    unverified: {
      blobId: bytesToHex(blobId),
      plaintextBytes,
      ...(hasAttributes ? { hasAttributes } : {}),
      wraps: wraps.map(({ type, kid }) => ({ type, kid })),
      headerBytes,
    },
  };
}
