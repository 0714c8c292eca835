/** What a bench writes, under which names, and that a quick look writes nothing. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatBytes, formatDuration, formatSpread } from '../../bench/figure.ts';
import { type Measured, runSubject, type Subject, type SubjectFacts } from '../../bench/harness.ts';
import { publish, readReports } from '../../bench/report.ts';
import { describeChromium, describeRuntime } from '../../bench/runtime.ts';
import { caseOf, subjectOf } from './example.ts';

const NODE_20 = describeRuntime({ node: '20.20.2', v8: '11.3' }, 'linux x64', '>=20.19', '../bin/node');

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'psp-bench-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the report', () => {
  it('is a table that begins with the command, and JSON with every row', async () => {
    const { subject, measured } = await measureExample();
    const results = join(folder, 'results');
    const markdown = await publish(subject, NODE_20, measured, false, results);

    const lines = (await readFile(join(results, 'example.md'), 'utf8')).split('\n');
    expect(lines.join('\n')).toBe(markdown);
    expect(lines[0]).toBe('`npm run bench -- example`');
    expect(lines.filter((line) => line.startsWith('| work '))).toHaveLength(3);
    const native = lines.find((line) => line.includes('native*'))?.split('|') ?? [];
    const cells = ['work', 'native*', '1000 B', '500 µs', '500 µs - 500 µs', '0 %', '2', '1.00', '1.00'];
    expect(native.map((cell) => cell.trim())).toEqual(['', ...cells, '']);

    const json: unknown = JSON.parse(await readFile(join(results, 'example.json'), 'utf8'));
    expect(json).toEqual({
      subject: 'example',
      command: 'npm run bench -- example',
      runtime: 'Node 20.20.2, V8 11.3, linux x64',
      cpu: expect.any(String),
      versions: {},
      baseline: 'portable',
      note: 'An example.',
      rows: ['portable', 'wasm', 'native'].map((contestant) => ({
        case: 'work',
        contestant,
        rival: contestant === 'native',
        inputBytes: 1000,
        samples: 4,
        medianMs: 0.5,
        p25: 0.5,
        p75: 0.5,
        ratioToPortable: 1,
        ratioToBestRival: 1,
      })),
    });
  });

  it('names the versions of rivals as they are installed', async () => {
    const { subject, measured } = await measureExample();
    const markdown = await publish({ ...subject, packages: ['tinybench'] }, NODE_20, measured, false, folder);
    const { version } = JSON.parse(await readFile('node_modules/tinybench/package.json', 'utf8')) as { version: string };
    expect(markdown).toContain(`; tinybench ${version}; `);
    const [written] = await readReports(folder);
    expect(written?.report.versions).toEqual({ tinybench: version });
    await expect(publish({ ...subject, packages: ['not-installed'] }, NODE_20, measured, false, folder)).rejects.toThrow('not-installed');
  });

  it('has the figures that are no times in tables of their own, as they are after the run', async () => {
    const { subject, measured } = await measureExample();
    let isRun = false;
    const told: SubjectFacts = {
      ...{ name: subject.name, note: subject.note },
      get tables() {
        const lines = [['wasm', isRun ? '126,546' : '']];
        return [{ title: 'Bytes of everything', names: 1, header: ['package', 'document'], lines }];
      },
    };
    isRun = true;
    const markdown = await publish(told, NODE_20, measured, false, folder);
    expect(markdown.slice(markdown.indexOf('Bytes of'))).toBe(
      ['Bytes of everything:', '', '| package | document |', '| ------- | -------: |', '| wasm    |  126,546 |', ''].join('\n'),
    );
    const [written] = await readReports(folder);
    expect(written?.report.tables).toEqual(told.tables);
    expect(await publish({ ...subject, tables: [] }, NODE_20, measured, false, folder)).not.toContain('Bytes');
    expect((await readReports(folder))[0]?.report).not.toHaveProperty('tables');
  });

  it('of a quick look is not written, says so, and says who was left out', async () => {
    const { subject, measured } = await measureExample();
    await writeFile(join(folder, 'example.json'), 'careful');
    const leftOut = [{ case: 'work', contestant: 'slow rival' }];
    const text = await publish(subject, NODE_20, { ...measured, leftOut }, true, folder);
    expect(text).toContain('| native*');
    expect(text.split('\n').at(-1)).toBe(`A quick look, not written to ${folder}. Left out, because too slow for it: slow rival (work).`);
    expect(await readdir(folder)).toEqual(['example.json']);
    expect(await readFile(join(folder, 'example.json'), 'utf8')).toBe('careful');
    expect(await publish(subject, NODE_20, measured, true, folder)).toContain('too slow for it: nothing.');
  });

  it('of another runtime goes to files of its own', async () => {
    const { subject, measured } = await measureExample();
    for (const runtime of [NODE_20, describeChromium('156.0.1', 'linux x64')]) await publish(subject, runtime, measured, false, folder);
    expect((await readdir(folder)).sort()).toEqual(['example.browser.json', 'example.browser.md', 'example.json', 'example.md']);
    const reports = await readReports(folder);
    expect(reports.map(({ name }) => name)).toEqual(['example', 'example.browser']);
    expect(reports[1]?.report.command).toBe('npm run bench:browser -- example');
  });
});

describe('the name of a runtime', () => {
  it.each([
    [{ node: '20.20.2', v8: '11.3' }, '', 'npm run bench -- diff'],
    [{ node: '26.10.0', v8: '14.6' }, '.node26', 'npm run set-up && npm run build && .runtimes/bin/node dist/bench/run.js diff'],
    [{ deno: '2.9.5', node: '24.0.0', v8: '14.0' }, '.deno', 'npm run bench:deno -- diff'],
    [{ bun: '1.4.5', node: '24.3.0' }, '.bun', 'npm run build && npx bun dist/bench/run.js diff'],
  ])('follows from its versions: %o', (versions, suffix, command) => {
    const runtime = describeRuntime(versions, 'linux x64', '>=20.19', '.runtimes/bin/node');
    expect([runtime.suffix, runtime.commandFor('diff')]).toEqual([suffix, command]);
    expect(runtime.description.split(',')[0]).toMatch(/^(?:Node|Deno|Bun) \d+\.\d+\.\d+$/);
  });

  it('keeps paths of the machine out of the command', () => {
    const runtime = describeRuntime({ node: '26.10.0', v8: '14.6' }, 'linux x64', '>=20.19', '../../opt/node/bin/node');
    expect(runtime.commandFor('diff')).toBe('npm run set-up && npm run build && npx --yes node@26.10.0 dist/bench/run.js diff');
  });
});

it('figures come in the unit that fits', () => {
  expect([0.00006, 0.0123, 2.6, 1930].map(formatDuration)).toEqual(['60 ns', '12.3 µs', '2.60 ms', '1.93 s']);
  expect([null, 16, 16_384, 64 * 2 ** 20, 1500].map(formatBytes)).toEqual(['', '16 B', '16 KiB', '64 MiB', '1.5 KiB']);
  const row = { case: '', contestant: '', rival: false, inputBytes: 1, samples: 4, ratioToPortable: null, ratioToBestRival: null };
  expect(formatSpread({ ...row, medianMs: 10, p25: 9, p75: 12 })).toBe('30 %');
});

async function measureExample(): Promise<{ subject: Subject; measured: Measured }> {
  const subject = subjectOf([caseOf('work', { portable: 0, wasm: 0, native: 0 }, ['native'])]);
  return { subject, measured: await runSubject(subject, { rounds: 4, slotMs: 1, maxMs: 60_000 }, async () => [0.5]) };
}
