/**
 * Where random bytes come from. Everything inside the envelope takes its randomness as an argument, so that golden files can be pinned;
 * only the public edge passes {@link systemRandom}. `getRandomValues` is there even where `crypto.subtle` is not (pages over plain http).
 */

import { PspError } from '../errors.ts';

/** Gives `byteLength` random bytes in an array that the caller may keep and wipe. The giver guarantees that they are unpredictable. */
export type RandomBytes = (byteLength: number) => Uint8Array;

/**
 * Random bytes of the platform's generator; at most 65,536 at a time (W3C Web Cryptography, section 10.1.1). `ENVELOPE_NO_CRYPTO` where the
 * platform has none: nothing else may take its place.
 */
export function systemRandom(byteLength: number): Uint8Array<ArrayBuffer> {
  const { crypto } = globalThis as { crypto?: Partial<Crypto> };
  if (typeof crypto?.getRandomValues !== 'function') {
    throw new PspError('ENVELOPE_NO_CRYPTO', 'randomness: this runtime has no crypto.getRandomValues');
  }
  return crypto.getRandomValues(new Uint8Array(byteLength));
}

/**
 * {@link systemRandom} for one blob, which draws several times: the first `byteLength` bytes come from one call, since a call costs as much
 * as an HMAC. Never kept for another blob: a process that is cloned from a snapshot would draw the same bytes twice.
 */
export function drawAhead(byteLength: number): RandomBytes {
  const drawn = systemRandom(byteLength);
  let at = 0;
  return (wanted) => {
    if (wanted > drawn.length - at) return systemRandom(wanted);
    at += wanted;
    const bytes = drawn.slice(at - wanted, at);
    drawn.fill(0, at - wanted, at);
    return bytes;
  };
}
