/**
 * The hard site: one server on loopback that is several origins, by the names that browsers resolve to loopback themselves (`*.localhost`, which are secure
 * contexts), and once more over TLS. Its pages seed every kind of state, or look at it and report; the server adds the Cookie header that it saw.
 *
 *     alpha    /tab-one, which holds beta /frame, which holds alpha /below; /tab-two, which holds beta /frame-two
 *     alpha    over TLS: /tls          www.alpha  /sub          beta  /first, /left          gamma  /hinted
 */
import { createHash, randomUUID, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { makeCertificate } from '../servers/certificate.ts';
import type { Cell, PageCell } from './cell.ts';
import { cookiesOf } from './cookies.ts';
import { byName } from './page/cookies.ts';
import type { PageOrder } from './page/main.ts';
import { plainName, shortText } from './page/short.ts';

export interface HardSite {
  /** Serialized origins. */
  readonly alpha: string;
  readonly tls: string;
  readonly sub: string;
  readonly beta: string;
  /** Has no cookies, and no open page: a capture must be told of it. */
  readonly gamma: string;
  /** The certificate's key as `--ignore-certificate-errors-spki-list` wants it. */
  readonly certificateKey: string;
  /** Requests since the last reset, other than reports. */
  readonly requests: readonly string[];
  resetRequests(): void;
  /** What a browser could not be seeded with, and why. */
  readonly skipped: readonly string[];
  /** What pages that load from now on do. Forgets all reports. */
  begin(phase: PageOrder['phase']): void;
  /** The cells of these roles, once their pages have all reported; rejects after `timeoutMs`. */
  reports(roles: readonly string[], timeoutMs?: number): Promise<Cell[]>;
  close(): Promise<void>;
}

/** The frames that a page holds, by role: relative to beta and to alpha. */
const FRAMES: Readonly<Record<string, (site: Origins) => string>> = {
  '/tab-one': ({ beta }) => `${beta}/frame`,
  '/tab-two': ({ beta }) => `${beta}/frame-two`,
  '/frame': ({ alpha }) => `${alpha}/below`,
};

interface Origins {
  readonly alpha: string;
  readonly beta: string;
}

/** Whose Cookie headers are looked at: others send what these do. */
const SENDERS = ['/tab-one', '/frame', '/below', '/tls', '/sub', '/first'];

const DAY_MS = 86_400_000;

/** Starts it on two free ports of 127.0.0.1. Two at once must not be used in one browser: cookies do not know about ports. */
export async function startHardSite(): Promise<HardSite> {
  const certificate = makeCertificate(['alpha.localhost']);
  const pem = { key: readFileSync(certificate.key), cert: readFileSync(certificate.certificate) };
  certificate.remove();
  const requests: string[] = [];
  const reports = new Map<string, Cell[]>();
  const headers = new Map<string, string>();
  const failures: string[] = [];
  const skipped: string[] = [];
  const waiting = new Set<() => void>();
  const secrets = { localStorage: randomUUID(), sessionStorage: randomUUID(), indexedDB: randomUUID(), cache: randomUUID() };
  const sid = randomUUID();
  // Whole seconds: what a bucket keeps of it is coarser than a millisecond.
  const expiresAt = Math.floor(Date.now() / 1000) * 1000 + 30 * DAY_MS;
  const script = bundle();
  let phase: PageOrder['phase'] = 'seed';

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://site');
    const role = url.searchParams.get('step') === '1' ? '/step' : url.pathname;
    if (role !== '/report' && role !== '/skipped') requests.push(`${request.headers.host}${request.url}`);
    if (role === '/report') {
      const reporter = url.searchParams.get('role')!;
      reports.set(reporter, (JSON.parse(await readText(request)) as PageCell[]).map(placed(reporter)));
      for (const wake of waiting) wake();
      return send(response, 'text/plain', '');
    }
    if (role === '/skipped') {
      skipped.push(await readText(request));
      return send(response, 'text/plain', '');
    }
    if (role === '/login/check') {
      const shown = JSON.parse(await readText(request)) as Record<string, unknown>;
      const known = Object.fromEntries(Object.entries(secrets).map(([place, secret]) => [place, shown[place] === secret]));
      return send(
        response,
        'application/json',
        JSON.stringify({ cookie: byName(request.headers.cookie ?? '').get('sid') === sid, ...known }),
      );
    }
    const made = OTHER[role];
    if (made !== undefined) return made(request, response);
    if (role === '/script.js') return send(response, 'text/javascript', script);
    if (request.headers['sec-fetch-dest'] === 'document' || request.headers['sec-fetch-dest'] === 'iframe') {
      headers.set(role, request.headers.cookie ?? '');
    }
    if (phase === 'seed')
      response.setHeader(
        'Set-Cookie',
        cookiesOf(role, sid).map((field) => Buffer.from(field, 'utf8').toString('latin1')),
      );
    const order: PageOrder = { phase, role, elsewhere: beta, expiresAt, secrets };
    const frame = FRAMES[role]?.({ alpha, beta });
    return send(response, 'text/html', pageOf(order, frame));
  }

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response).catch((error: unknown) => {
      failures.push(String(error));
      response.destroy();
    });
  };
  const [server, secure] = [createServer(handle), createSecureServer(pem, handle)];
  const [port, securePort] = [await listen(server), await listen(secure)];
  const at = (name: string): string => `http://${name}.localhost:${port}`;
  const [alpha, beta, sub, gamma] = [at('alpha'), at('beta'), at('www.alpha'), at('gamma')];
  const tls = `https://alpha.localhost:${securePort}`;

  function placed(role: string): (cell: PageCell) => Cell {
    const place = placeOfRole(role);
    return (cell) => ({ ...cell, place, ...(role === '/left' ? { tab: alpha } : {}) });
  }

  function placeOfRole(role: string): string {
    if (role === '/frame' || role === '/frame-two') return `${beta} inside http://alpha.localhost`;
    if (role === '/below') return `${alpha} below another site`;
    const origins: Record<string, string> = { '/tls': tls, '/sub': sub, '/first': beta, '/left': beta, '/hinted': gamma };
    return origins[role] ?? alpha;
  }

  function headerCells(role: string): Cell[] {
    const header = headers.get(role);
    if (header === undefined || !SENDERS.includes(role)) return [];
    const group = role === '/frame' || role === '/below' ? 'cookies of partitions' : 'cookies, Cookie header';
    const place = placeOfRole(role);
    const values = byName(Buffer.from(header, 'latin1').toString('utf8'));
    const cells = [...values].map(([name, value]) => ({ name: `${plainName(name)}, sent`, seen: shortText(value), within: [name] }));
    return cells.map((cell) => ({ ...cell, group, kind: 'cookie', place }));
  }

  return {
    alpha,
    beta,
    sub,
    gamma,
    tls,
    certificateKey: createHash('sha256')
      .update(new X509Certificate(pem.cert).publicKey.export({ type: 'spki', format: 'der' }))
      .digest('base64'),
    requests,
    skipped,
    resetRequests: () => {
      requests.length = 0;
    },
    begin(next) {
      phase = next;
      reports.clear();
      headers.clear();
    },
    async reports(roles, timeoutMs = 60_000) {
      await new Promise<void>((resolve, reject) => {
        const missing = (): string[] => roles.filter((role) => !reports.has(role));
        const end = (settle: () => void): void => {
          clearTimeout(timer);
          waiting.delete(look);
          settle();
        };
        const look = (): void => {
          if (failures.length > 0) end(() => reject(new Error(`the hard site failed: ${failures.join('; ')}`)));
          else if (missing().length === 0) end(resolve);
        };
        const timer = setTimeout(() => end(() => reject(new Error(`no report of ${missing().join(', ')}`))), timeoutMs);
        waiting.add(look);
        look();
      });
      return roles.flatMap((role) => [...(reports.get(role) ?? []), ...headerCells(role)]);
    },
    close: async () => {
      await Promise.all([close(server), close(secure)]);
    },
  };
}

/** Everything that is not a page. */
const OTHER: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
  '/favicon.ico': (_, response) => send(response, 'image/png', ''),
  '/redirect': (_, response) => {
    response.writeHead(302, { location: '/cached?redirect-target', 'x-kept': 'of the redirect' });
    response.end();
  },
  '/cached': (request, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('X-Own', ['one', 'two']);
    send(response, 'text/x-cached', `body of ${request.url}`);
  },
  '/worker.js': (_, response) => send(response, 'text/javascript', `importScripts('/part.js');${workerOf('classic')}`),
  '/part.js': (_, response) => send(response, 'text/javascript', `self.part = 'with its part';`),
  '/worker.mjs': (_, response) =>
    send(response, 'text/javascript', `import { part } from '/part.mjs'; self.part = part;${workerOf('module')}`),
  '/part.mjs': (_, response) => send(response, 'text/javascript', `export const part = 'with its part';`),
  '/classic/question': (_, response) => send(response, 'text/html', 'from the network'),
  '/module/question': (_, response) => send(response, 'text/html', 'from the network'),
};

function workerOf(kind: string): string {
  const answer = `new Response('from the ${kind} worker ' + self.part, { headers: { 'content-type': 'text/html' } })`;
  return `addEventListener('fetch', (event) => event.respondWith(${answer}));`;
}

function pageOf(order: PageOrder, frame: string | undefined): string {
  const held = frame === undefined ? '' : `<iframe src="${frame}"></iframe>`;
  const json = JSON.stringify(order).replaceAll('<', '\\u003c');
  return `<!doctype html><meta charset="utf-8"><title>${order.role}</title><body>${held}<script type="application/json" id="order">${json}</script><script src="/script.js"></script>`;
}

function bundle(): string {
  const entry = fileURLToPath(new URL('page/main.ts', import.meta.url));
  const { outputFiles } = buildSync({ entryPoints: [entry], bundle: true, write: false, format: 'iife' });
  return outputFiles[0]!.text;
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

// No store: every look is a new one.
function send(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8`, 'Cache-Control': 'no-store' });
  response.end(body);
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
