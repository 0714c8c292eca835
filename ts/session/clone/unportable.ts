/** Placeholders (tag `7f`): what stands, in bytes and in a decoded value, where something could not be carried. */
import type { ByteWriter } from './bytes.ts';
import { readString, writeString } from './primitive.ts';
import { type Reading, remember, type Writing } from './state.ts';
import { TAG } from './tags.ts';

/** Class names longer than this are cut: a page may choose them. */
export const MAX_CLASS_NAME_UNITS = 64;

/** Stands where a value could not be carried. Encoding it again gives the same placeholder. */
export class Unportable {
  readonly className: string;
  constructor(className: string) {
    this.className = className;
  }
}

/** Writes a placeholder; returns the class name as it was written. */
export function writePlaceholderBytes(name: string, writer: ByteWriter): string {
  const className = name.slice(0, MAX_CLASS_NAME_UNITS);
  writer.byte(TAG.placeholder);
  writeString(className, writer);
  return className;
}

/** Writes a placeholder and names it in the result. */
export function writePlaceholder(name: string, { writer, unportable }: Writing): null {
  unportable.push(writePlaceholderBytes(name, writer));
  return null;
}

/** Reads what follows the tag of a placeholder. */
export function readPlaceholder(reading: Reading): Unportable {
  const { reader } = reading;
  const className = readString(reader);
  if (className.length > MAX_CLASS_NAME_UNITS) throw reader.fault(`a class name longer than ${MAX_CLASS_NAME_UNITS} units`);
  reading.unportable.push(className);
  return remember(reading, new Unportable(className));
}
