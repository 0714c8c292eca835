/** What the driver needs of selenium-webdriver's objects, which are never imported. */
import type { CookieSpec, WebDriverCookie } from './selenium-cookies.ts';

/** A selenium-webdriver `WebDriver`. */
export interface WebDriverLike {
  getCapabilities(): Promise<{ get(name: string): unknown }>;
  getWindowHandle(): Promise<string>;
  getAllWindowHandles(): Promise<string[]>;
  getCurrentUrl(): Promise<string>;
  get(url: string): Promise<void>;
  close(): Promise<void>;
  executeScript(script: string, ...args: string[]): Promise<unknown>;
  switchTo(): { window(handle: string): Promise<void>; newWindow(type: string): Promise<void> };
  manage(): { getCookies(): Promise<WebDriverCookie[]>; addCookie(cookie: CookieSpec): Promise<void> };
  /** Of a driver of Chromium. */
  sendAndGetDevToolsCommand?(command: string, params: object): Promise<unknown>;
}
