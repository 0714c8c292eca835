/**
 * What is seen of a structure. Where several writes stand at one spot: objects are one object, lists of different origin stand one after another without what a list before had,
 * of the rest the last write wins. A member that one deleted and another one wrote again is there; what one wrote inside of what another one deleted is not.
 */
import { encodeValue } from '../../session/clone/encode.ts';
import type { Candidate, EntryKind } from '../entry.ts';
import { compareCandidates } from '../entry.ts';
import { chooseLast, type InnerLoss, sameWrite } from '../policy.ts';
import { elementKey, type Item, memberKey, memberName, NO_SPOT, type Spot, type Structure, type Write } from './model.ts';
import { readText } from './run.ts';
import { isList, keyOfPart } from './tree.ts';

/** What is seen, and what lost. */
export interface Sight {
  readonly part: unknown;
  readonly inner: readonly InnerLoss[];
  /** Writes whose intervals overlap were decided by something else than their order (law M10). */
  readonly orderUnknown: boolean;
}

/** What is seen of the whole. Of a `text` the part is a string. Undefined where nothing is. `kind` is that of the entry, for evidence. */
export function readStructure({ root }: Structure, kind: EntryKind): Sight | undefined {
  const reader = new SpotReader(kind);
  const part = reader.read(root, []);
  return part === undefined ? undefined : { part: part.value, inner: reader.inner, orderUnknown: reader.orderUnknown };
}

/** What is seen of one spot; undefined where nothing is. */
export function readSpot(spot: Spot): { readonly value: unknown } | undefined {
  return new SpotReader('localStorage').read(spot, []);
}

/** What is seen of an element of the list at `spot`; undefined where nothing is. */
export function readItem(item: Item, spot: Spot): unknown {
  if ('atom' in item) return item.atom.part;
  return readSpot(spot.children.get(elementKey(item.id)) ?? NO_SPOT)?.value;
}

/** Whether no write stands against another one at this spot: nothing to be settled by whoever writes there. */
export function isSettled({ writes }: Spot): boolean {
  return writes.size === 1 || (writes.size > 1 && [...writes.values()].every(({ content }) => content.type === 'object'));
}

/** One of the writes at a spot, or all objects there, and what it shows. */
interface Alternative {
  readonly candidate: Candidate;
  readonly value: unknown;
}

class SpotReader {
  readonly inner: InnerLoss[] = [];
  orderUnknown = false;
  readonly #kind: EntryKind;

  constructor(kind: EntryKind) {
    this.#kind = kind;
  }

  /** In a box, since a part may be undefined itself. */
  read(spot: Spot, within: readonly string[]): { readonly value: unknown } | undefined {
    const writes = [...spot.writes.values()].sort((a, b) => compareCandidates(a.author, b.author));
    const objects = writes.filter(({ content }) => content.type === 'object');
    const last = objects[objects.length - 1];
    const others = writes.filter(({ content }) => content.type !== 'object');
    if (writes.length === 0) return undefined;
    if (last !== undefined && others.length === 0) return { value: this.#object(spot, within) };
    if (writes.length === 1) return { value: this.#content(writes[0] as Write, spot, within) };
    const alternatives = others.map((write) => asAlternative(write, this.#content(write, spot, within)));
    if (last !== undefined) alternatives.push(asAlternative(last, this.#object(spot, within)));
    return { value: this.#choose(alternatives, within) };
  }

  #choose(alternatives: readonly Alternative[], within: readonly string[]): unknown {
    const candidates = alternatives.map(({ candidate }) => candidate).sort(compareCandidates);
    const { winner, surface } = chooseLast(candidates, { kind: this.#kind, path: [] });
    const chosen = alternatives.find(({ candidate }) => candidate === winner) as Alternative;
    // Lists are put together, so none of them loses to another one.
    const together = isList(chosen.value) ? alternatives.filter(({ value }) => isList(value)) : [chosen];
    const losing = alternatives
      .filter((one) => !together.includes(one) && !sameWrite(one.candidate, winner))
      .map(({ candidate }) => candidate);
    if (losing.length > 0) this.inner.push({ within, losing: losing.sort(compareCandidates), winning: winner });
    if (surface !== undefined && losing.length > 0) this.orderUnknown = true;
    return together.length === 1 ? chosen.value : uniteLists(together);
  }

  #content({ content }: Write, spot: Spot, within: readonly string[]): unknown {
    if (content.type === 'atom') return content.atom.part;
    if (content.type === 'text') return readText(content.run);
    if (content.type === 'object') return this.#object(spot, within);
    return content.run.items.flatMap((item, i) => {
      if ('atom' in item) return [item.atom.part];
      const child = this.read(spot.children.get(elementKey(item.id)) ?? NO_SPOT, [...within, String(i)]);
      return child === undefined ? [] : [child.value];
    });
  }

  #object({ children }: Spot, within: readonly string[]): unknown {
    const names = [...children.keys()].map(memberName).filter((name) => name !== null);
    const members = names.sort().flatMap((name): [string, unknown][] => {
      const child = this.read(children.get(memberKey(name)) as Spot, [...within, name]);
      return child === undefined ? [] : [[name, child.value]];
    });
    return Object.fromEntries(members);
  }
}

/** As a candidate: a string as it is, since it may be a token; the rest by its bytes. */
function asAlternative({ author: { dot, stamp } }: Write, value: unknown): Alternative {
  return { candidate: { dot, stamp, value: typeof value === 'string' ? value : encodeValue(value).bytes }, value };
}

/** The lists one after another in the order of their writes, without the elements that a list before had. */
function uniteLists(lists: readonly Alternative[]): unknown[] {
  const seen = new Set<string>();
  const elements: unknown[] = [];
  for (const { value } of [...lists].sort((a, b) => compareCandidates(a.candidate, b.candidate))) {
    const parts = (value as readonly unknown[]).map((part) => ({ part, key: keyOfPart(part) }));
    for (const { part, key } of parts) if (!seen.has(key)) elements.push(part);
    for (const { key } of parts) seen.add(key);
  }
  return elements;
}
