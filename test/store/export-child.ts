/** The process that `export-resume.test.ts` kills: one export of the store in a folder into files beside it, with a checkpoint and a line for each file. */

import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { filesystem } from '../../providers/filesystem.ts';
import { EncryptionKey } from '../../ts/envelope/key.ts';
import { exportMany } from '../../ts/store/export.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import { checkpointFile } from '../machine/checkpoint-file.ts';

export const CHECKPOINT_EVERY = 50;

const [folder] = process.argv.slice(2);
if (folder !== undefined) await run(folder);

async function run(place: string): Promise<void> {
  const store = sessionStore(filesystem({ root: join(place, 'store'), durability: 'none' }), {
    keys: new EncryptionKey('store', new Uint8Array(32).fill(7)),
  });
  process.stdout.write('started\n');
  const results = exportMany(store, {
    form: 'packed',
    checkpointEvery: CHECKPOINT_EVERY,
    checkpoint: checkpointFile(join(place, 'checkpoint')),
  });
  for await (const result of results) {
    if (result.status === 'rejected') throw result.reason;
    const file = join(place, 'out', result.value.id);
    writeFileSync(`${file}.new`, result.value.bytes);
    renameSync(`${file}.new`, file);
    appendFileSync(join(place, 'log'), `${result.value.id}\n`);
    // So that there is a middle to be killed in, however fast the machine is.
    await sleep(1);
  }
}
