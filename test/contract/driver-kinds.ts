/** The kinds of state beyond cookies, web storage and IndexedDB, through every driver, in real browsers on the demo site: what a page sees before and after. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Frame, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import { restoredTab } from '../servers/login.ts';
import type { TestBrowser } from './driver.ts';
import { type Exceptions, testUnless } from './exceptions.ts';

/** `partitions`: false where the browser was started so that a frame of another site has no storage at all. */
export function kindsContract(name: string, makeBrowser: () => Promise<TestBrowser>, partitions = true, exceptions: Exceptions = {}): void {
  describe(`${name} driver, further kinds of state`, () => {
    const test = testUnless(exceptions);
    let site: Site;
    let pictures: Pictures;
    const browsers: TestBrowser[] = [];
    const freshBrowser = async (): Promise<TestBrowser> => {
      const browser = await makeBrowser();
      browsers.push(browser);
      return browser;
    };

    beforeAll(async () => {
      site = await startSite();
      pictures = await startPictures();
    });
    afterEach(async () => {
      for (const browser of browsers.splice(0)) await browser.close();
    });
    afterAll(async () => {
      await site.close();
      await pictures.close();
    });

    test('caches keep each response with its type, address, headers and bytes', async () => {
      const first = await freshBrowser();
      const page = await first.context.newPage();
      await page.goto(`${site.origin}/login`);
      await page.evaluate(seedCaches, pictures.url);
      const before = await page.evaluate(lookAtCaches);
      expect(before.flatMap(({ entries }) => entries.map(({ type }) => type))).toEqual(['basic', 'default', 'default', 'opaque']);
      const { session, report } = await first.driver.capture();
      expect(report.entries.filter(({ kind }) => kind !== 'history')).toEqual([]);
      expect(report.counts).toMatchObject({ cacheEntries: 4 });
      expect(session.coverage.storage[0]).toMatchObject({ caches: 'complete' });
      expect(session.storage[0]!.caches![1]!.entries[0]!.body!.length).toBe(PICTURE.length);

      site.resetCounters();
      pictures.resetCount();
      const second = await freshBrowser();
      const restored = await second.driver.restore(session);
      expect(restored.report).toMatchObject({ entries: [], counts: { cacheEntries: 4 } });
      expect(site.requests.length + pictures.count()).toBe(0);
      const there = await restoredTab(second.context, `${site.origin}/login`);
      expect(await there.evaluate(lookAtCaches)).toEqual(before);
    });

    test('a frame of another site keeps its partitioned storage, apart from its first-party storage', async () => {
      const first = await freshBrowser();
      const page = await first.context.newPage();
      await page.goto(`${site.secondOrigin}/login`);
      await page.evaluate(() => localStorage.setItem('at home', 'own'));
      await page.goto(`${site.origin}/login`);
      const frame = await embed(page, `${site.secondOrigin}/login`);
      if (!partitions) {
        const { report } = await first.driver.capture();
        expect(report.entries.map(({ outcome, kind, place }) => [outcome, kind, place])).toContainEqual([
          'notice',
          'partitionedStorage',
          `${site.secondOrigin} inside ${site.origin}`,
        ]);
        return;
      }
      await frame.evaluate(seedFrame);
      const before = await frame.evaluate(lookAtFrame);
      expect(before).toEqual({ local: ['in a frame'], session: ['of a tab'], databases: ['framed'], cached: 'response in a frame' });
      const { session, report } = await first.driver.capture({ origins: [site.secondOrigin] });
      expect(report.entries.filter(({ kind }) => kind !== 'history')).toEqual([]);
      const key = { origin: site.secondOrigin, topLevelSite: new URL(site.origin).origin.replace(/:\d+$/, '') };
      expect(session.storage.map((storage) => storage.key)).toContainEqual(key);
      expect(session.tabs.flatMap(({ sessionStorage }) => sessionStorage.map((storage) => storage.key))).toContainEqual(key);

      site.resetCounters();
      const second = await freshBrowser();
      const restored = await second.driver.restore(session);
      expect(restored.report.entries).toEqual([]);
      expect(site.requests).toEqual([]);
      const there = await restoredTab(second.context, `${site.origin}/login`);
      await there.reload();
      const again = await embed(there, `${site.secondOrigin}/login`);
      expect(await again.evaluate(lookAtFrame)).toEqual(before);
      await there.goto(`${site.secondOrigin}/login`);
      expect(await there.evaluate(() => Object.keys(localStorage))).toEqual(['at home']);
    });

    test('a tab keeps its history, the entry that it shows with its state, and window.name', async () => {
      const first = await freshBrowser();
      const page = await first.context.newPage();
      await page.goto(`${site.origin}/login`);
      await page.goto(`${site.origin}/home`);
      await page.evaluate(() => {
        history.pushState({ step: new Map([['a', 1n]]) }, '', '/login?step=1');
      });
      await page.goto(`${site.secondOrigin}/login`);
      await page.goBack({ waitUntil: 'commit' });
      await page.evaluate(() => {
        window.name = 'kept ☃';
      });
      const before = await page.evaluate(lookAtTab);
      expect(before).toMatchObject({ path: '/login?step=1', state: ['a', '1'], name: 'kept ☃' });
      const { session, report } = await first.driver.capture();
      const tab = session.tabs.find(({ url }) => url === `${site.origin}/login?step=1`)!;
      expect(tab.history!.entries.map(({ url }) => url)).toEqual([
        'about:blank',
        `${site.origin}/login`,
        `${site.origin}/login`,
        `${site.origin}/login?step=1`,
        `${site.secondOrigin}/login`,
      ]);
      expect(tab.history!.index).toBe(3);
      expect(report.entries.map(({ outcome, kind }) => [outcome, kind])).toEqual([['uncarried', 'history']]);

      site.resetCounters();
      const second = await freshBrowser();
      const restored = await second.driver.restore(session);
      expect(restored.report.entries).toEqual([]);
      expect(site.requests).toEqual([]);
      const there = await restoredTab(second.context, `${site.origin}/login?step=1`);
      await there.reload();
      // The connection that looks on may take the end of the restore's own loading for the end of its reload.
      await expect.poll(() => there.evaluate(lookAtTab)).toEqual(before);
      await there.goBack({ waitUntil: 'commit' });
      expect(there.url()).toBe(`${site.origin}/login`);
      // By the page's own means, and not before the call has its answer: the browser refuses to be asked for its history while it goes from one process to another.
      await expect.poll(() => there.evaluate(() => document.readyState)).toBe('complete');
      await there.evaluate(() => void setTimeout(() => history.go(2)));
      await there.waitForURL(`${site.secondOrigin}/login`, { waitUntil: 'commit' });
    });

    test('the private file system keeps its tree and every byte, and a restore replaces what was there', async () => {
      const first = await freshBrowser();
      const page = await first.context.newPage();
      await page.goto(`${site.origin}/login`);
      await page.evaluate(seedFiles, 5_000_001);
      const before = await page.evaluate(lookAtFiles);
      expect(before).toHaveLength(4);
      const { session, report } = await first.driver.capture();
      expect(report.entries.filter(({ kind }) => kind !== 'history')).toEqual([]);
      expect(report.counts).toMatchObject({ files: 4 });
      expect(session.coverage.storage[0]).toMatchObject({ files: 'complete' });

      const second = await freshBrowser();
      const other = await second.context.newPage();
      await other.goto(`${site.origin}/login`);
      await other.evaluate(async () => {
        const root = await navigator.storage.getDirectory();
        await root.getFileHandle('was there', { create: true });
      });
      const restored = await second.driver.restore(session);
      expect(restored.report.entries.map(({ outcome, kind }) => [outcome, kind])).toEqual([['notice', 'fileSystem']]);
      expect(restored.report.counts).toMatchObject({ files: 4 });
      const there = await restoredTab(second.context, `${site.origin}/login`);
      expect(await there.evaluate(lookAtFiles)).toEqual(before);
    });
  });
}

/** Puts a frame into the page, and waits until it is there. */
async function embed(page: Page, url: string): Promise<Frame> {
  await page.evaluate((src) => {
    const element = document.createElement('iframe');
    element.src = src;
    document.body.append(element);
  }, url);
  await expect.poll(() => page.frames().length).toBe(2);
  const frame = page.frames()[1]!;
  await frame.waitForURL(url);
  return frame;
}

/** Runs in the frame. */
async function seedFrame(): Promise<void> {
  localStorage.setItem('in a frame', 'x');
  sessionStorage.setItem('of a tab', 'y');
  await (await caches.open('framed')).put('/kept', new Response('response in a frame'));
  await new Promise<void>((resolve, reject) => {
    const request = indexedDB.open('framed', 3);
    request.onupgradeneeded = () => request.result.createObjectStore('list', { autoIncrement: true }).add('record');
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
    request.onerror = () => reject(request.error);
  });
}

/** Runs in the frame. */
async function lookAtFrame() {
  return {
    local: Object.keys(localStorage),
    session: Object.keys(sessionStorage),
    databases: (await indexedDB.databases()).map(({ name }) => name),
    cached: (await (await caches.match('/kept'))?.text()) ?? null,
  };
}

/** Runs in the page. Responses that were fetched, made, and fetched from another site without being readable; one of them for one value of a header. */
async function seedCaches(otherUrl: string): Promise<void> {
  const first = await caches.open('first \u2603');
  await first.add('/login?cached');
  await first.put('/made', new Response(new Uint8Array([0, 255, 1]), { status: 201, statusText: 'Made', headers: { 'x-own': 'yes' } }));
  const request = new Request('/varied', { headers: { 'x-language': 'de' } });
  await first.put(request, new Response('deutsch', { headers: { vary: 'x-language' } }));
  const second = await caches.open('second');
  await second.put(otherUrl, await fetch(otherUrl, { mode: 'no-cors' }));
}

/** Runs in the page. */
async function lookAtCaches() {
  const seen = [];
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    const entries = [];
    for (const request of await cache.keys()) {
      const response = (await cache.match(request)) as Response;
      const { type, url, status, statusText } = response;
      const bytes = [...new Uint8Array(await response.clone().arrayBuffer())];
      entries.push({
        request: [request.method, request.url, ...request.headers],
        type,
        url,
        status,
        statusText,
        headers: [...response.headers],
        bytes,
      });
    }
    seen.push({ name, entries });
  }
  return seen;
}

/** Runs in the page. */
function lookAtTab() {
  const [pair] = [...((history.state as { step: Map<string, bigint> } | null)?.step ?? [])];
  return { path: location.pathname + location.search, length: history.length, state: pair?.map(String), name: window.name };
}

/** Runs in the page. */
async function seedFiles(bytes: number): Promise<void> {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle('folder', { create: true });
  await folder.getDirectoryHandle('empty \u2603', { create: true });
  const content = new Uint8Array(bytes).map((_, i) => i % 251);
  for (const [directory, name, part] of [
    [folder, 'bytes.bin', content],
    [root, 'nothing', new Uint8Array(0)],
  ] as const) {
    const writable = await (await directory.getFileHandle(name, { create: true })).createWritable();
    await writable.write(part);
    await writable.close();
  }
}

/** Runs in the page: each path with its length and digest. */
async function lookAtFiles(): Promise<string[]> {
  const seen: string[] = [];
  const walk = async (directory: FileSystemDirectoryHandle, path: string): Promise<void> => {
    for await (const [name, handle] of directory.entries()) {
      if (handle.kind === 'directory') {
        seen.push(`${path}${name}/`);
        await walk(handle as FileSystemDirectoryHandle, `${path}${name}/`);
        continue;
      }
      const bytes = await (await (handle as FileSystemFileHandle).getFile()).arrayBuffer();
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
      seen.push(`${path}${name} ${bytes.byteLength} ${digest.join('.')}`);
    }
  };
  await walk(await navigator.storage.getDirectory(), '');
  return seen.sort();
}

/** A picture of one pixel (GIF): what a page may load from anywhere, and not read. */
const PICTURE = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

interface Pictures {
  readonly url: string;
  /** Requests since the last reset. */
  count(): number;
  resetCount(): void;
  close(): Promise<void>;
}

/** A server of another origin. */
async function startPictures(): Promise<Pictures> {
  let requests = 0;
  const server: Server = createServer((_, response) => {
    requests++;
    response.setHeader('content-type', 'image/gif');
    response.end(PICTURE);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/one.gif`,
    count: () => requests,
    resetCount: () => {
      requests = 0;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
