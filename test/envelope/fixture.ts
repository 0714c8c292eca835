/** What the envelope tests share: fixed randomness, fixed keys, recognizable plaintexts, and the code a call fails with. */

import { EncryptionKey } from '../../ts/envelope/key.ts';
import type { RandomBytes } from '../../ts/envelope/random.ts';
import { PspError } from '../../ts/errors.ts';

/** Bytes 0, 1, 2, ... on and on, modulo 251 so that no two draws of one blob are alike. */
export function countingRandom(): RandomBytes {
  let next = 0;
  return (byteLength) => Uint8Array.from({ length: byteLength }, () => next++ % 251);
}

/** 32 bytes of one value: a bad key for people and a good one for tests. */
export function secretOfByte(byte: number): Uint8Array {
  return new Uint8Array(32).fill(byte);
}

export function keyOf(kid: string, byte: number): EncryptionKey {
  return new EncryptionKey(kid, secretOfByte(byte));
}

/** `byteLength` bytes that differ from chunk to chunk. */
export function plaintextOf(byteLength: number): Uint8Array {
  return Uint8Array.from({ length: byteLength }, (_, at) => (at * 7 + Math.floor(at / 16_384) * 3 + 1) & 0xff);
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** A copy with one byte XORed. */
export function flip(bytes: Uint8Array, at: number, mask = 0x01): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at]! ^= mask;
  return copy;
}

/** The failure of `run`. Fails itself when `run` succeeds or throws something that has no code. */
export async function failureOf(run: () => unknown): Promise<PspError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof PspError) return error;
    throw error;
  }
  throw new Error('expected a PspError, but it succeeded');
}

export async function codeOf(run: () => unknown): Promise<string> {
  return (await failureOf(run)).code;
}
