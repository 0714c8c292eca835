/** Units to strings: what the platform's decoder would change stays as it is. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createText } from '../../ts/sequence.ts';

/** Texts that a decoder of UTF-16 may change, long enough for it to be asked. */
const TEXTS: Readonly<Record<string, string>> = {
  plain: 'abc'.repeat(100),
  'of many units': 'wörld '.repeat(20_000),
  'with pairs': '🙂'.repeat(50),
  'with half a pair in the middle': `${'a'.repeat(50)}\ud83d${'b'.repeat(50)}`,
  'with the second half first': `\ude42\ud83d${'b'.repeat(50)}`,
  'that ends in half a pair': `${'a'.repeat(9000)}\ud83d`,
  'that begins with a byte order mark': `\ufeff${'a'.repeat(50)}`,
  'with a replacement character of its own': `${'a'.repeat(50)}\ufffd`,
  'that is short': '\ud83d',
};

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

describe.each(Object.entries(TEXTS))('a text %s', (_, content) => {
  it('is read as it was written, whole and in part, and told to listeners', () => {
    const text = createText();
    text.insert(0, content);
    expect(text.toString() === content).toBe(true);
    expect(text.slice(1) === content.slice(1)).toBe(true);
    const other = createText();
    const told: string[] = [];
    other.onChange((changes) => told.push(...changes.map(({ inserted }) => inserted)));
    other.apply(text.encode());
    expect(told.join('') === content).toBe(true);
  });

  it('is read the same where the platform has no decoder of UTF-16', async () => {
    const asked = vi.fn();
    vi.stubGlobal(
      'TextDecoder',
      class {
        constructor(label: string) {
          asked(label);
          throw new RangeError(`the encoding ${label} is not supported`);
        }
      },
    );
    const { stringOf } = await import('../../ts/merge/sequence/text-units.ts');
    const units = new Uint16Array(content.length);
    for (let at = 0; at < content.length; at++) units[at] = content.charCodeAt(at);
    expect(stringOf(units) === content).toBe(true);
    expect(asked.mock.calls).toEqual(content.length < 32 ? [] : [['utf-16le']]);
  });
});
