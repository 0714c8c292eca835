/** One of the processes of `increments.test.ts`: a few workers that count in the same session, each so many times. */

import { filesystem } from '../../providers/filesystem.ts';
import { redis } from '../../providers/redis.ts';
import { EncryptionKey } from '../../ts/envelope/key.ts';
import { sessionStore } from '../../ts/store/session-store.ts';

const [service, place, workers, updates] = process.argv.slice(2);
if (service !== undefined && place !== undefined) await count(service, place, Number(workers), Number(updates));

async function count(service: string, place: string, workers: number, updates: number): Promise<void> {
  await using provider = service === 'redis' ? redis({ url: place }) : filesystem({ root: place, durability: 'none' });
  const store = sessionStore(provider, { keys: new EncryptionKey('count', new Uint8Array(32).fill(3)) });
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (let at = 0; at < updates; at++) {
        await store.update('counter', (session) => ({ ...session, name: String(Number(session.name) + 1) }));
      }
    }),
  );
}
