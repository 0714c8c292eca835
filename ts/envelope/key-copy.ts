/**
 * Keys on their way into a thread of the same program: as plain objects that a structured clone keeps whole. They hold the secrets, so they go by a
 * message and nowhere else, and whoever receives them makes keys of them at once, which wipes them. A key service and a passphrase are functions of
 * the program that made them, and do not travel. Not public.
 */

import { clean } from '@noble/hashes/utils.js';
import { EncryptionKey, MacKey, macSecretOf, secretOf } from './key.ts';
import { type HeldKey, heldKeysOf, type KeyRing, type KeyRingEntry, ringOf } from './keyring.ts';
import { passphraseWork } from './passphrase-work.ts';
import type { KeySource, LocalKeySource } from './wrap.ts';
import { isKeyWrapper } from './wrapper.ts';

/** A key: its name and its 32 bytes. */
export interface KeyCopy {
  readonly kid: string;
  readonly secret: Uint8Array;
}

/** A ring: each entry, and the bytes of its key, which a destroyed one has not. */
export type RingCopy = readonly { readonly entry: KeyRingEntry; readonly secret: Uint8Array | null }[];

/** Copies of `sources`, in their order; null where one of them is a key service or a passphrase. The secrets are the keys' own arrays: to be cloned only. */
export function copyKeys(sources: readonly KeySource[]): (KeyCopy | RingCopy)[] | null {
  const copies: (KeyCopy | RingCopy)[] = [];
  for (const source of sources) {
    if (passphraseWork(source) !== null || isKeyWrapper(source)) return null;
    copies.push(
      source instanceof EncryptionKey
        ? { kid: source.kid, secret: secretOf(source) }
        : heldKeysOf(source as KeyRing).map(({ entry, key }) => ({ entry, secret: key === null ? null : secretOf(key) })),
    );
  }
  return copies;
}

/** The keys and rings that {@link copyKeys} copied. Wipes the copies, which the caller guarantees to be clones. */
export function keysFrom(copies: readonly (KeyCopy | RingCopy)[]): LocalKeySource[] {
  const keys = copies.map((copy) => {
    if ('kid' in copy) return new EncryptionKey(copy.kid, copy.secret);
    const held = copy.map(({ entry, secret }): HeldKey => ({ entry, key: secret === null ? null : new EncryptionKey(entry.kid, secret) }));
    return ringOf(held);
  });
  // Not before all are made: a clone of one key that stands in two places is one array.
  for (const copy of copies) {
    for (const { secret } of 'kid' in copy ? [copy] : copy) if (secret !== null) clean(secret);
  }
  return keys;
}

/** Copies of MAC keys, on the terms of {@link copyKeys}. */
export function copyMacKeys(keys: readonly MacKey[]): KeyCopy[] {
  return keys.map((key) => ({ kid: key.kid, secret: macSecretOf(key) }));
}

/** The keys that {@link copyMacKeys} copied. Wipes the copies. */
export function macKeysFrom(copies: readonly KeyCopy[]): MacKey[] {
  const keys = copies.map(({ kid, secret }) => new MacKey(kid, secret));
  for (const { secret } of copies) clean(secret);
  return keys;
}

/** Wipes keys of {@link keysFrom} and {@link macKeysFrom}, which are of no use from then on. */
export function wipeKeys(keys: readonly LocalKeySource[], macKeys: readonly MacKey[]): void {
  for (const source of keys) {
    const held = source instanceof EncryptionKey ? [source] : heldKeysOf(source).flatMap(({ key }) => key ?? []);
    for (const key of held) clean(secretOf(key));
  }
  for (const key of macKeys) clean(macSecretOf(key));
}
