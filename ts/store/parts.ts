/**
 * What the operations of a session store are made from. Not public: files of this folder that go around `SessionStore` (bulk import, transfer) ask
 * {@link partsOf}.
 */

import type { RandomBytes } from '../envelope/random.ts';
import type { RecordHead, StorageProvider } from '../provider.ts';
import type { Operation, StoreMetric } from './metrics.ts';
import type { RecordSeal } from './record.ts';
import type { Retry } from './retry.ts';
import type { SessionStore } from './store.ts';

/** One store. */
export interface StoreParts extends RecordSeal {
  readonly provider: StorageProvider;
  /** In front of every key; '' or ends with `/`. Keys are made and read by `namespace.ts`. */
  readonly prefix: string;
  readonly now: () => number;
  readonly random: RandomBytes;
  readonly retry: Retry;
  readonly tombstoneMs: number;
  readonly onMetric: ((metric: StoreMetric) => void) | undefined;
}

const PARTS = new WeakMap<SessionStore, StoreParts>();
const OPENED = new WeakSet<StorageProvider>();

/** Lets {@link partsOf} find them. */
export function keepParts(store: SessionStore, parts: StoreParts): void {
  PARTS.set(store, parts);
}

/** The parts of a store. TypeError for one that `sessionStore` did not make. */
export function partsOf(store: SessionStore): StoreParts {
  const parts = PARTS.get(store);
  if (parts === undefined) throw new TypeError('store: expected one that sessionStore made');
  return parts;
}

/** Opens the provider, once: only then are its capabilities final. */
export async function openProvider({ provider, retry }: StoreParts, operation: Operation): Promise<void> {
  if (OPENED.has(provider)) return;
  await retry.read(operation, () => provider.open(operation.call));
  OPENED.add(provider);
}

/** The head of a record, or null. */
export function readHead({ provider, retry }: StoreParts, operation: Operation, key: string): Promise<RecordHead | null> {
  return retry.read(operation, () => provider.head(key, operation.call));
}
