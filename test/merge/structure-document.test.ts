/**
 * Lists inside values, all the way through documents: workers take the document out, change the cart in what they are shown, and bring back a delta, late and
 * sometimes twice. A model of the cart says what must be in it.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deltaOf, emptyDocument, joinDocuments, type MergeDocument } from '../../ts/merge/document.ts';
import { type Candidate, entryKey } from '../../ts/merge/entry.ts';
import type { PolicyRule } from '../../ts/merge/policy.ts';
import { resolve } from '../../ts/merge/resolve.ts';
import { structureFor } from '../../ts/merge/structure.ts';
import { itemPath } from './policy-fixture.ts';

interface Line {
  readonly id: string;
  readonly qty: number;
}

const POLICIES: PolicyRule[] = [{ policy: 'json' }];
const PATH = itemPath('cart');
const KEY = entryKey('localStorage', PATH);

function candidatesOf(document: MergeDocument): readonly Candidate[] {
  return document.entries.get(KEY)?.candidates ?? [];
}

function cartOf(document: MergeDocument): Line[] {
  const entry = document.entries.get(KEY);
  const shown = entry === undefined ? null : resolve([entry], { policies: POLICIES }).shown[0];
  return shown === undefined || shown === null ? [] : JSON.parse(shown.value as string);
}

/** What a worker brings back: the cart as it is now, against the document that it took out. */
function commit(taken: MergeDocument, cart: readonly Line[], replica: string, time: number): MergeDocument {
  const seen = candidatesOf(taken);
  const stamp = { time, count: 0, since: time - 5 };
  const value = JSON.stringify(cart);
  const structure = structureFor(seen, value, { dot: { replica, counter: 1 }, stamp }, 'json');
  const operation = {
    kind: 'localStorage',
    path: PATH,
    value,
    ...(structure === undefined ? {} : { structure }),
    stamp,
    sees: seen.map(({ dot }) => dot),
  } as const;
  return deltaOf('', [operation], { replica, counter: 0 }).delta;
}

/** A worker's stay: when it took the document out (how many commits ago), what it does, whether its reply got lost so that it sends again. */
interface Stay {
  readonly stale: number;
  readonly add: number;
  readonly remove: readonly number[];
  readonly change: readonly number[];
  readonly twice: boolean;
}

const stay: fc.Arbitrary<Stay> = fc.record({
  stale: fc.nat(4),
  add: fc.nat(2),
  remove: fc.array(fc.nat(9), { maxLength: 2 }),
  change: fc.array(fc.nat(9), { maxLength: 2 }),
  twice: fc.boolean(),
});

describe('a cart that many workers change at once', () => {
  test('holds every line that was added and that nobody took out, once; nothing that was taken out comes back', () => {
    fc.assert(
      fc.property(fc.array(stay, { minLength: 1, maxLength: 10 }), (stays) => {
        // The session was logged in once: all begin with one plain cart.
        const first = commit(emptyDocument(), [{ id: 'start', qty: 1 }], 'f'.repeat(16), 10);
        const history: MergeDocument[] = [first];
        const added = new Set(['start']);
        const removed = new Set<string>();
        stays.forEach(({ stale, add, remove, change, twice }, i) => {
          const store = history.at(-1) as MergeDocument;
          const taken = history[Math.max(0, history.length - 1 - stale)] as MergeDocument;
          const cart = cartOf(taken);
          const gone = new Set(remove.map((at) => cart[at]?.id).filter((id) => id !== undefined));
          const changed = new Set(change.map((at) => cart[at]?.id));
          const kept = cart.filter(({ id }) => !gone.has(id)).map((line) => (changed.has(line.id) ? { ...line, qty: line.qty + 1 } : line));
          const fresh = Array.from({ length: add }, (_, k) => ({ id: `${i}-${k}`, qty: 1 }));
          for (const { id } of fresh) added.add(id);
          for (const id of gone) removed.add(id);
          const delta = commit(taken, [...kept, ...fresh], (i + 1).toString(16).padStart(16, '0'), 20 + 3 * i);
          const joined = joinDocuments([store, delta]);
          history.push(twice ? joinDocuments([delta, joined]) : joined);
        });
        const ids = cartOf(history.at(-1) as MergeDocument).map(({ id }) => id);
        expect([...ids].sort()).toEqual([...added].filter((id) => !removed.has(id)).sort());
      }),
      { numRuns: 300 },
    );
  });

  test('a line that two change is one line, with the later quantity', () => {
    const base = commit(emptyDocument(), [{ id: 'pen', qty: 1 }], 'f'.repeat(16), 10);
    const a = commit(base, [{ id: 'pen', qty: 2 }], 'a'.repeat(16), 20);
    const b = commit(base, [{ id: 'pen', qty: 3 }], 'b'.repeat(16), 30);
    expect(cartOf(joinDocuments([base, b, a]))).toEqual([{ id: 'pen', qty: 3 }]);
    expect(cartOf(joinDocuments([joinDocuments([a, base]), b]))).toEqual([{ id: 'pen', qty: 3 }]);
  });

  test('M2: whoever saw all candidates and emptied the cart leaves it empty', () => {
    const base = commit(emptyDocument(), [{ id: 'pen', qty: 1 }], 'f'.repeat(16), 10);
    const both = joinDocuments([base, commit(base, [], 'a'.repeat(16), 20), commit(base, [{ id: 'pen', qty: 9 }], 'b'.repeat(16), 30)]);
    const empty = joinDocuments([both, commit(both, [], 'c'.repeat(16), 40)]);
    expect(cartOf(empty)).toEqual([]);
    expect(cartOf(joinDocuments([empty, both, base]))).toEqual([]);
  });
});
