/**
 * Which site an origin belongs to: its scheme and its registrable domain (HTML, "obtain a site"). Only the browser knows which domains can be registered under
 * (the Public Suffix List), and BiDi does not tell. But a browser lets no document set a cookie for such a suffix: so one of ours tries, in a user context
 * that is made for it and removed again.
 */
import { isWeb } from '../intercept.ts';
import { interceptContext } from './intercept.ts';
import type { BidiSession } from './protocol.ts';
import { evaluateIn } from './world.ts';

/** Sites of origins, each looked up once. */
export class Sites {
  readonly #session: BidiSession;
  readonly #known = new Map<string, Promise<string>>();

  constructor(session: BidiSession) {
    this.#session = session;
  }

  /** The site of a serialized origin of the web, such as `https://app.example` for `https://www.app.example:8443`. */
  of(origin: string): Promise<string> {
    const { protocol, hostname } = new URL(origin);
    const address = `${protocol}//${hostname}`;
    const known = this.#known.get(address);
    if (known !== undefined) return known;
    const found = this.#find(protocol, hostname);
    this.#known.set(address, found);
    // What failed once is tried again by who asks next.
    found.catch(() => this.#known.delete(address));
    return found;
  }

  async #find(protocol: string, hostname: string): Promise<string> {
    const labels = hostname.split('.');
    const isAddress = hostname.startsWith('[') || /^\d+$/.test(labels.at(-1) ?? '');
    if (isAddress || labels.length < 2 || !isWeb(`${protocol}//`)) return `${protocol}//${hostname}`;
    const candidates = labels.slice(0, -1).map((_, i) => labels.slice(labels.length - 2 - i).join('.'));
    const { userContext } = await this.#session.send('browser.createUserContext', {});
    try {
      const { context } = await this.#session.send('browsingContext.create', { type: 'tab', background: true, userContext });
      const page = await interceptContext(this.#session, context);
      await page.walk(`${protocol}//${hostname}/`);
      const accepted = await evaluateIn(this.#session, { context })(TRY_DOMAINS, [candidates]);
      await page.release();
      return `${protocol}//${typeof accepted === 'string' ? accepted : hostname}`;
    } finally {
      // Its tab goes with it.
      await Promise.allSettled([this.#session.send('browser.removeUserContext', { userContext })]);
    }
  }
}

/** Runs in the document: the shortest domain that a cookie can be set for. */
const TRY_DOMAINS = `(domains) => domains.find((domain) => {
  document.cookie = 'site=1; domain=' + domain;
  return document.cookie !== '';
}) ?? null`;
