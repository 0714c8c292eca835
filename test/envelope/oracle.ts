/**
 * A second implementation of `ts/envelope/layout.md` over node:crypto, slow and obvious, that shares no line with the one under test.
 * It can also write what the product does not write yet: wraps of reserved types, flags, any header bytes under a right MAC.
 */

import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';

export interface OracleKey {
  readonly kid: string;
  readonly bytes: Uint8Array;
}

export interface OracleBlob {
  readonly dataKey: Uint8Array;
  readonly blobId: Uint8Array;
  readonly payloadSalt: Uint8Array;
  readonly plaintext: Uint8Array;
  /** Canonical bytes. */
  readonly context: Uint8Array;
  readonly wraps: readonly (OracleWrap | RawWrap)[];
  readonly flags?: number;
  readonly mutableFlags?: number;
  /** What stands in the length field, where that is not the length of the plaintext. */
  readonly length?: bigint;
}

export interface OracleWrap {
  readonly key: OracleKey;
  readonly salt: Uint8Array;
  /** What a cheating writer wraps instead of the data key of the blob. */
  readonly dataKey?: Uint8Array;
}

export interface RawWrap {
  readonly type: number;
  readonly kid: Uint8Array;
  readonly kcv: Uint8Array;
  readonly body: Uint8Array;
}

const x = (secret: Uint8Array, label: string, ...rest: Uint8Array[]): Buffer => {
  const mac = createHmac('sha512', secret).update(`${label}\0`, 'latin1');
  for (const bytes of rest) mac.update(bytes);
  return mac.digest();
};
const hmac256 = (key: Uint8Array, ...parts: Uint8Array[]): Buffer => createHmac('sha256', key).update(Buffer.concat(parts)).digest();
const u8 = (value: number): Buffer => Buffer.from([value]);
const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const u64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
};

function gcmEncrypt(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, additionalData: Uint8Array): Buffer {
  const cipher = createCipheriv(key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm', key, nonce);
  cipher.setAAD(additionalData);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function gcmDecrypt(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, additionalData: Uint8Array): Buffer {
  const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
  cipher.setAAD(additionalData);
  cipher.setAuthTag(sealed.subarray(sealed.length - 16));
  return Buffer.concat([cipher.update(sealed.subarray(0, sealed.length - 16)), cipher.final()]);
}

function payloadKeys(key: Uint8Array, salt: Uint8Array, context: Uint8Array): { key: Buffer; nonce: Buffer; commitment: Buffer } {
  const name = key.length === 16 ? 'AEAD_AES_128_GCM' : 'AEAD_AES_256_GCM';
  const info = Buffer.concat([Buffer.from(`c2sp.org/chunked-encryption@v1+${name}\0`), salt, context]);
  const first = createHmac('sha512', key)
    .update(Buffer.concat([info, u8(1)]))
    .digest();
  const second = createHmac('sha512', key)
    .update(Buffer.concat([first, info, u8(2)]))
    .digest();
  const okm = Buffer.concat([first, second]);
  const n = key.length;
  return { key: okm.subarray(0, n), nonce: okm.subarray(n, n + 12), commitment: okm.subarray(n + 12, n + 44) };
}

const chunkNonce = (base: Uint8Array, index: number): Buffer => {
  const counter = Buffer.alloc(12);
  counter.writeUInt32BE(index, 8);
  return Buffer.from(base.map((byte, at) => byte ^ counter[at]!));
};

/** The C2SP payload. */
export function oraclePayload(key: Uint8Array, context: Uint8Array, salt: Uint8Array, plaintext: Uint8Array): Buffer {
  const keys = payloadKeys(key, salt, context);
  const parts: Uint8Array[] = [salt, keys.commitment];
  for (let index = 0; index <= Math.floor(plaintext.length / 16384); index++) {
    const chunk = plaintext.subarray(index * 16384, (index + 1) * 16384);
    parts.push(gcmEncrypt(keys.key, chunkNonce(keys.nonce, index), chunk, Buffer.alloc(0)));
  }
  return Buffer.concat(parts);
}

/** The whole blob, byte for byte. */
export function oracleSeal(blob: OracleBlob): Buffer {
  const contextMac = hmac256(x(blob.dataKey, 'psp/env@1 context').subarray(0, 32), blob.context);
  const magic = Buffer.from('PSPE\x01\x01', 'latin1');
  const a = Buffer.concat([magic, u16(blob.flags ?? 0), blob.blobId, u64(blob.length ?? blob.plaintext.length), contextMac]);
  const wraps = blob.wraps.map((wrap) => ('key' in wrap ? localWrap(wrap, wrap.dataKey ?? blob.dataKey, a) : wrap));
  const b = oracleMutable(wraps, blob.mutableFlags);
  const payloadContext = Buffer.concat([Buffer.from('psp/payload@1\0'), a]);
  const payload = oraclePayload(x(blob.dataKey, 'psp/env@1 payload').subarray(0, 32), payloadContext, blob.payloadSalt, blob.plaintext);
  const c = hmac256(x(blob.dataKey, 'psp/env@1 header-mac').subarray(0, 32), a, b, payload.subarray(0, 56));
  return Buffer.concat([a, b, c, payload]);
}

/** Part B of a header. */
export function oracleMutable(wraps: readonly RawWrap[], mutableFlags = 0): Buffer {
  const parts = wraps.map(({ type, kid, kcv, body }) => Buffer.concat([u8(type), u8(kid.length), kid, kcv, u16(body.length), body]));
  return Buffer.concat([u8(mutableFlags), u8(wraps.length), ...parts]);
}

function localWrap({ key, salt }: OracleWrap, dataKey: Uint8Array, a: Uint8Array): RawWrap {
  const derived = x(key.bytes, 'psp/env@1 kek-wrap', salt);
  const kid = Buffer.from(key.kid);
  const additionalData = Buffer.concat([a, u8(1), u8(kid.length), kid]);
  const encrypted = gcmEncrypt(derived.subarray(0, 32), derived.subarray(32, 44), dataKey, additionalData);
  return { type: 1, kid, kcv: x(key.bytes, 'psp/env@1 kcv').subarray(0, 8), body: Buffer.concat([salt, encrypted]) };
}

/** The plaintext, by the first wrap, which must be a local one of `key`. Throws whatever comes when anything does not fit. */
export function oracleOpen(sealed: Uint8Array, key: OracleKey, context: Uint8Array): Buffer {
  const blob = Buffer.from(sealed);
  const a = blob.subarray(0, 64);
  const wrapCount = blob[65]!;
  let at = 66;
  let firstBody = Buffer.alloc(0);
  for (let index = 0; index < wrapCount; index++) {
    const bodyAt = at + 2 + blob[at + 1]! + 8 + 2;
    const bodyEnd = bodyAt + blob.readUInt16BE(bodyAt - 2);
    if (index === 0) firstBody = blob.subarray(bodyAt, bodyEnd);
    at = bodyEnd;
  }
  const payload = blob.subarray(at + 32);
  const derived = x(key.bytes, 'psp/env@1 kek-wrap', firstBody.subarray(0, 24));
  const kid = Buffer.from(key.kid);
  const additionalData = Buffer.concat([a, u8(1), u8(kid.length), kid]);
  const dataKey = gcmDecrypt(derived.subarray(0, 32), derived.subarray(32, 44), firstBody.subarray(24), additionalData);
  const headerMac = hmac256(x(dataKey, 'psp/env@1 header-mac').subarray(0, 32), blob.subarray(0, at), payload.subarray(0, 56));
  if (!headerMac.equals(blob.subarray(at, at + 32))) throw new Error('header MAC');
  const contextMac = hmac256(x(dataKey, 'psp/env@1 context').subarray(0, 32), context);
  if (!contextMac.equals(a.subarray(32))) throw new Error('context MAC');
  const payloadContext = Buffer.concat([Buffer.from('psp/payload@1\0'), a]);
  const keys = payloadKeys(x(dataKey, 'psp/env@1 payload').subarray(0, 32), payload.subarray(0, 24), payloadContext);
  if (!keys.commitment.equals(payload.subarray(24, 56))) throw new Error('commitment');
  const chunks: Buffer[] = [];
  for (let index = 0, start = 56; start < payload.length; index++, start += 16400) {
    chunks.push(gcmDecrypt(keys.key, chunkNonce(keys.nonce, index), payload.subarray(start, start + 16400), Buffer.alloc(0)));
  }
  return Buffer.concat(chunks);
}
