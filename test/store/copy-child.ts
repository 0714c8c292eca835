/** The process that `copy-resume.test.ts` kills: one copy of the folder `from` to the folder `to`, with its checkpoint in a file beside them. */

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesystem } from '../../providers/filesystem.ts';
import { copyAll } from '../../ts/store/copy.ts';

const [folder] = process.argv.slice(2);
if (folder !== undefined) await copy(folder);

async function copy(place: string): Promise<void> {
  const marks = join(place, 'checkpoint');
  const open = (name: string) => filesystem({ root: join(place, name), durability: 'none' });
  process.stdout.write('started\n');
  const { failed } = await copyAll(open('from'), open('to'), {
    checkpointEvery: 10,
    checkpoint: {
      load: () => (existsSync(marks) ? readFileSync(marks, 'utf8') || null : null),
      save(text) {
        writeFileSync(`${marks}.new`, text ?? '');
        renameSync(`${marks}.new`, marks);
      },
    },
  });
  if (failed.length > 0) throw failed[0]!.error;
}
