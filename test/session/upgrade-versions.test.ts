/** Which versions there are, and the way between them: what is read as what, whole Sessions, and the golden documents. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SCHEMA_VERSION, type Session, section, TEXT_MEDIA_TYPE } from '../../ts/session/session.ts';
import { findPath, readAs } from '../../ts/session/upgrade/path.ts';
import type { Step } from '../../ts/session/upgrade/step.ts';
import {
  documentsFor,
  downgradeDocuments,
  downgradeSession,
  type JsonObject,
  type SessionDocuments,
  type TextReader,
  textReader,
  upgradeDocuments,
  upgradeSession,
  VERSIONS,
  type VersionLoss,
} from '../../ts/session/upgrade.ts';
import { compareVersions, readableAs } from '../../ts/session/version.ts';
import { faultsOf } from './upgrade-arbitrary.ts';
import { down, minimal, SECRET, up } from './upgrade-fixture.ts';

test('the newest version is the one that the code writes', () => {
  expect(VERSIONS).toEqual(['1.0', '2.0']);
  expect(VERSIONS.at(-1)).toBe(SCHEMA_VERSION);
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

  test.each([
    ['2.0', '2.0'],
    ['2.1', '2.0'],
    ['2.2', '2.2'],
    ['2.9', '2.2'],
    ['2.11', '2.10'],
    ['1.5', '1.0'],
    ['3.0', null],
    ['0.9', null],
  ])('of the known 1.0, 2.0, 2.2 and 2.10, a document of %s is read as %s: never as one that is newer', (version, expected) => {
    expect(readableAs(version, ['1.0', '2.0', '2.2', '2.10'])).toBe(expected);
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

  test('whose reference leads nowhere is refused at its place', async () => {
    const { session: old } = await downgradeSession(session, { to: '1.0', allowLoss: true });
    const sections = new Map([...old!.sections].filter(([, { kind }]) => kind !== 'merge'));
    await expect(upgradeSession({ ...old!, sections })).rejects.toMatchObject({
      code: 'SESSION_INVALID',
      details: { part: 'state', pointer: '/mergeState' },
    });
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
