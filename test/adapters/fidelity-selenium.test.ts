/**
 * What Selenium’s driver carries of everything that the hard site keeps, by each of its ways, and what Selenium’s own cookies do: columns of
 * `docs/fidelity.md`. Runs with `PSP_FIDELITY=all`.
 */
import type { Driver as ChromeDriver } from 'selenium-webdriver/chrome.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type SeleniumWay, selenium } from '../../ts/adapters/selenium.ts';
import { hasOpenssl } from '../servers/certificate.ts';
import { type RunningChromedriver, requireChromedriver, startChromedriver } from '../servers/chromedriver.ts';
import { type Cell, compareCells, describeDifferences } from '../site/cell.ts';
import { type HardSite, startHardSite } from '../site/server.ts';
import { type Column, readFidelityPage, renderPage } from '../site/table.ts';
import { DECISIONS, lookAtSite, lookAway, seedSite, tabAddresses, type VisitedTab, type Visitor } from '../site/visit.ts';

const GROUP = 'fidelity of Selenium on the hard site';
const chromedriver = requireChromedriver(GROUP);
const isSkipped = chromedriver === null || process.env['PSP_FIDELITY'] !== 'all' || !hasOpenssl(GROUP);

const WAYS: readonly [SeleniumWay, column: string][] = [
  ['devtools', 'Selenium by DevTools'],
  ['bidi', 'Selenium by BiDi'],
  ['devtools-cookies', 'Selenium by WebDriver and DevTools cookies'],
  ['webdriver', 'Selenium by plain WebDriver'],
];

describe.skipIf(isSkipped)(GROUP, { timeout: 240_000 }, () => {
  let site: HardSite;
  let server: RunningChromedriver;
  let first: ChromeDriver;
  let before: readonly Cell[];
  const columns: Column[] = [];

  const open = (): Promise<ChromeDriver> => server.open(true, [`--ignore-certificate-errors-spki-list=${site.certificateKey}`]);

  beforeAll(async () => {
    site = await startHardSite();
    server = await startChromedriver(chromedriver!);
    first = await open();
    for (const [permission, setting] of DECISIONS) {
      await first.sendAndGetDevToolsCommand('Browser.setPermission', { permission: { name: permission }, setting, origin: site.alpha });
    }
    const { tabs, cells } = await seedSite(site, visitorOf(first));
    before = [...cells, ...(await lookAtSite(site, visitorOf(first), tabs)).cells];
  });
  afterAll(async () => {
    await server?.close();
    await site?.close();
  });

  test.each(WAYS)('by %s every cell that it sees and that differs is named', async (way, name) => {
    const { session, report } = await selenium(first, { way }).capture({ origins: [site.gamma, site.beta, site.sub] });
    const second = await open();
    await using driver = selenium(second, { way });
    const restored = await driver.restore(session);
    const { one, two, tls } = tabAddresses(site);
    const tabAt = (url: string): VisitedTab =>
      visitedWindow(second, restored.target.handles[session.tabs.findIndex((tab) => tab.url === url)]!);
    const tabs = { one: tabAt(one), two: tabAt(two), tls: tabAt(tls) };
    const { cells } = await lookAtSite(site, visitorOf(second), tabs);
    const compared = compareCells(
      before,
      [...cells, ...(await lookAway(site, tabs, way === 'devtools'))],
      [...report.entries, ...restored.report.entries],
    );
    columns.push({ name, compared, hasReport: true });
    await second.quit();
    expect(describeDifferences(compared.filter(({ isNamed }) => !isNamed))).toEqual([]);
  });

  test('what Selenium’s own cookies carry', async () => {
    const second = await open();
    for (const origin of [site.alpha, site.sub, site.beta, site.tls]) {
      await first.get(`${origin}/cached`);
      await second.get(`${origin}/cached`);
      // Of a name it keeps the last, and Chromium tells those of one moment in either order: that of the domain last, with which more is carried.
      const cookies = (await first.manage().getCookies()).sort((a, b) => rank(a) - rank(b));
      for (const cookie of cookies) {
        // What it refuses (names with a prefix) is lost.
        await second
          .manage()
          .addCookie(cookie)
          .catch(() => undefined);
      }
    }
    const { tabs, cells } = await lookAtSite(site, visitorOf(second), null);
    const compared = compareCells(before, [...cells, ...(await lookAway(site, tabs, false))], []);
    columns.push({ name: 'peer: Selenium cookies', compared, hasReport: false });
  });

  test('docs/fidelity.md says what was measured', async () => {
    await expect(renderPage(readFidelityPage(), columns)).toMatchFileSnapshot('../../docs/fidelity.md');
  });
});

function rank({ domain = '' }: { readonly domain?: string | undefined }): number {
  return domain.startsWith('.') ? 1 : 0;
}

function visitorOf(driver: ChromeDriver): Visitor {
  return {
    async newTab() {
      await driver.switchTo().newWindow('tab');
      return visitedWindow(driver, await driver.getWindowHandle());
    },
  };
}

function visitedWindow(driver: ChromeDriver, handle: string): VisitedTab {
  const inWindow = async (work: () => Promise<void>): Promise<void> => {
    await driver.switchTo().window(handle);
    await work();
  };
  return {
    goto: (url) => inWindow(() => driver.get(url)),
    reload: () => inWindow(() => driver.navigate().refresh()),
    back: () => inWindow(() => driver.navigate().back()),
    async close() {
      await inWindow(() => driver.close());
      await driver.switchTo().window((await driver.getAllWindowHandles())[0]!);
    },
  };
}
