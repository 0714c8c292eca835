/**
 * Diffing in a compiled module: where the host puts both sides in its memory, and what it copies out. The module itself is assembly/diff.ts, and
 * takes as much memory above both sides as a call turns out to need; memory stays as large as the largest call needed.
 *
 *     base      each divisible by 16
 *     |  a, copied in  |  b, copied in  |  scratch, grown by the module: the hunks are somewhere in it  |
 *     |  a, copied in  |  b, copied in  |  spans of a  |  spans of b  |  ids of a  |  ids of b  |  hash table  |
 */

import { PspError } from '../../errors.ts';
import { checkBudget, DIFF_BUDGET, DIFF_BYTES_BUDGET } from '../budget.ts';
import { elementsFault } from '../elements-fault.ts';
import type { DiffKernel, Edits, InternedElements } from '../kernel.ts';
import type { LinearModule } from '../linear.ts';
import { widenToPairs } from '../surrogates.ts';

/** What assembly/diff.ts exports. Addresses and counts are unsigned, but arrive here as signed 32-bit integers; budgets are 64-bit floats. */
export interface DiffExports {
  diff8(a: number, lengthA: number, b: number, lengthB: number, scratch: number, budget: number): number;
  diff16(a: number, lengthA: number, b: number, lengthB: number, scratch: number, budget: number): number;
  diff32(a: number, lengthA: number, b: number, lengthB: number, scratch: number, budget: number): number;
  hunksAt(): number;
  isMinimal(): number;
  findElements(text: number, length: number, spans: number, capacity: number): number;
  faultOffset(): number;
  internElements(
    a: number,
    spansA: number,
    countA: number,
    b: number,
    spansB: number,
    countB: number,
    idsA: number,
    idsB: number,
    table: number,
    bits: number,
  ): number;
}

/** Results of `findElements` that are no count. */
const MALFORMED = -1;
const FULL = -2;

/** Elements of JSON are seldom shorter than this, comma included; where they are, a second pass makes room for more. */
const USUAL_ELEMENT_BYTES = 8;

/**
 * A kernel over one started module. Besides its contract, every function throws `KERNEL_MEMORY` when 4 GiB cannot hold both sides and what finding
 * their differences needs.
 */
export function createCompiledDiff(module: LinearModule<DiffExports>): DiffKernel {
  const { base, exports: kernel } = module;

  /** What the module found, copied out of its memory. */
  function takeEdits(count: number): Edits {
    if (count < 0) throw memoryFault();
    const at = kernel.hunksAt() >>> 0;
    // The module itself may have made memory grow, so every earlier view may be detached.
    const { buffer } = module.reserve(at + 16 * count);
    return { hunks: new Uint32Array(buffer, at, 4 * count).slice(), isMinimal: kernel.isMinimal() === 1 };
  }

  function diffOfText(a: string, b: string, budget: number): Edits {
    let startB = align16(base + a.length);
    let scratch = align16(startB + b.length);
    const memory = module.reserve(scratch);
    if (copyAscii(a, memory, base) && copyAscii(b, memory, startB)) {
      return takeEdits(kernel.diff8(base, a.length, startB, b.length, scratch, budget));
    }
    startB = align16(base + 2 * a.length);
    scratch = align16(startB + 2 * b.length);
    const { buffer } = module.reserve(scratch);
    copyUnits(a, buffer, base);
    copyUnits(b, buffer, startB);
    return takeEdits(kernel.diff16(base, a.length, startB, b.length, scratch, budget));
  }

  /** Finds the elements of a text that is in memory, and gives their number and where free memory begins. */
  function findElements(text: number, length: number, spans: number, side: 'a' | 'b'): { count: number; end: number } {
    let capacity = Math.ceil(length / USUAL_ELEMENT_BYTES) + 1;
    module.reserve(spans + 8 * capacity);
    let count = kernel.findElements(text, length, spans, capacity);
    if (count === FULL) {
      // Two bytes are the least: a digit and a comma.
      capacity = Math.ceil(length / 2);
      module.reserve(spans + 8 * capacity);
      count = kernel.findElements(text, length, spans, capacity);
    }
    if (count === MALFORMED) throw elementsFault(side, kernel.faultOffset() >>> 0);
    assertLaidOut(count >= 0);
    return { count, end: align16(spans + 8 * count) };
  }

  return {
    kind: module.kind,

    diffIds(a, b, budget = DIFF_BUDGET) {
      const steps = checkBudget(budget);
      const startB = align16(base + 4 * a.length);
      const scratch = align16(startB + 4 * b.length);
      const { buffer } = module.reserve(scratch);
      new Uint32Array(buffer, base, a.length).set(a);
      new Uint32Array(buffer, startB, b.length).set(b);
      return takeEdits(kernel.diff32(base, a.length, startB, b.length, scratch, steps));
    },

    diffText(a, b, budget = DIFF_BUDGET) {
      const { hunks, isMinimal } = diffOfText(a, b, checkBudget(budget));
      return { hunks: widenToPairs(hunks, a, b), isMinimal };
    },

    diffBytes(a, b, budget = DIFF_BYTES_BUDGET) {
      const steps = checkBudget(budget);
      const startB = align16(base + a.length);
      const scratch = align16(startB + b.length);
      const memory = module.reserve(scratch);
      memory.set(a, base);
      memory.set(b, startB);
      return takeEdits(kernel.diff8(base, a.length, startB, b.length, scratch, steps));
    },

    internElements(a, b): InternedElements {
      const startB = align16(base + a.length);
      const spansA = align16(startB + b.length);
      const memory = module.reserve(spansA);
      memory.set(a, base);
      memory.set(b, startB);
      const foundA = findElements(base, a.length, spansA, 'a');
      const spansB = foundA.end;
      const foundB = findElements(startB, b.length, spansB, 'b');
      const idsA = foundB.end;
      const idsB = align16(idsA + 4 * foundA.count);
      const table = align16(idsB + 4 * foundB.count);
      // At most half of the table is full, so that runs of full entries stay short.
      const bits = Math.ceil(Math.log2(2 * (foundA.count + foundB.count) + 1));
      const { buffer } = module.reserve(table + 16 * 2 ** bits);
      assertLaidOut(kernel.internElements(base, spansA, foundA.count, startB, spansB, foundB.count, idsA, idsB, table, bits) === 1);
      return {
        spansA: new Uint32Array(buffer, spansA, 2 * foundA.count).slice(),
        spansB: new Uint32Array(buffer, spansB, 2 * foundB.count).slice(),
        idsA: new Uint32Array(buffer, idsA, foundA.count).slice(),
        idsB: new Uint32Array(buffer, idsB, foundB.count).slice(),
      };
    },
  };
}

const encoder = /* @__PURE__ */ new TextEncoder();

/** Copies a text, one byte for each unit, if it is all ASCII; otherwise says so. */
function copyAscii(text: string, memory: Uint8Array<ArrayBuffer>, at: number): boolean {
  // Any other character takes more bytes than units, and so does not fit.
  const { read, written } = encoder.encodeInto(text, memory.subarray(at, at + text.length));
  return read === text.length && written === text.length;
}

/** Copies a text in UTF-16 units, lone surrogates included. Buffer, where there is one, is forty times as fast as a loop. */
function copyUnits(text: string, buffer: ArrayBuffer, at: number): void {
  if (typeof Buffer === 'function') {
    Buffer.from(buffer, at, 2 * text.length).write(text, 'utf16le');
    return;
  }
  const units = new Uint16Array(buffer, at, text.length);
  for (let unit = 0; unit < units.length; unit++) units[unit] = text.charCodeAt(unit);
}

function align16(address: number): number {
  return Math.ceil(address / 16) * 16;
}

function memoryFault(): PspError {
  return new PspError('KERNEL_MEMORY', 'diff: the engine refused the linear memory that finding the differences needs');
}

function assertLaidOut(isLaidOut: boolean): void {
  if (!isLaidOut) throw new Error('diff: the host laid out a call outside linear memory');
}
