/**
 * What every driver offers: capture a Session from a browser that its owner drives, restore one into such a browser. The drivers differ
 * in how they reach the browser; what they carry is the same.
 */
import type { Session } from '../session/session.ts';
import type { Report } from './report.ts';

/** Where a long operation is. `done` of `total` parts of the stage are finished. */
export interface Progress {
  readonly stage: 'cookies' | 'tabs' | 'storage' | 'verify';
  readonly done: number;
  readonly total: number;
}

export interface OperationOptions {
  /** Time limit for each page, origin and database, in milliseconds. What runs into it is reported, the rest goes on. Default 15,000. */
  readonly timeoutMs?: number;
  /** Clock, milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /** Ends the operation between two steps, with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface CaptureOptions extends OperationOptions {
  /** The session's id. Default: random. */
  readonly id?: string;
  readonly name?: string;
  /** Origins to capture besides those that are open, such as `https://app.example`: no browser lists the origins it has storage for. */
  readonly origins?: readonly string[];
  /** Also look into the origins that the browser has cookies of. Default true. */
  readonly cookieOrigins?: boolean;
}

export type RestoreOptions = OperationOptions;

export interface CaptureResult {
  readonly session: Session;
  readonly report: Report;
}

export interface RestoreResult<Target> {
  readonly target: Target;
  readonly report: Report;
}

/**
 * A way to one browser.
 *
 * - `capture` never navigates a page of the user's. Origins that are not open are read in a tab of its own whose every request is answered
 *   here, so nothing reaches the site.
 * - `restore` writes cookies, replaces web storage and IndexedDB of each carried origin, opens one tab per captured tab with its
 *   sessionStorage, and reads everything back: `counts` holds what was found right. Nothing reaches the site: the tabs stand on an empty
 *   page at their URL until they are reloaded or navigated.
 * - What fails for one cookie, record, database or origin is an entry of the report. The whole fails only with `ADAPTER_DISCONNECTED`
 *   (the browser went away), `ADAPTER_PROTOCOL` (it does not speak as expected) or the signal's reason.
 */
export interface Driver<Target> {
  readonly name: string;
  capture(options?: CaptureOptions): Promise<CaptureResult>;
  restore(session: Session, options?: RestoreOptions): Promise<RestoreResult<Target>>;
}
