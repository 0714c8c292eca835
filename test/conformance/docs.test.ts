/** The programs of docs/providers.md, as a reader would copy them: run by node:test over a provider of ours that stands in for his. */

import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CONFORMANCE_GROUPS } from '../../providers/conformance/conformance.ts';
import { readProgram } from '../package/program.ts';

const PROJECT = join(import.meta.dirname, '../..');
const PROGRAM = readProgram('docs/providers.md', 'program');
const WRITER = readProgram('docs/providers.md', 'writer');
const CASES = CONFORMANCE_GROUPS.reduce((sum, group) => sum + group.cases.length, 0);

/** Without waiting for a disk: here the page is tested, not the provider. */
const SOUND = "filesystem({ root, now, durability: 'none' })";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'psp-docs-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the program has 15 lines, formatted as all code here is', () => {
  expect(PROGRAM.trimEnd().split('\n').length).toBe(15);
  const biome = join(PROJECT, 'node_modules/@biomejs/biome/bin/biome');
  const formatted = execFileSync(process.execPath, [biome, 'check', '--write', '--stdin-file-path=my-provider.test.mjs'], {
    cwd: PROJECT,
    input: PROGRAM,
    encoding: 'utf8',
  });
  expect(formatted).toBe(PROGRAM);
});

test('the program tests a sound provider under node:test, and every case is accounted for', {
  timeout: 180_000,
}, async () => {
  const { passed, skipped, failed, status } = await run(PROGRAM, SOUND);
  expect([status, failed]).toEqual([0, 0]);
  expect(passed + skipped).toBe(CASES);
  expect(passed).toBeGreaterThan(skipped);
});

test('with the writer of three lines it also kills processes', { timeout: 180_000 }, async () => {
  expect(WRITER.trimEnd().split('\n').length).toBe(3);
  const withWriter = only('crash')
    .replace('again: open,', 'again: open, writer: [process.execPath, WRITER_PATH, root],')
    .replace('scale: 0.1,', 'scale: 0.01, kills: 2,');
  const { failed, status, names } = await run(`const WRITER_PATH = '${join(folder, 'bundle', 'writer.mjs')}';\n${withWriter}`, SOUND);
  expect([status, failed]).toEqual([0, 0]);
  const killed = CONFORMANCE_GROUPS.find(({ name }) => name === 'crash')!.cases.map(({ name }) => name);
  expect(killed.length).toBeGreaterThan(1);
  for (const name of killed) expect(names).toContain(name);
});

test('the same program fails a provider that ignores conditions', { timeout: 180_000 }, async () => {
  const broken = '((inner) => Object.create(inner, { put: { value: (key, value) => inner.put(key, value) } }))(' + SOUND + ')';
  const { failed, status } = await run(only('version').replace('scale: 0.1', 'scale: 0.01'), broken);
  expect(status).toBe(1);
  expect(failed).toBeGreaterThan(5);
});

/** The program with one group of cases; all of them run once, above. */
function only(group: string): string {
  const [before, after, ...more] = PROGRAM.split('(subject, { describe, test })');
  if (after === undefined || more.length > 0) throw new Error('the program does not hand over describe and test once');
  const chosen = `describe: (name, body) => (name === '${group}' || name.startsWith('conformance')) && describe(name, body)`;
  return `${before}(subject, { ${chosen}, test })${after}`;
}

/** Runs the program with `make` as the provider, and counts the tests that it reports. */
async function run(program: string, make: string) {
  writeFileSync(
    join(folder, 'my-provider.mjs'),
    `import { filesystem } from '${join(PROJECT, 'providers/filesystem.ts')}';\nexport const myProvider = ({ root, now }) => ${make};\n`,
  );
  writeFileSync(join(folder, 'my-provider.test.mjs'), program);
  writeFileSync(join(folder, 'writer.mjs'), WRITER);
  const outdir = join(folder, 'bundle');
  // Node 20 runs no TypeScript; the package is resolved to its sources, since nothing is built when tests run.
  await build({
    entryPoints: ['my-provider.test.mjs', 'writer.mjs'].map((name) => join(folder, name)),
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    alias: { 'persistent-sessions/conformance': join(PROJECT, 'providers/conformance/conformance.ts') },
    logLevel: 'error',
  });
  const { stdout, status } = await promisify(execFile)(
    process.execPath,
    ['--test', '--test-reporter=tap', join(outdir, 'my-provider.test.mjs')],
    {
      maxBuffer: 64 * 1024 * 1024,
      env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined },
    },
  ).then(
    ({ stdout }) => ({ stdout, status: 0 }),
    (error: { stdout: string; code: number }) => ({ stdout: error.stdout, status: error.code }),
  );
  const lines = stdout.split('\n').filter((line) => /^ *(not )?ok \d+ - (?!conformance: )[\w.-]+: /.test(line));
  const count = (wanted: (line: string) => boolean): number => lines.filter(wanted).length;
  const isPassed = (line: string): boolean => line.trimStart().startsWith('ok') && !line.includes('# SKIP');
  return {
    status,
    /** Of the cases that passed. */
    names: lines.filter(isPassed).map((line) => /- ([\w.-]+): /.exec(line)![1]!),
    skipped: count((line) => line.includes('# SKIP')),
    failed: count((line) => line.trimStart().startsWith('not ok')),
    passed: count(isPassed),
  };
}
