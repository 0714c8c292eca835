import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores: browsers and child processes of one file fill them.
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'all', include: ['test/**/*.test.ts'] } },
      // The whole suite of the envelope once more, with nothing but noble.
      { extends: true, test: { name: 'noble', include: ['test/envelope/**/*.test.ts'], setupFiles: ['test/envelope/pin-noble.ts'] } },
    ],
  },
});
