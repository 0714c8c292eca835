import { chromium } from 'playwright-core';
import { describe } from 'vitest';
import { playwright } from '../../ts/adapters/playwright.ts';
import { driverContract, type TestBrowser } from '../contract/driver.ts';
import { kindsContract } from '../contract/driver-kinds.ts';
import { CHROMIUM_FLAGS, requireChromium } from '../servers/chromium.ts';

const GROUP = 'capture and restore through Playwright';
const path = requireChromium(GROUP);

describe.skipIf(path === null)(GROUP, () => {
  const makeBrowser = async (): Promise<TestBrowser> => {
    const browser = await chromium.launch({ executablePath: path!, args: [...CHROMIUM_FLAGS] });
    const context = await browser.newContext();
    const close = (): Promise<void> => browser.close();
    return { context, driver: playwright(context), kill: close, close };
  };
  driverContract('playwright', makeBrowser);
  // Playwright launches its browsers without partitioned storage: a frame of another site has none.
  kindsContract('playwright', makeBrowser, false);
});
