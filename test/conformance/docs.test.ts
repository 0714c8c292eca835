/** The program of docs/providers.md, as a reader would copy it: run by node:test over a provider of ours that stands in for his. */

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CONFORMANCE_GROUPS } from '../../providers/conformance/conformance.ts';

const PROJECT = join(import.meta.dirname, '../..');
const PROGRAM = /^<!-- test: program -->\n```js\n([\s\S]*?)^```$/gm;
const CASES = CONFORMANCE_GROUPS.reduce((sum, group) => sum + group.cases.length, 0);

/** Without waiting for a disk: here the page is tested, not the provider. */
const SOUND = "filesystem({ root, now, durability: 'none' })";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'psp-docs-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the program tests a sound provider under node:test in at most 17 lines, and every case is accounted for', {
  timeout: 180_000,
}, async () => {
  expect(readProgram().trim().split('\n').length).toBeLessThanOrEqual(17);
  const { passed, skipped, failed, status } = await run(readProgram(), SOUND);
  expect([status, failed]).toEqual([0, 0]);
  expect(passed + skipped).toBe(CASES);
  expect(passed).toBeGreaterThan(skipped);
});

test('the same program fails a provider that ignores conditions', { timeout: 180_000 }, async () => {
  const broken = '((inner) => Object.create(inner, { put: { value: (key, value) => inner.put(key, value) } }))(' + SOUND + ')';
  const { failed, status } = await run(readProgram().replace('scale: 0.1', 'scale: 0.01'), broken);
  expect(status).toBe(1);
  expect(failed).toBeGreaterThan(5);
});

/** The program, or an Error that says what the page lacks. */
function readProgram(): string {
  const [first, ...others] = [...readFileSync(join(PROJECT, 'docs/providers.md'), 'utf8').matchAll(PROGRAM)];
  if (first === undefined || others.length > 0)
    throw new Error('docs/providers.md: expected one block ```js behind `<!-- test: program -->`');
  return first[1]!;
}

/** Runs the program with `make` as the provider, and counts the tests that it reports. */
async function run(program: string, make: string) {
  writeFileSync(
    join(folder, 'my-provider.mjs'),
    `import { filesystem } from '${join(PROJECT, 'providers/filesystem.ts')}';\nexport const myProvider = ({ root, now }) => ${make};\n`,
  );
  writeFileSync(join(folder, 'my-provider.test.mjs'), program);
  const outfile = join(folder, 'bundle', 'my-provider.test.mjs');
  // Node 20 runs no TypeScript; the package is resolved to its sources, since nothing is built when tests run.
  await build({
    entryPoints: [join(folder, 'my-provider.test.mjs')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    alias: { 'persistent-sessions/conformance': join(PROJECT, 'providers/conformance/conformance.ts') },
    logLevel: 'error',
  });
  const { stdout, status } = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap', outfile], {
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined },
  }).then(
    ({ stdout }) => ({ stdout, status: 0 }),
    (error: { stdout: string; code: number }) => ({ stdout: error.stdout, status: error.code }),
  );
  const lines = stdout.split('\n').filter((line) => /^ *(not )?ok \d+ - (?!conformance: )[\w.-]+: /.test(line));
  const count = (wanted: (line: string) => boolean): number => lines.filter(wanted).length;
  return {
    status,
    skipped: count((line) => line.includes('# SKIP')),
    failed: count((line) => line.trimStart().startsWith('not ok')),
    passed: count((line) => line.trimStart().startsWith('ok') && !line.includes('# SKIP')),
  };
}
