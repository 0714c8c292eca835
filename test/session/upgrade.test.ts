/** Versions of the session document: the laws of the steps, what is parked and reported, what is refused, and the golden documents. */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import { type Cookie, SCHEMA_VERSION, type Session, section, TEXT_MEDIA_TYPE } from '../../ts/session/session.ts';
import { compareVersions, findPath, readAs } from '../../ts/session/upgrade/path.ts';
import type { Step } from '../../ts/session/upgrade/step.ts';
import {
  documentsFor,
  downgradeDocuments,
  downgradeSession,
  isLossy,
  type JsonObject,
  type SessionDocuments,
  type TextReader,
  textReader,
  upgradeDocuments,
  upgradeSession,
  VERSIONS,
  type VersionLoss,
} from '../../ts/session/upgrade.ts';
import { canonical, documents1, documents2, faultsOf, readText } from './upgrade-arbitrary.ts';

const SECRET = 'hunter2';

const up = async ({ header, state }: SessionDocuments, texts: TextReader = readText) => documentsFor('2.0', header, state, texts);
const down = async ({ header, state }: SessionDocuments, texts: TextReader = readText) => documentsFor('1.0', header, state, texts);

test('the newest version is the one that the code writes', () => {
  expect(VERSIONS).toEqual(['1.0', '2.0']);
  expect(VERSIONS.at(-1)).toBe(SCHEMA_VERSION);
});

describe('laws (numbers of step.ts)', () => {
  test('the generators make valid documents', () => {
    fc.assert(fc.property(documents1, (one) => faultsOf('1.0', one).length === 0));
    fc.assert(fc.property(documents2, (two) => faultsOf('2.0', two).length === 0));
  });

  test('1: up, then down, is the identity on any document of version 1.0', async () => {
    await fc.assert(
      fc.asyncProperty(documents1, async (one) => {
        expect(canonical((await down((await up(one)).documents)).documents)).toBe(canonical(one));
      }),
      { numRuns: 400 },
    );
  });

  test('1: down, then up, is the identity on any document of version 2.0', async () => {
    await fc.assert(
      fc.asyncProperty(documents2, async (two) => {
        expect(canonical((await up((await down(two)).documents)).documents)).toBe(canonical(two));
      }),
      { numRuns: 400 },
    );
  });

  test('1: also where both versions have something parked', async () => {
    await fc.assert(
      fc.asyncProperty(documents1, async (one) => {
        const { header, state } = (await up(one)).documents;
        const cookies = (state['cookies'] as JsonObject[]).map((cookie) => ({ ...cookie, createdAt: '2026-01-01T00:00:00.000Z' }));
        const two = { header: { ...header, tags: ['added'] }, state: { ...state, cookies, mergeState: { $section: 's3' } } };
        expect(canonical((await up((await down(two)).documents)).documents)).toBe(canonical(two));
      }),
    );
  });

  test('2: what comes out is accepted by the schema of its version', async () => {
    await fc.assert(
      fc.asyncProperty(documents1, async (one) => faultsOf('2.0', (await up(one)).documents).length === 0),
      { numRuns: 400 },
    );
    await fc.assert(
      fc.asyncProperty(documents2, async (two) => faultsOf('1.0', (await down(two)).documents).length === 0),
      { numRuns: 400 },
    );
  });

  test('the documents that come in are not written to, and losses point into them', async () => {
    await fc.assert(
      fc.asyncProperty(documents2, async (two) => {
        const { losses } = await down(freeze(two));
        for (const { pointer } of losses) expect(lookUp(two, pointer), pointer).not.toBeUndefined();
      }),
    );
    await fc.assert(
      fc.asyncProperty(documents1, async (one) => {
        const { losses } = await up(freeze(one));
        for (const { pointer } of losses) expect(lookUp(one, pointer), pointer).not.toBeUndefined();
      }),
    );
  });

  test('3: a document that has nothing of the other version is converted without a loss', async () => {
    const { documents, losses } = await up(minimal('1.0'));
    expect(losses).toEqual([]);
    expect(documents).toEqual(minimal('2.0'));
    expect(await down(minimal('2.0'))).toMatchObject({ documents: minimal('1.0'), losses: [] });
  });
});

describe('down', () => {
  test('each thing that 1.0 cannot hold is parked where it was, and reported once with its severity', async () => {
    const { documents, losses } = await down(rich(), richText);
    expect(losses.map(({ pointer, severity }) => `${severity} ${pointer}`).sort()).toEqual([
      'defaulted /state/cookies/0/createdAt',
      'defaulted /state/coverage/permissions',
      'defaulted /state/coverage/storage/0',
      'dropped /header/tags',
      'dropped /state/mergeState',
      'dropped /state/permissions',
      'dropped /state/storage/0',
      'dropped /state/storage/1/caches',
      'dropped /state/tabs/0/windowName',
      'dropped /state/ttl',
      'lossless /header/sections/1/where',
      'lossless /state/credentials',
      'lossless /state/storage/1/localStorage/0/1',
      'lossless /state/storage/1/serviceWorkers',
    ]);
    expect(faultsOf('1.0', documents)).toEqual([]);
    expect(documents.header).toMatchObject({ psp: '1.0', 'x-psp-parked': { '2.0': { members: { tags: [SECRET] } } } });
    expect(documents.state['storage']).toMatchObject([
      { localStorage: [['k', '\ud800 text']], 'x-psp-parked': { '2.0': { texts: [[0, { $section: 's1' }]] } } },
    ]);
  });

  test('a storage key with a bucket does not become the default bucket', async () => {
    const { state } = (await down(rich(), richText)).documents;
    expect(state['storage']).toHaveLength(1);
    expect(state['x-psp-parked']).toMatchObject({ '2.0': { entries: { storage: [[0, { key: { bucket: 'inbox' } }]] } } });
  });

  test('an entry that a 1.0 program adds stays, and so does a text that it changes', async () => {
    const { header, state } = (await down(rich(), richText)).documents;
    const [first] = state['storage'] as [JsonObject];
    const other = { key: { origin: 'https://other.example', topLevelSite: null }, localStorage: [], indexedDB: [] };
    const edited = { ...state, storage: [{ ...first, localStorage: [['k', 'edited']] }, other] };
    const { documents } = await up({ header, state: edited });
    expect(documents.state['storage']).toMatchObject([{ key: { bucket: 'inbox' } }, { localStorage: [['k', 'edited']] }, other]);
    expect(JSON.stringify(documents)).not.toContain('x-psp-parked');
  });

  test.each([
    ['codec', 'gzip'],
    ['where', 'external'],
  ])('a section with %s %s is refused', async (name, value) => {
    const { header, state } = rich();
    const sections = [{ ...(header['sections'] as JsonObject[])[0], [name]: value }];
    await expect(down({ header: { ...header, sections }, state })).rejects.toMatchObject({
      code: 'SESSION_INVALID',
      details: { part: 'header', pointer: `/sections/0/${name}` },
    });
  });

  test('a value in a section that holds no text is refused at its place', async () => {
    await expect(down(rich(), async () => null)).rejects.toMatchObject({
      code: 'SESSION_INVALID',
      details: { pointer: '/storage/1/localStorage/0/1' },
    });
  });

  test('lossy steps are refused, unless they are allowed or tried only', async () => {
    const refused = await downgradeDocuments(rich(), { to: '1.0', readText: richText }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(PspError);
    expect(refused).toMatchObject({ code: 'SESSION_LOSSY', details: { from: '2.0', to: '1.0', losses: 7, pointer: '/header/tags' } });
    expect(String(refused)).not.toContain(SECRET);
    const trial = await downgradeDocuments(rich(), { to: '1.0', readText: richText, dryRun: true });
    const allowed = await downgradeDocuments(rich(), { to: '1.0', readText: richText, allowLoss: true });
    expect(trial).toEqual({ ...allowed, documents: null });
    expect(await downgradeDocuments(minimal('2.0'), { to: '1.0' })).toMatchObject({ documents: minimal('1.0') });
  });
});

describe('up', () => {
  const bad: [string, Partial<Cookie>][] = [
    ['name', { name: 'a=b' }],
    ['value', { value: 'a;b\r\n' }],
    ['domain', { domain: '' }],
    ['path', { path: '/a;b' }],
    ['partition', { partitionKey: { topLevelSite: 'opaque', hasCrossSiteAncestor: false } }],
  ];
  test.each(bad)('a cookie whose %s the newer version refuses is reported and parked, and comes back', async (_, odd) => {
    const one = withState('1.0', { cookies: [cookie(), { ...cookie(), ...odd }, cookie()] });
    const { documents, losses } = await up(one);
    expect(losses).toMatchObject([{ pointer: '/state/cookies/1', severity: 'dropped' }]);
    expect(faultsOf('2.0', documents)).toEqual([]);
    expect(documents.state['cookies']).toHaveLength(2);
    expect((await down(documents)).documents).toEqual(one);
  });

  test('an unknown member with a name of 2.0 does not get its meaning', async () => {
    const one = withState('1.0', { ttl: 'mine', mergeState: 5, cookies: [{ ...cookie(), createdAt: [] }] });
    const { documents, losses } = await up(one);
    expect(losses.map(({ severity }) => severity)).toEqual(['lossless', 'lossless', 'lossless']);
    expect(faultsOf('2.0', documents)).toEqual([]);
    expect((await down(documents)).documents).toEqual(one);
  });

  test('what cannot be parked is left for the schema of 2.0 to refuse', async () => {
    const { header, state } = minimal('1.0');
    const { documents, losses } = await up({ header: { ...header, id: '0-0-0-0-0' }, state });
    expect(losses).toEqual([]);
    expect(faultsOf('2.0', documents)).toEqual(['/header/id pattern']);
  });

  test('does not refuse a loss, and gives nothing on a dry run', async () => {
    const one = withState('1.0', { cookies: [{ ...cookie(), name: ';' }] });
    expect((await upgradeDocuments(one)).documents?.header['psp']).toBe('2.0');
    const { documents, losses } = await upgradeDocuments(one, { dryRun: true });
    expect(documents).toBeNull();
    expect(losses.some(isLossy)).toBe(true);
  });

  test.each<[string, unknown]>([
    ['no object', 5],
    ['a slot of the version of the document', { '1.0': { members: {} } }],
    ['a member that the version does not have', { '2.0': { members: { cookies: [] } } }],
    ['a prototype', { '2.0': { members: JSON.parse('{"__proto__": {}}') } }],
    ['an entry of no list', { '2.0': { entries: { ttl: [] } } }],
    [
      'entries out of order',
      {
        '2.0': {
          entries: {
            cookies: [
              [1, 0],
              [0, 0],
            ],
          },
        },
      },
    ],
    ['an index below zero', { '2.0': { entries: { cookies: [[-1, 0]] } } }],
    ['texts where none are', { '2.0': { texts: [[0, { $section: 's0' }]] } }],
    ['another kind', { '2.0': { rest: [] } }],
  ])('parked members of another form are refused: %s', async (_, parked) => {
    await expect(up(withState('1.0', { 'x-psp-parked': parked }))).rejects.toMatchObject({
      code: 'SESSION_INVALID',
      details: { part: 'state', pointer: '/x-psp-parked' },
    });
  });

  test('a parked version of another major is refused', async () => {
    const { header, state } = minimal('1.0');
    const parked = { 'x-psp-parked': { '2.0': { members: { psp: '3.0' } } } };
    await expect(up({ header: { ...header, ...parked }, state })).rejects.toMatchObject({ code: 'SESSION_INVALID' });
  });

  test('what is no document is left for the schema, or refused: never a TypeError', async () => {
    const part = fc.oneof(fc.jsonValue(), fc.record({ psp: fc.constant('1.0'), cookies: fc.jsonValue(), tabs: fc.jsonValue() }));
    await fc.assert(
      fc.asyncProperty(part, part, fc.constantFrom('1.0', '2.0'), async (header, state, version) => {
        await documentsFor(version, header, state).catch((error: unknown) => expect(error).toBeInstanceOf(PspError));
      }),
    );
  });
});

describe('versions', () => {
  test('an unsupported major is refused with both versions named', async () => {
    const { header, state } = minimal('2.0');
    const error = await up({ header: { ...header, psp: '3.1' }, state }).catch((one: unknown) => one);
    expect(error).toMatchObject({ code: 'SESSION_UNSUPPORTED_VERSION', details: { found: '3.1', supported: '1.0, 2.0' } });
    expect(String(error)).toMatch(/3\.1.*1\.0, 2\.0/);
    await expect(downgradeDocuments(minimal('2.0'), { to: '1.7' })).rejects.toMatchObject({
      code: 'SESSION_UNSUPPORTED_VERSION',
      details: { found: '1.7' },
    });
  });

  test.each([undefined, 2, '2', '02.0', '2.0.0', SECRET])('what is no version is refused without being quoted: %s', (psp) => {
    expect(() => readAs(psp, VERSIONS)).toThrow(expect.objectContaining({ code: 'SESSION_INVALID' }));
    expect(() => readAs(psp, VERSIONS)).not.toThrow(SECRET);
  });

  test('a newer minor version is read as the newest known one, and gets its number back', async () => {
    const { header, state } = minimal('2.0');
    const newer = { header: { ...header, psp: '2.3', 'new-in-2.3': [1] }, state };
    expect((await up(newer)).documents).toEqual(newer);
    const older = await down(newer);
    expect(older).toMatchObject({ from: '2.0', to: '1.0', documents: { header: { psp: '1.0', 'new-in-2.3': [1] } } });
    expect(Object.keys(older.documents.header)[0]).toBe('psp');
    expect((await up(older.documents)).documents).toEqual(newer);
  });

  test('the wrong direction is a mistake of the caller', async () => {
    await expect(upgradeDocuments(minimal('2.0'), { to: '1.0' })).rejects.toThrow(RangeError);
    await expect(downgradeDocuments(minimal('1.0'), { to: '2.0' })).rejects.toThrow(RangeError);
  });

  test('the way over several steps is the shortest', () => {
    const step = (from: string, to: string): Step => ({ from, to, up: async (one) => one, down: async (one) => one });
    const steps = [step('1.0', '2.0'), step('2.0', '3.0'), step('3.0', '3.1'), step('1.0', '3.0')];
    const legs = (from: string, to: string) =>
      findPath(steps, from, to)?.map(({ step: one, way }) => `${way} ${one.from} ${one.to}`) ?? null;
    expect(legs('1.0', '3.1')).toEqual(['up 1.0 3.0', 'up 3.0 3.1']);
    expect(legs('3.1', '2.0')).toEqual(['down 3.0 3.1', 'down 2.0 3.0']);
    expect(legs('2.0', '2.0')).toEqual([]);
    expect(legs('2.0', '4.0')).toBeNull();
    expect(['10.0', '2.10', '2.9'].sort(compareVersions)).toEqual(['2.9', '2.10', '10.0']);
  });
});

describe('a Session', () => {
  const long = '\ud800 long';
  const asUnits = (value: string) => section(new Uint8Array(Buffer.from(value, 'utf16le')), TEXT_MEDIA_TYPE);
  const session: Session = {
    id: 'an id',
    incarnation: '1',
    revision: 0,
    tags: [SECRET],
    createdAt: 0,
    updatedAt: 0,
    source: { tool: 'cdp' },
    coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
    cookies: [],
    storage: [{ key: { origin: 'https://app.example', topLevelSite: null }, localStorage: [['k', asUnits(long)]], indexedDB: [] }],
    tabs: [],
    mergeState: section(Uint8Array.of(1, 2), 'application/octet-stream'),
  };

  test('goes down with pointers of its own, and comes up as it was', async () => {
    await expect(downgradeSession(session, { to: '1.0' })).rejects.toMatchObject({ code: 'SESSION_LOSSY', details: { pointer: '/tags' } });
    const { session: old, losses } = await downgradeSession(session, { to: '1.0', allowLoss: true });
    expect(losses.map(({ pointer }) => pointer).sort()).toEqual(['/mergeState', '/storage/0/localStorage/0/1', '/tags']);
    expect(old?.documents.state['storage']).toMatchObject([{ localStorage: [['k', long]] }]);
    const { session: again, losses: none } = await upgradeSession(old!);
    expect(none).toEqual([]);
    expect(again).toEqual(session);
    expect(again?.mergeState).toBe(session.mergeState);
    expect((await downgradeSession(session, { to: '1.0', dryRun: true })).session).toBeNull();
    expect((await upgradeSession(old!, { dryRun: true })).session).toBeNull();
  });

  test('a text section is one by its media type and an even length', async () => {
    const held = [asUnits('a'), section(new Uint8Array(3), TEXT_MEDIA_TYPE), section(new Uint8Array(2), 'text/plain')];
    const read = textReader((id) => held[Number(id)] ?? null);
    expect(await Promise.all(['0', '1', '2', '3'].map(read))).toEqual(['a', null, null, null]);
  });
});

describe('golden documents', () => {
  interface Golden {
    readonly documents: SessionDocuments;
    readonly texts: Readonly<Record<string, string>>;
    readonly expected: Readonly<Record<string, { documents: SessionDocuments; losses: readonly VersionLoss[] }>>;
  }
  const folder = new URL('./golden/', import.meta.url);
  const read = (version: string) => JSON.parse(readFileSync(new URL(`${version}.json`, folder), 'utf8')) as Golden;

  test('every version has one', () => {
    expect(readdirSync(folder).sort()).toEqual(VERSIONS.map((version) => `${version}.json`));
  });

  test.each(VERSIONS.flatMap((from) => VERSIONS.filter((to) => to !== from).map((to) => [from, to])))(
    'that of %s has its expected form in %s, and comes back',
    async (from, to) => {
      const { documents, texts, expected } = read(from as string);
      const texted: TextReader = async (id) => texts[id] ?? null;
      expect(documents.header['psp']).toBe(from);
      expect(faultsOf(from as string, documents)).toEqual([]);
      const there = await documentsFor(to as string, documents.header, documents.state, texted);
      const { documents: form, losses } = expected[to as string]!;
      expect(there).toEqual({ from, to, documents: form, losses });
      expect(faultsOf(to as string, form)).toEqual([]);
      expect((await documentsFor(from as string, form.header, form.state, texted)).documents).toEqual(documents);
    },
  );

  test('the golden blob of 1.0 goes up: its one cookie with a ";" in its value is parked, all else is as it was', async () => {
    const [header, state] = readFileSync(new URL('../blob/golden/session-1.0.psp', import.meta.url), 'utf8').split('\n');
    const one = { header: JSON.parse(header!) as JsonObject, state: JSON.parse(state!) as JsonObject };
    const { documents, losses } = await up(one);
    const [odd, ...cookies] = one.state['cookies'] as JsonObject[];
    const parked = { '1.0': { entries: { cookies: [[0, odd]] } } };
    expect(losses).toMatchObject([{ pointer: '/state/cookies/0', severity: 'dropped' }]);
    expect(documents).toEqual({ header: { ...one.header, psp: '2.0' }, state: { ...one.state, cookies, 'x-psp-parked': parked } });
    expect(faultsOf('2.0', documents)).toEqual([]);
  });

  test('the golden blob of 2.0 goes down, texts inline, and comes back', async () => {
    const [header, state, ...lines] = readFileSync(new URL('../blob/golden/session-2.0.psp', import.meta.url), 'utf8').split('\n');
    const two = { header: JSON.parse(header!) as JsonObject, state: JSON.parse(state!) as JsonObject };
    const held = (two.header['sections'] as JsonObject[]).map(({ id, mediaType }, i) => {
      return [id, section(new Uint8Array(Buffer.from(lines[i]!, 'base64')), mediaType as string)] as const;
    });
    const sections = new Map(held);
    const texted = textReader((id) => sections.get(id) ?? null);
    const { documents } = await down(two, texted);
    expect(faultsOf('2.0', two)).toEqual([]);
    expect(faultsOf('1.0', documents)).toEqual([]);
    expect((await up(documents, texted)).documents).toEqual(two);
  });
});

function minimal(psp: string): SessionDocuments {
  const time = '2026-01-01T00:00:00.000Z';
  return {
    header: {
      ...{ psp, id: 'an id', incarnation: '1', revision: 0, createdAt: time, updatedAt: time, source: { tool: 'cdp' } },
      ...{ state: { length: 2, sha256: 'a'.repeat(64) }, sections: [] },
    },
    state: { coverage: { cookies: 'complete', tabs: 'complete', storage: [] }, cookies: [], storage: [], tabs: [] },
  };
}

function withState(psp: string, members: object): SessionDocuments {
  const { header, state } = minimal(psp);
  return { header, state: { ...state, ...members } };
}

function cookie(): JsonObject {
  return {
    ...{ name: 'sid', value: SECRET, domain: 'app.example', hostOnly: true, path: '/', secure: true, httpOnly: true },
    ...{ sameSite: 'lax', expiresAt: null, partitionKey: null },
  };
}

const richText: TextReader = async (id) => (id === 's1' ? '\ud800 text' : null);

/** Something of everything that 1.0 cannot hold. */
function rich(): SessionDocuments {
  const { header, state } = minimal('2.0');
  const key = { origin: 'https://app.example', topLevelSite: null };
  const bucket = { ...key, bucket: 'inbox' };
  const bytes = { kind: 'text', mediaType: TEXT_MEDIA_TYPE, offset: 0, length: 0, rawLength: 0, sha256: '0'.repeat(64) };
  return {
    header: {
      ...header,
      tags: [SECRET],
      sections: [
        { id: 's0', ...bytes },
        { id: 's1', ...bytes, where: 'inline' },
      ],
    },
    state: {
      ...state,
      coverage: {
        ...(state['coverage'] as JsonObject),
        permissions: 'complete',
        storage: [{ key: bucket, localStorage: 'complete', indexedDB: 'complete', caches: 'complete' }],
      },
      cookies: [{ ...cookie(), createdAt: '2026-01-01T00:00:00.000Z' }],
      storage: [
        { key: bucket, localStorage: [['k', { $section: 's9' }]], indexedDB: [] },
        { key, localStorage: [['k', { $section: 's1' }]], indexedDB: [], caches: [{ name: SECRET, entries: [] }], serviceWorkers: [] },
      ],
      tabs: [{ id: 't', url: 'https://app.example/', windowName: 'unvisited', sessionStorage: [] }],
      permissions: [{ origin: 'https://app.example', name: 'camera', state: 'granted' }],
      credentials: [],
      ttl: [{ target: { pointer: '' }, idleMs: 1 }],
      mergeState: { $section: 's0' },
    },
  };
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
}

function lookUp(root: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((at, name) => (at as JsonObject)[name], root);
}
