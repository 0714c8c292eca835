/**
 * Bytes that nobody writes: every prefix, every changed byte of small updates and states, and noise. A kernel refuses with a code and stays as it was, or the bytes
 * mean something valid; all kernels say the same. SEQUENCE_SEED repeats a run.
 */
import { describe, expect, it } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import type { KernelSequence, SequenceUnit } from '../../ts/kernel/kernel.ts';
import { PortableSequence } from '../../ts/kernel/portable/sequence.ts';
import { seededRandom } from '../oracle/edits.ts';
import { faultInside } from '../oracle/sequence-inside.ts';
import { KERNELS } from './sequence-kernels.ts';

const SEED = Number(process.env['SEQUENCE_SEED'] ?? Date.now() % 2 ** 31);
const CODES = ['MERGE_MALFORMED', 'MERGE_FORK', 'MERGE_NEED_STATE', 'MERGE_LIMIT'];

interface Sample {
  readonly bytes: Uint8Array;
  readonly handles: number;
}

/** Updates and states of two replicas that edited between each other, and the state that the receiver of the hostile bytes begins with. */
function makeSamples(unit: SequenceUnit): { samples: Sample[]; start: Sample } {
  const { kernel } = KERNELS[0]!;
  const a = kernel.createSequence({ high: 1, low: 0x01000007 }, unit);
  const b = kernel.createSequence({ high: 2, low: 0x02000009 }, unit);
  const units = unit === 'text' ? Uint16Array.of(104, 300, 0xd83d, 0xde00, 111) : Uint32Array.of(4, 5, 6, 7, 8);
  const samples: Sample[] = [];
  const edit = (list: KernelSequence, ...edits: number[]) => list.edit(Int32Array.from(edits), edits.length / 3, units);
  const exchange = (from: KernelSequence, to: KernelSequence): void => {
    const update = from.takeUpdate()!;
    samples.push({ bytes: update.bytes, handles: update.units.length });
    to.apply(update.bytes, 100, update.units.length);
  };
  edit(a, 0, 0, 5);
  exchange(a, b);
  const start = { bytes: b.encode().bytes, handles: b.encode().units.length };
  edit(b, 2, 0, 3, 0, 0, 1, 0, 0, 1);
  edit(a, 1, 2, 2, 1, 1, 1);
  exchange(b, a);
  exchange(a, b);
  edit(b, 1, 4, 1);
  exchange(b, a);
  edit(a, 0, 2, 0, 0, 0, 1);
  exchange(a, b);
  const state = a.encode();
  samples.push({ bytes: state.bytes, handles: state.units.length });
  return { samples, start };
}

/** Gives the same bytes to one list of every kernel, and checks that all did the same and are sound. Returns what they said. */
function offer(unit: SequenceUnit, start: Sample | null, { bytes, handles }: Sample): string {
  const outcomes = KERNELS.map(({ kernel }) => {
    const list = kernel.createSequence({ high: 7, low: 0x07000003 }, unit);
    list.recordChanges(true);
    if (start !== null) list.apply(start.bytes, 0, start.handles);
    const before = list.encode();
    let said = 'fine';
    try {
      list.apply(bytes, 1000, handles);
    } catch (fault) {
      if (!(fault instanceof PspError) || !CODES.includes(fault.code)) throw fault;
      said = fault.code;
      expect(fault.details['offset']).toBeTypeOf('number');
    }
    const after = list.encode();
    if (said === 'MERGE_MALFORMED') expect(after).toEqual(before);
    if (list instanceof PortableSequence) expect(faultInside(list.contents)).toBeNull();
    // Whatever was accepted can be stored and opened again.
    const again = kernel.createSequence({ high: 8, low: 8 }, unit);
    again.apply(after.bytes, 0, after.units.length);
    expect(again.encode().bytes).toEqual(after.bytes);
    const changes = list.takeChanges();
    const counts = [list.waiting(), list.bases(), list.length];
    list.free();
    again.free();
    return { said, state: after.bytes, handles: [...after.units], ranges: [...changes.ranges], counts };
  });
  for (const outcome of outcomes) expect(outcome, `bytes ${Buffer.from(bytes).toString('hex')}`).toEqual(outcomes[0]);
  return outcomes[0]!.said;
}

describe.each(['text', 'elements'] as const)(`hostile bytes of %s (seed ${SEED})`, (unit) => {
  const { samples, start } = makeSamples(unit);

  it('are refused for every truncation', () => {
    for (const { bytes, handles } of samples) {
      for (let end = 0; end < bytes.length; end++)
        expect(offer(unit, start, { bytes: bytes.subarray(0, end), handles })).toBe('MERGE_MALFORMED');
      expect(offer(unit, start, { bytes: Uint8Array.of(...bytes, 0), handles })).toBe('MERGE_MALFORMED');
    }
  });

  it('are refused or harmless for every changed byte', { timeout: 240_000 }, () => {
    const said = new Set<string>();
    for (const { bytes, handles } of samples) {
      for (let at = 0; at < bytes.length; at++) {
        for (const flip of [1, 2, 4, 8, 16, 32, 64, 128, 255, bytes[at]!]) {
          const changed = bytes.slice();
          changed[at]! ^= flip;
          for (const begin of [start, null]) said.add(offer(unit, begin, { bytes: changed, handles }));
        }
      }
    }
    expect([...said].sort()).toEqual(expect.arrayContaining(['MERGE_FORK', 'MERGE_MALFORMED', 'fine']));
  });

  it('are refused or harmless for many changes at once, and for noise', { timeout: 240_000 }, () => {
    const random = seededRandom(SEED);
    const below = (limit: number) => Math.floor(random() * limit);
    for (let round = 0; round < 1500; round++) {
      const { bytes, handles } = samples[below(samples.length)]!;
      const changed = random() < 0.1 ? Uint8Array.from({ length: below(40) }, () => below(256)) : bytes.slice();
      for (let change = 0; change < 1 + below(4) && changed.length > 0; change++)
        changed[below(changed.length)] = random() < 0.5 ? below(256) : below(8);
      const size = random() < 0.8 ? handles : below(6);
      offer(unit, random() < 0.5 ? start : null, { bytes: changed, handles: size });
    }
  });

  it('cannot ask for more memory than they have bytes', () => {
    const huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
    const name = [1, 2, 3, 4, 5, 6, 7, 8];
    for (const bytes of [
      // Numbers of replicas, bases, units; of events, dead ranges, others, ranges.
      [samples.at(-1)!.bytes[0]!, ...huge],
      [samples.at(-1)!.bytes[0]!, 1, ...name, 1, ...huge],
      [samples.at(-1)!.bytes[0]!, 1, ...name, 0xff, 0xff, 0xff, 0xff, 0x03, 1, 1, 2, 0xfc, 0xff, 0xff, 0xff, 0x0f],
      [samples.at(-1)!.bytes[0]!, 1, ...name, 0xff, 0xff, 0xff, 0xff, 0x03, 1, 1, 2, 5, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x0f],
      [0x73, ...name, 1, ...huge, 0, 0],
      [0x73, ...name, 1, 0, ...huge, 0],
      [0x73, ...name, 1, 0, 0, ...huge],
      [0x53, ...name, 1, ...huge, 0, 1],
      [0x56, ...name, 5, ...huge],
    ]) {
      expect(offer(unit, null, { bytes: Uint8Array.from(bytes), handles: 3 })).toBe('MERGE_MALFORMED');
    }
  });
});
