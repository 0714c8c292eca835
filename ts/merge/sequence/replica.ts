/** Who a new sequence is: a replica of its own, by random bits. Nobody may ever use it again, so it is not stored: what is decoded gets a new one. */
import type { Replica } from '../../kernel/kernel.ts';

/** Gives `byteLength` bytes that nobody else will ever get. */
export type RandomBytes = (byteLength: number) => Uint8Array;

/** How a sequence is made. */
export interface SequenceOptions {
  /** Where the replica's 64 bits come from: the platform's generator unless told otherwise, for tests. */
  readonly randomBytes?: RandomBytes;
}

/** A new replica. Throws TypeError where the runtime has no generator of random bits and none was given. */
export function createReplica({ randomBytes = systemRandom }: SequenceOptions): Replica {
  for (;;) {
    const bytes = randomBytes(8);
    const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
    const replica = { high: view.getUint32(0), low: view.getUint32(4) };
    if (replica.high !== 0 || replica.low !== 0) return replica;
  }
}

function systemRandom(byteLength: number): Uint8Array {
  const { crypto } = globalThis as { crypto?: Partial<Crypto> };
  if (typeof crypto?.getRandomValues !== 'function') {
    throw new TypeError('sequence: this runtime has no crypto.getRandomValues; give randomBytes');
  }
  return crypto.getRandomValues(new Uint8Array(byteLength));
}
