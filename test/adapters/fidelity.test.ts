/**
 * What each driver carries of everything that the hard site keeps, cell by cell: every cell that differs is named by a report. Writes `docs/fidelity.md`, and
 * fails when the page says otherwise. `PSP_FIDELITY=all` measures every column, the peers' too; without it the others stay as the page has them. The page says how
 * to write it anew.
 */
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core';
import { connect, type Browser as PuppeteerBrowser, type BrowserContext as PuppeteerContext } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CdpDriver, cdp } from '../../ts/adapters/cdp.ts';
import type { Driver } from '../../ts/adapters/driver.ts';
import { playwright } from '../../ts/adapters/playwright.ts';
import { puppeteer } from '../../ts/adapters/puppeteer.ts';
import type { Report, ReportEntry } from '../../ts/adapters/report.ts';
import { hasOpenssl } from '../servers/certificate.ts';
import { CHROMIUM_FLAGS, launchChromium, type RunningChromium, requireChromium } from '../servers/chromium.ts';
import { type Cell, type Compared, compareCells, describeDifferences } from '../site/cell.ts';
import {
  contextId,
  decidePermissions,
  lookAtCookieStore,
  playwrightVisitor,
  restoredTabs,
  visitedPage,
} from '../site/playwright-visitor.ts';
import { type HardSite, startHardSite } from '../site/server.ts';
import { type Column, readFidelityPage, renderPage } from '../site/table.ts';
import { lookAtSite, lookAway, seedSite, tabAddresses, type VisitedTab } from '../site/visit.ts';
import { bundleAdapter } from './page-site.ts';

const GROUP = 'fidelity on the hard site';
const path = requireChromium(GROUP);
/** A move takes seconds, and many of them on a busy machine. */
const TIMEOUT_MS = 240_000;
const isWhole = process.env['PSP_FIDELITY'] === 'all';
/** A context of a browser, with what the site saw in it. */
interface Seeded {
  readonly context: BrowserContext;
  readonly browser: CDPSession;
  readonly id: string;
  readonly cells: readonly Cell[];
}

describe.skipIf(path === null || !hasOpenssl(GROUP))(GROUP, { timeout: TIMEOUT_MS }, () => {
  let site: HardSite;
  let running: RunningChromium;
  let looking: Browser;
  const connected: PuppeteerBrowser[] = [];
  let session: CDPSession;
  let source: Seeded;
  const columns: Column[] = [];
  let flag: string;

  beforeAll(async () => {
    site = await startHardSite();
    flag = `--ignore-certificate-errors-spki-list=${site.certificateKey}`;
    running = await launchChromium([flag]);
    looking = await chromium.connectOverCDP(running.cdpUrl);
    session = await looking.newBrowserCDPSession();
    source = await seedContext(looking, session);
  });
  afterAll(async () => {
    for (const driver of drivers) await driver.close();
    for (const one of connected) await one.disconnect();
    await looking?.close();
    await running?.close();
    await site?.close();
  });

  async function seedContext(browser: Browser, own: CDPSession): Promise<Seeded> {
    const context = await browser.newContext();
    const visitor = playwrightVisitor(context);
    const first = await visitor.newTab();
    const id = await contextId(context);
    await decidePermissions(own, id, site);
    const { tabs, cells } = await seedSite(site, visitor);
    await first.close();
    const seen = await lookAtSite(site, visitor, tabs);
    return { context, browser: own, id, cells: [...cells, ...seen.cells, ...(await lookAtCookieStore(own, id))] };
  }

  type DriverOf = (context: BrowserContext, id: string) => Promise<Driver<unknown>>;
  const byCdp: DriverOf = async (_, id) => kept(cdp(running.cdpUrl, { browserContextId: id }));
  const drivers: CdpDriver[] = [];
  /** Permissions that a restore gave last as long as its connection. */
  const kept = (driver: CdpDriver): CdpDriver => {
    drivers.push(driver);
    return driver;
  };
  const byPlaywright: DriverOf = async (context) => playwright(context);
  const byPuppeteer: DriverOf = async (_, id) => puppeteer(await puppeteerContext(id));

  interface Moved {
    readonly context: BrowserContext;
    readonly id: string;
    readonly cells: readonly Cell[];
    readonly entries: readonly ReportEntry[];
  }

  /** Captures by one driver, restores into a fresh context by another, and looks. The tabs stay where they are unless `isLast`. */
  async function move(from: Pick<Seeded, 'context' | 'id'>, by: DriverOf, to: Browser, into: DriverOf, isLast = true): Promise<Moved> {
    const captured = await (await by(from.context, from.id)).capture({ origins: [site.gamma] });
    const context = await to.newContext();
    const blank = await context.newPage();
    const id = await contextId(context);
    site.resetRequests();
    const { report } = await (await into(context, id)).restore(captured.session);
    expect(site.requests).toEqual([]);
    const tabs = await restoredTabs(context, site);
    await blank.close();
    const held = await lookAtCookieStore(await to.newBrowserCDPSession(), id);
    const { cells } = await lookAtSite(site, playwrightVisitor(context), tabs);
    const away = isLast ? await lookAway(site, tabs, true) : [];
    return { context, id, cells: [...cells, ...away, ...held], entries: [...captured.report.entries, ...report.entries] };
  }

  function judge(name: string, from: Seeded, cells: readonly Cell[], entries: readonly ReportEntry[] | null): Compared[] {
    const compared = compareCells(from.cells, cells, entries ?? []);
    columns.push({ name, compared, hasReport: entries !== null });
    return compared;
  }

  function expectNoSilence(compared: readonly Compared[]): void {
    expect(describeDifferences(compared.filter(({ isNamed }) => !isNamed))).toEqual([]);
  }

  test('over CDP every cell that differs is named', async () => {
    const moved = await move(source, byCdp, looking, byCdp);
    const compared = judge('CDP', source, moved.cells, moved.entries);
    await moved.context.close();
    expectNoSilence(compared);
  });

  test('a login in five places moves from Playwright to Puppeteer to CDP to Playwright, and nothing else is lost on the way', async () => {
    const one = await move(source, byPlaywright, looking, byPuppeteer, false);
    const two = await move(one, byPuppeteer, looking, byCdp, false);
    await one.context.close();
    const three = await move(two, byCdp, looking, byPlaywright);
    await two.context.close();
    await three.context.close();
    const entries = [...one.entries, ...two.entries, ...three.entries];
    const compared = judge('Playwright to Puppeteer to CDP to Playwright', source, three.cells, entries);
    expect(compared.filter(({ cell }) => cell.group === 'login').map(({ cell, verdict }) => [cell.name, cell.seen, verdict])).toEqual(
      ['cookie', 'localStorage', 'sessionStorage', 'indexedDB', 'cache'].map((place) => [place, 'known', 'carried']),
    );
    expectNoSilence(compared);
  });

  test.runIf(isWhole)('through Playwright, connected', async () => {
    const moved = await move(source, byPlaywright, looking, byPlaywright);
    await moved.context.close();
    expectNoSilence(judge('Playwright, connected', source, moved.cells, moved.entries));
  });

  test.runIf(isWhole)('through Puppeteer', async () => {
    const moved = await move(source, byPuppeteer, looking, byPuppeteer);
    await moved.context.close();
    expectNoSilence(judge('Puppeteer', source, moved.cells, moved.entries));
  });

  test.runIf(isWhole)('in the Chromium that Playwright starts, where frames of another site have no storage', async () => {
    const browser = await chromium.launch({ executablePath: path!, args: [...CHROMIUM_FLAGS, flag] });
    try {
      const own = await seedContext(browser, await browser.newBrowserCDPSession());
      const moved = await move(own, byPlaywright, browser, byPlaywright);
      const compared = judge('Playwright, its own Chromium', own, moved.cells, moved.entries);
      const across = await move(source, byCdp, browser, byPlaywright);
      const comparedAcross = judge('CDP to Playwright’s own Chromium', source, across.cells, across.entries);
      expectNoSilence(compared);
      expectNoSilence(comparedAcross);
    } finally {
      await browser.close();
    }
  });

  test.runIf(isWhole)('by the pages themselves, each for its own origin', async () => {
    const adapter = await bundleAdapter();
    const blank = (origin: string): string => `${origin}/by-itself`;
    const entries: ReportEntry[] = [];
    const { one, two, tls } = tabAddresses(site);
    const open = [one, two, tls].map((url) => source.context.pages().find((page) => page.url() === url)!);
    const texts: string[] = [];
    const passing = [site.sub, site.beta, site.gamma];
    for (const at of [...open, ...passing]) {
      const page = typeof at === 'string' ? await source.context.newPage() : at;
      if (typeof at === 'string') await page.goto(blank(at));
      const { text, report } = await (await loadAdapter(page, adapter)).evaluate(() => ours.capture());
      texts.push(text);
      entries.push(...report.entries);
      if (typeof at === 'string') await page.close();
    }
    const context = await looking.newContext();
    const restored: Page[] = [];
    for (const [index, origin] of [site.alpha, site.alpha, site.tls, ...passing].entries()) {
      const page = await context.newPage();
      await page.goto(blank(origin));
      site.resetRequests();
      const { report } = await (await loadAdapter(page, adapter)).evaluate((text) => ours.restore(text), texts[index]!);
      // The browser asks for an icon of the page when it likes.
      expect(site.requests.filter((path) => !path.endsWith('/favicon.ico'))).toEqual([]);
      entries.push(...report.entries);
      restored.push(page);
    }
    for (const page of restored.splice(3)) await page.close();
    const [tabOne, tabTwo, tabTls] = restored.map(visitedPage) as [VisitedTab, VisitedTab, VisitedTab];
    const tabs = { one: tabOne, two: tabTwo, tls: tabTls };
    const { cells } = await lookAtSite(site, playwrightVisitor(context), tabs);
    const away = await lookAway(site, tabs, false);
    await context.close();
    // How the browser holds cookies no page is shown.
    const seen = source.cells.filter(({ group }) => group !== 'cookies, as the browser holds them');
    expectNoSilence(judge('the page itself', { ...source, cells: seen }, [...cells, ...away], entries));
  });

  // Last: what stops a peer is taken out of the source.
  test.runIf(isWhole)('what the peers carry of it', async () => {
    const peer = async (name: string, context: BrowserContext): Promise<void> => {
      const visitor = playwrightVisitor(context);
      const blank = await visitor.newTab();
      const id = await contextId(context);
      const held = await lookAtCookieStore(session, id);
      const { tabs, cells } = await lookAtSite(site, visitor, null);
      const away = await lookAway(site, tabs, false);
      await blank.close();
      judge(name, source, [...cells, ...away, ...held], null);
    };
    const fresh = await looking.newContext();
    const blank = await fresh.newPage();
    const target = await puppeteerContext(await contextId(fresh));
    await target.setCookie(...(await (await puppeteerContext(source.id)).cookies()));
    await blank.close();
    await peer('peer: Puppeteer `cookies`', fresh);
    await fresh.close();
    await removePoison(source.context);
    const state = await source.context.storageState({ indexedDB: true, opfs: true, credentials: true });
    const restored = await looking.newContext({ storageState: state });
    await peer('peer: Playwright `storageState`', restored);
    await restored.close();
  });

  /** Through a connection of its own: one does not hear of contexts that others make later. */
  async function puppeteerContext(id: string): Promise<PuppeteerContext> {
    const own = await connect({ browserURL: running.cdpUrl, defaultViewport: null });
    connected.push(own);
    return own.browserContexts().find((context) => context.id === id)!;
  }

  test('docs/fidelity.md says what was measured', async () => {
    await expect(renderPage(readFidelityPage(), columns)).toMatchFileSnapshot('../../docs/fidelity.md');
  });
});

/** What the module script leaves for us: see `page-site.ts`. */
declare const ours: {
  capture(): Promise<{ text: string; report: Report }>;
  restore(text: string): Promise<{ report: Report }>;
};

/** Puts the in-page adapter into a page, as a module script of its own. */
async function loadAdapter(page: Page, adapter: string): Promise<Page> {
  await page.addScriptTag({ type: 'module', content: adapter });
  await page.waitForFunction(() => 'ours' in globalThis);
  return page;
}

/** What makes `storageState` throw, or gives what no JSON can hold: a database without a name, and values that are deep or hold themselves. */
async function removePoison(context: BrowserContext): Promise<void> {
  const page = context.pages().find((one) => one.url().includes('/tab-one'))!;
  await page.evaluate(async () => {
    indexedDB.deleteDatabase('');
    const request = indexedDB.open('kinds');
    const database = await new Promise<IDBDatabase>((resolve) => {
      request.onsuccess = () => resolve(request.result);
    });
    const transaction = database.transaction('kinds', 'readwrite');
    const poison = ['objects 200 deep', 'a cycle', 'an Error that causes itself'];
    for (const name of poison) transaction.objectStore('kinds').delete(name);
    await new Promise((resolve) => {
      transaction.oncomplete = resolve;
    });
    database.close();
  });
}
