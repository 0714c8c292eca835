/** The part of a bench that runs in a page. browser.ts bundles it with one subject and calls it from outside. */
import { type BenchPlan, type Measured, runSubject, type SubjectFacts, type SubjectModule } from './harness.ts';

/** What a page gives back: plain data. */
export interface PageResult {
  readonly subject: SubjectFacts;
  readonly measured: Measured;
}

/**
 * Runs a subject in this page. Throws where the page is not isolated from other origins: its clock is too coarse there (100 µs in
 * Chromium, instead of 5).
 */
export async function runInPage({ subject: makeSubject }: SubjectModule, plan: BenchPlan): Promise<PageResult> {
  if (!globalThis.crossOriginIsolated) throw new Error('bench: the page is not cross-origin isolated, so that its clock is coarse');
  const startMs = performance.now();
  const { cases, ...subject } = await makeSubject();
  const measured = await runSubject({ ...subject, cases }, { ...plan, maxMs: plan.maxMs - (performance.now() - startMs) });
  return { subject, measured };
}
