/** localStorage and sessionStorage of the hard site: names that the prototype hides, halves of surrogate pairs, NUL, much and nothing. */
import type { PageCell } from '../cell.ts';
import { plainName, shortText } from './short.ts';

const ODD: readonly (readonly [string, string])[] = [
  ['length', 'of a name that the prototype has'],
  ['key', 'k'],
  ['getItem', 'g'],
  ['__proto__', 'p'],
  ['constructor', 'c'],
  ['', 'of no name'],
  ['of nothing', ''],
  ['a\0b', 'c\0d'],
  ['\ud800', '\udfff and \ud83e'],
  ['of halves', '\udfff and \ud83e'],
  ['\u65e5\u672c \u{1f98a}', '\u{1f98a} \ufeff\u2028'],
  ['  spaces ', '\t\r\n'],
  ['json', '{"a":[1,2,3]}'],
  ['1', 'a number'],
];

/** Everything that is odd, and a value of half a million units. */
export function seedItems(area: Storage, own: string): void {
  for (const [name, value] of ODD) Storage.prototype.setItem.call(area, name, value);
  area.setItem('large', Array.from({ length: 500_000 }, (_, i) => String.fromCharCode(i % 0xffff)).join(''));
  area.setItem('own', own);
}

/** What tells this place from the others. */
export function seedOwnItem(area: Storage, own: string): void {
  area.setItem('own', own);
  area.setItem('\u2603 own', `${own} \udc00`);
}

/** A cell for each item. */
export function lookAtItems(group: PageCell['group'], kind: string, area: Storage): PageCell[] {
  const names = Array.from({ length: area.length }, (_, index) => Storage.prototype.key.call(area, index) as string);
  return names.map((name) => ({
    group,
    kind,
    name: plainName(name),
    seen: shortText(Storage.prototype.getItem.call(area, name) ?? 'null'),
    // Half of a surrogate pair may have become the replacement character, which is seen under that name.
    within: [name, name.replaceAll('\ufffd', '\ud800')],
  }));
}
