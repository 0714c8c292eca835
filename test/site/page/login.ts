/** A login of the hard site that lives in five places, each with a secret that only the server can judge. */
import type { PageCell } from '../cell.ts';
import { settle } from './databases.ts';

/** Secrets by place; the cookie is the server's own to set. */
export interface Secrets {
  readonly localStorage: string;
  readonly sessionStorage: string;
  readonly indexedDB: string;
  readonly cache: string;
}

export async function seedLogin(secrets: Secrets): Promise<void> {
  localStorage.setItem('login', secrets.localStorage);
  sessionStorage.setItem('login', secrets.sessionStorage);
  await (await caches.open('login')).put('/login/receipt', new Response(secrets.cache));
  const request = indexedDB.open('login', 1);
  request.onupgradeneeded = () => request.result.createObjectStore('tokens').put(new Map([['token', secrets.indexedDB]]), 'login');
  (await settle(request)).close();
}

/** Asks the server which places it knows the user from. */
export async function lookAtLogin(): Promise<PageCell[]> {
  const secrets = {
    localStorage: localStorage.getItem('login'),
    sessionStorage: sessionStorage.getItem('login'),
    indexedDB: await storedToken(),
    cache: (await (await caches.match('/login/receipt'))?.text()) ?? null,
  };
  const response = await fetch('/login/check', { method: 'POST', body: JSON.stringify(secrets) });
  const kinds: Record<string, string> = { cookie: 'cookie', cache: 'cacheStorage' };
  return Object.entries((await response.json()) as Record<string, boolean>).map(([name, isKnown]) => ({
    group: 'login',
    kind: kinds[name] ?? name,
    name,
    seen: isKnown ? 'known' : 'unknown',
    within: ['sid', 'login', 'login/tokens'],
  }));
}

async function storedToken(): Promise<string | null> {
  if (!(await indexedDB.databases()).some(({ name }) => name === 'login')) return null;
  const database = await settle(indexedDB.open('login'));
  const tokens = (await settle(database.transaction('tokens').objectStore('tokens').get('login'))) as Map<string, string> | undefined;
  database.close();
  return tokens?.get('token') ?? null;
}
