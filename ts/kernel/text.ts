/**
 * Base64 as strings: the platform's own codec, because none of ours is as fast once a string has to be made or read, and the same strictness as the
 * kernels, which none of the platform's has. `fromBase64` skips white space; `Buffer` skips every wrong byte, takes both alphabets at once, and
 * looks only at the low byte of a character. So what they give is checked by its length, and by what they are known to forgive; only a text that fails
 * is read again, by the portable kernel, which says where and why.
 */
import { isUrlAlphabet } from './alphabet.ts';
import { encodeBase64 } from './current.ts';
import type { Base64Alphabet } from './kernel.ts';
import { decodeBase64 as decodePortably } from './portable/base64.ts';

/** Of `Uint8Array` in engines that have it (ECMAScript 2026). */
interface NativeEncoder {
  toBase64?(options: { alphabet: 'base64' | 'base64url'; omitPadding: boolean }): string;
}
interface NativeDecoder {
  fromBase64?(text: string, options: { alphabet: 'base64' | 'base64url'; lastChunkHandling: 'loose' | 'strict' }): Uint8Array<ArrayBuffer>;
}

type BufferEncoding = 'base64' | 'base64url';

/** What we use of Node's `Buffer`, which Deno and Bun have as well. */
interface BufferLike {
  from(text: string, encoding: BufferEncoding): Uint8Array<ArrayBuffer>;
  from(buffer: ArrayBufferLike, byteOffset: number, length: number): { toString(encoding: BufferEncoding): string };
  byteLength(text: string, encoding: 'utf8'): number;
  isEncoding(encoding: string): boolean;
}

/** Base64 of `bytes` as a string: padded in the `standard` alphabet, not padded in `url`. */
export function encodeBase64Text(bytes: Uint8Array, alphabet: Base64Alphabet = 'standard'): string {
  const isUrl = isUrlAlphabet(alphabet);
  const native = bytes as NativeEncoder;
  if (native.toBase64 !== undefined) return native.toBase64({ alphabet: isUrl ? 'base64url' : 'base64', omitPadding: isUrl });
  const buffer = nodeBuffer();
  if (buffer !== null) return buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(isUrl ? 'base64url' : 'base64');
  return new TextDecoder().decode(encodeBase64(bytes, alphabet));
}

/**
 * Decodes a string. As strict as {@link Base64Kernel.decodeBase64}, and throws the same faults; `details.offset` is in UTF-16 units. A character that
 * is not ASCII is `KERNEL_BASE64_CHARACTER`.
 */
export function decodeBase64Text(text: string, alphabet: Base64Alphabet = 'standard'): Uint8Array<ArrayBuffer> {
  const isUrl = isUrlAlphabet(alphabet);
  const bytes = decodeNatively(text, isUrl);
  // Everything before the first fault is ASCII, so its offset in UTF-8 is its offset in UTF-16.
  return bytes ?? decodePortably(new TextEncoder().encode(text), alphabet);
}

/** The bytes, or null when the platform has no codec or the text may have a fault. */
function decodeNatively(text: string, isUrl: boolean): Uint8Array<ArrayBuffer> | null {
  if (!isPossibleLength(text, isUrl) || !endsCanonically(text, isUrl)) return null;
  // A character that was skipped, or padding in the wrong place, makes the result shorter than this.
  const length = Math.floor((text.length * 3) / 4) - (isUrl ? 0 : paddingOf(text));
  const native = Uint8Array as NativeDecoder;
  if (native.fromBase64 !== undefined) {
    const bytes = decodeByPlatform(native.fromBase64.bind(native), text, isUrl);
    return bytes !== null && bytes.length === length ? bytes : null;
  }
  const buffer = nodeBuffer();
  if (buffer === null) return null;
  if (text.includes(isUrl ? '+' : '-') || text.includes(isUrl ? '/' : '_') || buffer.byteLength(text, 'utf8') !== text.length) return null;
  const bytes = buffer.from(text, isUrl ? 'base64url' : 'base64');
  if (bytes.length !== length) return null;
  // Small buffers are cut out of a pool that others use too.
  return bytes.buffer.byteLength === length ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes);
}

function decodeByPlatform(
  fromBase64: NonNullable<NativeDecoder['fromBase64']>,
  text: string,
  isUrl: boolean,
): Uint8Array<ArrayBuffer> | null {
  try {
    // `strict` asks for padding, which the URL alphabet has not; what `loose` forgives beside that is checked here.
    return fromBase64(
      text,
      isUrl ? { alphabet: 'base64url', lastChunkHandling: 'loose' } : { alphabet: 'base64', lastChunkHandling: 'strict' },
    );
  } catch (error) {
    // The platform's refusal names no place; the portable kernel reads the text again and does.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function isPossibleLength(text: string, isUrl: boolean): boolean {
  return isUrl ? text.length % 4 !== 1 : text.length % 4 === 0;
}

/** Whether the last character before the padding carries only bits that belong to a byte; true also where it is no character at all. */
function endsCanonically(text: string, isUrl: boolean): boolean {
  const symbols = isUrl ? text.length : text.length - paddingOf(text);
  const last = text.charAt(symbols - 1);
  if (symbols % 4 === 2) return 'AQgw'.includes(last);
  if (symbols % 4 === 3) return 'AEIMQUYcgkosw048'.includes(last);
  return true;
}

function paddingOf(text: string): 0 | 1 | 2 {
  if (!text.endsWith('=')) return 0;
  return text.endsWith('==') ? 2 : 1;
}

/** Null where there is none, and for a stand-in in a page that is too old to know `base64url`. */
function nodeBuffer(): BufferLike | null {
  const { Buffer } = globalThis as { Buffer?: BufferLike };
  return Buffer?.isEncoding('base64url') === true ? Buffer : null;
}
