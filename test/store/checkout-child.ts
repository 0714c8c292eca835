/** One of the processes of `checkout-processes.test.ts`: takes the session out, adds an item of its own, removes the one before, commits; so many times. */

import { redis } from '../../providers/redis.ts';
import { EncryptionKey } from '../../ts/envelope/key.ts';
import type { Session } from '../../ts/session/session.ts';
import { sessionStore } from '../../ts/store/session-store.ts';

const [url, name, rounds] = process.argv.slice(2);
if (url !== undefined && name !== undefined) await work(url, name, Number(rounds));

async function work(url: string, name: string, rounds: number): Promise<void> {
  await using provider = redis({ url });
  const store = sessionStore(provider, { keys: new EncryptionKey('work', new Uint8Array(32).fill(5)) });
  for (let round = 0; round < rounds; round++) {
    await using checkout = await store.checkout('shared');
    const { session } = checkout;
    await checkout.commit({ session: withItems(session, name, round) });
  }
}

function withItems(session: Session, name: string, round: number): Session {
  const storage = session.storage.map((one) => ({
    ...one,
    localStorage: [
      ...one.localStorage.filter(([item]) => item !== `${name} ${round - 1}` && item !== 'last'),
      [`${name} ${round}`, 'added'] as const,
      [`${name} kept ${round}`, 'added'] as const,
      ['last', name] as const,
    ],
  }));
  return { ...session, storage };
}
