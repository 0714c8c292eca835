/**
 * Bytes -> structured-clone values, by the layout in `layout.md`. Reads untrusted bytes: every count is checked against what is left
 * before anything is allocated, and depth costs no stack. Accepts the canonical form and no other, so what it accepts encodes to the same
 * bytes again. Runs inside pages too.
 */
import { PspError } from '../../errors.ts';
import { ByteReader, unitsToString } from './bytes.ts';
import { TAG, VIEW_KINDS, VIEW_UNITS } from './tags.ts';
import { MAX_CLASS_NAME_UNITS, Unportable } from './unportable.ts';

export { Unportable };

/** A decoded value, and the class names of the placeholders in it: when there are any, the value is not what was captured. */
export interface DecodedValue {
  readonly value: unknown;
  readonly unportable: readonly string[];
}

/** A container that waits for `left` more values; `add` puts one in; `finish` gives what takes its place, once all are in. */
interface Frame {
  left: number;
  add(value: unknown): void;
  finish(): unknown;
}

/**
 * Decodes exactly one value. O(bytes); copies all bytes out.
 *
 * @throws PspError
 * - `SESSION_CLONE_MALFORMED` with the offset when the bytes are not one value in canonical form;
 * - `SESSION_CLONE_UNSUPPORTED` when they may be, but hold something larger than this platform can: a string, a BigInt, a Map.
 */
export function decodeValue(bytes: Uint8Array): DecodedValue {
  const state: State = { reader: new ByteReader(bytes), objects: [], unportable: [] };
  try {
    const value = readValue(state);
    if (state.reader.remaining > 0) throw state.reader.fault(`${state.reader.remaining} bytes after the value`);
    return { value, unportable: state.unportable };
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(state.reader);
    throw error;
  }
}

function readValue(state: State): unknown {
  const stack: Frame[] = [];
  for (;;) {
    const read = readHead(state);
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

/** Without a cause: the platform's own message may quote the value. */
function tooLarge(reader: ByteReader): PspError {
  return new PspError(
    'SESSION_CLONE_UNSUPPORTED',
    `structured-clone bytes: larger than this platform can hold, at offset ${reader.offset}`,
    {
      details: { offset: reader.offset },
    },
  );
}

interface State {
  readonly reader: ByteReader;
  readonly objects: unknown[];
  readonly unportable: string[];
}

function isFrame(read: Frame | { value: unknown }): read is Frame {
  return 'finish' in read;
}

function readHead(state: State): Frame | { value: unknown } {
  const { reader, objects } = state;
  const tag = reader.byte();
  switch (tag) {
    case TAG.null:
      return { value: null };
    case TAG.true:
      return { value: true };
    case TAG.false:
      return { value: false };
    case TAG.integer:
      return { value: reader.varint() };
    case TAG.number:
      return { value: readNumber(reader) };
    case TAG.undefined:
      return { value: undefined };
    case TAG.bigint:
      return { value: readBigInt(reader) };
    case TAG.latin1:
    case TAG.utf16:
      return { value: readString(tag, reader) };
    case TAG.back:
      return { value: readBack(state) };
    case TAG.date:
      return { value: remember(objects, readDate(reader)) };
    case TAG.buffer:
      return { value: readBuffer(state) };
    case TAG.placeholder:
      return { value: readPlaceholder(state) };
    case TAG.array:
      return arrayFrame(remember(objects, [] as unknown[]), reader.count(1));
    case TAG.sparseArray:
      return sparseArrayFrame(state);
    case TAG.object:
      return propertyFrame(remember(objects, {}), null, reader);
    case TAG.map:
      return mapFrame(remember(objects, new Map()), reader);
    case TAG.set:
      return setFrame(remember(objects, new Set()), reader);
    case TAG.view:
      return { value: readView(state) };
    default:
      throw reader.fault(`tag 0x${tag.toString(16)} is not assigned`);
  }
}

function remember<T>(objects: unknown[], value: T): T {
  objects.push(value);
  return value;
}

/** What tag `03` carries has no second form here. */
function readNumber(reader: ByteReader): number {
  const value = reader.double();
  if (Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)) throw reader.fault('a number that is not in canonical form');
  return value;
}

function readDate(reader: ByteReader): Date {
  const ms = reader.double();
  const date = new Date(ms);
  if (!Object.is(date.getTime(), ms)) throw reader.fault('a Date that no Date can be');
  return date;
}

function readBigInt(reader: ByteReader): bigint {
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

function readString(tag: number, reader: ByteReader): string {
  if (tag === TAG.latin1) return reader.latin1(reader.count(1));
  if (tag !== TAG.utf16) throw reader.fault('a string expected');
  const text = reader.utf16(reader.varint());
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return text;
  throw reader.fault('a string that is not in its shortest form');
}

function readBack({ reader, objects }: State): unknown {
  const id = reader.varint();
  if (id >= objects.length) throw reader.fault(`back-reference to object ${id} of ${objects.length}`);
  return objects[id];
}

function readBuffer({ reader, objects }: State): ArrayBuffer {
  // Not `slice()`: that of Node's Buffer is a view, and its `buffer` a pool that holds the bytes of others.
  return remember(objects, new Uint8Array(reader.view(reader.varint())).buffer);
}

function readPlaceholder({ reader, objects, unportable }: State): Unportable {
  const className = readString(reader.byte(), reader);
  if (className.length > MAX_CLASS_NAME_UNITS) throw reader.fault(`a class name longer than ${MAX_CLASS_NAME_UNITS} units`);
  unportable.push(className);
  return remember(objects, new Unportable(className));
}

function arrayFrame(array: unknown[], count: number): Frame {
  return { left: count, add: (value) => array.push(value), finish: () => array };
}

function sparseArrayFrame({ reader, objects }: State): Frame {
  const length = reader.varint();
  if (length > 0xffff_ffff) throw reader.fault('an array longer than 2^32-1');
  const array: unknown[] = [];
  // V8 allocates every element of a length below 2^25, so six hostile bytes would cost 256 MiB. Once an array is a dictionary it stays one
  // until it is dense enough, and this length makes it one.
  array.length = 0xffff_ffff;
  array.length = length;
  return propertyFrame(remember(objects, array), length, reader);
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

type ViewConstructor = new (buffer: ArrayBuffer, byteOffset: number, length: number) => ArrayBufferView;

/** The buffer is read here, not as a child: nothing but a buffer, or a reference to one, can follow. */
function readView(state: State): unknown {
  const { reader, objects, unportable } = state;
  const kindByte = reader.byte();
  const kind = VIEW_KINDS[kindByte];
  const unit = VIEW_UNITS[kindByte];
  if (kind === undefined || unit === undefined) throw reader.fault('an unknown kind of view');
  const byteOffset = reader.varint();
  const byteLength = reader.varint();
  const index = objects.push(null) - 1;
  const buffer = readBufferOrBack(state);
  if (byteOffset + byteLength > buffer.byteLength || byteLength % unit !== 0 || byteOffset % unit !== 0) {
    throw reader.fault(`a ${kind} that does not fit its buffer`);
  }
  const View = (globalThis as unknown as Record<string, ViewConstructor | undefined>)[kind];
  if (View === undefined) unportable.push(kind);
  const view = View === undefined ? new Unportable(kind) : new View(buffer, byteOffset, byteLength / unit);
  objects[index] = view;
  return view;
}

function readBufferOrBack(state: State): ArrayBuffer {
  const tag = state.reader.byte();
  if (tag === TAG.buffer) return readBuffer(state);
  const value = tag === TAG.back ? readBack(state) : null;
  if (value instanceof ArrayBuffer) return value;
  throw state.reader.fault('a view without a buffer');
}
