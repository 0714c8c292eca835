/** A browser that goes away in the middle of a command, at a DevTools command that the test chooses, and one whose pages do not answer in time. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import { decodeSession } from '../../ts/blob/decode.ts';
import { formatKey, generateKey } from '../../ts/envelope/key.ts';
import { open } from '../../ts/envelope/open.ts';
import { requireChromium } from '../servers/chromium.ts';
import { logIn } from '../servers/login.ts';
import { hang, startSilentServer } from '../servers/silent.ts';
import { type Browser, freshFolder, makeFolder, type Relay, removeFolder, startBrowser, startRelay } from './fixture.ts';
import { expectFailure, psp, type Run } from './run.ts';

const GROUP = 'the psp command with a browser that fails';
const KEY = generateKey();
const env = { PSP_KEY: formatKey(KEY) };

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  let site: Site;
  let browser: Browser;
  let folder: string;

  beforeAll(async () => {
    site = await startSite();
    folder = makeFolder();
    browser = await startBrowser();
    await logIn(await browser.context.newPage(), site);
    const captured = await psp(['capture', '--cdp', browser.cdpUrl, '-o', join(folder, 'login.psp')], { env });
    expect(captured.status).toBe(0);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    if (folder !== undefined) removeFolder(folder);
  });

  /** A relay to `target` that runs `act` once, when the command `method` comes by for the `nth` time. */
  const actAt = async (target: Browser, method: string, nth: number, act: (relay: Relay) => Promise<void> | void): Promise<Relay> => {
    let seen = 0;
    const relay: Relay = await startRelay(target.cdpUrl, async (command) => {
      if (command === method && ++seen === nth) await act(relay);
    });
    onTestFinished(() => relay.close());
    return relay;
  };
  /** A browser that is killed for real at the command, and is found dead before the command is let through. */
  const killedAt = async (method: string): Promise<Relay> => {
    const target = await startBrowser();
    onTestFinished(() => target.close());
    await logIn(await target.context.newPage(), site);
    const gone = new Promise<void>((resolve) => target.context.browser()!.once('disconnected', () => resolve()));
    return actAt(target, method, 1, async () => {
      process.kill(target.pid, 'SIGKILL');
      await gone;
    });
  };

  test('Chromium is killed in the middle of a capture: one line, and no file', async () => {
    const relay = await killedAt('Page.createIsolatedWorld');
    const place = freshFolder();
    expectFailure(await psp(['capture', '--cdp', relay.url, '-o', join(place, 'new.psp')], { env }), 'ADAPTER_DISCONNECTED');
    expect(readdirSync(place)).toEqual([]);
  });

  test('Chromium is killed in the middle of a restore: one line', async () => {
    const relay = await killedAt('Storage.clearDataForStorageKey');
    expectFailure(await psp(['restore', join(folder, 'login.psp'), '--cdp', relay.url], { env }), 'ADAPTER_DISCONNECTED');
  });

  test.each([
    ['Target.getBrowserContexts', 1],
    ['Browser.getVersion', 1],
    ['Target.attachToTarget', 1],
    ['Runtime.callFunctionOn', 4],
    ['IndexedDB.getMetadata', 1],
    ['Target.detachFromTarget', 1],
    ['Storage.getCookies', 1],
    ['Storage.getCookies', 2],
  ])('the connection is cut in a capture at %s number %i: one line, no new file, an old one as it was', async (method, nth) => {
    const relay = await actAt(browser, method, nth, ({ cut }) => cut());
    const place = freshFolder();
    writeFileSync(join(place, 'old.psp'), 'as it was');
    expectFailure(await psp(['capture', '--cdp', relay.url, '-o', join(place, 'old.psp')], { env }), 'ADAPTER_DISCONNECTED');
    expect(readdirSync(place)).toEqual(['old.psp']);
    expect(readFileSync(join(place, 'old.psp'), 'utf8')).toBe('as it was');
  });

  test.each([
    ['Storage.setCookies', 1],
    ['Target.createTarget', 1],
    ['Page.navigate', 2],
    ['Fetch.disable', 1],
    ['Storage.getCookies', 1],
  ])('the connection is cut in a restore at %s number %i: one line', async (method, nth) => {
    const relay = await actAt(browser, method, nth, ({ cut }) => cut());
    expectFailure(await psp(['restore', join(folder, 'login.psp'), '--cdp', relay.url, '--open'], { env }), 'ADAPTER_DISCONNECTED');
  });

  test('the connection is cut after a restore, while the tabs are opened: the report is printed all the same', async () => {
    const relay = await actAt(browser, 'Page.reload', 1, ({ cut }) => cut());
    const run = await psp(['restore', join(folder, 'login.psp'), '--cdp', relay.url, '--open'], { env });
    expect(run.stdout).toMatch(/^restored 1 cookie, /);
    expect(run.stderr).toMatch(/^psp: ADAPTER_DISCONNECTED: .+\n$/);
    expect(run.status).toBe(1);
  });

  test('a database and a page that do not answer in time are named, and the file holds the rest', async () => {
    const target = await startBrowser();
    onTestFinished(() => target.close());
    const page = await target.context.newPage();
    await logIn(page, site);
    await page.evaluate(
      () =>
        new Promise<void>((resolve) => {
          const request = indexedDB.open('held', 1);
          request.onsuccess = () => {
            // This connection never closes, so the upgrade waits, and every later open waits behind it.
            Object.assign(window, { held: request.result });
            indexedDB.open('held', 2);
            resolve();
          };
        }),
    );
    const hanging = await target.context.newPage();
    await hanging.goto(`${site.secondOrigin}/login`);
    await hanging.evaluate(() => localStorage.setItem('beside', 'the page that hangs'));
    const silent = await startSilentServer();
    onTestFinished(() => silent.close());
    hanging.evaluate(hang, silent.url).catch(() => undefined);
    await silent.asked;

    const capture = (...more: string[]): Promise<Run> =>
      psp(['capture', '--cdp', target.cdpUrl, '-o', join(folder, 'rest.psp'), '--timeout', '2', ...more], { env });
    const { status, stdout, stderr } = await capture();
    expect(status).toBe(1);
    expect(stderr).toMatch(/^psp: ADAPTER_INCOMPLETE: \w+ of http:\S+.* was lost \(ADAPTER_\w+\) and 1 more; the file holds the rest\n$/);
    expect(stdout).toMatch(new RegExp(`^lost +indexedDB +${site.origin} held +.*TimeoutError`, 'm'));
    expect(stdout).toMatch(new RegExp(`^lost +sessionStorage +${site.secondOrigin} +.*longer than 2000 ms`, 'm'));
    expect(stdout).toMatch(/^wrote .+rest\.psp/m);

    const session = await decodeSession(await open(new Uint8Array(readFileSync(join(folder, 'rest.psp'))), KEY));
    expect(session.cookies.map(({ name }) => name)).toEqual(['sid']);
    expect(session.coverage.tabs).toBe('partial');
    const storage = new Map(session.storage.map((one) => [one.key.origin, one]));
    expect(storage.get(site.origin)!.indexedDB.map(({ name }) => name)).toEqual(['app']);
    expect(storage.get(site.origin)!.localStorage.map(([name]) => name)).toEqual(['token']);
    expect(storage.get(site.secondOrigin)!.localStorage).toEqual([['beside', 'the page that hangs']]);

    const inJson = await capture('--json');
    expect(inJson).toMatchObject({ status: 1, stderr: expect.stringMatching(/^psp: ADAPTER_INCOMPLETE: .+\n$/) });
    expect(JSON.parse(inJson.stdout)).toMatchObject({ entries: expect.arrayContaining([expect.objectContaining({ outcome: 'lost' })]) });
  });
});
