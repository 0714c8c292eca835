/**
 * A small site that loads the in-page adapter by a module script, as its users would, and the things that a test seeds and looks at in its pages. Cookies come
 * from the server, one of them HttpOnly.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';

export interface PageSite {
  /** `http://127.0.0.1:PORT`. */
  readonly origin: string;
  /** The same server under another name, which is another origin. */
  readonly secondOrigin: string;
  /** The same server under a name with a site above it. */
  readonly namedOrigin: string;
  /** Paths of the requests so far, in order. The array is live. */
  readonly requests: string[];
  close(): Promise<void>;
}

/** What the module script leaves for tests: the adapter, and the two ways between a session and a text. */
const PROGRAM = `
  import { page } from './ts/adapters/page.ts';
  import { decodeSession, encodeSession } from './ts/portable.ts';
  globalThis.ours = {
    async capture(options) {
      const { session, report } = await page().capture(options);
      return { text: new TextDecoder().decode(await encodeSession(session, { framing: 'text' })), report };
    },
    async restore(text, options) {
      const session = await decodeSession(new TextEncoder().encode(text));
      const { target, report } = await page().restore(session, options);
      return { target, report };
    },
  };
`;

const PAGE = '<!doctype html><link rel="icon" href="data:,"><title>a page</title><script type="module" src="/adapter.js"></script>';

/** The adapter as a bundler makes it of the sources, for browsers. */
export async function bundleAdapter(contents: string = PROGRAM, minify = false): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: new URL('../..', import.meta.url).pathname },
    bundle: true,
    write: false,
    minify,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}

/** Starts the site on a free port. */
export async function startPageSite(): Promise<PageSite> {
  const adapter = await bundleAdapter();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://site');
    requests.push(pathname);
    if (pathname === '/adapter.js') {
      response.setHeader('content-type', 'text/javascript');
      response.end(adapter);
      return;
    }
    if (pathname === '/worker.js') {
      response.setHeader('content-type', 'text/javascript');
      response.end('// a worker that does nothing');
      return;
    }
    response.setHeader('content-type', 'text/html');
    if (searchParams.has('seed')) {
      const later = new Date(Date.now() + 86_400_000).toUTCString();
      response.setHeader('set-cookie', [
        'plain=1',
        'hidden=2; HttpOnly; Path=/',
        `lasting=3; Path=/; SameSite=Strict; Expires=${later}`,
        'deep=4; Path=/deep; Secure; SameSite=None',
        'chip=5; Path=/; Secure; SameSite=None; Partitioned',
        '__Host-own=6; Path=/; Secure; HttpOnly',
        // Taken under the name alone.
        'wide=7; Path=/; Domain=site.localhost; SameSite=Lax',
      ]);
    }
    // A frame in the page, with whatever address; that may hold one itself.
    const frame = searchParams.get('frame');
    response.end(frame === null ? PAGE : `${PAGE}<iframe src="${frame}"></iframe>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    secondOrigin: `http://localhost:${port}`,
    namedOrigin: `http://app.site.localhost:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Runs in the page: puts something of each kind that script can reach. */
export async function seedPage(): Promise<void> {
  localStorage.setItem('length', 'hidden by the prototype');
  localStorage.setItem('lone', '\ud800');
  sessionStorage.setItem('of a tab', 'kept');
  window.name = 'a name ☃';
  history.replaceState({ step: new Map([['a', 1n]]) }, '');
  const cache = await caches.open('made');
  await cache.put('/made', new Response('in a cache', { status: 201, headers: { 'x-own': 'yes' } }));
  const root = await navigator.storage.getDirectory();
  const file = await (await root.getDirectoryHandle('folder', { create: true })).getFileHandle('f', { create: true });
  const writable = await file.createWritable();
  await writable.write(new Uint8Array([0, 255, 1]));
  await writable.close();
  await new Promise<void>((resolve, reject) => {
    const request = indexedDB.open('app', 3);
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore('list', { autoIncrement: true });
      store.createIndex('by day', 'day');
      for (let i = 0; i < 5; i++) store.add({ day: new Date(i), big: 2n ** 70n, blob: new Blob([`blob ${i}`], { type: 'text/plain' }) });
      store.delete(5);
    };
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
    request.onerror = () => reject(request.error);
  });
}

/** Runs in the page: everything that {@link seedPage} put, as the page finds it. */
export async function lookAtPage() {
  const openAt = async (name: string): Promise<IDBDatabase> =>
    new Promise((resolve, reject) => {
      const request = indexedDB.open(name);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const resultOf = <T>(request: IDBRequest<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const databases = [];
  for (const { name = '' } of await indexedDB.databases()) {
    const database = await openAt(name);
    const transaction = database.transaction('list', 'readwrite');
    const store = transaction.objectStore('list');
    const values = (await resultOf(store.getAll())) as { day: Date; big: bigint; blob: Blob }[];
    const nextKey = await resultOf(store.add({ day: new Date(9) }));
    transaction.abort();
    const texts = await Promise.all(values.map(async ({ day, big, blob }) => `${day.getTime()} ${big} ${blob.type} ${await blob.text()}`));
    databases.push({ name, version: database.version, indexes: [...store.indexNames], texts, nextKey });
    database.close();
  }
  const cached = [];
  for (const name of await caches.keys()) {
    for (const response of await (await caches.open(name)).matchAll())
      cached.push([name, response.status, [...response.headers], await response.text()]);
  }
  const root = await navigator.storage.getDirectory();
  const files: string[] = [];
  for await (const [name, handle] of root.entries()) {
    if (handle.kind !== 'directory') continue;
    for await (const [inner, file] of (handle as FileSystemDirectoryHandle).entries()) {
      files.push(`${name}/${inner} ${new Uint8Array(await (await (file as FileSystemFileHandle).getFile()).arrayBuffer())}`);
    }
  }
  // By index: enumerating misses a key that is called `length`.
  const itemsOf = (area: Storage): [string, string | null][] =>
    Array.from({ length: area.length }, (_, i): [string, string | null] => [area.key(i)!, area.getItem(area.key(i)!)]).sort();
  const { step } = (history.state ?? {}) as { step?: Map<string, bigint> };
  return {
    cookies: document.cookie.split('; ').sort(),
    local: itemsOf(localStorage),
    session: itemsOf(sessionStorage),
    name: window.name,
    state: step === undefined ? null : [...step].map(String),
    address: location.href,
    databases,
    cached,
    files,
  };
}
