/**
 * Looks for state that this version does not carry, so that a capture can say so instead of leaving it out silently. Counts only. What cannot be
 * asked (an insecure page has no caches) is not there.
 */

export interface Uncarried {
  readonly cacheStorage: number;
  readonly serviceWorker: number;
  readonly fileSystem: number;
  readonly storageBucket: number;
}

interface BucketNavigator {
  readonly storageBuckets?: { keys(): Promise<string[]> };
}

/** How many caches, service workers, root entries of the private file system and storage buckets there are. */
export async function countUncarried(): Promise<Uncarried> {
  return {
    cacheStorage: await count(async () => (await globalThis.caches?.keys())?.length),
    serviceWorker: await count(async () => (await navigator.serviceWorker?.getRegistrations())?.length),
    fileSystem: await count(countFiles),
    storageBucket: await count(async () => (await (navigator as BucketNavigator).storageBuckets?.keys())?.length),
  };
}

/** How many frames the document has, also those that live in processes of their own. */
export function countFrames(): number {
  return window.length;
}

async function countFiles(): Promise<number | undefined> {
  const root = await navigator.storage?.getDirectory?.();
  if (root === undefined) return undefined;
  let entries = 0;
  for await (const _ of (root as unknown as { keys(): AsyncIterable<string> }).keys()) entries++;
  return entries;
}

/** A refusal (SecurityError in a sandbox, storage that is switched off) means that there is nothing a page could have kept there. */
async function count(ask: () => Promise<number | undefined>): Promise<number> {
  try {
    return (await ask()) ?? 0;
  } catch (error) {
    if (error instanceof DOMException) return 0;
    throw error;
  }
}
