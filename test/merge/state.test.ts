/** The bytes of a state: what a session carries, how much that is, and what hostile bytes do. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import { joinDocuments } from '../../ts/merge/document.ts';
import { decodeDocument, encodeDocument } from '../../ts/merge/document-bytes.ts';
import { compactSession, mergeSessions, readMerge, showDocument } from '../../ts/merge/merge.ts';
import { Rows } from '../../ts/merge/rows.ts';
import { encodeState } from '../../ts/merge/state.ts';
import { decodeState } from '../../ts/merge/state-read.ts';
import { type Section, type Session, section } from '../../ts/session/session.ts';
import { history, makeRelated } from './related.ts';
import { bytesOf } from './session-fixture.ts';
import { cookieOf, databaseOf, deltaTo, KEY, merged, NOON, sessionOf, storageOf, storeOf, tabOf, work } from './worker.ts';

const stateOf = async (session: Session): Promise<Uint8Array> => (session.mergeState as Section).bytes();

test('what is written is read, and gives the same bytes again', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (past) => {
      const { session } = await mergeSessions(await makeRelated(past, 2));
      const bytes = await stateOf(session);
      expect(encodeState(decodeState(bytes))).toEqual(bytes);
    }),
    { numRuns: 50 },
  );
});

test('a document alone survives its bytes, and is not mistaken for the state of a session', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (past) => {
      const { session, document } = await mergeSessions(await makeRelated(past, 2));
      const bytes = await encodeDocument(document);
      const read = decodeDocument(bytes);
      expect(await encodeDocument(read)).toEqual(bytes);
      // The same in a session of its own as in the one that it came from.
      expect(await bytesOf((await showDocument(read, session)).session)).toBe(await bytesOf(session));
    }),
    { numRuns: 30 },
  );
  const bytes = await stateOf(await merged(sessionOf({ cookies: [cookieOf('a', '1')] })));
  expect(() => decodeDocument(bytes)).toThrow(expect.objectContaining({ code: 'MERGE_MALFORMED' }));
});

describe('hostile bytes', () => {
  const sample = async (): Promise<Session> => {
    const base = await merged({ ...sessionOf({ cookies: [cookieOf('a', '1')], tabs: [tabOf('t'), tabOf('u')] }), name: 'n' });
    const a = await work(base, [
      ['cookie', ['app.example', '/', 'a', 'host-only', ''], cookieOf('a', '2') as never],
      ['tab', ['t']],
    ]);
    const b = await work(base, [['cookie', ['app.example', '/', 'a', 'host-only', ''], cookieOf('a', '3') as never]]);
    return merged(a, b);
  };

  test('every cut is refused with a place', async () => {
    const bytes = await stateOf(await sample());
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeState(bytes.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'MERGE_MALFORMED', details: { offset: expect.any(Number) } }),
      );
    }
    expect(() => decodeState(Uint8Array.of(...bytes, 0))).toThrow(expect.objectContaining({ code: 'MERGE_MALFORMED' }));
  });

  test('any change of bytes gives a session or a coded error, in bounded time', async () => {
    const session = await sample();
    const bytes = await stateOf(session);
    const change = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(change, async (changes) => {
        const forged = new Uint8Array(bytes);
        for (const [at, byte] of changes) forged[at] = byte;
        try {
          await mergeSessions([{ ...session, mergeState: section(forged, 'application/vnd.psp.merge') }, session]);
        } catch (error) {
          expect(error).toBeInstanceOf(PspError);
          expect((error as PspError).code).toMatch(/^(?:MERGE_(?:MALFORMED|FORK|EPOCH|LIMIT)|SESSION_INVALID)$/);
        }
      }),
      { numRuns: 1500 },
    );
  });

  test('a run of a few bytes does not take all memory', () => {
    const empty = { epoch: '', context: new Map([['0'.repeat(16), [1, 2 ** 40]]]), bits: 1, tabs: 0, hidden: [], marks: new Map() };
    const chunks = [{ count: 2 ** 40, digest: 0 }];
    const rows = new Rows(0, []);
    expect(() => decodeState(encodeState({ ...empty, chunks, rows }))).toThrow(expect.objectContaining({ code: 'MERGE_LIMIT' }));
  });

  test.each([
    ['a cookie that is a number', { kind: 'cookie' as const, path: ['a', 'b', 'c', 'd', 'e'], value: 5 }],
    ['a path that is too short', { kind: 'localStorage' as const, path: [KEY], value: 'x' }],
    ['a storage key that is none', { kind: 'localStorage' as const, path: ['x', 'y'], value: 'x' }],
    ['a header member that is not one', { kind: 'header' as const, path: ['cookies'], value: [] }],
    ['a database without stores', { kind: 'database' as const, path: [KEY, 'db'], value: {} }],
    ['a place that is none', { kind: 'tabPlace' as const, path: ['t'], value: '0' }],
  ])('%s is no entry', async (_, { kind, path, value }) => {
    const dot = { replica: '0'.repeat(16), counter: 1 };
    const hidden = [{ kind, path, isShown: false, candidates: [{ dot, stamp: { time: 1, count: 0 }, value }] }];
    const context = new Map([[dot.replica, [1, 1]]]);
    const bytes = encodeState({ epoch: '', context, bits: 0, chunks: [], tabs: 0, rows: new Rows(0, []), hidden, marks: new Map() });
    const forged = { ...sessionOf(), mergeState: section(bytes, 'application/vnd.psp.merge') };
    await expect(readMerge(forged)).rejects.toMatchObject({ code: 'MERGE_MALFORMED' });
  });
});

describe('size', () => {
  test('a first capture of 20,000 records costs less than a byte for ten of them', async () => {
    const records = Array.from({ length: 20_000 }, (_, i) => [i, `value ${i}`] as const);
    const session = await merged(storageOf({ indexedDB: [databaseOf([storeOf('s', records)])] }));
    expect((await stateOf(session)).length).toBeLessThan(2_000);
  });

  test('M6: a session of 10 KiB after 1,000 commits of 50 workers: the state has at most 2 KiB when it is compacted', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `cookie${i}`);
    const items = Array.from({ length: 40 }, (_, i): [string, string] => [`item${i}`, `value ${i} `.repeat(5)]);
    const base = await merged({
      ...storageOf({ localStorage: items }),
      cookies: names.map((name) => cookieOf(name, 'x'.repeat(20))),
      tabs: [tabOf('t')],
    });
    let { document } = await readMerge(base);
    // Each worker has seen what was stored when it committed last.
    const seen = Array.from({ length: 50 }, () => document);
    for (let commit = 0; commit < 1000; commit++) {
      const worker = (commit * 7) % 50;
      const i = (commit * 13) % 40;
      const time = NOON + commit * 60_000 + ((commit * 7919) % 60_000);
      const delta = deltaTo(
        seen[worker]!,
        [
          ['cookie', ['app.example', '/', names[i]!, 'host-only', ''], cookieOf(names[i]!, `commit ${commit}`.padEnd(20)) as never],
          ...(commit % 5 === 0 ? [['localStorage', [KEY, `item${i}`], `written ${commit}`] as const] : []),
          ...(commit % 97 === 0 ? [['localStorage', [KEY, `gone${i}`]] as const] : []),
        ],
        time,
      );
      document = joinDocuments([document, delta]);
      seen[worker] = document;
    }
    const stored = (await showDocument(document, base)).session;
    const compacted = await compactSession(stored, 'e'.repeat(16));
    const size = (await stateOf(compacted)).length;
    expect(size).toBeLessThanOrEqual(2048);
  });
});
