/** Sealed fields as a writer and a reviewer meet them: what comes back, what can be read, and what changes when something changes. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { textSection } from '../../ts/blob/section.ts';
import { generateKey } from '../../ts/envelope/envelope.ts';
import type { Section, Session, StorageItem } from '../../ts/session/session.ts';
import { section, TEXT_MEDIA_TYPE, textOf } from '../../ts/session/session.ts';
import { toFields } from '../../ts/store/field-document.ts';
import { openFields, sealFields } from '../../ts/store/field-file.ts';
import { compareFields, peekFields } from '../../ts/store/field-peek.ts';
import { bytesOf, FULL_SESSION, resolve } from '../blob/fixture.ts';
import { codeOf, failureOf } from '../envelope/fixture.ts';
import { session as anySession } from '../session/arbitrary.ts';
import { CONTEXT, cookieOf, edited, KEY, linesOf, reauthenticated, SMALL, textOfFile } from './field-fixture.ts';

const seal = (session: Session, previous?: Uint8Array): Promise<Uint8Array<ArrayBuffer>> =>
  sealFields(session, KEY, CONTEXT, previous === undefined ? {} : { previous });

/** Sealed values by place. */
const fieldsOf = (file: Uint8Array): ReadonlyMap<string, string> => peekFields(file).unverified.fields;

/** What a session has at its places, in hex. */
async function contentsOf(session: Session): Promise<Map<string, string>> {
  const contents = new Map<string, string>();
  const { leaves } = toFields(session);
  for (const { place, content } of leaves) contents.set(place, Buffer.from(await content()).toString('hex'));
  // No two values share a place.
  expect(contents.size).toBe(leaves.length);
  return contents;
}

/** A value of several chunks of anything, as text and as a section. */
const BIG = 'größe \ud800 "\\'.repeat(20_000);
const bigger = (session: Session): Session => ({
  ...session,
  cookies: [...session.cookies, cookieOf('big-cookie', 'x'.repeat(100_000))],
  tabs: session.tabs.map((tab) => ({ ...tab, windowName: BIG })),
  mergeState: section(new Uint8Array(300_000).fill(7), 'application/vnd.psp.merge'),
});

describe('a round trip', () => {
  it('gives any session back, and its file is valid JSON of one object', async () => {
    await fc.assert(
      fc.asyncProperty(anySession, fc.constantFrom(1, 16, 1000), async (session, padTo) => {
        const file = await sealFields(session, KEY, CONTEXT, { padTo });
        expect(Object.keys(JSON.parse(textOfFile(file)))).toEqual(['pspf', 'session', 'state', 'manifest']);
        expect(await resolve(await openFields(file, KEY, CONTEXT))).toEqual(await resolve(session));
      }),
      { numRuns: 150 },
    );
  });

  it('gives big values and sections back', async () => {
    await fc.assert(
      fc.asyncProperty(anySession, async (session) => {
        const big = bigger(session);
        expect(await resolve(await openFields(await seal(big), KEY, CONTEXT))).toEqual(await resolve(big));
      }),
      { numRuns: 10 },
    );
  });

  it('gives back members that are not known, sealed with whatever they hold', async () => {
    const strange = section(bytesOf('section of a later version'), 'application/x-later');
    const later = {
      ...SMALL,
      $header: { device: 'a later secret', list: [1, { deep: 'another later secret' }], nothing: null },
      cookies: [{ ...SMALL.cookies[0]!, later: { $sealed: 'looks like ours', $other: [true, strange] } }],
    } as unknown as Session;
    const file = await seal(later);
    for (const hidden of ['a later secret', 'another later secret', 'looks like ours', 'section of']) {
      expect(textOfFile(file)).not.toContain(hidden);
    }
    expect(textOfFile(file)).toContain('"device":{"$sealed":');
    const opened = await openFields(file, KEY, CONTEXT);
    expect(JSON.parse(JSON.stringify(await resolve(opened)))).toEqual(JSON.parse(JSON.stringify(await resolve(later))));
  });

  it('takes a session whose entries share an identity, and keeps their order', async () => {
    const headers = ['a=1', 'b=2', 'a=1'].map((value) => ['set-cookie', value] as const);
    const entry = FULL_SESSION.storage[0]!.caches![0]!.entries[0]!;
    const twins: Session = {
      ...SMALL,
      cookies: [cookieOf('sid', 'one'), cookieOf('sid', 'two'), cookieOf('sid', 'three')],
      storage: [{ ...SMALL.storage[0]!, caches: [{ name: 'v1', entries: [{ ...entry, responseHeaders: headers }, entry, entry] }] }],
    };
    // Cookies, items, URLs and bodies and request headers of the entries, response headers, the tab.
    expect((await contentsOf(twins)).size).toBe(3 + 2 + 3 * 3 + (3 + 1 + 1) + 1);
    expect(await resolve(await openFields(await seal(twins), KEY, CONTEXT))).toEqual(await resolve(twins));
  });

  it('refuses what the schema refuses before it asks for any content', async () => {
    const broken = { ...SMALL, revision: -1 };
    await expect(seal(broken)).rejects.toMatchObject({ code: 'SESSION_INVALID', details: { pointer: '/revision' } });
  });
});

describe('sealed again over its previous text, a file', () => {
  it('is the same to the byte when nothing changed', async () => {
    const file = await seal(FULL_SESSION);
    expect(Buffer.from(await seal(FULL_SESSION, file)).equals(file)).toBe(true);
    expect(Buffer.from(await seal(FULL_SESSION)).equals(file)).toBe(false);
  });

  it('keeps each value that did not change, changes each that did, and repeats no salt', async () => {
    await fc.assert(
      fc.asyncProperty(anySession, anySession, fc.boolean(), async (one, two, related) => {
        const other = related ? { ...one, cookies: two.cookies, tabs: two.tabs } : two;
        const [before, after] = [await contentsOf(one), await contentsOf(other)];
        const first = await seal(one);
        const second = await seal(other, first);
        const [old, now] = [fieldsOf(first), fieldsOf(second)];
        expect([...now.keys()]).toEqual([...after.keys()]);
        for (const [place, sealed] of now) expect(sealed === old.get(place)).toBe(after.get(place) === before.get(place));
        const salts = [...now.values()].map((sealed) => sealed.slice(0, 32));
        expect(new Set(salts).size).toBe(salts.length);
        expect(await resolve(await openFields(second, KEY, CONTEXT))).toEqual(await resolve(other));
      }),
      { numRuns: 60 },
    );
  });

  it('does not show that a value became what it was before', async () => {
    const other = { ...SMALL, cookies: [cookieOf('sid', 'changed'), SMALL.cookies[1]!] };
    const first = await seal(SMALL);
    const third = await seal(SMALL, await seal(other, first));
    expect(compareFields(first, third).unverified.map(({ change }) => change)).toEqual(['changed']);
  });

  it('seals a value anew when its padding changes', async () => {
    const first = await seal(SMALL);
    const padded = await sealFields(SMALL, KEY, CONTEXT, { previous: first, padTo: 64 });
    expect(compareFields(first, padded).unverified).toHaveLength(fieldsOf(first).size);
    expect(Buffer.from(await sealFields(SMALL, KEY, CONTEXT, { previous: padded, padTo: 64 })).equals(padded)).toBe(true);
  });

  it('is not built on a previous text that is changed, of another context, or of other keys', async () => {
    const first = await seal(SMALL);
    const tampered = Uint8Array.from(first);
    tampered[tampered.indexOf(0x64, 300)]! ^= 1;
    await expect(seal(SMALL, tampered)).rejects.toMatchObject({ code: 'ENVELOPE_TAMPERED' });
    await expect(sealFields(SMALL, KEY, {}, { previous: first })).rejects.toMatchObject({ code: 'ENVELOPE_CONTEXT' });
    await expect(sealFields(SMALL, generateKey('other'), CONTEXT, { previous: first })).rejects.toMatchObject({ code: 'KEY_UNKNOWN' });
  });
});

describe('minRevision', () => {
  it('refuses a file of a lower revision, though all of it is authentic, and takes no revision but an integer', async () => {
    const file = await seal({ ...SMALL, revision: 7 });
    for (const minRevision of [0, 6, 7]) {
      expect((await openFields(file, KEY, CONTEXT, { minRevision })).revision).toBe(7);
    }
    const error = await failureOf(() => openFields(file, KEY, CONTEXT, { minRevision: 8 }));
    expect([error.code, error.details]).toEqual(['ENVELOPE_ROLLBACK', { minRevision: 8, revision: 7 }]);
    for (const minRevision of [-1, 0.5, Number.NaN, 2 ** 53]) {
      await expect(openFields(file, KEY, CONTEXT, { minRevision })).rejects.toThrow(RangeError);
    }
  });

  it('tells an older version of a file from the newer one that it is put in the place of', async () => {
    const older = await seal(SMALL);
    const newer = await seal({ ...SMALL, revision: 2, cookies: [cookieOf('sid', 'renewed')] }, older);
    expect((await openFields(older, KEY, CONTEXT)).revision).toBe(1);
    expect(await codeOf(() => openFields(older, KEY, CONTEXT, { minRevision: 2 }))).toBe('ENVELOPE_ROLLBACK');
    expect((await openFields(newer, KEY, CONTEXT, { minRevision: 2 })).cookies).toHaveLength(1);
  });

  it('is asked last: a changed file is tampered, whatever revision it claims', async () => {
    const claims = edited(await seal(SMALL), (text) => text.replace('"revision":1', '"revision":9'));
    expect(await codeOf(() => openFields(claims, KEY, CONTEXT, { minRevision: 5 }))).toBe('ENVELOPE_TAMPERED');
    const older = await seal(SMALL);
    expect(await codeOf(() => openFields(older, KEY, {}, { minRevision: 5 }))).toBe('ENVELOPE_CONTEXT');
    const broken = await reauthenticated(older, (lines) => lines.replace('"httpOnly":true', '"httpOnly":"yes"'));
    expect(await codeOf(() => openFields(broken, KEY, CONTEXT, { minRevision: 5 }))).toBe('SESSION_INVALID');
  });
});

describe('a text', () => {
  const item = (value: StorageItem[1]): Session => ({ ...SMALL, storage: [{ ...SMALL.storage[0]!, localStorage: [['state', value]] }] });

  it.each([0, 1, 16_383, 16_384, 50_000])('of %i units is the same value as a string and as a section', async (length) => {
    const text = 'größe \ud800"'.repeat(length).slice(0, length);
    const file = await seal(item(text));
    expect(Buffer.from(await seal(item(textSection(text)), file)).equals(file)).toBe(true);
    const [, value] = (await openFields(file, KEY, CONTEXT)).storage[0]!.localStorage[0]!;
    expect(typeof value).toBe(length < 16_384 ? 'string' : 'object');
    expect(await textOf(value)).toBe(text);
  });

  it('in a section of odd length stays the section that it is', async () => {
    const odd = section(Uint8Array.of(1, 2, 3), TEXT_MEDIA_TYPE);
    expect(await resolve({ ...SMALL, mergeState: odd })).toEqual(
      await resolve(await openFields(await seal({ ...SMALL, mergeState: odd }), KEY, CONTEXT)),
    );
    const opened = await openFields(await seal(item(odd)), KEY, CONTEXT);
    expect(opened.storage[0]!.localStorage[0]![1]).toMatchObject({ length: 3, mediaType: TEXT_MEDIA_TYPE });
  });
});

describe('equal values', () => {
  it('never look equal: not in two places, not in two files, not for two secrets of one entry', async () => {
    const same = 'same-value';
    const session: Session = {
      ...SMALL,
      cookies: ['a', 'b', 'c'].map((name) => cookieOf(name, same)),
      storage: SMALL.storage.map((storage) => ({
        ...storage,
        localStorage: [
          ['a', same],
          ['b', same],
        ] as StorageItem[],
      })),
      tabs: [{ id: 't', url: '', windowName: same, sessionStorage: [{ key: SMALL.storage[0]!.key, items: [['a', same]] }] }],
    };
    const sealed = [...fieldsOf(await seal(session)).values(), ...fieldsOf(await seal(session)).values()];
    expect(sealed).toHaveLength(16);
    const tails = sealed.map((text) => Buffer.from(text, 'base64').subarray(24, 33).toString('hex'));
    expect(new Set(tails).size).toBe(tails.length);
  });
});

describe('padding', () => {
  const lengths = async (padTo?: number): Promise<number[]> => {
    const cookies = ['', 'a', '0123456789', '0123456789abc', '0123456789abcd'].map((value, i) => cookieOf(`c${i}`, value));
    const file = await sealFields({ ...SMALL, cookies }, KEY, CONTEXT, padTo === undefined ? {} : { padTo });
    return [...fieldsOf(file).values()].slice(0, cookies.length).map((text) => Buffer.from(text, 'base64').length - 40);
  };

  it('is off by default: a length shows, plus the two quotes and the byte that ends the value', async () => {
    expect(await lengths()).toEqual([3, 4, 13, 16, 17]);
  });

  it('hides lengths up to the next step', async () => {
    expect(await lengths(16)).toEqual([16, 16, 16, 16, 32]);
    expect(await lengths(65_536)).toEqual(Array(5).fill(65_536));
  });

  it.each([0, -1, 1.5, 65_537, Number.NaN, '16'])('cannot be %s', async (padTo) => {
    await expect(sealFields(SMALL, KEY, CONTEXT, { padTo: padTo as number })).rejects.toThrow(RangeError);
  });
});

describe('without a key', () => {
  it('a file tells its keys, names and values that changed, and says that it is unverified', async () => {
    const first = await sealFields(SMALL, [KEY, generateKey('second')], CONTEXT);
    const { fileId, wraps, fields, session, state } = peekFields(first).unverified;
    expect(fileId).toMatch(/^[0-9a-f]{32}$/);
    expect(wraps).toEqual([
      { type: 1, kid: 'work' },
      { type: 1, kid: 'second' },
    ]);
    expect(session).toMatchObject({ id: 'small', revision: 1 });
    expect(state).toMatchObject({ cookies: [{ name: 'sid', expiresAt: '2026-01-01T00:00:00.000Z' }, { name: 'csrf' }] });
    expect([...fields.keys()].map((place) => JSON.parse(place).at(-1))).toEqual(['value', 'value', 1, 1, 'url']);

    const other = {
      ...SMALL,
      cookies: [SMALL.cookies[0]!, cookieOf('new', 'x')],
      tabs: [{ ...SMALL.tabs[0]!, url: 'https://app.example/' }],
    };
    const second = await sealFields(other, KEY, CONTEXT, { previous: first });
    expect(compareFields(first, second).unverified.map(({ place, change }) => [JSON.parse(place)[2], change])).toEqual([
      ['[null,"app.example",true,"/","csrf"]', 'removed'],
      ['t1', 'changed'],
      ['[null,"app.example",true,"/","new"]', 'added'],
    ]);
    expect(compareFields(second, second).unverified).toEqual([]);
  });
});

describe('a difference between two texts', () => {
  const storage = FULL_SESSION.storage;
  const first = storage[0]!;
  const store = first.indexedDB[0]!.stores[0]!;
  const records = section(bytesOf('other records'), (store.records as Section).mediaType);
  const withFirst = (more: Partial<typeof first>): Session => ({ ...FULL_SESSION, storage: [{ ...first, ...more }, ...storage.slice(1)] });
  const [sid, theme] = FULL_SESSION.cookies as [(typeof FULL_SESSION.cookies)[0], (typeof FULL_SESSION.cookies)[0]];

  it.each<[string, Session, RegExp]>([
    ['a cookie value', { ...FULL_SESSION, cookies: [{ ...sid, value: 'x' }, theme] }, /"name":"__Host-sid"/],
    ['an expiry', { ...FULL_SESSION, cookies: [{ ...sid, expiresAt: 0 }, theme] }, /"name":"__Host-sid"/],
    ['an item', withFirst({ localStorage: first.localStorage.map(([name, value]) => [name, name === 'empty' ? 'x' : value]) }), /"empty"/],
    ['records', withFirst({ indexedDB: [{ ...first.indexedDB[0]!, stores: [{ ...store, records }] }] }), /"records":/],
    [
      'a file',
      withFirst({ files: first.files!.map((file) => (file.path === 'empty' ? { ...file, body: records } : file)) }),
      /"path":"empty"/,
    ],
    ['a private key', { ...FULL_SESSION, credentials: [{ ...FULL_SESSION.credentials![0]!, privateKey: records }] }, /"privateKey":/],
    ['the revision', { ...FULL_SESSION, revision: 4 }, /"revision":4/],
    ['the merge state', { ...FULL_SESSION, mergeState: records }, /"mergeState":/],
  ])('is one line and the manifest when %s changes', async (_, changed, line) => {
    const file = await seal(FULL_SESSION);
    const [before, after] = [linesOf(file), linesOf(await seal(changed, file))];
    expect(after).toHaveLength(before.length);
    const different = after.filter((text, i) => text !== before[i]);
    expect(different).toHaveLength(2);
    expect(different[0]).toMatch(line);
    expect(different[1]).toMatch(/^"manifest":/);
  });

  it('is one new line and the manifest when an entry comes in between, and the same back when it goes', async () => {
    const file = await seal(FULL_SESSION);
    const more = { ...FULL_SESSION, cookies: [sid, cookieOf('new', 'x'), theme] };
    const grown = await seal(more, file);
    const [before, after] = [linesOf(file), linesOf(grown)];
    const added = after.filter((text) => !before.includes(text));
    expect(added).toHaveLength(2);
    expect(added[0]).toMatch(/"name":"new"/);
    expect(after).toHaveLength(before.length + 1);
    // Nothing of it is random, so the manifest is as it was, too.
    expect(linesOf(await seal(FULL_SESSION, grown))).toEqual(before);
  });
});
