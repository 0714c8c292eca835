import { type Browser, chromium } from 'playwright-core';
import { connect } from 'puppeteer-core';
import { afterAll, describe } from 'vitest';
import { puppeteer } from '../../ts/adapters/puppeteer.ts';
import { driverContract, type TestBrowser } from '../contract/driver.ts';
import { kindsContract } from '../contract/driver-kinds.ts';
import { passkeysContract } from '../contract/driver-passkeys.ts';
import { permissionsContract } from '../contract/driver-permissions.ts';
import { workersContract } from '../contract/driver-workers.ts';
import { launchChromium, type RunningChromium, requireChromium } from '../servers/chromium.ts';

const GROUP = 'capture and restore through Puppeteer';

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  let running: { readonly browser: RunningChromium; readonly looking: Browser } | null = null;
  afterAll(() => running?.browser.close());

  /** The contract drives by Playwright, and looks on; the driver under test has a connection of Puppeteer's own, to the same context. */
  const makeBrowser = async (): Promise<TestBrowser> => {
    if (running === null) {
      const browser = await launchChromium();
      running = { browser, looking: await chromium.connectOverCDP(browser.cdpUrl) };
    }
    const { browser, looking } = running;
    const before = await connect({ browserURL: browser.cdpUrl, defaultViewport: null });
    const known = new Set(before.browserContexts().map(({ id }) => id));
    await before.disconnect();
    const context = await looking.newContext();
    const own = await connect({ browserURL: browser.cdpUrl, defaultViewport: null });
    const ownContext = own.browserContexts().find(({ id }) => !known.has(id))!;
    let isKilled = false;
    return {
      context,
      driver: puppeteer(ownContext),
      async kill() {
        isKilled = true;
        process.kill(browser.pid, 'SIGKILL');
      },
      async close() {
        await own.disconnect();
        if (!isKilled) return context.close();
        await browser.close();
        running = null;
      },
    };
  };
  driverContract('puppeteer', makeBrowser);
  kindsContract('puppeteer', makeBrowser);
  workersContract('puppeteer', makeBrowser);
  permissionsContract('puppeteer', makeBrowser);
  passkeysContract('puppeteer', makeBrowser);
});
