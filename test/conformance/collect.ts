/** Runs the conformance suite without a test runner: collects what it declares, runs it, and gives what came of each case. */

import { AssertionError } from 'node:assert/strict';
import { providerConformance } from '../../providers/conformance/conformance.ts';
import type { ConformanceSubject } from '../../providers/conformance/subject.ts';

/** Names of cases, by what came of them. */
export interface Verdict {
  readonly passed: readonly string[];
  readonly skipped: readonly string[];
  readonly failed: ReadonlyMap<string, unknown>;
}

const PATIENCE_MS = 20_000;
const NO_END = 'the case comes to no end';

/** Runs those cases of the suite that `wanted` names, all when it is not given. One that is under way for `patienceMs` has failed. */
export async function runSuite(
  subject: ConformanceSubject,
  wanted: (name: string) => boolean = () => true,
  patienceMs: number = PATIENCE_MS,
): Promise<Verdict> {
  const bodies = new Map<string, () => Promise<void>>();
  const skipped: string[] = [];
  const test = Object.assign((title: string, _: { timeout: number }, body: () => Promise<void>) => bodies.set(nameIn(title), body), {
    skip: (title: string) => skipped.push(nameIn(title)),
  });
  await providerConformance(subject, { describe: (_, body) => body(), test });
  const passed: string[] = [];
  const failed = new Map<string, unknown>();
  for (const [name, body] of bodies) {
    if (!wanted(name)) continue;
    try {
      await withinPatience(body(), patienceMs);
      passed.push(name);
    } catch (error) {
      failed.set(name, error);
    }
  }
  return { passed, skipped: skipped.filter(wanted), failed };
}

/** True for a case that failed by what it looked at or by coming to no end, and not because something could not run at all. */
export function isFailedExpectation(error: unknown): boolean {
  if (error instanceof AggregateError) return isFailedExpectation(error.errors[0]);
  return error instanceof AssertionError || (error instanceof Error && error.message === NO_END);
}

function nameIn(title: string): string {
  return title.slice(0, title.indexOf(':'));
}

async function withinPatience(work: Promise<void>, patienceMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(NO_END)), patienceMs);
  });
  await Promise.race([work, limit]).finally(() => clearTimeout(timer));
}
