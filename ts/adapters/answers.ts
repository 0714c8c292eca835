/**
 * What a page of ours gets in place of the network, by whichever protocol its requests are stopped: an empty document at every address, documents that hold
 * a frame where one must stand inside another site, and what was agreed on for what it fetches.
 */
import type { StorageKey } from '../session/session.ts';

/** What a request is answered with in place of the network. */
export interface AnswerRequest {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/**
 * The icon link keeps the browser from asking the site for /favicon.ico. A browser that keeps documents for the way back would show this one there, in place
 * of the site's; one that listens to `unload` is not kept ("no-store" is no hindrance to Chromium 156 where there are cookies).
 */
const EMPTY_DOCUMENT =
  '<!doctype html><link rel="icon" href="data:,"><title></title><script>addEventListener("unload", () => undefined)</script>';

const EMPTY_PAGE: AnswerRequest = /* @__PURE__ */ documentOf('');

/**
 * A site that no origin of a session belongs to. It is as secure as `origin`: what stands around a frame decides that too, and on loopback http is (RFC 6761,
 * sections 6.3 and 6.4). It is never looked up: its one page is answered here.
 */
function siteBetween(origin: string): string {
  return new URL(origin).protocol === 'https:' ? 'https://persistent-sessions.invalid/' : 'http://persistent-sessions.localhost/';
}

function documentOf(content: string): AnswerRequest {
  return {
    status: 200,
    statusText: '',
    headers: [
      ['content-type', 'text/html; charset=utf-8'],
      ['permissions-policy', 'unload=*'],
    ],
    body: new TextEncoder().encode(`${EMPTY_DOCUMENT}${content}`),
  };
}

/** Of the same host, so of the same site, and of another origin. Nothing is asked there. */
const PORT_APART = '47806';
const OTHER_PORT_APART = '47807';

/** The answers of one intercepted page. */
export class Answers {
  readonly #fetched = new Map<string, AnswerRequest>();
  /** Documents that hold a frame, by address. */
  readonly #holders = new Map<string, AnswerRequest>();

  /** Answers what a document of ours fetches from `url` until the returned function is called. */
  agree(url: string, response: AnswerRequest): () => void {
    const address = new URL(url);
    address.hash = '';
    this.#fetched.set(address.href, response);
    return () => this.#fetched.delete(address.href);
  }

  /** The answer to a request, or null for one that is to be refused. */
  to(url: string, isDocument: boolean): AnswerRequest | null {
    return isDocument ? (this.#holders.get(url) ?? EMPTY_PAGE) : (this.#fetched.get(url) ?? null);
  }

  /** Makes ready what holds a frame at the root of `origin`, until {@link letGo}. The address of the page on top, to be opened. */
  holdFrame({ origin, topLevelSite }: StorageKey): string {
    const address = `${origin}/`;
    if (topLevelSite === null) {
      const { top, between } = this.holdBetween(origin);
      this.#hold(between, address);
      return top;
    }
    const top = `${topLevelSite}/`;
    this.#hold(top, address);
    return top;
  }

  /** The same with an empty frame of another site, for one that whoever opens the page puts into that. The addresses of both. */
  holdBetween(origin: string): { readonly top: string; readonly between: string } {
    // A page on top of its own site's frame, two down, has another address than that: no page may hold itself.
    const top = `${origin}/?${crypto.randomUUID()}`;
    const between = siteBetween(origin);
    this.#hold(top, between);
    return { top, between };
  }

  /**
   * The same for any key, where no service worker can be told to stay out: none answers what is on top, as no site is at its port, and none answers what
   * begins in a sandbox. Whoever frees the frame from it must reload it past the worker.
   */
  holdFrameApart({ origin, topLevelSite, hasCrossSiteAncestor }: StorageKey): string {
    const around = new URL(topLevelSite ?? origin);
    around.port = around.port === PORT_APART ? OTHER_PORT_APART : PORT_APART;
    const between = siteBetween(origin);
    if (hasCrossSiteAncestor === true) this.#hold(around.href, between);
    this.#hold(hasCrossSiteAncestor === true ? between : around.href, `${origin}/`, 'sandbox="allow-scripts"');
    return around.href;
  }

  letGo(): void {
    this.#holders.clear();
  }

  #hold(url: string, frame: string, attribute = ''): void {
    this.#holders.set(url, documentOf(`<iframe ${attribute} src="${frame}"></iframe>`));
  }
}

/** Whether the storage of a key is that of a frame inside something else, not of a page by itself. */
export function isFramed({ topLevelSite, hasCrossSiteAncestor }: StorageKey): boolean {
  return topLevelSite !== null || hasCrossSiteAncestor === true;
}
