/**
 * Finds connections that lead nowhere any more: a server that vanished without a word leaves its clients waiting, and every later command too. A
 * connection that is in use and on which nothing moves is asked for a sign of life; where none comes, it is cut, and the client makes another one.
 * ioredis has `socketTimeout` for this, which sets a timer for every command.
 */

import { clearInterval, setInterval } from 'node:timers'; // Deno's own return numbers, which cannot be unref'd
import type { Connection, RedisNodeLike } from './client.ts';

/** Looks during one time of silence. */
const LOOKS = 3;

/** Cuts connections that have been silent for about `silenceMs` while they were in use, until the returned function is called. */
export function watchSilence(connection: Connection, silenceMs: number): () => void {
  if (silenceMs === 0) return () => undefined;
  const seen = new WeakMap<RedisNodeLike, { moved: string; silent: number }>();
  const timer = setInterval(
    () => {
      const isUsed = connection.takeUsed();
      for (const node of connection.nodes()) {
        const { stream } = node;
        if (stream?.bytesRead === undefined || stream.destroyed) continue;
        const moved = `${stream.bytesRead} ${stream.writableLength}`;
        const last = seen.get(node);
        const isSilent = last !== undefined && last.moved === moved && (isUsed || last.silent > 0);
        const silent = isSilent ? last.silent + 1 : 0;
        seen.set(node, { moved, silent });
        if (silent > LOOKS - 1) stream.destroy();
        else if (silent > 0) node.call('PING', []).catch(() => undefined); // Whatever comes back is the sign.
      }
    },
    Math.max(1, Math.ceil(silenceMs / LOOKS)),
  );
  timer.unref();
  return () => clearInterval(timer);
}
