import { chromium } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { cdp } from '../../ts/adapters/cdp.ts';
import { driverContract, type TestBrowser } from '../contract/driver.ts';
import { kindsContract } from '../contract/driver-kinds.ts';
import { launchChromium, requireChromium } from '../servers/chromium.ts';

const GROUP = 'capture and restore over CDP';

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  const makeBrowser = async (): Promise<TestBrowser> => {
    const browser = await launchChromium();
    const connected = await chromium.connectOverCDP(browser.cdpUrl);
    return {
      context: connected.contexts()[0]!,
      driver: cdp(browser.cdpUrl),
      kill: async () => process.kill(browser.pid, 'SIGKILL') as unknown as undefined,
      async close() {
        await connected.close();
        await browser.close();
      },
    };
  };
  driverContract('cdp', makeBrowser);
  kindsContract('cdp', makeBrowser);
});

describe('connecting over CDP', () => {
  test('an address that is none is the caller\u2019s mistake, and is not repeated', () => {
    const call = (): unknown => cdp('secret address');
    expect(call).toThrow(TypeError);
    expect(call).toThrow(/^url: expected an address such as/);
  });

  test('an address where no browser answers is ADAPTER_CONNECT', async () => {
    await expect(cdp('http://127.0.0.1:9').capture()).rejects.toMatchObject({ code: 'ADAPTER_CONNECT' });
  });
});
