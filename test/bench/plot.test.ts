/** The charts and the generated parts of docs/benchmarks.md: what they show is in the result files, and what is committed is what is made of them. */
import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderChart } from '../../bench/chart.ts';
import { formatDuration, formatRatio } from '../../bench/figure.ts';
import { fillPage, PAGE_FILE, SCALING_ENDING } from '../../bench/plot.ts';
import { type BenchReport, type NamedReport, nameRuntime, RESULTS_FOLDER, readReports } from '../../bench/report.ts';
import { renderScalingChart } from '../../bench/scaling-chart.ts';
import { listSubjects } from '../../bench/subjects.ts';
import { readXml } from './xml.ts';

const reports = await readReports(RESULTS_FOLDER);
const page = readFileSync(PAGE_FILE, 'utf8');

const EXAMPLE: BenchReport = {
  ...{ subject: 'example', command: 'npm run bench -- example', runtime: 'Node 20.20.2, V8 11', cpu: 'Fast & "Furious" <8>' },
  ...{ versions: { rival: '1.2.3' }, baseline: 'portable', note: 'An example.' },
  rows: [
    rowOf('encode', 'portable', 4, 1, 0.5),
    rowOf('encode', 'wasm', 1, 4, 2),
    { ...rowOf('encode', 'native', 2, 2, 1), rival: true },
    rowOf('decode <b>', 'portable', 1, 1, 0.25),
    { ...rowOf('decode <b>', 'native', 0.25, 4, 1), rival: true },
    rowOf('alone', 'first', 2, null, null),
    rowOf('alone', 'second', 8, null, null),
  ],
};

describe('a chart', () => {
  it('is well-formed and has one bar a row, to the right of 1 where it wins and to the left where it loses', () => {
    const svg = renderChart(EXAMPLE);
    expect(readXml(svg)).toBe('svg');
    expect(svg).toContain('Fast &amp; &quot;Furious&quot; &lt;8&gt;');
    const bars = barsOf(svg);
    expect(bars.map(({ title }) => title.split(':')[0])).toEqual(
      EXAMPLE.rows.map((row) => `${row.case}, ${row.contestant}`.replace('<b>', '&lt;b&gt;')),
    );
    const one = bars[0]!.x;
    expect(bars.map(({ x, width }) => (width <= 2 ? 'even' : x === one ? 'wins' : 'loses'))).toEqual(
      ['even', 'wins', 'wins', 'even', 'wins', 'even', 'loses'], //
    );
    // Logarithmic: 4 is twice as far from 1 as 2, and as far as a quarter.
    expect(bars[1]!.width / bars[2]!.width).toBeCloseTo(2, 1);
    expect(bars[6]!.width / bars[1]!.width).toBeCloseTo(1, 1);
    expect(bars[6]!.x + bars[6]!.width).toBeCloseTo(one, 0);
  });

  it('is the same for the same report', () => {
    expect(renderChart(structuredClone(EXAMPLE))).toBe(renderChart(EXAMPLE));
  });

  it('is read by a reader of XML that is not blind', () => {
    for (const broken of ['<svg><g></svg>', '<svg a=b/>', '<svg>a & b</svg>', '<svg/><svg/>', '<svg>']) {
      expect(() => readXml(broken), broken).toThrow();
    }
  });
});

describe('the page', () => {
  it('gets the fastest of ours and the best rival of each case, and what loses is bold', () => {
    const filled = fillPage('# A\n<!-- results of example -->\nold\n<!-- end of results -->\nEnd\n', [
      { name: 'example', report: EXAMPLE },
    ]);
    expect(filled).not.toContain('old');
    expect(filled.startsWith('# A\n<!-- results of example -->\n')).toBe(true);
    expect(filled.endsWith('<!-- end of results -->\nEnd\n')).toBe(true);
    expect(filled).toContain('`npm run bench -- example`');
    expect(filled).toContain('Node 20.20.2, V8 11; rival 1.2.3; Fast');
    expect(tablesOf(filled)[0]?.map((cells) => cells.slice(0, 7))).toEqual([
      ['encode', 'wasm', 'native', '1.00 ms', '2.00 ms', '4.00', '2.00'],
      ['decode <b>', 'portable', 'native', '1.00 ms', '250 µs', '1.00', '**0.25**'],
      ['alone', 'first', '', '2.00 ms', '', '', ''],
    ]);
    expect(filled).toContain('None of ours is slower than portable.');
    expect(fillPage(filled, [{ name: 'example', report: EXAMPLE }])).toBe(filled);

    const losing = { ...EXAMPLE, rows: [...EXAMPLE.rows, rowOf('small', 'wasm', 2, 0.5, null)] };
    expect(fillPage(filled, [{ name: 'example', report: losing }])).toContain('Slower than portable: wasm at small (0.50).');
  });

  it('gets the picture and the costs of a series, and tables of figures that are no times', () => {
    const scaled = [10, 100, 1000].map((amount) => ({
      ...rowOf(`sort ${amount}`, 'wasm', amount, 1, null),
      scale: { series: 'sort', unit: 'items', amount },
    }));
    const tables = [{ title: 'Bytes of it', names: 1, header: ['package', 'bytes'], lines: [['wasm', '12']] }];
    const report = { ...EXAMPLE, rows: [...EXAMPLE.rows, ...scaled], tables };
    const filled = fillPage('<!-- results of example -->\n<!-- end of results -->\n', [{ name: 'example', report }]);
    expect(filled).toContain('![example, Node 20.20.2: what amounts cost](../bench/results/example.scaling.svg)');
    expect(filled).toContain('sort, against the number n of items:');
    expect(filled).toContain('Bytes of it:');
    expect(tablesOf(filled).slice(1)).toEqual([[['wasm', '10.0 ms', '100 ms', '1.00 s', 'n^1.00']], [['wasm', '12']]]);
    const plain = fillPage('<!-- results of example -->\n<!-- end of results -->\n', [{ name: 'example', report: EXAMPLE }]);
    expect(plain).not.toContain('scaling');
  });

  it('folds the results of further runtimes, and says where there are none', () => {
    const deno = { ...EXAMPLE, runtime: 'Deno 2.9.5, V8 14' };
    const named = [
      { name: 'example', report: EXAMPLE },
      { name: 'example.deno', report: deno },
    ];
    const places = '<!-- results of example -->\n<!-- end of results -->\n<!-- results of other -->\n<!-- end of results -->\n';
    const filled = fillPage(places, named);
    expect(filled.match(/<summary>.*<\/summary>/g)).toEqual(['<summary>Deno 2.9.5</summary>']);
    expect(filled).toContain('example.deno.svg');
    expect(filled).toContain('No results are committed yet: `npm run bench -- other`.');
  });

  it('has one place for each subject', () => {
    const named: NamedReport[] = [{ name: 'example', report: EXAMPLE }];
    const place = '<!-- results of example -->\n<!-- end of results -->\n';
    expect(() => fillPage('', named)).toThrow('expected one place "<!-- results of example -->", found 0');
    expect(() => fillPage(place + place, named)).toThrow('found 2');
    const subjects = [...page.matchAll(/<!-- results of ([\w-]+) -->/g)].map((match) => match[1]);
    expect(subjects).toEqual(expect.arrayContaining(listSubjects()));
  });
});

describe('what is committed', () => {
  it('begins with the command, in every table', () => {
    expect(reports.length).toBeGreaterThan(0);
    for (const { name, report } of reports) {
      const markdown = readFileSync(join(RESULTS_FOLDER, `${name}.md`), 'utf8');
      expect(markdown.split('\n')[0], name).toBe(`\`${report.command}\``);
      for (const row of report.rows) expect(markdown, name).toContain(formatDuration(row.medianMs));
    }
  });

  it('has a chart for each result, drawn from it: `npm run bench -- --plot`', async () => {
    for (const { name, report } of reports) {
      const svg = await readFile(join(RESULTS_FOLDER, `${name}.svg`), 'utf8');
      expect(svg === renderChart(report), `${name}.svg is not what --plot makes of ${name}.json`).toBe(true);
      expect(readXml(svg), name).toBe('svg');
      expect(barsOf(svg), name).toHaveLength(report.rows.length);
    }
    const charts = (await readdir(RESULTS_FOLDER)).filter((file) => file.endsWith('.svg'));
    const scaled = reports.filter(({ report }) => renderScalingChart(report) !== null);
    expect(charts.sort()).toEqual(
      [...reports.map(({ name }) => `${name}.svg`), ...scaled.map(({ name }) => `${name}${SCALING_ENDING}`)].sort(),
    );
    for (const { name, report } of scaled) {
      const svg = readFileSync(join(RESULTS_FOLDER, `${name}${SCALING_ENDING}`), 'utf8');
      expect(svg === renderScalingChart(report), `${name}${SCALING_ENDING} is not what --plot makes of its report`).toBe(true);
    }
  });

  it('is what docs/benchmarks.md shows: `npm run bench -- --plot`', () => {
    expect(fillPage(page, reports) === page, `${PAGE_FILE} is not what --plot makes of ${RESULTS_FOLDER}`).toBe(true);
    for (const [, link] of page.matchAll(/\]\(([^)]+)\)/g)) expect(existsSync(join('docs', link!)), link).toBe(true);
  });

  it('has every figure of the page in a result file', () => {
    let lines = 0;
    for (const { name, report } of reports) {
      const part = page.slice(page.indexOf(`](../${RESULTS_FOLDER}/${name}.svg)`));
      for (const [benchCase, ours, rival, oursMs, rivalMs, toBaseline, toRival] of tablesOf(part)[0]!) {
        const rowOfCase = (contestant: string | undefined) =>
          report.rows.find((row) => row.case === benchCase && row.contestant === contestant);
        const own = rowOfCase(ours)!;
        expect(own, `${name}: ${benchCase}, ${ours}`).toBeDefined();
        const figures = [formatDuration(own.medianMs), formatRatio(own.ratioToPortable), formatRatio(own.ratioToBestRival)];
        expect([oursMs, toBaseline, toRival?.replaceAll('*', '')], `${name}: ${benchCase}`).toEqual(figures);
        const other = rowOfCase(rival);
        expect(rivalMs, `${name}: ${benchCase}, ${rival}`).toBe(other === undefined ? '' : formatDuration(other.medianMs));
        lines += 1;
      }
      const losses = report.rows.filter(({ rival, ratioToPortable }) => !rival && (ratioToPortable ?? 1) < 1);
      const sentence = /^(?:Slower than .*|None of ours is slower .*)$/m.exec(part)![0];
      expect([...sentence.matchAll(/\(\d+\.\d\d\)/g)], name).toHaveLength(losses.length);
      for (const row of losses) expect(sentence).toContain(`${row.contestant} at ${row.case} (${formatRatio(row.ratioToPortable)})`);
      expect(page, name).toContain(`<!-- results of ${report.subject} -->`);
      expect(part.slice(0, 200), name).toContain('| case');
      expect(page, name).toContain(`![${report.subject}, ${nameRuntime(report)}`);
    }
    expect(lines).toBeGreaterThan(10);
  });

  it('leaves the text that is written by hand without measured figures', () => {
    const byHand = page.replace(/<!-- results of [\s\S]*?<!-- end of results -->/g, '');
    expect(byHand).not.toMatch(/\d\s*(?:x|times|ms|µs|ns|MB\/s|GB\/s|%)(?:\b|\s)/);
  });
});

function rowOf(name: string, contestant: string, medianMs: number, ratioToPortable: number | null, ratioToBestRival: number | null) {
  const samples = { samples: 9, medianMs, p25: medianMs, p75: medianMs };
  return { case: name, contestant, rival: false, inputBytes: 1000, ...samples, ratioToPortable, ratioToBestRival };
}

function barsOf(svg: string): { title: string; x: number; width: number }[] {
  return [...svg.matchAll(/<rect class="bar" x="([\d.]+)" y="\d+" width="([\d.]+)"[^>]*><title>([^<]*)<\/title>/g)].map(
    ([, x, width, title]) => ({ title: title!, x: Number(x), width: Number(width) }),
  );
}

/** The lines of each table, as cells, without header and rule. */
function tablesOf(markdown: string): string[][][] {
  return [...markdown.matchAll(/(?:^\|.*\|\n)+/gm)].map(([table]) =>
    table
      .trimEnd()
      .split('\n')
      .slice(2)
      .map((line) =>
        line
          .slice(1, -1)
          .split('|')
          .map((cell) => cell.trim()),
      ),
  );
}
