/**
 * Connections to IndexedDB of the document this runs in. Every opening has a time limit, since a pending upgrade holds it for ever, and nobody who upgrades or
 * deletes a database must wait for one of ours.
 */
import { rooms } from './buckets.ts';

/** Opens a database that exists; null when it does not (an open without a version would create it). */
export async function openExisting(name: string, timeoutMs: number): Promise<IDBDatabase | null> {
  const request = rooms().indexedDB.open(name);
  let absent = false;
  request.onupgradeneeded = () => {
    absent = true;
    request.transaction?.abort();
  };
  try {
    return await opened(request, timeoutMs);
  } catch (error) {
    if (absent) return null;
    throw error;
  }
}

/** The connection that a request opens; a TimeoutError after `timeoutMs`. */
export async function opened(request: IDBOpenDBRequest, timeoutMs: number): Promise<IDBDatabase> {
  const database = await limit(settle(request), timeoutMs, () => request.result.close());
  database.onversionchange = () => database.close();
  return database;
}

/** The result of a request. A request that fails does not abort its transaction. */
export function settle<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = (event) => {
      event.preventDefault();
      reject(request.error);
    };
  });
}

/** Resolves when the transaction is complete. */
export function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new DOMException('the transaction was aborted', 'AbortError'));
  });
}

/** Rejects with a TimeoutError after `timeoutMs`; when the work ends later all the same, `undo` runs. */
export function limit<T>(work: Promise<T>, timeoutMs: number, undo: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      reject(new DOMException('the database did not open in time', 'TimeoutError'));
    }, timeoutMs);
    work.then(
      (value) => {
        clearTimeout(timer);
        if (late) undo();
        else resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
