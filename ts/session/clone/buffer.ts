/**
 * ArrayBuffers, fixed (tag `08`) and resizable (`09`), and the views on them (`13`). A view keeps its place in its buffer, and whether it follows the
 * length of the buffer. Where the platform lacks a class (resizable buffers, Float16Array), a stand-in takes its place.
 */
import { brandOf, bufferLength, hasSlot, slotOf } from './brand.ts';
import { ForeignValue } from './foreign.ts';
import { readBytes, tooLarge } from './primitive.ts';
import { type Children, type Reading, remember, standIn, type Writing } from './state.ts';
import { TAG, VIEW_KINDS, VIEW_TRACKING, VIEW_UNITS } from './tags.ts';
import { writePlaceholder } from './unportable.ts';

/** `ArrayBuffer` as of ES2024; the project is typed against ES2022. */
interface ResizableArrayBuffer extends ArrayBuffer {
  readonly maxByteLength: number;
  resize(byteLength: number): void;
}
type ResizableConstructor = new (byteLength: number, options: { maxByteLength: number }) => ResizableArrayBuffer;
type ViewConstructor = new (buffer: ArrayBuffer, byteOffset: number, length?: number) => ArrayBufferView;

const maxByteLength = slotOf<number>('ArrayBuffer', 'maxByteLength');

/** Writes a buffer of fixed length. */
export function writeBuffer(buffer: ArrayBuffer, { writer }: Writing): null {
  writer.byte(TAG.buffer);
  writer.varint(bufferLength.call(buffer));
  writer.bytes(new Uint8Array(buffer));
  return null;
}

/** Writes a resizable buffer, or its stand-in. */
export function writeResizableBuffer(buffer: ArrayBuffer | ForeignValue, { writer }: Writing): null {
  const fields =
    buffer instanceof ForeignValue ? buffer.fields : { bytes: new Uint8Array(buffer), maxByteLength: maxByteLength.call(buffer) };
  const bytes = fields['bytes'] as Uint8Array;
  writer.byte(TAG.resizableBuffer);
  writer.varint(bytes.length);
  writer.varint(fields['maxByteLength'] as number);
  writer.bytes(bytes);
  return null;
}

/** Writes the head of a view; its buffer is its child. Where the buffer cannot be carried, the view is a placeholder of the buffer's class. */
export function writeView(view: ArrayBufferView, kind: string, writing: Writing): Children | null {
  const buffer = brandOf(view.buffer);
  if (buffer !== 'ArrayBuffer' && buffer !== 'ResizableArrayBuffer') return writePlaceholder(buffer, writing);
  if (!VIEW_KINDS.includes(kind)) return writePlaceholder(kind, writing);
  if (!isInBounds(view)) return writePlaceholder(`out-of-bounds ${kind}`, writing);
  const unit = VIEW_UNITS[VIEW_KINDS.indexOf(kind)] as number;
  const tracks = buffer === 'ResizableArrayBuffer' && isTracking(view, unit);
  return writeViewHead(kind, view.byteOffset, tracks ? null : view.byteLength, view.buffer, writing);
}

/** Writes the head of a stand-in of a view. */
export function writeForeignView({ className, fields }: ForeignValue, writing: Writing): Children {
  const { byteOffset, byteLength, buffer } = fields;
  return writeViewHead(className, byteOffset as number, byteLength as number | null, buffer, writing);
}

function writeViewHead(kind: string, byteOffset: number, byteLength: number | null, buffer: unknown, { writer }: Writing): Children {
  writer.byte(TAG.view);
  writer.byte(VIEW_KINDS.indexOf(kind) + (byteLength === null ? VIEW_TRACKING : 0));
  writer.varint(byteOffset);
  if (byteLength !== null) writer.varint(byteLength);
  return [buffer].values();
}

/** A buffer that shrank may have left its views behind. They have a length of 0 then, which others have too: only their methods tell. */
function isInBounds(view: ArrayBufferView): boolean {
  if (view instanceof DataView) return hasSlot(view, { call: () => view.byteLength });
  return hasSlot(view, Uint8Array.prototype.keys);
}

/**
 * Whether a view follows the length of its buffer. Nothing but a change of that length shows it, so a copy is made and changed. A view that does not
 * reach the end of its buffer needs no copy.
 */
function isTracking(view: ArrayBufferView, unit: number): boolean {
  const { buffer, byteOffset, byteLength } = view;
  if (buffer.byteLength - byteOffset - byteLength >= unit) return false;
  const copy = structuredClone(view);
  const copyOfBuffer = copy.buffer as ResizableArrayBuffer;
  if (byteLength === 0) {
    copyOfBuffer.resize(copyOfBuffer.maxByteLength);
    return copy.byteLength > 0;
  }
  copyOfBuffer.resize(byteOffset);
  return isInBounds(copy);
}

/** Reads what follows the tag of a buffer of fixed length. */
export function readBuffer(reading: Reading): ArrayBuffer {
  return remember(reading, readBytes(reading.reader).buffer);
}

/** Reads what follows the tag of a resizable buffer. `maxByteLength` costs address space only, and the platform refuses too much. */
export function readResizableBuffer(reading: Reading): ArrayBuffer | ForeignValue {
  const { reader } = reading;
  const length = reader.varint();
  const max = reader.varint();
  if (max < length) throw reader.fault('a resizable buffer longer than it can be');
  const bytes = new Uint8Array(reader.view(length));
  if (!('resizable' in ArrayBuffer.prototype)) {
    return remember(reading, standIn(reading, 'ResizableArrayBuffer', { bytes, maxByteLength: max }));
  }
  const buffer = makeResizable(length, max, reading);
  new Uint8Array(buffer).set(bytes);
  return remember(reading, buffer);
}

function makeResizable(length: number, max: number, { reader }: Reading): ResizableArrayBuffer {
  try {
    return new (ArrayBuffer as unknown as ResizableConstructor)(length, { maxByteLength: max });
  } catch {
    throw tooLarge(reader);
  }
}

/** Reads what follows the tag of a view, its buffer included: nothing but a buffer, or a reference to one, can follow. */
export function readView(reading: Reading): unknown {
  const { reader, objects } = reading;
  const kindByte = reader.byte();
  const tracks = kindByte >= VIEW_TRACKING;
  const kind = VIEW_KINDS[kindByte % VIEW_TRACKING];
  const unit = VIEW_UNITS[kindByte % VIEW_TRACKING];
  if (kind === undefined || unit === undefined) throw reader.fault('an unknown kind of view');
  const byteOffset = reader.varint();
  const byteLength = tracks ? null : reader.varint();
  const index = objects.push(null) - 1;
  const buffer = readBufferOrBack(reading);
  const { length, max } = sizesOf(buffer);
  const fits =
    byteLength === null
      ? max !== null && byteOffset <= length && max - byteOffset >= unit
      : byteOffset + byteLength <= length && byteLength % unit === 0;
  if (!fits || byteOffset % unit !== 0) throw reader.fault(`a ${kind} that does not fit its buffer`);
  const View = (globalThis as unknown as Record<string, ViewConstructor | undefined>)[kind];
  const view =
    View === undefined || buffer instanceof ForeignValue
      ? standIn(reading, kind, { buffer, byteOffset, byteLength })
      : byteLength === null
        ? makeTracking(View, buffer as ResizableArrayBuffer, byteOffset, unit)
        : new View(buffer, byteOffset, byteLength / unit);
  objects[index] = view;
  return view;
}

/** Before 2024 engines refused a view that follows a buffer which ends inside an element, so that end comes back when the view is there. */
function makeTracking(View: ViewConstructor, buffer: ResizableArrayBuffer, byteOffset: number, unit: number): ArrayBufferView {
  const { byteLength } = buffer;
  const even = byteLength - ((byteLength - byteOffset) % unit);
  const rest = new Uint8Array(buffer.slice(even));
  buffer.resize(even);
  const view = new View(buffer, byteOffset);
  buffer.resize(byteLength);
  new Uint8Array(buffer).set(rest, even);
  return view;
}

/** The length of a buffer, and the length it may grow to: null when it never does. */
function sizesOf(buffer: ArrayBuffer | ForeignValue): { length: number; max: number | null } {
  if (buffer instanceof ForeignValue) {
    return { length: (buffer.fields['bytes'] as Uint8Array).length, max: buffer.fields['maxByteLength'] as number };
  }
  const grows = (buffer as { resizable?: boolean }).resizable === true;
  return { length: buffer.byteLength, max: grows ? (buffer as ResizableArrayBuffer).maxByteLength : null };
}

function readBufferOrBack(reading: Reading): ArrayBuffer | ForeignValue {
  const { reader, objects } = reading;
  const tag = reader.byte();
  if (tag === TAG.buffer) return readBuffer(reading);
  if (tag === TAG.resizableBuffer) return readResizableBuffer(reading);
  const value = tag === TAG.back ? objects[reader.varint()] : null;
  if (value instanceof ArrayBuffer || (value instanceof ForeignValue && value.className === 'ResizableArrayBuffer')) return value;
  throw reader.fault('a view without a buffer');
}
