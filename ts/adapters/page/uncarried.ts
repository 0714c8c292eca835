/**
 * Looks for state that this version does not carry, so that a capture can say so instead of leaving it out silently. Counts only. What cannot be
 * asked (an insecure page has no service workers) is not there.
 */

export interface Uncarried {
  readonly serviceWorker: number;
  readonly storageBucket: number;
}

interface BucketNavigator {
  readonly storageBuckets?: { keys(): Promise<string[]> };
}

/** How many service workers and storage buckets there are. */
export async function countUncarried(): Promise<Uncarried> {
  return {
    serviceWorker: await count(async () => (await navigator.serviceWorker?.getRegistrations())?.length),
    storageBucket: await count(async () => (await (navigator as BucketNavigator).storageBuckets?.keys())?.length),
  };
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
