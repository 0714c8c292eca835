/** The in-page adapter, loaded by a module script of a real page: what it carries, what it says that it cannot see, and that it leaves the page alone. */
import { gzipSync } from 'node:zlib';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { page as pageDriver } from '../../ts/adapters/page.ts';
import { playwright } from '../../ts/adapters/playwright.ts';
import type { Report } from '../../ts/adapters/report.ts';
import { decodeSession, encodeSession } from '../../ts/portable.ts';
import type { Session } from '../../ts/session/session.ts';
import { findChromium, PLAYWRIGHT_FLAGS, requireChromium } from '../servers/chromium.ts';
import { bundleAdapter, lookAtPage, type PageSite, seedPage, startPageSite } from './page-site.ts';

const GROUP = 'the adapter in a page';
/** What the minified adapter may have after gzip: what it is, and a sixth above. */
const MAX_GZIP_BYTES = 54_000;

interface Ours {
  capture(options?: object): Promise<{ text: string; report: Report }>;
  restore(text: string, options?: object): Promise<{ target: { tabId: string | null }; report: Report }>;
}
declare const ours: Ours;

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  let browser: Browser;
  let site: PageSite;

  beforeAll(async () => {
    site = await startPageSite();
    browser = await chromium.launch({ executablePath: findChromium()!, args: [...PLAYWRIGHT_FLAGS] });
  });
  afterAll(async () => {
    await browser.close();
    await site.close();
  });

  async function openPage(address = '/deep/page', context?: BrowserContext): Promise<Page> {
    const page = await (context ?? (await browser.newContext())).newPage();
    await page.goto(new URL(address, site.origin).href);
    await page.waitForFunction(() => 'ours' in globalThis);
    return page;
  }

  /** A page with something of each kind, at an address that sets no cookies again. */
  async function seededPage(): Promise<Page> {
    const page = await openPage('/deep/page?seed');
    await page.goto(`${site.origin}/deep/page`);
    await page.evaluate(seedPage);
    return page;
  }

  async function captureIn(page: Page, options: object = {}): Promise<{ text: string; session: Session; report: Report }> {
    const { text, report } = await page.evaluate((given) => ours.capture(given), options);
    return { text, session: await decodeSession(new TextEncoder().encode(text)), report };
  }

  test('what script can see goes to another browser, and nothing is asked of the site', async () => {
    const first = await seededPage();
    const before = await first.evaluate(lookAtPage);
    site.requests.length = 0;
    const { text, session, report } = await captureIn(first);
    expect(session).toMatchObject({ source: { tool: 'page' }, coverage: { cookies: 'partial', tabs: 'partial' } });
    expect(session.coverage.storage[0]).toMatchObject({
      localStorage: 'complete',
      indexedDB: 'complete',
      caches: 'complete',
      files: 'complete',
    });
    expect(report.counts).toMatchObject({
      cookies: 4,
      localStorage: 2,
      sessionStorage: 1,
      databases: 1,
      records: 4,
      cacheEntries: 1,
      files: 2,
      tabs: 1,
    });
    expect(sayings(report)).toEqual([
      'notice cookie: script is shown no HttpOnly cookies, none of other hosts and paths, and neither priority nor source of the others',
      'notice origin: script sees its own origin only',
      'notice tab: script sees its own tab only, and no frames in shadow trees',
      'notice cookie: 1 cookies are taken for SameSite=Lax: script is not told whether a site has set that or nothing',
      'uncarried history: 2 other history entries are not told by the browser',
    ]);

    const second = await openPage('/other');
    await second.evaluate(() => {
      localStorage.setItem('was there', 'before');
      sessionStorage.setItem('was there', 'before');
    });
    site.requests.length = 0;
    const restored = await second.evaluate((session) => ours.restore(session), text);
    expect(site.requests).toEqual([]);
    expect(restored.target).toEqual({ tabId: session.tabs[0]!.id });
    expect(restored.report.counts).toEqual({ ...report.counts, cookies: 2 });
    expect(sayings(restored.report)).toEqual([
      'notice cookie: 1 cookies expire up to a second early: script sets whole seconds',
      'notice cookie: it is set; a page of another path is not shown whether the browser kept it',
      'notice cookie: it is set; a page of another path is not shown whether the browser kept it',
      'notice fileSystem: files keep no time of modification: it is that of the restore',
    ]);
    await second.reload();
    expect(await second.evaluate(lookAtPage)).toEqual(before);
  });

  test('cookies are captured with what the browser tells of them, HttpOnly ones never', async () => {
    const page = await seededPage();
    const { session } = await captureIn(page);
    const { session: exact } = await playwright(page.context()).capture();
    const expected = exact.cookies.filter(({ httpOnly }) => !httpOnly);
    // Of what script is not told: which of Lax and unset it is, the priority, and where a cookie was set.
    const told = ({ sameSite, priority, sourcePort, sourceScheme, expiresAt, ...cookie }: Session['cookies'][number]) => ({
      ...cookie,
      sameSite: sameSite === 'unset' ? 'lax' : sameSite,
      expiresAt: expiresAt === null ? null : Math.round(expiresAt),
    });
    const byName = (cookies: Session['cookies']) => cookies.map(told).sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(byName(session.cookies)).toEqual(byName(expected));
    expect(session.cookies.map(({ name }) => name).sort()).toEqual(['chip', 'deep', 'lasting', 'plain']);
  });

  test('a session of another driver is restored as far as script can, and the report names the rest', async () => {
    const first = await seededPage();
    const other = await first.context().newPage();
    await other.goto(`${site.secondOrigin}/`);
    await other.evaluate(() => localStorage.setItem('elsewhere', 'x'));
    const { session } = await playwright(first.context()).capture();
    const altered: Session = {
      ...session,
      cookies: [
        ...session.cookies,
        { ...session.cookies[0]!, name: 'old', path: '/', expiresAt: 1 },
        { ...session.cookies[0]!, name: 'framed', partitionKey: { topLevelSite: 'http://site.example', hasCrossSiteAncestor: true } },
        { ...session.cookies[0]!, name: 'abroad', domain: 'app.example' },
        { ...session.cookies[0]!, name: '__Host-bad', path: '/deep' },
      ],
    };
    const second = await openPage('/deep/page');
    const text = new TextDecoder().decode(await encodeSession(altered, { framing: 'text' }));
    const { report } = await second.evaluate((session) => ours.restore(session), text);
    expect(
      report.entries.map(({ outcome, kind, place, code }) => [outcome, kind, place, code]).filter(([outcome]) => outcome !== 'notice'),
    ).toEqual([
      ['skipped', 'cookie', '127.0.0.1/ old', undefined],
      ['lost', 'cookie', '127.0.0.1/ hidden', 'ADAPTER_UNSUPPORTED'],
      ['lost', 'cookie', '127.0.0.1/ __Host-own', 'ADAPTER_UNSUPPORTED'],
      ['lost', 'cookie', '127.0.0.1/deep framed', 'ADAPTER_UNSUPPORTED'],
      ['lost', 'cookie', 'app.example/deep abroad', 'ADAPTER_UNSUPPORTED'],
      ['lost', 'cookie', '127.0.0.1/deep __Host-bad', undefined],
      ['lost', 'origin', site.secondOrigin, 'ADAPTER_UNSUPPORTED'],
      ['lost', 'tab', site.secondOrigin, 'ADAPTER_UNSUPPORTED'],
      ['lost', 'history', site.origin, undefined],
    ]);
    expect(report.counts).toMatchObject({ cookies: 4, localStorage: 2, sessionStorage: 1, records: 4, tabs: 1, origins: 1 });
  });

  test('a session that was captured in a page is restored by another driver', async () => {
    const first = await seededPage();
    const before = await first.evaluate(lookAtPage);
    const { session } = await captureIn(first);
    const context = await browser.newContext();
    const { target, report } = await playwright(context).restore(session);
    expect(report.entries.filter(({ outcome }) => outcome !== 'notice')).toEqual([]);
    await target.pages[0]!.reload();
    expect(await target.pages[0]!.evaluate(lookAtPage)).toEqual(before);
  });

  test('a page that replaces the platform\u2019s objects after the adapter was loaded changes nothing', async () => {
    const page = await seededPage();
    const { session: before } = await captureIn(page);
    await page.evaluate(() => {
      const broken = (): never => {
        throw new Error('replaced');
      };
      for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches', 'cookieStore', 'history']) {
        Object.defineProperty(globalThis, name, { get: broken, configurable: true });
      }
      for (const name of ['key', 'getItem', 'setItem', 'clear']) Object.defineProperty(Storage.prototype, name, { value: broken });
      for (const name of ['open', 'databases', 'deleteDatabase']) Object.defineProperty(IDBFactory.prototype, name, { value: broken });
      Object.defineProperty(Document.prototype, 'cookie', { get: broken, set: broken });
      Object.defineProperty(StorageManager.prototype, 'getDirectory', { value: broken });
      Object.defineProperty(History.prototype, 'replaceState', { value: broken });
    });
    const { session: after, report, text } = await captureIn(page);
    expect(after.cookies).toEqual(before.cookies);
    expect(after.storage[0]!.localStorage).toEqual(before.storage[0]!.localStorage);
    expect(after.coverage).toEqual(before.coverage);
    expect(report.counts).toMatchObject({ cookies: 4, records: 4, cacheEntries: 1, files: 2 });
    const { report: restored } = await page.evaluate((session) => ours.restore(session), text);
    expect(restored.entries.filter(({ outcome }) => outcome !== 'notice')).toEqual([]);
    expect(restored.counts).toEqual(report.counts);
  });

  test('buckets are carried; workers and permissions are told as far as script sees them', async () => {
    const context = await browser.newContext({ permissions: ['geolocation'] });
    const first = await openPage('/', context);
    await first.evaluate(async () => {
      await navigator.serviceWorker.register('/worker.js');
      await navigator.serviceWorker.ready;
      const { storageBuckets } = navigator as unknown as { storageBuckets: { open(name: string): Promise<{ caches: CacheStorage }> } };
      const bucket = await storageBuckets.open('inbox');
      await (await bucket.caches.open('mail')).put('/first', new Response('in a bucket'));
    });
    const { text, session, report } = await captureIn(first);
    const bucket = session.storage.find(({ key }) => key.bucket === 'inbox')!;
    expect(bucket.caches).toMatchObject([{ name: 'mail', entries: [{ url: `${site.origin}/first` }] }]);
    expect(session.permissions).toContainEqual({ origin: site.origin, name: 'geolocation', state: 'granted' });
    expect(sayings(report)).toContain('uncarried serviceWorker: 1 found; this driver is not told their scripts');

    const second = await openPage('/');
    const { report: restored } = await second.evaluate((session) => ours.restore(session), text);
    expect(restored.entries).toContainEqual({
      outcome: 'lost',
      kind: 'permission',
      place: `${site.origin} geolocation`,
      reason: 'this driver cannot set permissions',
      code: 'ADAPTER_UNSUPPORTED',
    });
    expect(restored.entries.filter(({ kind }) => kind !== 'permission')).toEqual([]);
    expect(restored.counts).toMatchObject({ cacheEntries: 1 });
    const found = await second.evaluate(async () => {
      const { storageBuckets } = navigator as unknown as { storageBuckets: { open(name: string): Promise<{ caches: CacheStorage }> } };
      return (await (await storageBuckets.open('inbox')).caches.match('/first'))?.text();
    });
    expect(found).toBe('in a bucket');
  });

  test('a part is restored beside what is there', async () => {
    const { text } = await captureIn(await seededPage());
    const second = await openPage('/other');
    await second.evaluate(() => {
      localStorage.setItem('was there', 'before');
      sessionStorage.setItem('was there', 'before');
    });
    await second.evaluate((session) => ours.restore(session, { kinds: ['sessionStorage', 'cookie'], existing: 'keep' }), text);
    const between = await second.evaluate(lookAtPage);
    expect(between.local).toEqual([['was there', 'before']]);
    expect(between.session.map(([name]) => name)).toEqual(['of a tab', 'was there']);
    expect(between.cookies).toEqual(['chip=5', 'lasting=3']);
    const { report } = await second.evaluate((session) => ours.restore(session, { kinds: ['localStorage'] }), text);
    expect(report.counts).toMatchObject({ cookies: 0, localStorage: 2, sessionStorage: 0, records: 0, tabs: 0 });
    const after = await second.evaluate(lookAtPage);
    expect(after).toEqual({ ...between, local: after.local });
    expect(after.local.map(([name]) => name)).toEqual(['length', 'lone']);
  });

  test('a database that the page holds open is kept as it is, and costs nothing else', async () => {
    const page = await seededPage();
    const { session } = await captureIn(page);
    // Of a later version, too: to write it would be an upgrade of what is there.
    const [storage] = session.storage;
    const later = { ...session, storage: [{ ...storage!, indexedDB: [{ ...storage!.indexedDB[0]!, version: 5 }] }] };
    const text = new TextDecoder().decode(await encodeSession(later, { framing: 'text' }));
    await page.evaluate(async () => {
      const opening = indexedDB.open('app');
      await new Promise((resolve) => {
        opening.onsuccess = resolve;
      });
      // An application that does not listen to versionchange.
      Object.assign(globalThis, { held: opening.result });
    });
    const { report } = await page.evaluate((session) => ours.restore(session, { timeoutMs: 1000 }), text);
    const named = report.entries.filter(({ outcome }) => outcome !== 'notice');
    expect(new Set(named.map(({ kind, place }) => `${kind} ${place}`))).toEqual(new Set([`indexedDB ${site.origin} app`]));
    expect(report.counts).toMatchObject({ localStorage: 2, sessionStorage: 1, databases: 0, cacheEntries: 1, files: 2, tabs: 1 });
    const kept = await page.evaluate(async () => {
      (globalThis as unknown as { held: IDBDatabase }).held.close();
      // Whatever was asked for comes first: nothing may still wait to delete it.
      const opening = indexedDB.open('app');
      await new Promise((resolve) => {
        opening.onsuccess = resolve;
      });
      const counting = opening.result.transaction('list').objectStore('list').count();
      await new Promise((resolve) => {
        counting.onsuccess = resolve;
      });
      opening.result.close();
      return { version: opening.result.version, records: counting.result };
    });
    expect(kept).toEqual({ version: 3, records: 4 });
  });

  test('other origins that are asked for are named as not seen', async () => {
    const page = await openPage();
    const { session, report } = await captureIn(page, { origins: [site.secondOrigin, site.origin] });
    const lost = report.entries.filter(({ outcome }) => outcome === 'lost');
    expect(lost.map(({ kind, place, code }) => [kind, place, code])).toEqual([['origin', site.secondOrigin, 'ADAPTER_UNSUPPORTED']]);
    expect(session.coverage.storage.find(({ key }) => key.origin === site.secondOrigin)).toMatchObject({ localStorage: 'unvisited' });
  });

  test('a frame inside another origin is refused, one inside its own is not', async () => {
    const page = await openPage();
    const inFrame = async (origin: string): Promise<unknown> => {
      const attached = page.waitForEvent('frameattached');
      await page.evaluate((src) => {
        document.body.append(Object.assign(document.createElement('iframe'), { src }));
      }, `${origin}/framed`);
      const frame = await attached;
      await frame.waitForFunction(() => 'ours' in globalThis);
      return frame.evaluate(() =>
        ours.capture().then(
          ({ report }) => report.counts.tabs,
          ({ name, code }: { name: string; code: string }) => `${name} ${code}`,
        ),
      );
    };
    expect(await inFrame(site.secondOrigin)).toBe('PspError ADAPTER_UNSUPPORTED');
    expect(await inFrame(site.origin)).toBe(1);
  });

  test('frames of other origins, and those inside them, are named with what script is told of where they are', async () => {
    const inner = `${site.secondOrigin}/?frame=${encodeURIComponent('http://127.0.0.2:9/')}`;
    const below = `${site.secondOrigin}/?frame=${encodeURIComponent(`${site.origin}/`)}`;
    const page = await openPage('/');
    await page.evaluate(
      async (sources) => {
        const sandboxed = Object.assign(document.createElement('iframe'), { src: '/', sandbox: 'allow-scripts' });
        const own = Object.assign(document.createElement('iframe'), { srcdoc: '<iframe></iframe>' });
        const foreign = sources.map((src) => Object.assign(document.createElement('iframe'), { src }));
        const sent = Object.assign(document.createElement('iframe'), { name: 'sent' });
        const loaded = (frame: HTMLIFrameElement): Promise<unknown> =>
          new Promise((resolve) => {
            frame.onload = resolve;
          });
        const all = [sandboxed, own, ...foreign].map(loaded);
        document.body.append(sandboxed, own, ...foreign, sent);
        // Where it has gone, its element does not say.
        all.push(loaded(sent));
        open(sources[0], 'sent');
        await Promise.all(all);
      },
      [inner, below],
    );
    const { report } = await captureIn(page);
    const told = report.entries.filter(({ kind }) => kind === 'partitionedStorage').map(({ outcome, place }) => `${outcome} ${place}`);
    expect(new Set(told)).toEqual(
      new Set([
        `uncarried ${site.secondOrigin} inside ${site.origin}`,
        `uncarried ${site.origin} below another site`,
        `uncarried a frame whose origin script is not told inside ${site.secondOrigin} inside ${site.origin}`,
        `uncarried a frame whose origin script is not told inside ${site.origin}`,
        `uncarried a frame whose origin script is not told inside a frame inside ${site.origin}`,
      ]),
    );
  });

  test('a capture that was called off ends with the reason of its signal', async () => {
    const page = await openPage();
    const ended = await page.evaluate(() =>
      ours.capture({ signal: AbortSignal.abort(new Error('enough')) }).catch((error: Error) => error.message),
    );
    expect(ended).toBe('enough');
  });
});

describe('the adapter outside of a page', () => {
  test('it is refused where there is no document', async () => {
    await expect(pageDriver().capture()).rejects.toMatchObject({ code: 'ADAPTER_UNSUPPORTED' });
    await expect(pageDriver().restore({} as Session)).rejects.toMatchObject({ code: 'ADAPTER_UNSUPPORTED' });
  });

  test(`its bundle for browsers stays below ${MAX_GZIP_BYTES} bytes after gzip, and holds no other driver and no second copy of itself as text`, async () => {
    const text = await bundleAdapter("export { page } from './ts/adapters/page.ts';", true);
    const bytes = gzipSync(text, { level: 9 }).length;
    console.log(`the adapter in a page: ${text.length} bytes minified, ${bytes} after gzip`);
    expect(bytes).toBeLessThan(MAX_GZIP_BYTES);
    for (const word of ['WebSocket', '__persistentSessions', 'WebAssembly']) expect(text.includes(word), word).toBe(false);
  });
});

/** Each entry of a report in one line, without its place. */
function sayings({ entries }: Report): string[] {
  return entries.map(({ outcome, kind, reason }) => `${outcome} ${kind}: ${reason}`);
}
