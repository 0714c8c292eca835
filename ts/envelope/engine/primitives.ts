/**
 * What an engine is, as types: three primitives over bytes. Every engine gives the same bytes for the same input; one contract suite and
 * the published vectors run over all of them. Nothing here knows the format of a blob.
 */

import type { MaybePromise } from '../steps.ts';

/** Whose code computes: @noble in plain JavaScript, the platform's WebCrypto, or node:crypto. */
export type EngineKind = 'noble' | 'webcrypto' | 'node';

/** The hash functions under HMAC (FIPS 180-4). */
export type HashName = 'SHA-256' | 'SHA-512';

/** Bytes of the output of each hash. */
export const HASH_BYTES: Readonly<Record<HashName, number>> = { 'SHA-256': 32, 'SHA-512': 64 };

/** Bytes of a GCM tag. Fixed: a shorter tag is never written and never accepted (nodejs/node#52327). */
export const TAG_BYTES = 16;

/** Bytes of a GCM nonce. */
export const NONCE_BYTES = 12;

/** HMAC (RFC 2104) under one key that is not empty. The engine may keep the key's array: it is not changed before {@link MacKey.wipe}. */
export interface MacKey {
  readonly hash: HashName;
  /** The MAC over `message`, followed by `more` when that is given, in an array of the caller's own. */
  sign(message: Uint8Array, more?: Uint8Array): MaybePromise<Uint8Array>;
  /** Wipes what the engine itself holds of the key, as far as that is possible; the key's array is the caller's to wipe. Not usable after. */
  wipe(): void;
}

/** A {@link MacKey} that never waits. */
export interface SyncMacKey extends MacKey {
  sign(message: Uint8Array, more?: Uint8Array): Uint8Array;
}

/**
 * AES-GCM (NIST SP 800-38D) under one key of 16 or 32 bytes, with nonces of 12 and tags of 16 bytes. The caller guarantees these lengths,
 * that a nonce is never used for two messages, that `target` overlaps nothing, and that no array changes before the result is there.
 */
export interface AeadKey {
  /** Writes the ciphertext and its tag into `target`, which is 16 bytes longer than `plaintext`. */
  encryptInto(nonce: Uint8Array, plaintext: Uint8Array, target: Uint8Array, additionalData?: Uint8Array): MaybePromise<void>;
  /**
   * Writes the plaintext into `target`, which is 16 bytes shorter than `sealed`; false, and nothing of it left in `target`, when `sealed` is
   * not authentic or too short to hold a tag.
   */
  decryptInto(nonce: Uint8Array, sealed: Uint8Array, target: Uint8Array, additionalData?: Uint8Array): MaybePromise<boolean>;
}

/** An {@link AeadKey} that never waits. */
export interface SyncAeadKey extends AeadKey {
  encryptInto(nonce: Uint8Array, plaintext: Uint8Array, target: Uint8Array, additionalData?: Uint8Array): void;
  decryptInto(nonce: Uint8Array, sealed: Uint8Array, target: Uint8Array, additionalData?: Uint8Array): boolean;
}

/** One implementation of the primitives. Keys are prepared once and used several times. */
export interface Engine {
  readonly kind: EngineKind;
  macKey(hash: HashName, key: Uint8Array): MacKey;
  aeadKey(key: Uint8Array): AeadKey;
}

/** An {@link Engine} that never waits. */
export interface SyncEngine extends Engine {
  readonly kind: 'noble' | 'node';
  macKey(hash: HashName, key: Uint8Array): SyncMacKey;
  aeadKey(key: Uint8Array): SyncAeadKey;
}
