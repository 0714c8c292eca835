/** Progress of many items: what a terminal and a log are shown, and how often. */
import { describe, expect, test } from 'vitest';
import { Progress, showProgress } from '../../ts/cli/progress.ts';

const MIB = 1024 * 1024;

describe('a line', () => {
  const shown = { verb: 'imported', total: 400, isTerminal: true, elapsedMs: 10_000 };

  test.each([
    [{ items: 100, failed: 0, bytes: 20 * MIB }, shown, '[######------------------] imported 100 of 400, 10/s, 2.0 MiB/s, 30 s left'],
    [{ items: 400, failed: 3, bytes: 0 }, shown, `[${'#'.repeat(24)}] imported 400 of 400, 40/s, 0 B/s, 0 s left, 3 failed`],
    [{ items: 0, failed: 0, bytes: 0 }, shown, `[${'-'.repeat(24)}] imported 0 of 400, 0.0/s, 0 B/s`],
    [{ items: 5, failed: 0, bytes: 0 }, { ...shown, isTerminal: false }, 'imported 5 of 400, 0.5/s, 0 B/s, 14 min left'],
    [{ items: 1, failed: 0, bytes: 0 }, { ...shown, total: 10_000 }, `[${'-'.repeat(24)}] imported 1 of 10000, 0.1/s, 0 B/s, 27.8 h left`],
    [{ items: 50, failed: 0, bytes: 0 }, { ...shown, total: null }, 'imported 50, 5.0/s, 0 B/s'],
    [{ items: 7, failed: 0, bytes: 0 }, { ...shown, total: 0 }, 'imported 7 of 0, 0.7/s, 0 B/s, 0 s left'],
  ])('%j', (counts, options, line) => {
    expect(showProgress(counts, options)).toBe(line);
  });
});

/** What is written while the counts come every `stepMs`. */
function written(isTerminal: boolean, steps: number, stepMs: number): string[] {
  const lines: string[] = [];
  let time = 5000;
  const write = (text: string): void => void lines.push(text);
  const progress = new Progress({ verb: 'imported', total: 100, isTerminal, columns: 40, write, now: () => time });
  for (let step = 1; step <= steps; step++) {
    time += stepMs;
    progress.update({ items: step, failed: 0, bytes: 0 });
  }
  progress.end();
  return lines;
}

test('a terminal is drawn over, ten times a second at most, never beyond its width, and is clear in the end', () => {
  const lines = written(true, 100, 10);
  expect(lines.length).toBe(11);
  for (const line of lines.slice(0, -1)) expect(line).toMatch(/^\r\u001b\[2K.{1,39}$/);
  expect(lines.at(-1)).toBe('\r\u001b[2K');
});

test('a log gets a plain line every ten seconds, and nothing of short work', () => {
  const lines = written(false, 25, 1000);
  expect(lines).toEqual(
    ['imported 10 of 100, 1.0/s, 0 B/s, 90 s left\n', 'imported 20 of 100, 1.0/s, 0 B/s, 80 s left\n'].map((line) =>
      line.replace('90 s', '2 min'),
    ),
  );
  expect(written(false, 9, 1000)).toEqual([]);
  expect(written(true, 5, 10)).toEqual([]);
});
