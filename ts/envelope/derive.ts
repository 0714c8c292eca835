/**
 * Derived keys: one label for each purpose, so that a key made for one thing is never used for another. A derived key is the front of
 * HMAC-SHA-512(secret, label || 0x00 || salt): one call gives up to 64 bytes. The zero byte ends the label, so no label can run into a salt.
 * HKDF-Expand (RFC 5869 section 2.3) stands here too, for the payload: noble's own refuses a key shorter than the hash.
 */

import { clean, utf8ToBytes } from '@noble/hashes/utils.js';
import { HASH_BYTES, type MacKey } from './engine/primitives.ts';
import { type Engines, syncEngine } from './engine.ts';
import { type MaybePromise, type Steps, waitFor } from './steps.ts';

/** What a derived key is for, by the secret that it comes from. */
export type Purpose =
  // the data key of a blob
  | 'payload'
  | 'header-mac'
  | 'context'
  | 'field'
  | 'field-manifest'
  // an encryption key, or what a passphrase gives
  | 'kek-wrap'
  | 'kcv'
  // an encryption key
  | 'mac-key'
  // a MAC key
  | 'mac'
  | 'audit';

/** The label of each purpose, as it enters the derivation. Labels are part of the format: `layout.md`, "Keys". */
export const LABELS: Readonly<Record<Purpose, string>> = {
  payload: 'psp/env@1 payload',
  'header-mac': 'psp/env@1 header-mac',
  context: 'psp/env@1 context',
  'kek-wrap': 'psp/env@1 kek-wrap',
  kcv: 'psp/env@1 kcv',
  'mac-key': 'psp/env@1 mac-key',
  audit: 'psp/env@1 audit',
  mac: 'psp/env@1 mac',
  field: 'psp/env@1 field',
  'field-manifest': 'psp/env@1 field-manifest',
};

const LABEL_BYTES = new Map<string, Uint8Array>(Object.entries(LABELS).map(([purpose, label]) => [purpose, utf8ToBytes(`${label}\0`)]));

/**
 * The first `byteLength` (at most 64) bytes of HMAC-SHA-512(`secret`, label of `purpose` || 0x00 || `salt`), in an array of the caller's own.
 * Synchronous on every engine. The caller guarantees that `secret` is 32 uniformly random bytes.
 */
export function derive(secret: Uint8Array, purpose: Purpose, byteLength: number, salt?: Uint8Array): Uint8Array {
  const mac = syncEngine().macKey('SHA-512', secret);
  const key = front(mac.sign(LABEL_BYTES.get(purpose)!, salt), byteLength);
  mac.wipe();
  return key;
}

/** A secret from which several keys are derived: prepared once, so that each of them costs less. */
export interface Deriver {
  /** As {@link derive}. */
  derive(purpose: Purpose, byteLength: number, salt?: Uint8Array): MaybePromise<Uint8Array>;
  /** Wipes what was prepared; `secret` itself is the caller's to wipe. */
  wipe(): void;
}

/** Derives from `secret`, which must not change before {@link Deriver.wipe}. */
export function deriverOf(engines: Engines, secret: Uint8Array): Deriver {
  const mac = engines.mac.macKey('SHA-512', secret);
  return {
    derive(purpose, byteLength, salt) {
      const block = mac.sign(LABEL_BYTES.get(purpose)!, salt);
      return block instanceof Promise ? block.then((bytes) => front(bytes, byteLength)) : front(block, byteLength);
    },
    wipe: () => mac.wipe(),
  };
}

/** HMAC-SHA-256 over `message` and `more` under a key derived from `deriver` for `purpose`. */
export function* macWith(
  engines: Engines,
  deriver: Deriver,
  purpose: 'header-mac' | 'context' | 'field-manifest',
  message: Uint8Array,
  more?: Uint8Array,
): Steps<Uint8Array> {
  const key = yield* waitFor(deriver.derive(purpose, 32));
  const mac = engines.mac.macKey('SHA-256', key);
  try {
    return yield* waitFor(mac.sign(message, more));
  } finally {
    mac.wipe();
    clean(key);
  }
}

/**
 * HKDF-Expand of RFC 5869 section 2.3: `byteLength` bytes (at most 255 hash lengths) from the pseudorandom key that `mac` was made of. Unlike
 * the RFC's advice, that key may be shorter than the hash: the chunked-encryption format of C2SP expands a 16- or 32-byte key with SHA-512.
 */
export function* hkdfExpand(mac: MacKey, info: Uint8Array, byteLength: number): Steps<Uint8Array> {
  const hashBytes = HASH_BYTES[mac.hash];
  if (byteLength > 255 * hashBytes) throw new RangeError(`byteLength: expected at most ${255 * hashBytes}, got ${byteLength}`);
  const output = new Uint8Array(byteLength);
  const message = new Uint8Array(info.length + 1);
  message.set(info);
  // T(i) is the MAC over T(i - 1) || info || i, where T(0) is empty.
  let previous: Uint8Array | null = null;
  for (let filled = 0, counter = 1; filled < byteLength; filled += hashBytes, counter++) {
    message[info.length] = counter;
    const block: Uint8Array = yield* waitFor(previous === null ? mac.sign(message) : mac.sign(previous, message));
    output.set(filled + hashBytes <= byteLength ? block : block.subarray(0, byteLength - filled), filled);
    if (previous !== null) clean(previous);
    previous = block;
  }
  if (previous !== null) clean(previous);
  return output;
}

/** The front of a block that nobody else has; the block is wiped. A copy, because a view of so few bytes costs V8 more than that. */
function front(block: Uint8Array, byteLength: number): Uint8Array {
  const bytes = block.slice(0, byteLength);
  block.fill(0);
  return bytes;
}
