/**
 * The published vectors without a test runner, so that Node, Deno and a page run the very same checks: given the files of the data folder by
 * name, counts what each engine passes and says what it does not. Uses nothing that a page lacks. (test/envelope/vectors.test.ts runs them
 * case by case, in Node.)
 */

import { argon2id } from '@noble/hashes/argon2.js';
import { extract } from '@noble/hashes/hkdf.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { hexToBytes as fromHex, bytesToHex as toHex } from '@noble/hashes/utils.js';
import { hkdfExpand } from '../../ts/envelope/derive.ts';
import { findKdfDoors, findKdfRunners, runKdf } from '../../ts/envelope/engine/kdf.ts';
import { nobleEngine } from '../../ts/envelope/engine/noble.ts';
import { findNodeEngine } from '../../ts/envelope/engine/node.ts';
import type { Engine } from '../../ts/envelope/engine/primitives.ts';
import { findWebCryptoEngine } from '../../ts/envelope/engine/webcrypto.ts';
import type { Engines } from '../../ts/envelope/engine.ts';
import type { KdfParameters } from '../../ts/envelope/kdf.ts';
import {
  decryptPayload,
  derivePayloadKeys,
  encryptChunks,
  PAYLOAD_HEAD_BYTES,
  payloadBytes,
  payloadCipher,
} from '../../ts/envelope/payload.ts';
import { runAsync } from '../../ts/envelope/steps.ts';
import { PspError } from '../../ts/errors.ts';

/** The parsed files of the data folder, by their names. */
export type VectorFiles = Readonly<Record<string, unknown>>;

/** What a runtime did with them. */
export interface VectorReport {
  /** By file, then by engine (or by what ran a key derivation): how many vectors gave what they should. */
  readonly passed: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Every vector that did not: where, and what came instead. */
  readonly failures: readonly string[];
}

/** A vector as JSON has it: hex, numbers, and null where there is nothing. */
type Vector = Readonly<Record<string, string>> & {
  readonly [Name in 'L' | 'N' | 'r' | 'p' | 'c' | 'm' | 't' | 'dkLen' | 'tagLength']: number;
} & { readonly macBytes: number | null; readonly flags: readonly string[]; readonly slow?: boolean };

/** Throws unless a vector gives what it should. */
type Check = (engine: Engine, vector: Vector) => Promise<void>;

const CHECKS: Readonly<Record<string, Check>> = {
  'c2sp-chunked-encryption-aes128gcm.json': checkChunked,
  'nist-cavs-aes256gcm.json': checkGcm,
  'rfc4231-hmac.json': checkHmac,
  'rfc5869-hkdf-sha256.json': checkHkdf,
};

/** The engines that this runtime has. */
export function findEngines(): Engine[] {
  return [nobleEngine, findNodeEngine(), findWebCryptoEngine()].filter((engine) => engine !== null);
}

/** Runs every vector of `files` on every engine that is here. Throws for a file that it does not know. */
export async function runVectors(files: VectorFiles): Promise<VectorReport> {
  const report = { passed: {} as Record<string, Record<string, number>>, failures: [] as string[] };
  for (const [file, content] of Object.entries(files)) {
    const passed: Record<string, number> = {};
    report.passed[file] = passed;
    const count = async (who: string, name: string, run: () => Promise<void>): Promise<void> => {
      try {
        await run();
        passed[who] = (passed[who] ?? 0) + 1;
      } catch (error) {
        report.failures.push(`${file}, ${name}, on ${who}: ${error}`);
      }
    };
    if (file === 'rfc7914-scrypt-pbkdf2.json') {
      await runKdfs(content as Readonly<Record<string, readonly Vector[]>>, count);
    } else if (file === 'rfc9106-argon2.json') {
      for (const [at, vector] of vectorsOf(content).entries()) await count('noble', `vector ${at}`, () => checkArgon2(vector));
    } else {
      const check = CHECKS[file];
      if (check === undefined) throw new Error(`vectors: nothing runs ${file}`);
      for (const engine of findEngines()) {
        for (const [at, vector] of vectorsOf(content).entries()) await count(engine.kind, `vector ${at}`, () => check(engine, vector));
      }
    }
  }
  return report;
}

/** The vectors of a file in their order: `tests`, or those of all `testGroups`. Of the key derivations only those that are not slow. */
export function vectorsOf(content: unknown): readonly Vector[] {
  const { tests, testGroups, scrypt, pbkdf2_hmac_sha256 } = content as Readonly<Record<string, readonly unknown[]>>;
  if (scrypt !== undefined) return ([...scrypt, ...(pbkdf2_hmac_sha256 ?? [])] as Vector[]).filter(({ slow }) => slow !== true);
  return (tests ?? testGroups!.flatMap((group) => (group as { tests: unknown[] }).tests)) as Vector[];
}

async function checkChunked(engine: Engine, { key, ctx, ct, aeadKey, baseNonce, msgSha512, result, flags }: Vector): Promise<void> {
  const only: Engines = { mac: engine, aeadKey: (bytes) => engine.aeadKey(bytes) };
  const [keyBytes, context, payload] = [fromHex(key!), fromHex(ctx!), await inflate(fromHex(ct!))];
  const salt = payload.subarray(0, 24);
  if (aeadKey !== undefined) {
    const keys = await runAsync(derivePayloadKeys(only, keyBytes, context, salt));
    equal(toHex(keys.key) + toHex(keys.baseNonce), aeadKey + baseNonce);
  }
  const decrypt = (): Promise<Uint8Array> => runAsync(decryptPayload(only, keyBytes, context, payload));
  if (result !== 'valid') return refused(decrypt, flags.includes('InvalidKeySize'));
  const message = await decrypt();
  equal(toHex(sha512(message)), msgSha512!);
  const cipher = await runAsync(payloadCipher(only, keyBytes, context, salt, message.length));
  const again = new Uint8Array(payloadBytes(message.length));
  again.set(salt);
  again.set(cipher.commitment, salt.length);
  await runAsync(encryptChunks(cipher, 0, new Uint8Array(0), message, again.subarray(PAYLOAD_HEAD_BYTES)));
  equal(toHex(sha512(again)), toHex(sha512(payload)));
}

async function refused(run: () => Promise<unknown>, isWrongKey: boolean): Promise<void> {
  const error = await run().then(
    () => null,
    (reason: unknown) => reason,
  );
  const isCoded = error instanceof PspError && ['ENVELOPE_TAMPERED', 'ENVELOPE_TRUNCATED'].includes(error.code);
  if (isWrongKey ? error instanceof RangeError : isCoded) return;
  throw new Error(`expected to be refused, got ${error ?? 'a message'}`);
}

async function checkGcm(engine: Engine, vector: Vector): Promise<void> {
  const [key, nonce, plaintext, aad] = ['key', 'nonce', 'plaintext', 'aad'].map((name) => fromHex(vector[name]!)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const aead = engine.aeadKey(key);
  const sealed = new Uint8Array(plaintext.length + 16);
  await aead.encryptInto(nonce, plaintext, sealed, aad);
  equal(toHex(sealed), vector['ciphertext']! + vector['tag']!);
  const opened = new Uint8Array(plaintext.length);
  equal(await aead.decryptInto(nonce, sealed, opened, aad), true);
  equal(toHex(opened), vector['plaintext']!);
  const target = new Uint8Array(plaintext.length);
  for (const at of [0, sealed.length - 1]) equal(await aead.decryptInto(nonce, flip(sealed, at), target, aad), false);
  equal(await aead.decryptInto(flip(nonce, 11), sealed, target, aad), false);
  if (aad.length > 0) equal(await aead.decryptInto(nonce, sealed, target, flip(aad, aad.length - 1)), false);
  equal(toHex(target), '00'.repeat(plaintext.length));
}

async function checkHmac(engine: Engine, { key, data, macBytes, ...expected }: Vector): Promise<void> {
  for (const [hash, name] of [
    ['SHA-256', 'sha256'],
    ['SHA-512', 'sha512'],
  ] as const) {
    const mac = engine.macKey(hash, fromHex(key!));
    const tag = toHex(await mac.sign(fromHex(data!)));
    mac.wipe();
    equal(macBytes === null ? tag : tag.slice(0, 2 * macBytes), expected[name]!);
  }
}

async function checkHkdf(engine: Engine, { ikm, salt, info, L, prk, okm }: Vector): Promise<void> {
  equal(toHex(extract(sha256, fromHex(ikm!), fromHex(salt!))), prk!);
  const mac = engine.macKey('SHA-256', fromHex(prk!));
  equal(toHex(await runAsync(hkdfExpand(mac, fromHex(info!), L))), okm!);
}

/** Without a pin, so that every way that this runtime has is open. */
async function runKdfs(
  content: Readonly<Record<string, readonly Vector[]>>,
  count: (who: string, name: string, run: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const doors = findKdfDoors(null);
  const runEach = async (vector: Vector, parameters: KdfParameters): Promise<void> => {
    for (const runner of await findKdfRunners(parameters.kdf, doors)) {
      await count(runner, JSON.stringify(parameters), async () => {
        const [password, salt] = [text(vector['password']!), text(vector['salt']!)];
        equal(toHex(await runKdf(runner, doors, password, salt, parameters, vector.dkLen)), vector['dk']!);
      });
    }
  };
  for (const vector of content['scrypt'] ?? []) {
    const { N, r, p, slow } = vector;
    if (slow !== true) await runEach(vector, { kdf: 'scrypt', cost: N, blockSize: r, parallelism: p });
  }
  for (const vector of content['pbkdf2_hmac_sha256'] ?? []) await runEach(vector, { kdf: 'pbkdf2-sha256', iterations: vector.c });
}

/** Our format has neither a secret nor associated data, so this one goes to noble directly. */
async function checkArgon2({ m, t, p, tagLength, password, salt, secret, ad, tag }: Vector): Promise<void> {
  const options = { m, t, p, dkLen: tagLength, key: fromHex(secret!), personalization: fromHex(ad!) };
  equal(toHex(argon2id(fromHex(password!), fromHex(salt!), options)), tag!);
}

async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function text(ascii: string): Uint8Array {
  return new TextEncoder().encode(ascii);
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at]! ^= 1;
  return copy;
}

function equal(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`expected ${expected}, got ${actual}`);
}
