/**
 * The structure of a candidate: what its value is made of, so that concurrent changes inside it can be joined. A tree of spots: the root, the members of objects, the
 * containers inside lists. A spot holds the writes that no other write known here has replaced, as an entry does (law M1); each candidate makes at most one
 * write at a spot, so the candidate's dot names it, and a version vector of candidates says what was seen. Lists and texts are sequences (`run.ts`).
 */
import { type Candidate, compareDots, type Dot, type Stamp } from '../entry.ts';
import type { Atom, TreeForm } from './tree.ts';

/** The candidate that a write came with. */
export interface Author {
  readonly dot: Dot;
  readonly stamp: Stamp;
}

/** A part of a list: an atom, or a container by the id of its spot. */
export type Item = { readonly atom: Atom } | { readonly id: ElementId };

/** Names a container inside a list: the candidate that made it, and its number among those that it made. */
export interface ElementId extends Dot {
  readonly number: number;
}

/** State of a sequence of elements, and its live elements in their order, which is the one in which the bytes count them. */
export interface ListRun {
  readonly bytes: Uint8Array;
  readonly items: readonly Item[];
}

/** What a write puts at a spot. The members of an object and the containers of a list are children of the spot. */
export type Content =
  | { readonly type: 'atom'; readonly atom: Atom }
  | { readonly type: 'object' }
  | { readonly type: 'list'; readonly run: ListRun }
  | { readonly type: 'text'; readonly run: Uint8Array };

export interface Write {
  readonly author: Author;
  readonly content: Content;
  /**
   * Of a member that was there before this write: the writes with which it came, ascending. Since then it was never gone, as far as this author saw; so who has seen one of
   * them and has nothing there took it out.
   */
  readonly origins?: readonly Dot[];
}

/** A place in the value. Not there, as far as a reader sees, when it has no writes: what is below it was deleted with it. */
export interface Spot {
  /** By {@link dotKey} of the author. */
  readonly writes: ReadonlyMap<string, Write>;
  /** By {@link memberKey} or {@link elementKey}. */
  readonly children: ReadonlyMap<string, Spot>;
}

/** `text` is a text as one sequence; the others are forms of trees. */
export type StructureForm = Exclude<TreeForm, 'plain'> | 'text';

export interface Structure {
  readonly form: StructureForm;
  /** The last candidate of each replica that was seen: what it wrote and is not here was replaced. */
  readonly context: ReadonlyMap<string, number>;
  readonly root: Spot;
}

/** A candidate and its structure. */
export interface Structured {
  readonly candidate: Candidate;
  readonly structure: Structure;
}

export const NO_SPOT: Spot = { writes: new Map(), children: new Map() };

export function dotKey({ replica, counter }: Dot): string {
  return `${replica}:${counter}`;
}

export function memberKey(name: string): string {
  return `.${name}`;
}

export function elementKey(id: ElementId): string {
  return `#${id.replica}:${id.counter}:${id.number}`;
}

/** The name in a {@link memberKey}, or null for an {@link elementKey}. */
export function memberName(key: string): string | null {
  return key.startsWith('.') ? key.slice(1) : null;
}

/** The id in an {@link elementKey}. */
export function elementId(key: string): ElementId {
  const [replica, counter, number] = key.slice(1).split(':');
  return { replica: replica as string, counter: Number(counter), number: Number(number) };
}

export function compareElements(a: ElementId, b: ElementId): number {
  return compareDots(a, b) || a.number - b.number;
}

/** Whether the writes of a candidate were seen. */
export function hasSeen(context: ReadonlyMap<string, number>, { replica, counter }: Dot): boolean {
  return (context.get(replica) ?? 0) >= counter;
}

/** The spot with one write. */
export function spotOf(author: Author, content: Content, children: ReadonlyMap<string, Spot> = NO_SPOT.children): Spot {
  return { writes: new Map([[dotKey(author.dot), { author, content }]]), children };
}

/** The spot that these keys lead to from `root`. */
export function spotAt(root: Spot, keys: readonly string[]): Spot | undefined {
  let spot: Spot | undefined = root;
  for (const key of keys) spot = spot?.children.get(key);
  return spot;
}

/** The writes with which came what stands at a spot, ascending. */
export function originsOf({ writes }: Spot): readonly Dot[] {
  const origins = new Map<string, Dot>();
  for (const { author, origins: own = [author.dot] } of writes.values()) for (const dot of own) origins.set(dotKey(dot), dot);
  return [...origins.values()].sort(compareDots);
}
