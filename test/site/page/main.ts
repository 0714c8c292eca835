/**
 * The one script of every page of the hard site. The page's path is its role; the server says whether it is to seed or to look. Either way it
 * reports, at the end, what it sees.
 */
import type { PageCell } from '../cell.ts';
import { lookAtBuckets, seedBuckets } from './buckets.ts';
import { lookAtCaches, seedCaches, seedOwnCache } from './caches.ts';
import { lookAtCookies, seedScriptCookies } from './cookies.ts';
import {
  lookAtKeys,
  lookAtKinds,
  lookAtOwnDatabase,
  lookAtSchema,
  seedDatabases,
  seedHardName,
  seedKinds,
  seedOwnDatabase,
} from './databases.ts';
import { lookAtFiles, seedFiles, seedOwnFile } from './files.ts';
import { lookAtLogin, type Secrets, seedLogin } from './login.ts';
import { lookAtStep, lookAtTab, seedHistory } from './tab.ts';
import { lookAtItems, seedItems, seedOwnItem } from './web-storage.ts';
import { lookAtPermissions, lookAtWorkers, seedWorkers } from './worker.ts';

/** What the server writes into a page. */
export interface PageOrder {
  readonly phase: 'seed' | 'look';
  readonly role: string;
  /** Another origin of the server. */
  readonly elsewhere: string;
  /** When what expires does, milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly secrets: Secrets;
}

type Looks = readonly (() => PageCell[] | Promise<PageCell[]>)[];

const local = (): PageCell[] => lookAtItems('localStorage', 'localStorage', localStorage);
const session = (): PageCell[] => lookAtItems('sessionStorage', 'sessionStorage', sessionStorage);
const scriptCookies = (): Promise<PageCell[]> => lookAtCookies('cookies, seen by scripts');
const partition: Looks = [
  () => lookAtCookies('cookies of partitions'),
  () => lookAtItems('partitioned storage', 'localStorage', localStorage).map(named('localStorage')),
  () => lookAtItems('partitioned storage', 'sessionStorage', sessionStorage).map(named('sessionStorage')),
  () => lookAtOwnDatabase('partitioned storage'),
  () => lookAtCaches('partitioned storage'),
  () => lookAtFiles('partitioned storage'),
];
const own: Looks = [scriptCookies, local, session, () => lookAtOwnDatabase('IndexedDB schema'), () => lookAtCaches('Cache Storage')];

const LOOKS: Readonly<Record<string, Looks>> = {
  '/tab-one': [
    scriptCookies,
    local,
    session,
    // Before the kinds are made anew: two of them make files.
    () => lookAtFiles('private files'),
    () => lookAtSchema(),
    lookAtKeys,
    lookAtKinds,
    () => lookAtCaches('Cache Storage'),
    lookAtWorkers,
    lookAtBuckets,
    lookAtPermissions,
    lookAtTab,
    lookAtLogin,
  ],
  '/tab-two': [() => session().map(named('tab two:')), () => lookAtTab().map(named('tab two:'))],
  '/frame': partition,
  '/frame-two': [() => lookAtItems('partitioned storage', 'sessionStorage', sessionStorage).map(named('sessionStorage of tab two'))],
  '/below': partition,
  '/tls': [...own, lookAtWorkers],
  '/first': own,
  '/sub': [scriptCookies, local],
  '/hinted': [local],
  '/left': [() => lookAtItems('sessionStorage of origins that a tab has left', 'sessionStorage', sessionStorage)],
  '/step': [lookAtStep],
};

type Steps = readonly (readonly [name: string, step: () => void | Promise<void>])[];

function stepsOf({ role, elsewhere, expiresAt, secrets }: PageOrder): Steps {
  const name = role.slice(1);
  const local = ['localStorage', () => seedOwnItem(localStorage, name)] as const;
  const session = ['sessionStorage', () => seedOwnItem(sessionStorage, name)] as const;
  const database = ['database', () => seedOwnDatabase(name)] as const;
  const cache = ['cache', () => seedOwnCache(name)] as const;
  const file = ['file', () => seedOwnFile(name)] as const;
  const framed = [local, session, database, cache, file];
  const steps: Readonly<Record<string, Steps>> = {
    '/tab-one': [
      ['cookies', seedScriptCookies],
      ['localStorage', () => seedItems(localStorage, name)],
      ['sessionStorage', () => seedItems(sessionStorage, name)],
      ['files', seedFiles],
      ['databases', seedDatabases],
      ['database of a hard name', seedHardName],
      ['kinds', seedKinds],
      ['caches', () => seedCaches(elsewhere)],
      ['workers', seedWorkers],
      ['buckets', () => seedBuckets(expiresAt)],
      ['login', () => seedLogin(secrets)],
      ['history', () => seedHistory(name, () => report('/step', [lookAtStep]))],
    ],
    '/tab-two': [session, ['history', () => seedHistory(name, async () => undefined)]],
    '/frame': framed,
    '/below': framed,
    '/frame-two': [session],
    // Nothing odd: a name with half of a surrogate pair does not survive the leaving, in the first browser.
    '/left': [['sessionStorage', () => sessionStorage.setItem('own', 'left behind')]],
    '/hinted': [local],
    '/sub': [local],
    '/first': [local, session, database, cache],
    '/tls': [local, session, database, cache, ['workers', seedWorkers]],
  };
  return steps[role] ?? [];
}

/** A browser that has not what a step wants says so to the server, and the rest is seeded. */
async function seed(order: PageOrder): Promise<void> {
  for (const [name, step] of stepsOf(order)) {
    try {
      await step();
    } catch (error) {
      await fetch('/skipped', { method: 'POST', body: `${order.role} ${name}: ${String(error)}` });
    }
  }
}

/** What a look cannot see is one cell that says so. */
async function lookAll(looks: Looks): Promise<PageCell[]> {
  const cells: PageCell[] = [];
  for (const [index, look] of looks.entries()) {
    try {
      cells.push(...(await look()));
    } catch (error) {
      const reason = error instanceof Error || error instanceof DOMException ? `${error.name}: ${error.message}` : 'thrown';
      cells.push({ group: 'partitioned storage', kind: 'partitionedStorage', name: `refused ${index}`, seen: reason });
    }
  }
  return cells;
}

async function report(role: string, looks: Looks): Promise<void> {
  const cells = await lookAll(looks);
  await fetch(`/report?role=${role}`, { method: 'POST', body: JSON.stringify(cells) });
}

function named(prefix: string): (cell: PageCell) => PageCell {
  return (cell) => ({ ...cell, name: `${prefix} ${cell.name}` });
}

async function run(order: PageOrder): Promise<void> {
  // Who goes back in the tab's history comes to another entry of this document, or to another document, which reports by itself.
  addEventListener('popstate', () => void report('/step', [lookAtStep]));
  if (order.phase === 'seed') await seed(order);
  await report(order.role, LOOKS[order.role] ?? []);
}

void run(JSON.parse(document.getElementById('order')!.textContent!) as PageOrder);
