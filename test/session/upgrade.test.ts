/** Steps between versions of the session document: their laws, what is parked and reported, what is refused. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import type { Cookie } from '../../ts/session/session.ts';
import { documentsFor, downgradeDocuments, isLossy, type JsonObject, upgradeDocuments } from '../../ts/session/upgrade.ts';
import { canonical, documents1, documents2, faultsOf } from './upgrade-arbitrary.ts';
import { cookie, down, minimal, rich, richText, SECRET, up, withState } from './upgrade-fixture.ts';

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
    [
      'two entries at one index',
      {
        '2.0': {
          entries: {
            cookies: [
              [0, 0],
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
