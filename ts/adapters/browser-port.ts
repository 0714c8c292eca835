/**
 * What capture and restore need of a browser, by whichever protocol it is reached: its cookies, the pages that are open with the documents in them, and
 * pages of ours. `chromium.ts` makes one of a DevTools connection, `bidi/` of a WebDriver BiDi one.
 */
import type { Cookie, Permission, StorageKey } from '../session/session.ts';
import type { InterceptedPage } from './intercept.ts';
import type { PermissionQuery } from './page/permissions.ts';
import type { PageWorld } from './page-world.ts';
import type { DevToolsSession } from './protocol.ts';
import type { TabIds } from './tab-ids.ts';

/** The cookies of a browser, or of one context of it. */
export interface CookieJar {
  /**
   * All cookies, in the browser's order; null for one in a partition that a session cannot say. Partitions of `sites` are looked for where the browser does
   * not list them all by itself.
   */
  readCookies(sites: readonly string[]): Promise<readonly (Cookie | null)[]>;
  /** Sets cookies, and returns those that the browser refused. */
  writeCookies(cookies: readonly Cookie[]): Promise<readonly Cookie[]>;
  /** What of a cookie the browser can be given; the rest of it is lost. */
  keepable(cookie: Cookie): Cookie;
}

/** A browser, or one context of it. Every step on it has a time limit (`ADAPTER_TIMEOUT`). `Handle` is what the driver calls a page by. */
export interface BrowserPort<Handle> extends CookieJar {
  /** The driver's name, for `source.tool`. */
  readonly tool: string;
  /** The DevTools protocol on the browser as a whole; null for a driver without it. */
  readonly browser: DevToolsSession | null;
  /** Given along with commands on `browser`; undefined for the default context. */
  readonly browserContextId: string | undefined;
  /** Which tabs the pages are; the driver's own, so it outlives the port. */
  readonly tabIds: TabIds<Handle>;
  /** Name and version of the browser. */
  product(): Promise<string>;
  /**
   * Sets a permission of an origin for as long as the driver is connected, or longer; null for a driver that cannot. A name that the browser does not know is
   * refused (`ADAPTER_PROTOCOL`).
   */
  readonly setPermission: ((origin: string, permission: PermissionQuery, state: Permission['state']) => Promise<void>) | null;
  /** For virtual authenticators; null for a driver without them. */
  readonly authenticators: Authenticators<Handle> | null;
  /** The open pages, in tab order. */
  pages(): Promise<readonly BrowserPage<Handle>[]>;
  /** Opens a page at about:blank. */
  newPage(): Promise<BrowserPage<Handle>>;
  /** Opens a page at about:blank for work of ours, which the user is not shown where the browser can do that. It is the caller's to close. */
  workPage(): Promise<WorkPage>;
  /** True once the browser or the connection to it is gone. */
  isClosed(): boolean;
}

/** The virtual authenticators of a driver, which go with their pages and with the driver's connection. */
export interface Authenticators<Handle> {
  /** Ids of those that it has made. */
  readonly known: Set<string>;
  /** A session on a page that nothing ends sooner. */
  hold(handle: Handle): Promise<DevToolsSession>;
}

/** A page that is open. */
export interface BrowserPage<Handle> {
  /** The DevTools protocol on the page; null for a driver without it. */
  readonly session: DevToolsSession | null;
  readonly handle: Handle;
  readonly url: string;
  /** The documents in it at this moment, its own first. They can be entered until `stop`, which never navigates or closes anything. */
  frames(): Promise<{ readonly frames: readonly BrowserFrame[]; stop(): Promise<void> }>;
  /** Answers every request of the page, and of the frames in it, from now on. */
  intercept(): Promise<InterceptedPage>;
  /** Opens a page that begins with a copy of this one's sessionStorage, of every origin. It is the caller's to close. Absent for a driver that cannot. */
  copy?(): Promise<{ readonly intercepted: InterceptedPage; close(): Promise<void> }>;
  /** Lets go of the page; it stays. */
  release(): Promise<void>;
  /** Closes the page. */
  close(): Promise<void>;
}

/** A page of ours. */
export type WorkPage = Pick<BrowserPage<unknown>, 'session' | 'intercept' | 'close'>;

/** A document of an open page. */
export interface BrowserFrame {
  readonly isTop: boolean;
  /** Serialized; that of an opaque origin is no address of the web. */
  readonly origin: string;
  /** DevTools on the process that it lives in; null for a driver without them. */
  readonly session: DevToolsSession | null;
  /** Present where values of its storage cannot be read in it: they are read in a page of ours, like those of an origin that is not open. */
  readonly isReadElsewhere?: true;
  /** Which storage it has, with the browser's own name for that; the key is null where a session cannot say it. */
  storageKey(): Promise<{ readonly key: StorageKey | null; readonly name: string }>;
  /** Our functions in it. `place` names it in messages. */
  enter(place: string): Promise<PageWorld>;
}
