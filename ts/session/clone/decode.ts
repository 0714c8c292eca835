/**
 * Bytes -> structured-clone values, by the layout in `layout.md`. Reads untrusted bytes: every count is checked against what is left
 * before anything is allocated, and depth costs no stack. Accepts the canonical form and no other, so what it accepts encodes to the same
 * bytes again. Runs inside pages too.
 */
import { readBuffer, readResizableBuffer, readView } from './buffer.ts';
import { ByteReader } from './bytes.ts';
import { readKey, readLockedKey } from './crypto-key.ts';
import { readDomException } from './exception.ts';
import { readBlob, readFile, readFileList } from './file.ts';
import { ForeignValue } from './foreign.ts';
import { readGeometry } from './geometry.ts';
import { readHandle } from './handle.ts';
import { readImageData } from './image-data.ts';
import { readBoxed, readError, readRegExp } from './language.ts';
import { readBigInt, readDouble, readTaggedString, tooLarge } from './primitive.ts';
import { type Frame, type Job, type Reading, remember } from './state.ts';
import { TAG } from './tags.ts';
import { readPlaceholder, Unportable } from './unportable.ts';

export { ForeignValue, Unportable };

/** A decoded value. When either list is not empty, the value is not what was captured, and must not be stored in its place. */
export interface DecodedValue {
  readonly value: unknown;
  /** Class names of the placeholders in it: what could not be captured. */
  readonly unportable: readonly string[];
  /** Class names of the stand-ins in it ({@link ForeignValue}): what this platform lacks, or what takes waiting. */
  readonly foreign: readonly string[];
}

/**
 * Decodes exactly one value. O(bytes); copies all bytes out. A CryptoKey and a FileSystemHandle come as stand-ins: {@link decodeValueAsync} makes those.
 *
 * @throws PspError
 * - `SESSION_CLONE_MALFORMED` with the offset when the bytes are not one value in canonical form;
 * - `SESSION_CLONE_UNSUPPORTED` when they may be, but hold something larger than this platform can: a string, a BigInt, a Map.
 */
export function decodeValue(bytes: Uint8Array): DecodedValue {
  return decode(bytes, new Map()).decoded;
}

/** Decodes exactly one value, with its keys and handles where this platform can make them. Reads twice when there are any. Fails as {@link decodeValue} does. */
export async function decodeValueAsync(bytes: Uint8Array): Promise<DecodedValue> {
  const { decoded, jobs } = decode(bytes, new Map());
  if (jobs.length === 0) return decoded;
  const awaited = new Map<number, object>();
  for (const { id, make } of jobs) {
    const made = await make();
    if (made !== null) awaited.set(id, made);
  }
  // Again from the start: a Map or Set that holds a stand-in could not be told to hold another object in its place.
  return decode(bytes, awaited).decoded;
}

function decode(bytes: Uint8Array, awaited: ReadonlyMap<number, object>): { decoded: DecodedValue; jobs: readonly Job[] } {
  const reading: Reading = { reader: new ByteReader(bytes), objects: [], unportable: [], foreign: [], jobs: [], awaited };
  const { reader, unportable, foreign, jobs } = reading;
  try {
    const value = readValue(reading);
    if (reader.remaining > 0) throw reader.fault(`${reader.remaining} bytes after the value`);
    return { decoded: { value, unportable, foreign }, jobs };
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(reader);
    throw error;
  }
}

function readValue(reading: Reading): unknown {
  const stack: Frame[] = [];
  for (;;) {
    const read = readHead(reading);
    if (isFrame(read) && read.left > 0) {
      stack.push(read);
      continue;
    }
    let done = isFrame(read) ? read.finish() : read.value;
    for (;;) {
      const top = stack[stack.length - 1];
      if (top === undefined) return done;
      top.add(done);
      if (--top.left > 0) break;
      stack.pop();
      done = top.finish();
    }
  }
}

function isFrame(read: Frame | { value: unknown }): read is Frame {
  return 'finish' in read;
}

function readHead(reading: Reading): Frame | { value: unknown } {
  const { reader } = reading;
  const tag = reader.byte();
  switch (tag) {
    case TAG.array:
      return arrayFrame(remember(reading, [] as unknown[]), reader.count(1));
    case TAG.sparseArray:
      return sparseArrayFrame(reading);
    case TAG.object:
      return propertyFrame(remember(reading, {}), null, reader);
    case TAG.map:
      return mapFrame(remember(reading, new Map()), reader);
    case TAG.set:
      return setFrame(remember(reading, new Set()), reader);
    case TAG.error:
      return readError(reading);
    case TAG.fileList:
      return readFileList(reading);
    default:
      return { value: readLeaf(tag, reading) };
  }
}

/** What has no children that must be walked to. */
function readLeaf(tag: number, reading: Reading): unknown {
  const { reader } = reading;
  switch (tag) {
    case TAG.null:
      return null;
    case TAG.true:
      return true;
    case TAG.false:
      return false;
    case TAG.integer:
      return reader.varint();
    case TAG.number:
      return readDouble(reader);
    case TAG.undefined:
      return undefined;
    case TAG.bigint:
      return readBigInt(reader);
    case TAG.latin1:
    case TAG.utf16:
      return readTaggedString(tag, reader);
    case TAG.back:
      return readBack(reading);
    case TAG.date:
      return remember(reading, readDate(reader));
    case TAG.buffer:
      return readBuffer(reading);
    case TAG.resizableBuffer:
      return readResizableBuffer(reading);
    case TAG.view:
      return readView(reading);
    case TAG.regExp:
      return readRegExp(reading);
    case TAG.boxed:
      return readBoxed(reading);
    case TAG.domException:
      return readDomException(reading);
    case TAG.blob:
      return readBlob(reading);
    case TAG.file:
      return readFile(reading);
    case TAG.imageData:
      return readImageData(reading);
    case TAG.geometry:
      return readGeometry(reading);
    case TAG.key:
      return readKey(reading);
    case TAG.lockedKey:
      return readLockedKey(reading);
    case TAG.handle:
      return readHandle(reading);
    case TAG.placeholder:
      return readPlaceholder(reading);
    default:
      throw reader.fault(`tag 0x${tag.toString(16)} is not assigned`);
  }
}

function readDate(reader: ByteReader): Date {
  const ms = reader.double();
  const date = new Date(ms);
  if (!Object.is(date.getTime(), ms)) throw reader.fault('a Date that no Date can be');
  return date;
}

function readBack({ reader, objects }: Reading): unknown {
  const id = reader.varint();
  if (id >= objects.length) throw reader.fault(`back-reference to object ${id} of ${objects.length}`);
  return objects[id];
}

function arrayFrame(array: unknown[], count: number): Frame {
  return { left: count, add: (value) => array.push(value), finish: () => array };
}

function sparseArrayFrame(reading: Reading): Frame {
  const { reader } = reading;
  const length = reader.varint();
  if (length > 0xffff_ffff) throw reader.fault('an array longer than 2^32-1');
  const array: unknown[] = [];
  // V8 allocates every element of a length below 2^25, so six hostile bytes would cost 256 MiB. Once an array is a dictionary it stays one
  // until it is dense enough, and this length makes it one.
  array.length = 0xffff_ffff;
  array.length = length;
  return propertyFrame(remember(reading, array), length, reader);
}

/** Own properties, in own order: indexes ascending, then names. `arrayLength` is null for a plain object. */
function propertyFrame(target: object, arrayLength: number | null, reader: ByteReader): Frame {
  const count = reader.count(2);
  let key: string | null = null;
  let lastIndex = -1;
  let names = 0;
  return {
    left: count * 2,
    add(value) {
      if (key !== null) {
        setOwn(target, key, value);
        key = null;
        return;
      }
      if (typeof value !== 'string') throw reader.fault('a property name that is no string');
      if (Object.hasOwn(target, value)) throw reader.fault('a property that is there twice');
      const index = arrayIndex(value);
      if (index === null) names++;
      else if (names > 0 || index < lastIndex) throw reader.fault('properties that are not in their own order');
      else if (arrayLength !== null && index >= arrayLength) throw reader.fault('an element after the end of its array');
      else lastIndex = index;
      key = value;
    },
    finish() {
      if (arrayLength === count && names === 0) throw reader.fault('an array without holes in the form of one with holes');
      return target;
    },
  };
}

/** Plain assignment would call a setter, or fail on a frozen prototype, where the name is inherited: `__proto__` above all. */
function setOwn(target: object, key: string, value: unknown): void {
  if (key in target) Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  else (target as Record<string, unknown>)[key] = value;
}

/** The array index (ECMA-262: 0 to 2^32-2, in its canonical spelling) that `key` is, or null. Own order puts these first. */
function arrayIndex(key: string): number | null {
  if (key.length > 10 || !/^(?:0|[1-9][0-9]*)$/.test(key)) return null;
  const index = Number(key);
  return index < 0xffff_ffff ? index : null;
}

function mapFrame(map: Map<unknown, unknown>, reader: ByteReader): Frame {
  let key: { value: unknown } | null = null;
  return {
    left: reader.count(2) * 2,
    add(value) {
      if (key === null) {
        if (isNoNewMember(map, value)) throw reader.fault('a Map key that is there twice, or -0');
        key = { value };
        return;
      }
      map.set(key.value, value);
      key = null;
    },
    finish: () => map,
  };
}

function setFrame(set: Set<unknown>, reader: ByteReader): Frame {
  return {
    left: reader.count(1),
    add(value) {
      if (isNoNewMember(set, value)) throw reader.fault('a Set member that is there twice, or -0');
      set.add(value);
    },
    finish: () => set,
  };
}

/** -0 goes in as 0. */
function isNoNewMember(collection: { has(value: unknown): boolean }, value: unknown): boolean {
  return Object.is(value, -0) || collection.has(value);
}
