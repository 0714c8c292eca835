/**
 * Both framings against `ts/blob/layout.md`: round trips of any session, conversion, golden files that are never regenerated, laziness and views.
 * fast-check prints the seed of what fails.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { convertBlob } from '../../ts/blob/convert.ts';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession, TEXT_SECTION_UNITS } from '../../ts/blob/encode.ts';
import { exportJson } from '../../ts/blob/export.ts';
import type { Framing } from '../../ts/blob/framing.ts';
import { encodeValue } from '../../ts/session/clone/encode.ts';
import { RECORDS_MEDIA_TYPE, RecordWriter } from '../../ts/session/clone/records.ts';
import { sectionsOf } from '../../ts/session/document.ts';
import { type Session, section, TEXT_MEDIA_TYPE, textOf } from '../../ts/session/session.ts';
import { session as anySession } from '../session/arbitrary.ts';
import { bytesOf, FULL_SESSION, LONG_TEXT, PAGE, resolve, sha256, TEXT_UNITS, textFrom, turnMembers } from './fixture.ts';

const FRAMINGS: readonly Framing[] = ['text', 'packed'];
const SMALL = { textSectionUnits: TEXT_UNITS };

const golden = (name: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(new URL(`golden/${name}`, import.meta.url)));

interface Table {
  psp: string;
  state: { length: number; sha256: string };
  sections: { id: string; offset: number; length: number; rawLength: number; sha256: string; codec?: string }[];
}

/** The parts of a packed blob, read by nothing but layout.md. */
function unpack(blob: Uint8Array): { header: Table; state: string; sections: Uint8Array[]; start: number } {
  const view = new DataView(blob.buffer, blob.byteOffset);
  expect(textFrom(blob.subarray(1, 5))).toBe('PSPB');
  expect(view.getUint32(8, true)).toBe(1);
  const headerEnd = 16 + view.getUint32(12, true);
  const header = JSON.parse(textFrom(blob.subarray(16, headerEnd))) as Table;
  const stateEnd = headerEnd + header.state.length;
  const start = Math.ceil(stateEnd / 16) * 16;
  const sections = header.sections.map(({ offset, length }) => blob.subarray(start + offset, start + offset + length));
  return { header, state: textFrom(blob.subarray(headerEnd, stateEnd)), sections, start };
}

describe.each(FRAMINGS)('%s framing', (framing) => {
  const other = framing === 'text' ? 'packed' : 'text';

  test('any session comes back, and is written again to the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(anySession, async (session) => {
        const options = { framing, textSectionUnits: 2 };
        const blob = await encodeSession(session, options);
        const decoded = await decodeSession(blob);
        expect(await resolve(decoded)).toStrictEqual(await resolve(session));
        expect(Buffer.compare(await encodeSession(decoded, options), blob)).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test('any blob converts to the other framing as if it had been written there, and back without a change', async () => {
    await fc.assert(
      fc.asyncProperty(anySession, async (session) => {
        const blob = await encodeSession(session, { framing, textSectionUnits: 4 });
        const there = await convertBlob(blob, other);
        expect(Buffer.compare(there, await encodeSession(session, { framing: other, textSectionUnits: 4 }))).toBe(0);
        expect(Buffer.compare(await convertBlob(there, framing), blob)).toBe(0);
        expect(Buffer.compare(await convertBlob(blob, framing), blob)).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  test('the order of members makes no difference, at any depth', async () => {
    const blob = await encodeSession(FULL_SESSION, { framing });
    expect(Buffer.compare(await encodeSession(turnMembers(FULL_SESSION), { framing }), blob)).toBe(0);
  });

  test('members that are not known are kept on every object, with their sections, and written behind the known ones', async () => {
    const future = { z: [1, { b: null, a: '~' }], ['__proto__']: 7, part: section(bytesOf('future'), 'x/y') };
    const later = addEverywhere({ ...FULL_SESSION, $header: { zone: { a: 1 } } } as Session, { future, another: 1 });
    const blob = await encodeSession(later, { framing, ...SMALL });
    const decoded = await decodeSession(blob);
    expect(await resolve(decoded)).toStrictEqual(await resolve(later));
    expect(Buffer.compare(await encodeSession(turnMembers(decoded), { framing, ...SMALL }), blob)).toBe(0);
    const { header, state } = unpack(framing === 'packed' ? blob : await convertBlob(blob, 'packed'));
    expect(Object.keys(header).at(-1)).toBe('zone');
    expect(Object.keys((JSON.parse(state) as { cookies: object[] }).cookies[0] as object).slice(-3)).toEqual([
      ...['partitionKey', 'another', 'future'],
    ]);
  });

  test('nothing in the state passes for a member of the header', async () => {
    const session = { ...FULL_SESSION, psp: '9.9', sections: [1] } as Session;
    const decoded = await decodeSession(await encodeSession(session, { framing }));
    expect(decoded.id).toBe(FULL_SESSION.id);
    expect(await resolve(decoded)).toStrictEqual(await resolve(session));
  });

  test('a text of the threshold becomes a section, one unit less does not, and equal ones are one section', async () => {
    const at = 'x'.repeat(TEXT_SECTION_UNITS);
    const localStorage = [
      ['a', at],
      ['b', at.slice(1)],
      ['c', at],
    ] as const;
    const storage = [{ key: { origin: 'https://a.example', topLevelSite: null }, localStorage, indexedDB: [] }];
    const decoded = await decodeSession(await encodeSession({ ...FULL_SESSION, storage, tabs: [] }, { framing }));
    const values = decoded.storage[0]?.localStorage.map(([, value]) => value) ?? [];
    expect(values[1]).toBe(at.slice(1));
    expect(values[0]).toMatchObject({ mediaType: TEXT_MEDIA_TYPE, length: 2 * TEXT_SECTION_UNITS });
    expect(values[2]).toBe(values[0]);
    expect(await textOf(values[0] ?? '')).toBe(at);
  });

  test('equal sections are stored once: a page of a cache that is also a file', async () => {
    const blob = await encodeSession(FULL_SESSION, { framing, ...SMALL });
    const { sections } = unpack(framing === 'packed' ? blob : await convertBlob(blob, 'packed'));
    expect(sections).toHaveLength(8);
    expect(sections.filter((bytes) => textFrom(bytes) === PAGE)).toHaveLength(1);
  });

  test('a blob may lie anywhere in a larger array, and in a Buffer', async () => {
    const blob = await encodeSession(FULL_SESSION, { framing });
    const around = new Uint8Array(blob.length + 20).fill(0x7b);
    around.set(blob, 7);
    for (const same of [around.subarray(7, 7 + blob.length), Buffer.from(blob)]) {
      expect(await resolve(await decodeSession(same))).toStrictEqual(await resolve(FULL_SESSION));
    }
  });

  test('it is what the golden file holds, and reads as the golden session', async () => {
    const file = golden(framing === 'text' ? 'session-2.0.psp' : 'session-2.0.pspb');
    expect(Buffer.compare(await encodeSession(FULL_SESSION, { framing, ...SMALL }), file)).toBe(0);
    expect(await resolve(await decodeSession(file))).toStrictEqual(await resolve(FULL_SESSION));
    const otherFile = golden(other === 'text' ? 'session-2.0.psp' : 'session-2.0.pspb');
    expect(Buffer.compare(await convertBlob(file, other), otherFile)).toBe(0);
  });
});

/** Puts members into every object of the session, but not into its sections, keys of a choice, or the header's objects. */
function addEverywhere<Value>(value: Value, members: object): Value {
  if (typeof value !== 'object' || value === null || typeof (value as { bytes?: unknown }).bytes === 'function') return value;
  if (Array.isArray(value)) return value.map((one) => addEverywhere(one, members)) as Value;
  const entries = Object.entries(value).map(([name, one]) => [
    name,
    name === 'source' || name === '$header' ? one : addEverywhere(one, members),
  ]);
  return { ...Object.fromEntries(entries), ...members } as Value;
}

describe('packed framing', () => {
  test('header, state and sections stand where layout.md says, with zeros between', async () => {
    const blob = await encodeSession(FULL_SESSION, { framing: 'packed', ...SMALL });
    const { header, state, sections, start } = unpack(blob);
    expect([...blob.subarray(0, 8)]).toEqual([0x89, 0x50, 0x53, 0x50, 0x42, 0x0d, 0x0a, 0x1a]);
    expect(sha256(state)).toBe(header.state.sha256);
    const unused = new Set(Array.from({ length: blob.length - start }, (_, i) => start + i));
    let next = 0;
    for (const [i, { id, offset, length, rawLength, sha256: hash }] of header.sections.entries()) {
      expect([id, offset, offset % 16]).toEqual([`s${i}`, next, 0]);
      expect([length, sha256(sections[i] ?? '')]).toEqual([rawLength, hash]);
      for (let at = 0; at < length; at++) unused.delete(start + offset + at);
      next = Math.ceil((offset + length) / 16) * 16;
    }
    expect(start + next).toBe(blob.length);
    for (const at of unused) expect(blob[at]).toBe(0);
  });

  test('a section is a view of the blob, aligned as the blob is', async () => {
    const blob = await encodeSession(FULL_SESSION, { framing: 'packed' });
    for (const one of sectionsOf(await decodeSession(blob)).keys()) {
      const bytes = await one.bytes();
      expect(bytes.buffer).toBe(blob.buffer);
      expect(bytes.byteOffset % 16).toBe(0);
    }
  });

  test('what another thread could write to is copied', async () => {
    const blob = await encodeSession(FULL_SESSION, { framing: 'packed' });
    const shared = new Uint8Array(new SharedArrayBuffer(blob.length));
    shared.set(blob);
    const decoded = await decodeSession(shared);
    for (const one of sectionsOf(decoded).keys()) expect((await one.bytes()).buffer).toBeInstanceOf(ArrayBuffer);
  });

  test('the hashes and all of the header but offsets and lengths are those of the text framing', async () => {
    const packed = unpack(await encodeSession(FULL_SESSION, { framing: 'packed', ...SMALL }));
    const text = JSON.parse(textFrom(await encodeSession(FULL_SESSION, SMALL)).split('\n')[0] ?? '') as Table;
    const placeless = ({ sections, ...rest }: Table): unknown => [rest, sections.map(({ offset: _o, length: _l, ...entry }) => entry)];
    expect(placeless(packed.header)).toEqual(placeless(text));
  });
});

describe('golden/session-2.0', () => {
  test('the compressed one reads as the same session', async () => {
    const file = golden('session-2.0-gzip.pspb');
    expect(unpack(file).header.sections.some(({ codec }) => codec === 'gzip')).toBe(true);
    expect(await resolve(await decodeSession(file))).toStrictEqual(await resolve(FULL_SESSION));
  });

  test('the export is that of the session, whatever it was read from', async () => {
    // The file itself is in the format of the house; reading it keeps the order of members.
    const expected = `${JSON.stringify(JSON.parse(textFrom(golden('session-2.0.json'))), null, 2)}\n`;
    expect(await exportJson(FULL_SESSION)).toBe(expected);
    for (const name of ['session-2.0.psp', 'session-2.0.pspb', 'session-2.0-gzip.pspb']) {
      expect(await exportJson(await decodeSession(golden(name)))).toBe(expected);
    }
    expect(await exportJson(turnMembers(FULL_SESSION))).toBe(expected);
  });

  test.each<[string, unknown, boolean]>([
    ['null', null, true],
    ['an array', [1, [null]], true],
    ['an array with a hole and a name, as many members as it is long', Object.assign([1, undefined], { name: 'x' }), false],
    ['an array whose last element is a hole', Object.assign([1], { length: 2 }), false],
    ['undefined', undefined, false],
    ['one object in two places', Array(2).fill({}), false],
    ['-0', -0, false],
    ['an own __proto__', JSON.parse('{"__proto__":1}'), true],
  ])('the export shows a value as JSON exactly where that says all of it: %s', async (_, value, isJson) => {
    if (Array.isArray(value) && 'name' in value) delete value[1];
    const [storage, ...others] = FULL_SESSION.storage;
    const writer = new RecordWriter();
    writer.add(1, value);
    const store = { ...storage!.indexedDB[0]!.stores[0]!, recordCount: 1, records: section(writer.take(), RECORDS_MEDIA_TYPE) };
    const database = { ...storage!.indexedDB[0]!, stores: [store] };
    const text = await exportJson({ ...FULL_SESSION, storage: [{ ...storage!, indexedDB: [database] }, ...others] });
    const shown = JSON.parse(text) as { storage: { indexedDB: { stores: { records: { records: unknown[] } }[] }[] }[] };
    const [record] = shown.storage[0]!.indexedDB[0]!.stores[0]!.records.records;
    const valueBase64 = Buffer.from(encodeValue(value).bytes).toString('base64');
    expect(record).toEqual(isJson ? { key: 1, value } : { key: 1, valueBase64 });
  });

  test('the export shows what is readable, and the rest as Base64', () => {
    const shown = JSON.parse(textFrom(golden('session-2.0.json'))) as Record<string, never>;
    expect(shown).toMatchObject({
      psp: '2.0',
      storage: [
        {
          localStorage: [
            ['token', 'short'],
            ['state', LONG_TEXT],
            ['empty', ''],
          ],
          indexedDB: [
            {
              stores: [
                {
                  records: {
                    records: [
                      { key: 1, value: { id: 1, title: 'Größe', tags: ['x', null] } },
                      { key: 'two', valueBase64: expect.any(String) },
                    ],
                  },
                },
              ],
            },
          ],
          caches: [{ entries: [{ body: { mediaType: 'text/html', text: PAGE } }, {}] }],
        },
        {},
      ],
      tabs: [{ history: { entries: [{}, { state: { value: { step: 2 } } }] } }],
      credentials: [{ privateKey: { mediaType: 'application/pkcs8', base64: expect.any(String) } }],
    });
  });
});
