/**
 * Blobs of many kinds, sealed by every engine that a runtime has and opened by every engine of whichever runtime gets them: the program of the
 * cross matrix. Everything that goes in and out is JSON. Uses nothing that a page lacks.
 */

import { hexToBytes as fromHex, bytesToHex as toHex } from '@noble/hashes/utils.js';
import {
  EncryptionKey,
  type EngineKind,
  open,
  openSealed,
  openStream,
  type SealedAttributes,
  seal,
  sealStream,
  useEngine,
} from '../../ts/envelope/envelope.ts';
import { PspError } from '../../ts/errors.ts';
import { findEngines } from './crypto-vectors.ts';

/** A kind of blob. */
interface BlobCase {
  readonly name: string;
  readonly byteLength: number;
  readonly keys: readonly EncryptionKey[];
  readonly attributes?: SealedAttributes;
  /** Sealed piece by piece, without saying how long it is. */
  readonly isStream?: boolean;
}

/** A blob on its way from one runtime to another. */
export interface CarriedBlob {
  readonly engine: EngineKind;
  readonly case: string;
  readonly hex: string;
}

/** What a runtime did with blobs. */
export interface OpenedBlobs {
  /** By `<engine that sealed> by <engine that opened>`: how many gave what was sealed, and refused to be changed. */
  readonly opened: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
}

const CONTEXT = { tenant: 'acme', sessionId: 's-1' };
const ATTRIBUTES: SealedAttributes = { incarnation: 'i-1', revision: 7, schemaVersion: '1' };
const [ONE, TWO] = [1, 2].map((byte) => new EncryptionKey(`key-${byte}`, new Uint8Array(32).fill(byte))) as [EncryptionKey, EncryptionKey];

const CASES: readonly BlobCase[] = [
  { name: 'nothing', byteLength: 0, keys: [ONE] },
  { name: 'nothing but attributes', byteLength: 0, keys: [ONE], attributes: ATTRIBUTES },
  { name: 'a few bytes for two keys', byteLength: 1000, keys: [TWO, ONE] },
  { name: 'one full chunk', byteLength: 16_384, keys: [ONE] },
  { name: 'one full chunk after attributes', byteLength: 16_384, keys: [TWO, ONE], attributes: ATTRIBUTES },
  { name: 'many chunks', byteLength: 100_000, keys: [ONE], attributes: ATTRIBUTES },
  { name: 'a stream', byteLength: 100_000, keys: [TWO, ONE], isStream: true },
  { name: 'a stream after attributes', byteLength: 32_768, keys: [ONE], attributes: ATTRIBUTES, isStream: true },
];

/** How many blobs each engine seals. */
export const BLOBS_PER_ENGINE: number = CASES.length;

/** The engines of this runtime, in the order in which they are used. */
export async function listEngines(): Promise<EngineKind[]> {
  return findEngines().map(({ kind }) => kind);
}

/** One blob of each kind by each engine of this runtime. */
export async function sealBlobs(): Promise<CarriedBlob[]> {
  const blobs: CarriedBlob[] = [];
  for (const engine of await listEngines()) {
    for (const blobCase of CASES) {
      const sealed = await withEngine(engine, () => sealCase(blobCase));
      blobs.push({ engine, case: blobCase.name, hex: toHex(sealed) });
    }
  }
  return blobs;
}

/** Opens each blob by each engine of this runtime, whole and as a stream, and tries it with its last byte changed. */
export async function openBlobs(blobs: readonly CarriedBlob[]): Promise<OpenedBlobs> {
  const opened: Record<string, number> = {};
  const failures: string[] = [];
  for (const engine of await listEngines()) {
    for (const blob of blobs) {
      const pair = `${blob.engine} by ${engine}`;
      try {
        await withEngine(engine, () => openCase(CASES.find(({ name }) => name === blob.case)!, fromHex(blob.hex)));
        opened[pair] = (opened[pair] ?? 0) + 1;
      } catch (error) {
        failures.push(`${blob.case}, ${pair}: ${error}`);
      }
    }
  }
  return { opened, failures };
}

async function sealCase({ byteLength, keys, attributes, isStream }: BlobCase): Promise<Uint8Array> {
  const options = attributes === undefined ? {} : { attributes };
  if (isStream !== true) return seal(plaintextOf(byteLength), keys, CONTEXT, options);
  const pieces = [plaintextOf(byteLength).subarray(0, 20_000), plaintextOf(byteLength).subarray(20_000)];
  return collect(sealStream(pieces, keys, CONTEXT, options));
}

async function openCase({ byteLength, keys, attributes = {} }: BlobCase, sealed: Uint8Array<ArrayBuffer>): Promise<void> {
  const expected = toHex(plaintextOf(byteLength));
  for (const key of keys) {
    const whole = await openSealed(sealed, key, CONTEXT);
    expect(toHex(whole.plaintext) === expected && whole.kid === key.kid, 'another plaintext or kid');
    expect(JSON.stringify(whole.attributes) === JSON.stringify(attributes), 'other attributes');
  }
  const stream = await openStream([sealed], keys[0]!, CONTEXT);
  expect(toHex(await collect(stream)) === expected, 'another plaintext in a stream');
  const changed = Uint8Array.from(sealed);
  changed[changed.length - 1]! ^= 1;
  const code = await open(changed, keys[0]!, CONTEXT).then(
    () => 'opened',
    (error: unknown) => (error instanceof PspError ? error.code : String(error)),
  );
  expect(code === 'ENVELOPE_TAMPERED', `a changed blob: ${code}`);
}

async function withEngine<T>(engine: EngineKind, run: () => Promise<T>): Promise<T> {
  useEngine(engine);
  try {
    return await run();
  } finally {
    useEngine(null);
  }
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  const whole = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of all) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function plaintextOf(byteLength: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: byteLength }, (_, at) => (at * 7 + Math.floor(at / 16_384) * 3 + 1) & 0xff);
}

function expect(isTrue: boolean, otherwise: string): void {
  if (!isTrue) throw new Error(otherwise);
}
