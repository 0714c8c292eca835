/**
 * A real Chromium for tests: the one of the demo, plus the rule for machines without it. A group that needs a browser is skipped by name
 * and loudly, never silently; where a browser is required (`CI`, or `PSP_TEST_REQUIRE` naming chromium), its absence is a failure.
 *
 *     const chromium = requireChromium('restoring over CDP');
 *     describe.skipIf(chromium === null)('restoring over CDP', () => ...
 */
import { findChromium } from '../../demo/chromium.ts';

export { CHROMIUM_FLAGS, findChromium, launchChromium, type RunningChromium } from '../../demo/chromium.ts';

/** Path of Chromium, or null after saying that `group` is skipped. Throws where tests must not be skipped. */
export function requireChromium(group: string): string | null {
  const path = findChromium();
  if (path !== null) return path;
  const reason = 'no Chromium on this machine (run `npm run set-up`, or set PSP_CHROMIUM)';
  const required = (process.env['PSP_TEST_REQUIRE'] ?? '').split(/[\s,]+/);
  // `CI=false` and an empty CI are how people say that this is not one.
  const isCI = !['', '0', 'false'].includes(process.env['CI'] ?? '');
  if (isCI || required.includes('chromium')) throw new Error(`${group}: ${reason}`);
  console.warn(`SKIPPED: ${group}: ${reason}`);
  return null;
}
