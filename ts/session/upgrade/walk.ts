/**
 * One walk for both ways of a step: down parks what the older version has no place for, up parks what the newer one reads otherwise, and each
 * takes out again what the other parked. What differs between the versions is data: a tree of forms, and two judgements.
 *
 * A document is not validated here. What does not have the form that is expected is left as it is, for the schema to refuse.
 */
import { invalid } from '../validate.ts';
import { insertEntries, PARKED, type Parked, type ParkedEntry, readParked, withParked } from './park.ts';
import { isObject, type Json, type JsonObject, type LossReport, type LossSeverity, type TextReader } from './step.ts';

/** How one kind of object differs between two versions. */
export interface Form {
  /** Members that only the newer version knows. In a document of the older one they are unknown members that happen to have the name. */
  readonly gained: readonly string[];
  readonly objects?: Readonly<Record<string, Form>>;
  /** Lists of objects. */
  readonly lists?: Readonly<Record<string, Form>>;
  /** The list of items whose values may be references to text sections in the newer version. */
  readonly texts?: string;
}

/** Why something is parked, as the report says it. */
export interface Verdict {
  readonly reason: string;
  readonly severity: LossSeverity;
}

/** One way of a step, for one of the documents. */
export interface Turn {
  readonly from: string;
  readonly to: string;
  readonly part: 'header' | 'state';
  /** True when text sections come inline, false when they become sections again. */
  readonly inlineTexts: boolean;
  readonly report: LossReport;
  readonly readText: TextReader;
  /** Of a member of the other version's, which is always parked. May throw where parking would not do. */
  judgeMember(form: Form, name: string, value: Json, pointer: string): Verdict;
  /** Null for an entry of a list that the version `to` can hold. */
  judgeEntry(form: Form, entry: JsonObject): Verdict | null;
}

/** `object` as the version `turn.to` has it; `pointer` is its place in the document. */
export async function convert(object: JsonObject, form: Form, turn: Turn, pointer: string): Promise<JsonObject> {
  const lists = form.lists ?? {};
  const back = readParked(
    object,
    turn,
    { members: form.gained, lists: Object.keys(lists), texts: form.texts !== undefined },
    { part: turn.part, pointer },
  );
  const kept: [string, Json][] = [];
  const members: [string, Json][] = [];
  const entries: [string, readonly ParkedEntry[]][] = [];
  let texts: readonly ParkedEntry[] = [];
  for (const [name, value] of Object.entries(object)) {
    const place = `${pointer}/${name}`;
    if (form.gained.includes(name)) {
      tell(turn, place, turn.judgeMember(form, name, value, place));
      members.push([name, value]);
    } else if (Object.hasOwn(lists, name) && Array.isArray(value)) {
      const list = await convertList(value, lists[name] as Form, turn, place);
      kept.push([name, insertEntries(list.kept, back.entries[name] ?? [])]);
      if (list.parked.length > 0) entries.push([name, list.parked]);
    } else if (form.objects !== undefined && Object.hasOwn(form.objects, name) && isObject(value)) {
      kept.push([name, await convert(value, form.objects[name] as Form, turn, place)]);
    } else if (name === form.texts && Array.isArray(value)) {
      const items = await (turn.inlineTexts ? inlineTexts(value, turn, place) : restoreTexts(value, back.texts, turn));
      kept.push([name, items.kept]);
      texts = items.parked;
    } else kept.push([name, value]);
  }
  return withParked(Object.fromEntries([...kept, ...Object.entries(back.members)]), turn, {
    members: members.length === 0 ? undefined : Object.fromEntries(members),
    entries: entries.length === 0 ? undefined : Object.fromEntries(entries),
    texts: texts.length === 0 ? undefined : texts,
  } satisfies { [Kind in keyof Parked]: Parked[Kind] | undefined });
}

interface Sorted {
  readonly kept: readonly Json[];
  readonly parked: readonly ParkedEntry[];
}

async function convertList(list: readonly Json[], form: Form, turn: Turn, pointer: string): Promise<Sorted> {
  const kept: Json[] = [];
  const parked: ParkedEntry[] = [];
  for (const [i, entry] of list.entries()) {
    const place = `${pointer}/${i}`;
    const verdict = isObject(entry) ? turn.judgeEntry(form, entry) : null;
    if (verdict !== null) {
      tell(turn, place, verdict);
      parked.push([i, entry]);
    } else kept.push(isObject(entry) && !isSame(entry, form) ? await convert(entry, form, turn, place) : entry);
  }
  return { kept, parked };
}

/** True when both versions have this very object: most cookies of most documents, which then cost next to nothing. */
function isSame(object: JsonObject, { gained, objects, lists, texts }: Form): boolean {
  if (objects !== undefined || lists !== undefined || texts !== undefined || Object.hasOwn(object, PARKED)) return false;
  return !gained.some((name) => Object.hasOwn(object, name));
}

async function inlineTexts(items: readonly Json[], turn: Turn, pointer: string): Promise<Sorted> {
  const kept: Json[] = [];
  const parked: ParkedEntry[] = [];
  for (const [i, item] of items.entries()) {
    const reference = Array.isArray(item) ? item[1] : undefined;
    if (!isObject(reference)) {
      kept.push(item);
      continue;
    }
    const place = `${pointer}/${i}/1`;
    const text = typeof reference['$section'] === 'string' ? await turn.readText(reference['$section']) : null;
    if (text === null) throw invalid(turn.part, place, 'reference to a section of text');
    tell(turn, place, { reason: `version ${turn.to} keeps every text inline`, severity: 'lossless' });
    kept.push([(item as readonly Json[])[0] as Json, text]);
    parked.push([i, reference]);
  }
  return { kept, parked };
}

/** An item is a reference again only if it still says what the section says: whoever changed it since knows better. */
async function restoreTexts(items: readonly Json[], texts: readonly ParkedEntry[], turn: Turn): Promise<Sorted> {
  const kept = [...items];
  for (const [i, reference] of texts) {
    const item = kept[i];
    if (!Array.isArray(item) || typeof item[1] !== 'string' || !isObject(reference) || typeof reference['$section'] !== 'string') continue;
    if ((await turn.readText(reference['$section'])) === item[1]) kept[i] = [item[0] as Json, reference];
  }
  return { kept, parked: [] };
}

function tell({ report, part }: Turn, pointer: string, verdict: Verdict): void {
  report({ pointer: `/${part}${pointer}`, ...verdict });
}
