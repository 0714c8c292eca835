/** The process that `import-resume.test.ts` kills: one import of the blobs in a folder, with a checkpoint in a file beside it. */

import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesystem } from '../../providers/filesystem.ts';
import { EncryptionKey } from '../../ts/envelope/key.ts';
import { importMany } from '../../ts/store/import.ts';
import { sessionStore } from '../../ts/store/session-store.ts';

const [folder] = process.argv.slice(2);
if (folder !== undefined) await run(folder);

async function run(place: string): Promise<void> {
  const store = sessionStore(filesystem({ root: join(place, 'store'), durability: 'none' }), {
    keys: new EncryptionKey('store', new Uint8Array(32).fill(7)),
  });
  const marks = join(place, 'checkpoint');
  const items = readdirSync(join(place, 'blobs'))
    .sort()
    .map((name) => ({ name, bytes: () => new Uint8Array(readFileSync(join(place, 'blobs', name))) }));
  process.stdout.write('started\n');
  const summary = await importMany(store, items, {
    checkpointEvery: 50,
    checkpoint: {
      load: () => (existsSync(marks) ? readFileSync(marks, 'utf8') || null : null),
      save(text) {
        writeFileSync(`${marks}.new`, text ?? '');
        renameSync(`${marks}.new`, marks);
      },
    },
  }).summary;
  process.stdout.write(`${JSON.stringify(summary)}\n`);
}
