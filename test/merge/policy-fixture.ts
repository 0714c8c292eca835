/** Entries and candidates for tests of policies: short to write, in canonical order. */

import { encodeBase64Text } from '../../ts/kernel/text.ts';
import { type Candidate, compareCandidates, type Entry, type EntryKind, type EntryValue } from '../../ts/merge/entry.ts';
import { storageKeyIdentity } from '../../ts/session/identity.ts';

/** A write by the replica of this digit. Several times are an interval. */
export function write(replica: string, time: number | readonly [since: number, time: number], value?: EntryValue, counter = 1): Candidate {
  const stamp = typeof time === 'number' ? { time, count: 0 } : { since: time[0], time: time[1], count: 0 };
  return { dot: { replica: replica.padStart(16, '0'), counter }, stamp, ...(value === undefined ? {} : { value }) };
}

export function entryOf(kind: EntryKind, path: readonly string[], ...candidates: readonly Candidate[]): Entry {
  return { kind, path, candidates: [...candidates].sort(compareCandidates) };
}

/** The path of an item of localStorage. */
export function itemPath(name: string, origin = 'https://app.example'): string[] {
  return [storageKeyIdentity({ origin, topLevelSite: null }), name];
}

export function item(name: string, ...candidates: readonly Candidate[]): Entry {
  return entryOf('localStorage', itemPath(name), ...candidates);
}

export function cookiePath(name: string, domain = 'app.example'): string[] {
  return [domain, '/', name, 'host-only', ''];
}

export function cookie(name: string, ...candidates: readonly Candidate[]): Entry {
  return entryOf('cookie', cookiePath(name), ...candidates);
}

/** A JSON Web Token that nobody signed. */
export function token(claims: object): string {
  const encode = (part: object): string => encodeBase64Text(new TextEncoder().encode(JSON.stringify(part)), 'url');
  return `${encode({ alg: 'none' })}.${encode(claims)}.c2ln`;
}

/** Shuffles in place, the same for the same seed (mulberry32). */
export function shuffle<T>(list: T[], seed: number): T[] {
  let state = seed;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j] as T, list[i] as T];
  }
  return list;
}
