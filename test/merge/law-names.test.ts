/** Every law of `ts/merge/laws.md` has tests that name it: a title or a group that begins with its number. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const TESTS = new URL('../', import.meta.url);
const laws = [...readFileSync(new URL('../../ts/merge/laws.md', import.meta.url), 'utf8').matchAll(/^- \*\*(M\d+)\*\*/gm)].map(
  ([, law]) => law!,
);

/** The laws that titles in the tests begin with: `'M9: ...'`, `'M1, M20: ...'`. */
function namedLaws(): Set<string> {
  const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.test.ts'));
  const titles = files.flatMap((file) => [...readFileSync(new URL(file, TESTS), 'utf8').matchAll(/['"`]((?:M\d+, )*M\d+): /g)]);
  return new Set(titles.flatMap(([, numbers]) => numbers!.split(', ')));
}

test('the laws are numbered without gaps', () => {
  expect(laws).toEqual(laws.map((_, at) => `M${at + 1}`));
  expect(laws.length).toBeGreaterThanOrEqual(21);
});

test('every law has a test that begins with its number, and no test names a law that there is not', () => {
  expect([...namedLaws()].sort()).toEqual([...laws].sort());
});
