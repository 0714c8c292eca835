/** Permissions through every Chromium driver: what a page may do before a capture and after a restore. */
import type { BrowserContext, CDPSession } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import type { Permission, Session } from '../../ts/session/session.ts';
import type { TestBrowser } from './driver.ts';

export function permissionsContract(name: string, makeBrowser: () => Promise<TestBrowser>): void {
  describe(`${name} driver, permissions`, () => {
    let site: Site;
    const browsers: TestBrowser[] = [];
    const freshBrowser = async (): Promise<TestBrowser> => {
      const browser = await makeBrowser();
      browsers.push(browser);
      return browser;
    };

    beforeAll(async () => {
      site = await startSite();
    });
    afterEach(async () => {
      for (const browser of browsers.splice(0)) await browser.close();
    });
    afterAll(() => site.close());

    test('what is not usual for a site moves, and a later restore takes it back', async () => {
      const first = await freshBrowser();
      await decide(first.context, site.origin, DECISIONS);
      site.resetCounters();
      const { session, report } = await first.driver.capture({ origins: [site.origin, site.secondOrigin] });
      expect(report).toMatchObject({ entries: [], counts: { permissions: 6 } });
      expect(session.coverage.permissions).toBe('partial');
      expect(byName(session.permissions)).toEqual(TOLD.map(([name, state]) => ({ origin: site.origin, name, state })));

      const second = await freshBrowser();
      const page = await second.context.newPage();
      await page.goto(`${site.origin}/login`);
      const usual = await page.evaluate(lookAtPermissions);
      site.resetCounters();
      const restored = await second.driver.restore(session);
      // The page that is open asks for its icon whenever it likes.
      expect(site.requests.filter(({ path }) => path !== '/favicon.ico')).toEqual([]);
      expect(restored.report).toMatchObject({ entries: [], counts: { permissions: 6 } });
      expect(await page.evaluate(lookAtPermissions)).toEqual(['denied', 'granted', 'granted', 'denied']);
      const again = await second.driver.capture();
      expect(byName(again.session.permissions)).toEqual(byName(session.permissions));

      const key = { origin: site.origin, topLevelSite: null };
      const none: Session = { ...session, permissions: [], storage: [{ key, localStorage: [], indexedDB: [] }], tabs: [] };
      expect((await second.driver.restore(none)).report).toMatchObject({ entries: [], counts: { permissions: 0 } });
      expect(await page.evaluate(lookAtPermissions)).toEqual(usual);
    });

    test('a permission that is not known, or of a frame, is lost by name and costs no other', async () => {
      const first = await freshBrowser();
      const { session } = await first.driver.capture({ cookieOrigins: false });
      expect(session.coverage.permissions).toBe('unvisited');
      const origin = 'https://app.example';
      const permissions: Permission[] = [
        { origin, name: 'geolocation', state: 'granted' },
        { origin, name: 'telepathy', state: 'granted' },
        { origin, name: 'camera', state: 'granted', embeddingOrigin: 'https://top.example' },
        // This browser does not let a page ask for it.
        { origin, name: 'nfc', state: 'granted' },
        { origin: 'http://app.example', name: 'notifications', state: 'granted' },
      ];
      const { report } = await first.driver.restore({ ...session, permissions });
      expect(report.counts.permissions).toBe(1);
      expect(report.entries.map(({ outcome, kind, place }) => [outcome, kind, place])).toEqual([
        ['lost', 'permission', `${origin} telepathy`],
        ['lost', 'permission', `${origin} camera`],
        ['lost', 'permission', `${origin} nfc`],
        ['lost', 'permission', 'http://app.example notifications'],
      ]);
    });
  });
}

const DECISIONS: readonly [descriptor: object, state: Permission['state']][] = [
  [{ name: 'clipboard-write' }, 'denied'],
  [{ name: 'geolocation' }, 'granted'],
  [{ name: 'midi', sysex: true }, 'granted'],
  [{ name: 'notifications' }, 'denied'],
];

/** What follows from them: two names go with another. */
const TOLD: readonly [name: string, state: Permission['state']][] = [
  ['clipboard-write', 'denied'],
  ['geolocation', 'granted'],
  ['midi', 'granted'],
  ['midi-sysex', 'granted'],
  ['notifications', 'denied'],
  ['push', 'denied'],
];

/** Runs in the page: the states of what is decided above. */
async function lookAtPermissions(): Promise<string[]> {
  const descriptors = [{ name: 'clipboard-write' }, { name: 'geolocation' }, { name: 'midi', sysex: true }, { name: 'notifications' }];
  return Promise.all(descriptors.map(async (one) => (await navigator.permissions.query(one as PermissionDescriptor)).state));
}

/** Decides as a user would. Holds until the page that it opens is closed. */
async function decide(context: BrowserContext, origin: string, decisions: typeof DECISIONS): Promise<void> {
  const session: CDPSession = await context.newCDPSession(await context.newPage());
  const { browserContextId } = (await session.send('Target.getTargetInfo')).targetInfo;
  for (const [descriptor, setting] of decisions) {
    const permission = descriptor as { name: string };
    await session.send('Browser.setPermission', {
      permission,
      setting,
      origin,
      ...(browserContextId === undefined ? {} : { browserContextId }),
    });
  }
}

function byName(permissions: readonly Permission[] = []): Permission[] {
  return [...permissions].sort((a, b) => (a.name < b.name ? -1 : 1));
}
