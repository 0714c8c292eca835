/**
 * Where random bytes come from. Everything inside the envelope takes its randomness as an argument, so that golden files can be pinned;
 * only the public edge passes {@link systemRandom}. `getRandomValues` is there even where `crypto.subtle` is not (pages over plain http).
 */

/** Gives `byteLength` random bytes in an array that the caller may keep and wipe. The giver guarantees that they are unpredictable. */
export type RandomBytes = (byteLength: number) => Uint8Array;

/** Random bytes of the platform's generator; at most 65,536 at a time (W3C Web Cryptography, section 10.1.1). */
export function systemRandom(byteLength: number): Uint8Array<ArrayBuffer> {
  return globalThis.crypto.getRandomValues(new Uint8Array(byteLength));
}
