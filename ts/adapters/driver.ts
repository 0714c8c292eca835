/**
 * What every driver offers: capture a Session from a browser that its owner drives, restore one into such a browser. The drivers differ
 * in how they reach the browser; what they carry is the same.
 */
import type { Member, MemberKind } from '../session/member.ts';
import type { SectionSink } from '../session/section-sink.ts';
import type { Session, StorageKey } from '../session/session.ts';
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
  /** Tabs of our own that may work at once, on origins that are not open. More than one for a single processor. Default: two for each, from 2 to 16. */
  readonly tabs?: number;
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
  /**
   * Origins to capture besides those that are open, such as `https://app.example`: no browser lists the origins it has storage for. Partitioned storage is
   * asked for by its key; the keys of an earlier session (`session.storage.map(({ key }) => key)`) look again where that one found something.
   */
  readonly origins?: readonly (string | StorageKey)[];
  /** Also look into the origins that the browser has cookies of. Default true. */
  readonly cookieOrigins?: boolean;
  /** Also look into the origins that have service workers, which Chromium lists. Default true. */
  readonly workerOrigins?: boolean;
  /**
   * Ids of virtual authenticators (`WebAuthn.addVirtualAuthenticator`) in open pages whose passkeys are captured, private keys and all: no browser lists them.
   * Those that a restore of this driver has made are captured without being named.
   */
  readonly authenticators?: readonly string[];
  /**
   * Also reads `history.state` of a tab's entries beside the shown one, as far as they belong to the same document, in Chromium. No browser tells it: the tab is
   * led along them and back, while its scripts stand still. They do not see it, but timers and answers that come due in that moment are lost to them, and the
   * browser may ask the site for its icon again. Default false: a capture changes nothing in a page of the user's.
   */
  readonly historyStates?: boolean;
  /** Where large contents go as they come: records, bodies, files. Default: into memory. `persistent-sessions/file` has one on disk. */
  readonly sink?: SectionSink;
}

/** The kinds of state that a restore can be asked for. */
export type ChosenKind = Exclude<MemberKind, 'session' | 'origin'>;

/**
 * Which part of the session is restored: what every given member says yes to, with the directories and tabs that it stands in. All of it where none is given.
 */
export interface RestoreOptions extends OperationOptions {
  /** Storage, tabs and permissions of these origins, and the cookies and passkeys that are sent to or asked for by their hosts. */
  readonly origins?: readonly string[];
  readonly kinds?: readonly ChosenKind[];
  /** Asked about each cookie, item, database, cache, worker, file, tab, permission and passkey. Holds no value, and its names may be secret. */
  readonly only?: (member: Member) => boolean;
  /**
   * What becomes of what the browser has. `replace` (the default): an area of which all is restored (an origin's localStorage, its databases, caches, workers or
   * files) holds nothing else afterwards. `keep`: nothing is removed, and where both have an entry the session's wins; a database that is there in another
   * version or shape stays as it is, and the session's is reported lost. An area of which only a part is chosen is always treated so. Cookies are never removed.
   */
  readonly existing?: 'replace' | 'keep';
  /**
   * Whether scripts of open pages stand still while storage of an origin in them is restored, so that they write nothing between (Chromium). Timers that run out
   * meanwhile are lost: reload such pages. Default true.
   */
  readonly park?: boolean;
}

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
 * - `capture` never navigates a page of the user's (but see `historyStates`). Origins that are not open are read in a tab of its own whose every request is
 *   answered here, so nothing reaches the site.
 * - `restore` writes cookies, replaces web storage, IndexedDB and storage buckets of each carried origin, opens one tab per captured tab with its
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
