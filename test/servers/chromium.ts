/**
 * A real Chromium for tests: the one of the demo, plus the rule for machines without it. A group that needs a browser is skipped by name
 * and loudly, never silently; where a browser is required (`CI`, or `PSP_TEST_REQUIRE` naming chromium), its absence is a failure.
 *
 *     const chromium = requireChromium('restoring over CDP');
 *     describe.skipIf(chromium === null)('restoring over CDP', () => ...
 */
import { findChromium } from '../../demo/chromium.ts';
import { requireTool } from './tool.ts';

export { CHROMIUM_FLAGS, findChromium, launchChromium, type RunningChromium } from '../../demo/chromium.ts';

/** Path of Chromium, or null after saying that `group` is skipped. Throws where tests must not be skipped. */
export function requireChromium(group: string): string | null {
  const path = findChromium();
  return requireTool('chromium', path !== null, group) ? path : null;
}
