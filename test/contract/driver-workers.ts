/** Service workers through every Chromium driver: what a page and the site's server see of them before a capture and after a restore. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isComplete } from '../../ts/adapters/report.ts';
import type { Session } from '../../ts/session/session.ts';
import type { TestBrowser } from './driver.ts';

export function workersContract(name: string, makeBrowser: () => Promise<TestBrowser>): void {
  describe(`${name} driver, service workers`, () => {
    let site: WorkerSite;
    const browsers: TestBrowser[] = [];
    const freshBrowser = async (): Promise<TestBrowser> => {
      const browser = await makeBrowser();
      browsers.push(browser);
      return browser;
    };

    beforeAll(async () => {
      site = await startWorkerSite();
    });
    afterEach(async () => {
      for (const browser of browsers.splice(0)) await browser.close();
    });
    afterAll(() => site.close());

    test('workers that sleep move with all of their scripts, and the site is not asked once', async () => {
      const first = await freshBrowser();
      const page = await first.context.newPage();
      await page.goto(site.origin);
      expect(await page.evaluate(register, REGISTRATIONS)).toEqual(['activated', 'activated', 'activated', 'activated', 'TypeError']);
      const before = (await page.evaluate(lookAtWorkers)).filter(({ state }) => state === 'activated');
      await putToSleep(first.context, page);
      site.requests.length = 0;

      const { session, report } = await first.driver.capture({ origins: [site.origin] });
      // Playwright, which looks on, lets a worker go before a capture can keep its socket from the network: see test/adapters/workers.test.ts.
      expect(site.requests.filter((path) => path !== '/socket')).toEqual([]);
      expect(report.entries.filter(({ outcome }) => outcome !== 'notice')).toEqual([]);
      expect(report.counts.serviceWorkers).toBe(4);
      expect(session.coverage.storage).toMatchObject([{ serviceWorkers: 'complete' }]);
      expect(session.storage[0]!.serviceWorkers!.map(({ scope, type, updateViaCache }) => [scope, type, updateViaCache])).toEqual([
        [`${site.origin}/classic/`, 'classic', 'imports'],
        [`${site.origin}/module/`, 'module', 'imports'],
        [`${site.origin}/never/inner/`, 'classic', 'none'],
        [`${site.origin}/wide/`, 'classic', 'all'],
      ]);

      site.requests.length = 0;
      const second = await freshBrowser();
      const restored = await second.driver.restore(session);
      expect(site.requests).toEqual([]);
      expect(restored.report.entries).toEqual([]);
      expect(restored.report.counts.serviceWorkers).toBe(4);
      // Its code did not run its handler of `install` again: the cache that this fills is as it was captured.
      const there = await second.context.newPage();
      await there.goto(`${site.origin}/classic/page`);
      expect(await there.evaluate(lookAtWorkers)).toEqual(before);
      expect(await there.evaluate(askWorker)).toBe('ünï one two filled by install');
      // Chromium may ask the site for the page itself while the worker starts.
      expect(site.requests.filter((path) => path !== '/classic/page')).toEqual([]);
    });

    test('a worker that runs is read as it is, and one that is being installed for ever holds nothing up', async () => {
      const first = await freshBrowser();
      const page = await first.context.newPage();
      await page.goto(site.origin);
      await page.evaluate(register, REGISTRATIONS.slice(0, 2));
      await page.evaluate(() => navigator.serviceWorker.register('/forever/worker.js').then(() => undefined));
      site.requests.length = 0;
      const { session, report } = await first.driver.capture({ timeoutMs: 5_000 });
      expect(site.requests).toEqual([]);
      expect(
        report.entries.flatMap(({ outcome, kind, place }) => (outcome === 'notice' || kind === 'history' ? [] : [[outcome, kind, place]])),
      ).toEqual([['uncarried', 'serviceWorker', `${site.origin} /forever/`]]);
      expect(await scriptsOf(session)).toEqual([
        ['/classic/one.js', '/classic/two.js', '/classic/worker.js'],
        ['/module/dependency.js', '/module/worker.js'],
      ]);
      // The page still has its worker, and both go on.
      await page.goto(`${site.origin}/classic/page`);
      expect(await page.evaluate(askWorker)).toBe('ünï one two filled by install');
    });

    test('a restore replaces the workers that are there; what cannot be had again is lost by name', async () => {
      const first = await freshBrowser();
      const page = await first.context.newPage();
      await page.goto(site.origin);
      await page.evaluate(register, REGISTRATIONS.slice(2, 4));
      const { session } = await first.driver.capture();
      const [storage] = session.storage;
      const [never, wide] = storage!.serviceWorkers!;
      const { script: _, ...withoutScript } = wide!;
      const altered: Session = {
        ...session,
        tabs: [],
        storage: [{ ...storage!, serviceWorkers: [{ ...never!, scriptUrl: `${site.origin}/classic/worker.js` }, withoutScript] }],
      };
      site.requests.length = 0;
      const { report } = await first.driver.restore(altered);
      expect(site.requests).toEqual([]);
      expect(isComplete(report)).toBe(false);
      // The text of a worker is what the session says, not what the address once held; its scope is wider than its folder allows.
      expect(report.entries.map(({ outcome, kind, place }) => [outcome, kind, place])).toEqual([
        ['lost', 'serviceWorker', `${site.origin} /wide/`],
      ]);
      expect((await page.evaluate(lookAtWorkers)).map(({ scope, script }) => [scope, script])).toEqual([
        ['/never/inner/', '/classic/worker.js'],
      ]);
      const none: Session = { ...altered, storage: [{ ...storage!, serviceWorkers: [] }] };
      expect((await first.driver.restore(none)).report.entries).toEqual([]);
      expect(await page.evaluate(lookAtWorkers)).toEqual([]);
    });
  });
}

interface WorkerOptions {
  scope?: string;
  type?: 'classic' | 'module';
  updateViaCache?: 'imports' | 'all' | 'none';
}

const REGISTRATIONS: [string, WorkerOptions][] = [
  ['/classic/worker.js', {}],
  ['/module/worker.js', { type: 'module' }],
  ['/never/worker.js', { scope: '/never/inner/', updateViaCache: 'none' }],
  ['/wide/deep/worker.js', { scope: '/wide/', updateViaCache: 'all' }],
  ['/throws/worker.js', {}],
];

/** Runs in the page: what became of each worker. */
async function register(registrations: [string, WorkerOptions][]): Promise<string[]> {
  const become = async (url: string, options: WorkerOptions): Promise<string> => {
    const { installing, waiting, active } = await navigator.serviceWorker.register(url, options);
    const worker = (installing ?? waiting ?? active)!;
    return new Promise((resolve) => {
      const look = (): void => {
        if (worker.state === 'activated') resolve('activated');
      };
      worker.addEventListener('statechange', look);
      look();
    });
  };
  return Promise.all(registrations.map(([url, options]) => become(url, options).catch((error: Error) => error.name)));
}

/** Runs in the page. */
async function lookAtWorkers() {
  const found = await navigator.serviceWorker.getRegistrations();
  return found
    .map(({ scope, updateViaCache, active, waiting, installing }) => {
      const worker = active ?? waiting ?? installing;
      return { scope: new URL(scope).pathname, updateViaCache, state: worker?.state, script: new URL(worker!.scriptURL).pathname };
    })
    .sort((a, b) => (a.scope < b.scope ? -1 : 1));
}

/** Runs in a page that a worker controls: what that answers in place of the site. */
async function askWorker(): Promise<string> {
  return (await fetch('/classic/answer')).text();
}

async function putToSleep(context: BrowserContext, page: Page): Promise<void> {
  await page.goto('about:blank');
  const session = await context.newCDPSession(page);
  const running = new Set<string>();
  session.on('ServiceWorker.workerVersionUpdated', ({ versions }) => {
    for (const { versionId, runningStatus } of versions) {
      if (runningStatus === 'stopped') running.delete(versionId);
      else running.add(versionId);
    }
  });
  await session.send('ServiceWorker.enable');
  await expect.poll(() => running.size).toBeGreaterThan(0);
  await session.send('ServiceWorker.stopAllWorkers');
  await expect.poll(() => running.size).toBe(0);
  await session.detach();
}

/** Paths of the scripts of each worker. A section with several is a list of pairs. */
async function scriptsOf(session: Session): Promise<string[][]> {
  const workers = session.storage.flatMap(({ serviceWorkers = [] }) => serviceWorkers);
  return Promise.all(
    workers.map(async ({ script, scriptUrl }) => {
      const text = new TextDecoder().decode(await script!.bytes());
      const urls = script!.mediaType.startsWith('text/') ? [scriptUrl] : (JSON.parse(text) as [string, string][]).map(([url]) => url);
      return urls.map((url) => new URL(url).pathname).sort();
    }),
  );
}

const SCRIPTS: Readonly<Record<string, string>> = {
  // What it does at its start, and in its handlers, must not reach the site again.
  '/classic/worker.js': `importScripts('/classic/one.js');
    fetch('/fetched-at-start').catch(() => undefined);
    try { new WebSocket('ws://' + location.host + '/socket'); } catch {}
    addEventListener('install', (event) => event.waitUntil((async () => {
      await fetch('/fetched-by-install');
      await (await caches.open('filled')).put('/kept', new Response('filled by install'));
    })()));
    addEventListener('activate', (event) => event.waitUntil(fetch('/fetched-by-activate')));
    addEventListener('fetch', (event) => event.respondWith((async () => {
      const kept = await (await caches.match('/kept')).text();
      const isPage = event.request.mode === 'navigate';
      return new Response(isPage ? '<!doctype html><link rel="icon" href="data:,">' : [NAME, ONE, TWO, kept].join(' '),
        { headers: { 'content-type': isPage ? 'text/html' : 'text/plain' } });
    })()));
    //# sourceURL=named-by-itself.js`,
  '/classic/one.js': `const NAME = 'ünï'; const ONE = 'one'; importScripts('/classic/two.js');`,
  '/classic/two.js': `const TWO = 'two';`,
  '/module/worker.js': `import { value } from './dependency.js'; self.value = value;`,
  '/module/dependency.js': `export const value = 1;`,
  '/never/worker.js': `addEventListener('message', () => undefined);`,
  '/wide/deep/worker.js': `addEventListener('message', () => undefined);`,
  '/forever/worker.js': `addEventListener('install', (event) => event.waitUntil(new Promise(() => undefined)));`,
  '/throws/worker.js': `throw new Error('not installed');`,
};

interface WorkerSite {
  readonly origin: string;
  /** Paths that were asked for. */
  readonly requests: string[];
  close(): Promise<void>;
}

async function startWorkerSite(): Promise<WorkerSite> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    requests.push(path);
    const script = SCRIPTS[path];
    response.setHeader('content-type', script === undefined ? 'text/html' : 'text/javascript; charset=utf-8');
    if (path.startsWith('/wide/')) response.setHeader('service-worker-allowed', '/wide/');
    response.end(script ?? '<!doctype html><link rel="icon" href="data:,">');
  });
  server.on('upgrade', (request, socket) => {
    requests.push(request.url ?? '');
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
