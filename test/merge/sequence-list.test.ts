/** Lists by their public door: values, moves that never double an element, slots that lose, listeners, hostile slots. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createList, type ListSequence, type SequenceOptions, useKernel, type ValueCodec } from '../../ts/sequence.ts';
import { seededRandom } from '../oracle/edits.ts';

afterAll(() => useKernel('wasm'));

function numbered(number: number): SequenceOptions {
  return { randomBytes: (length) => Uint8Array.from({ length }, (_, at) => (at === length - 1 ? number : 0x33 ^ (at * number))) };
}

function exchange<Value>(lists: readonly ListSequence<Value>[]): void {
  const updates = lists.map((list) => list.takeUpdate());
  for (const list of lists) for (const update of updates) if (update !== null) list.apply(update);
}

/** Two lists that hold the same letters. */
function lettered(letters: string, count = 2): ListSequence<string>[] {
  const lists = Array.from({ length: count }, (_, at) => createList<string>(numbered(at + 1)));
  lists[0]!.insert(0, ...letters);
  exchange(lists);
  return lists;
}

const shownBy = (lists: readonly ListSequence<string>[]) => lists.map((list) => list.toArray().join(''));

describe.each(['portable', 'wasm'] as const)('a list on the %s kernel', (kind) => {
  beforeEach(() => useKernel(kind));

  it('does as an array does', () => {
    const random = seededRandom(3);
    const list = createList<number>(numbered(1));
    const plain: number[] = [];
    for (let edit = 0; edit < 3000; edit++) {
      const at = Math.floor(random() * (plain.length + 1));
      const to = Math.floor(random() * plain.length);
      if (plain.length > 20 && random() < 0.3) {
        list.delete(Math.min(at, plain.length - 2), 2);
        plain.splice(Math.min(at, plain.length - 2), 2);
      } else if (edit > 2500 && plain.length > 1 && at < plain.length) {
        list.move(at, to);
        plain.splice(to, 0, ...plain.splice(at, 1));
      } else {
        list.insert(at, edit, -edit);
        plain.splice(at, 0, edit, -edit);
      }
      expect(list.length).toBe(plain.length);
    }
    expect(list.toArray()).toEqual(plain);
    expect(list.get(5)).toBe(plain[5]);
    expect(list.slice(3, 9)).toEqual(plain.slice(3, 9));
    for (const wrong of [
      () => list.get(plain.length),
      () => list.insert(plain.length + 1, 0),
      () => list.move(0, plain.length),
      () => list.slice(2, 1),
    ]) {
      expect(wrong).toThrow(RangeError);
    }
  });

  it('keeps an element one that two replicas move at once, and both agree where it is', () => {
    const lists = lettered('abcdef');
    lists[0]!.move(0, 5);
    lists[1]!.move(0, 3);
    exchange(lists);
    const [first, second] = shownBy(lists);
    expect(first).toBe(second);
    expect([...first!].sort().join('')).toBe('abcdef');
    expect(lists.map(({ length }) => length)).toEqual([6, 6]);
    expect(lists[0]!.encode()).toEqual(lists[1]!.encode());
  });

  it('lets the later of two moves win that knew each other, also against one that did not', () => {
    const lists = lettered('abcd', 3);
    lists[0]!.move(0, 3);
    exchange(lists.slice(0, 2));
    lists[1]!.move(3, 1);
    lists[2]!.move(0, 2);
    for (const list of lists) for (const other of lists) if (list !== other) list.apply(other.encode());
    expect(shownBy(lists)).toEqual(['bacd', 'bacd', 'bacd']);
  });

  it('keeps an element that one moves and another deletes', () => {
    const lists = lettered('abc');
    lists[0]!.delete(1, 1);
    lists[1]!.move(1, 0);
    exchange(lists);
    expect(shownBy(lists)).toEqual(['bac', 'bac']);
  });

  it('removes the slot that lost with the next local change, and shows the same before and after', () => {
    const lists = lettered('abcdef');
    const plain = lists[0]!.encode().length;
    lists[0]!.move(0, 5);
    lists[1]!.move(0, 3);
    exchange(lists);
    const before = lists[0]!.toArray();
    const withLoser = lists[0]!.encode().length;
    lists[0]!.insert(6, 'g');
    lists[0]!.delete(6, 1);
    expect(lists[0]!.toArray()).toEqual(before);
    expect(lists[0]!.encode().length).toBeLessThan(withLoser);
    exchange(lists);
    expect(lists[1]!.toArray()).toEqual(before);
    expect(lists[1]!.encode()).toEqual(lists[0]!.encode());
    // One moved slot names its first dot: 1 + 8 + 1 + 1 bytes more, and a base of its own.
    expect(lists[1]!.encode().length).toBeLessThan(plain + 40);
  });

  it('has each element once after any moves, deletes and inserts of three replicas', () => {
    for (let trial = 0; trial < 40; trial++) {
      const random = seededRandom(100 + trial);
      const lists = lettered('abcdefgh', 3);
      let next = 0;
      for (let round = 0; round < 12; round++) {
        for (const list of lists) {
          const at = Math.floor(random() * list.length);
          if (random() < 0.6) list.move(at, Math.floor(random() * list.length));
          else if (random() < 0.5) list.insert(at, `n${next++}`);
          else if (list.length > 3) list.delete(at, 1);
        }
        if (round % 3 === 2) exchange(lists);
        for (const list of lists) {
          expect(new Set(list.toArray()).size).toBe(list.length);
          expect(Array.from({ length: list.length }, (_, at) => list.get(at))).toEqual(list.toArray());
        }
      }
      exchange(lists);
      expect(new Set(lists.map((list) => list.toArray().join())).size).toBe(1);
      const stored = createList<string>();
      stored.apply(lists[2]!.encode());
      expect(stored.toArray()).toEqual(lists[0]!.toArray());
      expect(stored.encode()).toEqual(lists[0]!.encode());
    }
  });

  it('tells a listener what to do, with moves and without', () => {
    const lists = lettered('abcdef');
    const shown = [...'abcdef'];
    let calls = 0;
    const stop = lists[1]!.onChange((changes) => {
      calls++;
      for (const { index, removed, inserted } of changes) shown.splice(index, removed, ...inserted);
    });
    lists[0]!.insert(2, 'x', 'y');
    lists[0]!.delete(0, 1);
    exchange(lists);
    expect(shown).toEqual(lists[1]!.toArray());
    lists[0]!.move(1, 4);
    exchange(lists);
    expect(shown).toEqual(lists[1]!.toArray());
    lists[1]!.move(0, 5);
    shown.splice(5, 0, ...shown.splice(0, 1));
    lists[0]!.move(0, 2);
    exchange(lists);
    expect(shown).toEqual(lists[1]!.toArray());
    expect(shown).toEqual(lists[0]!.toArray());
    expect(calls).toBe(3);
    stop();
    lists[0]!.insert(0, 'z');
    exchange(lists);
    expect(calls).toBe(3);
  });

  it('takes any codec, and refuses what it does not read, with its error', () => {
    const codec: ValueCodec<Uint8Array> = {
      encode: (value) => value,
      decode(bytes) {
        if (bytes.length === 0) throw new Error('nothing');
        return bytes;
      },
    };
    const [a, b] = [createList({ codec, ...numbered(1) }), createList({ codec, ...numbered(2) })];
    a.insert(0, Uint8Array.of(1, 2), Uint8Array.of(3));
    b.apply(a.takeUpdate()!);
    expect(b.toArray()).toEqual([Uint8Array.of(1, 2), Uint8Array.of(3)]);
    a.insert(0, new Uint8Array(0));
    const before = b.encode();
    expect(() => b.apply(a.takeUpdate()!)).toThrow(expect.objectContaining({ code: 'MERGE_MALFORMED', cause: new Error('nothing') }));
    expect(b.encode()).toEqual(before);
    expect(() => createList().insert(0, undefined)).toThrow(TypeError);
  });

  it('refuses every truncation and every change that is not a list, and stays as it was', () => {
    const lists = lettered('abc');
    lists[0]!.move(0, 2);
    lists[0]!.insert(1, 'quite a long value');
    const good = [lists[0]!.encode(), lists[0]!.takeUpdate()!];
    for (const bytes of good) {
      for (let at = 0; at < bytes.length; at++) {
        const list = lettered('')[0]!;
        expect(() => list.apply(bytes.subarray(0, at))).toThrow(expect.objectContaining({ code: 'MERGE_MALFORMED' }));
        expect(list.length).toBe(0);
        for (const flip of [1, 4, 16, 128]) {
          const changed = bytes.slice();
          changed[at]! ^= flip;
          const before = list.encode();
          try {
            list.apply(changed);
          } catch (fault) {
            expect(fault).toMatchObject({ code: expect.stringMatching(/^MERGE_(MALFORMED|FORK|NEED_STATE)$/) });
            if ((fault as { code: string }).code === 'MERGE_MALFORMED') expect(list.encode()).toEqual(before);
          }
          expect(list.toArray()).toHaveLength(list.length);
        }
      }
    }
  });

  it('lets go of values whose elements are gone', () => {
    const [a, b] = lettered('') as [ListSequence<string>, ListSequence<string>];
    const large = 'x'.repeat(100);
    for (let round = 0; round < 5000; round++) {
      a.insert(0, large);
      a.delete(0, 1);
      b.apply(a.takeUpdate()!);
    }
    expect([a.length, b.length]).toEqual([0, 0]);
    const slots = (list: ListSequence<string>) => (list as unknown as { slots: Map<number, unknown> }).slots.size;
    expect(slots(a)).toBeLessThan(2000);
    expect(slots(b)).toBeLessThan(2000);
  });
});
