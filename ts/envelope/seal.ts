/**
 * Sealing: bytes -> sealed bytes, under a data key that is made for this blob and never used again. What is inside is not looked at.
 * The order: data key, context MAC, immutable part, wraps, payload key, header MAC, chunks; each depends on earlier ones only.
 */

import { clean, isBytes } from '@noble/hashes/utils.js';
import { encodeAttributes, type SealedAttributes } from './attributes.ts';
import { encodeContext, type SealContext } from './context.ts';
import { deriverOf, macWith } from './derive.ts';
import { type Engines, engines, syncEngines } from './engine.ts';
import { BLOB_ID_BYTES, writeHead, writeImmutable } from './header.ts';
import { KEY_BYTES } from './key.ts';
import {
  bytesToFill,
  encryptChunks,
  PAYLOAD_HEAD_BYTES,
  type PayloadCipher,
  payloadBytes,
  payloadCipher,
  payloadContext,
  SALT_BYTES,
} from './payload.ts';
import { drawAhead, type RandomBytes } from './random.ts';
import { runAsync, runSync, type Steps, waitFor } from './steps.ts';
import { type KeySource, listKeys, wrapDataKeys } from './wrap.ts';

/** What a blob with one local key draws. */
export const DRAW_BYTES: number = KEY_BYTES + BLOB_ID_BYTES + 2 * SALT_BYTES;

/** What may be sealed beside the data. */
export interface SealOptions {
  /** Encrypted and authenticated with the plaintext; read by `openSealed` and asked for by `minRevision`. Absent: none. */
  readonly attributes?: SealedAttributes;
}

/**
 * `plaintext`, sealed for every one of `keys` (1 to 8, of different names): any one of them opens it, given the same `context`.
 *
 * The result is 154 bytes longer than the plaintext, plus 84 and the kid for each local key, plus 16 for each chunk of 16 KiB, plus the
 * attributes. The length of the plaintext and the kids can be read by anyone. TypeError and RangeError for wrong arguments; otherwise it
 * fails only where a key service or the state of a key does, and with `ENVELOPE_NO_CRYPTO` where the platform has no source of randomness.
 * Cost: O(n), one copy of the input. The data key is wiped; what the JavaScript engine copied of it, or of the plaintext, cannot be.
 * `plaintext` must not change before the end.
 *
 * @example
 * const key = generateKey();
 * const sealed = await seal(new TextEncoder().encode('hello'), key, { sessionId: 's-1' });
 * const opened = await open(sealed, key, { sessionId: 's-1' });
 */
export async function seal(
  plaintext: Uint8Array,
  keys: KeySource | readonly KeySource[],
  context: SealContext = {},
  options: SealOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  return runAsync(sealSteps(engines(), drawAhead(DRAW_BYTES), plaintext, keys, context, options));
}

/**
 * {@link seal} at once, by the fastest engine that never waits (node:crypto, else noble). TypeError for keys that have to wait: key services
 * and passphrases; `ENVELOPE_NO_CRYPTO` while WebCrypto is pinned.
 */
export function sealSync(
  plaintext: Uint8Array,
  keys: KeySource | readonly KeySource[],
  context: SealContext = {},
  options: SealOptions = {},
): Uint8Array<ArrayBuffer> {
  return runSync(sealSteps(syncEngines(), drawAhead(DRAW_BYTES), plaintext, keys, context, options));
}

/** {@link sealSync} with given randomness. Not public. Draws as {@link sealSteps}. */
export function sealWith(
  random: RandomBytes,
  plaintext: Uint8Array,
  keys: KeySource | readonly KeySource[],
  context: SealContext,
  options: SealOptions = {},
): Uint8Array<ArrayBuffer> {
  return runSync(sealSteps(syncEngines(), random, plaintext, keys, context, options));
}

/**
 * {@link seal} on given engines with given randomness. Not public. Draws, in this order: data key 32, blob id 16, payload salt 24, then what
 * the wraps draw (24 for a local key).
 */
export function* sealSteps(
  engines: Engines,
  random: RandomBytes,
  plaintext: Uint8Array,
  keys: KeySource | readonly KeySource[],
  context: SealContext,
  options: SealOptions,
): Steps<Uint8Array<ArrayBuffer>> {
  if (!isBytes(plaintext)) throw new TypeError('plaintext: expected a Uint8Array');
  const list = listKeys(keys);
  const front = encodeAttributes(options.attributes);
  const plaintextBytes = front.length + plaintext.length;
  const shape = { plaintextBytes, hasAttributes: front.length > 0 };
  const { head, cipher } = yield* sealHead(engines, random, list, encodeContext(context), shape);
  try {
    const sealed = bytesToFill(head.length - PAYLOAD_HEAD_BYTES + payloadBytes(plaintextBytes));
    sealed.set(head);
    yield* encryptChunks(cipher, 0, front, plaintext, sealed.subarray(head.length));
    return sealed;
  } finally {
    cipher.wipe();
  }
}

/** Everything of a blob but its chunks, and the cipher to make those. */
export interface SealedHead {
  /** Parts A, B and C, and the head of the payload. */
  readonly head: Uint8Array<ArrayBuffer>;
  readonly cipher: PayloadCipher;
}

/** The header of a new blob. The caller guarantees that `keys` is a checked list, and wipes the cipher. Draws as {@link sealSteps}. */
export function* sealHead(
  engines: Engines,
  random: RandomBytes,
  keys: readonly KeySource[],
  context: Uint8Array,
  shape: { readonly plaintextBytes: number | null; readonly hasAttributes: boolean },
): Steps<SealedHead> {
  const dataKey = random(KEY_BYTES);
  const blobId = random(BLOB_ID_BYTES);
  const salt = random(SALT_BYTES);
  const deriver = deriverOf(engines, dataKey);
  let payloadKey: Uint8Array | null = null;
  try {
    const contextMac = yield* macWith(engines, deriver, 'context', context);
    const immutable = writeImmutable({ ...shape, blobId, contextMac });
    const wraps = yield* waitFor(wrapDataKeys(keys, dataKey, immutable, random, Date.now, engines));
    payloadKey = yield* waitFor(deriver.derive('payload', 32));
    const cipher = yield* payloadCipher(
      engines,
      payloadKey,
      payloadContext(immutable),
      salt,
      shape.plaintextBytes ?? Number.POSITIVE_INFINITY,
    );
    const payloadHead = new Uint8Array(PAYLOAD_HEAD_BYTES);
    payloadHead.set(salt);
    payloadHead.set(cipher.commitment, SALT_BYTES);
    const head = yield* writeHead(engines, deriver, immutable, wraps, payloadHead);
    return { head, cipher };
  } finally {
    deriver.wipe();
    clean(dataKey);
    if (payloadKey !== null) clean(payloadKey);
  }
}
