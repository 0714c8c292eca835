/**
 * Writing over a structure: what a new value changed in what its writer saw, as writes at spots and edits of sequences. The writer saw all of it, so what it
 * leaves standing stays as it is, and what was in conflict is settled by what it wrote.
 */
import { diffText } from '../../kernel/current.ts';
import { sameBytes } from '../../session/bytes.ts';
import { Lifting } from './lift.ts';
import {
  type Author,
  dotKey,
  elementKey,
  type Item,
  type ListRun,
  memberKey,
  NO_SPOT,
  originsOf,
  type Spot,
  type Structure,
  spotOf,
  type Write,
} from './model.ts';
import { pairElements } from './pair.ts';
import { isSettled, readItem } from './read.ts';
import { editList, editText, liftText, type RunEdit, readText } from './run.ts';
import { atomOf, isList, isObject } from './tree.ts';

/** The structure after `author` wrote `part` (of a `text`: a string). Its context covers the author. */
export function editStructure({ form, context, root }: Structure, part: unknown, author: Author): Structure {
  const seen = new Map(context).set(author.dot.replica, author.dot.counter);
  return { form, context: seen, root: new Editing(author, form === 'text').spot(root, part) };
}

class Editing {
  readonly #author: Author;
  readonly #isText: boolean;
  readonly #lifting: Lifting;

  constructor(author: Author, isText: boolean) {
    this.#author = author;
    this.#isText = isText;
    this.#lifting = new Lifting(author);
  }

  spot(spot: Spot, part: unknown): Spot {
    const write: Write | undefined = isSettled(spot) ? [...spot.writes.values()][0] : undefined;
    if (this.#isText) return this.#text(write, part as string);
    if (write?.content.type === 'object' && isObject(part)) return this.#object(spot, part);
    if (write?.content.type === 'list' && isList(part)) return this.#list(spot, write, write.content.run, part);
    if (write?.content.type === 'atom' && !isObject(part) && !isList(part)) {
      if (sameBytes(write.content.atom.bytes, atomOf(part).bytes)) return { writes: spot.writes, children: new Map() };
    }
    return this.#lifting.spot(part);
  }

  #text(write: Write | undefined, text: string): Spot {
    // Texts without a common origin: what is written now is the origin of what follows.
    if (write?.content.type !== 'text') return spotOf(this.#author, { type: 'text', run: liftText(text, this.#author.dot) });
    const before = readText(write.content.run);
    const run = editText(write.content.run, this.#author.dot, textEdits(before, text));
    return spotOf(write.author, { type: 'text', run });
  }

  #object(spot: Spot, part: Readonly<Record<string, unknown>>): Spot {
    const children = new Map<string, Spot>();
    for (const [name, member] of Object.entries(part)) {
      const key = memberKey(name);
      const child = spot.children.get(key);
      const isNew = child === undefined || child.writes.size === 0;
      children.set(key, isNew ? this.#lifting.spot(member) : withOrigins(this.spot(child, member), child, this.#author));
    }
    return { writes: spot.writes, children };
  }

  /** Elements that became elements of the new list are kept, and edited inside; the rest comes and goes. */
  #list(spot: Spot, write: Write, run: ListRun, parts: readonly unknown[]): Spot {
    const { items } = run;
    const kept = pairElements(
      items.map((item) => readItem(item, spot)),
      parts,
    );
    const children = new Map<string, Spot>();
    const edits: RunEdit<readonly Item[]>[] = [];
    let from = 0;
    let index = 0;
    const insertUpTo = (end: number): void => {
      const lifted = this.#lifting.items(parts.slice(from, end));
      for (const [key, child] of lifted.children) children.set(key, child);
      if (lifted.items.length > 0) edits.push({ index, removed: 0, inserted: lifted.items });
      index += lifted.items.length;
    };
    for (const [i, item] of items.entries()) {
      const at = kept[i] as number;
      if (at === -1) {
        edits.push({ index, removed: 1, inserted: [] });
        continue;
      }
      insertUpTo(at);
      if ('id' in item) children.set(elementKey(item.id), this.spot(spot.children.get(elementKey(item.id)) ?? NO_SPOT, parts[at]));
      from = at + 1;
      index++;
    }
    insertUpTo(parts.length);
    const edited = edits.length === 0 ? run : editList(run, this.#author.dot, joinEdits(edits));
    return spotOf(write.author, { type: 'list', run: edited }, children);
  }
}

/** `spot` as it was written over `before`: what is new there stands in the place of what was. */
function withOrigins(spot: Spot, before: Spot, { dot }: Author): Spot {
  const write = spot.writes.get(dotKey(dot));
  if (write === undefined || before.writes.has(dotKey(dot))) return spot;
  return { ...spot, writes: new Map(spot.writes).set(dotKey(dot), { ...write, origins: originsOf(before) }) };
}

/** Deletions at one index, and an insertion behind them, are one edit. */
function joinEdits(edits: readonly RunEdit<readonly Item[]>[]): readonly RunEdit<readonly Item[]>[] {
  const joined: RunEdit<readonly Item[]>[] = [];
  for (const edit of edits) {
    const last = joined[joined.length - 1];
    if (last !== undefined && last.inserted.length === 0 && last.index === edit.index) {
      joined[joined.length - 1] = { index: edit.index, removed: last.removed + edit.removed, inserted: edit.inserted };
    } else joined.push(edit);
  }
  return joined;
}

/** The hunks of a diff, each at its place in the text as the hunks before left it. */
function textEdits(before: string, after: string): RunEdit<string>[] {
  const { hunks } = diffText(before, after);
  const edits: RunEdit<string>[] = [];
  for (let i = 0; i < hunks.length; i += 4) {
    const [startA, endA, startB, endB] = [hunks[i]!, hunks[i + 1]!, hunks[i + 2]!, hunks[i + 3]!];
    edits.push({ index: startB, removed: endA - startA, inserted: after.slice(startB, endB) });
  }
  return edits;
}
