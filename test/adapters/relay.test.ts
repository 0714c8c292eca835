/** One login, kept in four places, handed from driver to driver: Playwright, Puppeteer, raw CDP, Playwright. The site says after each hop whom it knows. */
import { type BrowserContext, chromium } from 'playwright-core';
import { connect } from 'puppeteer-core';
import { afterEach, describe, expect, test } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import { cdp } from '../../ts/adapters/cdp.ts';
import type { Driver } from '../../ts/adapters/driver.ts';
import { playwright } from '../../ts/adapters/playwright.ts';
import { puppeteer } from '../../ts/adapters/puppeteer.ts';
import { launchChromium, requireChromium } from '../servers/chromium.ts';
import { logIn, restoredTab, whoAmI } from '../servers/login.ts';

const GROUP = 'a login handed from driver to driver';

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  /** A fresh browser, with a context to look on by. */
  async function freshBrowser(): Promise<{ context: BrowserContext; url: string }> {
    const browser = await launchChromium();
    ends.push(() => browser.close());
    const looking = await chromium.connectOverCDP(browser.cdpUrl);
    ends.push(() => looking.close());
    return { context: looking.contexts()[0]!, url: browser.cdpUrl };
  }

  const DRIVERS: readonly [name: string, make: (context: BrowserContext, url: string) => Promise<Driver<unknown>>][] = [
    ['playwright', async (context) => playwright(context)],
    [
      'puppeteer',
      async (_, url) => {
        const browser = await connect({ browserURL: url, defaultViewport: null });
        ends.push(() => browser.disconnect());
        return puppeteer(browser.defaultBrowserContext());
      },
    ],
    ['cdp', async (_, url) => cdp(url)],
    ['playwright', async (context) => playwright(context)],
  ];

  test('it is known after every hop, in all four places, with a cache beside them', async () => {
    const site: Site = await startSite();
    ends.push(() => site.close());
    const first = await freshBrowser();
    const page = await first.context.newPage();
    await logIn(page, site);
    await page.evaluate(async () => (await caches.open('kept')).put('/offline', new Response('offline page')));

    let driver = await DRIVERS[0]![1](first.context, first.url);
    for (const [name, make] of DRIVERS.slice(1)) {
      const { session, report } = await driver.capture();
      expect(report.entries.filter(({ outcome }) => outcome === 'lost' || outcome === 'altered')).toEqual([]);
      const next = await freshBrowser();
      driver = await make(next.context, next.url);
      expect(driver.name).toBe(name);
      const restored = await driver.restore(session);
      expect(restored.report.entries).toEqual([]);
      const look = await restoredTab(next.context, session.tabs[0]!.url);
      expect(await look.evaluate(async () => (await (await caches.match('/offline'))?.text()) ?? null)).toBe('offline page');
      expect(await whoAmI(look, site)).toEqual({ places: 4, text: expect.stringMatching(/^logged in as /) });
    }
  });
});
