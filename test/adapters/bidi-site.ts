/** Sites for what is Firefox's own: cookies, set as bytes and looked at as the bytes that come back, and a service worker that asks its site for everything. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CookieSite {
  /** Of the page `/set`, which sets cookies, and holds a frame of another site that does. */
  readonly origin: string;
  /** The `Cookie` header of each request since the last look, as hexadecimal bytes, by host and path. Takes them along. */
  takeSeen(): Record<string, string>;
  close(): Promise<void>;
}

/** Text beyond Latin-1, beside some of Latin-1: its bytes are UTF-8. */
const TEXT = 'ä☃';
const FIRST_PARTY = [
  'plain=1',
  'domain=2; Domain=alpha.localhost; Max-Age=100000; Path=/',
  'hidden=3; SameSite=Lax; HttpOnly',
  'deep=4; Path=/deep; SameSite=Strict',
  '__Host-own=5; Path=/; Secure; SameSite=None',
  `text=${TEXT}`,
];
const THIRD_PARTY = ['chips=6; Path=/; Secure; SameSite=None; Partitioned', 'dynamic=7; Path=/'];

/** Starts it on loopback. */
export async function startCookieSite(): Promise<CookieSite> {
  const seen = new Map<string, string>();
  const server = createServer((request, response) => {
    const { host = '', cookie = '' } = request.headers;
    seen.set(`${host.split(':')[0]}${request.url}`, Buffer.from(cookie, 'latin1').toString('hex'));
    const isFrame = host.startsWith('beta.');
    const cookies = request.url?.startsWith('/set') ? (isFrame ? THIRD_PARTY : FIRST_PARTY) : [];
    const asBytes = cookies.map((line) => Buffer.from(line).toString('latin1'));
    response.writeHead(200, { 'content-type': 'text/html', 'set-cookie': asBytes });
    const frame = `http://beta.localhost:${(server.address() as AddressInfo).port}${request.url}`;
    // Bytes: a body of text would have the headers encoded like it.
    response.end(Buffer.from(`<!doctype html><link rel="icon" href="data:,">${isFrame ? '' : `<iframe src="${frame}"></iframe>`}`));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://app.alpha.localhost:${(server.address() as AddressInfo).port}`,
    takeSeen() {
      const taken = Object.fromEntries(seen);
      seen.clear();
      return taken;
    },
    close: () => close(server),
  };
}

export interface WorkerSite {
  readonly origin: string;
  /** Paths of the requests that came; the array is live. */
  readonly requests: string[];
  close(): Promise<void>;
}

const WORKER = `addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
addEventListener('fetch', (event) => event.respondWith(fetch(event.request)));`;
const WORKER_PAGE = `<!doctype html><link rel="icon" href="data:,"><script>navigator.serviceWorker.register('/worker.js')</script>`;

/** Starts it on loopback. */
export async function startWorkerSite(): Promise<WorkerSite> {
  const requests: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    requests.push(url);
    response.setHeader('content-type', url === '/worker.js' ? 'text/javascript' : 'text/html');
    response.end(url === '/worker.js' ? WORKER : WORKER_PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, close: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
