import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that wait for servers, browsers and time limits more than they compute: at the end they would keep one worker waiting and the others idle. */
const WAITING = /\/test\/(conformance|adapters|providers)\//;

class WaitingFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isWaiting = ({ moduleId }: TestSpecification): boolean => WAITING.test(moduleId);
    return [...sorted.filter(isWaiting), ...sorted.filter((file) => !isWaiting(file))];
  }
}

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores: a file of computing and one of child processes fill them, and a third waits meanwhile for a server, a browser or a time limit, as most do.
    maxWorkers: 3,
    sequence: { sequencer: WaitingFirst },
    projects: [
      { extends: true, test: { name: 'all', include: ['test/**/*.test.ts'] } },
      // The whole suite of the envelope once more, with nothing but noble.
      { extends: true, test: { name: 'noble', include: ['test/envelope/**/*.test.ts'], setupFiles: ['test/envelope/pin-noble.ts'] } },
    ],
  },
});
