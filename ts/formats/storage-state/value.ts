/**
 * Playwright's own encoding of a JavaScript value as JSON, `valueEncoded` and `keyEncoded` of a record: what both directions share. The only
 * specification is the source of playwright-core 1.65 (utilityScriptSerializers).
 *
 *     "text" 1.5 true    themselves                           {"v": "undefined" | "null" | "NaN" | "Infinity" | "-Infinity" | "-0"}
 *     {"bi": "12"}       BigInt                               {"d": "2026-01-02T03:04:05.678Z"}   Date; null for an invalid one
 *     {"r": {p, f}}      RegExp                               {"e": {n, m, s}}                    Error: name, message, stack
 *     {"ab": {b}}        ArrayBuffer, Base64                  {"ta": {b, k}}                      typed array with a buffer of its own
 *     {"a": [...], id}   array                                {"o": [{k, v}], id}                 object
 *     {"m": [{k, v}], id}   Map                               {"s": [...], id}                    Set
 *     {"ref": id}        the array, object, Map or Set with that id
 */

/** Kinds of typed arrays, by their class. There is none for Float16Array and DataView. */
export const TYPED_ARRAY_KINDS: ReadonlyMap<string, string> = new Map([
  ['Int8Array', 'i8'],
  ['Uint8Array', 'ui8'],
  ['Uint8ClampedArray', 'ui8c'],
  ['Int16Array', 'i16'],
  ['Uint16Array', 'ui16'],
  ['Int32Array', 'i32'],
  ['Uint32Array', 'ui32'],
  ['Float32Array', 'f32'],
  ['Float64Array', 'f64'],
  ['BigInt64Array', 'bi64'],
  ['BigUint64Array', 'bui64'],
]);

/** Values nested deeper than this are left out: both Playwright's code and ours descend by calls, and Chromium refuses its captures at about 200. */
export const MAX_VALUE_DEPTH = 150;

/** Thrown for a value that the other side cannot hold; the record that it belongs to is a loss with this reason. */
export class Uncarriable extends Error {
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}
