import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores: a file of computing and one of child processes fill them, and a third waits meanwhile for a server, a browser or a time limit, as most do.
    maxWorkers: 3,
    projects: [
      { extends: true, test: { name: 'all', include: ['test/**/*.test.ts'] } },
      // The whole suite of the envelope once more, with nothing but noble.
      { extends: true, test: { name: 'noble', include: ['test/envelope/**/*.test.ts'], setupFiles: ['test/envelope/pin-noble.ts'] } },
    ],
  },
});
