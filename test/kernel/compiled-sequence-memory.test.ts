/** Memory of the compiled sequence kernel: what a sequence gives back, what the next one takes, views across growth, and large documents. */
import { describe, expect, it } from 'vitest';
import type { PspError } from '../../ts/errors.ts';
import { createCompiledSequence, type SequenceExports } from '../../ts/kernel/compiled/sequence.ts';
import type { KernelSequence } from '../../ts/kernel/kernel.ts';
import type { LinearModule } from '../../ts/kernel/linear.ts';
import { portableSequence } from '../../ts/kernel/portable/sequence.ts';
import { checkedSequences, shippedSequences } from './compiled-sequences.ts';
import { randomFrom } from './sequence-pairs.ts';

const ALICE = { high: 1, low: 2 };
const BOB = { high: 3, low: 4 };

function unitsOf(text: string): Uint16Array {
  return Uint16Array.from(text, (character) => character.charCodeAt(0));
}

function insert(sequence: KernelSequence, index: number, text: string): void {
  sequence.edit(Int32Array.of(index, 0, text.length), 1, unitsOf(text));
}

function remove(sequence: KernelSequence, index: number, count: number): void {
  sequence.edit(Int32Array.of(index, count, 0), 1, new Uint16Array(0));
}

function readAll(sequence: KernelSequence): Uint16Array {
  const units = new Uint16Array(sequence.length);
  sequence.read(0, sequence.length, units);
  return units;
}

function textOf(sequence: KernelSequence): string {
  return Buffer.from(readAll(sequence).buffer).toString('utf16le');
}

/** Fills a sequence with all that it can hold memory for: units, bases, replicas, a log, changes, marks, updates that wait. */
function fill(sequence: KernelSequence, random: () => number): void {
  const other = portableSequence.createSequence({ high: 9, low: 1 + Math.floor(random() * 2 ** 31) }, 'text');
  sequence.recordChanges(true);
  for (let round = 0; round < 40; round++) {
    insert(sequence, Math.floor(random() * (sequence.length + 1)), 'abcdefgh'.repeat(1 + Math.floor(random() * 300)));
    if (sequence.length > 3000) remove(sequence, Math.floor(random() * 1000), 1500);
    insert(other, Math.floor(random() * (other.length + 1)), 'xyz');
    const update = other.takeUpdate();
    if (update !== null && random() < 0.8) sequence.apply(update.bytes, 0, 0);
    if (round % 9 === 0) sequence.apply(other.encode().bytes, 0, 0);
    if (round % 5 === 0) sequence.takeUpdate();
    sequence.version();
  }
}

describe('free', () => {
  it('gives back all that a sequence held, and the next one takes that instead of more', () => {
    const { kernel, module } = shippedSequences();
    const used: number[] = [];
    let grown = 0;
    for (let round = 0; round < 30; round++) {
      const sequence = kernel.createSequence(ALICE, 'text');
      fill(sequence, randomFrom(5));
      sequence.free();
      used.push(module.exports.usedBytes() >>> 0);
      if (round === 1) grown = module.reserve(0).length;
    }
    // What is left is what calls use again: the exchange block and the lists that bytes are read and written with.
    expect(new Set(used.slice(1)).size).toBe(1);
    expect(used[1]).toBeLessThan(2 ** 20);
    expect(module.reserve(0).length).toBe(grown);
  });

  it('touches no other sequence', () => {
    const { kernel, check } = checkedSequences();
    const kept = Array.from({ length: 6 }, (_, at) => {
      const sequence = kernel.createSequence({ high: 7, low: at }, 'text');
      const twin = portableSequence.createSequence({ high: 7, low: at }, 'text');
      return [sequence, twin] as const;
    });
    for (let round = 0; round < 12; round++) {
      const passing = kernel.createSequence(BOB, 'text');
      fill(passing, randomFrom(round));
      for (const pair of kept) for (const one of pair) insert(one, one.length >>> 1, `round ${round} `.repeat(50));
      passing.free();
      check();
    }
    for (const [sequence, twin] of kept) expect(readAll(sequence)).toEqual(readAll(twin));
  });

  it('may be called again, and any other call throws TypeError', () => {
    const sequence = shippedSequences().kernel.createSequence(ALICE, 'text');
    sequence.free();
    sequence.free();
    expect(() => sequence.length).toThrow(TypeError);
    expect(() => insert(sequence, 0, 'a')).toThrow(TypeError);
    expect(() => sequence.apply(new Uint8Array(1), 0, 0)).toThrow(TypeError);
    expect(() => sequence.encode()).toThrow(TypeError);
    expect(() => sequence.takeChanges()).toThrow(TypeError);
  });
});

it('views survive no growth: memory that grows within a call is read anew', () => {
  const { kernel, module } = shippedSequences();
  const sequence = kernel.createSequence(ALICE, 'text');
  insert(sequence, 0, 'before');
  const size = module.reserve(0).length;
  const large = 'lorem ipsum '.repeat(100_000);
  insert(sequence, 3, large);
  expect(module.reserve(0).length).toBeGreaterThan(size);
  expect(textOf(sequence) === `bef${large}ore`).toBe(true);
  const joined = kernel.createSequence(BOB, 'text');
  joined.recordChanges(true);
  joined.apply(sequence.encode().bytes, 0, 0);
  expect(textOf(joined) === textOf(sequence)).toBe(true);
  expect(joined.takeChanges().ranges).toEqual(Int32Array.of(0, 0, sequence.length));
});

it('one call per edit and one for many edits leave the same document, update and state', () => {
  const { kernel } = shippedSequences();
  const random = randomFrom(11);
  const one = kernel.createSequence(ALICE, 'text');
  const many = kernel.createSequence(ALICE, 'text');
  const edits: number[] = [];
  let text = '';
  for (let at = 0; at < 5000; at++) {
    const removed = at > 50 && random() < 0.3 ? 1 : 0;
    const index = Math.floor(random() * (one.length - removed + 1));
    edits.push(index, removed, 1);
    text += String.fromCharCode(97 + (at % 26));
    one.edit(Int32Array.of(index, removed, 1), 1, unitsOf(text.slice(-1)));
  }
  many.edit(Int32Array.from(edits), edits.length / 3, unitsOf(text));
  expect(readAll(many)).toEqual(readAll(one));
  expect(many.takeUpdate()).toEqual(one.takeUpdate());
  expect(many.encode()).toEqual(one.encode());
});

it('a large document keeps its inner rules while it grows, is cut up and is nearly emptied', { timeout: 120_000 }, () => {
  const { kernel, check } = checkedSequences();
  const sequence = kernel.createSequence(ALICE, 'text');
  const random = randomFrom(3);
  let model: number[] = [];
  const steps = 6000;
  for (let step = 0; step < steps; step++) {
    // It grows to half the steps, then shrinks; edits are small, scattered, and now and then huge.
    const isGrowing = step < steps / 2;
    const index = Math.floor(random() * (model.length + 1));
    const isHuge = random() < 0.004;
    const removed = Math.min(
      model.length - index,
      random() < (isGrowing ? 0.3 : 0.8) ? 1 + Math.floor(random() * (isHuge ? 4000 : 25)) : 0,
    );
    const inserted = random() < (isGrowing ? 0.8 : 0.3) ? 1 + Math.floor(random() * (isHuge ? 4000 : 12)) : 0;
    const units = Uint16Array.from({ length: inserted }, () => Math.floor(random() * 0x10000));
    sequence.edit(Int32Array.of(index, removed, inserted), 1, units);
    model = [...model.slice(0, index), ...units, ...model.slice(index + removed)];
    if (step % 40 === 0) {
      check();
      expect(sequence.length).toBe(model.length);
    }
    if (step % 500 === 0) expect(Array.from(readAll(sequence))).toEqual(model);
  }
  expect(Array.from(readAll(sequence))).toEqual(model);
  remove(sequence, 0, sequence.length);
  check();
  expect(sequence.length).toBe(0);
  insert(sequence, 0, 'again');
  check();
  expect(readAll(sequence)).toEqual(unitsOf('again'));
});

it('where the engine refuses memory, that sequence is lost with a code and the others are not', () => {
  const { module } = shippedSequences();
  let isRefusing = false;
  const refuse = (): never => {
    throw new WebAssembly.RuntimeError('unreachable');
  };
  const exports: SequenceExports = {
    ...module.exports,
    isRefused: () => Number(isRefusing),
    edit: (...edit) => (isRefusing ? refuse() : module.exports.edit(...edit)),
  };
  const kernel = createCompiledSequence({ ...module, exports } satisfies LinearModule<SequenceExports>);
  const lost = kernel.createSequence(ALICE, 'text');
  const whole = kernel.createSequence(BOB, 'text');
  insert(whole, 0, 'whole');
  isRefusing = true;
  for (const call of [() => insert(lost, 0, 'a'), () => lost.encode(), () => lost.length]) {
    expect(call).toThrow(expect.objectContaining({ code: 'KERNEL_MEMORY' }) as PspError);
  }
  isRefusing = false;
  expect(readAll(whole)).toEqual(unitsOf('whole'));
  lost.free();
});
