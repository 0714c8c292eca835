import { defineConfig } from 'vitest/config';
import { BaseSequencer, ForksPoolWorker, type PoolTask, type TestSpecification, type WorkerRequest } from 'vitest/node';

/** Files that wait for servers, browsers, child processes and time limits: at the end they would keep one worker waiting and the others idle. */
const WAITING =
  /\/test\/(adapters|conformance|demo|package|providers|runtimes)\/|\/store\/(checkout|increments|.*resume)|\/(secrets|wasm-build)\./;
/** Files that may run one after the other in one process. */
const SHARED = /\/test\/(adapters|blob|cli|conformance|demo|diff|envelope|formats|kernel|merge|package|providers|runtimes|session|store)\//;
/** Not these: they load modules anew, watch the process itself, or measure its memory. */
const ALONE =
  /\/(kernel\/(select|.*memory|sequence-large)|merge\/(memory|text-units)|store\/(import-threads|thread|turn)|blob\/(codec|stream)|clone\/(hostile|malformed)|envelope\/stream)/;

/** Long waits first; then files of one process behind one another. */
class WaitingFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId, project }: TestSpecification): number => {
      if (WAITING.test(moduleId)) return isShared(moduleId) ? 1 : 0;
      if (!isShared(moduleId)) return 2;
      return project.name === 'noble' ? 3 : 4;
    };
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}

/** A process that goes on with the next file, where both may share: loading what most files have in common took a fifth of the time. */
class SharedForks extends ForksPoolWorker {
  override readonly name = 'shared-forks';
  #isShared = true;

  override send(message: WorkerRequest): void {
    if (message.type === 'run') this.#isShared = message.context.files.every(({ filepath }) => isShared(filepath));
    super.send(message);
  }

  canReuse({ context }: PoolTask): boolean {
    return this.#isShared && context.files.every(({ filepath }) => isShared(filepath));
  }
}

function isShared(path: string): boolean {
  return SHARED.test(path) && !ALONE.test(path);
}

const EQUAL_BYTES = 'test/equal-bytes.ts';

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores: a file of computing and one of child processes fill them, and two wait meanwhile for a server, a browser or a time limit, as most do.
    maxWorkers: 4,
    isolate: false,
    pool: { name: 'shared-forks', createPoolWorker: (options) => new SharedForks(options) },
    sequence: { sequencer: WaitingFirst },
    projects: [
      { extends: true, test: { name: 'all', include: ['test/**/*.test.ts'], setupFiles: [EQUAL_BYTES] } },
      // The suite of the envelope once more, with nothing but noble; all ways to stretch a passphrase are in every run of theirs.
      {
        extends: true,
        test: {
          name: 'noble',
          include: ['test/envelope/**/*.test.ts'],
          exclude: ['test/envelope/kdf*.test.ts'],
          setupFiles: [EQUAL_BYTES, 'test/envelope/pin-noble.ts'],
        },
      },
    ],
  },
});
