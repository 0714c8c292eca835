/**
 * The text blob against `ts/blob/layout.md`: round trips of any session, the framing read by an independent reader, golden files that are never
 * regenerated, and damage. fast-check prints the seed of what fails.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { PspError } from '../../ts/errors.ts';
import { RECORDS_MEDIA_TYPE } from '../../ts/session/clone/records.ts';
import { type Cookie, type ObjectStore, type Section, type Session, section } from '../../ts/session/session.ts';
import { session as anySession, flatten } from '../session/arbitrary.ts';

const SECRET = 'S3CRET';
const KEY = { origin: 'https://app.example', topLevelSite: null };
const COOKIE: Cookie = {
  name: `__Host-${SECRET}`,
  value: SECRET,
  domain: 'app.example',
  hostOnly: true,
  path: '/',
  secure: true,
  httpOnly: true,
  sameSite: 'lax',
  expiresAt: 1_767_225_600_000,
  partitionKey: null,
};

function store(name: string, records?: Section): ObjectStore {
  const schema = { name, keyPath: null, autoIncrement: false, indexes: [], recordCount: records === undefined ? 0 : 1 };
  return records === undefined ? schema : { ...schema, records };
}

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const records = (content: string): Section => section(bytesOf(content), RECORDS_MEDIA_TYPE);

/** Three sections in four stores: the second and the fourth have the same content. */
const SESSION: Session = {
  id: 'session-1',
  incarnation: 'incarnation-1',
  revision: 7,
  name: 'Work',
  createdAt: 1_700_000_000_000,
  updatedAt: 1_700_000_000_001,
  expiresAt: 1_800_000_000_000,
  source: { tool: 'test', browser: 'Chrome/156.0.0.0' },
  coverage: { cookies: 'complete', tabs: 'complete', storage: [{ key: KEY, localStorage: 'complete', indexedDB: 'partial' }] },
  cookies: [COOKIE, { ...COOKIE, name: 'b', expiresAt: null }],
  storage: [
    {
      key: KEY,
      localStorage: [[`token-${SECRET}`, SECRET]],
      indexedDB: [
        {
          name: 'db',
          version: 1,
          stores: [
            store('a', records(`a-${SECRET}`)),
            store('b', records('shared')),
            store('c', records('')),
            store('d', records('shared')),
          ],
        },
      ],
    },
  ],
  tabs: [{ id: 't1', url: `https://app.example/?code=${SECRET}`, sessionStorage: [{ key: KEY, items: [[SECRET, SECRET]] }] }],
};

const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const textOf = (blob: Uint8Array): string => Buffer.from(blob).toString('utf8');

interface HeaderLine {
  psp: string;
  state: { length: number; sha256: string };
  sections: {
    id: string;
    kind: string;
    mediaType: string;
    offset: number;
    length: number;
    rawLength: number;
    sha256: string;
  }[];
  [member: string]: unknown;
}
type State = Record<string, unknown>;

/** The lines of a blob, read by nothing but layout.md. */
function linesOf(blob: Uint8Array): { header: HeaderLine; state: State; lines: string[] } {
  const lines = textOf(blob).split('\n');
  return { header: JSON.parse(lines[0] ?? '') as HeaderLine, state: JSON.parse(lines[1] ?? '') as State, lines };
}

/** The blob with other documents; the lengths and the hash of the state are made right again unless `header` changes them after that. */
function rewrite(blob: Uint8Array, change: { state?: (state: State) => void; header?: (header: HeaderLine) => void }): Uint8Array {
  const { header, state, lines } = linesOf(blob);
  change.state?.(state);
  lines[1] = JSON.stringify(state);
  header.state = { length: Buffer.byteLength(lines[1]), sha256: sha256(lines[1]) };
  change.header?.(header);
  lines[0] = JSON.stringify(header);
  return bytesOf(lines.join('\n'));
}

async function failureOf(work: Promise<unknown>): Promise<PspError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof PspError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

const refusal = (blob: Uint8Array): Promise<PspError> => failureOf(decodeSession(blob));

function sectionsOf(from: Session): Section[] {
  const stores = from.storage.flatMap(({ indexedDB }) => indexedDB.flatMap((database) => database.stores));
  return stores.flatMap((one) => (one.records === undefined ? [] : [one.records]));
}

describe('round trips', () => {
  test('any session comes back, with the bytes of its sections', async () => {
    await fc.assert(
      fc.asyncProperty(anySession, async (session) => {
        const blob = await encodeSession(session);
        const decoded = await decodeSession(blob);
        expect(await flatten(decoded)).toStrictEqual(await flatten(session));
        expect(Buffer.compare(await encodeSession(decoded), blob)).toBe(0);
        expect(Buffer.compare(await encodeSession(session), blob)).toBe(0);
      }),
      { numRuns: 400 },
    );
  });

  test('names of Object.prototype are names like any other, and change no prototype', async () => {
    const names = ['__proto__', 'constructor', 'toJSON', '$section'];
    const storage = [{ key: KEY, localStorage: names.map((name) => [name, name] as const), indexedDB: [] }];
    const decoded = await decodeSession(await encodeSession({ ...SESSION, storage }));
    expect(decoded.storage).toStrictEqual(storage);
    expect(Object.getPrototypeOf(decoded.cookies[0])).toBe(Object.prototype);
  });

  test('the order of members of a session does not matter to its header', async () => {
    const turned = Object.fromEntries(Object.entries(SESSION).reverse()) as unknown as Session;
    expect(Buffer.compare(await encodeSession(turned), await encodeSession(SESSION))).toBe(0);
  });

  test('a blob may lie anywhere in a larger array, and in a Buffer', async () => {
    const blob = await encodeSession(SESSION);
    const around = new Uint8Array(blob.length + 20).fill(0x7b);
    around.set(blob, 10);
    for (const same of [around.subarray(10, 10 + blob.length), Buffer.from(blob)]) {
      expect(await flatten(await decodeSession(same))).toStrictEqual(await flatten(SESSION));
    }
  });
});

describe('framing', () => {
  test('header, state and one Base64 line for each section; each ends with LF, and nothing follows', async () => {
    const blob = await encodeSession(SESSION);
    const { header, lines } = linesOf(blob);
    expect(textOf(blob).startsWith('{"psp":"2.0"')).toBe(true);
    expect(blob.at(-1)).toBe(0x0a);
    expect(lines).toHaveLength(2 + 3 + 1);
    expect(lines.at(-1)).toBe('');
    expect(textOf(blob)).not.toContain('\r');
    expect(header.state).toEqual({ length: Buffer.byteLength(lines[1] ?? ''), sha256: sha256(lines[1] ?? '') });
    expect(lines.slice(2, 5).map((line) => Buffer.from(line, 'base64').toString())).toEqual([`a-${SECRET}`, 'shared', '']);
  });

  test('the header is exactly the table of layout.md, in its order', async () => {
    const { header } = linesOf(await encodeSession(SESSION));
    expect(Object.keys(header)).toEqual([
      ...['psp', 'id', 'incarnation', 'revision', 'name', 'createdAt', 'updatedAt', 'expiresAt', 'source', 'state', 'sections'],
    ]);
    expect(header).toMatchObject({
      psp: '2.0',
      id: 'session-1',
      incarnation: 'incarnation-1',
      revision: 7,
      name: 'Work',
      createdAt: '2023-11-14T22:13:20.000Z',
      updatedAt: '2023-11-14T22:13:20.001Z',
      expiresAt: '2027-01-15T08:00:00.000Z',
      source: { tool: 'test', browser: 'Chrome/156.0.0.0' },
    });
    const { header: bare } = linesOf(await encodeSession(without(SESSION, 'name', 'expiresAt')));
    expect(Object.keys(bare)).not.toContain('name');
    expect(Object.keys(bare)).not.toContain('expiresAt');
  });

  test('sections tile: offsets count from the byte after the state, one LF between, the last LF ends the file', async () => {
    await fc.assert(
      fc.asyncProperty(anySession, async (session) => {
        const blob = await encodeSession(session);
        const { header, lines } = linesOf(blob);
        const start = Buffer.byteLength(lines[0] ?? '') + 1 + header.state.length + 1;
        let next = 0;
        for (const [i, entry] of header.sections.entries()) {
          expect(entry).toMatchObject({ id: `s${i}`, offset: next });
          const line = blob.subarray(start + entry.offset, start + entry.offset + entry.length);
          const raw = Buffer.from(textOf(line), 'base64');
          expect(raw.toString('base64')).toBe(textOf(line));
          expect({ length: raw.length, sha256: sha256(raw) }).toEqual({ length: entry.rawLength, sha256: entry.sha256 });
          expect(entry.length).toBe(4 * Math.ceil(entry.rawLength / 3));
          expect(blob[start + entry.offset + entry.length]).toBe(0x0a);
          next += entry.length + 1;
        }
        expect(start + next).toBe(blob.length);
        // Stored once: no two sections are equal in bytes and media type.
        expect(new Set(header.sections.map((entry) => `${entry.sha256} ${entry.kind} ${entry.mediaType}`)).size).toBe(
          header.sections.length,
        );
      }),
      { numRuns: 100 },
    );
  });

  test('equal content is stored once, other media types apart, and a section is read once', async () => {
    let reads = 0;
    const counted: Section = {
      mediaType: RECORDS_MEDIA_TYPE,
      length: 1,
      async bytes() {
        reads++;
        return Uint8Array.of(1);
      },
    };
    const stores = [
      store('a', counted),
      store('b', counted),
      store('c', section(Uint8Array.of(1), RECORDS_MEDIA_TYPE)),
      store('d', section(Uint8Array.of(1), 'text/plain')),
    ];
    const blob = await encodeSession(withStores(stores));
    expect(linesOf(blob).header.sections.map(({ mediaType }) => mediaType)).toEqual([RECORDS_MEDIA_TYPE, 'text/plain']);
    expect(reads).toBe(1);
    expect(textOf(blob).match(/\{"\$section":"s\d"\}/g)).toEqual([
      '{"$section":"s0"}',
      '{"$section":"s0"}',
      '{"$section":"s0"}',
      '{"$section":"s1"}',
    ]);
  });

  test('the header names no cookie, no origin and no database', async () => {
    const { lines } = linesOf(await encodeSession(SESSION));
    for (const told of [SECRET, 'app.example', 'db', 't1']) expect(lines[0]).not.toContain(`"${told}`);
    expect(lines[0]).not.toContain(SECRET);
  });
});

function without(from: Session, ...members: (keyof Session)[]): Session {
  return Object.fromEntries(Object.entries(from).filter(([name]) => !(members as string[]).includes(name))) as unknown as Session;
}

function withStores(stores: readonly ObjectStore[]): Session {
  return { ...SESSION, storage: [{ key: KEY, localStorage: [], indexedDB: [{ name: 'db', version: 1, stores }] }] };
}

describe('what the schema refuses is never written', () => {
  test.each<[string, Partial<Session>, string]>([
    ['a time before 1970', { createdAt: -1 }, '/createdAt'],
    ['a fraction of a millisecond', { updatedAt: 0.5 }, '/updatedAt'],
    ['a year after 9999', { expiresAt: 253_402_300_800_000 }, '/expiresAt'],
    ['a time that is no number', { createdAt: Number.NaN }, '/createdAt'],
    ['an empty id', { id: '' }, '/id'],
    ['a revision below 0', { revision: -1 }, '/revision'],
    ['a domain with a leading dot', { cookies: [COOKIE, { ...COOKIE, domain: '.app.example' }] }, '/cookies/1/domain'],
    ['an expiry of a cookie that is no time', { cookies: [{ ...COOKIE, expiresAt: 1.5 }] }, '/cookies/0/expiresAt'],
    [
      'an origin with a path',
      { storage: [{ key: { ...KEY, origin: 'https://a/' }, localStorage: [], indexedDB: [] }] },
      '/storage/0/key/origin',
    ],
  ])('%s', async (_name, change, pointer) => {
    const error = await failureOf(encodeSession({ ...SESSION, ...change }));
    expect(error.code).toBe('SESSION_INVALID');
    expect(error.details['pointer']).toBe(pointer);
  });

  test('what a section rejects with comes through', async () => {
    const broken: Section = { mediaType: 'x', length: 1, bytes: () => Promise.reject(new PspError('BLOB_SECTION_HASH', 'broken')) };
    expect((await failureOf(encodeSession(withStores([store('a', broken)])))).code).toBe('BLOB_SECTION_HASH');
  });
});

describe('versions', () => {
  test('a newer minor version is read, with members that are not known anywhere', async () => {
    const newer = rewrite(await encodeSession(SESSION), {
      state: (state) => addEverywhere(state),
      header: (header) => {
        addEverywhere(header);
        header.psp = '2.9';
      },
    });
    expect(textOf(newer).startsWith('{"psp":"2.9"')).toBe(true);
    const decoded = await decodeSession(newer);
    expect(decoded).toMatchObject(
      JSON.parse(JSON.stringify({ ...SESSION, storage: [{ key: KEY, localStorage: SESSION.storage[0]?.localStorage }] })),
    );
    expect(await Promise.all(sectionsOf(decoded).map(async (one) => textOf(await one.bytes())))).toEqual([
      `a-${SECRET}`,
      'shared',
      '',
      'shared',
    ]);
  });

  test('a section of a kind that is not known is left alone, and is no records', async () => {
    const blob = await encodeSession(SESSION);
    const extra = bytesOf('bWVyZ2U=');
    const withExtra = rewrite(blob, {
      header: ({ sections }) => {
        const last = sections[2];
        const offset = (last?.offset ?? 0) + (last?.length ?? 0) + 1;
        sections.push({ id: 's3', kind: 'merge', mediaType: 'x/y', offset, length: 8, rawLength: 5, sha256: sha256('merge') });
      },
    });
    const newer = Buffer.concat([withExtra, extra, Buffer.from('\n')]);
    expect(await flatten(await decodeSession(newer))).toStrictEqual(await flatten(SESSION));
    const pointed = rewrite(newer, { state: (state) => setReference(state, 0, 's3') });
    expect((await refusal(pointed)).details).toEqual({
      part: 'state',
      pointer: '/storage/0/indexedDB/0/stores/0/records',
      rule: 'reference to a section of records',
    });
  });

  test.each(['3.0', '0.9', '10.1', '999999.0'])('another major is refused, and both versions are named: %s', async (version) => {
    const other = bytesOf(`{"psp":"${version}","everything":"else"}\n{}\n`);
    const error = await refusal(other);
    expect(error.code).toBe('BLOB_UNSUPPORTED_VERSION');
    expect(error.details).toEqual({ found: version, supported: '2.0' });
    expect(error.message).toContain(version);
    expect(error.message).toContain('2.0');
  });

  test.each(['1', '1.', '1.00', '01.0', 'x', '', '1.0.0'])('what is no version breaks the schema: %j', async (version) => {
    const blob = rewrite(await encodeSession(SESSION), {
      header: (header) => {
        header.psp = version;
      },
    });
    expect((await refusal(blob)).details).toMatchObject({ pointer: '/psp', rule: 'pattern' });
  });
});

/** Puts a member that 2.0 does not know into every object below `value`. */
function addEverywhere(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const inner of Object.values(value)) addEverywhere(inner);
  if (!Array.isArray(value)) Object.assign(value, { fromTheFuture: { at: [1, null] } });
}

/** Makes the `at`th store of the first database point to `id`. */
function setReference(state: State, at: number, id: string): void {
  const path = ['storage', 0, 'indexedDB', 0, 'stores', at, 'records'];
  const reference = path.reduce<unknown>((inner, name) => (inner as Record<string | number, unknown>)[name], state);
  Object.assign(reference as object, { $section: id });
}

describe('damage', () => {
  test.each<[string, string, string]>([
    ['nothing', '', 'BLOB_NOT_A_BLOB'],
    ['other JSON', '{"cookies":[]}', 'BLOB_NOT_A_BLOB'],
    ['a sealed blob', 'psp\u0001', 'BLOB_NOT_A_BLOB'],
    ['a byte order mark', '\ufeff{"psp":"1.0"}\n', 'BLOB_NOT_A_BLOB'],
    ['white space in front', ' {"psp":"1.0"}\n', 'BLOB_NOT_A_BLOB'],
    ['the first byte alone', '{', 'BLOB_TRUNCATED'],
    ['the first bytes alone', '{"psp":"', 'BLOB_TRUNCATED'],
    ['a header without end', '{"psp":"1.0"', 'BLOB_TRUNCATED'],
    ['a header that is no JSON', '{"psp":"1.0",}\n', 'BLOB_MALFORMED'],
    ['a header that is nothing else', '{"psp":"1.0"}\n', 'SESSION_INVALID'],
  ])('%s is refused', async (_name, text, code) => {
    expect((await refusal(bytesOf(text))).code).toBe(code);
  });

  test('a header or a state that is not UTF-8 is malformed', async () => {
    const blob = await encodeSession(SESSION);
    for (const text of ['Work', 'app.example']) {
      const broken = blob.slice();
      broken[Buffer.from(blob).indexOf(text)] = 0xff;
      expect((await refusal(broken)).code).toBe('BLOB_MALFORMED');
    }
    const { lines } = linesOf(blob);
    const state = Buffer.from((lines[1] ?? '').replace('app.example', 'app.ex\u0001mple').replace('\u0001', '\0'), 'latin1');
    state[state.indexOf(0)] = 0xff;
    const header = JSON.parse(lines[0] ?? '') as HeaderLine;
    header.state.sha256 = sha256(state);
    const rebuilt = Buffer.concat([bytesOf(`${JSON.stringify(header)}\n`), state, bytesOf(`\n${lines.slice(2).join('\n')}`)]);
    const error = await refusal(rebuilt);
    expect([error.code, error.message]).toEqual(['BLOB_MALFORMED', 'the state is not valid UTF-8']);
  });

  test('a cut is told from bytes that are too many', async () => {
    const blob = await encodeSession(SESSION);
    const cut = await refusal(blob.subarray(0, -1));
    expect([cut.code, cut.details]).toEqual(['BLOB_TRUNCATED', { expected: blob.length, found: blob.length - 1 }]);
    const long = await refusal(Buffer.concat([blob, bytesOf('\n')]));
    expect([long.code, long.details]).toEqual(['BLOB_MALFORMED', { expected: blob.length, found: blob.length + 1 }]);
  });

  test('lines that end elsewhere than the header says are malformed', async () => {
    const blob = await encodeSession(SESSION);
    const ends = [...blob.keys()].filter((at) => blob[at] === 0x0a).slice(1);
    expect(ends).toHaveLength(4);
    for (const at of ends) {
      const broken = blob.slice();
      broken[at] = 0x20;
      const error = await refusal(broken);
      expect([error.code, error.details]).toEqual(['BLOB_MALFORMED', { offset: at }]);
    }
  });

  test('Windows line ends are malformed', async () => {
    const blob = bytesOf(textOf(await encodeSession(SESSION)).replaceAll('\n', '\r\n'));
    expect((await refusal(blob)).code).toBe('BLOB_MALFORMED');
  });

  test('a state that does not have its hash is malformed', async () => {
    const blob = await encodeSession(SESSION);
    const broken = bytesOf(textOf(blob).replace('"secure":true', '"secure":null'));
    expect((await refusal(broken)).message).toBe('the state does not have the hash that the header states');
  });

  test.each<[string, (sections: HeaderLine['sections']) => void]>([
    ['ids out of order', ([first]) => Object.assign(first ?? {}, { id: 's1' })],
    ['a gap', (sections) => Object.assign(sections[1] ?? {}, { offset: (sections[1]?.offset ?? 0) + 1 })],
    ['an overlap', (sections) => Object.assign(sections[1] ?? {}, { offset: 0 })],
    ['a length that is not that of the bytes', ([first]) => Object.assign(first ?? {}, { rawLength: 1000 })],
    ['a length that is no multiple of four', ([first]) => Object.assign(first ?? {}, { length: 5 })],
    ['sections that changed places', (sections) => sections.reverse()],
  ])('sections that do not tile are malformed: %s', async (_name, change) => {
    const blob = rewrite(await encodeSession(SESSION), { header: ({ sections }) => void change(sections) });
    expect((await refusal(blob)).code).toBe('BLOB_MALFORMED');
  });

  test.each(['s3', 's99999999'])('a reference to a section that is not there is refused with its place: %s', async (id) => {
    const blob = rewrite(await encodeSession(SESSION), { state: (state) => setReference(state, 1, id) });
    const error = await refusal(blob);
    expect(error.code).toBe('SESSION_INVALID');
    expect(error.details['pointer']).toBe('/storage/0/indexedDB/0/stores/1/records');
  });

  test.each(['2026-02-29T00:00:00.000Z', '2026-04-31T00:00:00.000Z', '1969-12-31T23:59:59.999Z', '0000-01-01T00:00:00.000Z'])(
    'a day that the calendar does not have, or before 1970, is refused with its place: %s',
    async (time) => {
      const blob = await encodeSession(SESSION);
      const inHeader = await refusal(rewrite(blob, { header: (header) => Object.assign(header, { expiresAt: time }) }));
      expect([inHeader.code, inHeader.details['part'], inHeader.details['pointer']]).toEqual(['SESSION_INVALID', 'header', '/expiresAt']);
      const inState = await refusal(
        rewrite(blob, { state: (state) => Object.assign((state['cookies'] as object[])[1] ?? {}, { expiresAt: time }) }),
      );
      expect([inState.code, inState.details['part'], inState.details['pointer']]).toEqual([
        'SESSION_INVALID',
        'state',
        '/cookies/1/expiresAt',
      ]);
    },
  );

  test('29 February of a leap year is a day', async () => {
    const time = '2024-02-29T23:59:59.999Z';
    const blob = rewrite(await encodeSession(SESSION), { header: (header) => Object.assign(header, { expiresAt: time }) });
    expect((await decodeSession(blob)).expiresAt).toBe(Date.UTC(2024, 1, 29, 23, 59, 59, 999));
  });
});

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
      expect(textOf(blob.subarray(start, start + 12))).toBe(Buffer.from(`a-${SECRET}`).toString('base64'));
      blob.set(bytesOf(put), start + at);
      const [broken, whole] = sectionsOf(await decodeSession(blob)) as [Section, Section];
      const error = await failureOf(broken.bytes());
      expect(error.code).toBe('BLOB_SECTION_ENCODING');
      expect(error.details).toEqual({ section: 's0', offset, blobOffset: start + offset, reason });
      expect((error.cause as PspError).code).toBe(reason);
      expect(textOf(await whole.bytes())).toBe('shared');
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

describe('limits', () => {
  test('a header of 16 MiB without end is refused without being read', async () => {
    const blob = new Uint8Array(16 * 1024 * 1024 + 1).fill(0x20);
    blob.set(bytesOf('{"psp":"1.0"'));
    expect((await refusal(blob)).code).toBe('BLOB_LIMIT');
    expect((await refusal(blob.subarray(0, -1))).code).toBe('BLOB_TRUNCATED');
  });

  test('a state of more than 512 MiB is refused, and one of just that many bytes is not there', async () => {
    const blob = await encodeSession(SESSION);
    const claim = (length: number): Uint8Array => rewrite(blob, { header: (header) => Object.assign(header.state, { length }) });
    expect((await refusal(claim(512 * 1024 * 1024 + 1))).code).toBe('BLOB_LIMIT');
    expect((await refusal(claim(512 * 1024 * 1024))).code).toBe('BLOB_TRUNCATED');
  });

  test('lengths that add up beyond 2^53 are refused', async () => {
    const huge = {
      id: 's0',
      kind: 'records',
      mediaType: 'x',
      offset: 0,
      length: 2 ** 53 - 4,
      rawLength: (2 ** 53 - 4) * 0.75,
      sha256: sha256(''),
    };
    const blob = rewrite(await encodeSession(SESSION), {
      header: (header) => {
        header.sections = [huge];
      },
    });
    expect((await refusal(blob)).code).toBe('BLOB_TRUNCATED');
  });
});

describe('secrets', () => {
  test('no error that a blob can cause quotes what the blob holds, however deep one looks', async () => {
    const blob = await encodeSession(SESSION);
    const errors: PspError[] = [];
    // Every place: a byte that breaks JSON, Base64 or a hash.
    for (let at = 0; at < blob.length; at += 3) {
      const broken = blob.slice();
      broken[at] = 0x22;
      try {
        for (const one of sectionsOf(await decodeSession(broken))) await one.bytes();
      } catch (error) {
        errors.push(error as PspError);
      }
    }
    // A state that has its hash, but breaks off within a secret, or breaks the schema next to one.
    for (const change of [`"${SECRET}`, `"${SECRET}"`, `{"${SECRET}":"${SECRET}"}`]) {
      const { header, lines } = linesOf(blob);
      header.state = { length: Buffer.byteLength(change), sha256: sha256(change) };
      errors.push(await refusal(bytesOf([JSON.stringify(header), change, ...lines.slice(2)].join('\n'))));
    }
    for (const part of ['cookies', 'storage', 'tabs']) {
      errors.push(
        await refusal(
          rewrite(blob, {
            state: (state) => Object.assign((state[part] as object[])[0] ?? {}, { name: { [SECRET]: SECRET }, key: SECRET, id: [SECRET] }),
          }),
        ),
      );
    }
    expect(errors.length).toBeGreaterThan(300);
    for (const error of errors) {
      expect(error).toBeInstanceOf(PspError);
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET);
      expect(JSON.stringify([error.message, error.stack, error.details])).not.toContain(SECRET);
    }
  });
});

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
