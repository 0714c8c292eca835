/**
 * What the child processes of lmdb-gate.test.ts do, run by the newest Node: `node lmdb-gate-child.ts <task> <path>`. Without syncs, so that as much as possible
 * happens at the same time.
 */

import { lmdb } from '../../providers/lmdb.ts';

const [task = '', path = ''] = process.argv.slice(2);
const PUTS = 5000;

/** Puts one value after the other, then says how many of those that were acknowledged are gone. */
async function putAll(): Promise<void> {
  const provider = lmdb({ path, durability: 'none' });
  for (let at = 0; at < PUTS; at++) await provider.put(`key ${at}`, Uint8Array.of(at & 255));
  let lost = 0;
  for (let at = 0; at < PUTS; at++) if ((await provider.get(`key ${at}`))?.value[0] !== (at & 255)) lost++;
  await provider.close();
  console.log(`lost ${lost} of ${PUTS}`);
}

/** Opens and closes the store until it is killed, and says so each time. */
async function openAgainAndAgain(): Promise<void> {
  for (;;) {
    const provider = lmdb({ path, durability: 'none' });
    await provider.open();
    await provider.close();
    console.log('opened');
  }
}

const tasks: Record<string, () => Promise<void>> = { puts: putAll, openings: openAgainAndAgain };
await tasks[task]?.();
