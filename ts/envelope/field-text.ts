/**
 * The text around sealed fields: the header line in front, the manifest line at the end, Base64 for what is sealed. The lines between them are
 * the caller's JSON. The two lines are written in one way only, and read by writing them again, so nothing in them can be spelled twice.
 *
 *     {"pspf":{"version":1,"suite":1,"id":"...","context":"...","wraps":[{"type":1,"kid":"...","kcv":"...","body":"..."}]},
 *     ...
 *     "manifest":"..."}
 */

import { bytesToHex, concatBytes, hexToBytes, isBytes } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { decodeBase64Text, encodeBase64Text } from '../kernel/text.ts';
import { decodeText } from './canonical.ts';
import { FIELD_SUITE, FIELD_VERSION, type FieldCipher, type FieldHeader } from './field.ts';
import {
  BLOB_ID_BYTES,
  KCV_BYTES,
  LOCAL_BODY_BYTES,
  MAC_BYTES,
  MAX_HEADER_BYTES,
  MAX_KID_BYTES,
  MAX_WRAPS,
  WRAP_LOCAL,
  type Wrap,
} from './header.ts';

/** Most bytes of a file: 256 MiB. It is read and parsed as a whole. */
export const MAX_FIELD_FILE_BYTES: number = 256 * 1024 * 1024;
/** Most bytes of the header line: 8 wraps with the longest bodies and kids that a header may have, as JSON. */
export const MAX_FIELD_HEADER_BYTES: number = 16 * 1024;

const START = '{"pspf":{';
const LINE_FEED = 10;
const MANIFEST_START = '"manifest":"';
const MANIFEST_END = '"}\n';
const MANIFEST_CHARACTERS = 44;
/** Where a manifest line is looked for: enough to tell a file that goes on after it from one that ends before it. */
const MANIFEST_SEARCH_BYTES = 4096;

const encoder = new TextEncoder();

/** The parts of a file by its form. Nothing in it is authentic. */
export interface FieldFrame {
  readonly header: FieldHeader;
  /** Everything that the manifest covers: from the first byte to the last before its Base64. A view of the file. */
  readonly text: Uint8Array;
  /** What stands between the header line and the manifest line. A view of the file. */
  readonly lines: Uint8Array;
  /** 32 bytes. */
  readonly manifest: Uint8Array;
}

/** Whether `bytes` begin as such a file does. */
export function isFieldFile(bytes: Uint8Array): boolean {
  return startsWith(bytes, encoder.encode(START));
}

/** The whole file: the header line, `lines` (bytes of JSON members, each followed by a comma, that end with a line feed), the manifest line. */
export async function writeFieldFile(cipher: FieldCipher, header: FieldHeader, lines: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const text = concatBytes(encoder.encode(headerLine(header)), lines, encoder.encode(MANIFEST_START));
  const fileBytes = text.length + MANIFEST_CHARACTERS + MANIFEST_END.length;
  if (fileBytes > MAX_FIELD_FILE_BYTES) throw tooLong('file length', MAX_FIELD_FILE_BYTES, fileBytes);
  const manifest = encodeBase64Text(await cipher.manifestOf(text));
  return concatBytes(text, encoder.encode(`${manifest}${MANIFEST_END}`)) as Uint8Array<ArrayBuffer>;
}

/**
 * The frame of a file. The first fault in this order decides the error:
 * 1. `ENVELOPE_NOT_SEALED`: it does not begin as such a file; `ENVELOPE_LIMIT`: longer than {@link MAX_FIELD_FILE_BYTES};
 * 2. the header line: `ENVELOPE_LIMIT` when it is longer than {@link MAX_FIELD_HEADER_BYTES} or has too many wraps, `ENVELOPE_TRUNCATED` when
 *    the file ends in it, `ENVELOPE_UNSUPPORTED_VERSION`, `ENVELOPE_MALFORMED` when no writer writes it;
 * 3. the manifest line: `ENVELOPE_TRUNCATED` when it is not there or cut, which is a hint; `ENVELOPE_MALFORMED` when no writer writes it.
 */
export function readFieldFile(file: Uint8Array): FieldFrame {
  if (!isBytes(file)) throw new TypeError('file: expected a Uint8Array');
  if (!isFieldFile(file)) throw new PspError('ENVELOPE_NOT_SEALED', `sealed fields: expected the file to begin with ${START}`);
  if (file.length > MAX_FIELD_FILE_BYTES) throw tooLong('file length', MAX_FIELD_FILE_BYTES, file.length);
  const { header, headerEnd } = readHeaderLine(file);
  const { manifestStart, text, manifest } = readManifestLine(file, headerEnd);
  return { header, text, lines: file.subarray(headerEnd, manifestStart), manifest };
}

/** A sealed value as it stands in the text. */
export function fieldText(sealed: Uint8Array): string {
  return encodeBase64Text(sealed);
}

/** The sealed value of a text, or null for what is not Base64 as {@link fieldText} gives it. */
export function parseFieldText(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return decodeBase64Text(text);
  } catch (error) {
    if (error instanceof PspError) return null;
    throw error;
  }
}

function headerLine({ fileId, contextMac, wraps }: FieldHeader): string {
  const pspf = {
    version: FIELD_VERSION,
    suite: FIELD_SUITE,
    id: bytesToHex(fileId),
    context: encodeBase64Text(contextMac),
    wraps: wraps.map(({ type, kid, kcv, body }) => ({ type, kid, kcv: encodeBase64Text(kcv), body: encodeBase64Text(body) })),
  };
  return `${JSON.stringify({ pspf }).slice(0, -1)},\n`;
}

function readHeaderLine(file: Uint8Array): { readonly header: FieldHeader; readonly headerEnd: number } {
  const head = file.subarray(0, MAX_FIELD_HEADER_BYTES);
  const end = head.indexOf(LINE_FEED);
  if (end === -1 && file.length > head.length) throw tooLong('header line', MAX_FIELD_HEADER_BYTES, file.length);
  if (end === -1) throw new PspError('ENVELOPE_TRUNCATED', 'header line: the file ends inside it');
  const line = decodeText(head.subarray(0, end + 1));
  const fields = line === null || !line.endsWith(',\n') ? null : parseObject(`${line.slice(0, -2)}}`)?.['pspf'];
  if (!isObject(fields)) throw malformed('header line: expected JSON');
  expectSupported('version', fields['version'], FIELD_VERSION);
  expectSupported('suite', fields['suite'], FIELD_SUITE);
  const { wraps } = fields;
  if (!Array.isArray(wraps) || wraps.length === 0) throw malformed('wraps: expected 1 to 8');
  if (wraps.length > MAX_WRAPS) throw tooLong('wraps', MAX_WRAPS, wraps.length);
  const header = {
    fileId: readId(fields['id']),
    contextMac: readBytes('context', fields['context'], MAC_BYTES),
    wraps: wraps.map(readWrap),
  };
  // Another order, white space, an escape, a member that stands twice or is not known: all of that is another line.
  if (headerLine(header) !== line) throw malformed('header line: expected it as a writer writes it');
  return { header, headerEnd: end + 1 };
}

interface ManifestLine extends Pick<FieldFrame, 'text' | 'manifest'> {
  readonly manifestStart: number;
}

function readManifestLine(file: Uint8Array, headerEnd: number): ManifestLine {
  const start = encoder.encode(MANIFEST_START);
  const base64End = start.length + MANIFEST_CHARACTERS;
  const manifestStart = findManifest(file, headerEnd, start);
  const line = manifestStart === null ? null : file.subarray(manifestStart);
  if (manifestStart === null || line === null || line.length < base64End + MANIFEST_END.length) {
    throw new PspError('ENVELOPE_TRUNCATED', 'manifest: expected it, whole, in the last line');
  }
  if (decodeText(line.subarray(base64End)) !== MANIFEST_END) throw malformed('manifest: expected the file to end after it');
  const manifest = readBytes('manifest', decodeText(line.subarray(start.length, base64End)), MAC_BYTES);
  return { manifestStart, text: file.subarray(0, manifestStart + start.length), manifest };
}

/** Where the manifest line begins: the last line that begins so, since no string of JSON holds a line feed. Looks at the end of a file only. */
function findManifest(file: Uint8Array, headerEnd: number, start: Uint8Array): number | null {
  const floor = Math.max(headerEnd, file.length - MANIFEST_SEARCH_BYTES);
  for (let lineStart = file.lastIndexOf(LINE_FEED) + 1; lineStart >= floor; lineStart = file.lastIndexOf(LINE_FEED, lineStart - 2) + 1) {
    if (startsWith(file.subarray(lineStart), start)) return lineStart;
  }
  return null;
}

function readWrap(wrap: unknown, index: number): Wrap {
  if (!isObject(wrap)) throw malformed(`wrap ${index}: expected an object`);
  const { type, kid } = wrap;
  if (typeof type !== 'number' || !Number.isInteger(type) || type < 1 || type > 255) throw malformed(`wrap ${index}: expected a type`);
  const isKid = typeof kid === 'string' && kid !== '' && !/\p{Surrogate}/u.test(kid) && encoder.encode(kid).length <= MAX_KID_BYTES;
  if (!isKid) throw malformed(`wrap ${index}: expected a kid of 1 to ${MAX_KID_BYTES} bytes`);
  const body = readBytes(`wrap ${index}: body`, wrap['body'], type === WRAP_LOCAL ? LOCAL_BODY_BYTES : null);
  if (body.length > MAX_HEADER_BYTES) throw tooLong(`wrap ${index}: body`, MAX_HEADER_BYTES, body.length);
  return { type, kid, kcv: readBytes(`wrap ${index}: kcv`, wrap['kcv'], KCV_BYTES), body };
}

function readId(id: unknown): Uint8Array {
  if (typeof id !== 'string' || !/^[0-9a-f]*$/.test(id) || id.length !== 2 * BLOB_ID_BYTES) throw malformed('id: expected 32 hex digits');
  return hexToBytes(id);
}

/** `byteLength` null leaves the length to others. */
function readBytes(field: string, text: unknown, byteLength: number | null): Uint8Array {
  const bytes = typeof text === 'string' ? parseFieldText(text) : null;
  if (bytes === null || (byteLength !== null && bytes.length !== byteLength)) {
    throw malformed(`${field}: expected ${byteLength === null ? 'bytes' : `${byteLength} bytes`} in Base64`);
  }
  return bytes;
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null; // the platform's message would quote the text
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length && start.every((byte, at) => bytes[at] === byte);
}

function expectSupported(field: string, found: unknown, supported: number): void {
  if (found === supported) return;
  if (typeof found !== 'number') throw malformed(`${field}: expected a number`);
  throw new PspError('ENVELOPE_UNSUPPORTED_VERSION', `${field}: this code reads ${supported}, the file has ${found}`, {
    details: { field, supported, found },
  });
}

function tooLong(field: string, limit: number, found: number): PspError {
  return new PspError('ENVELOPE_LIMIT', `${field}: expected at most ${limit}, got ${found}`, { details: { limit, found } });
}

function malformed(message: string): PspError {
  return new PspError('ENVELOPE_MALFORMED', message);
}
