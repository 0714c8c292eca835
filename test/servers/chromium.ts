/**
 * A real Chromium for tests: the one of the demo, plus the rule for machines without it. A group that needs a browser is skipped by name
 * and loudly, never silently; where a browser is required (`CI`, or `PSP_TEST_REQUIRE` naming chromium), its absence is a failure.
 *
 *     const chromium = requireChromium('restoring over CDP');
 *     describe.skipIf(chromium === null)('restoring over CDP', () => ...
 */
import { ADDRESS_BAR_PAGES, CHROMIUM_FLAGS, findChromium } from '../../demo/chromium.ts';
import { requireTool } from './tool.ts';

export { CHROMIUM_FLAGS, findChromium, launchChromium, type RunningChromium } from '../../demo/chromium.ts';

/**
 * For a browser that Playwright starts and many contexts are opened in: as {@link launchChromium} does, without the pages of the address bar. Chromium heeds the
 * last list of features alone, so what Playwright's own says of storage is said here again.
 */
export const PLAYWRIGHT_FLAGS: readonly string[] = [
  ...CHROMIUM_FLAGS,
  `--disable-features=ThirdPartyStoragePartitioning,${ADDRESS_BAR_PAGES}`,
];

/** Path of Chromium, or null after saying that `group` is skipped. Throws where tests must not be skipped. */
export function requireChromium(group: string): string | null {
  const path = findChromium();
  return requireTool('chromium', path !== null, group) ? path : null;
}
