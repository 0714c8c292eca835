/**
 * Key derivation functions for passphrases: their parameters, the least and the most that is accepted, and their 13 bytes in a wrap.
 * Argon2id (RFC 9106), scrypt (RFC 7914), PBKDF2-HMAC-SHA-256 (RFC 8018). The least, which is also the default, is what the OWASP Password
 * Storage Cheat Sheet asks for. Parameters come out of a file that anyone may have written, so they are checked before anything runs:
 * more than the most would be a way to stop a reader, less than the least a way to make a stolen file cheap to guess.
 */

import { PspError } from '../errors.ts';

/** RFC 9106, version 0x13, without secret and associated data. */
export interface Argon2idParameters {
  readonly kdf: 'argon2id';
  /** m: 19,456 (19 MiB) to 1,048,576 (1 GiB). */
  readonly memoryKiB: number;
  /** t: 2 to 16. */
  readonly passes: number;
  /** p: 1 to 16. */
  readonly parallelism: number;
}

/** RFC 7914. Takes 128 * cost * blockSize bytes of memory: 128 MiB to 1 GiB. */
export interface ScryptParameters {
  readonly kdf: 'scrypt';
  /** N: a power of two, 2^17 to 2^20. */
  readonly cost: number;
  /** r: 8. */
  readonly blockSize: number;
  /** p: 1 to 16. */
  readonly parallelism: number;
}

/** RFC 8018, section 5.2, with HMAC-SHA-256. Needs no memory, so it is the weakest of the three: for platforms that have nothing else. */
export interface Pbkdf2Parameters {
  readonly kdf: 'pbkdf2-sha256';
  /** 600,000 to 10,000,000. */
  readonly iterations: number;
}

export type KdfParameters = Argon2idParameters | ScryptParameters | Pbkdf2Parameters;

/** The parameters that a passphrase uses unless it is told otherwise, for each function: the least that is accepted. */
export const KDF_DEFAULTS: {
  readonly argon2id: Argon2idParameters;
  readonly scrypt: ScryptParameters;
  readonly 'pbkdf2-sha256': Pbkdf2Parameters;
} = {
  argon2id: { kdf: 'argon2id', memoryKiB: 19_456, passes: 2, parallelism: 1 },
  scrypt: { kdf: 'scrypt', cost: 131_072, blockSize: 8, parallelism: 1 },
  'pbkdf2-sha256': { kdf: 'pbkdf2-sha256', iterations: 600_000 },
};

/** Bytes of {@link encodeKdf}: id 1, three parameters of 4. */
export const KDF_BYTES = 13;

/** One parameter: its name, and the least and the most of it. */
interface Bound {
  readonly name: string;
  readonly least: number;
  readonly most: number;
}

/** For each function its byte in the file, and its parameters in the order in which they are written. */
const KDFS: readonly { readonly kdf: KdfParameters['kdf']; readonly id: number; readonly bounds: readonly Bound[] }[] = [
  {
    kdf: 'argon2id',
    id: 1,
    bounds: [
      { name: 'memoryKiB', least: 19_456, most: 1_048_576 },
      { name: 'passes', least: 2, most: 16 },
      { name: 'parallelism', least: 1, most: 16 },
    ],
  },
  {
    kdf: 'scrypt',
    id: 2,
    bounds: [
      { name: 'cost', least: 131_072, most: 1_048_576 },
      // One value only: memory and time grow with it as they do with the cost, and nobody uses another.
      { name: 'blockSize', least: 8, most: 8 },
      { name: 'parallelism', least: 1, most: 16 },
    ],
  },
  { kdf: 'pbkdf2-sha256', id: 3, bounds: [{ name: 'iterations', least: 600_000, most: 10_000_000 }] },
];

/** Returns `parameters` with nothing else in it. TypeError for another function, RangeError for what {@link decodeKdf} would refuse. */
export function checkKdf(parameters: KdfParameters): KdfParameters {
  const { kdf } = parameters;
  const known = KDFS.find((one) => one.kdf === kdf);
  if (known === undefined) throw new TypeError(`kdf: expected ${KDFS.map((one) => one.kdf).join(', ')}, got another`);
  const values = valuesOf(parameters, known.bounds);
  for (const [at, { name, least, most }] of known.bounds.entries()) {
    const value = values[at]!;
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new RangeError(`${name}: expected ${least} to ${most} for ${kdf}, got ${value}`);
    }
    if (name === 'cost' && !isPowerOfTwo(value)) throw new RangeError(`cost: expected a power of two, got ${value}`);
  }
  return withValues(kdf, known.bounds, values);
}

/** id 1 || three u32 in the order of {@link KdfParameters}, zero where a function has fewer. The caller guarantees {@link checkKdf}. */
export function encodeKdf(parameters: KdfParameters): Uint8Array {
  const { id, bounds } = KDFS.find((one) => one.kdf === parameters.kdf)!;
  const bytes = new Uint8Array(KDF_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, id);
  for (const [at, value] of valuesOf(parameters, bounds).entries()) view.setUint32(1 + 4 * at, value);
  return bytes;
}

/**
 * The parameters in the {@link KDF_BYTES} bytes of a wrap. Nothing has run when it fails:
 *
 * - `ENVELOPE_UNSUPPORTED_VERSION`: a function that this code does not know;
 * - `ENVELOPE_LIMIT`: more than the most or less than the least of a parameter; `details` has `least`, `most` and `found`;
 * - `ENVELOPE_MALFORMED`: a cost of scrypt that is no power of two, or an unused parameter that is not zero.
 */
export function decodeKdf(bytes: Uint8Array): KdfParameters {
  const view = new DataView(bytes.buffer, bytes.byteOffset, KDF_BYTES);
  const id = view.getUint8(0);
  const known = KDFS.find((one) => one.id === id);
  if (known === undefined) {
    throw new PspError('ENVELOPE_UNSUPPORTED_VERSION', `kdf: this code knows 1 to ${KDFS.length}, the wrap has ${id}`, {
      details: { field: 'kdf', found: id },
    });
  }
  const { kdf, bounds } = known;
  const values = [0, 1, 2].map((at) => view.getUint32(1 + 4 * at));
  for (const [at, { name, least, most }] of bounds.entries()) {
    const found = values[at]!;
    if (found < least || found > most) {
      throw new PspError('ENVELOPE_LIMIT', `${kdf}: ${name}: expected ${least} to ${most}, got ${found}`, {
        details: { field: name, least, most, found },
      });
    }
    if (name === 'cost' && !isPowerOfTwo(found))
      throw new PspError('ENVELOPE_MALFORMED', `scrypt: cost: expected a power of two, got ${found}`);
  }
  if (values.slice(bounds.length).some((value) => value !== 0)) {
    throw new PspError('ENVELOPE_MALFORMED', `${kdf}: expected zero for the parameters that it does not have`);
  }
  return withValues(kdf, bounds, values);
}

function valuesOf(parameters: KdfParameters, bounds: readonly Bound[]): number[] {
  return bounds.map(({ name }) => parameters[name as never] as number);
}

function withValues(kdf: KdfParameters['kdf'], bounds: readonly Bound[], values: readonly number[]): KdfParameters {
  return Object.fromEntries([['kdf', kdf], ...bounds.map(({ name }, at) => [name, values[at]])]) as unknown as KdfParameters;
}

function isPowerOfTwo(value: number): boolean {
  return (value & (value - 1)) === 0;
}
