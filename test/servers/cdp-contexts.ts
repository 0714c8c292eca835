/**
 * One Chromium for a whole test file, and in it fresh browser contexts, each with the driver under test: raw CDP, and those of the client libraries
 * where they are asked for. The contexts are also held through Playwright, to seed them and to look on by.
 */
import { type Browser, type BrowserContext, chromium } from 'playwright-core';
import { connect, type Browser as Puppeteered } from 'puppeteer-core';
import { type CdpTarget, cdp } from '../../ts/adapters/cdp.ts';
import type { Driver } from '../../ts/adapters/driver.ts';
import { playwright } from '../../ts/adapters/playwright.ts';
import { puppeteer } from '../../ts/adapters/puppeteer.ts';
import { launchChromium, type RunningChromium } from './chromium.ts';

/** A context of its own, and the driver on it. */
export interface CdpContext {
  readonly context: BrowserContext;
  readonly driver: Driver<CdpTarget>;
  /** The driver of a client library on it. */
  driverBy(name: 'playwright' | 'puppeteer'): Promise<Driver<unknown>>;
}

export interface CdpContexts {
  /** A fresh one. It has one page, at about:blank. */
  open(): Promise<CdpContext>;
  /** Closes those that are open; the browser stays. */
  clear(): Promise<void>;
  /** Ends the browser at once, as a crash would. `close()` is still owed. */
  kill(): void;
  /** Ends the browser. */
  close(): Promise<void>;
}

/** Starts the browser. */
export async function startCdpContexts(): Promise<CdpContexts> {
  const running: RunningChromium = await launchChromium();
  const browser: Browser = await chromium.connectOverCDP(running.cdpUrl);
  const open: BrowserContext[] = [];
  const connections: Puppeteered[] = [];
  return {
    async open() {
      const context = await browser.newContext();
      open.push(context);
      const session = await context.newCDPSession(await context.newPage());
      const { browserContextId } = (await session.send('Target.getTargetInfo')).targetInfo;
      await session.detach();
      if (browserContextId === undefined) throw new Error('the browser names no context');
      const puppeteered = async (): Promise<Driver<unknown>> => {
        const own = await connect({ browserURL: running.cdpUrl, defaultViewport: null });
        connections.push(own);
        return puppeteer(own.browserContexts().find(({ id }) => id === browserContextId)!);
      };
      return {
        context,
        driver: cdp(running.cdpUrl, { browserContextId }),
        driverBy: async (name) => (name === 'playwright' ? playwright(context) : puppeteered()),
      };
    },
    async clear() {
      for (const own of connections.splice(0)) await own.disconnect();
      for (const context of open.splice(0)) await context.close();
    },
    kill() {
      process.kill(running.pid, 'SIGKILL');
    },
    async close() {
      await browser.close();
      await running.close();
    },
  };
}
