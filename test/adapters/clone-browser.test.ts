/**
 * Every kind of value that IndexedDB keeps, from one real Chromium to another: written by a page, captured and restored over CDP, and looked at by a
 * page that knows nothing of our code (`clone-kinds.ts`). And the same bytes inside a page and outside it.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cdp } from '../../ts/adapters/cdp.ts';
import type { Report } from '../../ts/adapters/report.ts';
import { decodeValue, decodeValueAsync } from '../../ts/session/clone/decode.ts';
import { encodeValueAsync } from '../../ts/session/clone/encode.ts';
import { readRecords } from '../../ts/session/clone/records.ts';
import type { Session } from '../../ts/session/session.ts';
import { launchChromium, requireChromium } from '../servers/chromium.ts';
import { KINDS } from './clone-kinds.ts';

const GROUP = 'structured-clone values from one Chromium to another';
const LOCKED = KINDS.filter(({ carried }) => !carried).map(({ name }) => name);

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  const ends: (() => Promise<unknown>)[] = [];
  let origin: string;
  let captured: { session: Session; report: Report };
  let records: Map<unknown, Uint8Array>;

  beforeAll(async () => {
    origin = await startSite(ends);
    const first = await openBrowser(ends, origin);
    await first.page.evaluate(`kinds.store('kinds')`);
    captured = await first.driver.capture();
    const [store] = captured.session.storage[0]!.indexedDB[0]!.stores;
    records = new Map([...readRecords(await store!.records!.bytes())].map(({ key, value }) => [decodeValue(key).value, value.slice()]));
  });
  afterAll(async () => {
    for (const end of ends.reverse()) await end();
  });

  test('all kinds arrive exactly, but keys that are not extractable; those are in the report', async () => {
    const lost = captured.report.entries.filter(({ outcome }) => outcome === 'lost' || outcome === 'altered');
    expect(lost.map(({ place, reason }) => [place, reason])).toEqual(
      LOCKED.map(() => [
        `${origin} kinds/kinds`,
        expect.stringMatching(/^record \d+ holds a non-extractable CryptoKey, which this version does not carry$/),
      ]),
    );

    const second = await openBrowser(ends, 'about:blank');
    const { report } = await second.driver.restore(captured.session);
    expect(report.entries.filter(({ outcome }) => outcome !== 'notice').map(({ reason }) => reason)).toEqual(
      LOCKED.map(() => expect.stringMatching(/^record \d+: it holds a non-extractable CryptoKey$/)),
    );
    const page = await second.context.newPage();
    await page.goto(origin);
    const left = await page.evaluate(`navigator.storage.getDirectory().then((root) => Array.fromAsync(root.keys()))`);
    // What the first browser had, and nothing that was made on the way.
    expect(left).toEqual(['földer']);
    await page.evaluate(`kinds.store('fresh')`);
    const results = (await page.evaluate(`kinds.compare('fresh', 'kinds')`)) as [string, string | null][];
    expect(results.filter(([, difference]) => difference !== null)).toEqual(LOCKED.map((name) => [name, 'absent']));
    const carried = results.filter(([, difference]) => difference === null).length;
    console.log(`IndexedDB value kinds carried exactly: ${carried}/${results.length}`);
  });

  test('what IndexedDB keeps and no platform gives back is named, and costs no other record', async () => {
    const { page, driver } = await openBrowser(ends, origin);
    await page.evaluate(`(async () => {
      const bitmap = await createImageBitmap(new ImageData(1, 1));
      const certificate = await RTCPeerConnection.generateCertificate({ name: 'ECDSA', namedCurve: 'P-256' });
      await kinds.put('others', [['a', bitmap], ['b', new Blob(['kept'])], ['c', { certificate, blob: new Blob(['x']) }], ['d', 'kept']]);
    })()`);
    const { session, report } = await driver.capture();
    expect(report.entries.filter(({ outcome }) => outcome === 'lost').map(({ reason }) => reason)).toEqual([
      'record 0 holds a ImageBitmap, which this version does not carry',
      'record 2 holds a RTCCertificate, which this version does not carry',
    ]);
    const second = await openBrowser(ends, 'about:blank');
    await second.driver.restore(session);
    await second.page.goto(origin);
    expect(await second.page.evaluate(`kinds.readAll('others').then((all) => [...all.keys()])`)).toEqual(['b', 'd']);
  });

  test('the page that looks is not blind: it tells every kind from every other, and small changes', async () => {
    const { page } = await openBrowser(ends, origin);
    expect(await page.evaluate(`kinds.blindSpots()`)).toEqual([]);
  });

  test('outside a browser every value is read, waiting or not, and gives the same bytes again', async () => {
    expect(records.size).toBe(KINDS.length);
    for (const [name, bytes] of records) {
      for (const decoded of [decodeValue(bytes), await decodeValueAsync(bytes)]) {
        const again = await encodeValueAsync(decoded.value);
        expect([name, hexOf(again.bytes)]).toEqual([name, hexOf(bytes)]);
        expect(decoded.unportable).toEqual(LOCKED.includes(String(name)) ? ['non-extractable CryptoKey'] : []);
      }
    }
  });

  test('what Node has of these, it encodes to the bytes that the page gave', async () => {
    let same = 0;
    const lacking: string[] = [];
    for (const { name, make, carried } of KINDS) {
      const value = await attempt(make);
      if (value === LACKING) lacking.push(name);
      else if (carried) {
        expect([name, hexOf((await encodeValueAsync(value)).bytes)]).toEqual([name, hexOf(records.get(name)!)]);
        same++;
      }
    }
    console.log(`same bytes in Node and in Chromium: ${same} kinds; Node cannot make ${lacking.length}`);
    expect(same).toBeGreaterThan(60);
  });
});

const LACKING = Symbol('this platform cannot make it');

async function attempt(make: () => unknown): Promise<unknown> {
  try {
    return await make();
  } catch {
    return LACKING;
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

interface OpenedBrowser {
  readonly context: ReturnType<Awaited<ReturnType<typeof chromium.connectOverCDP>>['contexts']>[number];
  readonly driver: ReturnType<typeof cdp>;
  readonly page: Page;
}

async function openBrowser(ends: (() => Promise<unknown>)[], url: string): Promise<OpenedBrowser> {
  const browser = await launchChromium();
  ends.push(() => browser.close());
  const connected = await chromium.connectOverCDP(browser.cdpUrl);
  ends.push(() => connected.close());
  const [context] = connected.contexts();
  const page = await context!.newPage();
  await page.goto(url);
  return { context: context!, driver: cdp(browser.cdpUrl), page };
}

/** A site whose one page has `clone-kinds.ts` as `kinds`. */
async function startSite(ends: (() => Promise<unknown>)[]): Promise<string> {
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(new URL('clone-kinds.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'kinds',
  });
  const server = createServer((request, response) => {
    const script = request.url === '/kinds.js';
    response.setHeader('content-type', script ? 'text/javascript; charset=utf-8' : 'text/html');
    response.end(script ? outputFiles[0]!.text : '<!doctype html><script src="/kinds.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
