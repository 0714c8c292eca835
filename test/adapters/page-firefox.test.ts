/** The in-page adapter in Firefox: the same state as in Chromium, with less told of cookies. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BidiConnection, connectBidi } from '../../ts/adapters/bidi.ts';
import type { Report } from '../../ts/adapters/report.ts';
import { launchFirefox, type RunningFirefox, requireFirefox } from '../servers/firefox.ts';
import { bidiContext } from './bidi-pages.ts';
import { lookAtPage, type PageSite, seedPage, startPageSite } from './page-site.ts';

const GROUP = 'the adapter in a page of Firefox';

declare const ours: {
  capture(options?: object): Promise<{ text: string; report: Report }>;
  restore(text: string): Promise<{ report: Report }>;
};

describe.skipIf(requireFirefox(GROUP) === null)(GROUP, () => {
  let site: PageSite;
  let firefox: RunningFirefox;
  let connection: BidiConnection;

  beforeAll(async () => {
    site = await startPageSite();
    firefox = await launchFirefox();
    connection = await connectBidi(firefox.bidiUrl, 60_000);
  });
  afterAll(async () => {
    await connection?.close();
    await firefox?.close();
    await site?.close();
  });

  /** A page in a user context of its own, which is as fresh as a browser. */
  async function openPage(path: string): Promise<Page> {
    const { userContext } = (await connection.send('browser.createUserContext', {})) as { userContext: string };
    const page = await (await bidiContext(connection, userContext)).newPage();
    await page.goto(`${site.origin}${path}`);
    return page;
  }

  test('what script can see goes to another browser, and the report says what is not told of cookies', async () => {
    const first = await openPage('/deep/page?seed');
    await first.goto(`${site.origin}/deep/page`);
    await first.evaluate(seedPage);
    const before = await first.evaluate(lookAtPage);
    const { text, report } = await first.evaluate(() => ours.capture());
    expect(report.counts).toMatchObject({ cookies: 4, localStorage: 2, sessionStorage: 1, records: 4, cacheEntries: 1, files: 2, tabs: 1 });
    const told = (of: Report): string[] => of.entries.map(({ outcome, kind, reason }) => `${outcome} ${kind}: ${reason}`);
    expect(told(report)).toEqual([
      'notice cookie: script is shown no HttpOnly cookies, none of other hosts and paths, and neither priority nor source of the others',
      'notice origin: script sees its own origin only',
      'notice tab: script sees its own tab only, and no frames in shadow trees',
      ...Array(4).fill(
        'altered cookie: script is told its name and value alone: it is taken for a session cookie of this host and of path /',
      ),
      'uncarried history: 1 other history entries are not told by the browser',
    ]);
    const second = await openPage('/deep/page');
    site.requests.length = 0;
    const restored = await second.evaluate((session) => ours.restore(session), text);
    expect(site.requests).toEqual([]);
    expect(restored.report.counts).toEqual(report.counts);
    expect(told(restored.report)).toEqual([
      'notice cookie: of 4 cookies only name and value can be read back: whether their attributes were kept is not known',
      'notice fileSystem: files keep no time of modification: it is that of the restore',
    ]);
    await second.reload();
    expect(await second.evaluate(lookAtPage)).toEqual(before);
  });
});
