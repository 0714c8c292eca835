/** Logging in on the demo site by hand, as a person would, and asking the site who is there. */
import type { BrowserContext, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Site } from '../../demo/site.ts';

/** Logs in through the form and waits until the site has written all four places. */
export async function logIn(page: Page, site: Site): Promise<void> {
  await page.goto(`${site.origin}/login`);
  await page.fill('[name=user]', site.user);
  await page.fill('[name=password]', site.password);
  await page.click('button');
  await page.locator('#status[data-ready=true]').waitFor();
}

/** What the site's own page says about who is logged in. */
export async function whoAmI(page: Page, site: Site): Promise<{ places: number; text: string }> {
  await page.goto(`${site.origin}/whoami`);
  const status = page.locator('#status[data-places]');
  await status.waitFor();
  return { places: Number(await status.getAttribute('data-places')), text: (await status.textContent()) ?? '' };
}

/**
 * The tab that a restore left at `url`. A second connection to the browser hears of a new tab, and of where it stands, a little later than the one
 * that opened it: a navigation that is begun before that is interrupted by news of the old one.
 */
export async function restoredTab(context: BrowserContext, url: string): Promise<Page> {
  const tab = (): Page | undefined => context.pages().find((page) => page.url() === url);
  await expect.poll(tab, { timeout: 20_000 }).toBeDefined();
  const page = tab();
  if (page === undefined) throw new Error('the tab went away');
  await page.waitForLoadState();
  return page;
}
