/** The same subjects outside Node: in a page of a real Chromium, in Deno; and what is refused there. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { bundleForPage, runInChromium } from '../../bench/chromium.ts';
import { runInDeno } from '../../bench/deno-process.ts';
import { fileOf, listSubjects, loadSubject, readRequest, refusalOf } from '../../bench/subjects.ts';
import { requireChromium } from '../servers/chromium.ts';

const GROUP = 'a bench in a page';
const TINY = fileURLToPath(new URL('./tiny.subject.ts', import.meta.url));
const PLAN = { rounds: 2, slotMs: 5, maxMs: 30_000 };

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  it('gives back its rows and what is said of them', async () => {
    const { subject, measured, version } = await runInChromium(TINY, PLAN);
    expect(version).toMatch(/^\d+\./);
    expect(subject).toEqual({ name: 'tiny', note: 'A test.', packages: ['tinybench'] });
    expect(measured.leftOut).toEqual([]);
    expect(measured.rows.map(({ contestant, rival }) => [contestant, rival])).toEqual([
      ['portable', false],
      ['slice', true],
    ]);
    for (const row of measured.rows) {
      expect(row.samples).toBeGreaterThan(1);
      expect(row.medianMs).toBeGreaterThan(0);
    }
  });
});

describe('a subject', () => {
  it('that needs Node cannot be bundled for a page, whether it says so or not', async () => {
    await expect(bundleForPage(fileOf('blob'))).rejects.toThrow(/one that needs Node must say so.*node:/s);
  });

  it('that does not say so can be bundled for a page, nothing of Node in it', async () => {
    const names = listSubjects();
    expect(names).toEqual(expect.arrayContaining(['base64', 'blob', 'cold-start']));
    const everywhere: string[] = [];
    for (const name of names) {
      if ((await loadSubject(name)).needsNode === undefined) everywhere.push(name);
    }
    expect(everywhere).toContain('base64');
    for (const name of everywhere) expect(await bundleForPage(fileOf(name)), name).toContain('runBench');
  });

  it('that needs Node is refused elsewhere, with the reason', async () => {
    const blob = await loadSubject('blob');
    expect(refusalOf('blob', blob, 'Node')).toBeNull();
    expect(refusalOf('blob', blob, 'a page')).toBe(`bench blob runs in Node only, not in a page: ${blob.needsNode}`);
    expect(refusalOf('tiny', await import('./tiny.subject.ts'), 'a page')).toBeNull();
  });

  it('is refused in Deno by the program itself, which knows where it runs', () => {
    const program = fileURLToPath(new URL('../../bench/run.ts', import.meta.url));
    const { status, stderr } = runInDeno(program, ['cold-start', '--quick'], 'pipe');
    expect(stderr).toContain('bench cold-start runs in Node only, not in Deno: each sample is a process of its own');
    expect(status).toBe(1);
  });
});

describe('a command line', () => {
  it.each([
    [['base64'], { name: 'base64', quick: false }],
    [['base64', '--quick'], { name: 'base64', quick: true }],
    [['--quick', 'base64'], { name: 'base64', quick: true }],
    [[], null],
    [['--quick'], null],
    [['other'], null],
    [['base64', 'blob'], null],
    [['base64', '--fast'], null],
  ])('%o', (words, request) => {
    expect(readRequest(words, ['base64', 'blob'])).toEqual(request);
  });
});
