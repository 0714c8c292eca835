/**
 * What merging is about: entries, each a set of candidates (law M1 of laws.md). Types and orders only; how sets are joined is in `document.ts`, what a
 * reader sees of them in `policy.ts`.
 */

import type { Section } from '../session/session.ts';

/** Names one write, once and for all: the replica that made it, and its count there (law M5). */
export interface Dot {
  /** 64 random bits in 16 lower-case hexadecimal digits; one checkout, never used again. */
  readonly replica: string;
  /** From 1; each write takes the next one. */
  readonly counter: number;
}

/** When a write happened, by a hybrid logical clock (law M7). */
export interface Stamp {
  /** Milliseconds since the epoch, never behind what its writer had seen. */
  readonly time: number;
  /** Orders writes of one `time`. */
  readonly count: number;
  /** The earliest moment at which it can have happened, where that is not `time` itself: law M10. */
  readonly since?: number;
}

/** The kinds of entries. What identifies each, and what its value is, is in `flatten.ts`. */
export type EntryKind =
  | 'header'
  | 'cookie'
  | 'origin'
  | 'localStorage'
  | 'database'
  | 'record'
  | 'cache'
  | 'cacheEntry'
  | 'serviceWorker'
  | 'file'
  | 'tab'
  | 'tabPlace'
  | 'sessionStorage'
  | 'permission'
  | 'credential'
  | 'ttl';

/** A place in this table is a byte in a file: append only. */
export const KINDS: readonly EntryKind[] = [
  ...(['header', 'cookie', 'origin', 'localStorage', 'database', 'record', 'cache', 'cacheEntry'] as const),
  ...(['serviceWorker', 'file', 'tab', 'tabPlace', 'sessionStorage', 'permission', 'credential', 'ttl'] as const),
];

/** Plain data of a session document: the members of its types, with sections and bytes where those have them. */
export type EntryValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | Section
  | readonly EntryValue[]
  | { readonly [member: string]: EntryValue | undefined };

/** One write of an entry that no other write known here has replaced. */
export interface Candidate {
  readonly dot: Dot;
  readonly stamp: Stamp;
  /** Absent for a deletion. */
  readonly value?: EntryValue;
  /** What is merged in the place of `value` where a rule asks for it: objects by path, arrays and texts as sequences. See `structure.ts`. */
  readonly structure?: Uint8Array;
}

/** An entry as policies and the log see it: which it is, and its candidates in the order of {@link compareCandidates}. Never empty. */
export interface Entry {
  readonly kind: EntryKind;
  /** Identity within the kind: strings in the order that `flatten.ts` lists for it. */
  readonly path: readonly string[];
  readonly candidates: readonly Candidate[];
}

/** The key of an entry in maps, and its place in the order of entries. */
export function entryKey(kind: EntryKind, path: readonly string[]): string {
  return JSON.stringify([kind, ...path]);
}

/** By time, then count, then replica, then counter: a total order of different writes. Positive where `a` is the later one. */
export function compareCandidates(a: Candidate, b: Candidate): number {
  return a.stamp.time - b.stamp.time || a.stamp.count - b.stamp.count || compareDots(a.dot, b.dot);
}

/** Whether two stamps say the same. */
export function isSameStamp(a: Stamp, b: Stamp): boolean {
  return a === b || (a.time === b.time && a.count === b.count && a.since === b.since);
}

/** By replica, then counter. */
export function compareDots(a: Dot, b: Dot): number {
  if (a.replica !== b.replica) return a.replica < b.replica ? -1 : 1;
  return a.counter - b.counter;
}
