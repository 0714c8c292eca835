import { chromium } from 'playwright-core';
import { connect } from 'puppeteer-core';
import { describe } from 'vitest';
import { puppeteer } from '../../ts/adapters/puppeteer.ts';
import { driverContract, type TestBrowser } from '../contract/driver.ts';
import { kindsContract } from '../contract/driver-kinds.ts';
import { launchChromium, requireChromium } from '../servers/chromium.ts';

const GROUP = 'capture and restore through Puppeteer';

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  // The contract drives by Playwright, and looks on; the driver under test has a connection of Puppeteer's own.
  const makeBrowser = async (): Promise<TestBrowser> => {
    const browser = await launchChromium();
    const looking = await chromium.connectOverCDP(browser.cdpUrl);
    const own = await connect({ browserURL: browser.cdpUrl, defaultViewport: null });
    return {
      context: looking.contexts()[0]!,
      driver: puppeteer(own.defaultBrowserContext()),
      kill: async () => process.kill(browser.pid, 'SIGKILL') as unknown as undefined,
      async close() {
        await own.disconnect();
        await looking.close();
        await browser.close();
      },
    };
  };
  driverContract('puppeteer', makeBrowser);
  kindsContract('puppeteer', makeBrowser);
});
