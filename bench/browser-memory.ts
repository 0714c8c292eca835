/**
 * How long one capture to a file, or one restore from it, takes, and how much the peak of this process's memory grows meanwhile. Run by the bench
 * `browser` in a process of its own, on a browser that runs already:
 *
 *     node dist/bench/browser-memory.js <ours | playwright> <capture | restore> <address of the browser> <origin> <file>
 *
 * A capture of nothing goes before, so that what a program takes to be there at all is not counted.
 */
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { cdp } from '../ts/adapters/cdp.ts';
import { captureToFile, restoreFromFile } from '../ts/file.ts';

/** What the bench reads from the last line. */
export interface MemoryFigures {
  readonly ms: number;
  readonly growthBytes: number;
  readonly records: number | null;
}

const [tool = '', way = '', url = '', origin = '', file = ''] = process.argv.slice(2);

/** Prepares, and returns the work; its result is the number of records, where the tool says it. */
async function prepare(): Promise<() => Promise<number | null>> {
  if (tool === 'ours') {
    const driver = cdp(url);
    await driver.capture({ cookieOrigins: false });
    if (way === 'capture') return async () => (await captureToFile(driver, file, { origins: [origin] })).report.counts.records;
    return async () => (await restoreFromFile(driver, file)).report.counts.records;
  }
  const browser = await chromium.connectOverCDP(url);
  const context = browser.contexts()[0]!;
  await context.storageState();
  if (way === 'restore') return () => context.setStorageState(file).then(() => null);
  // It captures the origins that it saw.
  const page = await context.newPage();
  await page.goto(`${origin}/`);
  return () => context.storageState({ indexedDB: true, path: file }).then(() => null);
}

const work = await prepare();
const peakBefore = peakBytes();
const startMs = performance.now();
const records = await work();
const figures: MemoryFigures = { ms: performance.now() - startMs, growthBytes: peakBytes() - peakBefore, records };
process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit());

/** Not `resourceUsage().maxRSS`: a child begins with the peak of its parent. Linux only. */
function peakBytes(): number {
  return Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}
