/** What metadata says of a record: it comes back as it was written, and it stays small however long a record lives. */

import { expect, test } from 'vitest';
import { MAX_METADATA_BYTES } from '../../ts/provider.ts';
import { idOf, keyOf as keyUnder, lastIdOf, prefixOf } from '../../ts/store/namespace.ts';
import {
  findWrite,
  follow,
  formatFacts,
  formatMark,
  hasEnded,
  holdsNoSession,
  markOf,
  mayBeForgotten,
  passingMarks,
  type RecordFacts,
  readFacts,
} from '../../ts/store/record-facts.ts';

const writeId = (at: number) => at.toString(16).padStart(4, '0').repeat(8);
const written = (facts: RecordFacts): RecordFacts => readFacts({ metadata: formatFacts(facts), size: facts.deletedAt === null ? 1 : 0 });

test('forty lives of fifty writes each fit, and the last fifteen writes and sixteen lives are known', () => {
  const incarnation = (life: number): string => '🗝'.repeat(62) + String(life).padStart(2, '0');
  let facts: RecordFacts | null = null;
  let count = 0;
  for (let life = 0; life < 40; life++) {
    for (let write = 0; write < 50; write++) {
      facts = follow(facts, { incarnation: incarnation(life), revision: Number.MAX_SAFE_INTEGER - 50 + write, writeId: writeId(++count) });
      expect(written(facts)).toEqual(facts);
    }
    const tombstone: RecordFacts = follow(facts, { ...facts!, writeId: writeId(++count), deletedAt: Number.MAX_SAFE_INTEGER });
    facts = written(tombstone);
    expect(facts).toEqual({ ...tombstone, ended: tombstone.ended.slice(0, 16) });
    expect(passingMarks(tombstone, null)).toEqual(tombstone.ended.slice(16));
    const bytes = Object.entries(formatFacts(facts)).reduce((sum, pair) => sum + Buffer.byteLength(pair.join('')), 0);
    expect(bytes).toBeLessThanOrEqual(MAX_METADATA_BYTES - 300);
  }
  const known = Array.from({ length: 40 }, (_, life) => hasEnded(facts!, incarnation(life)));
  expect(known).toEqual(Array.from({ length: 40 }, (_, life) => life >= 24));
  expect(findWrite(facts!, writeId(count))).toBe('last');
  const found = Array.from({ length: 20 }, (_, back) => findWrite(facts!, writeId(count - 1 - back)));
  expect(found).toEqual(Array.from({ length: 20 }, (_, back) => (back < 15 ? 'earlier' : null)));
});

test('a write may be forgotten only where fifteen others came after it', () => {
  let facts = follow(null, { incarnation: 'a', revision: 1, writeId: writeId(1) });
  for (let revision = 2; revision <= 16; revision++) {
    expect(mayBeForgotten(facts, 1)).toBe(false);
    facts = follow(facts, { incarnation: 'a', revision, writeId: writeId(revision) });
  }
  expect([mayBeForgotten(facts, 1), mayBeForgotten(facts, 2)]).toEqual([true, false]);
});

test('a record that expires keeps no mark, and the mark of its own session is none of an ended one', () => {
  const first = follow(null, { incarnation: 'a', revision: 1, writeId: writeId(1) });
  const second = follow(first, { incarnation: 'b', revision: 1, writeId: writeId(2), ended: [markOf('b'), markOf('c')] });
  expect(passingMarks(second, 5)).toEqual([markOf('a'), markOf('c')]);
  expect(passingMarks(second, null)).toEqual([]);
});

test('a mark is told by its metadata and its empty value', () => {
  expect(holdsNoSession({ metadata: formatMark(markOf('a')), size: 0 })).toBe(true);
  expect(holdsNoSession({ metadata: formatMark(markOf('a')), size: 1 })).toBe(false);
});

test('a tombstone is told by its metadata and its empty value', () => {
  const facts = follow(null, { incarnation: 'a', revision: 1, writeId: writeId(1), deletedAt: 5 });
  expect(holdsNoSession({ metadata: formatFacts(facts), size: 0 })).toBe(true);
  expect(holdsNoSession({ metadata: formatFacts(facts), size: 1 })).toBe(false);
  expect(holdsNoSession({ metadata: {}, size: 0 })).toBe(false);
});

test('ids and keys: there and back, in one namespace only, and a prefix stays one', () => {
  const ids = ['a', 'a/b', '/', '//', '%', '%2F', '%252F', 'a%/b', 'ü/東京', '..', ' '];
  const prefixes = ['', 'n', 'n/m'].map(prefixOf);
  const keys = prefixes.flatMap((prefix) => ids.map((id) => keyUnder(prefix, id)));
  expect(new Set(keys).size).toBe(keys.length);
  for (const [at, key] of keys.entries()) {
    const [prefix, id] = [prefixes[Math.floor(at / ids.length)]!, ids[at % ids.length]!];
    expect(prefixes.filter((one) => idOf(one, key) !== null)).toEqual([prefix]);
    expect([idOf(prefix, key), lastIdOf(key)]).toEqual([id, id]);
    for (let end = 1; end < id.length; end++) expect(key.startsWith(keyUnder(prefix, id.slice(0, end)))).toBe(true);
  }
  // What no id gives.
  for (const key of ['', '%2f', '%', 'a%zz']) expect(idOf('', key)).toBeNull();
  expect(() => keyUnder('', '')).toThrow(RangeError);
  expect(() => keyUnder('', 7 as never)).toThrow(TypeError);
});
