/**
 * Many commands at once, each of its own: they leave together, so they cost about what a pipeline does, and a cluster's redirections are followed for
 * each alone. Pipelines of ioredis refuse keys of several servers and report a redirection as a failure.
 */

import type { Connection } from './client.ts';

/** Most commands of one chunk, of which two are under way together. */
const CHUNK_ITEMS = 256;
/** Bytes of values that a chunk ends after. */
const CHUNK_BYTES = 1024 * 1024;

/** `send` of each item; results in order. What is under way never holds a key twice, so what is later in the list is also done later. */
export async function settleChunks<T, R>(
  connection: Connection,
  items: readonly T[],
  sizeOf: (item: T) => { key: string; bytes: number },
  send: (item: T) => Promise<R>,
): Promise<PromiseSettledResult<R>[]> {
  const chunks: Promise<PromiseSettledResult<R>[]>[] = [];
  const keys = new Set<string>();
  for (let from = 0; from < items.length; ) {
    let bytes = 0;
    let to = from;
    for (; to < items.length && to - from < CHUNK_ITEMS && bytes < CHUNK_BYTES; to++) {
      const size = sizeOf(items[to]!);
      if (keys.has(size.key)) break;
      keys.add(size.key);
      bytes += size.bytes;
    }
    if (to === from) {
      await Promise.all(chunks);
      keys.clear();
      continue;
    }
    connection.hold();
    chunks.push(Promise.allSettled(items.slice(from, to).map(send)));
    await chunks.at(-2); // While the server works at one, the next one is sent.
    from = to;
  }
  return (await Promise.all(chunks)).flat();
}
