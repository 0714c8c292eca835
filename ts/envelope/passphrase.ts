/**
 * Passphrases, and the wraps that they make (type 3). A key derivation function turns the passphrase and a salt of the wrap into 32 bytes,
 * which then wrap the data key as a local key would. Every seal and every open runs it anew, on purpose at a price: seal a key ring with a
 * passphrase, and the blobs with the ring.
 *
 *     body: kdf id 1 | parameters 12 | salt 16 | salt 24 | wrapped data key 48
 */

import { equalBytes } from '@noble/ciphers/utils.js';
import { clean } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { decryptDataKey, encryptDataKey } from './data-key.ts';
import { derive, deriverOf } from './derive.ts';
import { findKdfDoors, findKdfRunner, type KdfRunner, runKdf } from './engine/kdf.ts';
import { activeEngine, engines } from './engine.ts';
import { KCV_BYTES, LOCAL_BODY_BYTES, showKid, type Wrap } from './header.ts';
import { checkKdf, decodeKdf, encodeKdf, KDF_BYTES, KDF_DEFAULTS, type KdfParameters } from './kdf.ts';
import { checkKid, KEY_BYTES } from './key.ts';
import { setPassphraseWork, WRAP_PASSPHRASE } from './passphrase-work.ts';
import { SALT_BYTES } from './payload.ts';
import { inspectAsText } from './redaction.ts';

/** Bytes of the salt of the key derivation. */
const KDF_SALT_BYTES = 16;
/** Bytes of the body of such a wrap. */
const PASSPHRASE_BODY_BYTES: number = KDF_BYTES + KDF_SALT_BYTES + LOCAL_BODY_BYTES;

/** How a {@link Passphrase} names and makes its wraps. */
export interface PassphraseOptions {
  /** The kid of its wraps, in the clear in every blob; `passphrase` by default. A passphrase opens the wraps of its kid only. */
  readonly kid?: string;
  /** How new wraps are made; Argon2id with 19 MiB and 2 passes by default. Opening goes by what the wrap says, within the same bounds. */
  readonly kdf?: KdfParameters;
}

/** A passphrase that seals and opens. It shows its kid only, however it is printed. */
export class Passphrase {
  readonly kid: string;

  static {
    inspectAsText(Passphrase.prototype);
  }

  /**
   * Keeps the UTF-8 of `text` in normalization form C (Unicode 15, UAX #15), as RFC 8265 section 4.2 has it for passwords: "é" typed as one
   * character or as two is one passphrase. Nothing else is changed: not letter case, not spaces, not a line end.
   * TypeError for anything but a string, RangeError for an empty one or a lone surrogate, for a kid or parameters that are out of bounds.
   */
  constructor(text: string, { kid = 'passphrase', kdf = KDF_DEFAULTS.argon2id }: PassphraseOptions = {}) {
    if (typeof text !== 'string') throw new TypeError('passphrase: expected a string');
    if (text === '') throw new RangeError('passphrase: expected at least one character, got none');
    if (/\p{Surrogate}/u.test(text)) throw new RangeError('passphrase: expected well-formed UTF-16, got a lone surrogate');
    this.kid = checkKid(kid);
    const secret: Secret = { kid, bytes: new TextEncoder().encode(text.normalize('NFC')), kdf: checkKdf(kdf) };
    setPassphraseWork(this, {
      kid,
      wrap: (dataKey, immutable, random) => wrapWithSalts(secret, dataKey, immutable, random(KDF_SALT_BYTES), random(SALT_BYTES)),
      unwrap: (wrap, immutable) => unwrap(secret, wrap, immutable),
    });
  }

  toJSON(): { kid: string } {
    return { kid: this.kid };
  }

  toString(): string {
    return `Passphrase(${this.kid})`;
  }
}

/** Who runs the key derivation of a passphrase with these parameters here and now: for benchmarks and reports. */
export async function activeKdfRunner(kdf: KdfParameters['kdf']): Promise<KdfRunner> {
  return findKdfRunner(kdf, doors());
}

/** What a passphrase holds, out of reach of everything that prints it. */
interface Secret {
  readonly kid: string;
  readonly bytes: Uint8Array;
  readonly kdf: KdfParameters;
}

async function wrapWithSalts(
  passphrase: Secret,
  dataKey: Uint8Array,
  immutable: Uint8Array,
  kdfSalt: Uint8Array,
  salt: Uint8Array,
): Promise<Wrap> {
  const { kid, kdf } = passphrase;
  const secret = await stretch(passphrase, kdf, kdfSalt);
  const chosen = engines();
  const deriver = deriverOf(chosen, secret);
  try {
    const body = new Uint8Array(PASSPHRASE_BODY_BYTES);
    body.set(encodeKdf(kdf), 0);
    body.set(kdfSalt, KDF_BYTES);
    body.set(await encryptDataKey(chosen, deriver, dataKey, { type: WRAP_PASSPHRASE, kid, immutable }, salt), KDF_BYTES + KDF_SALT_BYTES);
    return { type: WRAP_PASSPHRASE, kid, kcv: derive(secret, 'kcv', KCV_BYTES), body };
  } finally {
    deriver.wipe();
    clean(secret);
  }
}

async function unwrap(passphrase: Secret, wrap: Wrap, immutable: Uint8Array): Promise<Uint8Array | null> {
  const { kid, body, kcv } = wrap;
  if (body.length !== PASSPHRASE_BODY_BYTES) {
    const message = `wrap for ${showKid(kid)}: expected a body of ${PASSPHRASE_BODY_BYTES} bytes, got ${body.length}`;
    throw new PspError('ENVELOPE_MALFORMED', message);
  }
  const kdf = decodeKdf(body.subarray(0, KDF_BYTES));
  const secret = await stretch(passphrase, kdf, body.subarray(KDF_BYTES, KDF_BYTES + KDF_SALT_BYTES));
  const chosen = engines();
  const deriver = deriverOf(chosen, secret);
  try {
    if (!equalBytes(derive(secret, 'kcv', KCV_BYTES), kcv)) return null;
    return await decryptDataKey(chosen, deriver, body.subarray(KDF_BYTES + KDF_SALT_BYTES), { type: WRAP_PASSPHRASE, kid, immutable });
  } finally {
    deriver.wipe();
    clean(secret);
  }
}

/** The 32 bytes that the passphrase gives with this salt, by the best way that this runtime has. */
async function stretch(passphrase: Secret, kdf: KdfParameters, salt: Uint8Array): Promise<Uint8Array> {
  const open = doors();
  return runKdf(await findKdfRunner(kdf.kdf, open), open, passphrase.bytes, salt, kdf, KEY_BYTES);
}

function doors(): ReturnType<typeof findKdfDoors> {
  const { reason, mac } = activeEngine();
  return findKdfDoors(reason === 'pinned' ? mac : null);
}
