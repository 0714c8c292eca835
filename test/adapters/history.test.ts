/** The history of a tab, in Chromium: each entry's state where the session has it, and what a capture cannot know said plainly. */
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import { decodeValue } from '../../ts/session/clone/decode.ts';
import { encodeValue } from '../../ts/session/clone/encode.ts';
import { VALUE_MEDIA_TYPE } from '../../ts/session/clone/records.ts';
import { type Section, type Session, section } from '../../ts/session/session.ts';
import { type CdpContexts, startCdpContexts } from '../servers/cdp-contexts.ts';
import { requireChromium } from '../servers/chromium.ts';
import { restoredTab } from '../servers/login.ts';

const GROUP = 'the history of a tab';

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

  test('a restore gives every entry the state that the session has for it, with the current one in the middle', async () => {
    const { context, driver } = await contexts.open();
    const url = `${site.origin}/login`;
    const stateOf = (value: unknown): Section => section(encodeValue(value).bytes, VALUE_MEDIA_TYPE);
    const entries = [
      { url, state: stateOf({ at: 0, when: new Date(5) }) },
      { url: `${url}?1`, title: 'second', state: stateOf(new Map([['at', 1]])) },
      { url: `${url}?2` },
      { url: `${url}?3`, state: stateOf('three') },
    ];
    const { report } = await driver.restore({
      ...EMPTY,
      tabs: [{ id: 't', url: `${url}?1`, history: { index: 1, entries }, sessionStorage: [] }],
    });
    expect(report).toMatchObject({ entries: [], counts: { tabs: 1 } });
    expect(site.requests).toEqual([]);
    const tab = await restoredTab(context, `${url}?1`);
    // The way there loads the site: the document may change once more while it is looked at.
    const seen = (read: () => unknown) => expect.poll(() => tab.evaluate(read).catch(() => 'not yet'));
    await seen(() => [...(history.state as Map<string, number>)]).toEqual([['at', 1]]);
    await go(tab, -1, url);
    await seen(() => history.state.when.getTime()).toBe(5);
    await go(tab, 2, `${url}?2`);
    await seen(() => history.state).toBeNull();
    await go(tab, 1, `${url}?3`);
    await seen(() => history.state).toBe('three');
  });

  test('a state that this browser cannot make costs only itself', async () => {
    const { driver } = await contexts.open();
    const url = `${site.origin}/login`;
    const entries = [
      { url, state: section(encodeValue(() => 'a function is a placeholder').bytes, VALUE_MEDIA_TYPE) },
      { url: `${url}?1`, state: section(encodeValue('kept').bytes, VALUE_MEDIA_TYPE) },
    ];
    const { report } = await driver.restore({
      ...EMPTY,
      tabs: [{ id: 't', url: `${url}?1`, history: { index: 1, entries }, sessionStorage: [] }],
    });
    expect(report.entries.map(({ outcome, kind, place }) => [outcome, kind, place])).toEqual([['lost', 'history', site.origin]]);
    expect(report.counts.tabs).toBe(1);
    const { session } = await driver.capture();
    expect(await session.tabs.find((tab) => tab.url === `${url}?1`)!.history!.entries[1]!.state!.bytes()).toEqual(
      encodeValue('kept').bytes,
    );
  });

  test('asked to, a capture reads the states of the whole document, and the page does not see it; frames keep it from that', async () => {
    const { context, driver } = await contexts.open();
    const page = context.pages()[0]!;
    await page.goto(`${site.origin}/login?before`);
    await page.goto(`${site.origin}/login`);
    await page.evaluate(watch);
    await page.evaluate(() => {
      history.replaceState(new Map([['at', 0]]), '');
      history.pushState({ at: 1 }, '', '#one');
      history.pushState({ at: 2, run: null }, '', '?two');
      history.pushState(null, '', '?three');
      history.go(-1);
    });
    await expect.poll(() => page.evaluate(() => history.state?.at)).toBe(2);
    const before = await page.evaluate(seen);
    site.resetCounters();
    const { session, report } = await driver.capture({ historyStates: true });
    expect(await page.evaluate(seen)).toEqual(before);
    // The browser looks for an icon by itself wherever a tab goes.
    expect(site.requests.filter(({ path }) => path !== '/favicon.ico')).toEqual([]);
    expect(report.entries.map(({ reason }) => reason)).toEqual([
      // about:blank, and the document before.
      'a state of 2 other history entries, if they have one, is not told by the browser',
    ]);
    const entries = session.tabs.find(({ url }) => url.endsWith('?two'))!.history!.entries;
    expect(
      await Promise.all(entries.map(async ({ state }) => (state === undefined ? null : decodeValue(await state.bytes()).value))),
    ).toEqual([null, null, new Map([['at', 0]]), { at: 1 }, { at: 2, run: null }, null]);

    const second = await contexts.open();
    const restored = await second.driver.restore(session);
    expect(restored.report.entries).toEqual([]);
    const tab = await restoredTab(second.context, page.url());
    await go(tab, -2, `${site.origin}/login`);
    expect(await tab.evaluate(() => [...(history.state as Map<string, number>)])).toEqual([['at', 0]]);

    // A page that can still be timed, spoken to and changed; and one with a frame, which is left alone.
    await page.evaluate(() => document.body.append(document.createElement('iframe')));
    const framed = await driver.capture({ historyStates: true });
    expect(framed.report.entries.map(({ reason }) => reason)).toContain(
      'a state of 5 other history entries, if they have one, is not told by the browser',
    );
    expect(await page.evaluate(() => new Promise((resolve) => setTimeout(() => resolve('alive'), 1)))).toBe('alive');
  });

  test('what no capture can carry is reported: states of other entries (a tab would have to be navigated), of the Navigation API, and an opener', async () => {
    const { context, driver } = await contexts.open();
    const page = context.pages()[0]!;
    await page.goto(`${site.origin}/login`);
    await page.evaluate(async () => {
      history.replaceState('first', '');
      history.pushState('second', '', '?2');
      const { navigation } = window as unknown as { navigation: { updateCurrentEntry(options: { state: unknown }): void } };
      navigation.updateCurrentEntry({ state: { of: 'the API' } });
    });
    const [popup] = await Promise.all([context.waitForEvent('page'), page.evaluate(() => void window.open('/popup'))]);
    await popup.waitForLoadState();
    const { session, report } = await driver.capture();
    // Pages are listed in an order of the browser's.
    expect(report.entries.map(({ outcome, kind, place, reason }) => `${outcome} ${kind} ${place} ${reason}`).sort()).toEqual([
      `uncarried history ${site.origin} 1 entries have a state of the Navigation API, which this version does not carry`,
      `uncarried history ${site.origin} a state of 2 other history entries, if they have one, is not told by the browser`,
      `uncarried tab ${site.origin} the tab that opened it, which it can reach by window.opener: this version does not carry that`,
    ]);
    expect(session.tabs.find((tab) => tab.url.endsWith('?2'))!.history!.entries.map(({ state }) => state !== undefined)).toEqual([
      false,
      false,
      true,
    ]);
    expect(page.url()).toBe(`${site.origin}/login?2`);
  });
});

const EMPTY: Session = {
  id: 's',
  incarnation: 'i',
  revision: 0,
  createdAt: 0,
  updatedAt: 0,
  source: { tool: 'test' },
  coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
  cookies: [],
  storage: [],
  tabs: [],
};

/** Runs in the page: notes everything that tells of a change of the entry. */
function watch(): void {
  const notes: string[] = [];
  const { navigation } = window as unknown as { navigation: EventTarget };
  for (const [target, type] of [
    [window, 'popstate'],
    [window, 'hashchange'],
    [navigation, 'navigate'],
    [navigation, 'currententrychange'],
    [navigation, 'navigatesuccess'],
  ] as const) {
    for (const capture of [true, false]) target.addEventListener(type, () => notes.push(type), { capture });
  }
  Object.assign(window, { notes });
}

/** Runs in the page. */
function seen(): unknown {
  return { notes: (window as unknown as { notes: string[] }).notes, address: location.href, length: history.length };
}

async function go(tab: Page, by: number, url: string): Promise<void> {
  // The connection that looks on may still hear of the restore's own loading.
  await expect.poll(() => tab.evaluate(() => document.readyState)).toBe('complete');
  // By the page's own means, and not before the call has its answer.
  await tab.evaluate((steps) => void setTimeout(() => history.go(steps)), by);
  await tab.waitForURL(url, { waitUntil: 'commit' });
}
