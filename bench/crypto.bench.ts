/**
 * Sealing: our envelope against raw AES-256-GCM of node:crypto and against other packages; each engine alone, which gives the crossovers that
 * `ts/envelope/engine.ts` chooses by; an import of many blobs; rotation; and what keys cost that are derived. Rivals that are not installed, or
 * that a runtime cannot load, are left out, and the note says so.
 */

import { deriverOf } from '../ts/envelope/derive.ts';
import { findKdfDoors, findKdfRunner, findKdfRunners, runKdf } from '../ts/envelope/engine/kdf.ts';
import { nobleEngine } from '../ts/envelope/engine/noble.ts';
import { findNodeEngine } from '../ts/envelope/engine/node.ts';
import type { Engine } from '../ts/envelope/engine/primitives.ts';
import { findWebCryptoEngine } from '../ts/envelope/engine/webcrypto.ts';
import type { Engines } from '../ts/envelope/engine.ts';
import {
  activeEngine,
  type EncryptionKey,
  type EngineKind,
  generateKey,
  open,
  openSync,
  reseal,
  rewrap,
  rewrapHeader,
  seal,
  sealSync,
  useEngine,
} from '../ts/envelope/envelope.ts';
import { KDF_DEFAULTS, type KdfParameters } from '../ts/envelope/kdf.ts';
import { derivePayloadKeys } from '../ts/envelope/payload.ts';
import { runAsync } from '../ts/envelope/steps.ts';
import { type BenchCase, type Contestant, type Subject, sameBytes } from './harness.ts';

const SIZES: readonly (readonly [name: string, bytes: number])[] = [
  ['64 B', 64],
  ['1 KiB', 1024],
  ['4 KiB', 4096],
  ['16 KiB', 16 * 1024],
  ['64 KiB', 64 * 1024],
  ['1 MiB', 1024 * 1024],
];

/** How many blobs are worked on at a time where they are worked on together. */
const IN_FLIGHT = 16;

const TAG = { authTagLength: 16 };
/** What a quick look has time for: the others take from a third of a second to several. */
const QUICK_KDFS: readonly string[] = ['argon2id by node', 'argon2id by hash-wasm', 'pbkdf2-sha256 by webcrypto'];

const PASSWORD = 'a password of more than thirty-two characters';

/** What a rival does with bytes: seals and opens them again. */
type RoundTrip = (plain: Uint8Array) => unknown;

interface Rival {
  readonly name: string;
  /** From npm; null where it is the platform's own. */
  readonly packageName: string | null;
  /** Null where the package is not installed. */
  readonly roundTrip: RoundTrip | null;
}

/** Every case that this runtime can run: a page has no node:crypto, and some runtimes no WebCrypto. */
export async function subject(): Promise<Subject> {
  const rivals = await findRivals();
  const missing = rivals.filter(({ roundTrip }) => roundTrip === null).map(({ packageName }) => packageName ?? 'node:crypto');
  const { mac, shortPayload, longPayload, crossoverBytes, sync } = activeEngine();
  return {
    name: 'crypto',
    note:
      'AES-256-GCM in the key-committing chunked-encryption format of C2SP, behind a header with a wrapped data key. `ours` is the engine that was ' +
      `chosen here: HMAC ${mac}, payloads ${shortPayload}${crossoverBytes === 0 ? '' : `, from ${crossoverBytes} bytes ${longPayload}`}, without ` +
      `waiting ${sync}. \`raw, in parts\` gives nonce, ciphertext and tag as three arrays and so copies nothing; \`raw, one array\` puts them together, as ` +
      'whoever stores them must. Raw has no key wrap, no context, no commitment and no limit on what a reader has to hold. `rewrap, header` is what a ' +
      'store writes in front of a payload that it leaves alone; `rewrap, blob` copies the payload in memory. noble’s AES is not constant in time, by its ' +
      `own README. Keys from passphrases are derived at the parameters that OWASP recommends, which are our defaults: there, a low price is no virtue.` +
      (missing.length === 0 ? '' : ` Not here, and left out: ${missing.join(', ')}.`),
    baseline: 'ours',
    packages: rivals.flatMap(({ roundTrip, packageName }) => (roundTrip === null ? [] : (packageName ?? []))),
    cases: [...roundTrips(rivals), ...primitives(), ...(await imports()), rotation(), ...derivedKeys(), ...(await passphraseKeys())],
  };
}

function roundTrips(rivals: readonly Rival[]): BenchCase[] {
  const key = generateKey();
  return SIZES.map(([name, length]) => {
    const plain = pseudoRandomText(length);
    const present = rivals.flatMap(({ name: rival, roundTrip }) =>
      roundTrip === null ? [] : [{ name: rival, rival: true, run: () => roundTrip(plain) }],
    );
    return {
      name: `seal and open ${name}`,
      inputBytes: length,
      contestants: [
        { name: 'ours', run: async () => open(await seal(plain, key), key) },
        { name: 'ours, not waiting', slow: isSlow(activeEngine().sync, length), run: () => openSync(sealSync(plain, key), key).plaintext },
        ...engineKinds().map((kind) => ({ name: `ours on ${kind}`, slow: isSlow(kind, length), run: () => onEngine(kind, plain, key) })),
        ...present,
      ],
      agree: sameBytes,
    };
  });
}

/** Whether a quick look has no time for it: noble takes a tenth of a second for 1 MiB. */
function isSlow(kind: EngineKind, length: number): boolean {
  return kind === 'noble' && length >= 1024 * 1024;
}

async function onEngine(kind: EngineKind, plain: Uint8Array, key: EncryptionKey): Promise<Uint8Array> {
  useEngine(kind);
  try {
    return await open(await seal(plain, key), key);
  } finally {
    useEngine(null);
  }
}

/** The crossovers: one call of each primitive on each engine, its key prepared anew, as every blob has a key of its own. */
function primitives(): BenchCase[] {
  const key = pseudoRandomBytes(32);
  const nonce = pseudoRandomBytes(12);
  return SIZES.flatMap(([name, length]): BenchCase[] => {
    const plain = pseudoRandomBytes(length);
    const sign = (engine: Engine, hash: 'SHA-256' | 'SHA-512') => () => engine.macKey(hash, key).sign(plain);
    const encrypt = (engine: Engine) => (): unknown => {
      const target = new Uint8Array(length + 16);
      const done = engine.aeadKey(key).encryptInto(nonce, plain, target);
      return done instanceof Promise ? done.then(() => target) : target;
    };
    const each = (run: (engine: Engine) => () => unknown): Contestant[] =>
      engines().map((engine) => ({ name: engine.kind, slow: isSlow(engine.kind, length), run: run(engine) }));
    return [
      { name: `AES-256-GCM ${name}`, inputBytes: length, contestants: each(encrypt), agree: sameBytes },
      { name: `HMAC-SHA-256 ${name}`, inputBytes: length, contestants: each((engine) => sign(engine, 'SHA-256')), agree: sameBytes },
      { name: `HMAC-SHA-512 ${name}`, inputBytes: length, contestants: each((engine) => sign(engine, 'SHA-512')), agree: sameBytes },
    ];
  });
}

/** What an import does: many blobs are opened, small ones and large ones. */
async function imports(): Promise<BenchCase[]> {
  const small = Array.from({ length: 1000 }, (_, index) => pseudoRandomBytes(2048 + ((index * 7919) % (48 * 1024))));
  const large = Array.from({ length: IN_FLIGHT }, () => pseudoRandomBytes(1024 * 1024));
  return [await importOf('1,000 blobs of 2 to 50 KiB opened', small), await importOf(`${IN_FLIGHT} blobs of 1 MiB opened`, large)];
}

async function importOf(name: string, plains: readonly Uint8Array<ArrayBuffer>[]): Promise<BenchCase> {
  const key = generateKey();
  const inputBytes = plains.reduce((sum, { length }) => sum + length, 0);
  const sealed = await pooled(plains, (plain) => seal(plain, key));
  const crypto = nodeCrypto();
  const contestants: Contestant[] = [
    { name: 'ours', run: async () => total(await pooled(sealed, (blob) => open(blob, key))) },
    { name: 'ours, one by one', slow: true, run: async () => total(await pooled(sealed, (blob) => open(blob, key), 1)) },
    {
      name: 'ours, not waiting',
      slow: activeEngine().sync === 'noble',
      run: () => total(sealed.map((blob) => openSync(blob, key).plaintext)),
    },
  ];
  const { subtle } = globalThis.crypto as Partial<Crypto>;
  if (subtle !== undefined) contestants.push(rawWebCryptoImport(subtle, plains));
  if (crypto !== null) {
    const raw = plains.map((plain) => rawSeal(crypto, plain));
    contestants.push({ name: 'raw node:crypto', rival: true, run: () => total(raw.map((blob) => rawOpen(crypto, blob))) });
  }
  return { name, inputBytes, contestants, agree: (first, other) => first === other };
}

/** One key for all blobs, imported once: what WebCrypto gives when nothing is asked of it but to decrypt. */
function rawWebCryptoImport(subtle: SubtleCrypto, plains: readonly Uint8Array<ArrayBuffer>[]): Contestant {
  const iv = pseudoRandomBytes(12);
  const prepared = (async () => {
    const key = await subtle.importKey('raw', pseudoRandomBytes(32), 'AES-GCM', false, ['encrypt', 'decrypt']);
    const blobs = await pooled(plains, async (plain) => new Uint8Array(await subtle.encrypt({ name: 'AES-GCM', iv }, key, plain)));
    return { key, blobs };
  })();
  return {
    name: 'raw WebCrypto, 16 in flight',
    rival: true,
    async run() {
      const { key, blobs } = await prepared;
      return total(await pooled(blobs, async (blob) => new Uint8Array(await subtle.decrypt({ name: 'AES-GCM', iv }, key, blob))));
    },
  };
}

function rotation(): BenchCase {
  const [oldKey, newKey] = [generateKey('old'), generateKey('new')];
  const plain = pseudoRandomBytes(1024 * 1024);
  const sealed = sealSync(plain, oldKey);
  return {
    name: 'rotation of a blob of 1 MiB',
    inputBytes: plain.length,
    contestants: [
      // No rival, but what the gate compares a rewrap with: marked as one, its ratio is printed.
      { name: 'reseal', rival: true, run: async () => (await reseal(sealed, oldKey, newKey)).length },
      { name: 'rewrap, header', run: () => rewrapInPlace(sealed, oldKey, newKey) },
      { name: 'rewrap, blob', run: async () => (await rewrap(sealed, oldKey, newKey)).length },
    ],
    agree: (first, other) => first === other,
  };
}

/** Bytes of the blob that a new header and the old payload make. */
async function rewrapInPlace(sealed: Uint8Array, oldKey: EncryptionKey, newKey: EncryptionKey): Promise<number> {
  const { header, replacedBytes } = await rewrapHeader(sealed.subarray(0, 1024), oldKey, newKey);
  return sealed.length - replacedBytes + header.length;
}

/** The sub-keys of one blob and the keys of its payload: HMAC and HKDF, on each engine. */
function derivedKeys(): BenchCase[] {
  const [secret, context, salt] = [32, 78, 24].map(pseudoRandomBytes) as [Uint8Array, Uint8Array, Uint8Array];
  const each = (run: (engines: Engines) => unknown): Contestant[] =>
    engines().map((engine) => ({ name: engine.kind, run: () => run({ mac: engine, aeadKey: (key) => engine.aeadKey(key) }) }));
  return [
    {
      name: 'HMAC-SHA-512, one sub-key of 32 bytes',
      inputBytes: null,
      contestants: each((on) => deriverOf(on, secret).derive('payload', 32)),
      agree: sameBytes,
    },
    {
      name: 'HKDF-Expand-SHA-512, 76 bytes',
      inputBytes: null,
      contestants: each(async (on) => (await runAsync(derivePayloadKeys(on, secret, context, salt))).commitment),
      agree: sameBytes,
    },
  ];
}

/** What a passphrase costs: each function by all that runs it here, and by what is chosen, the choosing included. */
async function passphraseKeys(): Promise<BenchCase[]> {
  const doors = findKdfDoors(null);
  const [password, salt] = [new TextEncoder().encode(PASSWORD), pseudoRandomBytes(16)];
  const costs = { argon2id: '19 MiB, 2 passes', scrypt: '128 MiB', 'pbkdf2-sha256': '600,000 iterations' } as const;
  const makeCase = async (parameters: KdfParameters): Promise<BenchCase> => {
    const { kdf } = parameters;
    const runners = await findKdfRunners(kdf, doors);
    const isSlowRunner = (runner: string): boolean => !QUICK_KDFS.includes(`${kdf} by ${runner}`);
    return {
      name: `${kdf}, ${costs[kdf]}`,
      inputBytes: null,
      contestants: [
        {
          name: 'ours',
          slow: isSlowRunner(runners[0]!),
          run: async () => runKdf(await findKdfRunner(kdf, doors), doors, password, salt, parameters, 32),
        },
        ...runners.map((name) => ({
          name,
          ...{ rival: true, slow: isSlowRunner(name) },
          run: () => runKdf(name, doors, password, salt, parameters, 32),
        })),
      ],
      agree: sameBytes,
    };
  };
  return Promise.all(Object.values(KDF_DEFAULTS).map(makeCase));
}

async function findRivals(): Promise<Rival[]> {
  const crypto = nodeCrypto();
  return [
    { name: 'raw node:crypto, in parts', packageName: null, roundTrip: crypto && ((plain) => rawInParts(crypto, plain)) },
    { name: 'raw node:crypto, one array', packageName: null, roundTrip: crypto && ((plain) => rawOpen(crypto, rawSeal(crypto, plain))) },
    { name: '@hapi/iron, string password', packageName: '@hapi/iron', roundTrip: iron(await import(IRON).catch(nullIfAbsent)) },
    { name: 'jose, dir', packageName: 'jose', roundTrip: jose(await import('jose').catch(nullIfAbsent)) },
    {
      name: 'libsodium-wrappers, secretstream',
      packageName: 'libsodium-wrappers',
      roundTrip: await secretstream(await import('libsodium-wrappers').catch(nullIfAbsent)),
    },
  ];
}

/** Built on Node's own crypto, so that no page can load it: no literal, so that a bundler does not try. */
const IRON: string = '@hapi/iron';

/** For a package that cannot be imported here: Node and Bun say so by a code, Deno and browsers by a TypeError. Throws any other error. */
function nullIfAbsent(error: unknown): null {
  if ((error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND' || error instanceof TypeError) return null;
  throw error;
}

type NodeCrypto = typeof import('node:crypto');

function nodeCrypto(): NodeCrypto | null {
  return globalThis.process?.getBuiltinModule?.('node:crypto') ?? null;
}

const RAW_KEY = pseudoRandomBytes(32);

function rawInParts(crypto: NodeCrypto, plain: Uint8Array): Uint8Array {
  const nonce = crypto.randomBytes(12);
  const cipher = crypto.createCipheriv('aes-256-gcm', RAW_KEY, nonce, TAG);
  const sealed = cipher.update(plain);
  cipher.final();
  const decipher = crypto.createDecipheriv('aes-256-gcm', RAW_KEY, nonce, TAG);
  decipher.setAuthTag(cipher.getAuthTag());
  const opened = decipher.update(sealed);
  decipher.final();
  return opened;
}

function rawSeal(crypto: NodeCrypto, plain: Uint8Array): Uint8Array {
  const nonce = crypto.randomBytes(12);
  const cipher = crypto.createCipheriv('aes-256-gcm', RAW_KEY, nonce, TAG);
  const sealed = cipher.update(plain);
  cipher.final();
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]);
}

function rawOpen(crypto: NodeCrypto, blob: Uint8Array): Uint8Array {
  const decipher = crypto.createDecipheriv('aes-256-gcm', RAW_KEY, blob.subarray(0, 12), TAG);
  decipher.setAuthTag(blob.subarray(-16));
  const opened = decipher.update(blob.subarray(12, -16));
  decipher.final();
  return opened;
}

interface Iron {
  readonly defaults: unknown;
  seal(object: unknown, password: string, options: unknown): Promise<string>;
  unseal(sealed: string, password: string, options: unknown): Promise<unknown>;
}

/** Iron seals JSON, so it is given the text as one string; its bytes are ASCII, which JSON leaves as they are. */
function iron(module: Iron | null): RoundTrip | null {
  if (module === null) return null;
  return async (plain) => {
    const sealed = await module.seal(new TextDecoder().decode(plain), PASSWORD, module.defaults);
    return new TextEncoder().encode((await module.unseal(sealed, PASSWORD, module.defaults)) as string);
  };
}

function jose(module: typeof import('jose') | null): RoundTrip | null {
  // It runs on WebCrypto alone.
  if (module === null || (globalThis.crypto as Partial<Crypto>).subtle === undefined) return null;
  return async (plain) => {
    const jwe = await new module.CompactEncrypt(plain).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(RAW_KEY);
    return (await module.compactDecrypt(jwe, RAW_KEY)).plaintext;
  };
}

/** All of the message in one push, which suits it best. */
async function secretstream(module: typeof import('libsodium-wrappers') | null): Promise<RoundTrip | null> {
  if (module === null) return null;
  const sodium = module.default;
  await sodium.ready;
  const final = sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL;
  return (plain) => {
    const push = sodium.crypto_secretstream_xchacha20poly1305_init_push(RAW_KEY);
    const sealed = sodium.crypto_secretstream_xchacha20poly1305_push(push.state, plain, null, final);
    const pull = sodium.crypto_secretstream_xchacha20poly1305_init_pull(push.header, RAW_KEY);
    const opened = sodium.crypto_secretstream_xchacha20poly1305_pull(pull, sealed, null);
    return opened === false ? null : opened.message;
  };
}

function engines(): Engine[] {
  return [nobleEngine, findWebCryptoEngine(), findNodeEngine()].filter((engine) => engine !== null);
}

function engineKinds(): EngineKind[] {
  return engines().map(({ kind }) => kind);
}

/** Does `work` for each item, at most `inFlight` at a time. */
async function pooled<T>(
  items: readonly T[],
  work: (item: T) => Promise<Uint8Array<ArrayBuffer>>,
  inFlight = IN_FLIGHT,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const results: Uint8Array<ArrayBuffer>[] = new Array(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index]!);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return results;
}

function total(results: readonly Uint8Array[]): number {
  return results.reduce((sum, { length }) => sum + length, 0);
}

/** Bytes of a linear congruential generator: the same in every run, and incompressible enough. */
function pseudoRandomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0, state = 1; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** The same as letters and digits, for rivals that take text. */
function pseudoRandomText(length: number): Uint8Array<ArrayBuffer> {
  return pseudoRandomBytes(length).map((byte) => ALPHABET.charCodeAt(byte % ALPHABET.length));
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
