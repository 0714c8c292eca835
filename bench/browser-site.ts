/** The site that the bench `browser` captures: databases of known size, on loopback, and a count of the requests that reach it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BrowserContext, Page } from 'playwright-core';

/** A site that answers every request with an empty page. */
export interface BenchSite {
  /** The origin of a host below `localhost`; every one is a site of its own. */
  origin(host: string): string;
  /** Requests since the last {@link BenchSite.forget}. */
  requests(): number;
  forget(): void;
  close(): void;
}

export async function startSite(): Promise<BenchSite> {
  let requests = 0;
  const server = createServer((_, response) => {
    requests++;
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><link rel="icon" href="data:,">');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: (host) => `http://${host}.localhost:${port}`,
    requests: () => requests,
    forget: () => {
      requests = 0;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** What a database is filled with. */
export type Content = '200 B' | '64 KiB';

/** Fills a database of `origin` with `count` records, and leaves the page blank. One index. */
export async function fill(page: Page, origin: string, count: number, content: Content): Promise<void> {
  await page.goto(`${origin}/`);
  await page.evaluate(fillHere, { count, content });
  await page.goto('about:blank');
}

/** Makes `count` origins with 20 records and 1 kB of localStorage each; returns them. */
export async function fillOrigins(page: Page, site: BenchSite, count: number): Promise<string[]> {
  const origins = Array.from({ length: count }, (_, i) => site.origin(`site-${i}`));
  for (const origin of origins) {
    await page.goto(`${origin}/`);
    await page.evaluate(() => localStorage.setItem('state', 'x'.repeat(1000)));
    await page.evaluate(fillHere, { count: 20, content: '200 B' as const });
  }
  await page.goto('about:blank');
  return origins;
}

/** How many records a database of each origin has in a context. Asks the site for its pages. */
export async function countRecords(context: BrowserContext, origins: readonly string[]): Promise<number> {
  const page = await context.newPage();
  let count = 0;
  for (const origin of origins) {
    await page.goto(`${origin}/`);
    count += await page.evaluate(countHere);
  }
  await page.close();
  return count;
}

/** Runs in the page. */
async function fillHere({ count, content }: { count: number; content: Content }): Promise<void> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open('bench', 1);
    request.onupgradeneeded = () => request.result.createObjectStore('records', { keyPath: 'id' }).createIndex('at', 'at');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const small = (i: number) => ({ id: i, at: 1.7e12 + i, name: `user ${i}`, flag: i % 2 === 0, tags: ['a', 'b'], text: 'x'.repeat(110) });
  const large = (i: number) => ({ id: i, at: 1.7e12 + i, data: crypto.getRandomValues(new Uint8Array(65_536)).buffer });
  const make = content === '64 KiB' ? large : small;
  const step = content === '64 KiB' ? 200 : 5000;
  for (let from = 0; from < count; from += step) {
    const transaction = database.transaction('records', 'readwrite', { durability: 'relaxed' });
    const store = transaction.objectStore('records');
    for (let i = from; i < Math.min(count, from + step); i++) store.put(make(i));
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
  }
  database.close();
}

/** Runs in the page. */
async function countHere(): Promise<number> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open('bench');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const counting = database.objectStoreNames.contains('records') ? database.transaction('records').objectStore('records').count() : null;
  const count = await new Promise<number>((resolve) => {
    if (counting === null) resolve(0);
    else counting.onsuccess = () => resolve(counting.result);
  });
  database.close();
  return count;
}
