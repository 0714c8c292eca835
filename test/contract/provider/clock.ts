/** The time that a provider under test reads. */

/** A time in the past, so that no provider mistakes the tests' clock for the machine's. */
export const START_MS = 1_700_000_000_000;

/** Milliseconds since the epoch, to be set by a test. */
export interface Clock {
  nowMs: number;
}
