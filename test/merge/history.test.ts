/**
 * Law M1 against an oracle that knows nothing of contexts: a document is the set of changes that came into it, and shows the writes that none of these changes had
 * seen. Workers write, delete, remove, join, send changes that get lost and are sent again, and restart from bytes under a new replica.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contextOf } from '../../ts/merge/context.ts';
import { deltaOf, deltaSince, emptyDocument, joinDocuments, type MergeDocument, removeEntries } from '../../ts/merge/document.ts';
import { decodeDocument, encodeDocument } from '../../ts/merge/document-bytes.ts';
import { type Dot, entryKey } from '../../ts/merge/entry.ts';
import { KEY } from './worker.ts';

const nameOf = (dot: Dot): string => `${dot.replica}:${dot.counter}`;
const replica = (n: number): string => n.toString(16).padStart(16, '0');

/** A change, as the oracle sees it: the writes that it made, and those that it had seen. */
interface Change {
  readonly delta: MergeDocument;
  readonly writes: ReadonlyMap<string, string>;
  readonly sees: ReadonlySet<string>;
}

/** What one worker knows: in the document, and as the changes that came to it. */
interface Worker {
  replica: string;
  counter: number;
  document: MergeDocument;
  known: ReadonlySet<Change>;
}

/** The writes that a worker must show, by entry. */
function expected({ known }: Worker): Record<string, string[]> {
  const shown: Record<string, string[]> = {};
  for (const { writes } of known) {
    for (const [dot, key] of writes) {
      const isReplaced = [...known].some(({ sees }) => sees.has(dot));
      if (!isReplaced) shown[key] = [...(shown[key] ?? []), dot].sort();
    }
  }
  return shown;
}

function found({ document }: Worker): Record<string, string[]> {
  return Object.fromEntries([...document.entries].map(([key, { candidates }]) => [key, candidates.map(({ dot }) => nameOf(dot)).sort()]));
}

function take(worker: Worker, change: Change): void {
  worker.document = joinDocuments([worker.document, change.delta]);
  worker.known = new Set([...worker.known, change]);
}

/** A change of one entry by a worker who has seen what it shows. */
function write(worker: Worker, name: string, value: string | undefined, time: number): Change {
  const path = [KEY, name];
  const key = entryKey('localStorage', path);
  const sees = (worker.document.entries.get(key)?.candidates ?? []).map(({ dot }) => dot);
  const operation = { kind: 'localStorage' as const, path, ...(value === undefined ? {} : { value }), stamp: { time, count: 0 }, sees };
  const { delta, counter } = deltaOf('', [operation], worker);
  worker.counter = counter;
  return { delta, writes: new Map([[nameOf({ replica: worker.replica, counter }), key]]), sees: new Set(sees.map(nameOf)) };
}

/** An entry taken out without a trace: what was seen of it is gone, and nothing else. */
function remove(worker: Worker, name: string): Change {
  const key = entryKey('localStorage', [KEY, name]);
  const seen = (worker.document.entries.get(key)?.candidates ?? []).map(({ dot }) => nameOf(dot));
  return { delta: removeEntries(worker.document, [key]), writes: new Map(), sees: new Set(seen) };
}

const step = fc.record({
  what: fc.constantFrom('write', 'write', 'write', 'delete', 'remove', 'join', 'send', 'send', 'restart'),
  worker: fc.nat(2),
  other: fc.nat(100),
  name: fc.constantFrom('a', 'b', 'c'),
  time: fc.nat(3),
});

test('M1, M4: a document shows the writes of all changes that came to it but those that one of them had seen, whatever came twice, late, or not at all', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      let replicas = 1;
      const begin = (): Worker => ({ replica: replica(replicas++), counter: 0, document: emptyDocument(), known: new Set() });
      const workers = [begin(), begin(), begin()];
      const sent: Change[] = [];
      for (const { what, worker: at, other, name, time } of steps) {
        const worker = workers[at]!;
        const from = workers[other % 3]!;
        if (what === 'join') {
          worker.document = joinDocuments([worker.document, from.document]);
          worker.known = new Set([...worker.known, ...from.known]);
        } else if (what === 'send') {
          // Any that was ever sent: lost, repeated, late.
          const change = sent[other % Math.max(1, sent.length)];
          if (change !== undefined) take(worker, change);
        } else if (what === 'restart') {
          const document = decodeDocument(await encodeDocument(worker.document));
          workers[at] = { ...begin(), document, known: worker.known };
        } else {
          const change = what === 'remove' ? remove(worker, name) : write(worker, name, what === 'write' ? `${at}` : undefined, time);
          sent.push(change);
          take(worker, change);
        }
        expect(found(workers[at]!)).toEqual(expected(workers[at]!));
      }
    }),
    { numRuns: 600 },
  );
});

test('M4: removing one entry leaves the others alone, also those of which the remover knows more than others', () => {
  const [a, b] = [1, 2].map((n): Worker => ({ replica: replica(n), counter: 0, document: emptyDocument(), known: new Set() })) as [
    Worker,
    Worker,
  ];
  const changes = [write(a, 'kept', 'one', 1), write(a, 'gone', 'two', 2)];
  for (const change of changes) {
    take(a, change);
    take(b, change);
  }
  const removal = remove(a, 'gone');
  expect([...removal.delta.context]).toEqual([...contextOf([{ replica: a.replica, counter: 2 }])]);
  take(b, removal);
  expect([...b.document.entries.keys()]).toEqual([entryKey('localStorage', [KEY, 'kept'])]);
});

test('M1, M4: a delta since another state tells what was removed, and what was replaced', () => {
  const a: Worker = { replica: replica(1), counter: 0, document: emptyDocument(), known: new Set() };
  for (const name of ['removed', 'replaced', 'kept']) take(a, write(a, name, 'old', 1));
  const before = a.document;
  take(a, remove(a, 'removed'));
  take(a, write(a, 'replaced', 'new', 2));
  const delta = deltaSince(a.document, before);
  expect([...delta.entries.keys()]).toEqual([entryKey('localStorage', [KEY, 'replaced'])]);
  const joined = joinDocuments([before, delta]);
  expect(found({ ...a, document: joined })).toEqual(found(a));
});
