/**
 * The contract of ts/provider.ts as a suite of tests, for providers of this project and of others. It runs under node:test and vitest alike; it
 * knows no service, only the contract, and skips by name and reason what a provider says that it cannot do. docs/providers.md shows how to use it.
 */

import { basic } from './basic.ts';
import { batch } from './batch.ts';
import { cancel } from './cancel.ts';
import { type ConformanceCase, type ConformanceGroup, factsOf, runCase, skipReason } from './case.ts';
import { counter } from './counter.ts';
import { crash } from './crash.ts';
import { cross } from './cross.ts';
import { faults } from './faults.ts';
import { keys } from './keys.ts';
import { large } from './large.ts';
import { list } from './list.ts';
import { security } from './security.ts';
import type { ConformanceSubject, TestRunner } from './subject.ts';
import { ttl } from './ttl.ts';
import { version } from './version.ts';

export type { Clock, ConformanceCase, ConformanceGroup, Need, SubjectFacts, Trial } from './case.ts';
export { type Fault, type FaultProxy, startFaultProxy } from './fault-proxy.ts';
export type { Address, ConformanceSubject, MadeProvider, MakeOptions, TestRunner } from './subject.ts';
export { runWriter } from './writer.ts';

/** All groups of cases, in the order in which they run. */
export const CONFORMANCE_GROUPS: readonly ConformanceGroup[] = [
  basic,
  keys,
  version,
  counter,
  ttl,
  list,
  batch,
  large,
  faults,
  crash,
  cancel,
  security,
  cross,
];

/** What stands before the subject's name in the name of its outermost group of tests. */
export const CONFORMANCE_TITLE = 'conformance: ';

const TIMEOUT_MS = 60_000;

/**
 * Declares the tests of `subject` with the functions of a test runner. Makes and opens the provider once before, to learn what it can do: wait for
 * the promise where tests are declared (`await` at the top of a test file). Rejects with what stopped the provider from opening.
 *
 * @example
 * await providerConformance({ name: 'memory', make: async ({ now }) => ({ provider: memory({ now }) }) }, { describe, test });
 */
export async function providerConformance(subject: ConformanceSubject, { describe, test }: TestRunner): Promise<void> {
  checkSubject(subject);
  const facts = await factsOf(subject);
  describe(`${CONFORMANCE_TITLE}${subject.name}`, () => {
    for (const group of CONFORMANCE_GROUPS) {
      describe(group.name, () => {
        for (const one of group.cases) {
          const deviation = subject.deviations?.[one.name];
          const reason = deviation === undefined ? skipReason(one, facts) : `known deviation: ${deviation}`;
          if (reason !== null) test.skip(`${titleOf(one)} [skipped: ${reason}]`, () => undefined);
          else test(titleOf(one), { timeout: one.timeoutMs ?? TIMEOUT_MS }, () => runCase(one, subject));
        }
      });
    }
  });
}

function titleOf({ name, says }: ConformanceCase): string {
  return `${name}: ${says}`;
}

function checkSubject({ scale = 1, kills = 1, deviations = {} }: ConformanceSubject): void {
  const names = new Set(CONFORMANCE_GROUPS.flatMap((group) => group.cases.map((one) => one.name)));
  for (const name of Object.keys(deviations)) {
    if (!names.has(name)) throw new RangeError(`deviations: expected names of cases, got ${name}`);
  }
  if (!(scale > 0 && scale <= 1)) throw new RangeError(`scale: expected a number above 0, at most 1, got ${scale}`);
  if (!Number.isInteger(kills) || kills < 1) throw new RangeError(`kills: expected a whole number from 1, got ${kills}`);
}
