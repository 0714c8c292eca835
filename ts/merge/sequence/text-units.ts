/**
 * UTF-16 units to a string, which is most of what reading a long text costs. The platform's decoder is the fastest way, but writes a replacement for half of a
 * surrogate pair, and a text may hold one: where one stands the decoder was asked in vain.
 */
import { unitsToString } from '../../session/clone/bytes.ts';

/** Below this many units asking the decoder costs more than it saves. */
const FEW_UNITS = 32;
const REPLACEMENT = '\ufffd';

/** Null where the platform has none; undefined until it was looked for. */
let decoder: TextDecoder | null | undefined;

/** The string of these units, lone surrogates and byte order marks among them. */
export function stringOf(units: Uint16Array): string {
  if (units.length < FEW_UNITS) return unitsToString(units);
  if (decoder === undefined) decoder = makeDecoder();
  if (decoder === null) return unitsToString(units);
  const text = decoder.decode(units);
  return text.includes(REPLACEMENT) ? unitsToString(units) : text;
}

/** Whether a unit is half of a pair, with or without the other half. */
export function isSurrogate(unit: number): boolean {
  return (unit & 0xf800) === 0xd800;
}

/** Whether one of them is a surrogate. A loop: V8 interprets a pattern's first searches, many times slower. */
export function holdsSurrogate(units: Uint16Array): boolean {
  for (let at = 0; at < units.length; at++) if (isSurrogate(units[at]!)) return true;
  return false;
}

/** Platforms know one order of bytes only; an array of units has that of the machine. */
function makeDecoder(): TextDecoder | null {
  if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) return null;
  try {
    return new TextDecoder('utf-16le', { ignoreBOM: true });
  } catch {
    // Some runtimes decode UTF-8 only.
    return null;
  }
}
