/**
 * Blob (tag `18`), File (`19`) and FileList (`1a`). The bytes of a Blob can only be had by waiting, so it leaves a gap in the encoding; it is made
 * from bytes at once. A Blob whose bytes cannot be read any more (its file on disk is gone) is a placeholder.
 */
import { slotOf } from './brand.ts';
import type { ByteReader, ByteWriter } from './bytes.ts';
import { ForeignValue } from './foreign.ts';
import { readBytes, readNumber, readString, writeBytes, writeNumber, writeString } from './primitive.ts';
import { type Children, type Frame, leaveGap, type Reading, remember, standIn, type Writing } from './state.ts';
import { TAG } from './tags.ts';
import { Unportable, writePlaceholder } from './unportable.ts';

const typeOf = slotOf<string>('Blob', 'type');
const nameOf = slotOf<string>('File', 'name');
const lastModifiedOf = slotOf<number>('File', 'lastModified');
const listLength = slotOf<number>('FileList', 'length');

interface FileFields {
  readonly name: string;
  readonly lastModified: number;
}

/** Writes a Blob: later, or at once when it is a stand-in. */
export function writeBlob(value: object, writing: Writing): null {
  if (value instanceof ForeignValue) return writeContent(null, value.fields['type'] as string, bytesOf(value), writing.writer);
  return leaveBlob(value, 'Blob', null, writing);
}

/** Writes a File: later, or at once when it is a stand-in. */
export function writeFile(value: object, writing: Writing): null {
  if (value instanceof ForeignValue) {
    const { type, name, lastModified } = value.fields;
    const file = { name: name as string, lastModified: lastModified as number };
    return writeContent(file, type as string, bytesOf(value), writing.writer);
  }
  // Chromium clones it, and nothing can set it again.
  if ((value as { webkitRelativePath?: string }).webkitRelativePath) return writePlaceholder('File with a webkitRelativePath', writing);
  return leaveBlob(value, 'File', { name: nameOf.call(value), lastModified: lastModifiedOf.call(value) }, writing);
}

function leaveBlob(blob: object, className: string, file: FileFields | null, writing: Writing): null {
  const type = typeOf.call(blob);
  return leaveGap(writing, className, async (writer) => {
    const bytes = await read(blob);
    if (bytes === null) return false;
    writeContent(file, type, bytes, writer);
    return true;
  });
}

async function read(blob: object): Promise<Uint8Array | null> {
  try {
    return new Uint8Array(await Blob.prototype.arrayBuffer.call(blob));
  } catch {
    return null;
  }
}

function bytesOf({ fields }: ForeignValue): Uint8Array {
  return fields['bytes'] as Uint8Array;
}

function writeContent(file: FileFields | null, type: string, bytes: Uint8Array, writer: ByteWriter): null {
  writer.byte(file === null ? TAG.blob : TAG.file);
  writeString(type, writer);
  if (file !== null) {
    writeString(file.name, writer);
    writeNumber(file.lastModified, writer);
  }
  writeBytes(bytes, writer);
  return null;
}

/** Writes the head of a FileList, or of its stand-in; its files are its children. */
export function writeFileList(value: object, { writer }: Writing): Children {
  const files = value instanceof ForeignValue ? (value.fields['files'] as readonly object[]) : filesOf(value as FileList);
  writer.byte(TAG.fileList);
  writer.varint(files.length);
  return files.values();
}

function filesOf(list: FileList): (object | null)[] {
  return Array.from({ length: listLength.call(list) }, (_, i) => FileList.prototype.item.call(list, i));
}

/** Reads what follows the tag of a Blob. */
export function readBlob(reading: Reading): object {
  const { reader } = reading;
  const type = readType(reader);
  const bytes = readBytes(reader);
  const { Blob } = globalThis as { Blob?: typeof globalThis.Blob };
  return remember(reading, Blob === undefined ? standIn(reading, 'Blob', { type, bytes }) : new Blob([bytes], { type }));
}

/** Reads what follows the tag of a File. */
export function readFile(reading: Reading): object {
  const { reader } = reading;
  const type = readType(reader);
  const name = readString(reader);
  if (/\p{Surrogate}/u.test(name)) throw reader.fault('a file name with a lone surrogate');
  const lastModified = readNumber(reader);
  if (!Number.isSafeInteger(lastModified) || Object.is(lastModified, -0)) throw reader.fault('a time that no file can have');
  const bytes = readBytes(reader);
  const { File } = globalThis as { File?: typeof globalThis.File };
  return remember(
    reading,
    File === undefined ? standIn(reading, 'File', { type, name, lastModified, bytes }) : new File([bytes], name, { type, lastModified }),
  );
}

/** The types that a Blob keeps as they are (File API, section 3.1): printable ASCII in lower case. */
function readType(reader: ByteReader): string {
  const type = readString(reader);
  if (!/^[ -@[-~]*$/.test(type)) throw reader.fault('a type that no Blob can have');
  return type;
}

/** Reads what follows the tag of a FileList, but for its files: the frame waits for them. */
export function readFileList(reading: Reading): Frame {
  const { reader, objects } = reading;
  const files: object[] = [];
  // Its place is taken now: nothing in it can refer to it.
  const id = objects.push(null) - 1;
  return {
    left: reader.count(1),
    add(value) {
      if (!isFile(value)) throw reader.fault('something in a FileList that is no File');
      files.push(value);
    },
    finish() {
      const list = makeFileList(files) ?? standIn(reading, 'FileList', { files });
      objects[id] = list;
      return list;
    },
  };
}

function isFile(value: unknown): value is object {
  if (value instanceof Unportable) return true;
  if (value instanceof ForeignValue) return value.className === 'File';
  return typeof File !== 'undefined' && value instanceof File;
}

/** A FileList has no constructor: a DataTransfer makes one. */
function makeFileList(files: readonly object[]): object | null {
  if (typeof DataTransfer === 'undefined' || !files.every((file) => file instanceof File)) return null;
  const transfer = new DataTransfer();
  for (const file of files) transfer.items.add(file);
  return transfer.files;
}
