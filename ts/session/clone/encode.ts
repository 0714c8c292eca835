/**
 * Structured-clone values -> bytes, by the layout in `layout.md`. Walks with a stack of its own, so depth is bounded by memory only. What cannot be
 * carried becomes a placeholder and is named in the result; nothing is dropped silently. The walk never waits; what takes waiting (the bytes of a
 * Blob) leaves a gap that is filled when the walk is over. Runs inside pages: it uses nothing but the language and the classes of values.
 */
import { sameBytes } from '../bytes.ts';
import { brandOf, isDense, mapSize, setSize } from './brand.ts';
import { writeBuffer, writeForeignView, writeResizableBuffer, writeView } from './buffer.ts';
import { ByteWriter } from './bytes.ts';
import { writeKey } from './crypto-key.ts';
import { writeDomException, writeQuotaExceeded } from './exception.ts';
import { writeBlob, writeFile, writeFileList } from './file.ts';
import { ForeignValue } from './foreign.ts';
import { isGeometry, writeGeometry } from './geometry.ts';
import { isHandle, writeHandle } from './handle.ts';
import { writeImageData } from './image-data.ts';
import { writeBoxed, writeError, writeForeignRegExp, writeRegExp } from './language.ts';
import { writeBigInt, writeNumber, writeString } from './primitive.ts';
import type { Children, Writing } from './state.ts';
import { TAG, VIEW_KINDS } from './tags.ts';
import { Unportable, writePlaceholder, writePlaceholderBytes } from './unportable.ts';

/** An encoded value and the class names of what it holds that could not be carried, in order, repeats included. */
export interface EncodedValue {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly unportable: readonly string[];
}

/** A value that was walked, and holds something whose content takes waiting. It keeps no other part of the value. */
export interface UnfinishedValue {
  /** Reads what is missing, one thing after the other. Call it once. */
  finish(): Promise<EncodedValue>;
}

/**
 * Encodes one value that holds nothing that takes waiting. O(size). Objects are told apart by brand and internal slot, never by constructor, since
 * pages replace those.
 *
 * The caller guarantees that `value` is what the platform's structured clone gives: plain data, without accessors and proxies. (An accessor that
 * throws, throws through.) What such a clone cannot hold at all, functions and symbols, becomes a placeholder like the rest.
 *
 * @throws TypeError when `value` holds a Blob, a File, an extractable CryptoKey or a FileSystemHandle: {@link encodeValueAsync} encodes those.
 */
export function encodeValue(value: unknown): EncodedValue {
  const encoded = beginEncoding(value);
  if ('finish' in encoded) throw new TypeError('value: it holds something that must be awaited; use encodeValueAsync');
  return encoded;
}

/** Encodes any value: see {@link encodeValue}. The value is walked before this returns, so that later changes do not reach the bytes. */
export async function encodeValueAsync(value: unknown): Promise<EncodedValue> {
  const encoded = beginEncoding(value);
  return 'finish' in encoded ? encoded.finish() : encoded;
}

/** Walks any value: gives its encoding when that took no waiting, else how to finish it. For use inside a transaction, which must not wait. */
export function beginEncoding(value: unknown): EncodedValue | UnfinishedValue {
  return walkWhole(value, (writer, unportable) => ({ bytes: writer.take(), unportable }));
}

/** Whether `bytes` are the encoding of `value`: at once, unless that takes waiting. Faster than to encode, since nothing is copied. */
export function encodesTo(value: unknown, bytes: Uint8Array): boolean | Promise<boolean> {
  const is = walkWhole(value, (writer) => writer.holds(bytes));
  return typeof is === 'boolean' ? is : is.finish().then((encoded) => sameBytes(encoded.bytes, bytes));
}

/** Walks a value, and gives what `use` makes of its encoding; where something takes waiting, how to finish that. */
function walkWhole<T>(value: unknown, use: (writer: ByteWriter, unportable: readonly string[]) => T): T | UnfinishedValue {
  // An accessor among the values may encode something itself: it finds no writer here and makes its own.
  const writer = spare ?? new ByteWriter();
  spare = null;
  writer.clear();
  const writing: Writing = { writer, ids: new Map(), unportable: [], gaps: [] };
  writeTree(value, writing, 0);
  const { unportable, gaps } = writing;
  const skeleton = gaps.length === 0 ? null : writer.take();
  const result = skeleton === null ? use(writer, unportable) : { finish: () => fillGaps(skeleton, unportable, gaps) };
  if (writer.length <= SPARE_BYTES) spare = writer;
  return result;
}

/** A writer for the next value: making one costs more than a small value does. One that grew above this is not kept. */
const SPARE_BYTES = 1024 * 1024;
let spare: ByteWriter | null = null;

/** Deeper than this, the walk goes on without the stack of the engine. */
const MAX_NESTED = 64;

/** Writes what most values are, plain objects and arrays of primitives, by nested calls: the same bytes as by {@link walk}, several times faster. */
function writeTree(value: unknown, writing: Writing, depth: number): void {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
    writeHead(value, writing);
    return;
  }
  const { writer, ids } = writing;
  const isArray = Array.isArray(value);
  const keys = isArray || isPlain(value) ? Object.keys(value) : null;
  if (depth > MAX_NESTED || keys === null || ids.has(value) || (isArray && !isDense(value, keys))) {
    walk(value, writing);
    return;
  }
  ids.set(value, ids.size);
  writer.byte(isArray ? TAG.array : TAG.object);
  writer.varint(keys.length);
  for (const key of keys) {
    if (!isArray) writeString(key, writer);
    writeTree((value as Record<string, unknown>)[key], writing, depth + 1);
  }
}

/** An object that {@link brandOf} would call one, and none of our own classes. */
function isPlain(value: object): boolean {
  return (
    Object.getPrototypeOf(value) === Object.prototype &&
    Object.prototype.toString.call(value) === '[object Object]' &&
    !(Symbol.toStringTag in value)
  );
}

async function fillGaps(skeleton: Uint8Array, unportable: readonly string[], gaps: Writing['gaps']): Promise<EncodedValue> {
  const writer = new ByteWriter();
  const names: string[] = [];
  let at = 0;
  let named = 0;
  for (const gap of gaps) {
    writer.bytes(skeleton.subarray(at, gap.at));
    // One by one: there may be more of them than a call takes arguments.
    for (; named < gap.named; named++) names.push(unportable[named] as string);
    if (!(await gap.fill(writer))) names.push(writePlaceholderBytes(gap.className, writer));
    at = gap.at;
  }
  writer.bytes(skeleton.subarray(at));
  return { bytes: writer.take(), unportable: names.concat(unportable.slice(named)) };
}

function walk(value: unknown, writing: Writing): void {
  const stack: Children[] = [];
  let current: unknown = value;
  for (;;) {
    const children = writeHead(current, writing);
    if (children !== null) stack.push(children);
    for (;;) {
      const top = stack[stack.length - 1];
      if (top === undefined) return;
      const step = top.next();
      if (step.done !== true) {
        current = step.value;
        break;
      }
      stack.pop();
    }
  }
}

/** Writes the tag and the fixed part; returns the children still to be written, or null. */
function writeHead(value: unknown, writing: Writing): Children | null {
  const { writer, ids } = writing;
  switch (typeof value) {
    case 'undefined':
      writer.byte(TAG.undefined);
      return null;
    case 'boolean':
      writer.byte(value ? TAG.true : TAG.false);
      return null;
    case 'number':
      writeNumber(value, writer);
      return null;
    case 'bigint':
      writeBigInt(value, writer);
      return null;
    case 'string':
      writeString(value, writer);
      return null;
    case 'object':
      if (value === null) {
        writer.byte(TAG.null);
        return null;
      }
      return writeOnce(value, writing);
    case 'function':
      return writeOnce(value, writing);
    default:
      // A symbol is no key of a Map that we could look up again: each sight is a placeholder of its own, with an id like all placeholders.
      ids.set({}, ids.size);
      return writePlaceholder(typeof value, writing);
  }
}

/** Writes an object at first sight, a back-reference to it after that. */
function writeOnce(value: object, writing: Writing): Children | null {
  const { writer, ids } = writing;
  const seen = ids.get(value);
  if (seen !== undefined) {
    writer.byte(TAG.back);
    writer.varint(seen);
    return null;
  }
  ids.set(value, ids.size);
  if (typeof value === 'function') return writePlaceholder('function', writing);
  const brand = brandOf(value);
  if (brand === 'Object') {
    if (value instanceof Unportable) return writePlaceholder(value.className, writing);
    if (value instanceof ForeignValue) return writeForeign(value, writing);
  }
  return writeObject(value, brand, writing);
}

function writeObject(value: object, brand: string, writing: Writing): Children | null {
  const { writer } = writing;
  switch (brand) {
    case 'Object':
      return writeProperties(value, writer);
    case 'Array':
      return writeArray(value as unknown[], writer);
    case 'Date':
      writer.byte(TAG.date);
      writer.double(Date.prototype.getTime.call(value));
      return null;
    case 'Map':
      writer.byte(TAG.map);
      writer.varint(mapSize.call(value));
      return mapChildren(value as Map<unknown, unknown>);
    case 'Set':
      writer.byte(TAG.set);
      writer.varint(setSize.call(value));
      return Set.prototype.values.call(value) as Children;
    case 'ArrayBuffer':
      return writeBuffer(value as ArrayBuffer, writing);
    case 'ResizableArrayBuffer':
      return writeResizableBuffer(value as ArrayBuffer, writing);
    case 'RegExp':
      return writeRegExp(value, writing);
    case 'Boolean':
    case 'Number':
    case 'String':
    case 'BigInt':
      return writeBoxed(value, brand, writing);
    case 'Error':
      return writeError(value, writing);
    default:
      if (ArrayBuffer.isView(value)) return writeView(value, brand, writing);
      return writePlatformObject(value, brand, writing);
  }
}

/** `value` is an object of the class `brand`, or its stand-in. */
function writePlatformObject(value: object, brand: string, writing: Writing): Children | null {
  switch (brand) {
    case 'DOMException':
      return writeDomException(value, writing);
    case 'QuotaExceededError':
      return writeQuotaExceeded(value, writing);
    case 'Blob':
      return writeBlob(value, writing);
    case 'File':
      return writeFile(value, writing);
    case 'FileList':
      return writeFileList(value, writing);
    case 'ImageData':
      return writeImageData(value, writing);
    case 'CryptoKey':
      return writeKey(value, writing);
    default:
      if (isGeometry(brand)) return writeGeometry(value, brand, writing);
      if (isHandle(brand)) return writeHandle(value, writing);
      return writePlaceholder(brand, writing);
  }
}

function writeForeign(value: ForeignValue, writing: Writing): Children | null {
  const { className } = value;
  if (className === 'ResizableArrayBuffer') return writeResizableBuffer(value, writing);
  if (className === 'RegExp') return writeForeignRegExp(value, writing);
  if (VIEW_KINDS.includes(className)) return writeForeignView(value, writing);
  return writePlatformObject(value, className, writing);
}

function writeArray(value: unknown[], writer: ByteWriter): Children {
  const keys = Object.keys(value);
  if (!isDense(value, keys)) {
    writer.byte(TAG.sparseArray);
    writer.varint(value.length);
    return writeCountAndEntries(keys, value, writer);
  }
  writer.byte(TAG.array);
  writer.varint(value.length);
  return Array.prototype.values.call(value) as Children;
}

function writeProperties(value: object, writer: ByteWriter): Children {
  writer.byte(TAG.object);
  return writeCountAndEntries(Object.keys(value), value, writer);
}

function writeCountAndEntries(keys: readonly string[], value: object, writer: ByteWriter): Children {
  writer.varint(keys.length);
  return entryChildren(keys, value as Record<string, unknown>);
}

function* entryChildren(keys: readonly string[], value: Record<string, unknown>): Children {
  for (const key of keys) {
    yield key;
    yield value[key];
  }
}

function* mapChildren(value: Map<unknown, unknown>): Children {
  for (const [key, item] of Map.prototype.entries.call(value)) {
    yield key;
    yield item;
  }
}
