/**
 * State that breaks other tools' captures as a whole (facts/browser.md, A1), each in Chromium: what is poisoned costs at most itself, all else is carried, the
 * report names it, and the result can be restored. A pending upgrade and a page that hangs are in the contract of every driver
 * (`test/contract/driver.ts`), a page that begins to hang in the middle in `page-world.test.ts`.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { CaptureResult } from '../../ts/adapters/driver.ts';
import type { Report, ReportEntry } from '../../ts/adapters/report.ts';
import { RECORDS_MEDIA_TYPE, RecordWriter } from '../../ts/session/clone/records.ts';
import { type Session, section } from '../../ts/session/session.ts';
import { type CdpContext, type CdpContexts, startCdpContexts } from '../servers/cdp-contexts.ts';
import { requireChromium } from '../servers/chromium.ts';
import { hang } from '../servers/silent.ts';
import {
  clobber,
  HEALTHY,
  hold,
  lockFile,
  lookAtHealthy,
  lookAtValues,
  readAll,
  seedDatabase,
  seedHealthy,
  seedValues,
} from './poisons.ts';

const GROUP = 'poisoned state';
/** For what is meant to run into it. */
const LIMIT_MS = 2_000;

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  let contexts: CdpContexts;
  let site: PlainSite;
  beforeAll(async () => {
    contexts = await startCdpContexts();
    site = await startPlainSite();
  });
  afterAll(async () => {
    await contexts.close();
    await site.close();
  });

  /** A context with the site open, and in it what must be carried whatever else is there. */
  async function healthy(): Promise<CdpContext & { readonly page: Page }> {
    const opened = await contexts.open();
    const page = opened.context.pages()[0]!;
    await page.goto(`${site.origin}/`);
    await page.evaluate(seedHealthy);
    return { ...opened, page };
  }

  /** Puts a frame of another site into the page, in which nothing runs any more until it has `ended`. */
  async function embedHanging(page: Page): Promise<{ readonly ended: Promise<unknown> }> {
    await page.evaluate(
      (src) =>
        new Promise((resolve) => {
          const frame = document.createElement('iframe');
          frame.src = src;
          frame.onload = resolve;
          document.body.append(frame);
        }),
      `${site.secondOrigin}/`,
    );
    const frame = page.frames()[1]!;
    const asked = page.waitForRequest(`${site.secondOrigin}/never`);
    const ended = frame.evaluate(hang, `${site.secondOrigin}/never`).catch(() => undefined);
    await asked;
    return { ended };
  }

  /** Restores into a fresh context; what its page then sees, and the report. */
  async function restoreElsewhere({ session }: Pick<CaptureResult, 'session'>): Promise<{ readonly page: Page; readonly report: Report }> {
    const { context, driver } = await contexts.open();
    const { report } = await driver.restore(session, { timeoutMs: 30_000 });
    const page = context.pages()[0]!;
    await page.goto(`${site.origin}/`);
    expect(await lookAtHealthy(page)).toEqual(HEALTHY);
    return { page, report };
  }

  describe('in one capture and one restore', () => {
    let captured: CaptureResult;
    let page: Page;
    let restored: Report;
    beforeAll(async () => {
      const first = await healthy();
      await first.page.evaluate(seedValues);
      for (const name of ['', LONE_SURROGATE, 'too deep']) await first.page.evaluate(seedDatabase, name);
      await first.page.evaluate(hold, 'healthy');
      await first.page.evaluate(async () => {
        const cache = await caches.open('endless');
        await cache.put('/ended', new Response('kept'));
        void cache.put('/endless', new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(9)) })));
      });
      captured = await first.driver.capture();
      ({ page, report: restored } = await restoreElsewhere({ session: withTooDeep(captured.session) }));
    }, 60_000);
    afterAll(() => contexts.clear());

    test('nothing of it is missing in the capture, and in the restore nothing but the one value that Chromium cannot store', () => {
      expect(losses(captured.report)).toEqual([]);
      expect(losses(restored).map(({ outcome, kind, place }) => [outcome, kind, place])).toEqual([
        ['lost', 'indexedDB', `${site.origin} too deep/list`],
      ]);
    });

    test('objects as deep as the browser stores them, cyclic ones, and an array of length 2^32-1', async () => {
      expect(await page.evaluate(lookAtValues)).toEqual({
        '200 deep': 200,
        '900 deep': 900,
        '2,000 deep': 2_000,
        'cyclic object': true,
        'cyclic array': true,
        'longest array': [2 ** 32 - 1, ['5', '4294967294'], 'last'],
      });
    });

    test('a value 100,000 deep costs itself, and no other record', async () => {
      expect(await page.evaluate(readAll, 'too deep')).toEqual(['before', 'after']);
    });

    test('a database called nothing, and one with a lone surrogate', async () => {
      for (const name of ['', LONE_SURROGATE]) expect(await page.evaluate(readAll, name)).toEqual(['a record']);
    });

    test('a cache entry whose body never ends: it is not there yet, and holds up nothing', () => {
      const endless = captured.session.storage[0]!.caches!.find(({ name }) => name === 'endless')!;
      expect(endless.entries.map(({ url }) => url)).toEqual([`${site.origin}/ended`]);
    });

    test('a connection that the page holds: its database is read beside it', async () => {
      const held = captured.session.storage[0]!.indexedDB.find(({ name }) => name === 'healthy')!;
      expect(held.stores[0]!.recordCount).toBe(3);
    });
  });

  describe('each by itself', () => {
    afterEach(() => contexts.clear());

    test('a connection that a live page holds: its database is replaced all the same', async () => {
      const first = await healthy();
      const { session } = await first.driver.capture();
      const second = await contexts.open();
      const live = second.context.pages()[0]!;
      await live.goto(`${site.origin}/`);
      await live.evaluate(seedDatabase, 'healthy');
      await live.evaluate(hold, 'healthy');
      const { report } = await second.driver.restore(session);
      expect(losses(report)).toEqual([]);
      expect(await lookAtHealthy(live)).toEqual(HEALTHY);
    });

    test('a page that replaced its globals before we come, at both ends', async () => {
      const first = await contexts.open();
      await first.context.addInitScript(clobber, '?clobbered');
      const page = first.context.pages()[0]!;
      await page.goto(`${site.origin}/?clobbered`);
      await expect(page.evaluate(() => JSON.stringify([...document.title]))).rejects.toThrow('clobbered');
      // What it holds was made by a page with whole globals, of the same origin.
      const whole = await first.context.newPage();
      await whole.goto(`${site.origin}/`);
      await whole.evaluate(seedHealthy);
      await whole.close();
      const captured = await first.driver.capture();
      expect(losses(captured.report)).toEqual([]);

      const second = await contexts.open();
      await second.context.addInitScript(clobber, null);
      const { report } = await second.driver.restore(captured.session);
      expect(losses(report)).toEqual([]);
      expect(report.counts).toEqual(captured.report.counts);
    });

    test('a private file that a worker holds locked: read, or named and left out; a restore over one names it and writes the others', async () => {
      const first = await healthy();
      await first.page.evaluate(lockFile);
      const captured = await first.driver.capture();
      const lost = losses(captured.report);
      expect(lost.map(({ kind, place }) => [kind, place])).toEqual([]);

      const second = await contexts.open();
      const live = second.context.pages()[0]!;
      await live.goto(`${site.origin}/`);
      await live.evaluate(lockFile);
      const { report } = await second.driver.restore(captured.session);
      expect(losses(report).map(({ kind, place }) => [kind, place])).toEqual([['fileSystem', `${site.origin} locked`]]);
      expect(await lookAtHealthy(live)).toEqual(HEALTHY);
    });

    test('an origin that never loads: closed, in a tab that waits for it, and as a page that never ends', async () => {
      const first = await healthy();
      const waiting = await first.context.newPage();
      void waiting.goto(`${site.origin}/never`).catch(() => undefined);
      const endless = await first.context.newPage();
      await endless.goto(`${site.secondOrigin}/endless`, { waitUntil: 'commit' });
      await endless.evaluate(() => localStorage.setItem('in an endless page', 'x'));
      const captured = await first.driver.capture({ origins: ['http://127.0.0.1:9'], timeoutMs: 10_000 });
      expect(losses(captured.report)).toEqual([]);
      expect(captured.report.entries.filter(({ kind }) => kind === 'tab')).toEqual([
        {
          outcome: 'notice',
          kind: 'tab',
          place: site.origin,
          reason: 'it was waiting for its first document: it is carried by its address alone',
        },
      ]);
      expect(captured.session.storage.find(({ key }) => key.origin === site.secondOrigin)!.localStorage).toEqual([
        ['in an endless page', 'x'],
      ]);
      await waiting.close();
      const { report } = await restoreElsewhere(captured);
      expect(losses(report)).toEqual([]);
    });

    test('a frame of another site that hangs costs its own storage only', async () => {
      const first = await healthy();
      await first.page.evaluate(() => sessionStorage.setItem('of the tab', 'x'));
      const { ended } = await embedHanging(first.page);
      const captured = await first.driver.capture({ timeoutMs: LIMIT_MS });
      expect(losses(captured.report).map(({ outcome, kind, code }) => [outcome, kind, code])).toEqual([
        ['lost', 'partitionedStorage', 'ADAPTER_TIMEOUT'],
      ]);
      expect(captured.session.tabs[0]!.sessionStorage.map(({ items }) => items)).toEqual([[['of the tab', 'x']]]);
      expect(captured.session.coverage.tabs).toBe('partial');
      await first.page.close();
      await ended;
    });

    test.each(['playwright', 'puppeteer'] as const)(
      'through %s: deep and cyclic values, odd names, clobbered globals and a frame that hangs',
      async (name) => {
        const first = await healthy();
        await first.context.addInitScript(clobber, '?clobbered');
        await first.page.evaluate(seedValues);
        await first.page.evaluate(seedDatabase, '');
        await (await first.context.newPage()).goto(`${site.origin}/?clobbered`);
        const { ended } = await embedHanging(first.page);
        const captured = await (await first.driverBy(name)).capture({ timeoutMs: LIMIT_MS });
        expect(losses(captured.report).map(({ kind, place }) => [kind, place])).toEqual([
          ['partitionedStorage', `${site.secondOrigin} inside ${site.origin}`],
        ]);
        await first.page.close();
        await ended;
        const second = await contexts.open();
        const { report } = await (await second.driverBy(name)).restore(captured.session);
        expect(losses(report)).toEqual([]);
        expect(report.counts).toEqual(captured.report.counts);
      },
    );
  });
});

/** Everything that says something is missing, apart from what every history has: states that no browser tells. */
function losses({ entries }: Report): readonly ReportEntry[] {
  return entries.filter(
    ({ outcome, kind }) => outcome === 'lost' || outcome === 'altered' || (outcome === 'uncarried' && kind !== 'history'),
  );
}

const LONE_SURROGATE = 'lone \ud800 surrogate';

/** The session with a value that another browser might have stored. */
function withTooDeep(session: Session): Session {
  let value: object = {};
  for (let i = 1; i < 100_000; i++) value = { inner: value };
  const writer = new RecordWriter();
  writer.add(1, 'before');
  writer.add(2, value);
  writer.add(3, 'after');
  const records = section(writer.take(), RECORDS_MEDIA_TYPE);
  const storage = session.storage.map(({ indexedDB, ...rest }) => ({
    ...rest,
    indexedDB: indexedDB.map(({ stores, ...database }) => ({
      ...database,
      stores: database.name === 'too deep' ? stores.map((store) => ({ ...store, recordCount: 3, records })) : stores,
    })),
  }));
  return { ...session, storage };
}

interface PlainSite {
  readonly origin: string;
  readonly secondOrigin: string;
  close(): Promise<void>;
}

/** An empty page at every address; `/never` has no answer, `/endless` no end. */
async function startPlainSite(): Promise<PlainSite> {
  const server: Server = createServer((request, response) => {
    if (request.url === '/never') return;
    response.setHeader('content-type', 'text/html');
    if (request.url === '/endless') response.write(`<!doctype html><title>endless</title>${' '.repeat(2_000)}`);
    else response.end('<!doctype html><title>site</title>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    secondOrigin: `http://localhost:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
