/** IndexedDB, files and passkeys of a storage state, with the real Playwright as the judge. */
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import { type StorageState, writeStorageState } from '../../ts/formats/formats.ts';
import { decodeValue } from '../../ts/session/clone/decode.ts';
import { readRecords } from '../../ts/session/clone/records.ts';
import { section } from '../../ts/session/session.ts';
import { CHROMIUM_FLAGS, requireChromium } from '../servers/chromium.ts';
import { SECRET, sessionWith, throughFile } from './fixture.ts';
import { cyclic, nested, type Pair, readBack, shared, storageOf, storeOf } from './storage-state-fixture.ts';

const chromiumPath = requireChromium('IndexedDB of a storage state with the real Playwright');
describe.skipIf(chromiumPath === null)('with the real Playwright', () => {
  let site: Site;
  let browser: Browser;

  beforeAll(async () => {
    site = await startSite();
    browser = await chromium.launch({ executablePath: chromiumPath!, args: [...CHROMIUM_FLAGS] });
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  // Playwright's published type knows no cookie without sameSite; its loader does.
  const load = (state: StorageState): Promise<BrowserContext> =>
    browser.newContext({ storageState: throughFile(state) as Exclude<BrowserContextOptions['storageState'], string | undefined> });

  async function open(context: BrowserContext): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`${site.secondOrigin}/login`);
    // As text: what a test runner does to functions must not come along.
    await page.evaluate(`globalThis.openStore = (mode) => new Promise((resolve, reject) => {
      const request = indexedDB.open('db', 2);
      request.onupgradeneeded = () => request.result.createObjectStore('s');
      request.onerror = () => reject(request.error);
      request.onsuccess = () => resolve(request.result.transaction('s', mode).objectStore('s'));
    });
    globalThis.done = (request) => new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });`);
    return page;
  }

  test('what a site stored and Playwright wrote is read: values, keys, files', async () => {
    const context = await browser.newContext();
    const page = await open(context);
    await page.evaluate(`(async () => {
      const values = { plain: { a: [1, null] }, date: new Date(1e12), big: 2n ** 70n, map: new Map([[1, new Set(['x'])]]), re: /x/g,
        bytes: new Uint8Array([1, 2, 3]), nan: [NaN, undefined, -0], bad: new Date(NaN), text: 'lone \\ud800' };
      for (const [key, value] of Object.entries(values)) await done((await openStore('readwrite')).put(value, key));
      await done((await openStore('readwrite')).put('array key', [1, new Date(5)]));
      const root = await navigator.storage.getDirectory();
      const folder = await root.getDirectoryHandle('folder', { create: true });
      const writable = await (await folder.getFileHandle('file.bin', { create: true })).createWritable();
      await writable.write(new Uint8Array([0, 255]));
      await writable.close();
    })()`);
    const state = (await context.storageState({ indexedDB: true, opfs: true })) as unknown as StorageState;
    await context.close();
    const { session, losses } = readBack(state);
    expect(losses).toEqual([]);
    const storage = session.storage.find(({ key }) => key.origin === site.secondOrigin)!;
    const store = storage.indexedDB[0]!.stores[0]!;
    const pairs = [...readRecords(await store.records!.bytes())].map(({ key, value }) => [
      decodeValue(key).value,
      decodeValue(value).value,
    ]);
    expect(pairs).toEqual([
      ['bad', new Date(Number.NaN)],
      ['big', 2n ** 70n],
      ['bytes', new Uint8Array([1, 2, 3])],
      ['date', new Date(1e12)],
      ['map', new Map([[1, new Set(['x'])]])],
      ['nan', [Number.NaN, undefined, -0]],
      ['plain', { a: [1, null] }],
      ['re', /x/g],
      ['text', 'lone \ud800'],
      [[1, new Date(5)], 'array key'],
    ]);
    expect(storage.files!.map(({ path, kind }) => [path, kind])).toEqual([
      ['folder', 'directory'],
      ['folder/file.bin', 'file'],
    ]);
    expect([...(await storage.files![1]!.body!.bytes())]).toEqual([0, 255]);

    // And what we write of that is, to Playwright, the same file again.
    const written = await writeStorageState(session);
    expect(written.losses).toEqual([]);
    const second = await load(written.state);
    const again = (await second.storageState({ indexedDB: true, opfs: true })) as unknown as StorageState;
    await second.close();
    expect(throughFile(again.origins)).toEqual(throughFile(state.origins));
  });

  test('what we write without a loss, the site finds as it was: also where Playwright’s own files break it', async () => {
    const pairs: Pair[] = [
      ['cycle', cyclic],
      ['date', new Date(Number.NaN)],
      ['deep', nested(150)],
      ['deep map', new Map([[0, nested(140)]])],
      ['error', new RangeError('out')],
      ['regexp', /a/gi],
      ['shared', [shared, shared]],
      ['zero', -0],
    ];
    const storage = storageOf(site.secondOrigin, storeOf(pairs));
    const files = [
      { path: 'a', kind: 'directory' },
      { path: 'a/b', kind: 'file', body: section(new Uint8Array([7]), 'application/octet-stream') },
    ] as const;
    const { state, losses } = await writeStorageState(sessionWith({ storage: [{ ...storage, files }] }));
    expect(losses).toEqual([]);
    const context = await load(state);
    const page = await open(context);
    expect(
      await page.evaluate(`(async () => {
        const at = async (key) => done((await openStore('readonly')).get(key));
        const [cycle, date, error, shared, zero] = await Promise.all(['cycle', 'date', 'error', 'shared', 'zero'].map(at));
        let deep = await at('deep'), depth = 0;
        while (Array.isArray(deep)) { deep = deep[0]; depth++; }
        const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('a');
        const file = await (await folder.getFileHandle('b')).getFile();
        return [cycle.self === cycle, Number.isNaN(date.getTime()), depth, (await at('deep map')).size, error instanceof RangeError, error.message,
          String(await at('regexp')), shared[0] === shared[1], Object.is(zero, -0), (await file.arrayBuffer()).byteLength];
      })()`),
    ).toEqual([true, true, 150, 1, true, 'out', '/a/gi', true, true, 1]);
    await context.close();
  });

  test('passkeys that Playwright made come back with their keys, and Playwright takes them', async () => {
    const context = await browser.newContext();
    await context.credentials.create('app.example', { signCount: 3 });
    await context.credentials.create('other.example');
    const state = (await context.storageState({ credentials: true })) as unknown as StorageState;
    await context.close();
    const { session, losses } = readBack(state);
    expect(losses).toEqual([]);
    expect(session.credentials).toMatchObject([
      { rpId: 'app.example', signCount: 3, isResidentCredential: true },
      { rpId: 'other.example' },
    ]);
    expect(session.coverage.credentials).toBe('partial');
    const written = await writeStorageState(session);
    expect(written.losses).toEqual([]);
    expect(written.state.credentials).toEqual(state.credentials);
    const second = await load(written.state);
    expect(await second.credentials.get()).toEqual(state.credentials);
    await second.close();

    const [passkey] = session.credentials!;
    const { userHandle: _, ...handleless } = passkey!;
    const told = await writeStorageState(
      sessionWith({
        credentials: [
          { ...passkey!, privateKey: section(new TextEncoder().encode(SECRET), 'application/pkcs8') },
          { ...passkey!, signCount: 2 ** 32 },
          { ...handleless, isResidentCredential: false },
        ],
      }),
    );
    expect(told.losses.map(({ pointer, severity }) => `${pointer} ${severity}`)).toEqual([
      '/credentials/0 dropped',
      '/credentials/1 dropped',
      '/credentials/2/isResidentCredential lossy',
      '/credentials/2/userHandle lossy',
    ]);
    expect(told.state.credentials).toHaveLength(1);
  });
});
