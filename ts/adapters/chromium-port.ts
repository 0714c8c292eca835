/**
 * What `chromium.ts` needs of a Chromium, whoever holds the connection: a browser-level DevTools session, the pages that are open, and
 * a way to open one more. The drivers (`cdp.ts`, `playwright.ts`) each make one.
 */
import type { DevToolsSession } from './protocol.ts';
import type { TabIds } from './tab-ids.ts';

/** A page that is open in the browser context. */
export interface OpenPage<Handle> {
  readonly session: DevToolsSession;
  /** The driver's own name for the page: a target id, a Playwright `Page`. */
  readonly handle: Handle;
  readonly url: string;
  /** Ends our session on the page; the page stays. */
  release(): Promise<void>;
  /** Lets go of the page without ending our session on it, which lasts as long as the page or the driver's connection does. */
  keep(): void;
  /** Closes the page. */
  close(): Promise<void>;
}

/** A page of ours, to work in. */
export type HiddenPage = Pick<OpenPage<unknown>, 'session' | 'close'>;

/** Sessions that outlive the port: what is set on them ends with them. They are the driver's own. */
export interface LastingSessions<Handle> {
  /** On the browser as a whole. One, made when it is first asked for. */
  browser(): Promise<DevToolsSession>;
  /** A new one on a page. */
  page(handle: Handle): Promise<DevToolsSession>;
  /** Ids of the virtual authenticators that were made on them. */
  readonly authenticators: Set<string>;
}

export interface ChromiumPort<Handle> {
  /** The driver's name, for `source.tool`. */
  readonly tool: string;
  /** Takes `Storage.*Cookies` and `Browser.getVersion`. */
  readonly browser: DevToolsSession;
  /** Given along with cookie commands; undefined for the default context. */
  readonly browserContextId: string | undefined;
  /** Which tabs the pages are; the driver's own, so it outlives the port. */
  readonly tabIds: TabIds<Handle>;
  /** Null where there can be none. */
  readonly lasting: LastingSessions<Handle> | null;
  /** The open pages of the context, in tab order. */
  pages(): Promise<readonly OpenPage<Handle>[]>;
  /** Opens a page at about:blank. */
  newPage(): Promise<OpenPage<Handle>>;
  /** Opens a page at about:blank that is shown to nobody; null where there can be none. Steps on it may take `timeoutMs`. */
  hiddenPage(timeoutMs: number): Promise<HiddenPage | null>;
  /** True once the browser or the connection to it is gone. */
  isClosed(): boolean;
}
