/**
 * Storage of many origins, through tabs of our own in which every request is answered here: several at once, since each origin costs a document, and mostly a
 * process of its own, for which one tab would only wait. The order of results and report entries is that of the origins.
 */
import type { StorageKey } from '../session/session.ts';
import type { BrowserPort, WorkPage } from './browser-port.ts';
import type { InterceptedPage, Standing } from './intercept.ts';
import type { Operation } from './operation.ts';
import { placeOf } from './storage-key.ts';

/** Work with the origin of this index in a document of ours. What it reports goes to its own operation. */
export type OriginWork<Result> = (operation: Operation, at: Standing, index: number, page: InterceptedPage) => Promise<Result>;

/**
 * Does `work` for each key, in at most `tabs` tabs at once; null in the place of one that failed, which is an entry of the report.
 *
 * @throws as {@link Operation.part} does.
 */
export async function eachOrigin<Result>(
  operation: Operation<BrowserPort<unknown>>,
  tabs: number,
  keys: readonly StorageKey[],
  work: OriginWork<Result>,
): Promise<(Result | null)[]> {
  const results: (Result | null)[] = keys.map(() => null);
  const branches = keys.map(() => operation.branch());
  let next = 0;
  let done = 0;
  let isOver = false;

  async function worker(): Promise<void> {
    let tab: Tab | null = null;
    try {
      while (next < keys.length && !isOver) {
        const index = next++;
        const key = keys[index]!;
        const branch = branches[index]!;
        operation.progress('storage', done, keys.length);
        const entry = { outcome: 'lost', kind: 'origin', place: placeOf(key) } as const;
        const result = await branch.part(entry, async () => {
          tab ??= await openTab(operation.port);
          return { value: await work(branch, await tab.intercepted.stand(key), index, tab.intercepted) };
        });
        done++;
        results[index] = result === null ? null : result.value;
        if (result !== null) continue;
        // A tab that hung once may hang again: the next origin gets a fresh one.
        await closeQuietly(tab);
        tab = null;
      }
    } catch (error) {
      isOver = true;
      throw error;
    } finally {
      await closeQuietly(tab);
    }
  }

  const ended = await Promise.allSettled(Array.from({ length: Math.min(tabs, keys.length) }, worker));
  for (const { entries } of branches) operation.entries.push(...entries);
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  operation.progress('storage', keys.length, keys.length);
  return results;
}

interface Tab {
  readonly page: WorkPage;
  readonly intercepted: InterceptedPage;
}

async function openTab(port: BrowserPort<unknown>): Promise<Tab> {
  const page = await port.workPage();
  try {
    return { page, intercepted: await page.intercept() };
  } catch (error) {
    await Promise.allSettled([page.close()]);
    throw error;
  }
}

async function closeQuietly(tab: Tab | null): Promise<void> {
  // A tab that is gone already, or a browser that is, needs no closing; the failure that led here is reported by its own part.
  if (tab !== null) await Promise.allSettled([tab.page.close()]);
}
