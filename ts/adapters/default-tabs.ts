/** How many tabs of ours work at once when nobody says. */

/** More tabs than this help no browser. */
const MAX_DEFAULT_TABS = 16;

/** Two tabs for each processor, so that one waits while the other works; at least two. */
export function defaultTabs(): number {
  const processors = globalThis.navigator?.hardwareConcurrency ?? nodeProcessors() ?? 1;
  return Math.min(MAX_DEFAULT_TABS, Math.max(2, 2 * processors));
}

/** Node 20 has no `navigator`. Asked for at run time and never imported, as in `digest.ts`. */
function nodeProcessors(): number | undefined {
  return globalThis.process?.getBuiltinModule?.('node:os')?.availableParallelism?.();
}
