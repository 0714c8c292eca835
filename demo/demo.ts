/**
 * The main job, on real input: log in on a real web site with a real browser, capture, encode, seal, store; then, in another process and a fresh
 * browser, get, open, decode, restore, and let the site itself say who is logged in. `npm run demo` builds and runs it.
 *
 * Without a browser the same way is walked with what plain HTTP can hold, the cookie, and the demo says what that leaves out.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  activeKernel,
  type Cookie,
  decodeSession,
  encodeSession,
  formatKey,
  generateKey,
  open,
  type Report,
  type Session,
  seal,
} from 'persistent-sessions';
import { playwright } from 'persistent-sessions/adapters/playwright';
import { filesystem } from 'persistent-sessions/providers/filesystem';
import { chromium, type Page } from 'playwright-core';
import { CHROMIUM_FLAGS, findChromium } from './chromium.ts';
import { type Site, startSite } from './site.ts';
import { Stopwatch } from './stopwatch.ts';
import type { Visit } from './visit.ts';

const FOLDER: string = fileURLToPath(new URL('../../.psp-demo/', import.meta.url));
const SCREENSHOT = 'logged-in.png';

const executablePath = findChromium();
rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
const site = await startSite();
try {
  const logged = executablePath === null ? await walkWithoutBrowser(site) : await walk(site, executablePath);
  process.exitCode = logged ? 0 : 1;
} finally {
  await site.close();
}

async function walk(site: Site, path: string): Promise<boolean> {
  say(`a web site runs at ${site.origin}; logging in there as ${site.user} with Chromium`);
  const watch = new Stopwatch();
  const browser = await chromium.launch({ executablePath: path, args: [...CHROMIUM_FLAGS] });
  const context = await browser.newContext();
  await watch.time('log in', async () => logIn(await context.newPage(), site));
  const { session, report } = await watch.time('capture', () => playwright(context).capture());
  await browser.close();

  const key = generateKey();
  const blob = await watch.time('encode', () => encodeSession(session));
  const sealed = await watch.time('seal', () => seal(blob, key, { sessionId: session.id }));
  const store = filesystem({ root: FOLDER });
  await watch.time('put', () => store.put(session.id, sealed));
  say('the browser is closed; the sealed session is in the filesystem store');

  site.resetCounters();
  const visit = await visitElsewhere(session.id, formatKey(key), site);
  say(`process ${visit.pid} restored it in a browser that never logged in; the site says:\n\n    ${visit.status}\n`);

  printTable('what was captured', [
    ...Object.entries(report.counts)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => [kind, String(count), `${visit.report.counts[kind as keyof Report['counts']]} read back right`]),
  ]);
  printTable('sizes', [
    ['text blob', `${blob.length} B`, `Base64 sections by the ${activeKernel().kind} kernel`],
    ['binary sections', `${await sectionBytes(session)} B`, 'IndexedDB records'],
    ['sealed', `${sealed.length} B`, 'AES-256-GCM'],
  ]);
  printTable('time per stage, in one run', [
    ...[...watch.stages, ...visit.stages].map(({ name, ms }) => [name, `${ms.toFixed(1)} ms`, '']),
  ]);
  const entries = [...report.entries, ...visit.report.entries];
  printTable(
    'what could not be carried',
    entries.length === 0 ? [['nothing', '', '']] : entries.map(({ outcome, kind, reason }) => [kind, outcome, reason]),
  );
  say(`screenshot of the logged-in page: .psp-demo/${SCREENSHOT} (${statSync(FOLDER + SCREENSHOT).size} B)`);
  return visit.places === 4;
}

async function logIn(page: Page, site: Site): Promise<void> {
  await page.goto(`${site.origin}/login`);
  await page.fill('[name=user]', site.user);
  await page.fill('[name=password]', site.password);
  await page.click('button');
  await page.locator('#status[data-ready=true]').waitFor();
}

/** Runs the second half in a process of its own. The key goes through its environment, never through its arguments. */
function visitElsewhere(id: string, key: string, site: Site): Promise<Visit> {
  const program = fileURLToPath(new URL('visit.js', import.meta.url));
  const child = spawn(process.execPath, [program, FOLDER, id, site.origin, FOLDER + SCREENSHOT], {
    env: { ...process.env, PSP_KEY: key },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(printed) as Visit);
      else reject(new Error(`the visiting process ended with status ${code}`));
    });
  });
}

/** The way without a browser: the cookie of a login by HTTP is encoded, sealed, stored, read back, and used. */
async function walkWithoutBrowser(site: Site): Promise<boolean> {
  say('there is no Chromium here, so only the part without a browser is shown: the cookie of a login by plain HTTP');
  const answer = await fetch(`${site.origin}/login`, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({ user: site.user, password: site.password }),
  });
  const session = sessionOfCookie(site, answer.headers.getSetCookie()[0] ?? '');
  const key = generateKey();
  const store = filesystem({ root: FOLDER });
  await store.put(session.id, await seal(await encodeSession(session), key, { sessionId: session.id }));
  const record = await store.get(session.id);
  if (record === null) throw new Error('the store lost the session');
  const [cookie] = (await decodeSession(await open(record.value, key, { sessionId: session.id }))).cookies;
  const who = await fetch(`${site.origin}/api/whoami`, {
    method: 'POST',
    headers: { cookie: `${cookie?.name}=${cookie?.value}`, 'content-type': 'application/json' },
    body: '{"profile":null}',
  });
  const { places } = (await who.json()) as { places: { cookie: boolean } };
  say(`after encode, seal, put, get, open and decode the site ${places.cookie ? 'accepts' : 'refuses'} the cookie`);
  say('not shown: capture and restore in a browser, localStorage, sessionStorage, IndexedDB. Install Chromium and run it again.');
  return places.cookie;
}

function sessionOfCookie(site: Site, setCookie: string): Session {
  const [pair] = setCookie.split(';');
  const [name = '', value = ''] = (pair ?? '').split('=');
  const cookie: Cookie = {
    name,
    value,
    domain: new URL(site.origin).hostname,
    hostOnly: true,
    path: '/',
    secure: false,
    httpOnly: true,
    sameSite: 'lax',
    expiresAt: null,
    partitionKey: null,
  };
  const at = Date.now();
  return {
    id: crypto.randomUUID(),
    incarnation: crypto.randomUUID(),
    revision: 0,
    createdAt: at,
    updatedAt: at,
    source: { tool: 'fetch' },
    coverage: { cookies: 'complete', tabs: 'unvisited', storage: [] },
    cookies: [cookie],
    storage: [],
    tabs: [],
  };
}

async function sectionBytes(session: Session): Promise<number> {
  const stores = session.storage.flatMap(({ indexedDB }) => indexedDB.flatMap(({ stores }) => stores));
  return stores.reduce((total, { records }) => total + (records?.length ?? 0), 0);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function printTable(title: string, rows: readonly (readonly string[])[]): void {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map(([first = '', second = '', third = '']) =>
    `  ${first.padEnd(widths[0] ?? 0)}  ${second.padStart(widths[1] ?? 0)}  ${third}`.trimEnd(),
  );
  say(`${title}\n${lines.join('\n')}\n`);
}
