/** Whole payloads on a given engine, as the tests and the vectors want them; the product makes them chunk by chunk. */

import type { EngineKind } from '../../ts/envelope/engine/primitives.ts';
import { decryptPayload, encryptChunks, PAYLOAD_HEAD_BYTES, payloadBytes, payloadCipher } from '../../ts/envelope/payload.ts';
import { runAsync } from '../../ts/envelope/steps.ts';
import { only } from './engines.ts';

export async function encryptOn(
  kind: EngineKind,
  key: Uint8Array,
  context: Uint8Array,
  salt: Uint8Array,
  plaintext: Uint8Array,
): Promise<Uint8Array> {
  const cipher = await runAsync(payloadCipher(only(kind), key, context, salt, plaintext.length));
  const payload = new Uint8Array(payloadBytes(plaintext.length));
  payload.set(salt);
  payload.set(cipher.commitment, salt.length);
  await runAsync(encryptChunks(cipher, 0, new Uint8Array(0), plaintext, payload.subarray(PAYLOAD_HEAD_BYTES)));
  return payload;
}

export function decryptOn(kind: EngineKind, key: Uint8Array, context: Uint8Array, payload: Uint8Array): Promise<Uint8Array> {
  return runAsync(decryptPayload(only(kind), key, context, payload));
}
