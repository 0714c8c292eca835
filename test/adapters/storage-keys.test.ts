/** Storage beyond an origin's own: buckets, and frames that a partition sets apart. What a page sees in Chromium before a capture and after a restore. */
import type { BrowserContext, Frame, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import type { Report } from '../../ts/adapters/report.ts';
import { parseStorageKey, placeOf, withoutBucket } from '../../ts/adapters/storage-key.ts';
import type { Session } from '../../ts/session/session.ts';
import { type CdpContexts, startCdpContexts } from '../servers/cdp-contexts.ts';
import { requireChromium } from '../servers/chromium.ts';
import { restoredTab } from '../servers/login.ts';

const GROUP = 'storage keys beyond an origin';

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  let contexts: CdpContexts;
  let site: Site;
  beforeAll(async () => {
    contexts = await startCdpContexts();
    site = await startSite();
  });
  afterEach(() => contexts.clear());
  afterAll(async () => {
    await contexts.close();
    await site.close();
  });

  test('buckets keep their databases with key generators, caches, files and expiry, and a bucket without anything stays', async () => {
    const { context, driver } = await contexts.open();
    const page = await openSite(context, site.origin);
    const expiresAt = Date.now() + 86_400_000;
    await allowPersistence(context, site.origin);
    await page.evaluate(seedBuckets, expiresAt);
    await page.evaluate(seedFetched, `${site.secondOrigin}/favicon.ico`);
    const before = await page.evaluate(lookAtBuckets);
    expect(before).toEqual([
      { name: 'empty', persisted: true, expiresAt: null, databases: [], caches: [], files: [], nextKey: null },
      {
        name: 'inbox',
        persisted: false,
        expiresAt,
        databases: ['mail 3'],
        caches: ['default a response', 'basic 200', 'opaque'],
        files: ['note: a file'],
        nextKey: 8,
      },
    ]);
    const { session, report } = await driver.capture();
    expect(losses(report)).toEqual([]);
    const key = { origin: site.origin, topLevelSite: null };
    expect(session.storage.map((storage) => [storage.key, storage.bucketPolicy])).toEqual([
      [
        { ...key, bucket: 'empty' },
        { persisted: true, durability: 'relaxed', expiresAt: null },
      ],
      [
        { ...key, bucket: 'inbox' },
        { persisted: false, durability: 'relaxed', expiresAt },
      ],
    ]);
    expect(session.coverage.storage.at(-1)).toMatchObject({
      key: { bucket: 'inbox' },
      indexedDB: 'complete',
      caches: 'complete',
      files: 'complete',
    });
    expect(report.counts).toMatchObject({ origins: 2, databases: 1, records: 1, cacheEntries: 3, files: 1, permissions: 1 });

    site.resetCounters();
    const second = await contexts.open();
    const restored = await second.driver.restore(session);
    expect(restored.report.entries.filter(({ outcome }) => outcome !== 'notice')).toEqual([]);
    expect(restored.report.counts).toEqual(report.counts);
    expect(site.requests).toEqual([]);
    const there = await openSite(second.context, site.origin);
    expect(await there.evaluate(lookAtBuckets)).toEqual(before);
  });

  test('a restore replaces the buckets of an origin, and says how many it removed; the default bucket beside them is restored too', async () => {
    const first = await contexts.open();
    const page = await openSite(first.context, site.origin);
    await page.evaluate(() => localStorage.setItem('of the origin', 'yes'));
    await page.evaluate(seedBuckets, Date.now() + 86_400_000);
    const before = await page.evaluate(lookAtBuckets);
    const { session } = await first.driver.capture();

    const second = await contexts.open();
    const other = await openSite(second.context, site.origin);
    await other.evaluate(seedBuckets, Date.now() + 1_000_000);
    await other.evaluate(async () => {
      const { storageBuckets } = navigator as unknown as BucketNavigator;
      await storageBuckets.open('of the target'.replaceAll(' ', '-'));
    });
    const { report } = await second.driver.restore(session);
    expect(report.entries.filter(({ kind }) => kind === 'storageBucket')).toEqual([
      { outcome: 'notice', kind: 'storageBucket', place: site.origin, reason: '1 buckets that the session does not have were removed' },
    ]);
    expect(await other.evaluate(lookAtBuckets)).toEqual(before);
    expect(await other.evaluate(() => localStorage.getItem('of the origin'))).toBe('yes');
  });

  test('a limit of size that a page set for a bucket is reported, and a bucket that has expired is skipped', async () => {
    const { context, driver } = await contexts.open();
    const page = await openSite(context, site.origin);
    const expires = Date.now() + 86_400_000;
    await page.evaluate(async (at) => {
      const { storageBuckets } = navigator as unknown as BucketNavigator;
      await storageBuckets.open('small', { quota: 20_000_000 });
      await storageBuckets.open('short', { expires: at });
    }, expires);
    const { session, report } = await driver.capture();
    expect(losses(report)).toEqual([
      { outcome: 'altered', kind: 'storageBucket', place: `${site.origin} bucket small`, reason: 'its limit of size is not carried' },
    ]);
    const second = await contexts.open();
    const restored = await second.driver.restore(session, { now: () => expires + 1 });
    expect(restored.report.entries.map(({ outcome, kind }) => [outcome, kind])).toContainEqual(['skipped', 'origin']);
    const there = await openSite(second.context, site.origin);
    expect((await there.evaluate(lookAtBuckets)).map(({ name }) => name)).toEqual(['small']);
  });

  test('a frame of the own site inside another keeps its own storage and buckets, open or not, and the site is not asked', async () => {
    const first = await contexts.open();
    const page = await openSite(first.context, site.origin);
    await page.evaluate(() => localStorage.setItem('at home', 'x'));
    const leaf = await nest(page);
    await leaf.evaluate(seedFrame);
    const before = await leaf.evaluate(lookAtFrame);
    expect(before).toEqual({ local: ['nested'], session: ['of a tab'], buckets: ['deep'] });
    const key = { origin: site.origin, topLevelSite: null, hasCrossSiteAncestor: true };
    const { session, report } = await first.driver.capture();
    expect(losses(report)).toEqual([]);
    expect(keysOf(session)).toContainEqual(key);
    expect(keysOf(session)).toContainEqual({ ...key, bucket: 'deep' });
    // What a frame may not do there is no decision of the user's.
    expect(session.permissions ?? []).toEqual([]);
    expect(session.tabs.flatMap((tab) => tab.sessionStorage.map((storage) => storage.key))).toContainEqual(key);

    site.resetCounters();
    const second = await contexts.open();
    const restored = await second.driver.restore(session);
    expect(restored.report.entries).toEqual([]);
    expect(site.requests).toEqual([]);
    const tab = await restoredTab(second.context, page.url());
    await tab.reload();
    expect(await tab.evaluate(() => [Object.keys(localStorage), Object.keys(sessionStorage)])).toEqual([['at home'], []]);
    expect(await (await nest(tab)).evaluate(lookAtFrame)).toEqual(before);
  });

  test('a frame of another origin of the same site has its first-party storage, and its origin the permissions that a page of its own has', async () => {
    const neighbour = await startSite();
    try {
      const { context, driver } = await contexts.open();
      const page = await openSite(context, site.origin);
      const frame = await embed(page.mainFrame(), `${neighbour.origin}/login`);
      await frame.evaluate(() => localStorage.setItem('framed', 'x'));
      expect(await frame.evaluate(async () => (await navigator.permissions.query({ name: 'geolocation' })).state)).toBe('denied');
      neighbour.resetCounters();
      const { session, report } = await driver.capture();
      expect(losses(report)).toEqual([]);
      expect(session.storage.map(({ key, localStorage }) => [key, localStorage])).toEqual([
        [{ origin: neighbour.origin, topLevelSite: null }, [['framed', 'x']]],
      ]);
      expect(session.permissions).toEqual([]);
      expect(neighbour.requests).toEqual([]);
    } finally {
      await neighbour.close();
    }
  });

  test('a frame whose storage ends with its page is reported: no session could give it back', async () => {
    const { context, driver } = await contexts.open();
    const page = await openSite(context, site.origin);
    const frame = await embed(page.mainFrame(), `${site.origin}/login?credentialless`, true);
    await frame.evaluate(() => localStorage.setItem('for a while', 'x'));
    const { session, report } = await driver.capture();
    expect(losses(report)).toEqual([
      {
        outcome: 'uncarried',
        kind: 'partitionedStorage',
        place: site.origin,
        reason: 'storage of a frame without a site, or of one with a nonce; this version does not carry it',
      },
    ]);
    expect(session.storage).toEqual([]);
  });

  test('partitioned cookies alone name storage, of a third party and of the own site inside another; so do the keys of an earlier session', async () => {
    const first = await contexts.open();
    const page = await openSite(first.context, site.origin);
    const leaf = await nest(page);
    const seed = (name: string): Promise<void> => {
      localStorage.setItem(name, 'x');
      return cookieStore.set({ name, value: 'v', path: '/', sameSite: 'none', partitioned: true });
    };
    await leaf.evaluate(seed, 'nested');
    await leaf.parentFrame()!.evaluate(seed, 'third');
    await page.goto('about:blank');
    site.resetCounters();
    const { session } = await first.driver.capture();
    const topLevelSite = 'http://127.0.0.1';
    expect(session.cookies.map(({ name, partitionKey }) => [name, partitionKey])).toEqual([
      ['nested', { topLevelSite, hasCrossSiteAncestor: true }],
      ['third', { topLevelSite, hasCrossSiteAncestor: true }],
    ]);
    expect(session.storage.map(({ key, localStorage }) => [key, localStorage])).toEqual(
      expect.arrayContaining([
        [{ origin: site.origin, topLevelSite: null, hasCrossSiteAncestor: true }, [['nested', 'x']]],
        [{ origin: site.secondOrigin, topLevelSite }, [['third', 'x']]],
      ]),
    );
    expect(site.requests).toEqual([]);

    await first.context.clearCookies();
    const again = await first.driver.capture({ origins: session.storage.map(({ key }) => key) });
    expect(again.session.storage).toEqual(session.storage);
    expect(site.requests).toEqual([]);
  });
});

test.each([
  ['https://app.example/', { origin: 'https://app.example', topLevelSite: null }, 'https://app.example'],
  [
    'https://widget.example/^0https://site.example',
    { origin: 'https://widget.example', topLevelSite: 'https://site.example' },
    'https://widget.example inside https://site.example',
  ],
  [
    'https://app.example/^31',
    { origin: 'https://app.example', topLevelSite: null, hasCrossSiteAncestor: true },
    'https://app.example below another site',
  ],
])('the browser\u2019s name %s is read as the key that a report calls so', (text, key, place) => {
  expect(parseStorageKey(text)).toEqual(key);
  expect(placeOf({ ...key, bucket: 'inbox' } as never)).toBe(`${place} bucket inbox`);
  expect(withoutBucket({ ...key, bucket: 'inbox' } as never)).toEqual(key);
});

test.each([
  'chrome-extension://a/',
  'https://a.example/^11^22',
  'https://a.example/^41^5x^6y',
  'https://a.example/^0',
  '',
  'https://a.example/^30',
])('what a session has no word for is no key: %s', (text) => expect(parseStorageKey(text)).toBeNull());

function losses({ entries }: Report): Report['entries'] {
  return entries.filter(
    ({ outcome, kind }) => (outcome === 'lost' || outcome === 'altered' || outcome === 'uncarried') && kind !== 'history',
  );
}

function keysOf(session: Session): unknown[] {
  return session.storage.map(({ key }) => key);
}

/** What a user's click would allow, as long as the connection lasts that says so. */
async function allowPersistence(context: BrowserContext, origin: string): Promise<void> {
  const page = await context.newCDPSession(context.pages()[0]!);
  const { browserContextId } = (await page.send('Target.getTargetInfo')).targetInfo;
  const browser = await context.browser()!.newBrowserCDPSession();
  const permission = { name: 'persistent-storage' };
  await browser.send('Browser.setPermission', {
    permission,
    setting: 'granted',
    origin,
    ...(browserContextId === undefined ? {} : { browserContextId }),
  });
}

async function openSite(context: BrowserContext, origin: string): Promise<Page> {
  const page = context.pages().find((candidate) => candidate.url() === 'about:blank') ?? (await context.newPage());
  await page.goto(`${origin}/login`);
  return page;
}

/** Puts a frame of `localhost` into the page of 127.0.0.1, another site, and a frame of the page's own site into that; returns the inner one. */
async function nest(page: Page): Promise<Frame> {
  const own = new URL(page.url());
  const between = await embed(page.mainFrame(), `http://localhost:${own.port}/login?between`);
  return embed(between, `${own.origin}/login?inside`);
}

async function embed(parent: Frame, url: string, isCredentialless = false): Promise<Frame> {
  await parent.evaluate(
    ([src, without]) => {
      const element = document.createElement('iframe');
      if (without) element.setAttribute('credentialless', '');
      element.src = src;
      document.body.append(element);
    },
    [url, isCredentialless] as const,
  );
  const find = (): Frame | undefined => parent.childFrames().find((frame) => frame.url() === url);
  await expect.poll(find).toBeDefined();
  await find()!.waitForLoadState();
  return find()!;
}

interface Bucket {
  readonly indexedDB: IDBFactory;
  readonly caches: CacheStorage;
  getDirectory(): Promise<FileSystemDirectoryHandle>;
  expires(): Promise<number | null>;
  persisted(): Promise<boolean>;
  persist(): Promise<boolean>;
}

/** The platform's types do not have it yet. */
interface BucketNavigator {
  readonly storageBuckets: {
    open(name: string, policy?: { expires?: number; quota?: number }): Promise<Bucket>;
    keys(): Promise<string[]>;
  };
}

/** Runs in the page. */
async function seedBuckets(expires: number): Promise<void> {
  const { storageBuckets } = navigator as unknown as BucketNavigator;
  await (await storageBuckets.open('empty')).persist();
  const inbox = await storageBuckets.open('inbox', { expires });
  await new Promise<void>((resolve, reject) => {
    const request = inbox.indexedDB.open('mail', 3);
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore('list', { autoIncrement: true });
      for (let i = 0; i < 7; i++) store.add(i);
      for (let i = 2; i < 8; i++) store.delete(i);
    };
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
    request.onerror = () => reject(request.error);
  });
  await (await inbox.caches.open('kept')).put('/kept', new Response('a response'));
  const writable = await (await (await inbox.getDirectory()).getFileHandle('note', { create: true })).createWritable();
  await writable.write('a file');
  await writable.close();
}

/** Runs in the page: responses of the network, one of which no script may read. */
async function seedFetched(otherUrl: string): Promise<void> {
  const inbox = await (navigator as unknown as BucketNavigator).storageBuckets.open('inbox');
  const cache = await inbox.caches.open('kept');
  await cache.add('/login');
  await cache.put(otherUrl, await fetch(otherUrl, { mode: 'no-cors' }));
}

/** Runs in the page. Asks a key generator by adding in a transaction that is taken back. */
async function lookAtBuckets() {
  const { storageBuckets } = navigator as unknown as BucketNavigator;
  const seen = [];
  for (const name of await storageBuckets.keys()) {
    const bucket = await storageBuckets.open(name);
    const databases = await bucket.indexedDB.databases();
    const nextKey = await new Promise<number | null>((resolve, reject) => {
      if (databases.length === 0) return resolve(null);
      const request = bucket.indexedDB.open('mail');
      request.onsuccess = () => {
        const transaction = request.result.transaction('list', 'readwrite');
        const adding = transaction.objectStore('list').add('tried');
        adding.onsuccess = () => transaction.abort();
        transaction.onabort = () => {
          request.result.close();
          resolve(adding.result as number);
        };
      };
      request.onerror = () => reject(request.error);
    });
    const cached = [];
    for (const cache of await bucket.caches.keys()) {
      for (const response of await (await bucket.caches.open(cache)).matchAll()) {
        const { type, status } = response;
        cached.push(type === 'default' ? `${type} ${await response.text()}` : type === 'basic' ? `${type} ${status}` : type);
      }
    }
    const files = [];
    for await (const [file, handle] of (await bucket.getDirectory()).entries()) {
      files.push(`${file}: ${await (await (handle as FileSystemFileHandle).getFile()).text()}`);
    }
    const [persisted, expiresAt] = [await bucket.persisted(), await bucket.expires()];
    seen.push({
      name,
      persisted,
      expiresAt,
      databases: databases.map((one) => `${one.name} ${one.version}`),
      caches: cached,
      files,
      nextKey,
    });
  }
  return seen;
}

/** Runs in the frame. */
async function seedFrame(): Promise<void> {
  localStorage.setItem('nested', 'x');
  sessionStorage.setItem('of a tab', 'y');
  await (navigator as unknown as BucketNavigator).storageBuckets.open('deep');
}

/** Runs in the frame. */
async function lookAtFrame() {
  const buckets = await (navigator as unknown as BucketNavigator).storageBuckets.keys();
  return { local: Object.keys(localStorage), session: Object.keys(sessionStorage), buckets };
}
