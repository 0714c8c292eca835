/** Two blobs compared without decoding what is equal: the result is that of decoding both, and what is equal is indeed not touched. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeSession, readFrame } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import type { Measure } from '../../ts/diff/compare.ts';
import { compareSessions } from '../../ts/diff/compare.ts';
import { diffSessions } from '../../ts/diff/diff.ts';
import { elideEqual } from '../../ts/diff/elide.ts';
import { applyPatch } from '../../ts/diff/patch.ts';
import { toState } from '../../ts/session/document.ts';
import type { Session } from '../../ts/session/session.ts';
import { compareBlobs, diffBlobs } from '../../ts/store/compare.ts';
import { all, bytesSection, cookie, flattened, inShort, KEY, recordsOf, related, sessionWith, storageWith } from '../diff/fixture.ts';
import { session } from '../session/arbitrary.ts';

const NOW = 1_700_000_000_000;

/** Without what stands twice in a list: no valid session has that, but for requests. */
function valid(value: unknown, identity?: (one: never) => unknown): unknown {
  if (typeof value !== 'object' || value === null || typeof (value as { bytes?: unknown }).bytes === 'function') return value;
  if (Array.isArray(value)) {
    const seen = new Set<string>();
    const kept =
      identity === undefined
        ? value
        : value.filter((one) => {
            const id = JSON.stringify(identity(one as never));
            return !seen.has(id) && seen.add(id);
          });
    return kept.map((one) => valid(one));
  }
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, valid(member, IDENTITIES[name])]));
}

const named = ({ name }: { name: string }): string => name;
const keyed = ({ key }: { key: object }): unknown => Object.entries(key).sort();
const IDENTITIES: Readonly<Record<string, (one: never) => unknown>> = {
  cookies: (one: Session['cookies'][number]) => [one.name, one.domain, one.hostOnly, one.path, one.partitionKey],
  storage: keyed,
  sessionStorage: keyed,
  localStorage: ([name]: [string]) => name,
  items: ([name]: [string]) => name,
  indexedDB: named,
  stores: named,
  caches: named,
  serviceWorkers: ({ scope }: { scope: string }) => scope,
  files: ({ path }: { path: string }) => path,
  tabs: ({ id }: { id: string }) => id,
  permissions: (one: { origin: string; name: string; embeddingOrigin?: string }) => [one.origin, one.name, one.embeddingOrigin],
  credentials: (one: { rpId: string; credentialId: string }) => [one.rpId, one.credentialId],
  ttl: ({ target }: { target: object }) => Object.entries(target).sort(),
};

/** Two valid sessions as blobs, each in some framing, with text in sections from some length on. */
const blobs = fc
  .tuple(
    related,
    fc.constantFrom('text' as const, 'packed' as const),
    fc.constantFrom('text' as const, 'packed' as const),
    fc.constantFrom(8, 1000),
  )
  .map(async ([[a, b], framingA, framingB, textSectionUnits]) => [
    await encodeSession(valid(a) as Session, { framing: framingA, textSectionUnits }),
    await encodeSession(valid(b) as Session, { framing: framingB, textSectionUnits }),
  ]);

describe('the difference of two blobs', () => {
  test('is that of the sessions in them', async () => {
    await fc.assert(
      fc.asyncProperty(blobs, fc.boolean(), async (pair, reveal) => {
        const [one, other] = (await pair) as [Uint8Array, Uint8Array];
        const expected = await diffSessions(await decodeSession(one), await decodeSession(other), { reveal });
        expect(await flattened(await diffBlobs(one, other, { reveal }))).toStrictEqual(await flattened(expected));
      }),
      { numRuns: 250 },
    );
  });

  test('is that of the sessions in long lists of which some entries are kept, changed, new, gone or elsewhere', async () => {
    const names = fc.shuffledSubarray([...Array(40).keys()]);
    const lists = fc.tuple(names, names, fc.boolean(), fc.array(fc.nat(39), { maxLength: 5 }));
    const make = (places: readonly number[], changed: readonly number[]): Session =>
      sessionWith({
        cookies: places.map((i) => cookie(`c${i}`, { value: changed.includes(i) ? 'new' : `v${i}` })),
        storage: [0, 1].map((n) => ({
          key: { origin: `https://${n}.example`, topLevelSite: null },
          localStorage: places.map((i) => [`k${i}`, changed.includes(i) ? `new ${i}` : `v${i}`] as const),
          indexedDB: [],
          files: places.map((i) => ({
            path: `f${i}`,
            kind: 'file' as const,
            body: bytesSection(changed.includes(i) ? `new ${i}` : `b${i % 7}`),
          })),
        })),
      });
    await fc.assert(
      fc.asyncProperty(lists, async ([a, b, inOrder, changed]) => {
        const [placesA, placesB] = inOrder ? [a.sort((x, y) => x - y), b.sort((x, y) => x - y)] : [a, b];
        const [one, other] = [await encodeSession(make(placesA, [])), await encodeSession(make(placesB, changed))];
        const expected = await diffSessions(await decodeSession(one), await decodeSession(other), { reveal: true });
        expect(await flattened(await diffBlobs(one, other, { reveal: true }))).toStrictEqual(await flattened(expected));
      }),
      { numRuns: 100 },
    );
  });

  test('compares as that of the sessions does, by every measure', async () => {
    const measures: Measure[] = ['exact', 'login', 'cookies', ({ kind }) => kind === 'localStorage'];
    await fc.assert(
      fc.asyncProperty(blobs, fc.constantFrom(...measures), async (pair, measure) => {
        const [one, other] = (await pair) as [Uint8Array, Uint8Array];
        const expected = await compareSessions(await decodeSession(one), await decodeSession(other), measure, { now: NOW });
        expect(await compareBlobs(one, other, measure, { now: NOW })).toStrictEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  test('is a patch where values are revealed', async () => {
    const [a, b] = [
      sessionWith({ cookies: [cookie('a'), cookie('b'), cookie('c')] }),
      sessionWith({ cookies: [cookie('c'), cookie('a'), cookie('b', { value: '' })] }),
    ];
    const diff = await diffBlobs(await encodeSession(a), await encodeSession(b), { reveal: true });
    expect(await applyPatch(diff, a)).toStrictEqual(b);
    expect(all(diff).map(inShort)).toEqual(['changed cookie /cookies/1 -> /cookies/2 value', 'moved cookie /cookies/2 -> /cookies/0']);
  });
});

describe('what is equal is not read', () => {
  const items = (changed: string): Session =>
    sessionWith(storageWith({ localStorage: Array.from({ length: 50 }, (_, i) => [`k${i}`, i === 30 ? changed : `value ${i}`] as const) }));

  test('of a list only the entries that differ are left in the text, and pointers count all', async () => {
    const [one, other] = [await encodeSession(items('old')), await encodeSession(items('new'))];
    const stateOf = (blob: Uint8Array): Uint8Array => {
      const { stateStart, stateEnd } = readFrame(blob);
      return blob.subarray(stateStart, stateEnd);
    };
    const elided = elideEqual(stateOf(one), stateOf(other), () => false);
    const state = JSON.parse(new TextDecoder().decode(elided?.a.text)) as Session;
    expect(state.storage[0]?.localStorage).toEqual([['k30', 'old']]);
    const diff = await diffBlobs(one, other);
    expect(all(diff).map(inShort)).toEqual(['changed localStorage /storage/0/localStorage/30 1']);
    // The coverage, the origin and the other items.
    expect(diff.unchangedCount).toBe(51);
  });

  test('a damaged section with the same hash in both tables does not matter; one that differs does', async () => {
    const withFiles = (content: string): Session =>
      sessionWith(
        storageWith({
          files: [{ path: 'same', kind: 'file', body: bytesSection('untouched') }],
          indexedDB: [
            {
              name: 'db',
              version: 1,
              stores: [{ name: 's', keyPath: null, autoIncrement: false, indexes: [], recordCount: 1, records: recordsOf([1, content]) }],
            },
          ],
        }),
      );
    const [one, other] = [
      await encodeSession(withFiles('old'), { framing: 'packed' }),
      await encodeSession(withFiles('new'), { framing: 'packed' }),
    ];
    const damage = (blob: Uint8Array, section: number): Uint8Array => {
      const { header, sectionsStart } = readFrame(blob);
      const copy = blob.slice();
      copy[sectionsStart + (header.sections[section]?.offset as number)]! ^= 0xff;
      return copy;
    };
    const kinds = readFrame(one).header.sections.map(({ kind }) => kind);
    const expected = [
      'changed store /storage/0/indexedDB/0/stores/0 records',
      'changed record /storage/0/indexedDB/0/stores/0/records/0 value',
    ];
    expect(all(await diffBlobs(damage(one, kinds.indexOf('body')), other)).map(inShort)).toEqual(expected);
    await expect(diffBlobs(damage(one, kinds.indexOf('records')), other)).rejects.toMatchObject({ code: 'BLOB_SECTION_HASH' });
  });

  test('sections are compared by what the tables say, not by their numbers', async () => {
    const withBodies = (...bodies: string[]): Session =>
      sessionWith(storageWith({ files: bodies.map((body, i) => ({ path: `f${i}`, kind: 'file' as const, body: bytesSection(body) })) }));
    const one = await encodeSession(withBodies('x', 'y'));
    expect(all(await diffBlobs(one, await encodeSession(withBodies('z', 'y')))).map(inShort)).toEqual([
      'changed file /storage/0/files/0 body',
    ]);
    expect(all(await diffBlobs(one, await encodeSession(withBodies('y', 'y')))).map(inShort)).toEqual([
      'changed file /storage/0/files/0 body',
    ]);
    expect(all(await diffBlobs(one, await encodeSession(withBodies('x', 'y'), { framing: 'packed' })))).toEqual([]);
  });

  test('a rule that points at an entry still finds it', async () => {
    const withRule = (pointer: string, ...names: string[]): Session =>
      sessionWith({ cookies: names.map((name) => cookie(name)), ttl: [{ target: { pointer }, expiresAt: 5 }] });
    const diff = await diffBlobs(await encodeSession(withRule('/cookies/0', 'a')), await encodeSession(withRule('/cookies/1', 'new', 'a')));
    expect(all(diff).map(inShort)).toEqual(['added cookie /cookies/0', 'changed ttl /ttl/0 target']);
  });

  test('a rule whose pointer is written with an escape does so too', async () => {
    const withRule = (pointer: string, ...names: string[]): Session =>
      sessionWith({ cookies: names.map((name) => cookie(name)), ttl: [{ target: { pointer }, expiresAt: 5 }] });
    const states = [withRule('/cookies/0', 'a'), withRule('/cookies/1', 'new', 'a')].map((one) =>
      Buffer.from(
        JSON.stringify(toState(one, { section: () => ({ $section: '' }), text: (text) => text })).replace('pointer', '\\u0070ointer'),
      ),
    );
    expect(elideEqual(states[0]!, states[1]!, null)).toBeNull();
  });

  test('a state that was altered is refused as decoding refuses it', async () => {
    const blob = await encodeSession(sessionWith({ cookies: [cookie('a')] }));
    const text = Buffer.from(blob).toString();
    const altered = Buffer.from(text.replace('value of a', 'value of b'));
    for (const pair of [
      [altered, blob],
      [blob, altered],
      [altered, altered],
    ] as const) {
      await expect(diffBlobs(pair[0], pair[1])).rejects.toMatchObject({ code: 'BLOB_MALFORMED' });
      await expect(compareBlobs(pair[0], pair[1], 'cookies')).rejects.toMatchObject({ code: 'BLOB_MALFORMED' });
    }
    await expect(diffBlobs(blob, new Uint8Array(9))).rejects.toMatchObject({ code: 'BLOB_NOT_A_BLOB' });
    await expect(diffBlobs(blob, blob.subarray(0, blob.length - 1))).rejects.toMatchObject({ code: 'BLOB_TRUNCATED' });
  });

  test('a state of another writer is read as it is: white space, escapes, other order', async () => {
    const one = sessionWith({
      ...storageWith({
        localStorage: [
          ['a', 'x'],
          ['b', 'y'],
        ],
      }),
      cookies: [cookie('a')],
    });
    const blob = await encodeSession(one);
    const { stateStart, stateEnd, header } = readFrame(blob);
    const state = JSON.parse(Buffer.from(blob.subarray(stateStart, stateEnd)).toString()) as object;
    const rewritten = Buffer.from(
      JSON.stringify(Object.fromEntries(Object.entries(state).reverse()), null, ' ')
        .replaceAll('\n', '')
        .replaceAll('"x"', '"\\u0078"'),
    );
    const sha256 = (await import('node:crypto')).createHash('sha256').update(rewritten).digest('hex');
    const changed = { ...header, state: { length: rewritten.length, sha256 } };
    const other = Buffer.concat([Buffer.from(`${JSON.stringify(changed)}\n`), rewritten, Buffer.from('\n')]);
    expect(all(await diffBlobs(blob, other))).toEqual([]);
    expect(await compareBlobs(other, blob, 'exact')).toEqual({ equal: true, first: null });
  });
});

test('equal blobs are equal by every measure, and the time of a login must be given', async () => {
  await fc.assert(
    fc.asyncProperty(session, async (one) => {
      const blob = await encodeSession(one);
      for (const measure of ['exact', 'login', 'cookies'] as const)
        expect(await compareBlobs(blob, blob.slice(), measure, { now: NOW })).toEqual({ equal: true, first: null });
    }),
    { numRuns: 30 },
  );
  const blob = await encodeSession(sessionWith({ storage: [{ key: KEY, localStorage: [], indexedDB: [] }] }));
  await expect(compareBlobs(blob, blob, 'login')).rejects.toThrow(TypeError);
  await expect(compareBlobs(blob, blob, 'other' as 'exact')).rejects.toThrow(TypeError);
});
