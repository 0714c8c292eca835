/**
 * A bench in a page: bundles one subject, serves it from a loopback address to a Chromium of this machine, and brings back what it measured.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { CHROMIUM_FLAGS, findChromium } from '../demo/chromium.ts';
import type { BenchPlan } from './harness.ts';
import type { PageResult } from './page.ts';

/** What a page gave back, and the version of its Chromium. */
export interface ChromiumResult extends PageResult {
  readonly version: string;
}

const HTML = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/bench.js"></script>';

/** With both a page is isolated from other origins, and so gets the fine clock. */
const ISOLATION = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/**
 * Runs the subject of a file (`SubjectModule`) in a fresh page. Throws when there is no Chromium, when the file cannot be bundled for a page
 * because something in it needs Node, or what the page throws, contestants that disagree for instance.
 */
export async function runInChromium(file: string, plan: BenchPlan): Promise<ChromiumResult> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error('no Chromium on this machine: run `npm run set-up`, or set PSP_CHROMIUM to its path');
  const server = await serve(await bundleForPage(file));
  const browser = await chromium.launch({ executablePath, args: [...CHROMIUM_FLAGS] });
  try {
    const page = await browser.newPage();
    const failures: string[] = [];
    page.on('pageerror', ({ message }) => failures.push(message));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    if (failures.length > 0) throw new Error(`bench: the page failed to load: ${failures.join('; ')}`);
    const result = await page.evaluate((plan) => {
      return (globalThis as unknown as { runBench(plan: BenchPlan): Promise<PageResult> }).runBench(plan);
    }, plan);
    return { ...result, version: browser.version() };
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
  }
}

/** One script with the subject and the harness, which sets `runBench`. Built or not: both files have the ending of this one. */
export async function bundleForPage(file: string): Promise<string> {
  const page = fileURLToPath(new URL(`./page${extname(import.meta.url)}`, import.meta.url));
  const contents =
    `import * as subject from ${JSON.stringify(file)};\n` +
    `import { runInPage } from ${JSON.stringify(page)};\n` +
    `globalThis.runBench = (plan) => runInPage(subject, plan);`;
  try {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
      ...{ bundle: true, write: false, format: 'esm', platform: 'browser', target: 'es2022', logLevel: 'silent' },
    });
    return outputFiles[0]?.text ?? '';
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new Error(`bench: no page can load the subject; one that needs Node must say so (\`needsNode\`): ${reason}`, { cause });
  }
}

async function serve(script: string): Promise<Server> {
  const server = createServer(({ url }, response) => {
    const [type, body] = url === '/bench.js' ? ['text/javascript', script] : ['text/html', HTML];
    response.writeHead(200, { ...ISOLATION, 'Content-Type': `${type}; charset=utf-8` }).end(body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}
