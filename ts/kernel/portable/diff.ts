/**
 * The portable diff kernel: differences of ids, texts and bytes, and the elements of JSON texts by number, in plain TypeScript.
 * What it does is in the files it puts together: the plan in edits.ts, exact search in myers.ts, anchors.ts, elements.ts.
 */
import { checkBudget, DIFF_BUDGET, DIFF_BYTES_BUDGET } from '../budget.ts';
import type { DiffKernel } from '../kernel.ts';
import { widenToPairs } from '../surrogates.ts';
import { diffUnits } from './edits.ts';
import { internElements } from './elements.ts';

/** The kernel that runs everywhere. It keeps no state. */
export const portableDiff: DiffKernel = {
  kind: 'portable',
  diffIds: (a, b, budget = DIFF_BUDGET) => diffUnits(a, b, 1, checkBudget(budget)),
  diffText: (a, b, budget = DIFF_BUDGET) => {
    const { hunks, isMinimal } = diffUnits(unitsOf(a), unitsOf(b), 32, checkBudget(budget));
    return { hunks: widenToPairs(hunks, a, b), isMinimal };
  },
  diffBytes: (a, b, budget = DIFF_BYTES_BUDGET) => diffUnits(a, b, 32, checkBudget(budget)),
  internElements,
};

function unitsOf(text: string): Uint16Array {
  const units = new Uint16Array(text.length);
  for (let at = 0; at < units.length; at++) units[at] = text.charCodeAt(at);
  return units;
}
