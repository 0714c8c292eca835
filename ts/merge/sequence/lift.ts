/**
 * Lifting: making a sequence of a value that was plain until now. Replicas that lift the same value on their own must get the same units, or everything
 * would be there twice; so the units belong to an id that all of them derive from where the value came from (law M17), not to any of them.
 */
import type { Replica } from '../../kernel/kernel.ts';
import { createList } from './list.ts';
import type { RandomBytes } from './replica.ts';
import type { ValueCodec } from './slot.ts';
import { createText } from './text.ts';

/**
 * The state of a text whose units all belong to `origin`, for a new text to apply: equal for equal input, everywhere. `origin` must be derived from the write that
 * the text comes from, and be used for nothing else.
 */
export function liftText(text: string, origin: Replica): Uint8Array<ArrayBuffer> {
  const lifted = createText({ randomBytes: bytesOf(origin) });
  lifted.insert(0, text);
  const state = lifted.encode();
  lifted.free();
  return state;
}

/** As {@link liftText}, of a list. */
export function liftList<Value>(values: readonly Value[], origin: Replica, codec?: ValueCodec<Value>): Uint8Array<ArrayBuffer> {
  const randomBytes = bytesOf(origin);
  const lifted = createList<Value>(codec === undefined ? { randomBytes } : { randomBytes, codec });
  lifted.replace(0, 0, values);
  const state = lifted.encode();
  lifted.free();
  return state;
}

function bytesOf({ high, low }: Replica): RandomBytes {
  return (byteLength) => {
    const bytes = new Uint8Array(byteLength);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, high);
    view.setUint32(4, low);
    return bytes;
  };
}
