/** The text blob against `ts/blob/layout.md`: round trips of any session, the framing read by an independent reader, versions. fast-check prints the
 * seed of what fails. Damage: `damage.test.ts`. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { PspError } from '../../ts/errors.ts';
import { RECORDS_MEDIA_TYPE } from '../../ts/session/clone/records.ts';
import { type ObjectStore, type Section, type Session, section } from '../../ts/session/session.ts';
import { session as anySession, flatten } from '../session/arbitrary.ts';
import { bytesOf, failureOf, sha256, textFrom } from './fixture.ts';
import { COOKIE, KEY, linesOf, refusal, rewrite, SECRET, SESSION, sectionsOf, setReference, store } from './text-fixture.ts';

/** Puts a member that 2.0 does not know into every object below `value`. */
function addEverywhere(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const inner of Object.values(value)) addEverywhere(inner);
  if (!Array.isArray(value)) Object.assign(value, { fromTheFuture: { at: [1, null] } });
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
    expect(textFrom(blob).startsWith('{"psp":"2.0"')).toBe(true);
    expect(blob.at(-1)).toBe(0x0a);
    expect(lines).toHaveLength(2 + 3 + 1);
    expect(lines.at(-1)).toBe('');
    expect(textFrom(blob)).not.toContain('\r');
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
          const raw = Buffer.from(textFrom(line), 'base64');
          expect(raw.toString('base64')).toBe(textFrom(line));
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
    expect(textFrom(blob).match(/\{"\$section":"s\d"\}/g)).toEqual([
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
    expect(textFrom(newer).startsWith('{"psp":"2.9"')).toBe(true);
    const decoded = await decodeSession(newer);
    expect(decoded).toMatchObject(
      JSON.parse(JSON.stringify({ ...SESSION, storage: [{ key: KEY, localStorage: SESSION.storage[0]?.localStorage }] })),
    );
    expect(await Promise.all(sectionsOf(decoded).map(async (one) => textFrom(await one.bytes())))).toEqual([
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
