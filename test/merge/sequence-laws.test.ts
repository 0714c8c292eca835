/**
 * Law M17 by the public door, on random lives of several replicas: updates that get lost and are sent again, restarts in the middle, writing into what others
 * delete. Every unit is another one, so order and presence can be read off the text. fast-check prints the seed of what fails, and shrinks it.
 */
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { createText, type TextSequence, useKernel } from '../../ts/sequence.ts';

afterAll(() => useKernel('wasm'));

let replicas = 0;

/** A new replica, by number, so that a failure can be repeated. */
function begin(state?: Uint8Array): TextSequence {
  replicas++;
  const id = replicas;
  const text = createText({
    randomBytes: (length) => Uint8Array.from({ length }, (_, at) => (at < 4 ? id >>> (8 * at) : (id * (at + 3)) ^ 0x5a)),
  });
  if (state !== undefined) text.apply(state);
  return text;
}

/** Goes on under another name from what is stored: what it had not sent goes with the state. */
function restart(text: TextSequence): TextSequence {
  const next = begin(text.encode());
  text.free();
  return next;
}

const step = fc.record({
  what: fc.constantFrom('insert', 'insert', 'insert', 'delete', 'send', 'deliver', 'deliver', 'deliver', 'join', 'restart'),
  on: fc.nat(3),
  a: fc.nat(1000),
  b: fc.nat(1000),
});

/** What a schedule left: its replicas, with all that was sent delivered at last, and all units that were ever inserted and deleted. */
interface Life {
  readonly texts: readonly TextSequence[];
  readonly inserted: ReadonlySet<string>;
  readonly deleted: ReadonlySet<string>;
}

/** `watch` sees the text of whoever did something. */
function live(
  steps: readonly (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[],
  watch: (text: string) => void = () => {},
): Life {
  replicas = 0;
  const texts = [begin(), begin(), begin(), begin()];
  const sent: Uint8Array[] = [];
  const inserted = new Set<string>();
  const deleted = new Set<string>();
  let next = 0x4e00;
  for (const { what, on, a, b } of steps) {
    const text = texts[on]!;
    if (what === 'insert') {
      const units = Array.from({ length: 1 + (b % 4) }, () => String.fromCharCode(next++));
      for (const unit of units) inserted.add(unit);
      text.insert(a % (text.length + 1), units.join(''));
    } else if (what === 'delete') {
      const index = a % (text.length + 1);
      const count = Math.min(1 + (b % 6), text.length - index);
      for (const unit of text.slice(index, index + count)) deleted.add(unit);
      text.delete(index, count);
    } else if (what === 'send') {
      const update = text.takeUpdate();
      if (update !== null) sent.push(update);
    } else if (what === 'deliver') {
      // Most are dropped here and there; any may come again.
      if (sent.length > 0) receive(text, sent[a % sent.length]!, texts);
    } else if (what === 'join') text.apply(texts[a % 4]!.encode());
    else texts[on] = restart(text);
    watch(texts[on]!.toString());
  }
  // Everything is sent again, to each in another order; what went with a restart comes by states.
  for (const text of texts) {
    const update = text.takeUpdate();
    if (update !== null) sent.push(update);
  }
  for (const [at, text] of texts.entries()) {
    const order = at % 2 === 0 ? sent : [...sent].reverse();
    for (const update of order) receive(text, update, texts);
    watch(text.toString());
  }
  for (const text of texts) for (const other of texts) text.apply(other.encode());
  return { texts, inserted, deleted };
}

/** Where an update names what is not known here for good, whoever gets it asks for a state (`MERGE_NEED_STATE`), and has to ask for no more than that. */
function receive(text: TextSequence, update: Uint8Array, others: readonly TextSequence[]): void {
  try {
    text.apply(update);
  } catch (error) {
    expect(error).toMatchObject({ code: 'MERGE_NEED_STATE' });
    for (const other of others) if (other !== text) text.apply(other.encode());
  }
}

describe.each(['portable', 'wasm'] as const)('a text on the %s kernel', (kind) => {
  beforeEach(() => useKernel(kind));

  test('M17, M20: dropped and resent updates, duplicates and restarts end in one state with one sequence of bytes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { texts } = live(steps);
        const states = texts.map((text) => text.encode());
        for (const state of states) expect(state).toEqual(states[0]);
        expect(texts.map(({ waiting }) => waiting)).toEqual([0, 0, 0, 0]);
        // Somebody new, by the states alone and twice.
        const stranger = begin();
        for (const state of [...states, ...states]) stranger.apply(state);
        expect(stranger.encode()).toEqual(states[0]);
      }),
      { numRuns: 150 },
    );
  });

  test('M17: in the end there is exactly what somebody inserted and nobody deleted, each once', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { texts, inserted, deleted } = live(steps);
        const expected = [...inserted].filter((unit) => !deleted.has(unit)).sort();
        for (const text of texts) expect([...text.toString()].sort()).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  test('M17: no two units ever stand in two orders, anywhere, at any time, through deletes and restarts', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const seen = new Set<string>();
        live(steps, (text) => {
          const units = [...text];
          for (const [at, first] of units.entries()) {
            for (let behind = at + 1; behind < units.length; behind++) {
              const second = units[behind]!;
              if (seen.has(second + first)) throw new Error(`${first} and ${second} stand in two orders`);
              seen.add(first + second);
            }
          }
        });
      }),
      { numRuns: 120 },
    );
  });

  test('M17: what is inserted into a range that others delete stays, where it was put', () => {
    const cut = fc.tuple(fc.nat(11), fc.integer({ min: 1, max: 12 }));
    fc.assert(
      fc.property(fc.array(cut, { minLength: 1, maxLength: 3 }), fc.nat(12), (cuts, at) => {
        replicas = 0;
        const base = 'abcdefghijkl';
        const first = begin();
        first.insert(0, base);
        const writer = begin(first.encode());
        writer.insert(at, 'XYZ');
        const kept = [...base].map(() => true);
        const updates = [writer.takeUpdate()!];
        for (const [from, count] of cuts) {
          const cutter = begin(first.encode());
          cutter.delete(from, Math.min(count, base.length - from));
          kept.fill(false, from, from + count);
          updates.push(cutter.takeUpdate()!);
        }
        const of = (from: number, to: number): string => [...base].filter((_, i) => i >= from && i < to && kept[i]).join('');
        for (const order of [updates, [...updates].reverse()]) {
          const text = begin(first.encode());
          for (const update of order) text.apply(update);
          expect(text.toString()).toBe(`${of(0, at)}XYZ${of(at, base.length)}`);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('M17: runs do not mix, where one types forwards, one backwards, one pastes, and one restarts in the middle', () => {
    for (let trial = 0; trial < 40; trial++) {
      replicas = 1000 * trial;
      const first = begin();
      first.insert(0, '[]');
      const state = first.encode();
      const texts = [begin(state), begin(state), begin(state), begin(state)];
      for (let k = 0; k < 12; k++) {
        texts[0]!.insert(1 + k, 'A');
        texts[1]!.insert(1, 'B');
        if (k === 5) texts[3] = restart(texts[3]!);
        texts[3]!.insert(trial % 2 === 0 ? 1 + k : 1, 'D');
      }
      texts[2]!.insert(1, 'C'.repeat(12));
      const states = texts.map((text) => text.encode());
      const shown = [states, [...states].reverse()].map((order) => {
        const text = begin();
        for (const one of order) text.apply(one);
        return text.toString();
      });
      expect(shown[1]).toBe(shown[0]);
      expect(
        shown[0]!
          .slice(1, -1)
          .match(/(.)\1*/g)!
          .map((run) => run.length),
      ).toEqual([12, 12, 12, 12]);
    }
  });

  // 8 of the bytes are the name of the replica, which wrote nothing else.
  test.each<[string, (k: number, length: number) => number]>([
    ['at the end', (_, length) => length],
    ['at the start', () => 0],
    ['in the middle', (_, length) => length >> 1],
    ['behind the first unit', (_, length) => Math.min(1, length)],
  ])('M17: identifiers take at most 16 bytes where each edit is of a new replica, %s', (_, place) => {
    replicas = 0;
    const EDITS = 600;
    let text = begin();
    for (let k = 0; k < EDITS; k++) {
      text.insert(place(k, text.length), 'x');
      text = restart(text);
    }
    const state = text.encode();
    expect(state.length).toBeLessThanOrEqual(16 * EDITS);
    expect(begin(state).toString()).toBe('x'.repeat(EDITS));
  });
});
