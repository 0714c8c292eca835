/**
 * Structured-clone values -> bytes, by the layout in `layout.md`. Walks with a stack of its own, so depth is bounded by memory only.
 * What cannot be carried (classes of the platform such as Blob or CryptoKey, in this version) becomes a placeholder and is named in
 * the result; nothing is dropped silently and nothing throws. Runs inside pages: it uses nothing but the language.
 */
import { ByteWriter } from './bytes.ts';
import { TAG, VIEW_KINDS } from './tags.ts';
import { MAX_CLASS_NAME_UNITS, Unportable } from './unportable.ts';

/** An encoded value and the class names of what it holds that could not be carried, in order, repeats included. */
export interface EncodedValue {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly unportable: readonly string[];
}

/** A container whose head is written and whose children are not: `next` yields them in order. */
type Pending = Iterator<unknown>;

/**
 * Encodes one value. O(size). Objects are told apart by brand and internal slot, never by constructor, since pages replace those.
 *
 * The caller guarantees that `value` is what the platform's structured clone gives: plain data, without accessors and proxies. (An accessor that
 * throws, throws through.) What such a clone cannot hold at all, functions and symbols, becomes a placeholder like the rest.
 */
export function encodeValue(value: unknown): EncodedValue {
  const writer = new ByteWriter();
  const ids = new Map<object, number>();
  const unportable: string[] = [];
  const stack: Pending[] = [];
  let current: unknown = value;
  for (;;) {
    const children = writeHead(current, writer, ids, unportable);
    if (children !== null) stack.push(children);
    for (;;) {
      const top = stack[stack.length - 1];
      if (top === undefined) return { bytes: writer.take(), unportable };
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
function writeHead(value: unknown, writer: ByteWriter, ids: Map<object, number>, unportable: string[]): Pending | null {
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
      return writeObject(value, brandOf(value), writer, ids, unportable);
    case 'function':
      return writeObject(value, 'function', writer, ids, unportable);
    default:
      // A symbol is no key of a Map that we could look up again: each sight is a placeholder of its own, with an id like all placeholders.
      ids.set({}, ids.size);
      return writePlaceholder(typeof value, writer, unportable);
  }
}

function writeObject(value: object, brand: string, writer: ByteWriter, ids: Map<object, number>, unportable: string[]): Pending | null {
  const seen = ids.get(value);
  if (seen !== undefined) {
    writer.byte(TAG.back);
    writer.varint(seen);
    return null;
  }
  ids.set(value, ids.size);
  switch (brand) {
    case 'Object':
      if (value instanceof Unportable) return writePlaceholder(value.className, writer, unportable);
      return writeProperties(TAG.object, value, writer);
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
      return Set.prototype.values.call(value) as Pending;
    case 'ArrayBuffer':
      writer.byte(TAG.buffer);
      writer.varint(bufferLength.call(value));
      writer.bytes(new Uint8Array(value as ArrayBuffer));
      return null;
    default:
      if (ArrayBuffer.isView(value)) return writeView(value, brand, writer, unportable);
      return writePlaceholder(brand, writer, unportable);
  }
}

/** Getters that read an internal slot and throw on an object without it, whatever its constructor, prototype or `Symbol.toStringTag` say. */
const mapSize = slotGetter<number>(Map.prototype, 'size');
const setSize = slotGetter<number>(Set.prototype, 'size');
const bufferLength = slotGetter<number>(ArrayBuffer.prototype, 'byteLength');
/** Newer than ES2022: undefined where no buffer can be resizable. */
const bufferResizable = slotGetter<boolean>(ArrayBuffer.prototype, 'resizable');
/** Gives undefined on what is no typed array. */
const typedArrayName = slotGetter<string | undefined>(Object.getPrototypeOf(Uint8Array.prototype) as object, Symbol.toStringTag);

function slotGetter<T>(prototype: object, name: string | symbol): { call(value: object): T } {
  return Object.getOwnPropertyDescriptor(prototype, name)?.get as { call(value: object): T };
}

/** What `value` is: the name of a class that the layout has, or a name for its placeholder. */
function brandOf(value: object): string {
  if (Array.isArray(value)) return 'Array';
  if (ArrayBuffer.isView(value)) return typedArrayName.call(value) ?? 'DataView';
  const claimed = Object.prototype.toString.call(value).slice(8, -1);
  switch (claimed) {
    case 'Object':
      // The language itself says 'Object' only where nothing else was said.
      return Symbol.toStringTag in value ? 'not an Object' : claimed;
    case 'Date':
      return hasSlot(value, Date.prototype.getTime) ? claimed : 'not a Date';
    case 'Map':
      return hasSlot(value, mapSize) ? claimed : 'not a Map';
    case 'Set':
      return hasSlot(value, setSize) ? claimed : 'not a Set';
    case 'ArrayBuffer':
      return hasSlot(value, bufferLength) ? brandOfBuffer(value as ArrayBuffer) : 'not an ArrayBuffer';
    default:
      // A class name that a page made up must not pass for one that the layout has.
      return VIEW_KINDS.includes(claimed) || claimed === 'Array' ? `not a ${claimed}` : claimed;
  }
}

function hasSlot(value: object, getter: { call(value: object): unknown }): boolean {
  try {
    getter.call(value);
    return true;
  } catch {
    return false;
  }
}

/** A resizable buffer made fixed, or a detached one made empty, would be another value without a word: version 1.0 declares it instead. */
function brandOfBuffer(buffer: ArrayBuffer): string {
  if (bufferResizable?.call(buffer) === true) return 'ResizableArrayBuffer';
  return hasSlot(buffer, { call: (detachable) => new Uint8Array(detachable as ArrayBuffer) }) ? 'ArrayBuffer' : 'DetachedArrayBuffer';
}

function writeNumber(value: number, writer: ByteWriter): void {
  if (Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)) {
    writer.byte(TAG.integer);
    writer.varint(value);
    return;
  }
  writer.byte(TAG.number);
  writer.double(value);
}

function writeBigInt(value: bigint, writer: ByteWriter): void {
  const digits = (value < 0n ? -value : value).toString(16);
  const even = digits.length % 2 === 0 ? digits : '0' + digits;
  const length = value === 0n ? 0 : even.length / 2;
  writer.byte(TAG.bigint);
  writer.byte(value < 0n ? 1 : 0);
  writer.varint(length);
  for (let i = length - 1; i >= 0; i--) writer.byte(Number.parseInt(even.slice(2 * i, 2 * i + 2), 16));
}

function writeString(value: string, writer: ByteWriter): void {
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

function writeArray(value: unknown[], writer: ByteWriter): Pending {
  // Integer keys come first in own order, so an array is dense when it has exactly `length` own string keys and the last one is the last index.
  const keys = Object.keys(value);
  const dense = keys.length === value.length && (value.length === 0 || keys[keys.length - 1] === String(value.length - 1));
  if (!dense) {
    writer.byte(TAG.sparseArray);
    writer.varint(value.length);
    return writeCountAndEntries(keys, value, writer);
  }
  writer.byte(TAG.array);
  writer.varint(value.length);
  return Array.prototype.values.call(value) as Pending;
}

function writeProperties(tag: number, value: object, writer: ByteWriter): Pending {
  writer.byte(tag);
  return writeCountAndEntries(Object.keys(value), value, writer);
}

function writeCountAndEntries(keys: readonly string[], value: object, writer: ByteWriter): Pending {
  writer.varint(keys.length);
  return entryChildren(keys, value as Record<string, unknown>);
}

function* entryChildren(keys: readonly string[], value: Record<string, unknown>): Pending {
  for (const key of keys) {
    yield key;
    yield value[key];
  }
}

function* mapChildren(value: Map<unknown, unknown>): Pending {
  for (const [key, item] of Map.prototype.entries.call(value)) {
    yield key;
    yield item;
  }
}

/** A view is worth as much as its buffer: where that cannot be carried, the view is a placeholder of the buffer's class. */
function writeView(view: ArrayBufferView, kind: string, writer: ByteWriter, unportable: string[]): Pending | null {
  const bufferBrand = brandOf(view.buffer);
  if (bufferBrand !== 'ArrayBuffer') return writePlaceholder(bufferBrand, writer, unportable);
  if (!VIEW_KINDS.includes(kind)) return writePlaceholder(kind, writer, unportable);
  writer.byte(TAG.view);
  writer.byte(VIEW_KINDS.indexOf(kind));
  writer.varint(view.byteOffset);
  writer.varint(view.byteLength);
  return [view.buffer].values();
}

function writePlaceholder(name: string, writer: ByteWriter, unportable: string[]): null {
  const className = name.slice(0, MAX_CLASS_NAME_UNITS);
  unportable.push(className);
  writer.byte(TAG.placeholder);
  writeString(className, writer);
  return null;
}
