/** Numbers, BigInts and strings: written in their one form, and read in no other. */
import { PspError } from '../../errors.ts';
import { type ByteReader, type ByteWriter, unitsToString } from './bytes.ts';
import { TAG } from './tags.ts';

/** Writes tag and number. */
export function writeNumber(value: number, writer: ByteWriter): void {
  if (Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)) {
    writer.byte(TAG.integer);
    writer.varint(value);
    return;
  }
  writer.byte(TAG.number);
  writer.double(value);
}

/** Writes tag and BigInt. */
export function writeBigInt(value: bigint, writer: ByteWriter): void {
  const digits = (value < 0n ? -value : value).toString(16);
  const even = digits.length % 2 === 0 ? digits : '0' + digits;
  const length = value === 0n ? 0 : even.length / 2;
  writer.byte(TAG.bigint);
  writer.byte(value < 0n ? 1 : 0);
  writer.varint(length);
  for (let i = length - 1; i >= 0; i--) writer.byte(Number.parseInt(even.slice(2 * i, 2 * i + 2), 16));
}

/** Writes tag and string. */
export function writeString(value: string, writer: ByteWriter): void {
  for (let i = 0; i < value.length; i++) {
    if (value.charCodeAt(i) > 0xff) {
      writer.byte(TAG.utf16);
      writer.varint(value.length);
      writer.utf16(value);
      return;
    }
  }
  writer.byte(TAG.latin1);
  writer.varint(value.length);
  writer.latin1(value);
}

/** Writes length and bytes. */
export function writeBytes(bytes: Uint8Array, writer: ByteWriter): void {
  writer.varint(bytes.length);
  writer.bytes(bytes);
}

/** Reads what follows the tag of a double. What tag `03` carries has no second form here. */
export function readDouble(reader: ByteReader): number {
  const value = reader.double();
  if (Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)) throw reader.fault('a number that is not in canonical form');
  return value;
}

/** Reads tag and number. */
export function readNumber(reader: ByteReader): number {
  const tag = reader.byte();
  if (tag === TAG.integer) return reader.varint();
  if (tag === TAG.number) return readDouble(reader);
  throw reader.fault('a number expected');
}

/** Reads what follows the tag of a BigInt. */
export function readBigInt(reader: ByteReader): bigint {
  const negative = reader.byte();
  const magnitude = reader.view(reader.varint());
  if (negative > 1 || (magnitude.length === 0 && negative === 1) || magnitude[magnitude.length - 1] === 0) {
    throw reader.fault('a BigInt that is not in canonical form');
  }
  if (magnitude.length === 0) return 0n;
  const digits = new Uint8Array(magnitude.length * 2);
  let at = 0;
  for (let i = magnitude.length - 1; i >= 0; i--) {
    const byte = magnitude[i] as number;
    digits[at++] = hexDigit(byte >>> 4);
    digits[at++] = hexDigit(byte & 15);
  }
  const value = bigIntOf(unitsToString(digits), reader);
  return negative === 1 ? -value : value;
}

/** V8 throws a SyntaxError for digits that are too many, and quotes them. */
function bigIntOf(digits: string, reader: ByteReader): bigint {
  try {
    return BigInt('0x' + digits);
  } catch {
    throw tooLarge(reader);
  }
}

function hexDigit(nibble: number): number {
  return nibble + (nibble < 10 ? 0x30 : 0x57);
}

/** Reads tag and string. */
export function readString(reader: ByteReader): string {
  return readTaggedString(reader.byte(), reader);
}

/** Reads tag and string, or null. */
export function readStringOrNull(reader: ByteReader): string | null {
  const tag = reader.byte();
  return tag === TAG.null ? null : readTaggedString(tag, reader);
}

/** Reads what follows the tag of a string. */
export function readTaggedString(tag: number, reader: ByteReader): string {
  if (tag === TAG.latin1) return reader.latin1(reader.count(1));
  if (tag !== TAG.utf16) throw reader.fault('a string expected');
  const text = reader.utf16(reader.varint());
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return text;
  throw reader.fault('a string that is not in its shortest form');
}

/** Reads length and bytes, and copies them. Not `slice()`: that of Node's Buffer is a view, and its `buffer` a pool that holds the bytes of others. */
export function readBytes(reader: ByteReader): Uint8Array<ArrayBuffer> {
  return new Uint8Array(reader.view(reader.varint()));
}

/** What is thrown for bytes that this platform cannot hold. Without a cause: the platform's own message may quote the value. */
export function tooLarge(reader: ByteReader): PspError {
  return new PspError(
    'SESSION_CLONE_UNSUPPORTED',
    `structured-clone bytes: larger than this platform can hold, at offset ${reader.offset}`,
    { details: { offset: reader.offset } },
  );
}
