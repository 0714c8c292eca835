/**
 * A slot: one place in a list with the value there. An element that is moved gets a new slot, which names the element's first one, so that two
 * replicas that move it at once do not make two of it: of its slots one is shown. Bytes: sequence-layout.md, "List".
 */
import { PspError } from '../../errors.ts';
import type { Dot } from '../../kernel/kernel.ts';
import { type ByteReader, ByteWriter } from '../../kernel/portable/sequence/bytes.ts';
import { MAX_COUNTER } from '../../kernel/sequence-fault.ts';

/** Turns the values of a list into bytes and back. Equal values must give equal bytes, everywhere. */
export interface ValueCodec<Value> {
  encode(value: Value): Uint8Array;
  /** May throw: the bytes are refused then. */
  decode(bytes: Uint8Array): Value;
}

export interface Slot<Value> {
  readonly value: Value;
  /** As they came, so that states stay equal whatever the codec does. */
  readonly bytes: Uint8Array;
  /** The dot of the element's first slot, where this is not it. */
  readonly origin: Dot | null;
  /** How often the element had been moved, as far as its mover knew. */
  readonly rank: number;
}

/** Values as JSON in UTF-8, as `JSON.stringify` writes them. */
export const jsonCodec: ValueCodec<unknown> = {
  encode(value) {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) throw new TypeError('list: expected a value that JSON has');
    return new TextEncoder().encode(text);
  },
  decode: (bytes) => JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown,
};

const MOVED = 1;

/** The kernel's bytes and the slots that its handles stand for, as one. */
export function encodeSlots(kernelBytes: Uint8Array, slots: readonly Slot<unknown>[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writer.varint(kernelBytes.length);
  writer.append(kernelBytes);
  for (const { bytes, origin, rank } of slots) {
    writer.byte(origin === null ? 0 : MOVED);
    if (origin !== null) {
      writer.full(origin);
      writer.varint(origin.counter);
      writer.varint(rank);
    }
    writer.varint(bytes.length);
    writer.append(bytes);
  }
  return writer.take();
}

/** The next slot. Throws `MERGE_MALFORMED`, with the codec's error as cause where that refuses the value. */
export function readSlot<Value>(reader: ByteReader, codec: ValueCodec<Value>): Slot<Value> {
  const kind = reader.byte();
  if (kind > MOVED) throw reader.malformed();
  const origin = kind === MOVED ? { ...reader.full(), counter: reader.upTo(MAX_COUNTER) } : null;
  const rank = kind === MOVED ? reader.varint() : 0;
  if (kind === MOVED && (origin!.counter === 0 || rank === 0)) throw reader.malformed();
  const bytes = reader.view(reader.varint()).slice();
  try {
    return { value: codec.decode(bytes), bytes, origin, rank };
  } catch (cause) {
    throw new PspError('MERGE_MALFORMED', 'list: expected a value that the codec reads', { cause, details: { offset: reader.at } });
  }
}

/** By rank, then by the slots' own dots: the last one of an element's slots is shown. */
export function compareSlots(a: Slot<unknown>, dotA: Dot, b: Slot<unknown>, dotB: Dot): number {
  return a.rank - b.rank || dotA.high - dotB.high || dotA.low - dotB.low || dotA.counter - dotB.counter;
}
