/**
 * Rotation of one blob. A rewrap gives the same data key to other keys: only the header is made anew, at the same cost for any size, and the
 * payload moves as it is. It does not help against someone who had an old key and kept the old header: that header opens the payload for
 * ever. Against that only a reseal helps, which makes a new data key and encrypts everything anew.
 */

import { isBytes } from '@noble/hashes/utils.js';
import { encodeContext, type SealContext } from './context.ts';
import { type Engines, engines } from './engine.ts';
import { parseHeader, writeHeader } from './header.ts';
import { type OpenOptions, openSteps } from './open.ts';
import { drawAhead, type RandomBytes, systemRandom } from './random.ts';
import { DRAW_BYTES, sealSteps } from './seal.ts';
import { runAsync, type Steps, waitFor } from './steps.ts';
import { expectWhole, forget, verifyHeader } from './verify.ts';
import { type KeySource, listKeys, wrapDataKeys } from './wrap.ts';

/** A header that takes the place of another. */
export interface RewrappedHeader {
  /** To stand in front of the payload, whose bytes do not change. */
  readonly header: Uint8Array;
  /** Bytes of the header that it replaces: where the payload starts in the old blob. */
  readonly replacedBytes: number;
}

/**
 * A new header for the blob that `front` is the front of (its first 8,248 bytes are always enough), which `newKeys` open instead of the keys it
 * was sealed for. O(header): the payload is neither read nor checked. The header MAC is verified first; the context only when it is given, so
 * that keys can be rotated by someone who does not know it. Fails as `open` does in its steps 1 to 6, and as `seal` does for `newKeys`.
 */
export async function rewrapHeader(
  front: Uint8Array,
  keys: KeySource | readonly KeySource[],
  newKeys: KeySource | readonly KeySource[],
  context?: SealContext,
): Promise<RewrappedHeader> {
  return runAsync(rewrapSteps(engines(), systemRandom, front, keys, newKeys, context));
}

/** {@link rewrapHeader} on given engines with given randomness: it draws what the wraps draw. */
function* rewrapSteps(
  engines: Engines,
  random: RandomBytes,
  front: Uint8Array,
  keys: KeySource | readonly KeySource[],
  newKeys: KeySource | readonly KeySource[],
  context: SealContext | undefined,
): Steps<RewrappedHeader> {
  if (!isBytes(front)) throw new TypeError('sealed: expected a Uint8Array');
  const [list, newList] = [listKeys(keys), listKeys(newKeys)];
  const verified = yield* verifyHeader(engines, front, list, context === undefined ? null : encodeContext(context));
  try {
    const { header, payloadHead, dataKey, deriver } = verified;
    const wraps = yield* waitFor(wrapDataKeys(newList, dataKey, header.immutable, random, Date.now, engines));
    return { header: yield* writeHeader(engines, deriver, header.immutable, wraps, payloadHead), replacedBytes: header.headerBytes };
  } finally {
    forget(verified);
  }
}

/**
 * The blob `sealed`, for `newKeys` instead of its keys, as {@link rewrapHeader}; and, since all of it is there, `ENVELOPE_TRUNCATED` or
 * `ENVELOPE_TAMPERED` for a payload of another length than the header says. O(n) for the copy of the payload, which is not decrypted.
 */
export async function rewrap(
  sealed: Uint8Array,
  keys: KeySource | readonly KeySource[],
  newKeys: KeySource | readonly KeySource[],
  context?: SealContext,
): Promise<Uint8Array<ArrayBuffer>> {
  return runAsync(rewrapBlob(sealed, keys, newKeys, context));
}

function* rewrapBlob(
  sealed: Uint8Array,
  keys: KeySource | readonly KeySource[],
  newKeys: KeySource | readonly KeySource[],
  context: SealContext | undefined,
): Steps<Uint8Array<ArrayBuffer>> {
  const { header, replacedBytes } = yield* rewrapSteps(engines(), systemRandom, sealed, keys, newKeys, context);
  const payload = sealed.subarray(replacedBytes);
  expectWhole(parseHeader(sealed), payload.length);
  const rewrapped = new Uint8Array(header.length + payload.length);
  rewrapped.set(header);
  rewrapped.set(payload, header.length);
  return rewrapped;
}

/**
 * The blob `sealed`, opened and sealed anew for `newKeys` under a new data key, with its context and attributes. Fails as `open` does, then as
 * `seal`. O(n) twice. What was a stream of unknown length says its length afterwards.
 */
export async function reseal(
  sealed: Uint8Array,
  keys: KeySource | readonly KeySource[],
  newKeys: KeySource | readonly KeySource[],
  context: SealContext = {},
  options: OpenOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  listKeys(newKeys); // a wrong argument is reported whatever the blob is
  const chosen = engines();
  const { plaintext, attributes } = await runAsync(openSteps(chosen, sealed, keys, context, options));
  try {
    const sealOptions = Object.keys(attributes).length === 0 ? {} : { attributes };
    return await runAsync(sealSteps(chosen, drawAhead(DRAW_BYTES), plaintext, newKeys, context, sealOptions));
  } finally {
    plaintext.fill(0);
  }
}
