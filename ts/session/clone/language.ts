/**
 * Objects of the language besides its containers: RegExp (tag `12`), boxed primitives (`15`) and Error (`16`). Of an Error this carries what HTML's
 * structured clone keeps: the class (one of seven; any other is an Error), the message, the stack and the cause. Names that were set, further
 * properties and the `errors` of an AggregateError are dropped there already.
 */
import { slotOf } from './brand.ts';
import type { ForeignValue } from './foreign.ts';
import { readBigInt, readDouble, readString, readTaggedString, writeBigInt, writeNumber, writeString } from './primitive.ts';
import { type Children, type Frame, type Reading, remember, standIn, type Writing } from './state.ts';
import { ERROR_CLASSES, TAG } from './tags.ts';

const regExpSource = slotOf<string>('RegExp', 'source');
const regExpFlags = slotOf<string>('RegExp', 'flags');

/** Writes a RegExp. Its `lastIndex` is 0 in every clone. */
export function writeRegExp(value: object, writing: Writing): null {
  return writePattern(regExpSource.call(value), regExpFlags.call(value), writing);
}

/** Writes the stand-in of a RegExp. */
export function writeForeignRegExp({ fields }: ForeignValue, writing: Writing): null {
  return writePattern(fields['source'] as string, fields['flags'] as string, writing);
}

function writePattern(source: string, flags: string, { writer }: Writing): null {
  writer.byte(TAG.regExp);
  writeString(source, writer);
  writeString(flags, writer);
  return null;
}

/** Reads what follows the tag of a RegExp. One that this engine does not understand (a newer flag) has a stand-in. */
export function readRegExp(reading: Reading): object {
  const { reader } = reading;
  const source = readString(reader);
  const flags = readString(reader);
  if (!/^d?g?i?m?s?u?v?y?$/.test(flags)) throw reader.fault('flags of a RegExp that are not in their order');
  const regExp = compile(source, flags);
  if (regExp === null) return remember(reading, standIn(reading, 'RegExp', { source, flags }));
  // An empty pattern, a slash and a line break have one spelling in `source`.
  if (regExp.source !== source) throw reader.fault('a RegExp whose source is not in canonical form');
  return remember(reading, regExp);
}

function compile(source: string, flags: string): RegExp | null {
  try {
    return new RegExp(source, flags);
  } catch {
    return null;
  }
}

/** Writes a boxed primitive, told apart by `brand`. */
export function writeBoxed(value: object, brand: string, { writer }: Writing): null {
  writer.byte(TAG.boxed);
  if (brand === 'Boolean') writer.byte(Boolean.prototype.valueOf.call(value) ? TAG.true : TAG.false);
  else if (brand === 'Number') writeNumber(Number.prototype.valueOf.call(value), writer);
  else if (brand === 'BigInt') writeBigInt(BigInt.prototype.valueOf.call(value), writer);
  else writeString(String.prototype.valueOf.call(value), writer);
  return null;
}

/** Reads what follows the tag of a boxed primitive. */
export function readBoxed(reading: Reading): object {
  return remember(reading, Object(readPrimitive(reading)) as object);
}

function readPrimitive({ reader }: Reading): boolean | number | bigint | string {
  const tag = reader.byte();
  switch (tag) {
    case TAG.true:
      return true;
    case TAG.false:
      return false;
    case TAG.integer:
      return reader.varint();
    case TAG.number:
      return readDouble(reader);
    case TAG.bigint:
      return readBigInt(reader);
    case TAG.latin1:
    case TAG.utf16:
      return readTaggedString(tag, reader);
    default:
      throw reader.fault('a primitive that can be boxed expected');
  }
}

const HAS_MESSAGE = 1;
const HAS_STACK = 2;
const HAS_CAUSE = 4;

/** Writes the head of an Error; its cause is its child. */
export function writeError(value: object, { writer }: Writing): Children | null {
  const { name, stack } = value as { name?: unknown; stack?: unknown };
  const message = ownData(value, 'message');
  const cause = ownData(value, 'cause');
  writer.byte(TAG.error);
  writer.byte(Math.max(0, ERROR_CLASSES.indexOf(String(name))));
  writer.byte((message ? HAS_MESSAGE : 0) + (typeof stack === 'string' ? HAS_STACK : 0) + (cause ? HAS_CAUSE : 0));
  if (message) writeString(String(message.value), writer);
  if (typeof stack === 'string') writeString(stack, writer);
  return cause ? [cause.value].values() : null;
}

function ownData(value: object, name: string): { readonly value?: unknown } | null {
  const property = Object.getOwnPropertyDescriptor(value, name);
  return property !== undefined && 'value' in property ? property : null;
}

/** Reads what follows the tag of an Error, but for its cause: the frame waits for that. */
export function readError(reading: Reading): Frame {
  const { reader } = reading;
  const className = ERROR_CLASSES[reader.byte()];
  const flags = reader.byte();
  if (className === undefined || flags > (HAS_MESSAGE | HAS_STACK | HAS_CAUSE)) throw reader.fault('an unknown kind of Error');
  const message = flags & HAS_MESSAGE ? readString(reader) : undefined;
  const stack = flags & HAS_STACK ? readString(reader) : undefined;
  const ErrorClass = (globalThis as unknown as Record<string, new () => { stack: string | undefined }>)[className] as new () => {
    stack: string | undefined;
  };
  const error = remember(reading, new ErrorClass());
  // By assignment: V8 keeps the stack in a slot behind an accessor, and a property in its place would leave ours in the slot.
  error.stack = stack;
  if (message !== undefined) define(error, 'message', message);
  return { left: flags & HAS_CAUSE ? 1 : 0, add: (cause) => define(error, 'cause', cause), finish: () => error };
}

function define(error: object, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, writable: true, enumerable: false, configurable: true });
}
