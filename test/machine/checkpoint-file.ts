/** A checkpoint in a file, as a program would keep it, for work whose process is killed. */

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { RotationCheckpoint } from '../../ts/store/checkpoint.ts';

/** The checkpoint in the file at `path`, which is there as a whole or not at all. */
export function checkpointFile(path: string): RotationCheckpoint {
  return {
    load: () => readCheckpoint(path) || null,
    save(text) {
      writeFileSync(`${path}.new`, text ?? '');
      renameSync(`${path}.new`, path);
    },
  };
}

/** What stands there: empty when all the work was done, null where nothing was saved yet. */
export function readCheckpoint(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}
