/**
 * Set up for every test file: views of integers that hold the same bytes are told to be equal at once. `toEqual` walks them unit by unit otherwise, which was
 * the greatest part of the tests that compare bytes. It says "equal" or nothing: whatever differs goes the way of `toEqual` alone, with its message.
 */
import { Buffer } from 'node:buffer';
import { expect } from 'vitest';

const INTEGERS: ReadonlySet<unknown> = new Set([
  ...[Uint8Array, Uint16Array, Uint32Array, Uint8ClampedArray, BigUint64Array],
  ...[Int8Array, Int16Array, Int32Array, BigInt64Array],
]);

/** True where both are of one kind and hold the same; undefined for anything else. */
export function areEqualBytes(a: unknown, b: unknown): true | undefined {
  if (!ArrayBuffer.isView(a) || !ArrayBuffer.isView(b) || a.constructor !== b.constructor || !INTEGERS.has(a.constructor)) return undefined;
  return a.byteLength === b.byteLength && Buffer.compare(bytesOf(a), bytesOf(b)) === 0 ? true : undefined;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

// A process that runs several files keeps what was added.
const ADDED = Symbol.for('persistent-sessions.equal-bytes');
const marks = globalThis as { [ADDED]?: true };
if (marks[ADDED] !== true) {
  marks[ADDED] = true;
  expect.addEqualityTesters([areEqualBytes]);
}
