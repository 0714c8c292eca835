/** What poisons a page's state, and what must be carried beside it: functions that a test runs in the page. */
import type { Page } from 'playwright-core';

/** Runs in the page: a connection that never closes, not even when another asks for that. */
export function hold(name: string): Promise<void> {
  return new Promise((resolve) => {
    const request = indexedDB.open(name);
    request.onsuccess = () => {
      Object.assign(window, { held: request.result });
      resolve();
    };
  });
}

export const HEALTHY = { local: 'kept', records: [1, 2, 3], cached: 'a response' };

/** Runs in the page. */
export async function seedHealthy(): Promise<void> {
  localStorage.setItem('healthy', 'kept');
  await (await caches.open('healthy')).put('/healthy', new Response('a response'));
  await new Promise<void>((resolve, reject) => {
    const request = indexedDB.open('healthy', 2);
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore('list', { autoIncrement: true });
      for (const value of [1, 2, 3]) store.add(value);
    };
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
    request.onerror = () => reject(request.error);
  });
}

/** Runs in the page. All values of a store that every database here has. */
export function readAll(name: string): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name);
    request.onsuccess = () => {
      const all = request.result.transaction('list').objectStore('list').getAll();
      all.onsuccess = () => {
        request.result.close();
        resolve(all.result);
      };
    };
    request.onerror = () => reject(request.error);
  });
}

/** What of the healthy is there. */
export async function lookAtHealthy(page: Page) {
  return {
    local: await page.evaluate(() => localStorage.getItem('healthy')),
    records: await page.evaluate(readAll, 'healthy'),
    cached: await page.evaluate(async () => (await caches.match('/healthy'))?.text()),
  };
}

/** Runs in the page. */
export function seedDatabase(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore('list').add('a record', 1);
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
    request.onerror = () => reject(request.error);
  });
}

/** Runs in the page. */
export function seedValues(): Promise<void> {
  const deep = (levels: number): object => {
    let value: object = {};
    for (let i = 1; i < levels; i++) value = { inner: value };
    return value;
  };
  const cyclicObject: { self?: object } = {};
  cyclicObject.self = cyclicObject;
  const cyclicArray: unknown[] = [];
  cyclicArray.push(cyclicArray);
  const longest: string[] = [];
  longest.length = 2 ** 32 - 1;
  longest[5] = 'fifth';
  longest[2 ** 32 - 2] = 'last';
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('values', 1);
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore('list');
      store.add(deep(200), '200 deep');
      store.add(deep(900), '900 deep');
      store.add(deep(2_000), '2,000 deep');
      store.add(cyclicObject, 'cyclic object');
      store.add(cyclicArray, 'cyclic array');
      store.add(longest, 'longest array');
    };
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
    request.onerror = () => reject(request.error);
  });
}

/** Runs in the page. */
export function lookAtValues(): Promise<Record<string, unknown>> {
  const depth = (value: { inner?: object } | undefined): number => {
    let levels = 0;
    for (let at = value; at !== undefined; at = at.inner) levels++;
    return levels;
  };
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('values');
    request.onsuccess = () => {
      const store = request.result.transaction('list').objectStore('list');
      const names = store.getAllKeys();
      const values = store.getAll();
      values.onsuccess = () => {
        const [deep2000, deep200, deep900, array, object, longest] = values.result;
        request.result.close();
        resolve({
          [String(names.result[0])]: depth(deep2000),
          [String(names.result[1])]: depth(deep200),
          [String(names.result[2])]: depth(deep900),
          [String(names.result[3])]: array[0] === array,
          [String(names.result[4])]: object.self === object,
          [String(names.result[5])]: [longest.length, Object.keys(longest), longest[2 ** 32 - 2]],
        });
      };
    };
    request.onerror = () => reject(request.error);
  });
}

/** Runs first in each page, or in those with this query: leaves nothing whole that a page can replace. */
export function clobber(query: string | null): void {
  if (query !== null && location.search !== query) return;
  const broken = (): never => {
    throw new Error('clobbered');
  };
  for (const owner of [Storage, IDBFactory, IDBObjectStore, IDBRequest, CacheStorage, Cache, Map, Array, Promise, Response, Blob]) {
    const { prototype } = owner as { prototype: object };
    for (const key of Object.getOwnPropertyNames(prototype)) {
      if (key !== 'constructor' && key !== 'length')
        Object.defineProperty(prototype, key, { get: broken, set: broken, configurable: true });
    }
  }
  for (const key of [
    'indexedDB',
    'caches',
    'localStorage',
    'sessionStorage',
    'JSON',
    'structuredClone',
    'Uint8Array',
    'TextDecoder',
    'Object',
  ]) {
    Object.defineProperty(window, key, { get: broken, configurable: true });
  }
}

/** Runs in the page: a worker opens a file for itself alone, and keeps it so. */
export async function lockFile(): Promise<void> {
  const code = `(async () => {
    const root = await navigator.storage.getDirectory();
    const free = await (await root.getFileHandle('free', { create: true })).createSyncAccessHandle();
    free.write(new Uint8Array([1, 2, 3]));
    free.close();
    const handle = await (await root.getFileHandle('locked', { create: true })).createSyncAccessHandle();
    handle.write(new Uint8Array([4, 5]));
    handle.flush();
    self.handle = handle;
    postMessage('locked');
  })()`;
  const worker = new Worker(URL.createObjectURL(new Blob([code])));
  Object.assign(window, { worker });
  await new Promise((resolve) => {
    worker.onmessage = resolve;
  });
}
