/** Reading and joining in columns: it gives what reading alone and joining entry by entry give, and reads no section twice. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import type { Context } from '../../ts/merge/context.ts';
import { joinDocuments, type MergeDocument } from '../../ts/merge/document.ts';
import { encodeDocument } from '../../ts/merge/document-bytes.ts';
import type { Entry } from '../../ts/merge/entry.ts';
import { joinEntry } from '../../ts/merge/join-entry.ts';
import { mergeSessions, readMerge, showDocument } from '../../ts/merge/merge.ts';
import type { Section, Session } from '../../ts/session/session.ts';
import { history, makeRelated } from './related.ts';
import { bytesOf } from './session-fixture.ts';
import { bodyOf, cookieOf, databaseOf, merged, NOON, ORIGIN, sessionOf, storageOf, storeOf, work } from './worker.ts';

describe('sessions of any history', () => {
  test('give the same when they are read beside each other as when they are read alone', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (past) => {
        const [first, ...others] = (await makeRelated(past, 3)) as [Session, ...Session[]];
        const like = await readMerge(first);
        for (const session of others) {
          const [alone, beside] = [await readMerge(session), await readMerge(session, undefined, like)];
          expect(await encodeDocument(beside.document)).toEqual(await encodeDocument(alone.document));
          expect(beside.flat.entries.map(({ key }) => key)).toEqual(alone.flat.entries.map(({ key }) => key));
        }
      }),
      { numRuns: 20 },
    );
  });

  test('are joined in columns as they are entry by entry, and so are some of both', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.nat(7), async (past, plain) => {
        const [first, ...others] = (await makeRelated(past, 3)) as [Session, ...Session[]];
        const like = await readMerge(first);
        const documents = [like.document];
        for (const session of others) documents.push((await readMerge(session, undefined, like)).document);
        const expected = await encodeDocument(joinOneByOne(documents));
        expect(await encodeDocument(joinDocuments(documents))).toEqual(expected);
        // A copy knows nothing of columns.
        const some = documents.map((document, i) => ((plain >> i) % 2 === 0 ? document : { ...document }));
        expect(await encodeDocument(joinDocuments(some))).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  });
});

/** Law M1 as it is written: no columns, and no entry before its turn. */
function joinOneByOne(documents: readonly MergeDocument[]): MergeDocument {
  const entries = new Map<string, Entry>();
  const contexts = documents.map(({ context }): Context => context);
  for (const key of new Set(documents.flatMap((document) => [...document.entries.keys()]))) {
    const joined = joinEntry(
      contexts,
      documents.map((document) => document.entries.get(key)),
    );
    if (joined !== null) entries.set(key, joined);
  }
  const { epoch, context, marks } = joinDocuments(documents);
  return { epoch, context, entries, marks };
}

test('one write with two values in the columns of two sessions is a fork', async () => {
  const base = await merged(sessionOf({ cookies: [cookieOf('a', '1')] }));
  const mine = await work(base, [['header', ['name'], 'mine']]);
  const { document } = await readMerge(mine);
  const entries = new Map(document.entries);
  for (const [key, entry] of entries) {
    if (entry.kind !== 'header' || entry.path[0] !== 'name') continue;
    entries.set(key, { ...entry, candidates: entry.candidates.map((one) => ({ ...one, value: 'theirs' })) });
  }
  const forged = await showDocument({ ...document, entries }, mine);
  expect(forged.session.name).toBe('theirs');
  await expect(mergeSessions([mine, forged.session])).rejects.toMatchObject({ code: 'MERGE_FORK', details: { kind: 'header' } });
});

test('an entry that stands twice is refused', async () => {
  await expect(readMerge(sessionOf({ cookies: [cookieOf('a', '1'), cookieOf('a', '2')] }))).rejects.toMatchObject({
    code: 'SESSION_INVALID',
    details: { kind: 'cookie' },
  });
});

describe('sections that two sessions have in common', () => {
  const FILE = 'the body of a file, long enough to be found in a blob';
  const RECORD = 'the value of a record, long enough to be found in a blob';

  async function blobs(): Promise<[mine: Uint8Array, theirs: Uint8Array]> {
    const files = [{ path: 'f', kind: 'file' as const, body: bodyOf(FILE) }];
    const base = await merged(storageOf({ files, indexedDB: [databaseOf([storeOf('s', [[1, RECORD]])])] }));
    const [mine, theirs] = [
      await work(base, [['header', ['name'], 'mine']]),
      await work(base, [['header', ['name'], 'theirs']], NOON + 2000),
    ];
    return [await encodeSession(mine, { framing: 'packed' }), await encodeSession(theirs, { framing: 'packed' })];
  }

  /** With another byte in a section: whoever reads it finds out. */
  function damaged(blob: Uint8Array, text: string): Uint8Array {
    const copy = blob.slice();
    const at = Buffer.from(copy.buffer).indexOf(text);
    expect(at).toBeGreaterThan(0);
    copy[at] = (copy[at] as number) ^ 1;
    return copy;
  }

  test('are not read where their blobs state their hashes, and are found out when the session is written', async () => {
    const [mine, theirs] = await blobs();
    const sound = await mergeSessions([await decodeSession(mine), await decodeSession(damaged(theirs, FILE))]);
    expect(sound.session.name).toBe('theirs');
    await encodeSession(sound.session);
    const broken = await mergeSessions([await decodeSession(damaged(mine, FILE)), await decodeSession(theirs)]);
    await expect(encodeSession(broken.session)).rejects.toMatchObject({ code: 'BLOB_SECTION_HASH' });
  });

  test('are read once where they hold records', async () => {
    const [mine, theirs] = await blobs();
    const { session } = await mergeSessions([await decodeSession(mine), await decodeSession(damaged(theirs, RECORD))]);
    const whole = await mergeSessions([await decodeSession(mine), await decodeSession(theirs)]);
    expect(await bytesOf(session)).toBe(await bytesOf(whole.session));
    const broken = mergeSessions([await decodeSession(damaged(mine, RECORD)), await decodeSession(theirs)]);
    await expect(broken).rejects.toMatchObject({ code: 'BLOB_SECTION_HASH' });
  });

  test('are written anew where a key in them has another form than a merged session gives it', async () => {
    const store = (key: number): Session => storageOf({ indexedDB: [databaseOf([storeOf('s', [[key, 'x']])])] });
    const [plain, odd] = [await merged(store(0)), await merged(store(-0))];
    expect(await bytesOf({ ...odd, mergeState: undefined } as unknown as Session)).toBe(
      await bytesOf({ ...plain, mergeState: undefined } as unknown as Session),
    );
    const base = await merged(store(-0));
    const [a, b] = [await work(base, [['header', ['name'], 'a']]), await work(base, [['header', ['name'], 'b']], NOON + 2000)];
    expect(await bytesOf(await merged(a, b))).toBe(await bytesOf(await merged(b, a)));
  });

  test('stay the very same section where nobody changed a record', async () => {
    const base = await merged(storageOf({ indexedDB: [databaseOf([storeOf('s', [[1, 'x']])])] }));
    const [a, b] = [await work(base, [['cookie', ['app.example', '/', 'n', 'host-only', ''], cookieOf('n', '1') as never]]), base];
    const records = ({ storage }: Session): Section | undefined => storage[0]?.indexedDB[0]?.stores[0]?.records;
    expect(records(await merged(a, b))).toBe(records(a));
    expect(a.storage[0]?.key.origin).toBe(ORIGIN);
  });
});
