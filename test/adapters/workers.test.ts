/** Service workers where no other client holds the browser: sessions made here, restored and captured again by the cdp driver alone. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cdp } from '../../ts/adapters/cdp.ts';
import { type ServiceWorkerRegistration, type Session, section } from '../../ts/session/session.ts';
import { launchChromium, type RunningChromium, requireChromium } from '../servers/chromium.ts';

const GROUP = 'service workers over CDP alone';

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  let browser: RunningChromium;
  let server: Server;
  let origin: string;
  const asked: string[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end();
    });
    server.on('upgrade', (request, socket) => {
      asked.push(request.url ?? '');
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.close();
    await browser.close();
  });

  test('a socket that a worker opens at its start reaches the site neither in a restore nor in a capture', async () => {
    const text = `new WebSocket('ws://' + location.host + '/socket').onerror = () => undefined;
      fetch('https://elsewhere.invalid/').catch(() => undefined);`;
    const session = sessionOf(
      origin,
      { scope: `${origin}/`, scriptUrl: `${origin}/worker.js`, type: 'classic', updateViaCache: 'imports' },
      text,
    );
    const driver = cdp(browser.cdpUrl);
    expect((await driver.restore(session)).report).toMatchObject({ entries: [], counts: { serviceWorkers: 1 } });
    // Chromium lists the origins that have workers: none need be named.
    const again = await driver.capture({ cookieOrigins: false });
    expect(asked).toEqual([]);
    expect(again.report.entries.filter(({ outcome }) => outcome !== 'notice')).toEqual([]);
    expect(await textsOf(again.session, origin)).toEqual([text]);
    const without = await driver.capture({ cookieOrigins: false, workerOrigins: false });
    expect(without.session.storage).toEqual([]);
  });

  test('a worker of an https site that is not there is restored all the same', async () => {
    const secure = 'https://app.example';
    const registration = {
      scope: `${secure}/app/`,
      scriptUrl: `${secure}/app/worker.js?v=1`,
      type: 'module',
      updateViaCache: 'all',
    } as const;
    const session = sessionOf(secure, registration, 'export {};');
    const driver = cdp(browser.cdpUrl);
    expect((await driver.restore(session)).report).toMatchObject({ entries: [], counts: { serviceWorkers: 1 } });
    const again = await driver.capture({ origins: [secure], cookieOrigins: false });
    expect(again.session.storage.find(({ key }) => key.origin === secure)!.serviceWorkers).toMatchObject([registration]);
    expect(await textsOf(again.session, secure)).toEqual(['export {};']);
  });

  test('a script that the browser has let go of is read from a worker that starts anew, or reported while pages are open', async () => {
    const base = `${origin}/collected/`;
    const scripts = [
      [
        `${base}worker.js`,
        `importScripts('inert.js'); addEventListener('fetch', (event) => event.respondWith(new Response('by the worker')));`,
      ],
      [`${base}inert.js`, `var inert = 'nothing holds this script once it ran';`],
    ];
    const driver = cdp(browser.cdpUrl);
    const made = sessionOf(origin, { scope: base, scriptUrl: `${base}worker.js`, type: 'classic', updateViaCache: 'imports' }, '');
    const listed = section(new TextEncoder().encode(JSON.stringify(scripts)), 'application/vnd.psp.scripts+json');
    const [storage] = made.storage;
    const serviceWorkers = [{ ...storage!.serviceWorkers![0]!, script: listed }];
    expect((await driver.restore({ ...made, storage: [{ ...storage!, serviceWorkers }] })).report.entries).toEqual([]);

    const looking = await chromium.connectOverCDP(browser.cdpUrl);
    try {
      const page = await looking.contexts()[0]!.newPage();
      await page.goto(base);
      await page.reload();
      expect(await page.textContent('body')).toBe('by the worker');
      await collectGarbage(looking, base);
      const open = await driver.capture({ cookieOrigins: false });
      expect(open.report.entries.filter(({ outcome }) => outcome === 'altered')).toMatchObject([
        { kind: 'serviceWorker', place: `${origin} /collected/` },
      ]);
      await page.close();
      const closed = await driver.capture({ cookieOrigins: false });
      expect(closed.report.entries.filter(({ outcome }) => outcome !== 'notice')).toEqual([]);
      expect((await textsOf(closed.session, origin)).map((text) => JSON.parse(text))).toEqual([scripts]);
    } finally {
      await looking.close();
    }
  });

  test('a worker of a frame in another site is restored in its partition', async () => {
    const widget = 'https://widget.example';
    const made = sessionOf(
      widget,
      { scope: `${widget}/`, scriptUrl: `${widget}/worker.js`, type: 'classic', updateViaCache: 'imports' },
      'self.x = 1;',
    );
    const key = { origin: widget, topLevelSite: 'https://site.example' };
    const driver = cdp(browser.cdpUrl);
    const { report } = await driver.restore({ ...made, storage: [{ ...made.storage[0]!, key }] });
    expect(report).toMatchObject({ entries: [], counts: { serviceWorkers: 1 } });
    const again = await driver.capture({ origins: [key], cookieOrigins: false, workerOrigins: false });
    // Only a first party's worker is started for us.
    expect(again.report.entries).toMatchObject([{ outcome: 'lost', kind: 'serviceWorker', code: 'ADAPTER_UNSUPPORTED' }]);
    expect(again.session.coverage.storage).toMatchObject([{ key, serviceWorkers: 'partial' }]);
    // Where nothing tells of the partition, the browser tells that there is a worker.
    const apart = await driver.capture({ cookieOrigins: false });
    expect(apart.report.entries.filter(({ place }) => place.startsWith(widget))).toMatchObject([
      { outcome: 'lost', kind: 'serviceWorker', place: `${widget} /` },
    ]);
  });

  test('scripts that are no list, and a worker that fails, are named and cost no other worker', async () => {
    const site = 'https://other.example';
    const one = (path: string): Omit<ServiceWorkerRegistration, 'script'> => ({
      ...{ scope: `${site}${path}/`, scriptUrl: `${site}${path}/worker.js`, type: 'classic', updateViaCache: 'imports' },
    });
    const listed = 'application/vnd.psp.scripts+json';
    const session = sessionOf(site, one('/right'), 'addEventListener("fetch", () => undefined);');
    const storage = session.storage[0]!;
    const serviceWorkers = [
      { ...one('/list'), script: section(new TextEncoder().encode('{"secret":1}'), listed) },
      { ...one('/throws'), script: section(new TextEncoder().encode('throw new Error("secret")'), 'text/javascript') },
      { ...one('/import'), script: section(new TextEncoder().encode('importScripts("/not-kept.js")'), 'text/javascript') },
      ...storage.serviceWorkers!,
    ];
    const { report } = await cdp(browser.cdpUrl).restore({ ...session, storage: [{ ...storage, serviceWorkers }] });
    expect(report.counts.serviceWorkers).toBe(1);
    expect(report.entries.map(({ outcome, kind, place, code }) => [outcome, kind, place, code])).toEqual([
      ['lost', 'serviceWorker', `${site} /list/`, 'SESSION_INVALID'],
      ['lost', 'serviceWorker', `${site} /throws/`, 'ADAPTER_PROTOCOL'],
      ['lost', 'serviceWorker', `${site} /import/`, 'ADAPTER_PROTOCOL'],
    ]);
    expect(JSON.stringify(report)).not.toContain('secret');
  });
});

function sessionOf(origin: string, registration: Omit<ServiceWorkerRegistration, 'script'>, text: string): Session {
  const key = { origin, topLevelSite: null };
  const script = section(new TextEncoder().encode(text), 'text/javascript;charset=utf-8');
  return {
    ...{ id: 'workers', incarnation: 'one', revision: 0, createdAt: 1, updatedAt: 1, source: { tool: 'test' }, cookies: [], tabs: [] },
    coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
    storage: [{ key, localStorage: [], indexedDB: [], serviceWorkers: [{ ...registration, script }] }],
  };
}

/** The text of each worker of an origin, as its section has it. */
async function textsOf(session: Session, origin: string): Promise<string[]> {
  const workers = session.storage.flatMap(({ key, serviceWorkers = [] }) => (key.origin === origin ? serviceWorkers : []));
  return Promise.all(workers.map(async ({ script }) => new TextDecoder().decode(await script!.bytes())));
}

/** Makes the only worker of `scope` collect its garbage, over another client. */
async function collectGarbage(looking: Browser, scope: string): Promise<void> {
  const browser = await looking.newBrowserCDPSession();
  const { targetInfos } = await browser.send('Target.getTargets');
  const { targetId } = targetInfos.find(({ type, url }) => type === 'service_worker' && url.startsWith(scope))!;
  const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: false });
  const TIMES = 8;
  const collected = new Promise<void>((resolve) => {
    browser.on('Target.receivedMessageFromTarget', ({ message }) => {
      if ((JSON.parse(message) as { id?: number }).id === TIMES) resolve();
    });
  });
  for (let id = 1; id <= TIMES; id++) {
    await browser.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }) });
  }
  await collected;
  await browser.detach();
}
