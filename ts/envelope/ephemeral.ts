/**
 * A cipher for what one process writes and alone reads again, such as a spool on disk: the chunks of `payload.ts` under a random key that is nowhere but in
 * memory. What is left of such a file when the process is gone can be opened by nobody.
 */

import { clean, utf8ToBytes } from '@noble/hashes/utils.js';
import { engines } from './engine.ts';
import { KEY_BYTES } from './key.ts';
import { type PayloadCipher, payloadCipher, SALT_BYTES } from './payload.ts';
import { systemRandom } from './random.ts';
import { runAsync } from './steps.ts';

/** No header of a blob begins so: the chunks can pass for those of none. */
const CONTEXT = utf8ToBytes('psp/spool@1\0');

/**
 * A new cipher, for any number of chunks. Who gets it wipes it. `ENVELOPE_NO_CRYPTO` where the platform has no source of randomness.
 */
export async function ephemeralCipher(): Promise<PayloadCipher> {
  const key = systemRandom(KEY_BYTES);
  try {
    return await runAsync(payloadCipher(engines(), key, CONTEXT, systemRandom(SALT_BYTES), Number.POSITIVE_INFINITY));
  } finally {
    clean(key);
  }
}
