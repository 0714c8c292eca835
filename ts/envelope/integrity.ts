/**
 * Integrity tags: a MAC over any bytes, clear or sealed, kept beside them. Whoever has the MAC key can find out that the bytes are still the
 * ones that were stored for this context, and can do nothing else: a store can be scrubbed by someone who cannot open it. A sealed blob is
 * authentic by itself when it is opened; a tag is for checking without opening.
 *
 *     "PSPT" 4 | version 1 | kid length 1 | kid | kcv 8 | HMAC-SHA-256 32
 */

import { equalBytes } from '@noble/ciphers/utils.js';
import { clean, concatBytes, isBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { encodeContext, type SealContext } from './context.ts';
import { derive } from './derive.ts';
import { engines } from './engine.ts';
import { KCV_BYTES, MAC_BYTES, showKid } from './header.ts';
import { isKid, type MacKey, macSecretOf } from './key.ts';

const MAGIC = utf8ToBytes('PSPT');
const VERSION = 1;
const PREFIX = utf8ToBytes('psp/mac@1\0');

/**
 * The tag of `bytes` under `macKey` for `context`: 46 bytes and the kid. The same arguments give the same tag. Reads the bytes once, copies
 * them only where WebCrypto does the work. TypeError for wrong arguments; it fails in no other way.
 */
export async function integrityTag(bytes: Uint8Array, macKey: MacKey, context: SealContext = {}): Promise<Uint8Array<ArrayBuffer>> {
  if (!isBytes(bytes)) throw new TypeError('bytes: expected a Uint8Array');
  const kid = utf8ToBytes(macKey.kid);
  const kcv = checkValue(macKey);
  const mac = await macOf(bytes, macKey, context);
  return concatBytes(MAGIC, Uint8Array.of(VERSION, kid.length), kid, kcv, mac) as Uint8Array<ArrayBuffer>;
}

/**
 * Resolves when `tag` is the tag of `bytes` for `context` by one of `macKeys`, and gives that key's kid. TypeError and RangeError for wrong
 * arguments. Otherwise it fails with the first code in this order:
 *
 * 1. `ENVELOPE_MALFORMED`: no tag at all, or not one whole tag; `ENVELOPE_UNSUPPORTED_VERSION`: a tag of another version;
 * 2. `KEY_UNKNOWN`: made with a key of another name; `KEY_WRONG`: with another key of the same name;
 * 3. `ENVELOPE_TAMPERED`: not the tag of these bytes for this context. Which of them differs cannot be told, as for every MAC.
 *
 * The MACs are compared in full and in constant time, as far as JavaScript has that.
 */
export async function verifyIntegrity(
  bytes: Uint8Array,
  tag: Uint8Array,
  macKeys: MacKey | readonly MacKey[],
  context: SealContext = {},
): Promise<{ readonly kid: string }> {
  if (!isBytes(bytes)) throw new TypeError('bytes: expected a Uint8Array');
  if (!isBytes(tag)) throw new TypeError('tag: expected a Uint8Array');
  const list: readonly MacKey[] = Array.isArray(macKeys) ? macKeys : [macKeys as MacKey];
  if (list.length === 0) throw new RangeError('macKeys: expected at least one key, got none');
  for (const key of list) macSecretOf(key);
  encodeContext(context); // a wrong argument is reported whatever the tag is

  const { kid, kcv, mac } = parseTag(tag);
  const namesakes = list.filter((key) => key.kid === kid);
  if (namesakes.length === 0) {
    const message = `integrity tag: expected the key ${showKid(kid)}, got ${list.length} of other names`;
    throw new PspError('KEY_UNKNOWN', message, { details: { kids: kid } });
  }
  const key = namesakes.find((one) => equalBytes(checkValue(one), kcv));
  if (key === undefined) throw new PspError('KEY_WRONG', `key ${showKid(kid)}: the tag was made with another key of this name`);
  if (!equalBytes(await macOf(bytes, key, context), mac)) {
    throw new PspError('ENVELOPE_TAMPERED', 'integrity tag: it does not fit the bytes and the context', { details: { kid } });
  }
  return { kid };
}

/** HMAC-SHA-256(K mac, "psp/mac@1\0" || canonical context || u64 length || bytes). Every part tells where it ends, so none runs into the next. */
async function macOf(bytes: Uint8Array, macKey: MacKey, context: SealContext): Promise<Uint8Array> {
  const encoded = encodeContext(context);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(bytes.length));
  const key = derive(macSecretOf(macKey), 'mac', MAC_BYTES);
  const mac = engines().mac.macKey('SHA-256', key);
  try {
    return await mac.sign(concatBytes(PREFIX, encoded, length), bytes);
  } finally {
    mac.wipe();
    clean(key);
  }
}

function checkValue(macKey: MacKey): Uint8Array {
  return derive(macSecretOf(macKey), 'kcv', KCV_BYTES);
}

function parseTag(tag: Uint8Array): { readonly kid: string; readonly kcv: Uint8Array; readonly mac: Uint8Array } {
  if (tag.length < MAGIC.length + 2 || !MAGIC.every((byte, at) => tag[at] === byte)) {
    throw new PspError('ENVELOPE_MALFORMED', 'integrity tag: expected the magic "PSPT" at its start');
  }
  const version = tag[4]!;
  if (version !== VERSION) {
    throw new PspError('ENVELOPE_UNSUPPORTED_VERSION', `integrity tag: this code reads version ${VERSION}, the tag has ${version}`, {
      details: { field: 'version', supported: VERSION, found: version },
    });
  }
  const kcvStart = 6 + tag[5]!;
  const macStart = kcvStart + KCV_BYTES;
  if (tag.length !== macStart + MAC_BYTES) {
    throw new PspError('ENVELOPE_MALFORMED', `integrity tag: expected ${macStart + MAC_BYTES} bytes, got ${tag.length}`);
  }
  // A kid is ASCII, so a byte is a character; anything else fails the check.
  const kid = String.fromCharCode(...tag.subarray(6, kcvStart));
  if (!isKid(kid)) throw new PspError('ENVELOPE_MALFORMED', 'integrity tag: expected the name of a key');
  return { kid, kcv: tag.subarray(kcvStart, macStart), mac: tag.subarray(macStart) };
}
