/** The short way for common origins says what the platform's URL parser says. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IssueList } from '../../../ts/session/issue.ts';
import { checkOrigin, originOf } from '../../../ts/session/semantic/origin.ts';

function isReported(origin: string): boolean {
  const issues = new IssueList(10);
  checkOrigin(origin, '/origin', issues);
  return issues.take().length > 0;
}

test.each([
  ...['https://app.example', 'http://localhost', 'https://a', 'https://1.a', 'https://-a-.b-', 'https://a--b.example', 'https://ab--c.d'],
  ...['https://1.2.3.4', 'https://0x7f.1', 'https://a.1', 'https://a.0x1', 'https://a.x0', 'https://xn--bcher-kva.example'],
  ...['https://xn--a.example', 'https://xn--.a', 'https://axn--.a', 'https://a..b', 'https://.a', 'https://a.', 'https://a/', 'https://A'],
  ...['https://a:443', 'https://a:8080', 'ftp://a', 'https://a_b', 'https://a\n', `https://${'a'.repeat(300)}.b`, 'https://', ''],
])('%j is judged as a URL', (origin) => {
  expect(isReported(origin)).toBe(originOf(origin) !== origin);
});

test('so is any text that looks like one', () => {
  const part = fc.constantFrom('a', 'z9', '0', '0x', '1', '-', '.', 'xn--', 'B', ':443', ':8', '/', '_', 'é', '%41', '[::1]', '@');
  const text = fc.tuple(fc.constantFrom('https://', 'http://', 'ftp://', 'file://', ''), fc.array(part, { maxLength: 7 }));
  fc.assert(
    fc.property(text, ([scheme, parts]) => {
      const origin = scheme + parts.join('');
      expect(isReported(origin)).toBe(originOf(origin) !== origin);
    }),
    { numRuns: 20_000 },
  );
});
