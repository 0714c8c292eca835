/**
 * Running a key derivation function: natively where the runtime has it, else in WebAssembly (hash-wasm, an optional peer, Argon2id only),
 * else in noble. All give the same bytes. None of them looks at limits: see `kdf.ts`. noble's Argon2 is 5 to 7 times slower than the native
 * one and is outside the scope of noble's audit; its scrypt and PBKDF2 are inside.
 */

import { equalBytes } from '@noble/ciphers/utils.js';
import { argon2idAsync } from '@noble/hashes/argon2.js';
import { pbkdf2Async } from '@noble/hashes/pbkdf2.js';
import { scryptAsync } from '@noble/hashes/scrypt.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { clean, hexToBytes } from '@noble/hashes/utils.js';
import type { Argon2idParameters, KdfParameters, Pbkdf2Parameters, ScryptParameters } from '../kdf.ts';
import type { EngineKind } from './primitives.ts';

/** What runs a function: the runtime's node:crypto, its WebCrypto, the package hash-wasm, or noble. */
export type KdfRunner = 'node' | 'webcrypto' | 'hash-wasm' | 'noble';

/** The ways to native code and to WebAssembly that are open here; null for one that is not. */
export interface KdfDoors {
  readonly node: NodeKdfs | null;
  readonly subtle: SubtleCrypto | null;
  /** Loads hash-wasm; rejects where it is not installed. */
  readonly loadHashWasm: (() => Promise<HashWasm>) | null;
}

type KeyCallback = (error: Error | null, key: Uint8Array) => void;

/** The least we need of node:crypto. `argon2` came with Node 24.7; a Node linked to an older OpenSSL has it and throws. */
export interface NodeKdfs {
  argon2?(
    algorithm: 'argon2id',
    parameters: {
      readonly message: Uint8Array;
      readonly nonce: Uint8Array;
      readonly memory: number;
      readonly passes: number;
      readonly parallelism: number;
      readonly tagLength: number;
    },
    callback: KeyCallback,
  ): void;
  scrypt(
    password: Uint8Array,
    salt: Uint8Array,
    byteLength: number,
    options: { readonly N: number; readonly r: number; readonly p: number; readonly maxmem: number },
    callback: KeyCallback,
  ): void;
  pbkdf2(password: Uint8Array, salt: Uint8Array, iterations: number, byteLength: number, digest: 'sha256', callback: KeyCallback): void;
}

/** The least we need of hash-wasm. */
export interface HashWasm {
  argon2id(options: {
    readonly password: Uint8Array;
    readonly salt: Uint8Array;
    readonly memorySize: number;
    readonly iterations: number;
    readonly parallelism: number;
    readonly hashLength: number;
    readonly outputType: 'binary';
  }): Promise<Uint8Array>;
}

/** Loads the optional peer. Rejects with an Error where it is not installed, or has no Argon2id. */
export async function loadHashWasm(): Promise<HashWasm> {
  // Its main file is a UMD module: where a runtime cannot see the names inside, they hang on `default`.
  let module: { readonly argon2id?: unknown; readonly default?: { readonly argon2id?: unknown } };
  // Inside `try`, because bundlers take that for "may be missing" and leave the import to the run time; elsewhere they refuse to bundle.
  try {
    module = await import('hash-wasm');
  } catch (cause) {
    throw new Error('hash-wasm: it is not installed', { cause });
  }
  const argon2id = module.argon2id ?? module.default?.argon2id;
  if (typeof argon2id !== 'function') throw new Error('hash-wasm: expected it to export argon2id');
  return { argon2id: argon2id as HashWasm['argon2id'] };
}

/** Who runs which function, best first. WebCrypto before node:crypto for PBKDF2: as fast in Node, four times faster in Deno. */
const RUNNERS: Readonly<Record<KdfParameters['kdf'], readonly KdfRunner[]>> = {
  argon2id: ['node', 'hash-wasm', 'noble'],
  scrypt: ['node', 'noble'],
  'pbkdf2-sha256': ['webcrypto', 'node', 'noble'],
};

/** The best runner of `kdf` here. Tries out what has to be tried, and loads nothing that is not needed. */
export async function findKdfRunner(kdf: KdfParameters['kdf'], doors: KdfDoors): Promise<KdfRunner> {
  for (const runner of RUNNERS[kdf]) {
    if (await works(runner, kdf, doors)) return runner;
  }
  return 'noble';
}

/** All runners of `kdf` that work here, best first; the last is always noble. */
export async function findKdfRunners(kdf: KdfParameters['kdf'], doors: KdfDoors): Promise<KdfRunner[]> {
  const found: KdfRunner[] = [];
  for (const runner of RUNNERS[kdf]) {
    if (await works(runner, kdf, doors)) found.push(runner);
  }
  return found;
}

async function works(runner: KdfRunner, kdf: KdfParameters['kdf'], doors: KdfDoors): Promise<boolean> {
  const open: Readonly<Record<KdfRunner, boolean>> = {
    node: doors.node !== null,
    webcrypto: doors.subtle !== null,
    'hash-wasm': doors.loadHashWasm !== null,
    noble: true,
  };
  return open[runner] && (kdf !== 'argon2id' || (await runsArgon2id(runner, doors)));
}

/**
 * `byteLength` bytes from `password` and `salt`, by one of the runners that {@link findKdfRunners} found (else TypeError). In an array of the
 * caller's own. Takes as long as the parameters ask for, and leaves the thread free meanwhile, except for hash-wasm.
 */
export async function runKdf(
  runner: KdfRunner,
  doors: KdfDoors,
  password: Uint8Array,
  salt: Uint8Array,
  parameters: KdfParameters,
  byteLength: number,
): Promise<Uint8Array> {
  switch (parameters.kdf) {
    case 'argon2id':
      return runArgon2id(runner, doors, password, salt, parameters, byteLength);
    case 'scrypt':
      return runScrypt(runner, doors, password, salt, parameters, byteLength);
    case 'pbkdf2-sha256':
      return runPbkdf2(runner, doors, password, salt, parameters, byteLength);
  }
}

/**
 * The doors of this runtime. While an engine is pinned (`pinned`), only its doors are open: for noble none; hash-wasm, which is no engine,
 * stays open for the other two.
 */
export function findKdfDoors(pinned: EngineKind | null): KdfDoors {
  // As for the engines: asked for at run time, so that a browser bundle meets no `node:` module.
  const node = globalThis.process?.getBuiltinModule?.('node:crypto');
  const subtle = globalThis.crypto?.subtle;
  return {
    node: pinned !== 'noble' && pinned !== 'webcrypto' && typeof node?.scrypt === 'function' ? (node as unknown as NodeKdfs) : null,
    subtle: pinned !== 'noble' && pinned !== 'node' && subtle !== undefined ? subtle : null,
    loadHashWasm: pinned === 'noble' ? null : loadHashWasm,
  };
}

async function runArgon2id(
  runner: KdfRunner,
  { node, loadHashWasm }: KdfDoors,
  password: Uint8Array,
  salt: Uint8Array,
  { memoryKiB, passes, parallelism }: Argon2idParameters,
  byteLength: number,
): Promise<Uint8Array> {
  if (runner === 'node' && node?.argon2 !== undefined) {
    const parameters = { message: password, nonce: salt, memory: memoryKiB, passes, parallelism, tagLength: byteLength };
    return keyFromCallback((callback) => node.argon2?.('argon2id', parameters, callback));
  }
  if (runner === 'hash-wasm' && loadHashWasm !== null) {
    const { argon2id } = await loadHashWasm();
    return argon2id({
      password,
      salt,
      memorySize: memoryKiB,
      iterations: passes,
      parallelism,
      hashLength: byteLength,
      outputType: 'binary',
    });
  }
  expectNoble(runner);
  // The memory is bounded by the caller; noble's own bound, of 1 GiB in all, would refuse the most that we accept.
  return argon2idAsync(password, salt, { m: memoryKiB, t: passes, p: parallelism, dkLen: byteLength, maxmem: memoryKiB * 1024 + 2 ** 20 });
}

async function runScrypt(
  runner: KdfRunner,
  { node }: KdfDoors,
  password: Uint8Array,
  salt: Uint8Array,
  { cost, blockSize, parallelism }: ScryptParameters,
  byteLength: number,
): Promise<Uint8Array> {
  // RFC 7914, section 2: 128 * r bytes for each of N + p blocks; Node counts a few more. Its own bound of 32 MiB would refuse our least.
  const options = { N: cost, r: blockSize, p: parallelism, maxmem: 128 * blockSize * (cost + parallelism + 16) };
  if (runner === 'node' && node !== null) return keyFromCallback((callback) => node.scrypt(password, salt, byteLength, options, callback));
  expectNoble(runner);
  return scryptAsync(password, salt, { ...options, dkLen: byteLength });
}

async function runPbkdf2(
  runner: KdfRunner,
  { node, subtle }: KdfDoors,
  password: Uint8Array,
  salt: Uint8Array,
  { iterations }: Pbkdf2Parameters,
  byteLength: number,
): Promise<Uint8Array> {
  if (runner === 'webcrypto' && subtle !== null) {
    // Copies, because WebCrypto takes no bytes that a worker may share.
    const copy = Uint8Array.from(password);
    const key = await subtle.importKey('raw', copy, 'PBKDF2', false, ['deriveBits']);
    clean(copy);
    const parameters = { name: 'PBKDF2', hash: 'SHA-256', salt: Uint8Array.from(salt), iterations };
    return new Uint8Array(await subtle.deriveBits(parameters, key, byteLength * 8));
  }
  if (runner === 'node' && node !== null) {
    return keyFromCallback((callback) => node.pbkdf2(password, salt, iterations, byteLength, 'sha256', callback));
  }
  expectNoble(runner);
  return pbkdf2Async(sha256, password, salt, { c: iterations, dkLen: byteLength });
}

/** Argon2id of the password "probe" and a salt of 16 zero bytes with m = 8 KiB, t = 1, p = 1: made by noble, and the same everywhere. */
const PROBE = { password: new TextEncoder().encode('probe'), salt: new Uint8Array(16) };
const PROBE_PARAMETERS: Argon2idParameters = { kdf: 'argon2id', memoryKiB: 8, passes: 1, parallelism: 1 };
const PROBE_BYTES = hexToBytes('177986ff736fe6eb8fe3b18c1fcb59b1');

/**
 * Whether `runner` gives the right bytes for the least of all jobs. Node can have the function without the OpenSSL behind it, hash-wasm can
 * be missing, or WebAssembly forbidden by a page's policy: each shows only in the attempt, and none is a fault of the caller.
 */
async function runsArgon2id(runner: KdfRunner, doors: KdfDoors): Promise<boolean> {
  if (runner === 'noble') return true;
  if (runner === 'node' && doors.node?.argon2 === undefined) return false;
  try {
    const key = await runArgon2id(runner, doors, PROBE.password, PROBE.salt, PROBE_PARAMETERS, 16);
    return equalBytes(key, PROBE_BYTES);
  } catch {
    return false;
  }
}

function keyFromCallback(start: (callback: KeyCallback) => void): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    start((error, key) => {
      if (error !== null && error !== undefined) return reject(error);
      resolve(Uint8Array.from(key));
      clean(key);
    });
  });
}

function expectNoble(runner: KdfRunner): void {
  if (runner !== 'noble') throw new TypeError(`kdf: ${runner} does not run it here`);
}
