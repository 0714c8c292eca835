/** The shapes that the Puppeteer driver takes, against the real package. Compiled, never run. */
import { type Browser, type BrowserContext, connect, type Page } from 'puppeteer-core';
import { expectTypeOf } from 'vitest';
import type { Driver } from '../../ts/adapters/driver.ts';
import { extractableKeysScript } from '../../ts/adapters/extractable-keys.ts';
import { type PuppeteerTarget, puppeteer } from '../../ts/adapters/puppeteer.ts';
import type { Session } from '../../ts/session/session.ts';

/** Contexts are accepted as they are, and the pages that come back are Puppeteer's own. */
export async function contexts(browser: Browser, page: Page, session: Session): Promise<void> {
  const driver = puppeteer(browser.defaultBrowserContext());
  expectTypeOf(driver).toEqualTypeOf<Driver<PuppeteerTarget<Page>>>();
  expectTypeOf(puppeteer(page.browserContext())).toEqualTypeOf<Driver<PuppeteerTarget<Page>>>();
  expectTypeOf(puppeteer(await browser.createBrowserContext())).toEqualTypeOf<Driver<PuppeteerTarget<Page>>>();
  const connected = await connect({ browserURL: 'http://127.0.0.1:9222' });
  const { target } = await puppeteer(connected.defaultBrowserContext()).restore(session);
  expectTypeOf(target.pages).toEqualTypeOf<readonly Page[]>();
  await target.pages[0]?.reload({ waitUntil: 'networkidle0' });
}

/** The script is handed over as it is. */
export async function scripts(page: Page): Promise<void> {
  await page.evaluateOnNewDocument(extractableKeysScript);
}

/** What is no context is refused, however close. */
export function refused(browser: Browser, context: BrowserContext, page: Page): void {
  // @ts-expect-error a page is no context
  puppeteer(page);
  // @ts-expect-error nor is a browser
  puppeteer(browser);
  // @ts-expect-error an option that does not exist
  void puppeteer(context).capture({ cookies: true });
}
