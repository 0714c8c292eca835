/**
 * Keys as a program holds them: a name that may be shown and 32 secret bytes that are not. An encryption key seals and opens; a MAC key
 * makes and checks integrity tags, and can be given to someone who must not open anything. Printing, logging, JSON and structured clones of
 * either give its name only. The bytes live in a private field; the rest of the envelope reaches them through {@link secretOf} and
 * {@link macSecretOf}, which the public entry does not re-export. Neither a key's bytes nor its text can be wiped: V8 copies as it likes.
 */

import { bytesToHex, clean, isBytes } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { decodeBase64, encodeBase64 } from '../kernel/current.ts';
import { derive } from './derive.ts';
import { KCV_BYTES } from './header.ts';
import { type RandomBytes, systemRandom } from './random.ts';
import { inspectAsText } from './redaction.ts';

/** Bytes of a key of either kind. */
export const KEY_BYTES = 32;

const KID = /^[A-Za-z0-9_-]{1,64}$/;

const KEY_TEXT = /^(PSP[KM]1)\.([A-Za-z0-9_-]{1,64})\.(.*)$/;

// 32 bytes are 43 characters and one `=`; the last character carries two bits that must be zero, so only 16 letters can stand there.
const SECRET_TEXT = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

let readSecret: (key: EncryptionKey) => Uint8Array;
let readCheckValue: (key: EncryptionKey) => Uint8Array;
let readMacSecret: (key: MacKey) => Uint8Array;

/** A named 256-bit key that seals and opens. `kid` (1 to 64 of `A-Z a-z 0-9 _ -`) stands in the clear in every blob it seals. */
export class EncryptionKey {
  readonly kid: string;
  readonly #bytes: Uint8Array;
  #checkValue: Uint8Array | null = null;

  static {
    readSecret = (key) => key.#bytes;
    // Kept, because every seal and every open of this key asks for it.
    readCheckValue = (key) => {
      key.#checkValue ??= derive(key.#bytes, 'kcv', KCV_BYTES);
      return key.#checkValue;
    };
    inspectAsText(EncryptionKey.prototype);
  }

  /** Copies `bytes`: 32, uniformly random, guaranteed by the caller (a passphrase is not a key). RangeError for any other kid or length. */
  constructor(kid: string, bytes: Uint8Array) {
    this.kid = checkKid(kid);
    this.#bytes = copySecret(bytes);
  }

  toJSON(): { kid: string } {
    return { kid: this.kid };
  }

  toString(): string {
    return `EncryptionKey(${this.kid})`;
  }
}

/** A named 256-bit key that makes and checks integrity tags, and does nothing else. `kid` stands in the clear in every tag. */
export class MacKey {
  readonly kid: string;
  readonly #bytes: Uint8Array;

  static {
    readMacSecret = (key) => key.#bytes;
    inspectAsText(MacKey.prototype);
  }

  /** As {@link EncryptionKey}. The bytes must not be those of an encryption key: take {@link deriveMacKey} to get one from the other. */
  constructor(kid: string, bytes: Uint8Array) {
    this.kid = checkKid(kid);
    this.#bytes = copySecret(bytes);
  }

  toJSON(): { kid: string } {
    return { kid: this.kid };
  }

  toString(): string {
    return `MacKey(${this.kid})`;
  }
}

/** A new random key. `kid` defaults to 16 random hex digits; RangeError as {@link EncryptionKey}. */
export function generateKey(kid?: string): EncryptionKey {
  return generateKeyWith(systemRandom, kid);
}

/** {@link generateKey} with given randomness: first 8 bytes for the kid if it is not given, then 32 for the key. Not public. */
export function generateKeyWith(random: RandomBytes, kid?: string): EncryptionKey {
  const name = kid ?? bytesToHex(random(8));
  const bytes = random(KEY_BYTES);
  const key = new EncryptionKey(name, bytes);
  clean(bytes);
  return key;
}

/** A new random MAC key, as {@link generateKey}. */
export function generateMacKey(kid?: string): MacKey {
  const bytes = systemRandom(KEY_BYTES);
  const key = new MacKey(kid ?? bytesToHex(systemRandom(8)), bytes);
  clean(bytes);
  return key;
}

/** The MAC key that belongs to `key`, of the same name: always the same one, and no way back. Whoever keeps `key` need not keep both. */
export function deriveMacKey(key: EncryptionKey): MacKey {
  const bytes = derive(secretOf(key), 'mac-key', KEY_BYTES);
  const macKey = new MacKey(key.kid, bytes);
  clean(bytes);
  return macKey;
}

/** The key as one line of text, `PSPK1.<kid>.<Base64 of 32 bytes>`, without a line end. The line is the secret: keep it as one. */
export function formatKey(key: EncryptionKey): string {
  return formatSecret('PSPK1', key.kid, secretOf(key));
}

/**
 * The key that {@link formatKey} wrote; white space around it is ignored.
 * Anything else is `KEY_MALFORMED`, whose message repeats nothing of `text`: half a key is a secret too.
 */
export function parseKey(text: string): EncryptionKey {
  return parseSecret('PSPK1', text, (kid, bytes) => new EncryptionKey(kid, bytes));
}

/** The MAC key as one line of text, `PSPM1.<kid>.<Base64 of 32 bytes>`. The line is the secret. */
export function formatMacKey(key: MacKey): string {
  return formatSecret('PSPM1', key.kid, macSecretOf(key));
}

/** The key that {@link formatMacKey} wrote, or `KEY_MALFORMED`, as {@link parseKey}. An encryption key is no MAC key. */
export function parseMacKey(text: string): MacKey {
  return parseSecret('PSPM1', text, (kid, bytes) => new MacKey(kid, bytes));
}

/** The secret bytes of a key: the key's own array, to be read and neither kept nor written. Not public. TypeError for anything else. */
export function secretOf(key: EncryptionKey): Uint8Array {
  if (!(key instanceof EncryptionKey)) throw new TypeError('key: expected an EncryptionKey');
  return readSecret(key);
}

/** The secret bytes of a MAC key, on the terms of {@link secretOf}. Not public. TypeError for anything else, an encryption key included. */
export function macSecretOf(key: MacKey): Uint8Array {
  if (!(key instanceof MacKey)) throw new TypeError('key: expected a MacKey');
  return readMacSecret(key);
}

/** The 8 bytes that tell `key` from another of the same name; they tell nothing else about it. To be read, not written. Not public. */
export function checkValueOf(key: EncryptionKey): Uint8Array {
  return readCheckValue(key);
}

/** Whether `kid` can be the name of a key. Not public. */
export function isKid(kid: unknown): kid is string {
  return typeof kid === 'string' && KID.test(kid);
}

/** `kid` if it can be the name of a key, else RangeError. Not public. */
export function checkKid(kid: string): string {
  if (!isKid(kid)) throw new RangeError('kid: expected 1 to 64 characters of A-Z, a-z, 0-9, _ and -');
  return kid;
}

/** The 32 bytes of a key as Base64: the text is the secret. Not public. */
export function secretText(bytes: Uint8Array): string {
  const ascii = encodeBase64(bytes);
  const text = new TextDecoder().decode(ascii);
  clean(ascii);
  return text;
}

/** The 32 bytes that {@link secretText} wrote, for the caller to wipe, or null for any other text. Not public. */
export function parseSecretText(text: string): Uint8Array | null {
  if (!SECRET_TEXT.test(text)) return null;
  const ascii = new TextEncoder().encode(text);
  const bytes = decodeBase64(ascii);
  clean(ascii);
  return bytes;
}

function copySecret(bytes: Uint8Array): Uint8Array {
  if (!isBytes(bytes) || bytes.length !== KEY_BYTES) throw new RangeError(`bytes: expected a Uint8Array of ${KEY_BYTES}`);
  return Uint8Array.from(bytes);
}

function formatSecret(prefix: string, kid: string, bytes: Uint8Array): string {
  return `${prefix}.${kid}.${secretText(bytes)}`;
}

function parseSecret<T>(prefix: string, text: string, make: (kid: string, bytes: Uint8Array) => T): T {
  const match = KEY_TEXT.exec(text.trim());
  const bytes = match === null || match[1] !== prefix ? null : parseSecretText(match[3]!);
  if (match === null || bytes === null) {
    throw new PspError('KEY_MALFORMED', `key: expected ${prefix}.<kid>.<44 characters of Base64>, got something else`);
  }
  const key = make(match[2]!, bytes);
  clean(bytes);
  return key;
}
