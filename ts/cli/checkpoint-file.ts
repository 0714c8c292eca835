/** A mark of long work in a file of its own. */
import type { RotationCheckpoint } from '../store/checkpoint.ts';
import { CliFailure } from './failure.ts';
import { readWhole, reasonOf, writeWhole } from './file.ts';

/** The mark in the file at `path`; an empty one says that all was looked at. */
export function checkpointIn(path: string): RotationCheckpoint {
  return {
    async load() {
      try {
        return new TextDecoder().decode(await readWhole(path)) || null;
      } catch (error) {
        if (error instanceof CliFailure && reasonOf(error.cause) === 'ENOENT') return null;
        throw error;
      }
    },
    save: (text) => writeWhole(path, text ?? ''),
  };
}
