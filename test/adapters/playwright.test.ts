import { type Browser, chromium } from 'playwright-core';
import { afterAll, describe } from 'vitest';
import { playwright } from '../../ts/adapters/playwright.ts';
import { driverContract, type TestBrowser } from '../contract/driver.ts';
import { kindsContract } from '../contract/driver-kinds.ts';
import { passkeysContract } from '../contract/driver-passkeys.ts';
import { permissionsContract } from '../contract/driver-permissions.ts';
import { workersContract } from '../contract/driver-workers.ts';
import { CHROMIUM_FLAGS, requireChromium } from '../servers/chromium.ts';

const GROUP = 'capture and restore through Playwright';
const path = requireChromium(GROUP);

describe.skipIf(path === null)(GROUP, () => {
  let running: Browser | null = null;
  afterAll(() => running?.close());

  /** A context of its own is as fresh as a browser, and there in no time. */
  const makeBrowser = async (): Promise<TestBrowser> => {
    if (running?.isConnected() !== true) running = await chromium.launch({ executablePath: path!, args: [...CHROMIUM_FLAGS] });
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
});
