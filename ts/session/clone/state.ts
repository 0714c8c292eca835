/** What an encoding or a decoding keeps while it is under way, and how its parts (`buffer.ts`, `file.ts`, ...) hand their work to it. */
import type { ByteReader, ByteWriter } from './bytes.ts';
import { ForeignValue } from './foreign.ts';

/** An encoding under way. */
export interface Writing {
  readonly writer: ByteWriter;
  /** Object ids, in the order of first sight. */
  readonly ids: Map<object, number>;
  /** Class names of what could not be carried, in order. */
  readonly unportable: string[];
  /** Objects whose bytes must be awaited, in order. Each has its id already. */
  readonly gaps: Gap[];
}

/** An object that is left out of the bytes until its content was awaited. */
export interface Gap {
  /** Where it goes: after this many bytes, and after this many names in `unportable`. */
  readonly at: number;
  readonly named: number;
  /** The name of its placeholder, where the content cannot be had. */
  readonly className: string;
  /** Writes the whole object, tag included; returns false, having written nothing, when the content cannot be had. */
  fill(writer: ByteWriter): Promise<boolean>;
}

/** The children still to be written of an object whose head is written. */
export type Children = Iterator<unknown>;

/** Leaves out an object, to be filled in when the walk is over. */
export function leaveGap({ writer, unportable, gaps }: Writing, className: string, fill: Gap['fill']): null {
  gaps.push({ at: writer.length, named: unportable.length, className, fill });
  return null;
}

/** A decoding under way. */
export interface Reading {
  readonly reader: ByteReader;
  /** Objects by id. */
  readonly objects: unknown[];
  readonly unportable: string[];
  readonly foreign: string[];
  /** What could be had by waiting. */
  readonly jobs: Job[];
  /** What was waited for, by object id. */
  readonly awaited: ReadonlyMap<number, object>;
}

/** An object that can only be made by waiting: its id, and how; null where this platform cannot. */
export interface Job {
  readonly id: number;
  make(): Promise<object | null>;
}

/** A container that waits for `left` more values; `add` puts one in; `finish` gives what takes its place, once all are in. */
export interface Frame {
  left: number;
  add(value: unknown): void;
  finish(): unknown;
}

/** Gives `value` the next object id. */
export function remember<T>({ objects }: Reading, value: T): T {
  objects.push(value);
  return value;
}

/** A stand-in, named in the result. Takes no id. */
export function standIn(reading: Reading, className: string, fields: Readonly<Record<string, unknown>>): ForeignValue {
  reading.foreign.push(className);
  return new ForeignValue(className, fields);
}

/** An object that needs waiting: it, when it was waited for, else its stand-in. Takes an id. */
export function awaitedOr(
  reading: Reading,
  className: string,
  fields: Readonly<Record<string, unknown>>,
  make: () => Promise<object | null>,
): object {
  const id = reading.objects.length;
  const real = reading.awaited.get(id);
  if (real === undefined) reading.jobs.push({ id, make });
  return remember(reading, real ?? standIn(reading, className, fields));
}
