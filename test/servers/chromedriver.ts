/**
 * A real chromedriver for tests, with the Chromium of this machine: selenium-webdriver sessions on one server. Selenium fetches nothing: both programs are
 * named to it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Browser, Builder } from 'selenium-webdriver';
import chrome from 'selenium-webdriver/chrome.js';
import { CHROMIUM_FLAGS, findChromium } from './chromium.ts';
import { requireTool } from './tool.ts';

/** A chromedriver that we started. */
export interface RunningChromedriver {
  /** Starts a Chromium with a fresh profile, and `flags` besides ours; `withBidi` also opens WebDriver BiDi on it. */
  open(withBidi: boolean, flags?: readonly string[]): Promise<chrome.Driver>;
  /** Ends the server and every browser that it started. */
  close(): Promise<void>;
}

/** Path of chromedriver, or null after saying that `group` is skipped. Throws where tests must not be skipped. */
export function requireChromedriver(group: string): string | null {
  const path = findChromedriver();
  return requireTool('chromedriver', path !== null && findChromium() !== null, group) ? path : null;
}

function findChromedriver(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const isExecutable = (path: string): boolean => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  return folders.map((folder) => join(folder, 'chromedriver')).find(isExecutable) ?? null;
}

/** Starts the server on a port that the system chose. */
export async function startChromedriver(path: string): Promise<RunningChromedriver> {
  const server = spawn(path, ['--port=0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const address = await readAddress(server);
  const sessions: chrome.Driver[] = [];
  return {
    async open(withBidi, flags = []) {
      const options = new chrome.Options();
      options.setChromeBinaryPath(findChromium()!);
      options.addArguments(...CHROMIUM_FLAGS, ...flags);
      if (withBidi) options.set('webSocketUrl', true);
      const driver = await new Builder().usingServer(address).forBrowser(Browser.CHROME).setChromeOptions(options).build();
      sessions.push(driver as chrome.Driver);
      return driver as chrome.Driver;
    },
    async close() {
      // One that a test has ended is refused.
      await Promise.allSettled(sessions.map((driver) => driver.quit()));
      const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
      server.kill();
      await ended;
    },
  };
}

function readAddress(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`chromedriver ended with ${code}\n${said}`)));
    server.stdout!.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const port = /started successfully on port (\d+)/.exec(said)?.[1];
      if (port !== undefined) resolve(`http://127.0.0.1:${port}`);
    });
  });
}
