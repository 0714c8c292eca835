/**
 * Capture and restore by plain WebDriver, and what has to be said of it: the visits that it took, and what of cookies and of history it cannot tell or set.
 * History entries other than the one that is shown are not restored, since each would be a request of its own, of which one may log the user out.
 */
import type { Cookie, Session, Tab } from '../session/session.ts';
import { capture } from './capture.ts';
import { areRivals } from './cookie-order.ts';
import type { CaptureOptions, CaptureResult, RestoreOptions } from './driver.ts';
import { isWeb } from './intercept.ts';
import { Operation, timeLimit } from './operation.ts';
import { cookiePlace, type ReportEntry } from './report.ts';
import { liveSession, restoreLive, tabPlace } from './restore.ts';
import { openWebDriver, type WebDriverPort, type WebDriverPortOptions } from './selenium-port.ts';
import { frameEntries } from './unread-frames.ts';

/** The browser that is worked on. */
export type WebDriverBrowser = Pick<WebDriverPortOptions, 'driver' | 'tabIds' | 'devTools'>;

/** Captures the open windows, and the origins that are asked for, which are visited. Origins of cookies are visited only where the caller says so. */
export async function captureByWebDriver(browser: WebDriverBrowser, options: CaptureOptions): Promise<CaptureResult> {
  const port = await openWebDriver({ ...browser, timeoutMs: timeLimit(options), origins: [] });
  try {
    const { session, report } = await capture(port, { cookieOrigins: false, ...options, tabs: 1 });
    const frames = [...port.frames].flatMap(([origin, found]) => frameEntries(found, origin, 'WebDriver'));
    const entries = [...report.entries, UNSEEN_FRAMES, ...frames, ...visitEntries(port), ...silentEntries(port)];
    if (browser.devTools === null) entries.push(...cookieEntries(session, port));
    const isAll = port.silent.size === 0 && frames.length === 0;
    const coverage = {
      ...session.coverage,
      ...(browser.devTools === null || port.silent.size > 0 ? { cookies: 'partial' as const } : {}),
      ...(isAll ? {} : { tabs: 'partial' as const }),
    };
    return { session: { ...session, coverage }, report: { ...report, entries } };
  } finally {
    await port.end();
  }
}

const UNSEEN_FRAMES: ReportEntry = {
  outcome: 'notice',
  kind: 'partitionedStorage',
  place: 'all',
  reason: 'frames in shadow trees are not seen by script, which is what WebDriver looks with',
};

function visitEntries({ visits }: WebDriverPort): ReportEntry[] {
  return [...visits].map(([place, count]) => {
    const reason = `the site was visited ${count} times: WebDriver has no other way to what is not open`;
    return { outcome: 'notice', kind: 'origin', place, reason } as const;
  });
}

function silentEntries({ silent }: WebDriverPort): ReportEntry[] {
  return [...silent].map(() => {
    const reason = 'it did not answer in time, and WebDriver does one thing after the other: it and its cookies may not have been read';
    return { outcome: 'lost', kind: 'tab', place: 'a window', reason, code: 'ADAPTER_TIMEOUT' } as const;
  });
}

function cookieEntries({ cookies }: Session, { partitioned }: WebDriverPort): ReportEntry[] {
  const entries: ReportEntry[] = [...partitioned].map((place) => {
    const reason = 'it is in a partition, which WebDriver does not tell';
    return { outcome: 'lost', kind: 'cookie', place, reason } as const;
  });
  const all = { outcome: 'notice', kind: 'cookie', place: 'all' } as const;
  entries.push({
    ...all,
    reason: 'WebDriver lists the cookies of the documents that are open, and neither priority, source nor partition',
  });
  const expiring = cookies.filter(({ expiresAt }) => expiresAt !== null).length;
  if (expiring > 0)
    entries.push({ ...all, reason: `${expiring} cookies may expire up to a second later than is told: WebDriver has whole seconds` });
  const lax = cookies.filter(({ sameSite }) => sameSite === 'lax').length;
  if (lax > 0)
    entries.push({ ...all, reason: `${lax} cookies are taken for SameSite=Lax: WebDriver does not tell that from one that is not set` });
  const say = (cookie: Cookie, reason: string): void => {
    entries.push({ outcome: 'notice', kind: 'cookie', place: cookiePlace(cookie), reason });
  };
  for (const cookie of cookies.filter(({ httpOnly }) => httpOnly)) {
    // No script sees it, and only what is Secure can be in a partition.
    if (cookie.secure) say(cookie, 'it is taken for one that is in no partition: WebDriver does not tell, and it is HttpOnly');
    const rival = cookies.find((other) => other !== cookie && areRivals(cookie, other));
    if (rival !== undefined) say(cookie, 'whether it comes before another of its name is not told by WebDriver, as it is HttpOnly');
  }
  return entries;
}

/** Restores by visits. Each tab is loaded from its site, since there is no other way to its address. */
export async function restoreByWebDriver(
  browser: WebDriverBrowser,
  session: Session,
  options: RestoreOptions,
): Promise<{
  target: { handles: readonly string[] };
  report: { counts: CaptureResult['report']['counts']; entries: readonly ReportEntry[] };
}> {
  const origins = [
    ...session.storage.map(({ key }) => key.origin),
    ...session.tabs.flatMap(({ url }) => (isWeb(url) && URL.canParse(url) ? [new URL(url).origin] : [])),
  ];
  const port = await openWebDriver({ ...browser, timeoutMs: timeLimit(options), origins: [...new Set(origins)] });
  try {
    // WebDriver does one thing after the other.
    const operation = new Operation(port, { ...options, tabs: 1 });
    const live = liveSession(operation, session, options);
    const cookies = live.cookies.filter((cookie) => {
      if (browser.devTools !== null || cookie.partitionKey === null) return true;
      const reason = 'it is in a partition, which WebDriver cannot set';
      operation.entries.push({ outcome: 'lost', kind: 'cookie', place: cookiePlace(cookie), reason, code: 'ADAPTER_UNSUPPORTED' });
      return false;
    });
    const tabs = live.tabs.map((tab) => shownEntry(operation, tab));
    const { pages, report } = await restoreLive(operation, { ...live, cookies, tabs }, options);
    const entries = [...report.entries, ...visitEntries(port)];
    return { target: { handles: pages.map(({ handle }) => handle) }, report: { ...report, entries } };
  } finally {
    await port.end();
  }
}

/** A tab with no other history than the entry that it shows. */
function shownEntry(operation: Operation, tab: Tab): Tab {
  const { history } = tab;
  const shown = history?.entries[history.index];
  if (history === undefined || shown === undefined || history.entries.length === 1) return tab;
  const reason = `${history.entries.length - 1} other entries: to make them WebDriver would have to ask the site for each`;
  operation.entries.push({ outcome: 'lost', kind: 'history', place: tabPlace(tab), reason });
  return { ...tab, history: { index: 0, entries: [shown] } };
}
