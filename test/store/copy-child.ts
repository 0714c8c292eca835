/** The process that `copy-resume.test.ts` kills: one copy of the folder `from` to the folder `to`, with its checkpoint in a file beside them. */

import { join } from 'node:path';
import { filesystem } from '../../providers/filesystem.ts';
import { copyAll } from '../../ts/store/copy.ts';
import { checkpointFile } from '../machine/checkpoint-file.ts';

const [folder] = process.argv.slice(2);
if (folder !== undefined) await copy(folder);

async function copy(place: string): Promise<void> {
  const open = (name: string) => filesystem({ root: join(place, name), durability: 'none' });
  process.stdout.write('started\n');
  const { failed } = await copyAll(open('from'), open('to'), {
    checkpointEvery: 10,
    checkpoint: checkpointFile(join(place, 'checkpoint')),
  });
  if (failed.length > 0) throw failed[0]!.error;
}
