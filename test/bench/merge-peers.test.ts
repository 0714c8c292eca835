/** What the bench of merging does, at sizes that take no time: every package merges all that replicas wrote, and so do ours. */
import { describe, expect, it } from 'vitest';
import { type Items, loadMapPeers } from '../../bench/merge-peers.ts';
import { commitTo, countEntries, countRecords, sessionOfItems, sessionOfRecords, withState } from '../../bench/merge-sessions.ts';
import { mergeSessions } from '../../ts/merging.ts';

const NAMES = ['a', 'b', 'c'];
const BASE: Items = Object.fromEntries(NAMES.map((name) => [name, 'base']));
const CHANGED: readonly Items[] = [0, 1, 2].map((replica) => Object.fromEntries(NAMES.map((name) => [name, `${name} of ${replica}`])));

const peers = loadMapPeers();

it('the packages are those of the goals', () => {
  expect(peers.map(({ name }) => name)).toEqual(['yjs', 'ywasm', 'loro-crdt', 'json-joy', '@automerge/automerge']);
});

describe.each(peers)('$name', ({ prepare }) => {
  it('merges what all replicas wrote, as often as it is asked', () => {
    const merge = prepare(BASE, CHANGED);
    const shown = merge();
    expect(Object.keys(shown).sort()).toEqual(NAMES);
    for (const [name, value] of Object.entries(shown)) expect(CHANGED.map((items) => items[name])).toContain(value);
    expect(merge()).toEqual(shown);
  });

  it('keeps what one replica alone changed', () => {
    const changed = NAMES.map((name, replica): Items => ({ [name]: `${name} of ${replica}` }));
    expect(prepare(BASE, changed)()).toEqual({ a: 'a of 0', b: 'b of 1', c: 'c of 2' });
  });
});

describe('ours', () => {
  it('merges sessions of items as the packages do maps', async () => {
    const base = await withState(sessionOfItems(BASE));
    const sessions = await Promise.all(
      NAMES.map((name, replica) => commitTo(base, sessionOfItems({ ...BASE, [name]: `${name} of ${replica}` }), replica)),
    );
    const { session, conflicts } = await mergeSessions(sessions);
    expect(Object.fromEntries(session.storage[0]!.localStorage)).toEqual({ a: 'a of 0', b: 'b of 1', c: 'c of 2' });
    expect(conflicts).toEqual([]);
    expect(countEntries(session)).toBe(3);
  });

  it('merges records one by one', async () => {
    const base = await withState(sessionOfRecords(['x', 'y', 'z']));
    const [first, second] = await Promise.all([
      commitTo(base, sessionOfRecords(['x', 'Y', 'z']), 0),
      commitTo(base, sessionOfRecords(['X', 'y', 'z']), 1),
    ]);
    const { session } = await mergeSessions([first!, second!]);
    expect([countRecords(session), countEntries(session)]).toEqual([3, 3]);
    const wanted = sessionOfRecords(['X', 'Y', 'z']).storage[0]!.indexedDB[0]!.stores[0]!.records!;
    const merged = session.storage[0]!.indexedDB[0]!.stores[0]!.records!;
    expect(await merged.bytes()).toEqual(await wanted.bytes());
  });
});
