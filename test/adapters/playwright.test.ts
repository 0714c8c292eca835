import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { playwright } from '../../ts/adapters/playwright.ts';
import { driverContract, type TestBrowser } from '../contract/driver.ts';
import { kindsContract } from '../contract/driver-kinds.ts';
import { passkeysContract } from '../contract/driver-passkeys.ts';
import { permissionsContract } from '../contract/driver-permissions.ts';
import { workersContract } from '../contract/driver-workers.ts';
import { CHROMIUM_FLAGS, PLAYWRIGHT_FLAGS, requireChromium } from '../servers/chromium.ts';
import { lookAtPage, type PageSite, seedPage, startPageSite } from './page-site.ts';

const GROUP = 'capture and restore through Playwright';
const path = requireChromium(GROUP);

describe.skipIf(path === null)(GROUP, () => {
  let running: Browser | null = null;
  afterAll(() => running?.close());

  /** A context of its own is as fresh as a browser, and there in no time. */
  const makeBrowser = async (): Promise<TestBrowser> => {
    if (running?.isConnected() !== true) running = await chromium.launch({ executablePath: path!, args: [...PLAYWRIGHT_FLAGS] });
    const browser = running;
    const context = await browser.newContext();
    return {
      context,
      driver: playwright(context),
      kill: () => browser.close(),
      async close() {
        if (browser.isConnected()) await context.close();
      },
    };
  };
  driverContract('playwright', makeBrowser);
  // Playwright launches its browsers without partitioned storage: a frame of another site has none.
  kindsContract('playwright', makeBrowser, false);
  workersContract('playwright', makeBrowser);
  permissionsContract('playwright', makeBrowser);
  passkeysContract('playwright', makeBrowser);

  describe('a persistent context', () => {
    let site: PageSite;
    const profiles: string[] = [];
    const contexts: BrowserContext[] = [];
    beforeAll(async () => {
      site = await startPageSite();
    });
    afterAll(async () => {
      for (const context of contexts) await context.close();
      for (const profile of profiles) rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
      await site.close();
    });

    async function launch(): Promise<BrowserContext> {
      const profile = mkdtempSync(join(tmpdir(), 'psp-profile-'));
      profiles.push(profile);
      const context = await chromium.launchPersistentContext(profile, { executablePath: path!, args: [...CHROMIUM_FLAGS] });
      contexts.push(context);
      return context;
    }

    test('every kind goes from one to another, without a request to the site', async () => {
      const first = await launch();
      await first.grantPermissions(['geolocation'], { origin: site.origin });
      const [page] = first.pages() as [Page];
      await page.goto(`${site.origin}/deep/page?seed`);
      await page.goto(`${site.origin}/deep/page`);
      await page.evaluate(seedPage);
      await page.evaluate(seedRest);
      const before = [await page.evaluate(lookAtPage), await page.evaluate(lookAtRest)];
      const { session, report } = await playwright(first).capture();
      expect(report.entries.map(({ outcome, kind }) => `${outcome} ${kind}`)).toEqual(['uncarried history', 'notice serviceWorker']);
      expect(report.counts).toMatchObject({ cookies: 6, databases: 1, cacheEntries: 2, files: 2, serviceWorkers: 1, tabs: 1 });

      const second = await launch();
      site.requests.length = 0;
      const { target, report: restored } = await playwright(second).restore(session);
      expect(site.requests).toEqual([]);
      expect(restored.entries.map(({ outcome, kind }) => `${outcome} ${kind}`)).toEqual(['notice fileSystem']);
      expect(restored.counts).toEqual(report.counts);
      const [there] = target.pages as [Page];
      await there.reload();
      expect([await there.evaluate(lookAtPage), await there.evaluate(lookAtRest)]).toEqual(before);
    });
  });
});

interface Buckets {
  keys(): Promise<string[]>;
  open(name: string): Promise<{ readonly caches: CacheStorage }>;
}

/** Runs in the page: what {@link seedPage} leaves out. */
async function seedRest(): Promise<void> {
  await navigator.serviceWorker.register('/worker.js');
  await navigator.serviceWorker.ready;
  const { storageBuckets } = navigator as unknown as { storageBuckets: Buckets };
  await (await (await storageBuckets.open('inbox')).caches.open('mail')).put('/first', new Response('in a bucket'));
}

/** Runs in the page. */
async function lookAtRest() {
  const { storageBuckets } = navigator as unknown as { storageBuckets: Buckets };
  return {
    workers: (await navigator.serviceWorker.getRegistrations()).map(({ scope, active }) => `${scope} ${active?.state}`),
    bucket: await (await (await storageBuckets.open('inbox')).caches.match('/first'))?.text(),
    geolocation: (await navigator.permissions.query({ name: 'geolocation' })).state,
  };
}
