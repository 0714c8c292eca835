/** Hostile bytes under the tags for objects beyond plain containers: refused with a code and a place, or the one encoding of a value, in bounded memory. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeValue, decodeValueAsync } from '../../../ts/session/clone/decode.ts';
import { encodeValueAsync } from '../../../ts/session/clone/encode.ts';
import { refusalOf } from './refusal.ts';

const bytesOf = (hex: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const text = (value: string): string => `0a ${value.length.toString(16).padStart(2, '0')} ${Buffer.from(value).toString('hex')}`;
const HUGE = '80808080808002';
const FACTS = `00 03 ${text('AES-GCM')} 00 00 8001 00 00`;

describe('hostile bytes', () => {
  test.each([
    ['a resizable buffer longer than its maximum', '09 02 01 0102'],
    ['a resizable buffer of 2^50 bytes', `09 ${HUGE} ${HUGE}`],
    ['a view that follows a fixed buffer', '13 82 00 08 00'],
    ['a view that follows from beyond the end', '13 82 03 09 02 04 0102'],
    ['a view that follows where nothing fits', '13 82 02 09 02 02 0102'],
    ['a view that follows, not aligned', '13 85 01 09 02 08 0102'],
    ['a view that follows, of an unknown kind', '13 8d 00 09 00 08'],
    ['a RegExp without flags', `12 ${text('a')}`],
    ['a RegExp with flags in the wrong order', `12 ${text('a')} ${text('ig')}`],
    ['a RegExp with a flag twice', `12 ${text('a')} ${text('gg')}`],
    ['a RegExp with an unknown flag', `12 ${text('a')} ${text('x')}`],
    ['a RegExp with an empty source', `12 0a00 0a00`],
    ['a RegExp with a bare slash', `12 ${text('/')} 0a00`],
    ['a RegExp with a bare line break', `12 ${text('\n')} 0a00`],
    ['a boxed null', '15 00'],
    ['a boxed undefined', '15 05'],
    ['a boxed object', '15 0e00'],
    ['a boxed -0 as an integer', '15 04 0000000000000000'],
    ['an Error of an unknown class', '16 07 00'],
    ['an Error with an unknown flag', '16 00 08'],
    ['an Error whose message is no string', '16 00 01 0301'],
    ['an Error without the cause it says', '16 00 04'],
    ['a DOMException of an unknown kind', `17 02 ${text('m')}`],
    ['a quota that is negative', '17 01 0a00 01 04 000000000000f0bf 00'],
    ['a quota of NaN', '17 01 0a00 01 04 000000000000f87f 00'],
    ['an amount with another flag', '17 01 0a00 02 0301 00'],
    ['less requested than the quota', '17 01 0a00 01 0302 01 0301'],
    ['a Blob of 2^50 bytes', `18 0a00 ${HUGE}`],
    ['a Blob with a type in upper case', `18 ${text('A/B')} 00`],
    ['a Blob with a type beyond ASCII', '18 0a01e9 00'],
    ['a File with a lone surrogate in its name', '19 0a00 0c0100d8 0301 00'],
    ['a File between milliseconds', `19 0a00 ${text('n')} 04 000000000000f83f 00`],
    ['a File at -0', `19 0a00 ${text('n')} 04 0000000000000080 00`],
    ['a FileList of a Blob', '1a 01 18 0a00 00'],
    ['a FileList of itself', '1a 01 2000'],
    ['a FileList of a list that holds it', '1a 01 0d 01 2000'],
    ['a FileList of 2^50 files', `1a ${HUGE}`],
    ['an ImageData without pixels', '1b 00 01 00 00'],
    ['an ImageData of 2^100 pixels', `1b ${HUGE} ${HUGE} 00 00 00`],
    ['an ImageData in an unknown colour space', '1b 01 01 02 00 00000000'],
    ['an ImageData of an unknown format', '1b 01 01 00 03 00000000'],
    ['an ImageData that is cut', '1b 01 01 00 00 000000'],
    ['geometry of an unknown class', `1c 07 ${'00'.repeat(32)}`],
    ['a matrix of seven numbers', `1c 06 07 ${'00'.repeat(56)}`],
    ['a point with a NaN with a payload', `1c 01 010000000000f87f ${'00'.repeat(24)}`],
    ['a key of an unknown type', `1d 03 ${FACTS.slice(3)} 00`],
    ['a key with an unknown usage', `1d 00 8020 ${FACTS.slice(6)} 00`],
    ['a key of 2^50 bytes', `1d ${FACTS} ${HUGE}`],
    ['a key whose hash is a number', `1d 00 03 ${text('X')} 0301 00 00 00 00 00`],
    ['a handle of an unknown kind', '1f 02 00'],
    ['a handle of a file without a path', '1f 00 00'],
    ['a handle with 2^50 names', `1f 00 ${HUGE}`],
    ['a handle with a name that is no string', '1f 01 01 0301'],
  ])('%s is malformed', (_name, hex) => {
    expect(refusalOf(bytesOf(hex))?.code).toBe('SESSION_CLONE_MALFORMED');
  });

  test('a buffer that may grow beyond the platform has its own code, and many that may grow far cost nothing', () => {
    expect(refusalOf(bytesOf(`09 00 ${HUGE}`))?.code).toBe('SESSION_CLONE_UNSUPPORTED');
    const before = process.memoryUsage().rss;
    refusalOf(bytesOf(`0d 40 ${'09 00 8080808020'.repeat(64)}`));
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });

  test('causes within causes without end cost no stack', () => {
    const hostile = new Uint8Array(300_000);
    for (let i = 0; i < hostile.length; i += 3) hostile.set([0x16, 0, 4], i);
    expect(refusalOf(hostile)?.code).toBe('SESSION_CLONE_MALFORMED');
  });

  test('any bytes are malformed, or the one encoding of a value, whether it is waited for or not', async () => {
    const { bytes: seed } = await encodeValueAsync([
      new Blob(['blob'], { type: 'a/b' }),
      new File(['f'], 'name', { lastModified: 1 }),
      await crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', true, ['encrypt']),
      Object.assign(new TypeError('m', { cause: /x/g }), { stack: 's' }),
      [Object('boxed'), new DOMException('m', 'DataError')],
    ]);
    const foreign = bytesOf(`0d 04 1a00 1b 01 01 01 00 01020304 1c 00 ${'00'.repeat(32)} 1f 00 01 ${text('a')}`);
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.nat(), fc.integer({ min: 1, max: 255 }), async (native, place, change) => {
        const hostile = (native ? seed : foreign).slice();
        const at = place % hostile.length;
        hostile[at] = (hostile[at] as number) ^ change;
        const failure = refusalOf(hostile);
        if (failure !== null) {
          expect(failure.code).toMatch(/^SESSION_CLONE_(MALFORMED|UNSUPPORTED)$/);
          return;
        }
        accepted++;
        for (const { value } of [decodeValue(hostile), await decodeValueAsync(hostile)]) {
          expect(hexOf((await encodeValueAsync(value)).bytes)).toBe(hexOf(hostile));
        }
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});
