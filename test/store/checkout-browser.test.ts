/** Two workers with real browsers and one session: what each changed survives, and so does the login (issue F, laws M8 to M11). */
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startSite } from '../../demo/site.ts';
import { memory } from '../../providers/memory.ts';
import { playwright } from '../../ts/adapters/playwright.ts';
import { generateKey } from '../../ts/envelope/envelope.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import { CHROMIUM_FLAGS, requireChromium } from '../servers/chromium.ts';
import { logIn, restoredTab, whoAmI } from '../servers/login.ts';

const GROUP = 'checkout and commit with real browsers';
const path = requireChromium(GROUP);

async function freshContext(): Promise<BrowserContext> {
  const browser: Browser = await chromium.launch({ executablePath: path!, args: [...CHROMIUM_FLAGS] });
  onTestFinished(() => browser.close());
  return browser.newContext();
}

/** The site's own page asks for a new token and a new cookie, and keeps them. */
async function refreshLogin(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const headers = { authorization: `Bearer ${localStorage.getItem('token')}` };
    const answer = await fetch('/api/refresh', { method: 'POST', headers });
    localStorage.setItem('token', ((await answer.json()) as { token: string }).token);
  });
}

describe.skipIf(path === null)(GROUP, () => {
  test('a login refreshed by one worker and an item added by the other both survive', { timeout: 180_000 }, async () => {
    const site = await startSite();
    onTestFinished(() => site.close());
    const store = sessionStore(memory(), { keys: generateKey() });

    const first = await freshContext();
    await logIn(await first.newPage(), site);
    const { session } = await playwright(first).capture();
    await store.put(session);
    await first.close();

    const [one, two] = [await freshContext(), await freshContext()];
    const refreshing = await store.checkout(session.id);
    const shopping = await store.checkout(session.id);
    const { report } = await refreshing.restore(playwright(one));
    expect(report.entries.filter(({ outcome }) => outcome === 'lost' || outcome === 'altered')).toEqual([]);
    await shopping.restore(playwright(two));

    const refreshed = await restoredTab(one, `${site.origin}/home`);
    // Away from the page that sets its own token at each load, as the other worker is.
    await refreshed.goto(`${site.origin}/whoami`);
    await refreshLogin(refreshed);
    const shop = await restoredTab(two, `${site.origin}/home`);
    await shop.evaluate(() => localStorage.setItem('cart', JSON.stringify(['a book'])));

    const added = await shopping.commit();
    expect(added).toMatchObject({ written: 1, deleted: 0, unknown: [], conflicts: [] });
    const renewed = await refreshing.commit();
    expect(renewed.deleted).toBe(0);
    expect(renewed.conflicts).toEqual([]);

    const third = await freshContext();
    const after = await store.checkout(session.id);
    await after.restore(playwright(third));
    const page = await restoredTab(third, `${site.origin}/whoami`);
    expect(await whoAmI(page, site)).toEqual({ places: 4, text: expect.stringMatching(/^logged in as /) });
    expect(await page.evaluate(() => localStorage.getItem('cart'))).toBe('["a book"]');
    // Nothing was done: nothing is brought back.
    const before = (await store.get(session.id))!.revision;
    await third.close();
    const fourth = await freshContext();
    const idle = await store.checkout(session.id);
    await idle.restore(playwright(fourth));
    expect(await idle.commit()).toMatchObject({ written: 0, deleted: 0, unknown: [] });
    expect((await store.get(session.id))!.revision).toBe(before);
  });
});
