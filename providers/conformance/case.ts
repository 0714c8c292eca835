/**
 * What a case of the conformance suite is, when it is skipped, and how one is run: with a fresh provider, a clock that stands still, and
 * everything cleared away afterwards whatever happened. Cases are data, in one list a group; conformance.ts hands them to a test runner.
 */

import type { Capabilities, StorageProvider } from '../../ts/provider.ts';
import { expectSilent } from './observe.ts';
import type { Address, ConformanceSubject } from './subject.ts';
import { watch } from './watch.ts';

/** A time in the past, so that no provider mistakes the suite's clock for the machine's. */
export const START_MS = 1_700_000_000_000;

/** Capabilities that are yes or no. */
export type Ability = { [K in keyof Capabilities]: Capabilities[K] extends boolean ? K : never }[keyof Capabilities];

/** What a case cannot do without. */
export type Need = Ability | 'again' | 'network' | 'writer' | 'secrets';

/** What is known of a subject before its cases run. */
export interface SubjectFacts {
  readonly capabilities: Capabilities;
  readonly has: Readonly<Record<Exclude<Need, Ability>, boolean>>;
}

/** Milliseconds since the epoch, to be set by a case. */
export interface Clock {
  nowMs: number;
}

/** What a case works with. */
export interface Trial {
  /** Empty, and made for this case alone. */
  readonly provider: StorageProvider;
  /** The same, without the suite looking on: for printing. */
  readonly bare: StorageProvider;
  readonly clock: Clock;
  readonly subject: ConformanceSubject;
  /** Another client of the same values. */
  again(address?: Address): Promise<StorageProvider>;
  /** The command line of a writer, see subject.ts. */
  readonly writer: readonly string[];
  /** `full` times the subject's scale, and not below `least`. */
  amount(full: number, least?: number): number;
  /** `work` is done when the case has ended, whatever came of it. */
  atEnd(work: () => Promise<void>): void;
}

/** One promise of the contract. */
export interface ConformanceCase {
  /** Short and stable: what a failure is called. */
  readonly name: string;
  /** The promise as a sentence. */
  readonly says: string;
  readonly needs?: readonly Need[];
  /** Why the case says nothing about this subject, or null when it does. */
  readonly pointless?: (facts: SubjectFacts) => string | null;
  /** Milliseconds after which the runner gives up; 60,000 when not given. */
  readonly timeoutMs?: number;
  readonly run: (trial: Trial) => Promise<void>;
}

/** Cases about one subject matter. */
export interface ConformanceGroup {
  readonly name: string;
  readonly cases: readonly ConformanceCase[];
}

const MISSING: Readonly<Record<Exclude<Need, Ability>, string>> = {
  again: 'make() gives no second client (again)',
  network: 'the subject names no network address',
  writer: 'make() gives no command line of a writer',
  secrets: 'the subject names no secrets',
};

/** Why a case is skipped for a subject, or null when it runs. */
export function skipReason(one: ConformanceCase, facts: SubjectFacts): string | null {
  for (const need of one.needs ?? []) {
    if (need in MISSING) {
      const missing = need as Exclude<Need, Ability>;
      if (!facts.has[missing]) return MISSING[missing];
    } else if (!facts.capabilities[need as Ability]) {
      return `capabilities.${need} is false`;
    }
  }
  return one.pointless?.(facts) ?? null;
}

/** What `subject` can do, found out with a provider that is made and cleared away for it. */
export async function factsOf(subject: ConformanceSubject): Promise<SubjectFacts> {
  const made = await subject.make({ now: () => START_MS });
  try {
    await made.provider.open();
    return {
      capabilities: { ...made.provider.capabilities },
      has: {
        again: made.again !== undefined,
        network: subject.network !== undefined && made.again !== undefined,
        writer: made.writer !== undefined,
        secrets: (subject.secrets ?? []).length > 0,
      },
    };
  } finally {
    await made.provider.close();
    await made.dispose?.();
  }
}

/** Runs a case; afterwards no error that the provider gave may hold a secret of the subject. */
export async function runCase(one: ConformanceCase, subject: ConformanceSubject): Promise<void> {
  const clock: Clock = { nowMs: START_MS };
  const errors: unknown[] = [];
  const made = await subject.make({ now: () => clock.nowMs });
  const ends: (() => Promise<void>)[] = [async () => made.dispose?.(), () => made.provider.close()];
  const trial: Trial = {
    provider: watch(made.provider, errors),
    bare: made.provider,
    clock,
    subject,
    writer: made.writer ?? [],
    async again(address) {
      const provider = await made.again!(address);
      ends.push(() => provider.close());
      return watch(provider, errors);
    },
    amount: (full, least = 1) => Math.max(least, Math.round(full * (subject.scale ?? 1))),
    atEnd: (work) => {
      ends.push(work);
    },
  };
  const failures: unknown[] = [];
  try {
    await trial.provider.open();
    await one.run(trial);
    for (const error of errors) expectSilent(error, subject.secrets ?? []);
  } catch (error) {
    failures.push(error);
  }
  for (const end of ends.reverse()) {
    try {
      await end();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('; then, clearing away: '));
}
