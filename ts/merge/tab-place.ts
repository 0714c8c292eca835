/**
 * The order of tabs: each has a place, a string of digits, and tabs stand in the order of their places. Moving a tab is one write of its place, so it never
 * stands twice, and two that were moved at once do not change the others. Digits are allocated much as LSEQ does (Nédelec 2013): with a boundary at the ends, one
 * level deeper where there is no room between.
 */
import { Digest } from './digest.ts';

/** In ascending order of their code units. */
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE = DIGITS.length;
/** New places lie at most so far from a neighbour: what follows them goes on there. */
const BOUNDARY = 10;

/** Two tabs that got one place stand in the order of their ids. */
export function comparePlaces(
  a: { readonly place: string; readonly id: string },
  b: { readonly place: string; readonly id: string },
): number {
  if (a.place !== b.place) return a.place < b.place ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Whether a text is a place: digits, the last of which is not the lowest, so that there is room in front of it. */
export function isPlace(text: unknown): text is string {
  return typeof text === 'string' && /^[0-9A-Za-z]*[1-9A-Za-z]$/.test(text);
}

/**
 * Places for all tabs of `order` (ids, none twice) by which they stand in that order. As many as possible keep the place in `known`; the others get new ones
 * between their neighbours. Different seeds give different places at one spot; `''` gives the same ones to everybody who knows nothing. O(n log n).
 */
export function placesFor(order: readonly string[], known: ReadonlyMap<string, string>, seed: string): Map<string, string> {
  const kept = keepAscending(order, known);
  const random = new Random(seed);
  const places = new Map<string, string>();
  let run: string[] = [];
  let before = '';
  const placeRun = (after: string | null): void => {
    placeBetween(run, before, after, random, places);
    run = [];
  };
  for (const id of order) {
    const place = kept.get(id);
    // Two neighbours of one place leave no room between them: the second one goes on behind what comes there.
    if (place === undefined || (run.length > 0 && place <= before)) {
      run.push(id);
      continue;
    }
    if (run.length > 0) placeRun(place);
    places.set(id, place);
    before = place;
  }
  if (run.length > 0) placeRun(null);
  return new Map(order.map((id) => [id, places.get(id) as string]));
}

/** The longest selection of `order` that stands in its order by the known places (patience sorting). */
function keepAscending(order: readonly string[], known: ReadonlyMap<string, string>): Map<string, string> {
  const tabs = order.flatMap((id) => {
    const place = known.get(id);
    return isPlace(place) ? [{ id, place }] : [];
  });
  const tails: number[] = [];
  const previous: number[] = [];
  tabs.forEach((tab, i) => {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comparePlaces(tabs[tails[middle] as number] as (typeof tabs)[number], tab) < 0) low = middle + 1;
      else high = middle;
    }
    previous.push(low === 0 ? -1 : (tails[low - 1] as number));
    tails[low] = i;
  });
  const kept = new Map<string, string>();
  for (let i = tails.at(-1) ?? -1; i >= 0; i = previous[i] as number) {
    const { id, place } = tabs[i] as (typeof tabs)[number];
    kept.set(id, place);
  }
  return kept;
}

/** Many tabs at one spot: the one in the middle first, so that places stay short. */
function placeBetween(ids: readonly string[], before: string, after: string | null, random: Random, places: Map<string, string>): void {
  if (ids.length === 0) return;
  const middle = ids.length >> 1;
  const place = makePlace(before, after, ids.length > 1, random);
  places.set(ids[middle] as string, place);
  placeBetween(ids.slice(0, middle), before, place, random, places);
  placeBetween(ids.slice(middle + 1), place, after, random, places);
}

/** A place above `before` (`''`: the start) and below `after` (null: the end); in the middle of them, or near one. */
function makePlace(before: string, after: string | null, inMiddle: boolean, random: Random): string {
  let place = '';
  let upper = after;
  for (let level = 0; ; level++) {
    const low = level < before.length ? DIGITS.indexOf(before[level] as string) : 0;
    const high = upper === null ? BASE : DIGITS.indexOf(upper[level] as string);
    const room = high - low - 1;
    if (room > 0) {
      // At an end near the neighbour, since more will come behind it; between two in the middle, since nobody knows on which side.
      const isLast = after === null && !inMiddle;
      const isFirst = before === '' && after !== null && !inMiddle;
      const step = isLast || isFirst ? 1 + random.below(Math.min(room, BOUNDARY)) : (room + 1) >> 1;
      return place + DIGITS[isFirst ? high - step : low + step] + random.tail();
    }
    place += DIGITS[low];
    // Below the next digit of the upper bound already: nothing bounds what follows.
    if (upper !== null && high > low) upper = null;
  }
}

/** Draws by a seed (xorshift32); the seed that is empty adds no tail. */
class Random {
  #state: number;
  readonly #hasTail: boolean;

  constructor(seed: string) {
    const digest = new Digest();
    digest.text(seed);
    this.#state = (digest.value() & 0x7fffffff) | 1;
    this.#hasTail = seed !== '';
  }

  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  /** Tells replicas apart that draw at one spot at once. Three digits, none of them the lowest. */
  tail(): string {
    if (!this.#hasTail) return '';
    return Array.from({ length: 3 }, () => DIGITS[1 + this.below(BASE - 1)]).join('');
  }
}
