/** The shapes that the Selenium driver takes, against the real package. Compiled, never run. */
import type { Builder, ThenableWebDriver, WebDriver, WebElement } from 'selenium-webdriver';
import type { Driver as ChromeDriver } from 'selenium-webdriver/chrome.js';
import type { Driver as FirefoxDriver } from 'selenium-webdriver/firefox.js';
import { expectTypeOf } from 'vitest';
import { type SeleniumDriver, type SeleniumWay, selenium } from '../../ts/adapters/selenium.ts';
import type { Session } from '../../ts/session/session.ts';

/** Drivers are accepted as they are, of any browser, also before their session is there. */
export async function drivers(
  driver: WebDriver,
  chrome: ChromeDriver,
  firefox: FirefoxDriver,
  builder: Builder,
  session: Session,
): Promise<void> {
  expectTypeOf(selenium(driver)).toEqualTypeOf<SeleniumDriver>();
  expectTypeOf(selenium(chrome, { way: 'devtools-cookies' })).toEqualTypeOf<SeleniumDriver>();
  expectTypeOf(selenium(firefox, { way: 'bidi', connectTimeoutMs: 1_000 })).toEqualTypeOf<SeleniumDriver>();
  const built = builder.forBrowser('chrome').build();
  expectTypeOf(built).toExtend<ThenableWebDriver>();
  const ours = selenium(built);
  expectTypeOf(await ours.way()).toEqualTypeOf<SeleniumWay>();
  const { target } = await ours.restore(session);
  for (const handle of target.handles) await driver.switchTo().window(handle);
}

/** What is no driver is refused, however close. */
export function refused(driver: WebDriver, element: WebElement): void {
  // @ts-expect-error an element is no driver
  selenium(element);
  // @ts-expect-error nor are its options
  selenium(driver.manage());
  // @ts-expect-error a way that does not exist
  selenium(driver, { way: 'cdp' });
  // @ts-expect-error an option that does not exist
  void selenium(driver).capture({ cookies: true });
}
