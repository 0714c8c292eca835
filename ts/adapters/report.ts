/**
 * What a capture or a restore says about itself: every thing that was not carried exactly has one entry that names the kind, the place and
 * the reason. No entry ever holds a value; names of cookies, origins, databases and stores do appear.
 */
import type { PspErrorCode } from '../errors.ts';

/** The kinds of state that reports speak of, also those that this version only detects. */
export type StateKind =
  | 'cookie'
  | 'localStorage'
  | 'sessionStorage'
  | 'indexedDB'
  | 'tab'
  | 'history'
  | 'windowName'
  | 'cacheStorage'
  | 'serviceWorker'
  | 'fileSystem'
  | 'storageBucket'
  | 'partitionedStorage'
  | 'permission'
  | 'passkey'
  | 'origin';

/**
 * `lost`: was there and is not carried. `altered`: carried, but not exactly. `uncarried`: is there, of a kind that this version does not carry.
 * `skipped`: left out by rule (an expired cookie). `notice`: odd, and harmless to what was carried.
 */
export type Outcome = 'lost' | 'altered' | 'uncarried' | 'skipped' | 'notice';

export interface ReportEntry {
  readonly outcome: Outcome;
  readonly kind: StateKind;
  /** Where: an origin, a cookie's domain and name, a database and store. */
  readonly place: string;
  /** Why, in words, without values. */
  readonly reason: string;
  readonly code?: PspErrorCode;
}

/** How many of each kind were carried. */
export interface Counts {
  readonly cookies: number;
  readonly localStorage: number;
  readonly sessionStorage: number;
  readonly databases: number;
  readonly records: number;
  /** Requests and their responses, in all caches. */
  readonly cacheEntries: number;
  /** Files and directories of private file systems. */
  readonly files: number;
  readonly serviceWorkers: number;
  /** Permissions whose states are not the usual ones. */
  readonly permissions: number;
  /** Of virtual authenticators. */
  readonly passkeys: number;
  readonly tabs: number;
  readonly origins: number;
}

/** The outcome of one capture or restore. `counts` are what was carried, verified in the browser in the case of a restore. */
export interface Report {
  readonly counts: Counts;
  readonly entries: readonly ReportEntry[];
}

/** True when nothing of the kinds that this version carries was lost or altered. */
export function isComplete(report: Report): boolean {
  return report.entries.every(({ outcome }) => outcome !== 'lost' && outcome !== 'altered');
}

/** `domain + path name` of a cookie, for a report: never its value. */
export function cookiePlace(cookie: { domain: string; hostOnly: boolean; path: string; name: string }): string {
  return `${cookie.hostOnly ? '' : '.'}${cookie.domain}${cookie.path} ${cookie.name}`;
}
