/** From a plain value to a structure: everything in it was written by one candidate, so whoever lifts it gets the same structure (law M17). */
import { type Author, type ElementId, elementKey, type Item, memberKey, type Spot, type Structure, spotOf } from './model.ts';
import { liftList, liftText } from './run.ts';
import { atomOf, isList, isObject, type Tree } from './tree.ts';

/** The structure of a tree that is not `plain`. */
export function liftTree({ form, root }: Tree & { readonly form: 'json' | 'clone' }, author: Author): Structure {
  return { form, context: contextOf(author), root: new Lifting(author).spot(root) };
}

/** The structure of a text. */
export function liftTextValue(text: string, author: Author): Structure {
  return { form: 'text', context: contextOf(author), root: spotOf(author, { type: 'text', run: liftText(text, author.dot) }) };
}

function contextOf({ dot }: Author): ReadonlyMap<string, number> {
  return new Map([[dot.replica, dot.counter]]);
}

/** Makes spots of parts that one author wrote, and numbers the containers in its lists. */
export class Lifting {
  readonly #author: Author;
  #count = 0;
  /** Lists of one length that one author made are one sequence: only the elements differ. */
  readonly #runs = new Map<number, Uint8Array>();

  constructor(author: Author) {
    this.#author = author;
  }

  /** The spot of a part, with all that is in it. */
  spot(part: unknown): Spot {
    if (isList(part)) {
      const { items, children } = this.items(part);
      const bytes = this.#runs.get(items.length) ?? liftList(items, this.#author.dot).bytes;
      this.#runs.set(items.length, bytes);
      return spotOf(this.#author, { type: 'list', run: { bytes, items } }, children);
    }
    if (!isObject(part)) return spotOf(this.#author, { type: 'atom', atom: atomOf(part) });
    const children = Object.entries(part).map(([name, member]): [string, Spot] => [memberKey(name), this.spot(member)]);
    return spotOf(this.#author, { type: 'object' }, new Map(children));
  }

  /** Elements for a list, and the spots of the containers among them. */
  items(parts: readonly unknown[]): { readonly items: readonly Item[]; readonly children: ReadonlyMap<string, Spot> } {
    const children = new Map<string, Spot>();
    const items = parts.map((part): Item => {
      if (!isList(part) && !isObject(part)) return { atom: atomOf(part) };
      const id: ElementId = { ...this.#author.dot, number: this.#count++ };
      children.set(elementKey(id), this.spot(part));
      return { id };
    });
    return { items, children };
  }
}
