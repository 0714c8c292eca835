/** Damage to the golden blobs of version 2.0: every cut and ten thousand changed bytes for each framing. Never a changed section, never another error. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { convertBlob } from '../../ts/blob/convert.ts';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { PspError } from '../../ts/errors.ts';
import { sectionsOf } from '../../ts/session/document.ts';
import type { Session } from '../../ts/session/session.ts';
import { FULL_SESSION, failureOf, readAll, resolve, textFrom } from './fixture.ts';

const FILES = ['session-2.0.psp', 'session-2.0.pspb', 'session-2.0-gzip.pspb'];

/** What the header says of the session is free text that no hash covers. */
async function contentOf(blob: Uint8Array): Promise<unknown> {
  const session = await decodeSession(blob);
  await readAll(session);
  const { coverage, cookies, storage, tabs, permissions, credentials, ttl, mergeState } = (await resolve(session)) as Session;
  const content = { coverage, cookies, storage, tabs, permissions, credentials, ttl, mergeState };
  return JSON.parse(JSON.stringify(content, (name, value: unknown) => (name === 'mediaType' ? undefined : value)));
}

describe.each(FILES)('%s', (name) => {
  const golden = new Uint8Array(readFileSync(new URL(`golden/${name}`, import.meta.url)));

  test('every truncation is refused with a code', async () => {
    for (let length = 0; length < golden.length; length++) {
      const { code } = await failureOf(decodeSession(golden.subarray(0, length)));
      if (code !== (length === 0 ? 'BLOB_NOT_A_BLOB' : 'BLOB_TRUNCATED')) expect.fail(`cut at ${length}: ${code}`);
    }
  });

  test('a changed byte is refused with a code, or changes the free text of the header: never a state, never a section', async () => {
    const before = await contentOf(golden);
    let survived = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(golden.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const broken = golden.slice();
        broken[at] = (broken[at] as number) ^ change;
        let after: unknown;
        try {
          after = await contentOf(broken);
        } catch (error) {
          if (!(error instanceof PspError)) throw error;
          return;
        }
        survived++;
        expect(after).toStrictEqual(before);
      }),
      { numRuns: 10_000 },
    );
    expect(survived).toBeGreaterThan(10);
  }, 60_000);

  test('bytes that are no blob of ours never convert with another error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(golden.length - 1), fc.uint8Array({ minLength: 1, maxLength: 20 }), async (at, put) => {
        const broken = golden.slice();
        broken.set(put.subarray(0, golden.length - at), at);
        for (const framing of ['text', 'packed'] as const) {
          try {
            await convertBlob(broken, framing);
          } catch (error) {
            if (!(error instanceof PspError)) throw error;
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('packed framing', () => {
  const patch = async (change: (view: DataView, blob: Uint8Array) => void): Promise<PspError> => {
    const blob = await encodeSession(FULL_SESSION, { framing: 'packed' });
    change(new DataView(blob.buffer), blob);
    return failureOf(decodeSession(blob));
  };

  test.each<[string, number, string]>([
    ['above the limit', 0xffffffff, 'BLOB_LIMIT'],
    ['of all there may be', 16 * 1024 * 1024, 'BLOB_TRUNCATED'],
    ['of nothing', 0, 'BLOB_MALFORMED'],
  ])('a header length %s', async (_name, length, code) => {
    expect((await patch((view) => view.setUint32(12, length, true))).code).toBe(code);
  });

  test('another version of the framing is refused, and both are named', async () => {
    const error = await patch((view) => view.setUint32(8, 2, true));
    expect([error.code, error.details]).toEqual(['BLOB_UNSUPPORTED_VERSION', { found: '2', supported: '1' }]);
  });

  test('what is not zero between sections is malformed', async () => {
    const blob = await encodeSession(FULL_SESSION, { framing: 'packed' });
    const at = blob.lastIndexOf(0);
    expect(at).toBe(blob.length - 1);
    blob[at] = 1;
    const error = await failureOf(decodeSession(blob));
    expect([error.code, error.details]).toEqual(['BLOB_MALFORMED', { offset: at }]);
  });

  test('a text transfer that changes line ends is noticed in the first bytes', async () => {
    const blob = await encodeSession(FULL_SESSION, { framing: 'packed' });
    const changed = Buffer.from(Buffer.from(blob).toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
    expect((await failureOf(decodeSession(changed))).code).toBe('BLOB_NOT_A_BLOB');
  });
});

/** A header whose table says something else. */
async function tampered(framing: 'text' | 'packed', change: (entry: Record<string, unknown>) => void): Promise<Uint8Array> {
  const blob = await encodeSession(FULL_SESSION, { framing });
  const start = framing === 'text' ? 0 : 16;
  const end = framing === 'text' ? blob.indexOf(0x0a) : 16 + new DataView(blob.buffer).getUint32(12, true);
  const header = JSON.parse(textFrom(blob.subarray(start, end))) as { sections: Record<string, unknown>[] };
  const oldPadding = (16 - (end % 16)) % 16;
  change(header.sections[0] ?? {});
  const bytes = Buffer.from(JSON.stringify(header));
  const rest = blob.subarray(end);
  if (framing === 'text') return Buffer.concat([bytes, rest]);
  const prefix = Buffer.from(blob.subarray(0, 16));
  prefix.writeUInt32LE(bytes.length, 12);
  void oldPadding;
  return Buffer.concat([prefix, bytes, rest]);
}

describe.each(['text', 'packed'] as const)('%s framing: a table that lies', (framing) => {
  test.each<[string, Record<string, unknown>]>([
    ['lengths beyond 2^53 together', { length: 2 ** 53 - 1, rawLength: 2 ** 53 - 1 }],
    ['a content that its room cannot hold', { rawLength: 2 ** 40 }],
    ['an offset of its own', { offset: 16 }],
    ['sections that stand elsewhere', { where: 'external' }],
    ['a place that is not known', { where: 'nowhere' }],
    ['a codec that is not known', { codec: 'lzma' }],
    ['another id', { id: 's1' }],
  ])('%s is refused', async (_name, change) => {
    const { code } = await failureOf(decodeSession(await tampered(framing, (entry) => Object.assign(entry, change))));
    expect(code).toMatch(/^(BLOB_MALFORMED|BLOB_TRUNCATED|SESSION_INVALID)$/);
  });

  test('a codec that the bytes do not have, or a kind that the place does not take', async () => {
    if (framing === 'text') {
      const claimed = await decodeSession(await tampered(framing, (entry) => Object.assign(entry, { codec: 'gzip' })));
      const [first] = sectionsOf(claimed).keys();
      expect((await failureOf((first as { bytes(): Promise<unknown> }).bytes())).code).toBe('BLOB_SECTION_ENCODING');
      expect((await failureOf(decodeSession(await tampered(framing, (entry) => Object.assign(entry, { kind: 'key' }))))).code).toBe(
        'SESSION_INVALID',
      );
    }
  });
});
