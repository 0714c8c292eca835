/**
 * Armor: a sealed blob as text, for places that take no bytes. Standard Base64 in lines of 64 characters between a BEGIN and an END line; all
 * ASCII, as bytes. Armor adds no protection and takes none away: what is inside is checked by `open`.
 *
 *     -----BEGIN PSP SEALED BLOB-----
 *     UFNQRQEBAAA...
 *     -----END PSP SEALED BLOB-----
 */

import { isBytes } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { decodeBase64, encodeBase64 } from '../kernel/current.ts';

const BEGIN = '-----BEGIN PSP SEALED BLOB-----';
const END = '-----END PSP SEALED BLOB-----';
const LINE_BYTES = 64;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

const BEGIN_BYTES = new TextEncoder().encode(BEGIN);
const END_BYTES = new TextEncoder().encode(END);

/** `sealed` as text in ASCII, each line ended by a line feed. O(n): 1.36 times as long. */
export function armor(sealed: Uint8Array): Uint8Array<ArrayBuffer> {
  if (!isBytes(sealed)) throw new TypeError('sealed: expected a Uint8Array');
  const base64 = encodeBase64(sealed);
  const lines = Math.ceil(base64.length / LINE_BYTES);
  const text = new Uint8Array(BEGIN_BYTES.length + 1 + base64.length + lines + END_BYTES.length + 1);
  let at = 0;
  const putLine = (line: Uint8Array): void => {
    text.set(line, at);
    at += line.length;
    text[at++] = LINE_FEED;
  };
  putLine(BEGIN_BYTES);
  for (let start = 0; start < base64.length; start += LINE_BYTES) putLine(base64.subarray(start, start + LINE_BYTES));
  putLine(END_BYTES);
  return text;
}

/** Whether `text` begins, after white space, as {@link armor} does. Says nothing about the rest. */
export function isArmored(text: Uint8Array): boolean {
  const start = skipSpace(text, 0);
  return startsWith(text, start, BEGIN_BYTES);
}

/**
 * The bytes that {@link armor} made text of, in a new array. White space around the whole is ignored, and lines may end in CR LF; otherwise
 * only what `armor` writes is accepted: one text for one blob. `ENVELOPE_NOT_SEALED`: it has no BEGIN line; `ENVELOPE_TRUNCATED`: it has no END
 * line; `ENVELOPE_MALFORMED`: anything else. O(n).
 */
export function dearmor(text: Uint8Array): Uint8Array<ArrayBuffer> {
  if (!isBytes(text)) throw new TypeError('text: expected a Uint8Array');
  if (!isArmored(text)) throw new PspError('ENVELOPE_NOT_SEALED', `armor: expected ${BEGIN} at its start`);
  const base64 = new Uint8Array(text.length);
  let filled = 0;
  let isShort = false;
  let at = afterLine(text, skipSpace(text, 0) + BEGIN_BYTES.length);
  while (!startsWith(text, at, END_BYTES)) {
    const end = text.indexOf(LINE_FEED, at);
    if (end === -1) throw new PspError('ENVELOPE_TRUNCATED', `armor: expected ${END} at its end`);
    const line = text.subarray(at, text[end - 1] === CARRIAGE_RETURN ? end - 1 : end);
    if (isShort || line.length === 0 || line.length > LINE_BYTES)
      throw malformed('lines of 64 characters, of which the last may be shorter');
    isShort = line.length < LINE_BYTES;
    base64.set(line, filled);
    filled += line.length;
    at = end + 1;
  }
  if (skipSpace(text, at + END_BYTES.length) !== text.length) throw malformed('nothing after its END line');
  try {
    return decodeBase64(base64.subarray(0, filled));
  } catch (cause) {
    throw malformed('standard Base64', cause);
  }
}

/** Where the line that ends at `at` is followed by the next. */
function afterLine(text: Uint8Array, at: number): number {
  const end = text[at] === CARRIAGE_RETURN ? at + 1 : at;
  if (end >= text.length) throw new PspError('ENVELOPE_TRUNCATED', `armor: expected ${END} at its end`);
  if (text[end] !== LINE_FEED) throw malformed('a line of its own for BEGIN');
  return end + 1;
}

function skipSpace(text: Uint8Array, start: number): number {
  let at = start;
  while (at < text.length && (text[at] === LINE_FEED || text[at] === CARRIAGE_RETURN || text[at] === 32 || text[at] === 9)) at++;
  return at;
}

function startsWith(text: Uint8Array, start: number, expected: Uint8Array): boolean {
  return expected.every((byte, index) => text[start + index] === byte);
}

function malformed(expected: string, cause?: unknown): PspError {
  return new PspError('ENVELOPE_MALFORMED', `armor: expected ${expected}`, { cause });
}
