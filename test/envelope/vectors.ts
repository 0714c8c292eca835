/**
 * Published vectors, read from the folder beside the checkout. They are not part of the repository, so a checkout without them skips the
 * tests that need them, and says so; the other tests of this folder cover the same ground with an independent oracle.
 */

import { readFileSync } from 'node:fs';
import { describe, it } from 'vitest';

const FOLDER = new URL('../../../shared/data/crypto/vectors/', import.meta.url);

/** Runs `suite` with the parsed vectors of `file`, or registers a skipped suite that names what is missing. */
export function describeVectors<T>(file: string, suite: (vectors: T) => void): void {
  let text: string;
  try {
    text = readFileSync(new URL(file, FOLDER), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const reason = `SKIPPED, NOT RUN: no ${file} in ${FOLDER.pathname}`;
    console.warn(reason);
    describe(file, () => it('is there', ({ skip }) => skip(reason)));
    return;
  }
  describe(file, () => suite(JSON.parse(text) as T));
}
