/**
 * What is seen of a structure. Where several writes stand at one spot: objects are one object, lists of different origin stand one after another without what a list before had,
 * of the rest the last write wins. A member that one deleted and another one wrote again is there; what one wrote inside of what another one deleted is not.
 */
import { encodeValue } from '../../session/clone/encode.ts';
import type { Candidate, EntryKind } from '../entry.ts';
import { compareCandidates } from '../entry.ts';
import { chooseLast, type InnerLoss, sameWrite } from '../policy.ts';
import {
  elementKey,
  hasSeen,
  type Item,
  memberKey,
  memberName,
  NO_SPOT,
  type Spot,
  type Structure,
  type Structured,
  spotAt,
  type Write,
} from './model.ts';
import { readText } from './run.ts';
import { isList, keyOfPart } from './tree.ts';

/** What is seen, and what lost. */
export interface Sight {
  readonly part: unknown;
  readonly inner: readonly InnerLoss[];
  /** Writes whose intervals overlap were decided by something else than their order (law M10). */
  readonly orderUnknown: boolean;
}

/**
 * What is seen of the whole. Of a `text` the part is a string. Undefined where nothing is. `kind` is that of the entry, for evidence; `all` are the candidates that were
 * joined, in canonical order.
 */
export function readStructure({ root }: Structure, kind: EntryKind, all: readonly Structured[] = []): Sight | undefined {
  const reader = new SpotReader(kind, all);
  const part = reader.read(root, NOWHERE);
  return part === undefined ? undefined : { part: part.value, inner: reader.inner, orderUnknown: reader.orderUnknown };
}

/** What is seen of one spot; undefined where nothing is. */
export function readSpot(spot: Spot): { readonly value: unknown } | undefined {
  return new SpotReader('localStorage', []).read(spot, NOWHERE);
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
interface Alternative extends Seen {
  readonly candidate: Candidate;
}

/** Where a spot is. */
interface Where {
  /** As readers see it: names of members, indexes of elements. */
  readonly within: readonly string[];
  readonly keys: readonly string[];
}

const NOWHERE: Where = { within: [], keys: [] };

/** What is seen of a spot, and the write of it that counts. A box, since a part may be undefined itself. */
interface Seen {
  readonly value: unknown;
  readonly write: Write;
}

class SpotReader {
  readonly inner: InnerLoss[] = [];
  orderUnknown = false;
  readonly #kind: EntryKind;
  readonly #all: readonly Structured[];

  constructor(kind: EntryKind, all: readonly Structured[]) {
    this.#kind = kind;
    this.#all = all;
  }

  read(spot: Spot, where: Where): Seen | undefined {
    const writes = [...spot.writes.values()].sort((a, b) => compareCandidates(a.author, b.author));
    const objects = writes.filter(({ content }) => content.type === 'object');
    const last = objects[objects.length - 1];
    const others = writes.filter(({ content }) => content.type !== 'object');
    if (writes.length === 0) return undefined;
    if (last !== undefined && others.length === 0) return { value: this.#object(spot, where), write: last };
    if (writes.length === 1) return { value: this.#content(writes[0] as Write, spot, where), write: writes[0] as Write };
    const alternatives = others.map((write) => asAlternative(write, this.#content(write, spot, where)));
    if (last !== undefined) alternatives.push(asAlternative(last, this.#object(spot, where)));
    return this.#choose(alternatives, where);
  }

  #choose(alternatives: readonly Alternative[], { within }: Where): Seen {
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
    return { value: together.length === 1 ? chosen.value : uniteLists(together), write: chosen.write };
  }

  #content({ content }: Write, spot: Spot, where: Where): unknown {
    if (content.type === 'atom') return content.atom.part;
    if (content.type === 'text') return readText(content.run);
    if (content.type === 'object') return this.#object(spot, where);
    return content.run.items.flatMap((item, i) => {
      if ('atom' in item) return [item.atom.part];
      const key = elementKey(item.id);
      const child = this.read(spot.children.get(key) ?? NO_SPOT, step(where, String(i), key));
      return child === undefined ? [] : [child.value];
    });
  }

  #object({ children }: Spot, where: Where): unknown {
    const names = [...children.keys()].map(memberName).filter((name) => name !== null);
    const members = names.sort().flatMap((name): [string, unknown][] => {
      const key = memberKey(name);
      const spot = children.get(key) as Spot;
      const inside = step(where, name, key);
      const child = this.read(spot, inside);
      if (child === undefined) return [];
      this.#noteDeletions(spot, child, inside);
      return [[name, child.value]];
    });
    return Object.fromEntries(members);
  }

  /** A member is there that some took out, since others wrote it at the same time: those lost. */
  #noteDeletions(spot: Spot, { value, write }: Seen, { within, keys }: Where): void {
    const deleters = this.#all.filter(({ structure }) => hasTakenOut(structure, keys, spot));
    if (deleters.length === 0) return;
    const losing = deleters.map(({ candidate: { dot, stamp } }) => ({ dot, stamp }));
    this.inner.push({ within, losing, winning: asAlternative(write, value).candidate });
  }
}

function step({ within, keys }: Where, name: string, key: string): Where {
  return { within: [...within, name], keys: [...keys, key] };
}

/** Whether a writer had seen the member, has what it is in, and has not the member. */
function hasTakenOut({ root, context }: Structure, keys: readonly string[], { writes }: Spot): boolean {
  const holder = spotAt(root, keys.slice(0, -1));
  if (holder === undefined || holder.writes.size === 0) return false;
  if ((holder.children.get(keys[keys.length - 1] as string)?.writes.size ?? 0) > 0) return false;
  return [...writes.values()].some(({ origins = [] }) => origins.some((dot) => hasSeen(context, dot)));
}

/** As a candidate: a string as it is, since it may be a token; the rest by its bytes. */
function asAlternative(write: Write, value: unknown): Alternative {
  const { dot, stamp } = write.author;
  return { candidate: { dot, stamp, value: typeof value === 'string' ? value : encodeValue(value).bytes }, value, write };
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
