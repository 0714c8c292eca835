/** What a worker has before it, in a browser or in its hands: a session as entries, and what is kept of it to be compared with the next look. */

import { Digest } from '../merge/digest.ts';
import type { MergeDocument } from '../merge/document.ts';
import { type EntryValue, entryKey } from '../merge/entry.ts';
import { type FlatSession, flattenSession } from '../merge/flatten.ts';
import { type BaseEntry, captureExtent, type ObservedChange, type Operation, type SeenEntry } from '../merge/operations.ts';
import { placesFor } from '../merge/tab-place.ts';
import { digestValue } from '../merge/value.ts';
import type { Cookie, Coverage, Extent, Session } from '../session/session.ts';

/** What the worker had before it, to be compared with what it has next. */
export interface Base {
  readonly entries: ReadonlyMap<string, BaseEntry>;
  readonly atMs: number;
}

/** What the worker has before it. */
export interface Look {
  readonly entries: ReadonlyMap<string, SeenEntry>;
  readonly coverage: Coverage;
  /** Null for a session that was not captured. */
  readonly extentOf: ((coverage: Coverage, entry: Pick<SeenEntry, 'kind' | 'path'>) => Extent) | null;
  readonly marks: ReadonlyMap<string, number>;
  /** Changes that were seen when they happened. */
  readonly observed: readonly ObservedChange[];
  readonly atMs: number;
}

/** A session as entries, its tabs with places: the known ones, and new ones by `seed`. */
export async function lookAt(
  session: Session,
  known: ReadonlyMap<string, string>,
  seed: string,
  atMs: number,
): Promise<{ readonly look: Look; readonly places: ReadonlyMap<string, string> }> {
  const { entries: flat, tabs, marks } = await flattenSession(session);
  const places = placesFor(tabs, known, seed);
  const entries = new Map<string, SeenEntry>();
  for (const { key, kind, path, value } of flat)
    entries.set(key, { kind, path, value, expiresAt: kind === 'cookie' ? expiryOf(value) : null });
  for (const [id, value] of places) entries.set(entryKey('tabPlace', [id]), { kind: 'tabPlace', path: [id], value, expiresAt: null });
  const { coverage } = session;
  return { look: { entries, coverage, extentOf: captureExtent, marks, observed: [], atMs }, places };
}

function expiryOf(cookie: EntryValue): number | null {
  return (cookie as unknown as Cookie).expiresAt;
}

/** Where the tabs of a document stand, by their ids. */
export function placesOf({ entries }: MergeDocument): Map<string, string> {
  const places = new Map<string, string>();
  for (const { kind, path, candidates } of entries.values()) {
    const place = candidates.at(-1)?.value;
    if (kind === 'tabPlace' && typeof place === 'string') places.set(path[0]!, place);
  }
  return places;
}

/** A look to compare the next one with. */
export function baseOf({ entries, atMs }: Look): Base {
  const verified = new Map<string, BaseEntry>();
  for (const [key, { value, ...entry }] of entries) verified.set(key, { ...entry, digest: digestOf(value) });
  return { entries: verified, atMs };
}

/** What was missing without evidence was there all the same: should it be seen again, unchanged, that is no change. */
export function keepUnknown(before: Base, after: Base, operations: readonly Operation[]): Base {
  const changed = new Set(operations.map(({ kind, path }) => entryKey(kind, path)));
  const entries = new Map(after.entries);
  for (const [key, entry] of before.entries) if (!entries.has(key) && !changed.has(key)) entries.set(key, entry);
  return { entries, atMs: after.atMs };
}

/** Of each entry of a session. */
export function digestsOf({ entries }: FlatSession): Map<string, string> {
  return new Map(entries.map(({ key, value }) => [key, digestOf(value)]));
}

/** 48 bits by which a value is known again; `merge/digest.ts`. */
export function digestOf(value: EntryValue): string {
  const digest = new Digest();
  digestValue(value, digest);
  return digest.value().toString(36);
}
