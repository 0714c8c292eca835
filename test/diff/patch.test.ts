/** Laws of patches, over generated sessions: what is applied gives the other session, what is inverted leads back, and what does not fit is refused. */
import fc from 'fast-check';
import jsonPatch from 'fast-json-patch';
import { describe, expect, test } from 'vitest';
import { diffSessions } from '../../ts/diff/diff.ts';
import type { SessionDiff } from '../../ts/diff/difference.ts';
import { toJsonPatch } from '../../ts/diff/json-patch.ts';
import { applyPatch, invertPatch } from '../../ts/diff/patch.ts';
import { toState } from '../../ts/session/document.ts';
import type { Section, Session } from '../../ts/session/session.ts';
import { session } from '../session/arbitrary.ts';
import { all, cookie, flattened, KEY, recordsOf, related, sessionWith, storageWith, textSection } from './fixture.ts';

const patchBetween = (a: Session, b: Session): Promise<SessionDiff> => diffSessions(a, b, { reveal: true });

describe('a patch', () => {
  test('applied to the first session gives the second, order included', async () => {
    await fc.assert(
      fc.asyncProperty(related, async ([a, b]) => {
        const before = await flattened(a);
        expect(await flattened(await applyPatch(await patchBetween(a, b), a))).toStrictEqual(await flattened(b));
        expect(await flattened(a)).toStrictEqual(before);
      }),
      { numRuns: 200 },
    );
  });

  test('does so for two sessions with nothing in common', async () => {
    await fc.assert(
      fc.asyncProperty(session, session, async (a, b) => {
        expect(await flattened(await applyPatch(await patchBetween(a, b), a))).toStrictEqual(await flattened(b));
      }),
      { numRuns: 100 },
    );
  });

  test('inverted leads back, and inverted twice is itself', async () => {
    await fc.assert(
      fc.asyncProperty(related, async ([a, b]) => {
        const patch = await patchBetween(a, b);
        const inverse = invertPatch(patch);
        expect(await flattened(await applyPatch(inverse, b))).toStrictEqual(await flattened(a));
        expect(invertPatch(inverse)).toStrictEqual(patch);
      }),
      { numRuns: 200 },
    );
  });

  test('between equal sessions is empty, and counts every entry as unchanged', async () => {
    await fc.assert(
      fc.asyncProperty(session, async (one) => {
        const copy = structuredCloneOf(one) as Session;
        const diff = await diffSessions(one, copy);
        expect(all(diff)).toEqual([]);
        const entries = (await diffSessions(sessionWith({}), one)).added.filter(({ kind }) => kind !== 'record');
        // Both have a coverage; it is the one entry that was not added.
        expect(diff.unchangedCount).toBe(entries.length + 1);
      }),
      { numRuns: 100 },
    );
  });

  test('survives JSON but for its sections', async () => {
    const a = sessionWith({ cookies: [cookie('a', { value: '\ud800' })], ...storageWith({ localStorage: [['\udc00', '\0']] }) });
    const b = sessionWith({ cookies: [cookie('b'), cookie('a', { value: '\ud800\udc00' })], ...storageWith({ localStorage: [] }) });
    const patch = JSON.parse(JSON.stringify(await patchBetween(a, b))) as SessionDiff;
    expect(await applyPatch(patch, a)).toStrictEqual(b);
  });
});

describe('a patch that does not fit is refused, with the place', () => {
  const a = sessionWith({
    cookies: [cookie('one'), cookie('two')],
    ...storageWith({ localStorage: [['k', 'v']], files: [{ path: 'f', kind: 'file', body: recordsOf([1, 'x']) }] }),
    tabs: [
      { id: 't1', url: 'https://app.example/', sessionStorage: [] },
      { id: 't2', url: 'https://app.example/', history: { index: 0, entries: [{ url: 'https://app.example/' }] }, sessionStorage: [] },
    ],
  });

  test.each<[string, Partial<Session>, Partial<Session>, string]>([
    [
      'a value that changed',
      { cookies: [cookie('one', { value: 'new' }), cookie('two')] },
      { cookies: [cookie('one', { value: 'else' })] },
      '/cookies/0/value',
    ],
    ['an entry that is gone', { cookies: [cookie('one')] }, { cookies: [cookie('one')] }, '/cookies/1'],
    ['an entry that is another one', { cookies: [cookie('two')] }, { cookies: [cookie('three'), cookie('two')] }, '/cookies/0'],
    [
      'an entry to move that is another one',
      { cookies: [cookie('two'), cookie('one')] },
      { cookies: [cookie('x'), cookie('y')] },
      '/cookies/',
    ],
    [
      'an entry to be added that is there',
      { cookies: [...a.cookies, cookie('three')] },
      { cookies: [...a.cookies, cookie('three')] },
      '/cookies',
    ],
    ['a list that is too short', { cookies: [cookie('one'), cookie('two'), cookie('new')] }, { cookies: [] }, '/cookies'],
    [
      'an origin that is gone',
      storageWith({
        localStorage: [
          ['k', 'v'],
          ['l', 'w'],
        ],
        files: a.storage[0]!.files!,
      }),
      { storage: [] },
      '/storage',
    ],
    [
      'a section with other bytes',
      storageWith({ localStorage: [['k', 'v']] }),
      storageWith({ localStorage: [['k', 'v']], files: [{ path: 'f', kind: 'file', body: recordsOf([1, 'y']) }] }),
      '/storage/0/files',
    ],
    [
      'a history that is gone',
      { tabs: [a.tabs[0]!, { ...a.tabs[1]!, history: { index: 0, entries: [{ url: 'https://other.example/' }] } }] },
      { tabs: [a.tabs[0]!, { id: 't2', url: 'https://app.example/', sessionStorage: [] }] },
      '/tabs/1/history',
    ],
    ['a list that must not be there', { permissions: [] }, { permissions: [] }, '/permissions'],
  ])('%s', async (_, change, found, pointer) => {
    const patch = await patchBetween(a, { ...a, ...change });
    const target = { ...a, ...found };
    const before = await flattened(target);
    const failure = (await applyPatch(patch, target).catch((error: unknown) => error)) as { code?: string; details?: { pointer?: string } };
    expect(failure.code).toBe('DIFF_CONFLICT');
    expect(failure.details?.pointer).toContain(pointer);
    expect(await flattened(target)).toStrictEqual(before);
  });

  test('one without values is no patch', async () => {
    const diff = await diffSessions(a, sessionWith({}));
    await expect(applyPatch(diff, a)).rejects.toMatchObject({ code: 'DIFF_REDACTED' });
    expect(() => toJsonPatch(diff, () => ({ $section: '' }))).toThrowError(expect.objectContaining({ code: 'DIFF_REDACTED' }));
    expect(invertPatch(invertPatch(diff))).toStrictEqual(diff);
  });

  test('what the patch does not speak of may be different, and is kept', async () => {
    const patch = await patchBetween(a, { ...a, cookies: [cookie('one', { value: 'new' }), cookie('two')] });
    const other = { ...a, name: 'renamed', cookies: [cookie('one'), cookie('other')] };
    expect(await applyPatch(patch, other)).toStrictEqual({ ...other, cookies: [cookie('one', { value: 'new' }), cookie('other')] });
  });
});

describe('JSON Patch', () => {
  /** By content, so that equal sections have equal references in both documents. Text stands as it is. */
  async function namesOf(...sessions: readonly Session[]): Promise<(section: Section) => { $section: string }> {
    const names = new Map<Section, string>();
    const found: Section[] = [];
    for (const one of sessions) {
      toState(one, {
        section: (section) => {
          found.push(section);
          return { $section: '' };
        },
        text: (value) => value,
      });
    }
    for (const section of found) names.set(section, `${section.mediaType} ${Buffer.from(await section.bytes()).toString('hex')}`);
    return (section) => ({ $section: names.get(section) as string });
  }

  /** Text in sections becomes text: a patch does not tell one from the other. */
  async function withTexts(one: Session): Promise<Session> {
    const read = async (value: unknown): Promise<unknown> => {
      if (typeof value !== 'object' || value === null) return value;
      if (Array.isArray(value)) return Promise.all(value.map(read));
      if (typeof (value as Partial<Section>).bytes === 'function')
        return (value as Section).mediaType.startsWith('text/plain') ? flattened(value) : value;
      return Object.fromEntries(await Promise.all(Object.entries(value).map(async ([name, member]) => [name, await read(member)])));
    };
    return (await read(one)) as Session;
  }

  test('applied by another implementation to the first state document gives the second', async () => {
    await fc.assert(
      fc.asyncProperty(related, async (pair) => {
        const [a, b] = [await withTexts(pair[0]), await withTexts(pair[1])];
        const section = await namesOf(a, b);
        const documentOf = (one: Session): object =>
          JSON.parse(JSON.stringify(toState(one, { section, text: (value) => value }))) as object;
        const operations = JSON.parse(JSON.stringify(toJsonPatch(await patchBetween(a, b), section))) as jsonPatch.Operation[];
        expect(jsonPatch.applyPatch(documentOf(a), operations, true, false).newDocument).toStrictEqual(documentOf(b));
      }),
      { numRuns: 150 },
    );
  });

  test('a tab that moved is one operation', async () => {
    const tabs = ['a', 'b', 'c', 'd'].map((id) => ({ id, url: '', sessionStorage: [] }));
    const [first, ...rest] = tabs;
    const patch = await patchBetween(sessionWith({ tabs }), sessionWith({ tabs: [...rest, first!] }));
    expect(toJsonPatch(patch, () => ({ $section: '' }))).toEqual([{ op: 'move', from: '/tabs/0', path: '/tabs/3' }]);
  });

  test('times are as documents have them, and the header is left out', async () => {
    const [a, b] = [sessionWith({ cookies: [cookie('a')] }), sessionWith({ updatedAt: 9, cookies: [cookie('a', { expiresAt: 1000 })] })];
    expect(toJsonPatch(await patchBetween(a, b), () => ({ $section: '' }))).toEqual([
      { op: 'replace', path: '/cookies/0/expiresAt', value: '1970-01-01T00:00:01.000Z' },
    ]);
  });

  test('a value of web storage is replaced in its place', async () => {
    const a = sessionWith(
      storageWith({
        localStorage: [
          ['a', '1'],
          ['b', '2'],
        ],
      }),
    );
    const b = sessionWith(storageWith({ localStorage: [['b', '3']] }));
    expect(toJsonPatch(await patchBetween(a, b), () => ({ $section: '' }))).toEqual([
      { op: 'remove', path: '/storage/0/localStorage/0' },
      { op: 'replace', path: '/storage/0/localStorage/0/1', value: '3' },
    ]);
  });
});

test('text in a section is the text: no difference, and a patch that changes it applies to either', async () => {
  const inString = sessionWith(storageWith({ localStorage: [['k', 'same \ud800']] }));
  const inSection = sessionWith({ storage: [{ key: KEY, localStorage: [['k', textSection('same \ud800')]], indexedDB: [] }] });
  expect(all(await diffSessions(inString, inSection))).toEqual([]);
  const changed = sessionWith(storageWith({ localStorage: [['k', 'new']] }));
  expect(await applyPatch(await patchBetween(inSection, changed), inString)).toStrictEqual(changed);
});

/** Another object in every place, with the same sections in it. */
function structuredCloneOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || typeof (value as Partial<Section>).bytes === 'function') return value;
  if (Array.isArray(value)) return value.map(structuredCloneOf);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, structuredCloneOf(member)]));
}
