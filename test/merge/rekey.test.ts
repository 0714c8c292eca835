/** M13: two inserts under one generated key are both kept; re-keying is an explicit, logged operation. */
import { describe, expect, test } from 'vitest';
import { mergeLog } from '../../ts/merge/log.ts';
import { mergeSessions } from '../../ts/merge/merge.ts';
import { rekeyRecords } from '../../ts/merge/rekey.ts';
import { validateSession } from '../../ts/session/check.ts';
import { decodeValue } from '../../ts/session/clone/decode.ts';
import { encodeValue } from '../../ts/session/clone/encode.ts';
import { readRecords } from '../../ts/session/clone/records.ts';
import type { ObjectStore, Session } from '../../ts/session/session.ts';
import { bytesOf } from './session-fixture.ts';
import { databaseOf, KEY, merged, NOON, recordKey, storageOf, storeOf, work } from './worker.ts';

const encoded = (of: unknown): Uint8Array => encodeValue(of).bytes;
const path = (key: number): string[] => [KEY, 'db', 'cart', recordKey(key)];
const storeIn = (session: Session): ObjectStore => session.storage[0]!.indexedDB[0]!.stores[0]!;

async function recordsOf(session: Session): Promise<unknown[]> {
  const records = await storeIn(session).records!.bytes();
  return [...readRecords(records)].map((one) => [decodeValue(one.key).value, decodeValue(one.value).value]);
}

/** A store with one record and a generator, and what each of several workers inserted there under the key 2, one after the other. */
async function inserted(values: readonly unknown[], rules: Partial<ObjectStore> = {}, first: unknown = 'one'): Promise<Session[]> {
  const store = storeOf('cart', [[1, first]], { autoIncrement: true, keyGenerator: 2, ...rules });
  const base = await merged(storageOf({ indexedDB: [databaseOf([store])] }));
  return Promise.all(values.map((value, i) => work(base, [['record', path(2), encoded(value)]], NOON + i + 1)));
}

describe('M13: re-keying', () => {
  test('gives the insert that is not shown the next key of the generator, and both are there', async () => {
    const { session, parked } = await mergeSessions(await inserted(['of a', 'of b']));
    expect(parked).toEqual([{ kind: 'record', path: path(2), reason: 'generated-key' }]);
    const after = await rekeyRecords(session);
    expect(after.rekeyed).toEqual([{ path: path(2), newPath: path(3) }]);
    expect(after.parked).toEqual([]);
    expect(await recordsOf(after.session)).toEqual([
      [1, 'one'],
      [2, 'of b'],
      [3, 'of a'],
    ]);
    expect(storeIn(after.session).keyGenerator).toBe(4);
    expect((await validateSession(after.session)).filter(({ severity }) => severity === 'error')).toEqual([]);
    expect((await rekeyRecords(after.session)).rekeyed).toEqual([]);
  });

  test('is a write with a dot and a stamp of its own, which is in the log with where it went', async () => {
    const { session } = await mergeSessions(await inserted(['of a', 'of b']));
    const { losses, document } = await rekeyRecords(session);
    const [entry, ...more] = mergeLog(losses);
    expect(more).toEqual([]);
    const [written] = [...document.entries.values()].find((one) => one.path[3] === recordKey(3))!.candidates;
    expect(entry).toMatchObject({ rule: 'generated-key', losing: { stamp: { time: NOON + 1 } }, winning: written });
    expect(entry!.pointer.endsWith(recordKey(2))).toBe(true);
    expect(entry!.movedTo).toEqual(path(3));
    expect(written!.stamp).toEqual({ time: NOON + 1, count: 1 });
  });

  test('writes the key into the value where the store has a key path', async () => {
    const rules = { keyPath: 'meta.id' };
    const sessions = await inserted(
      [
        { meta: { id: 2 }, of: 'a' },
        { meta: { id: 2 }, of: 'b' },
      ],
      rules,
      { meta: { id: 1 } },
    );
    const after = await rekeyRecords(await merged(...sessions));
    expect(await recordsOf(after.session)).toEqual([
      [1, { meta: { id: 1 } }],
      [2, { meta: { id: 2 }, of: 'b' }],
      [3, { meta: { id: 3 }, of: 'a' }],
    ]);
    expect(after.parked).toEqual([]);
  });

  test('done by two at the same time it is done once; joined with what did not see it, it stays', async () => {
    const inserts = await inserted(['of a', 'of b', 'of c']);
    const session = await merged(...inserts);
    const [one, other] = [await rekeyRecords(session), await rekeyRecords(await merged(...[...inserts].reverse()))];
    expect(await bytesOf(one.session)).toBe(await bytesOf(other.session));
    expect(await bytesOf(await merged(one.session, other.session, ...inserts))).toBe(await bytesOf(one.session));
    expect(await recordsOf(one.session)).toEqual([
      [1, 'one'],
      [2, 'of c'],
      [3, 'of a'],
      [4, 'of b'],
    ]);
  });

  test('done at the same time by two who know different inserts, nothing is lost, and what meets is parked again', async () => {
    const [a, b, c] = (await inserted(['of a', 'of b', 'of c'])) as [Session, Session, Session];
    const left = (await rekeyRecords(await merged(a, b))).session;
    const right = (await rekeyRecords(await merged(b, c))).session;
    const both = await mergeSessions([left, right]);
    expect(both.parked).toEqual([{ kind: 'record', path: path(3), reason: 'generated-key' }]);
    const values = (await recordsOf((await rekeyRecords(both.session)).session)).map((one) => (one as unknown[])[1]);
    expect(values.sort()).toEqual(['of a', 'of b', 'of c', 'one']);
  });

  test('leaves alone what the application knows to be two changes of one record, and what was merged inside', async () => {
    const changes = await inserted(['of a', 'of b']);
    const { rekeyed, parked } = await rekeyRecords(await merged(...changes), { isInsert: () => false });
    expect([rekeyed, parked.length]).toEqual([[], 1]);
    const objects = await inserted([{ a: 1 }, { b: 2 }]);
    const made = await rekeyRecords(await merged(...objects), { policies: [{ kind: 'record', policy: 'json' }] });
    expect(made.rekeyed).toEqual([]);
    expect(await recordsOf(made.session)).toContainEqual([2, { a: 1, b: 2 }]);
  });

  test('a store without a generator, a key that none made, and equal values are no two inserts', async () => {
    expect((await rekeyRecords(await merged(...(await inserted(['a', 'b'], { autoIncrement: false }))))).rekeyed).toEqual([]);
    expect(await rekeyRecords(await merged(...(await inserted(['same', 'same']))))).toMatchObject({ rekeyed: [], parked: [] });
  });

  test('what a generator at its end has no key for stays parked', async () => {
    const end = await rekeyRecords(await merged(...(await inserted(['a', 'b'], { keyGenerator: 2 ** 53 + 2 }))));
    expect(end.rekeyed).toEqual([]);
    expect(end.parked).toEqual([{ kind: 'record', path: path(2), reason: 'generated-key' }]);
  });
});
