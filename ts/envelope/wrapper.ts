/**
 * Wraps by a key service (a KMS, an HSM, a vault), type 2: the service encrypts the data key and never gives its own key away. What the
 * service is and how it is reached is the caller's: described here by the least we need. The body of such a wrap is the service's own
 * bytes, and its key check value is zero, since only the service knows its key.
 */

import { isBytes } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { wrapAdditionalData } from './data-key.ts';
import { KCV_BYTES, MAX_KID_BYTES, showKid, type Wrap } from './header.ts';
import { KEY_BYTES } from './key.ts';

/** Type of a wrap by a {@link KeyWrapper}. */
export const WRAP_KMS = 2;

/**
 * A key that lives in a key service. The implementation guarantees that `unwrap` gives back the data key only for a body that `wrap` made
 * under the same additional data, and rejects otherwise. It retries what is worth a retry itself.
 */
export interface KeyWrapper {
  /** The kid of its wraps: 1 to 64 bytes of UTF-8, in the clear in every blob. A longer name of a key belongs into the body. */
  readonly id: string;
  /** The 32 bytes of `dataKey`, encrypted and bound to `additionalData` (67 to 130 bytes). Both arrays are wiped or reused afterwards. */
  wrap(dataKey: Uint8Array, additionalData: Uint8Array): Promise<Uint8Array>;
  /** The data key out of `body`, 32 bytes, or a rejection. */
  unwrap(body: Uint8Array, additionalData: Uint8Array): Promise<Uint8Array>;
}

/** Whether `source` has the shape of a {@link KeyWrapper}. RangeError when it has, and its id cannot be a kid. */
export function isKeyWrapper(source: unknown): source is KeyWrapper {
  if (typeof source !== 'object' || source === null) return false;
  const { id, wrap, unwrap } = source as Partial<Record<keyof KeyWrapper, unknown>>;
  if (typeof id !== 'string' || typeof wrap !== 'function' || typeof unwrap !== 'function') return false;
  const idBytes = new TextEncoder().encode(id).length;
  if (idBytes < 1 || idBytes > MAX_KID_BYTES)
    throw new RangeError(`id of a KeyWrapper: expected 1 to ${MAX_KID_BYTES} bytes of UTF-8, got ${idBytes}`);
  if (/\p{Surrogate}/u.test(id)) throw new RangeError('id of a KeyWrapper: expected well-formed UTF-16, got a lone surrogate');
  return true;
}

/** A wrap of `dataKey` by a key service. `KEY_SERVICE` when it rejects, with its error as the cause, or gives no bytes. */
export async function wrapByService(wrapper: KeyWrapper, dataKey: Uint8Array, immutable: Uint8Array): Promise<Wrap> {
  const kid = wrapper.id;
  const copy = Uint8Array.from(dataKey);
  try {
    const body: unknown = await wrapper.wrap(copy, wrapAdditionalData({ type: WRAP_KMS, kid, immutable }));
    if (!isBytes(body) || body.length === 0) throw new TypeError('wrap: expected a Uint8Array that is not empty');
    return { type: WRAP_KMS, kid, kcv: new Uint8Array(KCV_BYTES), body: Uint8Array.from(body) };
  } catch (cause) {
    throw new PspError('KEY_SERVICE', `key ${showKid(kid)}: the key service did not wrap the data key`, { cause, details: { kid } });
  } finally {
    copy.fill(0);
  }
}

/** The data key out of a wrap of type 2. `KEY_SERVICE` when the service rejects, with its error as the cause, or gives anything but 32 bytes. */
export async function unwrapByService(wrapper: KeyWrapper, wrap: Wrap, immutable: Uint8Array): Promise<Uint8Array> {
  const kid = wrapper.id;
  try {
    const additionalData = wrapAdditionalData({ type: WRAP_KMS, kid, immutable });
    const dataKey: unknown = await wrapper.unwrap(Uint8Array.from(wrap.body), additionalData);
    if (!isBytes(dataKey) || dataKey.length !== KEY_BYTES) throw new TypeError(`unwrap: expected a Uint8Array of ${KEY_BYTES}`);
    return Uint8Array.from(dataKey);
  } catch (cause) {
    throw new PspError('KEY_SERVICE', `key ${showKid(kid)}: the key service did not unwrap the data key`, { cause, details: { kid } });
  }
}
