/** A capture's or restore's report as text, and what it means for the exit status. */
import { type Counts, isComplete, type Report } from '../adapters/report.ts';
import { PspError } from '../errors.ts';
import type { Loss } from '../formats/loss.ts';
import { showName, table } from './text.ts';

/** The counts in a few words, such as `3 cookies, 1 origin`. */
export function showCounts(counts: Counts): string {
  const words: [number, string, string][] = [
    [counts.cookies, 'cookie', 'cookies'],
    [counts.localStorage, 'localStorage item', 'localStorage items'],
    [counts.sessionStorage, 'sessionStorage item', 'sessionStorage items'],
    [counts.databases, 'database', 'databases'],
    [counts.records, 'record', 'records'],
    [counts.tabs, 'tab', 'tabs'],
  ];
  // Few sites have these.
  if (counts.cacheEntries > 0) words.push([counts.cacheEntries, 'cache entry', 'cache entries']);
  if (counts.files > 0) words.push([counts.files, 'private file', 'private files']);
  if (counts.serviceWorkers > 0) words.push([counts.serviceWorkers, 'service worker', 'service workers']);
  if (counts.permissions > 0) words.push([counts.permissions, 'permission', 'permissions']);
  if (counts.passkeys > 0) words.push([counts.passkeys, 'passkey', 'passkeys']);
  return words.map(([count, one, many]) => `${count} ${count === 1 ? one : many}`).join(', ');
}

/** The entries as a table, or an empty string when there are none. */
export function showEntries(report: Report): string {
  if (report.entries.length === 0) return '';
  const rows = report.entries.map(({ outcome, kind, place, reason }) => [outcome, kind, showName(place, 80), showName(reason, 160)]);
  return `${table([['outcome', 'kind', 'place', 'reason'], ...rows])}\n`;
}

/** The losses of a format as a table under `title`, or an empty string. Losses with one reason are one row: every cookie may have them. */
export function showLosses(losses: readonly Loss[], title: string): string {
  const byReason = new Map<string, Loss[]>();
  for (const loss of losses) byReason.set(loss.reason, [...(byReason.get(loss.reason) ?? []), loss]);
  if (byReason.size === 0) return '';
  const rows = [...byReason].map(([reason, [first, ...more]]) => [
    first?.severity ?? '',
    `${showName(first?.pointer ?? '', 60)}${more.length > 0 ? ` and ${more.length} more` : ''}`,
    showName(reason, 120),
  ]);
  return `${table([['severity', 'where', title], ...rows])}\n`;
}

/** `ADAPTER_INCOMPLETE` when something was lost or altered; `kept` says what there is all the same. */
export function demandComplete(report: Report, kept: string): void {
  if (isComplete(report)) return;
  const bad = report.entries.filter(({ outcome }) => outcome === 'lost' || outcome === 'altered');
  const [first] = bad;
  const also = bad.length > 1 ? ` and ${bad.length - 1} more` : '';
  const code = first?.code === undefined ? '' : ` (${first.code})`;
  throw new PspError(
    'ADAPTER_INCOMPLETE',
    `${first?.kind} of ${showName(first?.place ?? '', 80)} was ${first?.outcome}${code}${also}; ${kept}`,
  );
}
