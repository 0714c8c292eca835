/** Texts by their public door: edits one call each, listeners, surrogate pairs, runs that do not mix, opening what was stored. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { liftList, liftText } from '../../ts/merge/sequence/lift.ts';
import { createList, createText, type SequenceOptions, type TextEdit, type TextSequence, useKernel } from '../../ts/sequence.ts';
import { seededRandom } from '../oracle/edits.ts';
import { HAS_DATA, readData, titled } from './sequence-data.ts';

afterAll(() => useKernel('wasm'));

/** Replicas by number, so that a failure can be repeated. */
function numbered(number: number): SequenceOptions {
  return { randomBytes: (length) => Uint8Array.from({ length }, (_, at) => (at === length - 1 ? number : 0x5a ^ (at * number))) };
}

/** Everybody gets all that anybody did. */
function exchange(texts: readonly TextSequence[]): void {
  const updates = texts.map((text) => text.takeUpdate());
  for (const text of texts) for (const update of updates) if (update !== null) text.apply(update);
}

describe.each(['portable', 'wasm'] as const)('a text on the %s kernel', (kind) => {
  beforeEach(() => useKernel(kind));

  it('does as a string does, edit by edit', () => {
    const random = seededRandom(7);
    const text = createText(numbered(1));
    let plain = '';
    for (let edit = 0; edit < 12_000; edit++) {
      const index = Math.floor(random() * (plain.length + 1));
      const count = random() < 0.3 ? Math.min(3, plain.length - index) : 0;
      const inserted = random() < 0.8 ? String.fromCharCode(97 + (edit % 26)).repeat(1 + (edit % 3)) : '';
      text.replace(index, count, inserted);
      plain = plain.slice(0, index) + inserted + plain.slice(index + count);
      expect(text.length).toBe(plain.length);
      if (edit % 500 === 0) expect(text.slice(index, Math.min(plain.length, index + 9))).toBe(plain.slice(index, index + 9));
    }
    expect(text.toString()).toBe(plain);
    expect(() => text.insert(plain.length + 1, 'x')).toThrow(RangeError);
    expect(() => text.delete(plain.length, 1)).toThrow(RangeError);
    expect(() => text.insert(0.5, 'x')).toThrow(RangeError);
    expect(() => text.delete(0, -1)).toThrow(RangeError);
    expect(() => text.slice(2, 1)).toThrow(RangeError);
    expect(text.toString()).toBe(plain);
  });

  it('keeps runs apart that were typed at one place at once, forwards, backwards and pasted', () => {
    for (let trial = 0; trial < 60; trial++) {
      for (const mode of ['forward', 'backward', 'paste'] as const) {
        const texts = Array.from({ length: 2 + (trial % 3) }, (_, at) => createText(numbered(1 + at + 7 * trial)));
        texts[0]!.insert(0, '[]');
        exchange(texts);
        for (const [at, text] of texts.entries()) typeRun(text, 1, String.fromCharCode(65 + at), mode);
        exchange(texts);
        expectRuns(texts, texts.length);
      }
    }
  });

  it.skipIf(!HAS_DATA)(titled('keeps runs apart as the generated cases want it'), () => {
    interface Case {
      readonly base: string;
      readonly at: number;
      readonly replicas: number;
      readonly mode: 'forward' | 'backward' | 'paste';
    }
    for (const { base, at, replicas, mode } of readData<{ cases: Case[] }>('generated/interleaving').cases) {
      const texts = Array.from({ length: replicas }, (_, number) => createText(numbered(number + 1)));
      texts[0]!.insert(0, base);
      exchange(texts);
      for (const [number, text] of texts.entries()) typeRun(text, at, String.fromCharCode(65 + number), mode);
      exchange(texts);
      expectRuns(texts, replicas);
    }
  });

  it('keeps runs apart when one of them goes on under a new replica, after a restart', () => {
    for (let trial = 0; trial < 60; trial++) {
      for (const mode of ['forward', 'backward'] as const) {
        const [a, b] = [createText(numbered(1 + 3 * trial)), createText(numbered(2 + 3 * trial))];
        a.insert(0, '[]');
        exchange([a, b]);
        for (let half = 0; half < 8; half++) a.insert(mode === 'forward' ? 1 + half : 1, 'A');
        typeRun(b, 1, 'B', mode);
        const again = createText(numbered(3 + 3 * trial));
        again.apply(a.encode());
        for (let half = 8; half < 15; half++) again.insert(mode === 'forward' ? 1 + half : 1, 'A');
        again.apply(b.encode());
        b.apply(again.encode());
        expectRuns([again, b], 2);
      }
    }
  });

  it('never changes the order of two units, whatever else comes and goes', () => {
    const random = seededRandom(11);
    const texts = Array.from({ length: 3 }, (_, at) => createText(numbered(40 + at)));
    // Every unit is another, so the order of two is to be seen in any text that has both.
    let next = 0x4e00;
    const before = new Set<string>();
    const swapped: string[] = [];
    for (let round = 0; round < 60; round++) {
      for (const text of texts) {
        for (let edit = 0; edit < 3; edit++) {
          if (random() < 0.25 && text.length > 2) text.delete(Math.floor(random() * (text.length - 1)), 1);
          else text.insert(Math.floor(random() * (text.length + 1)), String.fromCharCode(next++));
        }
      }
      if (round % 4 === 3) exchange(texts);
      for (const text of texts) {
        const units = [...text.toString()];
        for (const [at, first] of units.entries()) {
          for (const second of units.slice(at + 1)) {
            if (before.has(second + first)) swapped.push(first + second);
            before.add(first + second);
          }
        }
      }
    }
    expect(swapped).toEqual([]);
    expect(before.size).toBeGreaterThan(10_000);
  });

  it('inserts into what another deletes, and deletes once what two delete', () => {
    const [a, b] = [createText(numbered(1)), createText(numbered(2))];
    a.insert(0, 'one two three');
    exchange([a, b]);
    a.delete(3, 4);
    b.insert(5, '!');
    b.delete(8, 5);
    b.delete(4, 1);
    exchange([a, b]);
    expect([a.toString(), b.toString()]).toEqual(['one!e', 'one!e']);
  });

  it('tells a listener what to do, and local edits to nobody', () => {
    const [a, b] = [createText(numbered(1)), createText(numbered(2))];
    let shown = '';
    let calls = 0;
    const stop = b.onChange((changes: readonly TextEdit[]) => {
      calls++;
      for (const { index, removed, inserted } of changes) shown = shown.slice(0, index) + inserted + shown.slice(index + removed);
    });
    a.insert(0, 'hello world');
    a.replace(0, 1, 'J');
    b.apply(a.takeUpdate()!);
    expect([shown, calls]).toEqual(['Jello world', 1]);
    a.edit([
      { index: 5, removed: 6, inserted: '' },
      { index: 0, removed: 0, inserted: '>' },
    ]);
    const update = a.takeUpdate()!;
    b.apply(update);
    b.apply(update);
    expect([shown, calls]).toEqual(['>Jello', 2]);
    b.insert(0, 'x');
    expect(calls).toBe(2);
    stop();
    a.insert(0, 'y');
    b.apply(a.takeUpdate()!);
    expect(calls).toBe(2);
    expect(b.toString()).toMatch(/^(xy|yx)>Jello$/);
  });

  it('never splits a surrogate pair, whoever brought it', () => {
    const [a, b, c] = [createText(numbered(1)), createText(numbered(2)), createText(numbered(3))];
    a.insert(0, 'a😀b');
    for (const index of [0, 1, 3, 4]) a.insert(index, '');
    expect(() => a.insert(2, 'x')).toThrow(RangeError);
    expect(() => a.delete(1, 1)).toThrow(RangeError);
    expect(() => a.delete(2, 2)).toThrow(RangeError);
    a.delete(0, 1);
    const first = a.takeUpdate()!;
    a.insert(0, '-');
    const second = a.takeUpdate()!;
    b.apply(first);
    expect(() => b.insert(1, 'x')).toThrow(RangeError);
    // What waits has its pairs, too, once it comes.
    a.insert(a.length, '😁');
    const third = a.takeUpdate()!;
    c.apply(third);
    c.insert(0, 'c');
    c.apply(second);
    c.insert(1, 'c');
    c.apply(first);
    expect(c.toString().replaceAll('c', '')).toBe('-😀b😁');
    expect(() => c.insert(c.toString().indexOf('😁') + 1, 'x')).toThrow(RangeError);
    expect(() => c.delete(c.toString().indexOf('😀') + 1, 1)).toThrow(RangeError);
  });

  it('holds lone surrogates and every other unit', () => {
    const [a, b] = [createText(numbered(1)), createText(numbered(2))];
    const units = '\u0000\u007f\u0080\u3fff\u4000\ud800x\udc00\uffff';
    a.insert(0, units);
    b.apply(a.encode());
    expect(b.toString()).toBe(units);
  });

  it('is a new replica each time, and frees what nobody needs when asked with all versions', () => {
    const [a, b] = [createText(), createText()];
    for (let k = 0; k < 50; k++) a.insert(Math.floor(k / 2), 'x');
    a.delete(0, 50);
    expect(a.toString()).toBe('');
    exchange([a, b]);
    b.insert(0, 'left');
    exchange([a, b]);
    const versions = [a.version(), b.version()];
    expect(a.collect([versions[1]!])).toBe(25);
    expect(b.collect([versions[0]!])).toBe(25);
    expect(a.encode()).toEqual(b.encode());
    expect(a.waiting).toBe(0);
    // Two replicas are in the version: B's id is not A's.
    expect(a.version()[1]).toBe(2);
  });

  it('is of no use after free', () => {
    const text = createText(numbered(1));
    text.insert(0, 'abc');
    text.free();
    text.free();
    expect(() => text.insert(0, 'x')).toThrow(TypeError);
    expect(() => text.toString()).toThrow(TypeError);
    expect(() => text.takeUpdate()).toThrow(TypeError);
    expect(() => text.apply(Uint8Array.of(0x80, 0, 0))).toThrow(TypeError);
  });
});

describe('lifting', () => {
  const origin = { high: 0xfedcba98, low: 0x76543210 };

  it('gives two that lift alone the same units, so nothing is there twice (M17)', () => {
    const [a, b] = [createText(numbered(1)), createText(numbered(2))];
    a.apply(liftText('a draft 😀', origin));
    b.apply(liftText('a draft 😀', origin));
    a.insert(2, 'fine ');
    b.delete(0, 2);
    exchange([a, b]);
    expect([a.toString(), b.toString()]).toEqual(['fine draft 😀', 'fine draft 😀']);
    const lists = [createList<string>(numbered(1)), createList<string>(numbered(2))];
    for (const list of lists) list.apply(liftList(['x', 'y'], origin));
    lists[0]!.insert(1, 'z');
    lists[1]!.apply(lists[0]!.takeUpdate()!);
    expect(lists[1]!.toArray()).toEqual(['x', 'z', 'y']);
  });

  it('of other content under the same id is found out', () => {
    const text = createText(numbered(1));
    text.apply(liftText('one', origin));
    expect(() => text.apply(liftText('two', origin))).toThrow(expect.objectContaining({ code: 'MERGE_FORK' }));
    expect(text.toString()).toBe('one');
  });
});

describe('texts on both kernels', () => {
  it('understand each other, and fail alike', () => {
    const [a, b] = (['portable', 'wasm'] as const).map((kind) => {
      useKernel(kind);
      return createText(numbered(kind.length));
    }) as [TextSequence, TextSequence];
    a.insert(0, 'from here');
    b.insert(0, 'and there');
    exchange([a, b]);
    expect(a.encode()).toEqual(b.encode());
    for (const text of [a, b])
      expect(() => text.apply(Uint8Array.of(0x80, 9))).toThrow(expect.objectContaining({ code: 'MERGE_MALFORMED' }));
  });
});

function typeRun(text: TextSequence, at: number, letter: string, mode: 'forward' | 'backward' | 'paste'): void {
  if (mode === 'paste') text.insert(at, letter.repeat(15));
  else for (let k = 0; k < 15; k++) text.insert(mode === 'forward' ? at + k : at, letter);
}

/** All show the same, and inside the brackets each letter stands in one run of 15. */
function expectRuns(texts: readonly TextSequence[], letters: number): void {
  const shown = texts.map((text) => text.toString());
  expect(new Set(shown).size).toBe(1);
  const runs = shown[0]!.slice(1, -1).match(/(.)\1*/g)!;
  expect(runs.map((run) => run.length)).toEqual(new Array(letters).fill(15));
}
