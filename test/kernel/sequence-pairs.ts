/**
 * Runs one random schedule over several sequence kernels at once and sees after each step that all of them say the same: bytes, changes, counts, faults.
 * Replicas edit, send, get updates in any order and more than once, join states, give versions, collect, and get bytes that were tampered with.
 */
import { expect } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import type { KernelSequence, Replica, SequenceBytes, SequenceKernel, SequenceUnit } from '../../ts/kernel/kernel.ts';
import { forgeUpdate, readKnown } from './sequence-forgery.ts';

/** Uniform in [0, 1), the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export interface ScheduleOptions {
  readonly unit: SequenceUnit;
  readonly steps: number;
  /** How likely a step delivers bytes that were tampered with, or an update that nobody made. */
  readonly tampering: number;
  /** Called after each step. */
  readonly check?: () => void;
}

/** One replica, once in each kernel. */
type Replicas = readonly KernelSequence[];

/** Bytes that someone may get, and how many elements they hold. */
interface Sent {
  readonly bytes: Uint8Array;
  readonly handles: number;
}

/** Throws at the first step where the kernels differ. */
export function runSchedule(seed: number, kernels: readonly SequenceKernel[], { unit, steps, tampering, check }: ScheduleOptions): void {
  const random = randomFrom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const replicas: Replicas[] = [];
  const sent: Sent[] = [];
  const ids: Replica[] = [];
  let handle = 1;
  let step = 0;

  function same<Result>(sequences: Replicas, what: string, run: (sequence: KernelSequence) => Result): Result | string {
    const results = sequences.map((sequence) => outcome(() => run(sequence)));
    for (const other of results.slice(1)) expect(other, `seed ${seed}, step ${step}: ${what}`).toEqual(results[0]);
    return results[0]!;
  }

  function add(): void {
    // Two replicas in twenty share the 24 bits of their short names.
    const low = below(10) === 0 ? 0x77000000 + 5 + below(3) * 0x1000000 : 1 + Math.floor(random() * 0xffffffff);
    // Where bytes are not what they should be, some replicas come twice, as from a restored backup.
    const isTwin = tampering > 0 && ids.length > 0 && below(5) === 0;
    const replica = isTwin ? ids[below(ids.length)]! : { high: replicas.length + 1, low: low >>> 0 };
    ids.push(replica);
    const made = kernels.map((kernel) => kernel.createSequence(replica, unit));
    const isRecording = below(2) === 0;
    for (const sequence of made) sequence.recordChanges(isRecording);
    replicas.push(made);
  }

  function unitsOf(count: number): Uint16Array | Uint32Array {
    if (unit === 'elements') return Uint32Array.from({ length: count }, () => handle++);
    return Uint16Array.from({ length: count }, () => (below(9) === 0 ? below(0x10000) : 97 + below(26)));
  }

  function edit(sequences: Replicas): void {
    let { length } = sequences[0]!;
    const edits: number[] = [];
    let inserted = 0;
    const count = 1 + below(below(4) === 0 ? 30 : 3);
    let cursor = below(length + 1);
    for (let at = 0; at < count; at++) {
      if (below(3) === 0) cursor = below(length + 1);
      cursor = Math.min(cursor, length);
      const removed = below(3) === 0 ? Math.min(length - cursor, 1 + below(below(5) === 0 ? 60 : 3)) : 0;
      const added = below(4) === 0 ? 0 : 1 + below(below(40) === 0 ? 900 : below(5) === 0 ? 40 : 2);
      edits.push(cursor, removed, added);
      length += added - removed;
      inserted += added;
      const way = below(4);
      if (way < 2) cursor += added;
      else if (way === 2 && cursor > 0) cursor--;
    }
    const units = unitsOf(inserted);
    const list = Int32Array.from(edits);
    same(sequences, 'edit', (sequence) => sequence.edit(list, count, units));
  }

  function send(sequences: Replicas, what: string, take: (sequence: KernelSequence) => SequenceBytes | null): void {
    const taken = same(sequences, what, take);
    if (taken === null || typeof taken === 'string') return;
    sent.push({ bytes: taken.bytes, handles: taken.units.length });
  }

  function receive(sequences: Replicas, { bytes, handles }: Sent): void {
    const first = handle;
    handle += handles;
    same(sequences, `apply ${Buffer.from(bytes).toString('hex').slice(0, 400)}`, (sequence) => sequence.apply(bytes, first, handles));
    same(sequences, 'changes', (sequence) => sequence.takeChanges());
  }

  function tamper({ bytes, handles }: Sent): Sent {
    const changed = bytes.slice(0, below(6) === 0 ? below(bytes.length + 1) : bytes.length);
    for (let left = 1 + below(2); left > 0 && changed.length > 0; left--) {
      const at = below(changed.length);
      changed[at] = below(2) === 0 ? changed[at]! ^ (1 << below(8)) : below(256);
    }
    return { bytes: changed, handles };
  }

  function forge(sequences: Replicas): Sent {
    const known = readKnown(same(sequences, 'version', (sequence) => sequence.version()) as Uint8Array);
    return forgeUpdate(random, known, unit === 'text');
  }

  add();
  add();
  for (; step < steps; step++) {
    const sequences = replicas[below(replicas.length)]!;
    const choice = random();
    if (choice < tampering / 2) receive(sequences, forge(sequences));
    else if (choice < tampering && sent.length > 0) receive(sequences, tamper(sent[below(sent.length)]!));
    else if (choice < 0.3) edit(sequences);
    else if (choice < 0.5) send(sequences, 'update', (sequence) => sequence.takeUpdate());
    else if (choice < 0.8 && sent.length > 0) receive(sequences, sent[below(below(2) === 0 ? sent.length : Math.min(sent.length, 6))]!);
    else if (choice < 0.84 && sent.length > 0) for (const one of sent.slice(-below(40))) receive(sequences, one);
    else if (choice < 0.9) send(sequences, 'state', (sequence) => sequence.encode());
    else if (choice < 0.94) same(sequences, 'version', (sequence) => sequence.version());
    else if (choice < 0.97) collect(sequences);
    else if (replicas.length < 7) add();
    same(sequences, 'counts', (sequence) => [sequence.length, sequence.waiting(), sequence.bases()]);
    check?.();
  }
  for (const sequences of replicas) {
    same(sequences, 'units', readAll);
    same(sequences, 'dots', (sequence) => Array.from({ length: Math.min(sequence.length, 200) }, (_, at) => sequence.dotAt(at)));
    same(sequences, 'last state', (sequence) => sequence.encode());
    for (const sequence of sequences) sequence.free();
  }

  function collect(sequences: Replicas): void {
    // Often of all others, sometimes of fewer than is right: then what follows may need a state, in all kernels alike.
    const others = replicas.filter((other) => other !== sequences && below(8) !== 0);
    const versions = others.map((other) => same(other, 'version', (sequence) => sequence.version()) as Uint8Array);
    same(sequences, 'collect', (sequence) => sequence.collect(versions));
  }

  function readAll(sequence: KernelSequence): Uint16Array | Uint32Array {
    const units = unit === 'text' ? new Uint16Array(sequence.length) : new Uint32Array(sequence.length);
    sequence.read(0, sequence.length, units);
    return units;
  }
}

/** What a call gives; for a coded fault its code, and for another error its kind. */
function outcome<Result>(run: () => Result): Result | string {
  try {
    return run();
  } catch (error) {
    if (error instanceof PspError) return error.code;
    if (error instanceof RangeError) return 'RangeError';
    throw error;
  }
}
