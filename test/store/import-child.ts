/** The process that `import-resume.test.ts` kills: one import of the blobs in a folder, with a checkpoint in a file beside it; with two threads if told their program. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesystem } from '../../providers/filesystem.ts';
import { EncryptionKey } from '../../ts/envelope/key.ts';
import { importMany } from '../../ts/store/import.ts';
import { useThreadProgram } from '../../ts/store/import-threads.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import { checkpointFile } from '../machine/checkpoint-file.ts';

const [folder, program] = process.argv.slice(2);
if (program !== undefined) useThreadProgram({ url: new URL(program), isEarly: true, unasked: 2 });
if (folder !== undefined) await run(folder);

async function run(place: string): Promise<void> {
  const store = sessionStore(filesystem({ root: join(place, 'store'), durability: 'none' }), {
    keys: new EncryptionKey('store', new Uint8Array(32).fill(7)),
  });
  const items = readdirSync(join(place, 'blobs'))
    .sort()
    .map((name) => ({ name, bytes: () => new Uint8Array(readFileSync(join(place, 'blobs', name))) }));
  process.stdout.write('started\n');
  const summary = await importMany(store, items, {
    checkpointEvery: 50,
    checkpoint: checkpointFile(join(place, 'checkpoint')),
  }).summary;
  process.stdout.write(`${JSON.stringify(summary)}\n`);
}
