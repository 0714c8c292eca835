/**
 * A revealed difference as JSON Patch (RFC 6902) for the state document: each operation applies to what those before it left, so indexes count what is
 * there at that moment.
 */
import { type SectionReference, toState } from '../session/document.ts';
import type { Section, Session } from '../session/session.ts';
import type { SessionDiff } from './difference.ts';
import { type Entity, type Kind, SESSION, step } from './kind.ts';
import { assemble, own, type PatchNode, treeOf } from './patch-tree.ts';

/** An operation of RFC 6902. */
export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move'; readonly from: string; readonly path: string };

/**
 * The operations that make the state document of the second session of that of the first. `reference` gives what stands in the documents for a section;
 * it must give equal references for equal sections (by hash, say), in the documents and here: the numbers of a blob's sections are no such names.
 * Members of the header are in another document and are left out. O(n²) in the entries of one list that moved or are added.
 *
 * @throws PspError `DIFF_REDACTED` when the difference was made without `reveal`; `SESSION_INVALID` for a time that a document cannot hold.
 */
export function toJsonPatch(patch: SessionDiff, reference: (section: Section) => SectionReference): JsonPatchOperation[] {
  const { from, to } = treeOf(patch);
  const writer = new PatchWriter(reference);
  writer.entity(SESSION, from, to, '');
  return writer.operations;
}

class PatchWriter {
  readonly operations: JsonPatchOperation[] = [];
  readonly #reference: (section: Section) => SectionReference;

  constructor(reference: (section: Section) => SectionReference) {
    this.#reference = reference;
  }

  /** `at` is where the entry stands by now, which is where the second session has it. */
  entity(kind: Kind, from: PatchNode | undefined, to: PatchNode | undefined, at: string): void {
    const emptied: string[] = [];
    for (const { member, before, after } of from?.changed?.members ?? []) {
      const path = step(at, member);
      if (after === null && own(kind.lists, member) !== undefined) emptied.push(path);
      else if (after === null) this.#remove(path, before?.value);
      else this.#write(before === null ? 'add' : 'replace', path, after.value);
    }
    for (const name of new Set([...(from?.inside.keys() ?? []), ...(to?.inside.keys() ?? [])])) {
      const [inA, inB] = [from?.inside.get(name), to?.inside.get(name)];
      const [slot, list] = [own(kind.slots, name), own(kind.lists, name)];
      const path = step(at, name);
      if (list !== undefined) this.#list(list, inA, inB, path);
      else if (slot !== undefined && inA?.removed !== undefined) this.operations.push({ op: 'remove', path });
      else if (slot !== undefined && inB?.added !== undefined) this.#write('add', path, assemble(slot, inB, 'added', path));
      else if (slot !== undefined) this.entity(slot, inA, inB, path);
    }
    for (const path of emptied) this.operations.push({ op: 'remove', path });
  }

  #list(kind: Kind, from: PatchNode | undefined, to: PatchNode | undefined, at: string): void {
    const current = this.#emptied(from, to, at);
    const sources = new Map<number, number>();
    for (const [name, node] of from?.inside ?? []) if (node.moved !== undefined) sources.set(lastIndex(node.moved.to), Number(name));
    const places = [...(to?.inside ?? [])]
      .map(([name, node]) => ({ index: Number(name), node }))
      .sort((one, other) => one.index - other.index);
    // What stands before an entry's place is settled when its turn comes; what has yet to move may stand anywhere.
    const waiting = new Set(sources.values());
    for (const { index, node } of places) {
      const source = sources.get(index);
      if (source === undefined && node.added === undefined) continue;
      if (source !== undefined) {
        const old = current.indexOf(source);
        current.splice(old, 1);
        waiting.delete(source);
        const target = settledPlace(current, waiting, index);
        current.splice(target, 0, source);
        if (old !== target) this.operations.push({ op: 'move', from: step(at, old), path: step(at, target) });
      } else {
        const target = settledPlace(current, waiting, index);
        current.splice(target, 0, ADDED);
        this.#write('add', step(at, target), assemble(kind, node, 'added', step(at, index)), step(at, index));
      }
    }
    const inside = new Set([
      ...places.map(({ index }) => index),
      ...[...(from?.inside.keys() ?? [])].map((name) => current.indexOf(Number(name))),
    ]);
    for (const index of inside) {
      const source = current[index];
      if (source !== undefined && source !== ADDED)
        this.entity(kind, from?.inside.get(String(source)), to?.inside.get(String(index)), step(at, index));
    }
  }

  /** Removes what goes, the last first, and gives the indexes of what is left: as many as the patch can speak of. */
  #emptied(from: PatchNode | undefined, to: PatchNode | undefined, at: string): number[] {
    const [indexesA, indexesB] = [from, to].map((node) => [...(node?.inside.keys() ?? [])].map(Number)) as [number[], number[]];
    const largest = (indexes: readonly number[]): number => indexes.reduce((most, index) => Math.max(most, index), -1);
    const length = largest(indexesA) + largest(indexesB) + indexesA.length + 2;
    const current = Array.from({ length }, (_, index) => index);
    const gone = indexesA.filter((index) => from?.inside.get(String(index))?.removed !== undefined).sort((one, other) => other - one);
    for (const index of gone) {
      this.operations.push({ op: 'remove', path: step(at, index) });
      current.splice(index, 1);
    }
    return current;
  }

  #write(op: 'add' | 'replace', path: string, value: unknown, place: string = path): void {
    const written = this.#document(place, value);
    if (written !== undefined) this.operations.push({ op, path, value: written });
  }

  #remove(path: string, value: unknown): void {
    if (this.#document(path, value) !== undefined) this.operations.push({ op: 'remove', path });
  }

  /** A value as the state document has it at a place; undefined for what is not in that document. */
  #document(pointer: string, value: unknown): unknown {
    const names = pointer
      .split('/')
      .slice(1)
      .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
    const isItemValue = /\/(?:localStorage|items)\/[0-9]+\/1$/.test(pointer);
    let wrapped = value;
    for (const [i, name] of [...names.entries()].reverse()) {
      if (isItemValue && i === names.length - 1) wrapped = ['', wrapped];
      else wrapped = isIndex(names, i) ? [wrapped] : member(name, wrapped);
    }
    const state = toState(wrapped as Session, { section: this.#reference, text: (text) => text });
    let found: unknown = state;
    for (const [i, name] of names.entries()) {
      found = (found as Readonly<Record<string, unknown>> | undefined)?.[isIndex(names, i) ? '0' : name];
    }
    return found;
  }
}

/** Stands for an entry that the first session does not have. */
const ADDED = -1;

/** Where the entry goes that is to be the `index`-th of those that are settled. */
function settledPlace(current: readonly number[], waiting: ReadonlySet<number>, index: number): number {
  let settled = 0;
  for (let at = 0; at < current.length; at++) {
    if (settled === index && !waiting.has(current[at] as number)) return at;
    if (!waiting.has(current[at] as number)) settled++;
    if (settled === index) return at + 1;
  }
  return current.length;
}

/** Whether the name at `i` counts the entries of a list. */
function isIndex(names: readonly string[], i: number): boolean {
  let kind: Kind | undefined = SESSION;
  for (let at = 0; at < i && kind !== undefined; at++) {
    const name: string = names[at] as string;
    const list: Kind | undefined = own(kind.lists, name);
    if (list !== undefined) {
      if (at + 1 === i) return true;
      at++;
    }
    kind = list ?? own(kind.slots, name);
  }
  return false;
}

function member(name: string, value: unknown): Entity {
  return Object.defineProperty({}, name, { value, enumerable: true, configurable: true, writable: true });
}

function lastIndex(pointer: string): number {
  return Number(pointer.slice(pointer.lastIndexOf('/') + 1));
}
