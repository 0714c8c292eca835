/**
 * The second half of the demo, run as a process of its own in a browser that never logged in: gets the sealed session from the store, opens,
 * decodes and restores it, and asks the site who is there. Prints one line of JSON; the key comes in the environment, the rest as arguments.
 *
 *     node visit.js STORE-FOLDER SESSION-ID SITE-ORIGIN SCREENSHOT.png
 */
import { decodeSession, open, parseKey, type Report } from 'persistent-sessions';
import { playwright } from 'persistent-sessions/adapters/playwright';
import { filesystem } from 'persistent-sessions/providers/filesystem';
import { chromium } from 'playwright-core';
import { CHROMIUM_FLAGS, findChromium } from './chromium.ts';
import { type Stage, Stopwatch } from './stopwatch.ts';

/** What the visiting process tells the demo. */
export interface Visit {
  readonly pid: number;
  readonly stages: readonly Stage[];
  readonly report: Report;
  /** What the site's own page says. */
  readonly status: string;
  /** How many of the four places the site recognized. */
  readonly places: number;
}

const [folder, id, origin, screenshot] = process.argv.slice(2);
if (folder === undefined || id === undefined || origin === undefined || screenshot === undefined) {
  throw new TypeError('usage: visit.js STORE-FOLDER SESSION-ID SITE-ORIGIN SCREENSHOT.png');
}
process.stdout.write(`${JSON.stringify(await visit(folder, id, origin, screenshot))}\n`);

async function visit(root: string, sessionId: string, siteOrigin: string, screenshotPath: string): Promise<Visit> {
  const watch = new Stopwatch();
  const key = parseKey(process.env['PSP_KEY'] ?? '');
  const record = await watch.time('get', () => filesystem({ root }).get(sessionId));
  if (record === null) throw new Error('the store has no such session');
  const blob = await watch.time('open', () => open(record.value, key, { sessionId }));
  const session = await watch.time('decode', () => decodeSession(blob));

  const executablePath = findChromium();
  if (executablePath === null) throw new Error('no Chromium on this machine');
  const browser = await chromium.launch({ executablePath, args: [...CHROMIUM_FLAGS] });
  try {
    const context = await browser.newContext();
    const { target, report } = await watch.time('restore', () => playwright(context).restore(session));
    const page = target.pages[0] ?? (await context.newPage());
    const status = page.locator('#status[data-places]');
    await watch.time('visit', async () => {
      await page.goto(`${siteOrigin}/whoami`);
      await status.waitFor();
    });
    await page.screenshot({ path: screenshotPath });
    return {
      pid: process.pid,
      stages: watch.stages,
      report,
      status: (await status.textContent()) ?? '',
      places: Number(await status.getAttribute('data-places')),
    };
  } finally {
    await browser.close();
  }
}
