/** Visits to the hard site by the hand of Playwright, in a context of Chromium. */
import type { BrowserContext, CDPSession, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Cell } from './cell.ts';
import { plainName, shortText } from './page/short.ts';
import type { HardSite } from './server.ts';
import { DECISIONS, type OpenTabs, tabAddresses, type VisitedTab, type Visitor } from './visit.ts';

/** New tabs of `context`. */
export function playwrightVisitor(context: BrowserContext): Visitor {
  return { newTab: async () => visitedPage(await context.newPage()) };
}

/** A tab of the hard site. */
export function visitedPage(page: Page): VisitedTab {
  return {
    goto: async (url) => void (await page.goto(url, { waitUntil: 'commit' })),
    reload: async () => void (await page.reload({ waitUntil: 'commit' })),
    back: async () => void (await page.goBack({ waitUntil: 'commit' })),
    close: () => page.close(),
  };
}

/** The tabs that a restore opened, which another connection hears of a little later. */
export async function restoredTabs(context: BrowserContext, site: HardSite): Promise<OpenTabs> {
  const find = async (url: string): Promise<VisitedTab> => {
    const page = (): Page | undefined => context.pages().find((one) => one.url() === url);
    await expect.poll(page, { timeout: 10_000, message: `a restored tab at ${url}` }).toBeDefined();
    await page()!.waitForLoadState();
    return visitedPage(page()!);
  };
  const { one, two, tls } = tabAddresses(site);
  return { one: await find(one), two: await find(two), tls: await find(tls) };
}

/** The id that the DevTools protocol has for a context with a page in it. */
export async function contextId(context: BrowserContext): Promise<string> {
  const session = await context.newCDPSession(context.pages()[0]!);
  const { targetInfo } = await session.send('Target.getTargetInfo');
  await session.detach();
  return targetInfo.browserContextId!;
}

/** What a user allows and denies on the hard site, before it is seeded. */
export async function decidePermissions(browser: CDPSession, browserContextId: string, site: HardSite): Promise<void> {
  for (const [name, setting] of DECISIONS) {
    await browser.send('Browser.setPermission', { permission: { name }, setting, origin: site.alpha, browserContextId });
  }
}

/** Every cookie with everything that the browser says of it; times to the millisecond, as a session keeps them. */
export async function lookAtCookieStore(browser: CDPSession, browserContextId: string): Promise<Cell[]> {
  const { cookies } = await browser.send('Storage.getCookies', { browserContextId });
  return cookies.map(({ name, domain, path, partitionKey, value, size: _, expires, ...facts }) => ({
    group: 'cookies, as the browser holds them',
    kind: 'cookie',
    place: `${domain}${path}${partitionKey === undefined ? '' : ` inside ${partitionKey.topLevelSite} ${partitionKey.hasCrossSiteAncestor}`}`,
    name: plainName(name),
    seen: `${shortText(value)} ${Math.round(expires * 1000)} ${JSON.stringify(facts)}`,
    within: [name],
  }));
}
