/** IndexedDB at sizes and in shapes that need more than one batch, through DevTools and without them, in one browser. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { captureDatabases, clearDatabases } from '../../ts/adapters/databases.ts';
import type { Standing } from '../../ts/adapters/intercept.ts';
import { Operation } from '../../ts/adapters/operation.ts';
import { enterWorld } from '../../ts/adapters/page-world.ts';
import { playwright } from '../../ts/adapters/playwright.ts';
import { restoreDatabases } from '../../ts/adapters/restored-databases.ts';
import { PspError } from '../../ts/errors.ts';
import { captureToFile, restoreFromFile } from '../../ts/file.ts';
import { decodeValue } from '../../ts/session/clone/decode.ts';
import { RECORDS_MEDIA_TYPE, RecordWriter, readRecords } from '../../ts/session/clone/records.ts';
import { memorySink } from '../../ts/session/section-sink.ts';
import { type Database, section } from '../../ts/session/session.ts';
import { launchChromium, type RunningChromium, requireChromium } from '../servers/chromium.ts';

const GROUP = 'databases of many records';

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  let running: RunningChromium;
  let browser: Browser;
  let server: Server;
  let requests = 0;
  let port: number;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'psp-databases-'));
    server = createServer((_, response) => {
      requests++;
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><link rel="icon" href="data:,">');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
    running = await launchChromium();
    browser = await chromium.connectOverCDP(running.cdpUrl);
  });
  afterAll(async () => {
    await browser?.close();
    await running?.close();
    server?.close();
    server?.closeAllConnections();
    await rm(folder, { recursive: true });
  });

  const openPage = async (host = 'localhost'): Promise<Page> => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(`http://${host}:${port}/`);
    return page;
  };
  let seeded: Promise<Page> | null = null;
  /** A page with many records, which tests only read. */
  const manyRecords = (): Promise<Page> => {
    seeded ??= openPage().then(async (page) => {
      await page.evaluate(seedMany);
      return page;
    });
    return seeded;
  };
  /** The page's own realm, as a driver without DevTools has it. */
  const standIn = async (page: Page): Promise<Standing> => {
    const world = enterWorld((code, args) => page.evaluate(`(${code}).apply(null, ${JSON.stringify(args)})`), 'a page');
    return { session: null, world, storageKey: '' };
  };
  const operationOf = (timeoutMs = 15_000): Operation => new Operation({ isClosed: () => false }, { timeoutMs });

  test('records of every size, in order, through many batches; a Blob among them keeps its place', async () => {
    const page = await manyRecords();
    const before = await page.evaluate(lookAtAll);
    expect(Object.keys(before)).toEqual(['large', 'mixed', 'small']);
    const { session, report } = await playwright(page.context()).capture();
    expect(report.entries.filter(({ kind }) => kind === 'indexedDB')).toEqual([]);
    const [database] = session.storage[0]!.indexedDB;
    expect(database!.stores.map(({ name, recordCount }) => [name, recordCount])).toEqual([
      ['large', 12],
      ['mixed', 40],
      ['small', 4500],
    ]);
    const keys = [...readRecords(await database!.stores[2]!.records!.bytes())].map(({ key }) => decodeValue(key).value);
    expect(keys).toEqual(Array.from({ length: 4500 }, (_, i) => i));

    const to = await openPage();
    const restored = await playwright(to.context()).restore(session);
    expect(restored.report).toMatchObject({ entries: [], counts: { databases: 1, records: 4552 } });
    expect(await to.evaluate(lookAtAll)).toEqual(before);
    await to.context().close();
  });

  test('a capture to a file and the restore from it carry the same, and the file is all that is left', async () => {
    const page = await manyRecords();
    const path = join(folder, 'session.pspb');
    const { report } = await captureToFile(playwright(page.context()), path);
    expect(report.counts).toMatchObject({ databases: 1, records: 4552 });
    const to = await openPage();
    const restored = await restoreFromFile(playwright(to.context()), path);
    expect(restored.report).toMatchObject({ entries: [], counts: { databases: 1, records: 4552 } });
    expect(await to.evaluate(lookAtAll)).toEqual(await page.evaluate(lookAtAll));
    await to.context().close();
  });

  test('more than may wait in the page is read while somebody takes it, and is not held from the site when nobody does', async () => {
    const page = await openPage();
    await page.evaluate(seedMegabytes, 40);
    const at = await standIn(page);
    const { databases } = await captureDatabases(operationOf(), at, 'here');
    expect(databases[0]!.stores[0]).toMatchObject({ recordCount: 40 });
    expect(databases[0]!.stores[0]!.records!.length).toBeGreaterThan(40 * 1024 * 1024);

    await at.world.call('openDatabase', 'megabytes', 200);
    // Waits for the reading's transaction to end: the page can write again.
    expect(await page.evaluate(writeOne)).toBe('written');
    // Without the records in what a failure would print.
    const taken = at.world.call('nextRecords').then(({ length }) => length);
    await expect(taken).rejects.toMatchObject({ details: { error: 'TimeoutError' } });
    await page.context().close();
  });

  test('a database whose records are damaged on their way is lost with its reason, and leaves no part of itself behind', async () => {
    const page = await manyRecords();
    const { session } = await playwright(page.context()).capture();
    const [database] = session.storage[0]!.indexedDB;
    const records = database!.stores[2]!.records!;
    const torn = {
      ...records,
      async *stream() {
        yield (await records.bytes()).subarray(0, 300_000);
        throw new PspError('BLOB_SECTION_HASH', 'section s0 does not have the hash that the header states');
      },
    };
    const stores = database!.stores.map((store, i) => (i === 2 ? { ...store, records: torn } : store));
    const to = await openPage();
    const restored = await playwright(to.context()).restore({
      ...session,
      storage: [
        {
          ...session.storage[0]!,
          indexedDB: [
            { ...database!, stores },
            { name: 'whole', version: 2, stores: [] },
          ],
        },
      ],
    });
    expect(restored.report.entries).toMatchObject([{ outcome: 'lost', kind: 'indexedDB', code: 'BLOB_SECTION_HASH' }]);
    expect(await to.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name))).toEqual(['whole']);
    await to.context().close();
  });

  test('without DevTools the key generator is told, and not used up', async () => {
    const page = await openPage();
    await page.evaluate(seedGenerators);
    const at = await standIn(page);
    const operation = operationOf();
    const { databases } = await captureDatabases(operation, at, 'here');
    expect(operation.entries).toEqual([]);
    expect(databases[0]!.stores.map(({ name, keyGenerator }) => [name, keyGenerator])).toEqual([
      ['inline', 8],
      ['never used', 1],
      ['none', undefined],
      ['outside', 101],
    ]);
    expect(await page.evaluate(nextKeys)).toEqual([8, 1, 101]);
    // And what a capture by the DevTools protocol says is the same, one later now.
    const { session } = await playwright(page.context()).capture();
    expect(session.storage[0]!.indexedDB[0]!.stores.map(({ keyGenerator }) => keyGenerator)).toEqual([9, 2, undefined, 102]);

    const to = await openPage();
    const restoring = operationOf();
    const there = await standIn(to);
    await clearDatabases(restoring, there, 'here');
    expect(await restoreDatabases(restoring, there, 'here', databases, false)).toMatchObject({ databases: 1 });
    expect(restoring.entries).toEqual([]);
    expect(await to.evaluate(nextKeys)).toEqual([8, 1, 101]);
    await Promise.all([page.context().close(), to.context().close()]);
  });

  test('without DevTools a database that a page holds open is reported, and no other is lost', async () => {
    const page = await openPage();
    await page.evaluate(holdOpen);
    const operation = operationOf(600);
    const at = await standIn(page);
    await clearDatabases(operation, at, 'here');
    expect(operation.entries).toMatchObject([{ outcome: 'altered', kind: 'indexedDB', place: 'here held', code: 'ADAPTER_PROTOCOL' }]);
    const wanted: Database[] = ['held', 'other'].map((name) => ({ name, version: 1, stores: [] }));
    expect(await restoreDatabases(operation, at, 'here', wanted, false)).toMatchObject({ databases: 1 });
    expect(operation.entries.at(-1)).toMatchObject({ outcome: 'lost', place: 'here held' });
    // It is another's: what could not be written is not removed either.
    expect(await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name).sort())).toEqual(['held', 'other']);
    await page.context().close();
  });

  test.each([
    ['in one call', 20],
    ['in pieces', 4500],
  ])(
    'written %s: what the database refuses, what reads back otherwise and what nobody sent is told, and costs no other database',
    async (_, count) => {
      const page = await openPage();
      const at = await standIn(page);
      const restoreOne = async (database: Database) => {
        const operation = operationOf();
        const restored = await restoreDatabases(operation, at, 'here', [database], false);
        return { ...restored, entries: operation.entries.map(({ outcome, place, reason }) => [outcome, place, reason]) };
      };
      const wanted = (name: string, mailOf = (i: number) => `m${i}`): Database => mailDatabase(name, count, mailOf);
      const last = count - 1;
      expect(await restoreOne(wanted('twice', (i) => (i === last ? 'm3' : `m${i}`)))).toEqual({
        databases: 0,
        records: last,
        entries: [['lost', 'here twice/list', `record ${last}: ConstraintError`]],
      });
      await page.evaluate(tamper, { mail: `m${last - 1}`, key: last - 2 });
      const differs = (name: string) => ({
        databases: 0,
        records: 0,
        entries: [['altered', `here ${name}/list`, 'its records read back differently']],
      });
      for (const name of ['other value', 'one more', 'other key']) expect(await restoreOne(wanted(name))).toEqual(differs(name));
      expect(await restoreOne(wanted('right'))).toEqual({ databases: 1, records: count, entries: [] });
      await page.context().close();
    },
  );

  test('a value whose encoding throws costs its own record only', async () => {
    const page = await openPage();
    await page.evaluate(seedPoison);
    const operation = operationOf();
    const { databases } = await captureDatabases(operation, await standIn(page), 'here');
    expect(databases[0]!.stores[0]!.recordCount).toBe(3);
    expect(operation.entries.map(({ reason }) => reason)).toEqual([
      'record 1 holds a value that could not be read, which this version does not carry',
    ]);
    await page.context().close();
  });

  test('a content that a sink refuses is lost with its reason, and the sink is told that it ends', async () => {
    const page = await openPage();
    await page.evaluate(seedGenerators);
    const ended: string[] = [];
    const sink = {
      begin: async (mediaType: string) => {
        const writer = await memorySink.begin(mediaType);
        const write = async (): Promise<void> => {
          throw new Error('the disk is full');
        };
        const abort = async (): Promise<void> => void ended.push(mediaType);
        return { ...writer, write, abort };
      },
    };
    await expect(playwright(page.context()).capture({ sink })).rejects.toThrow('the disk is full');
    expect(ended).toEqual(['application/vnd.psp.records']);
    await page.context().close();
  });

  test('origins that are not open: the session is the same by one tab and by four, and nothing reaches them', async () => {
    const page = await openPage();
    const hosts = Array.from({ length: 6 }, (_, i) => `s${i}.localhost`);
    for (const host of hosts) {
      await page.goto(`http://${host}:${port}/`);
      await page.evaluate((name) => localStorage.setItem('host', name), host);
      await page.evaluate(seedGenerators);
    }
    await page.goto('about:blank');
    requests = 0;
    const origins = hosts.map((host) => `http://${host}:${port}`);
    const driver = playwright(page.context());
    const [one, four] = [await driver.capture({ origins, tabs: 1 }), await driver.capture({ origins, tabs: 4 })];
    const shown = ({ session, report }: typeof one) => [
      session.storage.map(({ key, localStorage, indexedDB }) => [key.origin, localStorage, indexedDB.length]),
      session.coverage.storage,
      report,
    ];
    expect(shown(four)).toEqual(shown(one));
    expect(four.session.storage.map(({ key }) => key.origin)).toEqual(origins);

    const to = await browser.newContext();
    const { report } = await playwright(to).restore(four.session, { tabs: 4 });
    expect(report).toMatchObject({ entries: [], counts: { origins: 6, localStorage: 6, databases: 6 } });
    expect(requests).toBe(0);
    const there = await to.newPage();
    await there.goto(`${origins[4]}/`);
    expect(await there.evaluate(() => localStorage.getItem('host'))).toBe('s4.localhost');
    await Promise.all([page.context().close(), to.close()]);
  });
});

/** A database of one store, in which no two records may have the same `mail`; their keys are their numbers. */
function mailDatabase(name: string, recordCount: number, mailOf: (i: number) => string): Database {
  const writer = new RecordWriter();
  for (let i = 0; i < recordCount; i++) writer.add(i, { mail: mailOf(i) });
  const indexes = [{ name: 'mail', keyPath: 'mail', unique: true, multiEntry: false }];
  const records = section(writer.take(), RECORDS_MEDIA_TYPE);
  return { name, version: 1, stores: [{ name: 'list', keyPath: null, autoIncrement: false, indexes, recordCount, records }] };
}

/** Runs in the page: a store that keeps another value than it is given, one that keeps one record more, and one that keeps it under another key. */
function tamper({ mail, key }: { mail: string; key: number }): void {
  const { put } = IDBObjectStore.prototype;
  IDBObjectStore.prototype.put = function (this: IDBObjectStore, value: { mail: string }, at: IDBValidKey) {
    const { name } = this.transaction.db;
    if (value.mail !== mail) return put.call(this, value, at);
    if (name === 'other value') return put.call(this, { mail: `${mail}, altered` }, at);
    if (name === 'one more') put.call(this, { mail: 'of nobody' }, key + 0.5);
    return put.call(this, value, name === 'other key' ? key + 0.5 : at);
  };
}

/** Runs in the page. */
async function seedMany(): Promise<void> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open('many', 1);
    request.onupgradeneeded = () => {
      for (const name of ['large', 'mixed', 'small']) request.result.createObjectStore(name);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const transaction = database.transaction(['large', 'mixed', 'small'], 'readwrite');
  for (let i = 0; i < 12; i++) transaction.objectStore('large').put(new Uint8Array(200_000).fill(i), [i, 'large']);
  for (let i = 0; i < 40; i++) transaction.objectStore('mixed').put(i % 3 === 1 ? new Blob([`blob ${i}`], { type: 'x/y' }) : { i }, i);
  for (let i = 0; i < 4500; i++) transaction.objectStore('small').put({ i, text: `${'x'.repeat(i % 50)}\u2603` }, i);
  await new Promise((resolve) => {
    transaction.oncomplete = resolve;
  });
  database.close();
}

/** Runs in the page: a digest of every store's keys and values. */
async function lookAtAll(): Promise<Record<string, string>> {
  const database = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open('many');
    request.onsuccess = () => resolve(request.result);
  });
  const seen: Record<string, string> = {};
  for (const name of database.objectStoreNames) {
    const store = database.transaction(name).objectStore(name);
    const ask = (request: IDBRequest): Promise<unknown[]> =>
      new Promise((resolve) => {
        request.onsuccess = () => resolve(request.result);
      });
    const [keys, values] = await Promise.all([ask(store.getAllKeys()), ask(store.getAll())]);
    const parts: BlobPart[] = [JSON.stringify(keys)];
    for (const value of values)
      parts.push(value instanceof Blob || value instanceof Uint8Array ? (value as BlobPart) : JSON.stringify(value));
    const digest = await crypto.subtle.digest('SHA-256', await new Blob(parts).arrayBuffer());
    seen[name] = `${keys.length} ${new Uint8Array(digest).join('.')}`;
  }
  database.close();
  return seen;
}

/** Runs in the page. */
async function seedMegabytes(count: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const request = indexedDB.open('megabytes', 1);
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore('list', { autoIncrement: false });
      for (let i = 0; i < count; i++) store.put(new Uint8Array(1024 * 1024).fill(i), i);
    };
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
    request.onerror = () => reject(request.error);
  });
}

/** Runs in the page. */
async function writeOne(): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('megabytes');
    request.onsuccess = () => {
      const transaction = request.result.transaction('list', 'readwrite');
      transaction.objectStore('list').put('small', 0);
      transaction.oncomplete = () => {
        request.result.close();
        resolve('written');
      };
      transaction.onerror = () => reject(transaction.error);
    };
  });
}

/** Runs in the page. */
async function seedGenerators(): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const request = indexedDB.open('generators', 1);
    request.onupgradeneeded = () => {
      const outside = request.result.createObjectStore('outside', { autoIncrement: true });
      outside.add('a');
      outside.put('moves it on', 100);
      outside.delete(100);
      const inline = request.result.createObjectStore('inline', { autoIncrement: true, keyPath: 'meta.id' });
      inline.createIndex('unique', 'mail', { unique: true });
      inline.add({ mail: 'x', meta: { id: 7 } });
      request.result.createObjectStore('never used', { autoIncrement: true });
      request.result.createObjectStore('none').add('v', 'k');
    };
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
    request.onerror = () => reject(request.error);
  });
}

/** Runs in the page: the keys that the generators give. */
async function nextKeys(): Promise<unknown[]> {
  const database = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open('generators');
    request.onsuccess = () => resolve(request.result);
  });
  const keys: unknown[] = [];
  for (const name of ['inline', 'never used', 'outside']) {
    const request = database.transaction(name, 'readwrite').objectStore(name).add({});
    keys.push(
      await new Promise((resolve) => {
        request.onsuccess = () => resolve(request.result);
      }),
    );
  }
  database.close();
  return keys;
}

/** Runs in the page: a connection that does not close when it is asked to. */
async function holdOpen(): Promise<void> {
  await new Promise<void>((resolve) => {
    const request = indexedDB.open('held', 1);
    request.onsuccess = () => {
      (globalThis as { held?: IDBDatabase }).held = request.result;
      resolve();
    };
  });
}

/** Runs in the page: three records, and a class of the language that throws for the second of them. */
async function seedPoison(): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const request = indexedDB.open('poison', 1);
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore('list');
      store.put({ right: 1 }, 0);
      store.put(new Map([[1, 2]]), 1);
      store.put({ right: 2 }, 2);
    };
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
    request.onerror = () => reject(request.error);
  });
  Map.prototype.entries = () => {
    throw new TypeError('poisoned');
  };
}
