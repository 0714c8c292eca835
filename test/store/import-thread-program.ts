/** The program of an import's threads as a file that a thread can load in every Node, and programs that break off. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import { afterAll } from 'vitest';
import { useThreadProgram } from '../../ts/store/import-threads.ts';

/** How a thread ends before its time; after so many messages, of which the first holds the keys. */
export interface ThreadFault {
  readonly afterMessages: number;
  readonly by: 'throwing' | 'leaving';
}

const FAULTS = {
  throwing: "throw new Error('planned')",
  leaving: 'process.exit(3)',
} as const;

/** Bundles the program, and removes it when the tests of the file are over. */
export function buildThreadProgram(fault?: ThreadFault): URL {
  const folder = mkdtempSync(join(tmpdir(), 'psp-import-thread-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, 'import-thread.mjs');
  const banner =
    fault === undefined
      ? ''
      : `import { parentPort as faultPort } from 'node:worker_threads';
         let messagesLeft = ${fault.afterMessages};
         faultPort.on('message', () => { if (messagesLeft-- === 0) ${FAULTS[fault.by]}; });`;
  buildSync({
    entryPoints: [join(import.meta.dirname, '../../ts/store/import-thread.ts')],
    ...{ outfile, banner: { js: banner }, bundle: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'error' },
  });
  return pathToFileURL(outfile);
}

/** Imports of this file use threads by `url`, also small ones. */
export function useThreads(url: URL, unasked?: number): void {
  useThreadProgram({ url, isEarly: true, ...(unasked === undefined ? {} : { unasked }) });
  afterAll(() => useThreadProgram(null));
}
