/**
 * What somebody who tests a provider hands to the conformance suite, and what the suite asks of a test runner. Only `name` and `make` are needed;
 * each of the others opens cases that need it, and what is not given is reported as skipped, by name.
 */

import type { Capabilities, StorageProvider } from '../../ts/provider.ts';

/** Where a service listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How a provider is made for one case. */
export interface MakeOptions {
  /** The time that the provider has to read: milliseconds since the epoch. It begins in the past, stands still, and cases set it. */
  readonly now: () => number;
}

/** A provider without any value in it, for one case. The suite closes `provider` and all that `again` made, and then calls `dispose`. */
export interface MadeProvider {
  readonly provider: StorageProvider;
  /** Another client of the same values with the same clock, as from another process; over `address` where one is given (see `network`). */
  readonly again?: (address?: Address) => Promise<StorageProvider>;
  /**
   * Command line of a process that calls `runWriter` over the same values (see writer.ts): the suite kills it with SIGKILL in the middle of its
   * writes. The first is the program.
   */
  readonly writer?: readonly string[];
  /** Clears away what `make` made. */
  readonly dispose?: () => Promise<void>;
}

/** A provider to be tested. */
export interface ConformanceSubject {
  /** Heads every test. */
  readonly name: string;
  /** Called once for each case, one after the other. */
  readonly make: (options: MakeOptions) => Promise<MadeProvider>;
  /** What the provider has to claim. With it, a provider that suddenly can do less fails instead of having its cases skipped. */
  readonly capabilities?: Partial<Capabilities>;
  /** The service behind the provider: faults are put between `again({ host, port })` and this address. Needs `again`. */
  readonly network?: Address;
  /** Greater than 0, at most 1 (which is the default): share of the full number of keys, bytes and rounds, for slow services. */
  readonly scale?: number;
  /** Processes that are killed in the middle of a write; 20 when not given. */
  readonly kills?: number;
  /**
   * Names of cases that the service behind the provider breaks in a way that the provider cannot mend, each with the reason. They are skipped by that
   * reason: say it to your users, too. A name that no case has is a RangeError.
   */
  readonly deviations?: Readonly<Record<string, string>>;
  /** Passwords, tokens, access keys that the provider was made with: no error and no `util.inspect` of it may hold one. */
  readonly secrets?: readonly string[];
}

/** The two functions of a test runner that the suite calls: those of node:test and vitest fit. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly test: {
    (name: string, options: { timeout: number }, body: () => Promise<void>): unknown;
    skip(name: string, body: () => void): unknown;
  };
}
