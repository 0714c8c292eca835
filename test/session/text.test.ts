/** Web storage values that are kept in sections. */
import { expect, test } from 'vitest';
import { section, TEXT_MEDIA_TYPE, textOf } from '../../ts/session/session.ts';

const bytesOf = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: 2 * text.length }, (_, i) => (text.charCodeAt(i >> 1) >> (i % 2 === 0 ? 0 : 8)) & 0xff);

test.each(['', 'plain', '\ufeffmark', '\u65e5\u672c \ud83e\udd8a', 'lone \ud800 and \udfff', '\u0000', 'x\ud800'.repeat(10_000)])(
  'text of a section is the text, unit for unit: %j',
  async (text) => {
    expect((await textOf(section(bytesOf(text), TEXT_MEDIA_TYPE))) === text).toBe(true);
    expect(await textOf(text)).toBe(text);
  },
);

test('half a unit is refused, and what there is of the text is not repeated', async () => {
  const cut = section(bytesOf('secret').slice(0, 11), TEXT_MEDIA_TYPE);
  await expect(textOf(cut)).rejects.toMatchObject({ code: 'SESSION_INVALID', message: expect.not.stringContaining('secret') });
});
