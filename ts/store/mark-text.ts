/**
 * The text of a checkpoint, whatever the run is: JSON that says which work it belongs to, in which version, and to which plan of that. A text that is not of just
 * this run counts as none: beginning anew is always right. What else is in it is the business of each run's mark.
 */

/** Runs that leave such a text. */
export type MarkedWork = 'rotation' | 'copy' | 'transfer' | 'import' | 'export';

const VERSION = 1;

/** So many failures are remembered by a mark; after one more it stays where it is, and the next run looks again from there. */
export const MAX_AGAIN = 1000;

/** The text. `plan` tells the run from others of its kind. */
export function formatMark(work: MarkedWork, plan: string, left: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ type: typeOf(work), version: VERSION, plan, ...left });
}

/** What is left of a run, not checked as yet; null where there is no text, or one of another run. */
export function readMark(text: string | null, work: MarkedWork, plan: string): Readonly<Record<string, unknown>> | null {
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const saved = value as { readonly type?: unknown; readonly version?: unknown; readonly plan?: unknown } | null;
  return saved?.type === typeOf(work) && saved.version === VERSION && saved.plan === plan ? { ...saved } : null;
}

/** Whether it is a list of strings. */
export function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

/** Whether it is a safe integer from 0. */
export function isPlace(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function typeOf(work: MarkedWork): string {
  return `psp-${work}`;
}
