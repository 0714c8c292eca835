/**
 * Field sealing, the cryptography: values sealed one by one under the data key of their file, each bound to its file and its place, and one
 * MAC, the manifest, over the whole text that they stand in. Bytes in, bytes out: what a place is and what the file looks like is the
 * caller's. `field-layout.md` is the truth for the bytes.
 *
 *     sealed value = salt 24 | AES-256-GCM(value key, nonce, value | 0x80 | zeros up to the next step of padding) with its tag 16
 *     value key 32 | nonce 12 = X(K field, "psp/env@1 field", salt), so a key and nonce are used for one value only
 */

import { equalBytes } from '@noble/ciphers/utils.js';
import { clean, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { encodeContext, type SealContext } from './context.ts';
import { type Deriver, deriverOf, macWith } from './derive.ts';
import { NONCE_BYTES, TAG_BYTES } from './engine/primitives.ts';
import { type Engines, engines } from './engine.ts';
import { BLOB_ID_BYTES, IMMUTABLE_BYTES, showKid, type Wrap } from './header.ts';
import { KEY_BYTES } from './key.ts';
import { KeyRing, sealingKeyOf } from './keyring.ts';
import { SALT_BYTES } from './payload.ts';
import type { RandomBytes } from './random.ts';
import { runAsync, type Steps, waitFor } from './steps.ts';
import { type KeySource, listKeys, unwrapDataKey, wrapDataKeys } from './wrap.ts';

/** Version of the files that this code reads and writes. */
export const FIELD_VERSION = 1;
/** The one suite of version 1: AES-256-GCM, HMAC-SHA-512 derivation, HMAC-SHA-256 manifest. */
export const FIELD_SUITE = 1;
/** Bytes by which a sealed value is longer than its padded value: salt and tag. */
const FIELD_OVERHEAD_BYTES: number = SALT_BYTES + TAG_BYTES;
/** The coarsest step of padding. */
export const MAX_PAD_BYTES = 65_536;

const MAGIC = utf8ToBytes('PSPF');
const VALUE_PREFIX = utf8ToBytes('psp/field@1\0');
/** Ends a value, so that the zeros behind it can be told from its own (ISO/IEC 7816-4). */
const END_OF_VALUE = 0x80;

/** What the header of a file says. Nothing of it is authentic before {@link openFieldCipher}. */
export interface FieldHeader {
  /** 16 random bytes, kept for as long as the data key is. */
  readonly fileId: Uint8Array;
  /** 32 bytes: HMAC-SHA-256(K context, canonical context), as in a sealed blob. */
  readonly contextMac: Uint8Array;
  readonly wraps: readonly Wrap[];
}

/** A file that was opened: authentic, and of the context that was given. */
export interface OpenedFieldFile {
  readonly cipher: FieldCipher;
  /** Of the key that opened it, as it stands in the header. */
  readonly kid: string;
}

/** The data key of one file at work. It lives until {@link FieldCipher.wipe}. */
export class FieldCipher {
  readonly header: FieldHeader;
  readonly #engines: Engines;
  readonly #dataKey: Uint8Array;
  readonly #fileKeys: Deriver;
  readonly #fieldKey: Uint8Array;
  readonly #valueKeys: Deriver;

  /** Not public. The caller guarantees that the header belongs to the data key, gives both arrays away, and keeps the deriver unwiped. */
  constructor(engines: Engines, header: FieldHeader, dataKey: Uint8Array, fileKeys: Deriver, fieldKey: Uint8Array) {
    this.header = header;
    this.#engines = engines;
    this.#dataKey = dataKey;
    this.#fileKeys = fileKeys;
    this.#fieldKey = fieldKey;
    this.#valueKeys = deriverOf(engines, fieldKey);
  }

  /**
   * `value`, sealed for `place`: {@link sealedFieldBytes} bytes. `salt` must be 24 fresh random bytes: that is what makes equal values differ,
   * and no nonce stand twice. The length of the value shows, up to the next multiple of `padTo`.
   */
  async seal(place: Uint8Array, value: Uint8Array, padTo: number, salt: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    return runAsync(this.#sealSteps(place, value, padTo, salt));
  }

  /** The value out of `sealed`, which must be the one of `place` in this file; null where it is not, or is nothing that {@link seal} gives. */
  async open(place: Uint8Array, sealed: Uint8Array): Promise<Uint8Array<ArrayBuffer> | null> {
    return sealed.length <= FIELD_OVERHEAD_BYTES ? null : runAsync(this.#openSteps(place, sealed));
  }

  /** The manifest: 32 bytes, HMAC-SHA-256(K field-manifest, `text`). */
  async manifestOf(text: Uint8Array): Promise<Uint8Array> {
    return runAsync(macWith(this.#engines, this.#fileKeys, 'field-manifest', text));
  }

  /**
   * The header with wraps for `keys` and for nobody else. Wraps that are theirs already stay as they are, byte for byte, when no other has to
   * be made; otherwise all are made anew. Fails as `seal` does for its keys, and with `KEY_REVOKED` when a ring among them has a key of the
   * header as compromised: whoever has that key knows the data key, so new wraps would help nobody.
   */
  async headerFor(keys: readonly KeySource[], random: RandomBytes, now: () => number = Date.now): Promise<FieldHeader> {
    const immutable = immutableOf(this.header);
    for (const { kid } of this.header.wraps) {
      if (!keys.some((key) => key instanceof KeyRing && key.demandsReseal(kid))) continue;
      throw new PspError(
        'KEY_REVOKED',
        `key ${showKid(kid)}: it is compromised, and so is the data key: expected the file to be sealed anew`,
        {
          details: { kid, state: 'revoked', revokedFor: 'compromised' },
        },
      );
    }
    const makers = keys.map((key) => (key instanceof KeyRing ? sealingKeyOf(key, now()) : key));
    const kept: Wrap[] = [];
    for (const maker of makers) {
      const wrap = await ownWrap(this.#engines, maker, this.header.wraps, immutable);
      if (wrap !== null && !kept.includes(wrap)) kept.push(wrap);
    }
    const wraps = kept.length === makers.length ? kept : await wrapDataKeys(makers, this.#dataKey, immutable, random, now, this.#engines);
    return { ...this.header, wraps };
  }

  /** Wipes the keys. The cipher is of no use afterwards. */
  wipe(): void {
    this.#valueKeys.wipe();
    this.#fileKeys.wipe();
    clean(this.#fieldKey, this.#dataKey);
  }

  *#sealSteps(place: Uint8Array, value: Uint8Array, padTo: number, salt: Uint8Array): Steps<Uint8Array<ArrayBuffer>> {
    const sealed = new Uint8Array(sealedFieldBytes(value.length, padTo));
    const padded = new Uint8Array(sealed.length - FIELD_OVERHEAD_BYTES);
    padded.set(value);
    padded[value.length] = END_OF_VALUE;
    sealed.set(salt);
    const keyAndNonce = yield* waitFor(this.#valueKeys.derive('field', KEY_BYTES + NONCE_BYTES, salt));
    try {
      const cipher = this.#engines.aeadKey(keyAndNonce.subarray(0, KEY_BYTES), padded.length);
      const target = sealed.subarray(SALT_BYTES);
      yield* waitFor(cipher.encryptInto(keyAndNonce.subarray(KEY_BYTES), padded, target, this.#additionalData(place)));
      return sealed;
    } finally {
      clean(keyAndNonce, padded);
    }
  }

  *#openSteps(place: Uint8Array, sealed: Uint8Array): Steps<Uint8Array<ArrayBuffer> | null> {
    const padded = new Uint8Array(sealed.length - FIELD_OVERHEAD_BYTES);
    const keyAndNonce = yield* waitFor(this.#valueKeys.derive('field', KEY_BYTES + NONCE_BYTES, sealed.subarray(0, SALT_BYTES)));
    try {
      const cipher = this.#engines.aeadKey(keyAndNonce.subarray(0, KEY_BYTES), padded.length);
      const body = sealed.subarray(SALT_BYTES);
      const nonce = keyAndNonce.subarray(KEY_BYTES);
      if (!(yield* waitFor(cipher.decryptInto(nonce, body, padded, this.#additionalData(place))))) return null;
      let end = padded.length - 1;
      while (end > 0 && padded[end] === 0) end--;
      return padded[end] === END_OF_VALUE ? padded.slice(0, end) : null;
    } finally {
      clean(keyAndNonce, padded);
    }
  }

  #additionalData(place: Uint8Array): Uint8Array {
    return concatBytes(VALUE_PREFIX, this.header.fileId, place);
  }
}

/** Bytes of a sealed value of `valueBytes`, padded to a multiple of `padTo` (1 pads nothing): one byte for its end, then {@link FIELD_OVERHEAD_BYTES}. */
export function sealedFieldBytes(valueBytes: number, padTo: number): number {
  return FIELD_OVERHEAD_BYTES + Math.ceil((valueBytes + 1) / padTo) * padTo;
}

/**
 * A cipher with a new data key for a new file, wrapped for every one of `keys` (1 to 8, of different names). Draws: data key 32, file id 16,
 * then what the wraps draw. Fails as `seal` does for its arguments and keys.
 */
export async function createFieldCipher(keys: readonly KeySource[], context: SealContext, random: RandomBytes): Promise<FieldCipher> {
  return runAsync(createSteps(engines(), listKeys(keys), encodeContext(context), random));
}

/**
 * The cipher of the file that `header` stands in front of, and the key that opened it, once all of that file is authentic: `text` is what its
 * manifest covers. `context` null leaves that unchecked. The codes of `open` (open.ts) in its steps 4 to 6: those of keys, `ENVELOPE_TAMPERED`, `ENVELOPE_CONTEXT`.
 */
export async function openFieldCipher(
  keys: readonly KeySource[],
  context: SealContext | null,
  { header, text, manifest }: { readonly header: FieldHeader; readonly text: Uint8Array; readonly manifest: Uint8Array },
): Promise<OpenedFieldFile> {
  return runAsync(openSteps(engines(), listKeys(keys), context === null ? null : encodeContext(context), header, text, manifest));
}

function* createSteps(engines: Engines, keys: readonly KeySource[], context: Uint8Array, random: RandomBytes): Steps<FieldCipher> {
  const dataKey = random(KEY_BYTES);
  const fileId = random(BLOB_ID_BYTES);
  const fileKeys = deriverOf(engines, dataKey);
  let fieldKey: Uint8Array | null = null;
  try {
    const contextMac = yield* macWith(engines, fileKeys, 'context', context);
    const wraps = yield* waitFor(wrapDataKeys(keys, dataKey, immutableOf({ fileId, contextMac }), random, Date.now, engines));
    fieldKey = yield* waitFor(fileKeys.derive('field', KEY_BYTES));
    return new FieldCipher(engines, { fileId, contextMac, wraps }, dataKey, fileKeys, fieldKey);
  } finally {
    if (fieldKey === null) forget(dataKey, fileKeys);
  }
}

function* openSteps(
  engines: Engines,
  keys: readonly KeySource[],
  context: Uint8Array | null,
  header: FieldHeader,
  text: Uint8Array,
  manifest: Uint8Array,
): Steps<OpenedFieldFile> {
  const { dataKey, kid } = yield* waitFor(unwrapDataKey(keys, header.wraps, immutableOf(header), engines));
  const fileKeys = deriverOf(engines, dataKey);
  let fieldKey: Uint8Array | null = null;
  try {
    if (!equalBytes(yield* macWith(engines, fileKeys, 'field-manifest', text), manifest)) {
      throw new PspError('ENVELOPE_TAMPERED', 'manifest: the file is not authentic');
    }
    if (context !== null && !equalBytes(yield* macWith(engines, fileKeys, 'context', context), header.contextMac)) {
      throw new PspError('ENVELOPE_CONTEXT', 'context: the file was sealed for another tenant or session than was given');
    }
    fieldKey = yield* waitFor(fileKeys.derive('field', KEY_BYTES));
    return { cipher: new FieldCipher(engines, header, dataKey, fileKeys, fieldKey), kid };
  } finally {
    if (fieldKey === null) forget(dataKey, fileKeys);
  }
}

/** What every wrap is bound to; of the length of part A of a sealed blob, with a magic of its own, so that no wrap of one fits the other. */
function immutableOf({ fileId, contextMac }: Omit<FieldHeader, 'wraps'>): Uint8Array {
  const bytes = new Uint8Array(IMMUTABLE_BYTES);
  bytes.set(MAGIC);
  bytes[4] = FIELD_VERSION;
  bytes[5] = FIELD_SUITE;
  bytes.set(fileId, 8);
  bytes.set(contextMac, 32);
  return bytes;
}

/** The wrap that `maker` opens, or null. What a name says is not enough: a passphrase may have changed under its name. */
async function ownWrap(engines: Engines, maker: KeySource, wraps: readonly Wrap[], immutable: Uint8Array): Promise<Wrap | null> {
  try {
    const { dataKey, kid } = await unwrapDataKey([maker], wraps, immutable, engines);
    clean(dataKey);
    return wraps.find((wrap) => wrap.kid === kid) ?? null;
  } catch (error) {
    if (error instanceof PspError && (error.code === 'KEY_UNKNOWN' || error.code === 'KEY_WRONG')) return null;
    throw error;
  }
}

function forget(dataKey: Uint8Array, fileKeys: Deriver): void {
  fileKeys.wipe();
  clean(dataKey);
}
