/**
 * Pages of a user context by WebDriver BiDi, with as much of Playwright's words as the driver contract says to a page: Playwright itself drives no Firefox
 * that is not its own.
 */
import type { BrowserContext } from 'playwright-core';
import { expect } from 'vitest';
import type { BidiConnection } from '../../ts/adapters/bidi.ts';

interface Info {
  readonly context: string;
  readonly url: string;
  readonly userContext: string;
  readonly parent?: string | null;
  readonly children?: readonly Info[] | null;
}

const EVENTS = ['contextCreated', 'contextDestroyed', 'domContentLoaded', 'load', 'fragmentNavigated', 'historyUpdated'].map(
  (name) => `browsingContext.${name}`,
);
const TIMEOUT = { timeout: 20_000 };

/** A user context as a Playwright `BrowserContext`, as far as the contract goes. */
export async function bidiContext(connection: BidiConnection, userContext: string): Promise<BrowserContext> {
  const pages = new Map<string, BidiPage>();
  connection.on('browsingContext.contextCreated', (info: Info) => {
    if (info.userContext !== userContext || (info.parent ?? null) !== null) return;
    if (!pages.has(info.context)) pages.set(info.context, new BidiPage(connection, info.context, info.url));
  });
  connection.on('browsingContext.contextDestroyed', ({ context }: Info) => void pages.delete(context));
  for (const event of EVENTS.slice(2)) connection.on(event, ({ context, url }: Info) => pages.get(context)?.isAt(url));
  await connection.send('session.subscribe', { events: EVENTS });
  return {
    pages: () => [...pages.values()],
    async newPage() {
      const { context } = (await connection.send('browsingContext.create', { type: 'tab', userContext })) as Info;
      await expect.poll(() => pages.has(context), TIMEOUT).toBe(true);
      return pages.get(context);
    },
    close: () => connection.send('browser.removeUserContext', { userContext }),
  } as unknown as BrowserContext;
}

class BidiPage {
  readonly #connection: BidiConnection;
  readonly #context: string;
  #url: string;
  #frames: BidiPage[] = [];

  constructor(connection: BidiConnection, context: string, url: string) {
    this.#connection = connection;
    this.#context = context;
    this.#url = url;
  }

  isAt(url: string): void {
    this.#url = url;
  }

  url(): string {
    return this.#url;
  }

  /** Itself first. A look begins another one: the contract asks until it sees what it waits for. */
  frames(): BidiPage[] {
    void this.#send('browsingContext.getTree', { root: this.#context }).then((answer) => {
      const below = (answer as { contexts: Info[] }).contexts[0]?.children ?? [];
      this.#frames = below.map(({ context, url }) => new BidiPage(this.#connection, context, url));
    });
    return [this, ...this.#frames];
  }

  async evaluate(code: string | ((argument: never) => unknown), argument?: unknown): Promise<unknown> {
    const { type, result, exceptionDetails } = (await this.#send('script.callFunction', {
      functionDeclaration: `async (text) => JSON.stringify(await (${String(code)})(JSON.parse(text)))`,
      target: { context: this.#context },
      arguments: [{ type: 'string', value: JSON.stringify(argument ?? null) }],
      awaitPromise: true,
    })) as { type: string; result?: { value?: string }; exceptionDetails?: { text: string } };
    if (type !== 'success') throw new Error(`the page threw: ${exceptionDetails?.text}`);
    return result?.value === undefined ? undefined : JSON.parse(result.value);
  }

  async goto(url: string): Promise<void> {
    await this.#send('browsingContext.navigate', { context: this.#context, url, wait: 'complete' });
    this.#url = url;
  }

  async reload(): Promise<void> {
    await this.#send('browsingContext.reload', { context: this.#context, wait: 'complete' });
  }

  async goBack(): Promise<void> {
    const before = this.#url;
    await this.#send('browsingContext.traverseHistory', { context: this.#context, delta: -1 });
    await expect.poll(() => this.#url, TIMEOUT).not.toBe(before);
  }

  async waitForURL(url: string): Promise<void> {
    await expect.poll(async () => this.evaluate('() => location.href'), TIMEOUT).toBe(url);
  }

  async waitForLoadState(): Promise<void> {
    await expect.poll(async () => this.evaluate('() => document.readyState'), TIMEOUT).toBe('complete');
  }

  async fill(selector: string, text: string): Promise<void> {
    await this.evaluate(`([selector, text]) => { document.querySelector(selector).value = text; }`, [selector, text]);
  }

  async click(selector: string): Promise<void> {
    await this.evaluate(`(selector) => document.querySelector(selector).click()`, selector);
  }

  locator(selector: string) {
    const ask = (code: string): Promise<unknown> => this.evaluate(`(selector) => document.querySelector(selector)${code}`, selector);
    return {
      // The document may be on its way out while it is asked.
      waitFor: () => expect.poll(() => ask(' !== null').catch(() => false), TIMEOUT).toBe(true),
      getAttribute: (name: string) => ask(`.getAttribute(${JSON.stringify(name)})`),
      textContent: () => ask('.textContent'),
    };
  }

  async close(): Promise<void> {
    await this.#send('browsingContext.close', { context: this.#context });
  }

  #send(method: string, params: object): Promise<unknown> {
    return this.#connection.send(method, params);
  }
}
