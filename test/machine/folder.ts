/** Folders that are there for one test. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** An empty folder, removed with the test and with all that is in it. `name` tells whose it is, should one ever be left. */
export async function makeFolder(name: string): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), `psp-${name}-`));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}
