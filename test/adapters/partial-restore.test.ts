/** Restoring a part of a session, and into what is there already: in a real browser, where each test has an origin of its own. */
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CdpTarget, cdp } from '../../ts/adapters/cdp.ts';
import type { Driver, RestoreOptions } from '../../ts/adapters/driver.ts';
import { encodeValue } from '../../ts/session/clone/encode.ts';
import { RECORDS_MEDIA_TYPE, RecordWriter } from '../../ts/session/clone/records.ts';
import type { Cookie, Database, OriginStorage, Section, Session } from '../../ts/session/session.ts';
import { section, textOf } from '../../ts/session/session.ts';
import { launchChromium, requireChromium } from '../servers/chromium.ts';

const GROUP = 'restoring a part, and adding to what is there';

function recordsOf(entries: Readonly<Record<string, string>>): Database['stores'][number] {
  const writer = new RecordWriter();
  for (const key of Object.keys(entries).sort()) writer.addEncoded(encodeValue(key), encodeValue(entries[key]));
  const recordCount = Object.keys(entries).length;
  return {
    name: 'store',
    keyPath: null,
    autoIncrement: true,
    keyGenerator: 1,
    indexes: [],
    recordCount,
    records: section(writer.take(), RECORDS_MEDIA_TYPE),
  };
}

const bodyOf = (text: string): { body: ReturnType<typeof section> } => ({
  body: section(new TextEncoder().encode(text), 'application/octet-stream'),
});

/** Storage of an origin in which every value is `word`, under names of its own and one that all have. */
function storageOf(origin: string, word: string, version = 1): OriginStorage {
  const entries = { [word]: word, shared: word };
  return {
    key: { origin, topLevelSite: null },
    localStorage: Object.entries(entries),
    indexedDB: [
      { name: 'both', version, stores: [recordsOf(entries)] },
      { name: `only ${word}`, version: 1, stores: [recordsOf(entries)] },
    ],
    caches: [
      {
        name: 'both',
        entries: Object.keys(entries).map((name) => ({
          url: `${origin}/${name}`,
          ...{ method: 'GET', requestHeaders: [], status: 200, statusText: '', type: 'default', responseHeaders: [] },
          ...bodyOf(word),
        })),
      },
    ],
    files: [
      { path: 'folder', kind: 'directory' },
      ...Object.keys(entries).map((name) => ({ path: `folder/${name}`, kind: 'file' as const, ...bodyOf(word) })),
    ],
  };
}

function cookieOf(domain: string, name: string, value: string): Cookie {
  return {
    ...{ name, value, domain, hostOnly: true, path: '/', secure: true, httpOnly: false, sameSite: 'lax' },
    ...{ expiresAt: null, partitionKey: null },
  };
}

function sessionOf(storage: readonly OriginStorage[], cookies: readonly Cookie[] = [], tabs: Session['tabs'] = []): Session {
  return {
    ...{ id: 's', incarnation: 'i', revision: 0, createdAt: 0, updatedAt: 0, source: { tool: 'test' } },
    ...{ coverage: { cookies: 'complete', tabs: 'complete', storage: [] }, cookies, storage, tabs },
  };
}

const textOfBody = async (body: Section | undefined): Promise<string> => new TextDecoder().decode(await body?.bytes());

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  let browser: Awaited<ReturnType<typeof launchChromium>>;
  let driver: Driver<CdpTarget>;
  beforeAll(async () => {
    browser = await launchChromium();
    driver = cdp(browser.cdpUrl);
  });
  afterAll(() => browser?.close());

  const restore = async (session: Session, options: RestoreOptions = {}) => (await driver.restore(session, options)).report;

  /** What the browser holds of an origin now, in short. */
  async function look(origin: string): Promise<Record<'items' | 'databases' | 'cached' | 'files', Record<string, string | number>>> {
    const { session } = await driver.capture({ origins: [origin], cookieOrigins: false });
    const storage = session.storage.find(({ key }) => key.origin === origin);
    const items = await Promise.all((storage?.localStorage ?? []).map(async ([name, value]) => [name, await textOf(value)]));
    const cached = (storage?.caches ?? []).flatMap(({ entries }) => entries);
    const files = (storage?.files ?? []).filter(({ kind }) => kind === 'file');
    return {
      items: Object.fromEntries(items),
      databases: Object.fromEntries((storage?.indexedDB ?? []).map(({ name, stores }) => [name, stores[0]!.recordCount])),
      cached: Object.fromEntries(await Promise.all(cached.map(async ({ url, body }) => [new URL(url).pathname, await textOfBody(body)]))),
      files: Object.fromEntries(await Promise.all(files.map(async ({ path, body }) => [path, await textOfBody(body)]))),
    };
  }

  test('keep: nothing is removed, and where both have an entry the one of the session wins', async () => {
    const origin = 'https://keep.example';
    await restore(sessionOf([storageOf(origin, 'old')]));
    const report = await restore(sessionOf([storageOf(origin, 'new')]), { existing: 'keep' });
    expect(report.entries).toEqual([]);
    expect(report.counts).toMatchObject({ localStorage: 2, databases: 2, records: 4, cacheEntries: 2, files: 3 });
    expect(await look(origin)).toEqual({
      items: { old: 'old', new: 'new', shared: 'new' },
      databases: { both: 3, 'only old': 2, 'only new': 2 },
      cached: { '/old': 'old', '/new': 'new', '/shared': 'new' },
      files: { 'folder/old': 'old', 'folder/new': 'new', 'folder/shared': 'new' },
    });
  });

  test('replace, which is the default: what was there is gone', async () => {
    const origin = 'https://replace.example';
    await restore(sessionOf([storageOf(origin, 'old')]));
    expect((await restore(sessionOf([storageOf(origin, 'new')]))).entries).toEqual([]);
    expect(await look(origin)).toEqual({
      items: { new: 'new', shared: 'new' },
      databases: { both: 2, 'only new': 2 },
      cached: { '/new': 'new', '/shared': 'new' },
      files: { 'folder/new': 'new', 'folder/shared': 'new' },
    });
  });

  test('keep: a database that is there in another version stays as it is, and the one of the session is reported lost', async () => {
    const origin = 'https://version.example';
    await restore(sessionOf([storageOf(origin, 'old', 2)]));
    const report = await restore(sessionOf([storageOf(origin, 'new')]), { existing: 'keep', kinds: ['indexedDB'] });
    expect(report.entries).toEqual([
      {
        outcome: 'lost',
        kind: 'indexedDB',
        place: `${origin} both`,
        reason: expect.stringContaining('is kept'),
        code: 'ADAPTER_UNSUPPORTED',
      },
    ]);
    expect(report.counts).toMatchObject({ databases: 1, records: 2, localStorage: 0, cacheEntries: 0, files: 0 });
    expect((await look(origin)).databases).toEqual({ both: 2, 'only old': 2, 'only new': 2 });
  });

  test('by kind: the areas of other kinds are left as they are', async () => {
    const origin = 'https://kind.example';
    await restore(sessionOf([storageOf(origin, 'old')]));
    expect((await restore(sessionOf([storageOf(origin, 'new')]), { kinds: ['localStorage', 'cache'] })).entries).toEqual([]);
    expect(await look(origin)).toEqual({
      items: { new: 'new', shared: 'new' },
      databases: { both: 2, 'only old': 2 },
      cached: { '/new': 'new', '/shared': 'new' },
      files: { 'folder/old': 'old', 'folder/shared': 'old' },
    });
  });

  test('by origin: others are left as they are, cookies and tabs too', async () => {
    const [one, other] = ['https://one.example', 'https://other.example'];
    const session = sessionOf(
      [storageOf(one, 'new'), storageOf(other, 'new')],
      [cookieOf('one.example', 'c', 'one'), cookieOf('other.example', 'c', 'other')],
      [
        { id: 'tab-1', url: `${one}/`, sessionStorage: [] },
        { id: 'tab-2', url: `${other}/`, sessionStorage: [] },
      ],
    );
    const report = await restore(session, { origins: [one] });
    expect(report.entries).toEqual([]);
    expect(report.counts).toMatchObject({ cookies: 1, tabs: 1, origins: 1, localStorage: 2 });
    expect((await look(one)).items).toEqual({ new: 'new', shared: 'new' });
    expect((await look(other)).items).toEqual({});
    await expect(driver.restore(session, { origins: ['one.example'] })).rejects.toThrow(TypeError);
  });

  test('by a predicate: what it says yes to is added to its area, with the directory that it stands in', async () => {
    const origin = 'https://only.example';
    await restore(sessionOf([{ ...storageOf(origin, 'old'), files: [] }]));
    const report = await restore(sessionOf([storageOf(origin, 'new')]), { only: ({ name }) => name === 'new' || name.endsWith('/new') });
    expect(report.entries).toEqual([]);
    expect(report.counts).toMatchObject({ localStorage: 1, databases: 0, cacheEntries: 0, files: 2 });
    expect(await look(origin)).toEqual({
      items: { old: 'old', shared: 'old', new: 'new' },
      databases: { both: 2, 'only old': 2 },
      cached: { '/old': 'old', '/shared': 'old' },
      files: { 'folder/new': 'new' },
    });
  });

  test('an open page stands still meanwhile: what it writes all the time does not get between, its connections are closed, and it goes on', async () => {
    const origin = 'https://live.example';
    const connected = await chromium.connectOverCDP(browser.cdpUrl);
    try {
      const context = connected.contexts()[0]!;
      const page = await context.newPage();
      const body = `<script>
        setInterval(() => localStorage.setItem('shared', 'by the page'), 1);
        indexedDB.open('both').onsuccess = ({ target }) => { window.held = target.result; document.title = 'ready'; };
      </script>`;
      await page.route(`${origin}/*`, (route) => route.fulfill({ contentType: 'text/html', body }));
      await page.goto(`${origin}/`);
      await page.waitForFunction(() => document.title === 'ready' && localStorage.getItem('shared') === 'by the page');
      const report = await restore(sessionOf([storageOf(origin, 'new')]));
      expect(report.entries).toEqual([]);
      expect(report.counts).toMatchObject({ localStorage: 2, databases: 2, records: 4 });
      await page.waitForFunction(() => localStorage.getItem('shared') === 'by the page');
      expect(await page.evaluate(() => localStorage.getItem('new'))).toBe('new');
      await page.close();
    } finally {
      await connected.close();
    }
  });

  test('a cookie that was there keeps its age: where that puts it before one of its name which it should follow, the report names that', async () => {
    const host = cookieOf('order.example', 'pair', 'of the host');
    const wide: Cookie = { ...cookieOf('order.example', 'pair', 'of the domain'), hostOnly: false };
    expect((await restore(sessionOf([], [wide]))).entries).toEqual([]);
    const report = await restore(sessionOf([], [host, wide]));
    expect(report.counts.cookies).toBe(2);
    expect(report.entries.map(({ outcome, kind, place }) => [outcome, kind, place])).toEqual([
      ['altered', 'cookie', 'order.example/ pair'],
    ]);
  });

  test('a tab is opened for what is chosen of its sessionStorage', async () => {
    const origin = 'https://tab.example';
    const key = { origin, topLevelSite: null };
    const tabs: Session['tabs'] = [
      {
        id: 'tab-a',
        url: `${origin}/a`,
        sessionStorage: [
          {
            key,
            items: [
              ['chosen', 'a'],
              ['not', 'a'],
            ],
          },
        ],
      },
      { id: 'tab-b', url: `${origin}/b`, sessionStorage: [{ key, items: [['not', 'b']] }] },
    ];
    const report = await restore(sessionOf([], [], tabs), { only: ({ kind, name }) => kind === 'sessionStorage' && name === 'chosen' });
    expect(report.entries).toEqual([]);
    expect(report.counts).toMatchObject({ tabs: 1, sessionStorage: 1 });
  });
});
