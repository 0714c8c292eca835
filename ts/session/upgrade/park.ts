/**
 * Parking: what one version cannot hold stays in the document, under a member that readers of that version do not know and therefore keep.
 *
 *     "x-psp-parked": { "2.0": { "members": { "createdAt": ... }, "entries": { "storage": [[1, {...}]] }, "texts": [[0, {"$section":"s3"}]] } }
 *
 * It stands in the object that the things came from, in one slot for the version that they belong to. `members` were members of the object,
 * `entries` stood in its lists at these indexes, `texts` are references whose text is now inline. The name is reserved: other content is refused.
 */
import { invalid } from '../validate.ts';
import { isObject, type Json, type JsonObject } from './step.ts';

/** The member that holds what was parked. */
export const PARKED = 'x-psp-parked';

/** A value and the index that it had in a list. */
export type ParkedEntry = readonly [index: number, value: Json];

/** What one object has parked for one version. */
export interface Parked {
  readonly members: JsonObject;
  readonly entries: Readonly<Record<string, readonly ParkedEntry[]>>;
  readonly texts: readonly ParkedEntry[];
}

/** What an object may have parked. */
export interface Parkable {
  readonly members: readonly string[];
  readonly lists: readonly string[];
  readonly texts: boolean;
}

const NOTHING: Parked = { members: {}, entries: {}, texts: [] };

/**
 * What `object`, of version `from`, has parked for version `to`; nothing when it has no such slot.
 *
 * @throws PspError `SESSION_INVALID` when the slot is not of the form above, names what `parkable` does not, or has a place of its own version.
 */
export function readParked(
  object: JsonObject,
  versions: { readonly from: string; readonly to: string },
  parkable: Parkable,
  place: { readonly part: 'header' | 'state'; readonly pointer: string },
): Parked {
  const slots = memberOf(object, PARKED);
  if (slots === undefined) return NOTHING;
  const refused = () => invalid(place.part, `${place.pointer}/${PARKED}`, 'members that were parked by a change of version');
  if (!isObject(slots) || memberOf(slots, versions.from) !== undefined) throw refused();
  const slot = memberOf(slots, versions.to);
  if (slot === undefined) return NOTHING;
  if (!isObject(slot) || !holdsOnly(slot, ['members', 'entries', 'texts'])) throw refused();
  const { members, entries, texts } = { ...NOTHING, ...slot };
  if (!isObject(members) || !holdsOnly(members, parkable.members)) throw refused();
  if (!isObject(entries) || !holdsOnly(entries, parkable.lists) || !Object.values(entries).every(isEntryList)) throw refused();
  if (!isEntryList(texts) || (texts.length > 0 && !parkable.texts)) throw refused();
  return { members, entries: entries as Parked['entries'], texts };
}

/** `object`, without what it had parked for version `to` and with `parked` for version `from`. */
export function withParked(
  object: JsonObject,
  versions: { readonly from: string; readonly to: string },
  parked: { readonly [Kind in keyof Parked]?: Parked[Kind] | undefined },
): JsonObject {
  const { [PARKED]: before, ...bare } = object;
  const { [versions.to]: _, ...slots } = isObject(before) ? before : {};
  const slot = Object.fromEntries(Object.entries(parked).filter(([, held]) => held !== undefined)) as JsonObject;
  const after = Object.keys(slot).length === 0 ? slots : { ...slots, [versions.from]: slot };
  return Object.keys(after).length === 0 ? bare : { ...bare, [PARKED]: after };
}

/** `list` with each entry at its index again, or at the end where the list has become too short. O(n). */
export function insertEntries(list: readonly Json[], entries: readonly ParkedEntry[]): Json[] {
  const result: Json[] = [];
  let next = 0;
  for (const [index, entry] of entries) {
    while (result.length < index && next < list.length) result.push(list[next++] as Json);
    result.push(entry);
  }
  while (next < list.length) result.push(list[next++] as Json);
  return result;
}

/** Own members only: an object that was read from JSON may lack what its prototype has. */
function memberOf(object: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function holdsOnly(object: JsonObject, names: readonly string[]): boolean {
  return Object.keys(object).every((name) => names.includes(name));
}

function isEntryList(value: unknown): value is readonly ParkedEntry[] {
  if (!Array.isArray(value) || !value.every(isEntry)) return false;
  return value.every(([index], i) => index > (value[i - 1]?.[0] ?? -1));
}

function isEntry(value: unknown): value is ParkedEntry {
  return Array.isArray(value) && value.length === 2 && Number.isSafeInteger(value[0]);
}
