/** Pairs that differ by a known number of edits, the same in every run: text of records, random bytes, storage maps, lists of objects, logs, ids. */

/** Numbers from 0 below 1 (mulberry32, T. Ettinger 2017). */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A source of random choices. */
class Chance {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** A whole number from 0 below `limit`. */
  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  /** So many characters of 0-9 and a-z. */
  word(length: number): string {
    return Array.from({ length }, () => this.below(36).toString(36)).join('');
  }
}

/** About `length` characters of JSON with distinct records, and the same after `edits` insertions, deletions and replacements of 1 to 12 characters. */
export function textPair(length: number, edits: number, wide = false): [a: string, b: string] {
  const chance = new Chance(4);
  const records: string[] = [];
  for (let total = 0, id = 0; total < length; id++) {
    const record = `{"id":${id},"k":"${chance.word(10)}","v":"${chance.word(30)}${wide ? '中文' : ''}","ok":${chance.below(2) === 0}},`;
    records.push(record);
    total += record.length;
  }
  const a = records.join('').slice(0, length);
  let b = a;
  for (let edit = 0; edit < edits; edit++) {
    const at = chance.below(b.length);
    const inserted = edit % 3 === 0 ? chance.word(8) : edit % 3 === 1 ? '' : chance.word(6);
    const deleted = edit % 3 === 0 ? 0 : edit % 3 === 1 ? 1 + chance.below(12) : 6;
    b = b.slice(0, at) + inserted + b.slice(at + deleted);
  }
  return [a, b];
}

/** Random bytes, and the same after `edits` insertions, deletions and replacements of 16 to 215 bytes. */
export function bytesPair(length: number, edits: number): [a: Uint8Array, b: Uint8Array] {
  const chance = new Chance(5);
  const a = Uint8Array.from({ length }, () => chance.below(256));
  const places = Array.from({ length: edits }, () => chance.below(length)).sort((one, other) => one - other);
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const [edit, place] of places.entries()) {
    if (place < from) continue;
    parts.push(a.subarray(from, place));
    from = place;
    if (edit % 3 !== 1) parts.push(Uint8Array.from({ length: 16 + chance.below(200) }, () => chance.below(256)));
    if (edit % 3 !== 0) from = Math.min(length, from + 16 + chance.below(200));
  }
  parts.push(a.subarray(from));
  return [a, joinBytes(parts)];
}

/** A log of about `length` characters that consists of `distinct` lines, and the same after `edits` lines were deleted, inserted or changed. */
export function logPair(length: number, distinct: number, edits: number): [a: string, b: string] {
  const chance = new Chance(7 + distinct);
  const lines = Array.from(
    { length: distinct },
    (_, at) =>
      `{"event":"e${at}","at":"${chance.word(6)}","level":"${at % 3 === 0 ? 'warn' : 'info'}","message":"something happened in module ${at % 17}"}\n`,
  );
  const a = Array.from({ length: Math.round(length / lines[0]!.length) }, () => lines[chance.below(distinct)]!);
  const b = [...a];
  for (let edit = 0; edit < edits; edit++) {
    const at = chance.below(b.length);
    if (edit % 3 === 0) b.splice(at, 1);
    else if (edit % 3 === 1) b.splice(at, 0, lines[chance.below(distinct)]!);
    else b[at] = b[at]!.slice(0, 20) + chance.word(3) + b[at]!.slice(23);
  }
  return [a.join(''), b.join('')];
}

/** A storage map of `count` entries as JSON bytes, and the same with so many of them changed, removed or added. */
export function storagePair(count: number, changes: number): [a: Uint8Array, b: Uint8Array] {
  const chance = new Chance(1);
  const value = (id: number) => JSON.stringify({ id, v: chance.word(80 + chance.below(80)), t: 1e12 + id });
  const entries = Array.from({ length: count }, (_, id) => [`app:${chance.word(6)}:${id}`, value(id)] as const);
  const changed = new Map<string, string>(entries);
  for (let change = 0; change < changes; change++) {
    const [key] = entries[chance.below(count)]!;
    if (change % 4 === 2) changed.delete(key);
    else if (change % 4 === 3) changed.set(`new:${chance.word(8)}`, value(count + change));
    else changed.set(key, value(count + change));
  }
  return [encode(Object.fromEntries(entries)), encode(Object.fromEntries(changed))];
}

/** A list of `count` objects as JSON bytes, and the same after `edits` were removed, inserted or changed. */
export function listPair(count: number, edits: number): [a: Uint8Array, b: Uint8Array] {
  const chance = new Chance(3);
  const make = (id: number) => ({ url: `https://example.com/${chance.word(20)}?q=${id}`, title: chance.word(24), ts: 1.7e12 + id * 1000 });
  const a = Array.from({ length: count }, (_, id) => make(id));
  const b = [...a];
  for (let edit = 0; edit < edits; edit++) {
    const at = chance.below(b.length);
    if (edit % 3 === 0) b.splice(at, 1);
    else if (edit % 3 === 1) b.splice(at, 0, make(count + edit));
    else b[at] = { ...b[at]!, title: chance.word(24) };
  }
  return [encode(a), encode(b)];
}

/** Ids 0 to `count` - 1, and the same after `edits` were removed, inserted or replaced by new ones. */
export function idsPair(count: number, edits: number): [a: Uint32Array, b: Uint32Array] {
  const chance = new Chance(9);
  const a = Uint32Array.from({ length: count }, (_, id) => id);
  const b = [...a];
  for (let edit = 0; edit < edits; edit++) {
    const at = chance.below(b.length);
    if (edit % 3 === 0) b.splice(at, 1);
    else b.splice(at, edit % 3 === 1 ? 0 : 1, count + edit);
  }
  return [a, Uint32Array.from(b)];
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let to = 0;
  for (const part of parts) {
    joined.set(part, to);
    to += part.length;
  }
  return joined;
}
