/**
 * Encryption keys as a program holds them: a name that may be shown and 32 secret bytes that are not. Printing, logging, JSON and
 * structured clones of a key give its name only. The bytes live in a private field; seal and open reach them through {@link secretOf},
 * which the public entry does not re-export. Neither a key's bytes nor the text of {@link formatKey} can be wiped: V8 copies as it likes.
 */

import { bytesToHex, clean, isBytes } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { decodeBase64, encodeBase64 } from '../kernel/current.ts';
import { type RandomBytes, systemRandom } from './random.ts';

/** Bytes of an encryption key. */
export const KEY_BYTES = 32;

const KID = /^[A-Za-z0-9_-]{1,64}$/;

// 32 bytes are 43 characters and one `=`; the last character carries two bits that must be zero, so only 16 letters can stand there.
const KEY_TEXT = /^PSPK1\.([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)$/;

let readSecret: (key: EncryptionKey) => Uint8Array;

/** A named 256-bit key that seals and opens. `kid` (1 to 64 of `A-Z a-z 0-9 _ -`) stands in the clear in every blob it seals. */
export class EncryptionKey {
  readonly kid: string;
  readonly #bytes: Uint8Array;

  static {
    readSecret = (key) => key.#bytes;
    // What `util.inspect` and `console.log` call in Node, Deno and Bun. Defined here and not as a method: a computed name cannot stand in
    // a class whose declarations are made file by file, and a registered symbol needs no import of `node:util`.
    Object.defineProperty(EncryptionKey.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: EncryptionKey): string {
        return this.toString();
      },
    });
  }

  /** Copies `bytes`: 32, uniformly random, guaranteed by the caller (a passphrase is not a key). RangeError for any other kid or length. */
  constructor(kid: string, bytes: Uint8Array) {
    if (typeof kid !== 'string' || !KID.test(kid)) throw new RangeError('kid: expected 1 to 64 characters of A-Z, a-z, 0-9, _ and -');
    if (!isBytes(bytes) || bytes.length !== KEY_BYTES) throw new RangeError(`bytes: expected a Uint8Array of ${KEY_BYTES}`);
    this.kid = kid;
    this.#bytes = Uint8Array.from(bytes);
  }

  toJSON(): { kid: string } {
    return { kid: this.kid };
  }

  toString(): string {
    return `EncryptionKey(${this.kid})`;
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

/** The key as one line of text, `PSPK1.<kid>.<Base64 of 32 bytes>`, without a line end. The line is the secret: keep it as one. */
export function formatKey(key: EncryptionKey): string {
  const base64 = encodeBase64(secretOf(key));
  const text = `PSPK1.${key.kid}.${new TextDecoder().decode(base64)}`;
  clean(base64);
  return text;
}

/**
 * The key that {@link formatKey} wrote; white space around it is ignored.
 * Anything else is `KEY_MALFORMED`, whose message repeats nothing of `text`: half a key is a secret too.
 */
export function parseKey(text: string): EncryptionKey {
  const match = KEY_TEXT.exec(text.trim());
  if (match === null) throw new PspError('KEY_MALFORMED', 'key: expected PSPK1.<kid>.<44 characters of Base64>, got something else');
  const ascii = new TextEncoder().encode(match[2]!);
  const bytes = decodeBase64(ascii);
  const key = new EncryptionKey(match[1]!, bytes);
  clean(ascii, bytes);
  return key;
}

/** The secret bytes of a key: the key's own array, to be read and neither kept nor written. Not public. TypeError for anything else. */
export function secretOf(key: EncryptionKey): Uint8Array {
  if (!(key instanceof EncryptionKey)) throw new TypeError('key: expected an EncryptionKey');
  return readSecret(key);
}

/** One key or several as a list that has been checked: TypeError for anything that is no key, RangeError for none. Not public. */
export function listKeys(keys: EncryptionKey | readonly EncryptionKey[]): readonly EncryptionKey[] {
  const list: readonly EncryptionKey[] = Array.isArray(keys) ? keys : [keys];
  if (list.length === 0) throw new RangeError('keys: expected at least one key, got none');
  for (const key of list) secretOf(key);
  return list;
}
