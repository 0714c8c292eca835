/** The golden blob of version 1.0: read for ever, and never changed without a code. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { PspError } from '../../ts/errors.ts';
import type { Session } from '../../ts/session/session.ts';
import { flatten } from '../session/arbitrary.ts';
import { failureOf } from './fixture.ts';
import { refusal, rewrite, SESSION } from './text-fixture.ts';

/** Made once, released with version 1.0, never edited: what the code reads must stay this. */
describe('golden/session-1.0', () => {
  const golden = new Uint8Array(readFileSync(new URL('golden/session-1.0.psp', import.meta.url)));
  const expected: unknown = JSON.parse(readFileSync(new URL('golden/session-1.0.json', import.meta.url), 'utf8'));
  const headerEnd = golden.indexOf(0x0a);

  test('decodes to the session beside it', async () => {
    expect(await flatten(await decodeSession(golden))).toStrictEqual(expected);
  });

  test('a session of version 1.0 that 2.0 takes is written again as 2.0', async () => {
    const older = rewrite(await encodeSession(SESSION), {
      header: (header) => {
        header.psp = '1.0';
      },
    });
    const decoded = await decodeSession(older);
    expect(await flatten(decoded)).toStrictEqual(await flatten(SESSION));
    expect(Buffer.compare(await encodeSession(decoded), await encodeSession(SESSION))).toBe(0);
  });

  test('what 2.0 does not take is read, and refused with its place when it is written', async () => {
    const error = await failureOf(encodeSession(await decodeSession(golden)));
    expect([error.code, error.details['pointer']]).toEqual(['SESSION_INVALID', '/cookies/0/value']);
  });

  test('every truncation is refused with a code', async () => {
    for (let length = 0; length < golden.length; length++) {
      const { code } = await refusal(golden.subarray(0, length));
      expect(code).toBe(length === 0 ? 'BLOB_NOT_A_BLOB' : 'BLOB_TRUNCATED');
    }
  });

  test('a changed byte is refused with a code, or changes the free text of the header: never a state, never a section', async () => {
    const read = async (blob: Uint8Array): Promise<{ header: unknown; content: unknown }> => {
      const { coverage, cookies, storage, tabs, ...header } = (await flatten(await decodeSession(blob))) as Session;
      return { header, content: { coverage, cookies, tabs, storage: withoutMediaTypes(storage) } };
    };
    const before = await read(golden);
    let survived = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(golden.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const broken = golden.slice();
        broken[at] = (broken[at] as number) ^ change;
        let after: Awaited<ReturnType<typeof read>>;
        try {
          after = await read(broken);
        } catch (error) {
          expect(error).toBeInstanceOf(PspError);
          return;
        }
        survived++;
        expect(at).toBeLessThan(headerEnd);
        expect(after.content).toStrictEqual(before.content);
      }),
      { numRuns: 10_000 },
    );
    expect(survived).toBeGreaterThan(10);
  });
});

/** The media type of a section is free text of the header. */
function withoutMediaTypes(storage: unknown): unknown {
  return JSON.parse(JSON.stringify(storage, (name, value: unknown) => (name === 'mediaType' ? undefined : value)));
}
