/**
 * A value -> JSON that Playwright loads as that value: plain where it is plain, else in Playwright's encoding. Better than Playwright's own writer
 * where its reader allows it (`-0`, invalid dates, cycles and shared objects arrive); what its reader cannot make is named, or thrown.
 */
import { isDense } from '../../session/clone/brand.ts';
import { Unportable } from '../../session/clone/unportable.ts';
import { base64Of } from '../base64-text.ts';
import { MAX_VALUE_DEPTH, TYPED_ARRAY_KINDS, Uncarriable } from './value.ts';

/** JSON for a value: itself where JSON says all of it, or encoded; and how the value that Playwright makes of it will differ. */
export type WrittenValue =
  | { readonly plain: unknown; readonly flaws: readonly [] }
  | { readonly encoded: unknown; readonly flaws: readonly string[] };

interface Encoding {
  /** Arrays, objects, Maps and Sets: what can be referred to. */
  readonly ids: Map<object, number>;
  /** Dates, buffers and the like: seen, but nothing can refer to them. */
  readonly leaves: Set<object>;
  readonly flaws: Set<string>;
}

const ARRAY_KEYS_ONLY = 'an array keeps neither its holes nor properties besides its elements';
/** An array may have this many holes: each becomes an element. */
const MAX_HOLES = 10_000;

/** @throws Uncarriable for a value that has no form in Playwright's encoding. */
export function writeValue(value: unknown): WrittenValue {
  if (isPlain(value, new Set(), 0)) return { plain: value, flaws: [] };
  const encoding: Encoding = { ids: new Map(), leaves: new Set(), flaws: new Set() };
  const encoded = encode(value, encoding, 0);
  return { encoded, flaws: [...encoding.flaws] };
}

/** Whether JSON, read as a script's literal, gives the value back: no `__proto__` key (there it sets the prototype), no object twice, no `-0`. */
function isPlain(value: unknown, seen: Set<object>, depth: number): boolean {
  if (depth > MAX_VALUE_DEPTH) return false;
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value !== 'object' || seen.has(value)) return false;
  seen.add(value);
  const keys = Object.keys(value);
  if (Array.isArray(value)) {
    return isDense(value, keys) && value.every((item) => isPlain(item, seen, depth + 1));
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  return keys.every((key) => key !== '__proto__' && isPlain((value as Record<string, unknown>)[key], seen, depth + 1));
}

function encode(value: unknown, encoding: Encoding, depth: number): unknown {
  if (depth > MAX_VALUE_DEPTH) throw new Uncarriable(`it is nested deeper than ${MAX_VALUE_DEPTH} levels`);
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'undefined':
      return { v: 'undefined' };
    case 'bigint':
      return { bi: value.toString() };
    case 'number':
      if (Object.is(value, -0)) return { v: '-0' };
      return Number.isFinite(value) ? value : { v: String(value) };
    case 'object':
      return value === null ? { v: 'null' } : encodeObject(value, encoding, depth);
    default:
      throw new Uncarriable(`${typeof value} has no form there`);
  }
}

function encodeObject(value: object, encoding: Encoding, depth: number): unknown {
  const seen = encoding.ids.get(value);
  if (seen !== undefined) return { ref: seen };
  const id = encoding.ids.size + 1;
  const child = (item: unknown): unknown => encode(item, encoding, depth + 1);
  if (Array.isArray(value)) {
    encoding.ids.set(value, id);
    const keys = Object.keys(value);
    if (!isDense(value, keys)) {
      if (value.length > keys.length + MAX_HOLES) throw new Uncarriable('an array of many holes has no form there');
      encoding.flaws.add(ARRAY_KEYS_ONLY);
    }
    return { a: Array.from(value, child), id };
  }
  if (value instanceof Map) {
    encoding.ids.set(value, id);
    return { m: Array.from(value as Map<unknown, unknown>, ([key, item]) => ({ k: child(key), v: child(item) })), id };
  }
  if (value instanceof Set) {
    encoding.ids.set(value, id);
    return { s: Array.from(value, child), id };
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return encodeLeaf(value, encoding);
  encoding.ids.set(value, id);
  const keys = Object.keys(value).filter((key) => key !== '__proto__');
  if (keys.length < Object.keys(value).length) encoding.flaws.add('Playwright drops the key __proto__');
  return { o: keys.map((key) => ({ k: key, v: child((value as Record<string, unknown>)[key]) })), id };
}

/** What holds no values of its own: one object each time it occurs. */
function encodeLeaf(value: object, encoding: Encoding): unknown {
  addLeaf(value, encoding);
  if (value instanceof Date) {
    // Playwright makes 1970 of null, and an invalid Date of what no Date is.
    return { d: Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toJSON() };
  }
  if (value instanceof RegExp) return { r: { p: value.source, f: value.flags } };
  if (value instanceof ArrayBuffer) {
    addBufferFlaws(value, encoding);
    return { ab: { b: base64Of(new Uint8Array(value)) } };
  }
  const className = Object.prototype.toString.call(value).slice(8, -1);
  if (className === 'Error' && value instanceof Error) return encodeError(value, encoding);
  const k = TYPED_ARRAY_KINDS.get(className);
  if (k === undefined || !ArrayBuffer.isView(value)) throw new Uncarriable(`${classNameOf(value, className)} has no form there`);
  if (value.byteLength !== value.buffer.byteLength) encoding.flaws.add('a view on a part of a buffer becomes a view on all of one');
  addLeaf(value.buffer, encoding);
  addBufferFlaws(value.buffer, encoding);
  return { ta: { b: base64Of(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)), k } };
}

function addLeaf(value: object, { leaves, flaws }: Encoding): void {
  if (leaves.has(value)) flaws.add('one date, buffer or the like in two places becomes two of them');
  leaves.add(value);
}

function addBufferFlaws(buffer: ArrayBufferLike, { flaws }: Encoding): void {
  // Newer than ES2022: undefined where no buffer can be resizable.
  if ((buffer as { resizable?: boolean }).resizable === true) flaws.add('a resizable buffer becomes one of fixed length');
}

function encodeError(error: Error, { flaws }: Encoding): unknown {
  const own = Object.getOwnPropertyNames(error).filter((name) => error[name as keyof Error] !== undefined);
  if (!own.includes('message') || !own.includes('stack') || own.length > 2) {
    flaws.add('an error has a name, a message, a stack, and nothing else');
  }
  return { e: { n: error.name, m: error.message, s: error.stack } };
}

/** A stand-in for a class of another platform is named by what it stands for; a placeholder is not, as a page may have chosen its name. */
function classNameOf(value: object, className: string): string {
  if (value instanceof Unportable) return 'something that could not be captured';
  if (['Boolean', 'Number', 'String', 'BigInt'].includes(className)) return 'a boxed primitive';
  const named = (value as { className?: unknown }).className;
  return className === 'Object' && typeof named === 'string' ? named : className;
}
