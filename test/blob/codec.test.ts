/** Compression of sections: round trips, the choice per section, and what unfolds to more or less than it says. */
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { decompress } from '../../ts/blob/codec.ts';
import { convertBlob } from '../../ts/blob/convert.ts';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { peekBlob } from '../../ts/blob/peek.ts';
import { sectionsOf } from '../../ts/session/document.ts';
import { type Section, type Session, section } from '../../ts/session/session.ts';
import { FULL_SESSION, failureOf, resolve, sha256, TEXT_UNITS, textFrom } from './fixture.ts';

const zlib = globalThis.process.getBuiltinModule('node:zlib') as unknown as Record<string, unknown>;
const hasZstd = typeof zlib['zstdCompressSync'] === 'function';
const SMALL = { textSectionUnits: TEXT_UNITS };

const holding = (...bodies: Section[]): Session => ({
  ...FULL_SESSION,
  storage: [
    {
      key: { origin: 'https://app.example', topLevelSite: null },
      localStorage: [],
      indexedDB: [],
      files: bodies.map((body, i) => ({ path: `f${i}`, kind: 'file', body })),
    },
  ],
  ...{ tabs: [], credentials: [], mergeState: section(new Uint8Array(0), 'x') },
});

const onlySection = async (blob: Uint8Array, options = {}): Promise<Section> =>
  [...sectionsOf(await decodeSession(blob, options)).keys()][0] as Section;

describe.each(hasZstd ? (['gzip', 'zstd'] as const) : (['gzip'] as const))('%s', (codec) => {
  test.each(['text', 'packed'] as const)('a session comes back in %s framing, with the hashes it has without a codec', async (framing) => {
    const blob = await encodeSession(FULL_SESSION, { framing, codec, ...SMALL });
    expect(await resolve(await decodeSession(blob))).toStrictEqual(await resolve(FULL_SESSION));
    const table = (await peekBlob(blob)).sections;
    const plain = (await peekBlob(await encodeSession(FULL_SESSION, { framing, ...SMALL }))).sections;
    expect(table.map(({ codec: _, ...entry }) => entry)).toEqual(plain);
    expect(table.map((entry) => entry.codec ?? 'none')).toContain(codec);
    const other = framing === 'text' ? 'packed' : 'text';
    expect(Buffer.compare(await convertBlob(await convertBlob(blob, other), framing), blob)).toBe(0);
  });

  test('what gains less than 5 % is stored as it is', async () => {
    const table = (await peekBlob(await encodeSession(FULL_SESSION, { codec, ...SMALL }))).sections;
    const byKind = new Map(table.map((entry) => [entry.kind, entry.codec]));
    expect([byKind.get('merge'), byKind.get('key')]).toEqual([undefined, undefined]);
    expect(table.find(({ mediaType }) => mediaType === 'text/html')?.codec).toBe(codec);
  });

  test('the caller chooses for each section', async () => {
    const asked: string[] = [];
    const blob = await encodeSession(FULL_SESSION, {
      ...SMALL,
      codec: ({ kind, mediaType, length }) => {
        asked.push(`${kind} ${mediaType} ${length}`);
        return mediaType === 'text/html' ? codec : 'none';
      },
    });
    expect(asked).toContain('key application/pkcs8 48');
    expect(asked).toHaveLength(8);
    expect((await peekBlob(blob)).sections.filter((entry) => entry.codec !== undefined)).toHaveLength(1);
  });

  test('content above the limit of the caller is not unfolded', async () => {
    const blob = await encodeSession(holding(section(new Uint8Array(5_000_000), 'x')), { codec });
    expect(blob.length).toBeLessThan(20_000);
    const refused = await onlySection(blob, { maxSectionBytes: 4_999_999 });
    expect((await failureOf(refused.bytes())).code).toBe('BLOB_LIMIT');
    expect((await (await onlySection(blob)).bytes()).length).toBe(5_000_000);
  });
});

/** A text blob whose one section holds `stored`, and claims to be `rawLength` bytes of gzip. */
async function claiming(stored: Uint8Array, rawLength: number, hash = sha256('')): Promise<Uint8Array> {
  const blob = await encodeSession(holding(section(new Uint8Array([1, 2, 3]), 'x')));
  const lines = textFrom(blob).split('\n');
  const header = JSON.parse(lines[0] ?? '') as { sections: Record<string, unknown>[] };
  const line = Buffer.from(stored).toString('base64');
  const shift = line.length - (lines[2]?.length ?? 0);
  Object.assign(header.sections[0] ?? {}, { rawLength, length: line.length, sha256: hash, codec: 'gzip' });
  for (const entry of header.sections.slice(1)) entry['offset'] = (entry['offset'] as number) + shift;
  return new TextEncoder().encode([JSON.stringify(header), lines[1], line, ...lines.slice(3)].join('\n'));
}

describe('hostile compression', () => {
  const bomb = gzipSync(new Uint8Array(300_000_000), { level: 9 });

  test('a bomb is stopped when it has more bytes than it says, and takes no memory', async () => {
    const one = await onlySection(await claiming(bomb, 100));
    const before = process.memoryUsage().rss;
    const error = await failureOf(one.bytes());
    expect([error.code, error.details]).toEqual(['BLOB_SECTION_ENCODING', { section: 's0' }]);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  });

  test('a bomb that says what it is meets the limit', async () => {
    const one = await onlySection(await claiming(bomb, 300_000_000));
    expect((await failureOf(one.bytes())).code).toBe('BLOB_LIMIT');
  });

  test('a section that says it is huge costs nothing until it is', async () => {
    const one = await onlySection(await claiming(gzipSync('abc'), 200_000_000));
    const before = process.memoryUsage().rss;
    expect((await failureOf(one.bytes())).code).toBe('BLOB_SECTION_ENCODING');
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  });

  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['no gzip', new Uint8Array(30).fill(7)],
    ['gzip that is cut', gzipSync('abcdef').subarray(0, -9)],
    ['gzip of less', gzipSync('abcde')],
    ['gzip of more', gzipSync('abcdefg')],
  ])('%s fails the read', async (_name, stored) => {
    const one = await onlySection(await claiming(stored, 6));
    expect((await failureOf(one.bytes())).code).toBe('BLOB_SECTION_ENCODING');
  });

  test('the right number of other bytes fails by its hash', async () => {
    const one = await onlySection(await claiming(gzipSync('abcdef'), 6, sha256('abcdeg')));
    expect((await failureOf(one.bytes())).code).toBe('BLOB_SECTION_HASH');
  });

  test('a codec that is not known, or not here, is named as such', async () => {
    expect((await failureOf(decompress(new Uint8Array(1), 'lzma', 1, 's0'))).code).toBe('BLOB_UNSUPPORTED_CODEC');
    if (hasZstd) return;
    expect((await failureOf(encodeSession(FULL_SESSION, { codec: 'zstd' }))).code).toBe('BLOB_UNSUPPORTED_CODEC');
    expect((await failureOf(decompress(new Uint8Array(1), 'zstd', 1, 's0'))).code).toBe('BLOB_UNSUPPORTED_CODEC');
  });
});
