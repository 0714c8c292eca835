/** Recorded editing sessions and identifiers under bad patterns: the end content is right, and updates and states stay as small as promised. */
import { afterAll, describe, expect, it } from 'vitest';
import { createList, createText, type TextSequence, useKernel } from '../../ts/sequence.ts';
import { type ConcurrentTrace, HAS_DATA, readData, type SequentialTrace, titled } from './sequence-data.ts';

/** Bytes that yjs 13 needs (V2 for documents, an update for each edit), measured with the traces; see docs of the bench. */
const YJS_DOCUMENT: Readonly<Record<string, number>> = { 'automerge-paper': 159_918, sveltecomponent: 36_837 };
const YJS_UPDATES = 3_830_000;

afterAll(() => useKernel('wasm'));

describe.each(['portable', 'wasm'] as const)('the %s kernel on traces', (kind) => {
  it.skipIf(!HAS_DATA).each(['automerge-paper', 'sveltecomponent', 'json-crdt-patch'])(
    titled('reaches the end content of %s, alone and by updates'),
    { timeout: 120_000 },
    (name) => {
      useKernel(kind);
      const { txns, endContent } = readData<SequentialTrace>(name);
      const author = createText();
      const reader = createText();
      let updateBytes = 0;
      for (const { patches } of txns) {
        for (const [index, removed, inserted] of patches) {
          author.replace(index, removed, inserted);
          const update = author.takeUpdate()!;
          updateBytes += update.length;
          reader.apply(update);
        }
      }
      expect(author.toString() === endContent).toBe(true);
      expect(reader.toString() === endContent).toBe(true);
      const state = author.encode();
      expect(reader.encode()).toEqual(state);
      const stored = createText();
      stored.apply(state);
      expect(stored.toString() === endContent).toBe(true);
      expect(stored.encode()).toEqual(state);

      const yjs = YJS_DOCUMENT[name];
      if (yjs !== undefined) expect(state.length).toBeLessThan(0.9 * yjs);
      if (name !== 'automerge-paper') return;
      expect(updateBytes).toBeLessThan(0.6 * YJS_UPDATES);
      expect(state.length - endContent.length).toBeLessThan(0.35 * endContent.length);
    },
  );

  it.skipIf(!HAS_DATA)(
    titled('brings the two authors of friendsforever to one text with the characters of the end content'),
    { timeout: 120_000 },
    () => {
      useKernel(kind);
      const { txns, endContent, numAgents } = readData<ConcurrentTrace>('friendsforever');
      const agents = Array.from({ length: numAgents }, () => ({
        text: createText(),
        updates: [] as Uint8Array[],
        seen: new Array<number>(numAgents).fill(0),
      }));
      const versions: number[][] = [];
      for (const { parents, agent, patches } of txns) {
        const self = agents[agent]!;
        const version = agents.map((_, at) => Math.max(self.seen[at]!, ...parents.map((parent) => versions[parent]![at]!)));
        catchUp(agents, self, version);
        for (const [index, removed, inserted] of patches) self.text.replace(index, removed, inserted);
        const update = self.text.takeUpdate();
        if (update !== null) self.updates.push(update);
        self.seen[agent] = self.updates.length;
        versions.push([...self.seen]);
      }
      for (const self of agents)
        catchUp(
          agents,
          self,
          agents.map(({ updates }) => updates.length),
        );
      const texts = agents.map(({ text }) => text.toString());
      expect(new Set(texts).size).toBe(1);
      expect([...texts[0]!].sort().join('') === [...endContent].sort().join('')).toBe(true);
      expect(agents[0]!.text.encode()).toEqual(agents[1]!.text.encode());
    },
  );

  it.skipIf(!HAS_DATA)(titled('keeps exactly the elements of the list scripts with ties'), () => {
    useKernel(kind);
    interface Operation {
      readonly k: 'ins' | 'del';
      readonly id: string;
      readonly after?: string | null;
      readonly r: number;
    }
    interface Script {
      readonly R: number;
      readonly ops: readonly Operation[];
      readonly events: readonly { readonly e: 'op' | 'deliver'; readonly i: number; readonly to?: number }[];
      readonly final: { readonly present: readonly string[] };
    }
    for (const { R, ops, events, final } of readData<{ cases: Script[] }>('generated/list-script-ties').cases) {
      const lists = Array.from({ length: R }, () => createList<string>());
      const updates: Uint8Array[] = [];
      for (const { e, i, to } of events) {
        const { k, id, after, r } = ops[i]!;
        if (e === 'deliver') {
          lists[to!]!.apply(updates[i]!);
          continue;
        }
        const list = lists[r]!;
        const place = k === 'del' ? list.toArray().indexOf(id) : after === null ? 0 : list.toArray().indexOf(after!) + 1;
        if (k === 'del') list.delete(place, 1);
        else list.insert(place, id);
        updates[i] = list.takeUpdate()!;
      }
      for (const list of lists) for (const update of updates) list.apply(update);
      const [first, ...others] = lists.map((list) => list.toArray());
      expect([...first!].sort()).toEqual([...final.present].sort());
      for (const other of others) expect(other).toEqual(first);
      expect(new Set(lists.map(({ waiting }) => waiting))).toEqual(new Set([0]));
    }
  });
});

function catchUp(
  agents: readonly { text: TextSequence; updates: Uint8Array[]; seen: number[] }[],
  self: { text: TextSequence; seen: number[] },
  version: readonly number[],
): void {
  for (const [at, { updates }] of agents.entries()) {
    while (self.seen[at]! < version[at]!) self.text.apply(updates[self.seen[at]!++]!);
  }
}

/** Bounds of ../shared/data/crdt/generated/id-growth; the patterns are made here. */
describe.each(['portable', 'wasm'] as const)('identifiers of the %s kernel', (kind) => {
  const LENGTH = 20_000;
  const letter = (k: number) => String.fromCharCode(97 + (k % 26));

  it.each<[string, number, (k: number, text: TextSequence) => number]>([
    ['appending', 0.01, (_, text) => text.length],
    ['prepending', 2, () => 0],
    ['the middle', 16, (k) => Math.floor(k / 2)],
    ['both ends in turn', 16, (k, text) => (k % 2 === 0 ? text.length : 0)],
    ['ever deeper between the last two', 16, (k) => Math.max(0, k - 1)],
    ['a zigzag around the middle', 16, (k) => (k % 2 === 0 ? Math.floor(k / 2) : Math.ceil(k / 2))],
  ])('grow little by %s', (_, bytesForEach, place) => {
    useKernel(kind);
    const text = createText();
    for (let k = 0; k < LENGTH; k++) text.insert(place(k, text), letter(k));
    const state = text.encode();
    expect(state.length - LENGTH).toBeLessThanOrEqual(bytesForEach * LENGTH);
    const stored = createText();
    stored.apply(state);
    expect(stored.toString() === text.toString()).toBe(true);
    expect(stored.encode()).toEqual(state);
  });

  it('leave nothing behind in a state whose text was deleted, however often', () => {
    useKernel(kind);
    const text = createText();
    const sizes = new Set<number>();
    for (let round = 0; round < 50; round++) {
      for (let k = 0; k < 200; k++) text.insert(Math.floor(k / 2), letter(k));
      text.delete(0, text.length);
      sizes.add(text.encode().length);
    }
    // The version vector's one counter grows from two bytes to three.
    expect(Math.max(...sizes)).toBeLessThanOrEqual(15);
  });

  it('grow little when two replicas nest into each other all the time', () => {
    useKernel(kind);
    const replicas = [createText(), createText()];
    for (let k = 0; k < 3000; k++) {
      const [writer, reader] = k % 2 === 0 ? replicas : [...replicas].reverse();
      writer!.insert(Math.floor(k / 2), letter(k));
      reader!.apply(writer!.takeUpdate()!);
    }
    const state = replicas[0]!.encode();
    expect(replicas[1]!.encode()).toEqual(state);
    expect(state.length - 3000).toBeLessThanOrEqual(16 * 3000);
  });
});
