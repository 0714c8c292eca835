/**
 * A small, real web site on loopback, for the demo and the tests: one user, a login, and a page that says from how many places it knows her.
 * A login is kept in four places (cookie, localStorage, sessionStorage, IndexedDB) and `/whoami` checks each against the server's records.
 * All secrets are made at start; nothing but those four is looked at, so a restored browser is as good as the one that logged in.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { checkPassword, hashPassword, type PasswordRecord, randomSecret, sameSecret, sha256Hex } from './secrets.ts';
import { homePage, loginPage, whoamiPage } from './site-pages.ts';

/** A running demo site. */
export interface Site {
  /** `http://127.0.0.1:PORT`. */
  readonly origin: string;
  /** The same server as `http://localhost:PORT`: another origin, with storage of its own, and another host for cookies. */
  readonly secondOrigin: string;
  /** The name to log in with. */
  readonly user: string;
  /** The password to log in with, made at start. */
  readonly password: string;
  /** Every request that reached the server, in order. The array is live. */
  readonly requests: readonly SiteRequest[];
  /** Forgets the requests so far. */
  resetCounters(): void;
  /** Stops the server and drops open connections. May be called twice. */
  close(): Promise<void>;
}

/** One HTTP request as the site saw it. */
export interface SiteRequest {
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  /** The Host header, such as `localhost:40123`. */
  readonly host: string;
}

/** What `POST /api/whoami` answers. `name` is null unless all places are right. */
export interface WhoAmI {
  readonly name: string | null;
  readonly places: Readonly<Record<Place, boolean>>;
}

/** Where a login is kept. */
export type Place = 'cookie' | 'localStorage' | 'sessionStorage' | 'IndexedDB';

const COOKIE_NAME = 'sid';
const MAX_BODY_BYTES = 64 * 1024;
const ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="#1f6feb"/></svg>';

interface Account {
  readonly id: string;
  readonly user: string;
  readonly name: string;
  readonly joinedAtMs: number;
  readonly avatar: Uint8Array;
  readonly password: PasswordRecord;
}

interface Login {
  /** This and the token change together, at each refresh. */
  sessionId: string;
  token: string;
  readonly nonce: string;
}

/**
 * Starts the site on a free port of 127.0.0.1. Two sites at once must not be used in one browser: cookies do not know about ports.
 */
export async function startSite(): Promise<Site> {
  const password = randomSecret();
  const account = await createAccount(password);
  const logins: Login[] = [];
  const requests: SiteRequest[] = [];
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://site').pathname;
    requests.push({ method: request.method ?? '', path, host: request.headers.host ?? '' });
    answer(request, response, path, account, logins).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else send(response, error instanceof BadRequest ? 400 : 500, 'text/plain', String(error));
    });
  });
  const port = await listen(server);
  return {
    origin: `http://127.0.0.1:${port}`,
    secondOrigin: `http://localhost:${port}`,
    user: account.user,
    password,
    requests,
    resetCounters: () => {
      requests.length = 0;
    },
    close: () => close(server),
  };
}

async function createAccount(password: string): Promise<Account> {
  // Every byte value once, then noise; an odd length, so that padding and alignment are met.
  const avatar = new Uint8Array([...new Uint8Array(256).map((_, index) => index), ...randomBytes(2_817)]);
  // With milliseconds, so that a Date that lost them is noticed.
  const joinedAtMs = Date.UTC(2024, 1, 29, 12, 34, 56, 789);
  return { id: `user-${randomSecret()}`, user: 'ada', name: 'Ada', joinedAtMs, avatar, password: await hashPassword(password) };
}

async function answer(request: IncomingMessage, response: ServerResponse, path: string, account: Account, logins: Login[]): Promise<void> {
  const login = findLogin(logins, 'sessionId', readCookie(request));
  switch (`${request.method} ${path}`) {
    case 'GET /':
      return redirect(response, '/whoami');
    case 'GET /favicon.ico':
      return send(response, 200, 'image/svg+xml', ICON);
    case 'GET /login':
      return send(response, 200, 'text/html', loginPage('Please log in.'));
    case 'POST /login':
      return logIn(request, response, account, logins);
    case 'GET /home':
      return login === null ? redirect(response, '/login') : send(response, 200, 'text/html', homePage(login.nonce));
    case 'GET /whoami':
      return send(response, 200, 'text/html', whoamiPage());
    case 'GET /api/token':
      return login === null ? refuse(response) : sendJson(response, { token: login.token });
    case 'POST /api/refresh':
      return refresh(request, response, login);
    case 'GET /api/profile':
      if (login === null) return refuse(response);
      return sendJson(response, { id: account.id, name: account.name, joinedAtMs: account.joinedAtMs });
    case 'GET /api/avatar':
      return login === null ? refuse(response) : send(response, 200, 'application/octet-stream', account.avatar);
    case 'POST /api/whoami':
      return sendJson(response, checkPlaces(request, await readBody(request), login, account, logins));
    default:
      return send(response, 404, 'text/plain', 'not found');
  }
}

async function logIn(request: IncomingMessage, response: ServerResponse, account: Account, logins: Login[]): Promise<void> {
  const form = new URLSearchParams(await readBody(request));
  // Both are always checked: a wrong name takes as long as a wrong password.
  const rightUser = sameSecret(form.get('user') ?? '', account.user);
  const rightPassword = await checkPassword(form.get('password') ?? '', account.password);
  if (!rightUser || !rightPassword) return send(response, 401, 'text/html', loginPage('Wrong user or password.'));
  const login = { sessionId: randomSecret(), token: randomSecret(), nonce: randomSecret() };
  logins.push(login);
  setCookie(response, login);
  redirect(response, '/home');
}

/** Gives who has both the cookie and the token of a login new ones; the old ones are nothing any more. */
function refresh(request: IncomingMessage, response: ServerResponse, login: Login | null): void {
  if (login === null || !sameSecret(readToken(request) ?? '', login.token)) {
    refuse(response);
    return;
  }
  login.sessionId = randomSecret();
  login.token = randomSecret();
  setCookie(response, login);
  sendJson(response, { token: login.token });
}

// Each place is judged by itself, so that a test sees which one a restore lost. One tie: where a cookie names a login, the nonce must be
// of that same login, as a nonce against forged requests has to be.
function checkPlaces(request: IncomingMessage, body: string, login: Login | null, account: Account, logins: readonly Login[]): WhoAmI {
  const token = readToken(request);
  const nonce = request.headers['x-csrf'];
  const places = {
    cookie: login !== null,
    localStorage: findLogin(logins, 'token', token) !== null,
    sessionStorage: findLogin(login === null ? logins : [login], 'nonce', typeof nonce === 'string' ? nonce : null) !== null,
    IndexedDB: isProfileOf(account, body),
  };
  return { name: Object.values(places).every(Boolean) ? account.name : null, places };
}

function isProfileOf(account: Account, body: string): boolean {
  const profile = readMember(parseJson(body), 'profile');
  const id = readMember(profile, 'id');
  const avatar = readMember(profile, 'avatarSha256');
  if (typeof id !== 'string' || typeof avatar !== 'string' || readMember(profile, 'joinedAtMs') !== account.joinedAtMs) return false;
  return sameSecret(id, account.id) && sameSecret(avatar, sha256Hex(account.avatar));
}

// Looks at every login, so that the time tells nothing about which one it was.
function findLogin(logins: readonly Login[], by: keyof Login, secret: string | null): Login | null {
  let found: Login | null = null;
  for (const login of logins) if (sameSecret(login[by], secret ?? '')) found = login;
  return found;
}

function readToken(request: IncomingMessage): string | null {
  return /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? null;
}

function setCookie(response: ServerResponse, { sessionId }: Login): void {
  response.setHeader('Set-Cookie', `${COOKIE_NAME}=${sessionId}; Path=/; HttpOnly; SameSite=Lax`);
}

function readCookie(request: IncomingMessage): string | null {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = pair.trim().split('=');
    if (name === COOKIE_NAME) return value ?? '';
  }
  return null;
}

class BadRequest extends Error {}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new BadRequest('body too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BadRequest('body is not JSON', { cause });
  }
}

function readMember(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function sendJson(response: ServerResponse, value: unknown): void {
  send(response, 200, 'application/json', JSON.stringify(value));
}

function refuse(response: ServerResponse): void {
  send(response, 401, 'text/plain', 'log in first');
}

function redirect(response: ServerResponse, location: string): void {
  response.setHeader('Location', location);
  send(response, 303, 'text/plain', '');
}

// Never cached: the counters must see every visit.
function send(response: ServerResponse, status: number, type: string, body: string | Uint8Array): void {
  const contentType = type.startsWith('text/') ? `${type}; charset=utf-8` : type;
  response.writeHead(status, { 'Content-Type': contentType, 'Cache-Control': 'no-store' });
  response.end(body);
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function close(server: Server): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeAllConnections();
  });
}
