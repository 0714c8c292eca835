/** Sections of a text blob are read, and checked, when they are asked for. */
import { describe, expect, test } from 'vitest';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import type { PspError } from '../../ts/errors.ts';
import { RECORDS_MEDIA_TYPE } from '../../ts/session/clone/records.ts';
import type { Section } from '../../ts/session/session.ts';
import { bytesOf, failureOf, textFrom } from './fixture.ts';
import { linesOf, rewrite, SECRET, SESSION, sectionsOf } from './text-fixture.ts';

describe('sections are lazy', () => {
  /** Where the Base64 line of section `id` begins. */
  function lineOf(blob: Uint8Array, id: string): number {
    const { header, lines } = linesOf(blob);
    const entry = header.sections.find((one) => one.id === id);
    return Buffer.byteLength(lines[0] ?? '') + 1 + header.state.length + 1 + (entry?.offset ?? 0);
  }

  test.each([
    ['a character outside the alphabet', 5, '*', 'KERNEL_BASE64_CHARACTER', 5],
    ['a line break', 0, '\n', 'KERNEL_BASE64_CHARACTER', 0],
    ['padding in the middle', 3, '=', 'KERNEL_BASE64_PADDING', 3],
    ['bits that no encoder writes', 10, 'F', 'KERNEL_BASE64_TRAILING_BITS', 10],
  ])(
    'a fault of Base64 fails only the read, and names section, offset there and offset in the blob: %s',
    async (_name, at, put, reason, offset) => {
      const blob = await encodeSession(SESSION);
      const start = lineOf(blob, 's0');
      expect(textFrom(blob.subarray(start, start + 12))).toBe(Buffer.from(`a-${SECRET}`).toString('base64'));
      blob.set(bytesOf(put), start + at);
      const [broken, whole] = sectionsOf(await decodeSession(blob)) as [Section, Section];
      const error = await failureOf(broken.bytes());
      expect(error.code).toBe('BLOB_SECTION_ENCODING');
      expect(error.details).toEqual({ section: 's0', offset, blobOffset: start + offset, reason });
      expect((error.cause as PspError).code).toBe(reason);
      expect(textFrom(await whole.bytes())).toBe('shared');
      expect((await failureOf(broken.bytes())).code).toBe('BLOB_SECTION_ENCODING');
    },
  );

  test('other bytes under the same hash fail the read, every time', async () => {
    const blob = await encodeSession(SESSION);
    blob.set(bytesOf('QQ'), lineOf(blob, 's0'));
    const [broken] = sectionsOf(await decodeSession(blob)) as [Section];
    for (let i = 0; i < 2; i++) {
      const error = await failureOf(broken.bytes());
      expect([error.code, error.details]).toEqual(['BLOB_SECTION_HASH', { section: 's0' }]);
    }
  });

  test('a length that the Base64 does not have, though it takes as much room, fails the read', async () => {
    const blob = rewrite(await encodeSession(SESSION), { header: ({ sections }) => Object.assign(sections[0] ?? {}, { rawLength: 9 }) });
    const [broken] = sectionsOf(await decodeSession(blob)) as [Section];
    expect(broken.length).toBe(9);
    const error = await failureOf(broken.bytes());
    expect([error.code, error.message]).toEqual(['BLOB_SECTION_ENCODING', 'section s0 has 8 bytes, 9 expected']);
  });

  test('length and media type are there without a read, and each read gives the same bytes', async () => {
    const sections = sectionsOf(await decodeSession(await encodeSession(SESSION)));
    expect(sections.map(({ length, mediaType }) => [length, mediaType])).toEqual(
      [8, 6, 0, 6].map((length) => [length, RECORDS_MEDIA_TYPE]),
    );
    for (const one of sections) expect(await one.bytes()).toEqual(await one.bytes());
  });

  test('a session can be written again from sections that are still lazy, and a broken one fails then', async () => {
    const blob = await encodeSession(SESSION);
    const decoded = await decodeSession(blob);
    blob.set(bytesOf('QQ'), lineOf(blob, 's1'));
    expect((await failureOf(encodeSession(decoded))).code).toBe('BLOB_SECTION_HASH');
  });
});
