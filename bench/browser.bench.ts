/**
 * Capture and restore of a Chromium through Playwright: this library's driver and Playwright's own storage state, in turn on the same contexts of one
 * browser. Large contents in processes of their own, for the memory that they take.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';
import { CHROMIUM_FLAGS, findChromium, launchChromium, type RunningChromium } from '../demo/chromium.ts';
import { playwright } from '../ts/adapters/playwright.ts';
import { isComplete, type Report } from '../ts/adapters/report.ts';
import type { Session } from '../ts/session/session.ts';
import type { MemoryFigures } from './browser-memory.ts';
import { type BenchSite, countRecords, fill, fillOrigins, startSite } from './browser-site.ts';
import { formatDuration } from './figure.ts';
import type { BenchCase, Contestant, FigureTable, Subject } from './harness.ts';

/** For the runner: see `SubjectModule`. */
export const needsNode = 'it starts browsers';

const OURS = 'persistent-sessions';
const RIVAL = 'storageState';
const RECORDS = 100_000;
const ORIGINS = 50;
/** Of 64 KiB: 105 MB. */
const LARGE_RECORDS = 1600;

type StorageState = Awaited<ReturnType<BrowserContext['storageState']>>;

/** All rows. The browsers run until the process ends. */
export async function subject(): Promise<Subject> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error('no Chromium on this machine: run `npm run set-up`, or set PSP_CHROMIUM to its path');
  const site = await startSite();
  const browser = await chromium.launch({ executablePath, args: [...CHROMIUM_FLAGS] });
  const large = await openLarge(site);
  const requests = { captures: 0, restores: 0 };
  const many = await browser.newContext();
  await fill(await many.newPage(), site.origin('many'), RECORDS, '200 B');
  const wide = await browser.newContext();
  const origins = await fillOrigins(await wide.newPage(), site, ORIGINS);
  return {
    name: 'browser',
    note:
      `${OURS}: \`playwright(context)\`, which also carries what a storage state has no place for, and reads back every byte that it restored; ` +
      `${RIVAL}: \`context.storageState({ indexedDB: true })\` and \`context.setStorageState\`. Both in fresh contexts of one Chromium ${browser.version()}. ` +
      `The rows of 105 MB are a capture to a file and a restore from it, each in a process of its own that is connected to another Chromium by CDP.`,
    baseline: RIVAL,
    packages: ['playwright-core'],
    get tables() {
      return [large.table(), requestTable(requests)];
    },
    cases: [
      ...pair(`${RECORDS.toLocaleString('en')} records of 200 B`, browser, site, many, [site.origin('many')], RECORDS, requests),
      ...pair(`${ORIGINS} origins, 20 records and 1 kB of localStorage each`, browser, site, wide, origins, 20 * ORIGINS, requests),
      ...large.cases,
    ],
  };
}

/** The capture and the restore of what a context holds. */
function pair(
  name: string,
  browser: Browser,
  site: BenchSite,
  context: BrowserContext,
  origins: readonly string[],
  records: number,
  requests: { captures: number; restores: number },
): BenchCase[] {
  let session: Promise<Session> | null = null;
  let state: Promise<StorageState> | null = null;
  const counted = async <T>(kind: 'captures' | 'restores', work: () => Promise<T>): Promise<T> => {
    site.forget();
    const result = await work();
    requests[kind] += site.requests();
    return result;
  };
  const capture = (): Promise<Session> =>
    counted('captures', async () => {
      const { session: captured, report } = await playwright(context).capture({ origins, cookieOrigins: false });
      assertComplete(report, records);
      return captured;
    });
  const captureState = (): Promise<StorageState> => context.storageState({ indexedDB: true });
  const restorers: Readonly<Record<string, (to: BrowserContext) => Promise<unknown>>> = {
    [OURS]: async (to) => {
      session ??= capture();
      const carried = await session;
      return counted('restores', async () => assertComplete((await playwright(to).restore(carried)).report, records));
    },
    [RIVAL]: async (to) => {
      state ??= captureState();
      return to.setStorageState(await state);
    },
  };
  const restoring = (restorer: string): Contestant => ({
    name: restorer,
    rival: restorer === RIVAL,
    slow: true,
    run: () =>
      inContext(browser, async (to) => {
        await restorers[restorer]!(to);
        return countRecords(to, origins);
      }),
    // What is captured once, the context and its end are not the restore.
    sample: () => inContext(browser, (to) => timed(() => restorers[restorer]!(to))),
  });
  const same = (first: unknown, other: unknown): boolean => first === records && other === records;
  return [
    {
      name: `${name}, capture`,
      inputBytes: null,
      agree: same,
      contestants: [
        { name: OURS, slow: true, run: () => capture().then(() => records) },
        { name: RIVAL, rival: true, slow: true, run: async () => countState(await captureState()) },
      ],
    },
    { name: `${name}, restore`, inputBytes: null, agree: same, contestants: [OURS, RIVAL].map(restoring) },
  ];
}

async function inContext<T>(browser: Browser, work: (to: BrowserContext) => Promise<T>): Promise<T> {
  const to = await browser.newContext();
  try {
    return await work(to);
  } finally {
    await to.close();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

function assertComplete(report: Report, records: number): void {
  if (!isComplete(report) || report.counts.records !== records) throw new Error('bench browser: what was carried is not complete');
}

/** The records of a storage state. Its type says nothing of databases. */
function countState({ origins }: StorageState): number {
  type WithDatabases = { indexedDB?: readonly { stores: readonly { records: readonly unknown[] }[] }[] };
  return (origins as WithDatabases[]).reduce(
    (sum, { indexedDB = [] }) =>
      sum + indexedDB.reduce((all, { stores }) => all + stores.reduce((some, { records }) => some + records.length, 0), 0),
    0,
  );
}

function requestTable({ captures, restores }: { captures: number; restores: number }): FigureTable {
  return {
    title: 'Requests that reached the site',
    names: 1,
    header: ['contestant', 'captures', 'restores'],
    lines: [[OURS, String(captures), String(restores)]],
  };
}

/** The rows of large records, and what they found. */
interface Large {
  readonly cases: readonly BenchCase[];
  table(): FigureTable;
}

/** A run in a process of its own: its figures, or that it failed. */
type Outcome = MemoryFigures | 'it ended the browser';

async function openLarge(site: BenchSite): Promise<Large> {
  const folder = mkdtempSync(join(tmpdir(), 'psp-bench-browser-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const origin = site.origin('large');
  const from = await launchChromium();
  const filling = await chromium.connectOverCDP(from.cdpUrl);
  await fill(await filling.contexts()[0]!.newPage(), origin, LARGE_RECORDS, '64 KiB');
  await filling.close();
  const found = new Map<string, Outcome[]>();
  const note = (tool: string, way: string, outcome: Outcome): void => {
    const key = `${tool} ${way}`;
    found.set(key, [...(found.get(key) ?? []), outcome]);
  };
  const fileOf = (tool: string): string => join(folder, tool);
  const run = async (tool: 'ours' | 'playwright', way: 'capture' | 'restore', browser: RunningChromium): Promise<MemoryFigures> => {
    const figures = await inProcess(tool, way, browser.cdpUrl, origin, fileOf(tool));
    note(tool, way, figures);
    return figures;
  };
  const restore = async (tool: 'ours' | 'playwright'): Promise<MemoryFigures> => {
    const to = await launchChromium();
    try {
      return await run(tool, 'restore', to);
    } finally {
      await to.close();
    }
  };
  let tried: Promise<void> | null = null;
  /** Once: it has never come through. */
  const tryRival = async (): Promise<void> => {
    await run('playwright', 'capture', from);
    await restore('playwright').catch(() => note('playwright', 'restore', 'it ended the browser'));
  };
  const isSame = (first: unknown, other: unknown): boolean => first === other;
  const name = `${LARGE_RECORDS.toLocaleString('en')} records of 64 KiB`;
  return {
    cases: [
      {
        name: `${name}, capture to a file`,
        inputBytes: LARGE_RECORDS * 65_536,
        agree: isSame,
        contestants: [
          {
            name: OURS,
            slow: true,
            run: async () => void (await run('ours', 'capture', from)),
            sample: async () => (await run('ours', 'capture', from)).ms,
          },
          {
            name: RIVAL,
            rival: true,
            slow: true,
            run: async () => void (await run('playwright', 'capture', from)),
            sample: async () => (await run('playwright', 'capture', from)).ms,
          },
        ],
      },
      {
        name: `${name}, restore from the file`,
        inputBytes: LARGE_RECORDS * 65_536,
        agree: isSame,
        contestants: [
          {
            name: OURS,
            slow: true,
            async run() {
              tried ??= tryRival();
              await tried;
              const { records } = await restore('ours');
              if (records !== LARGE_RECORDS) throw new Error('bench browser: what was restored is not complete');
            },
            sample: async () => (await restore('ours')).ms,
          },
        ],
      },
    ],
    table: () => ({
      title: '105 MB of records: growth of the peak of memory of the process that drives the browser (RSS), median',
      names: 2,
      header: ['contestant', 'way', 'memory', 'time'],
      lines: [...found].map(([key, outcomes]) => {
        const [tool = '', way = ''] = key.split(' ');
        return [tool === 'ours' ? OURS : RIVAL, way, ...figuresOf(outcomes)];
      }),
    }),
  };
}

function figuresOf(outcomes: readonly Outcome[]): [memory: string, time: string] {
  const figures = outcomes.filter((outcome) => typeof outcome !== 'string');
  if (figures.length === 0) return ['it ended the browser', ''];
  const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
  return [
    `${(median(figures.map(({ growthBytes }) => growthBytes)) / 1e6).toFixed(0)} MB`,
    formatDuration(median(figures.map(({ ms }) => ms))),
  ];
}

async function inProcess(...args: readonly string[]): Promise<MemoryFigures> {
  const script = fileURLToPath(new URL(`./browser-memory${extname(import.meta.url)}`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], { timeout: 180_000 });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as MemoryFigures;
}
