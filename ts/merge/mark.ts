/**
 * Facts of a session that only grow, and so need no candidates: of two values the greater one counts (law M15). Coverage, times, key generators, signature
 * counters, and that a list is there at all, even when it is empty.
 */
import type { Extent } from '../session/session.ts';
import { parseJson } from './path.ts';

/** The name of a mark, in the order that this table lists. */
export function markName(
  ...name: /** The earliest `createdAt`, negated; the latest `updatedAt`; the highest revision. */
    | readonly ['created' | 'updated' | 'revision']
    /** How far captures went: an index of {@link EXTENTS}, of the whole or of one storage key. */
    | readonly ['coverage', member: string]
    | readonly ['coverage', storageKey: string, member: string]
    /** 1: the optional list of the session, or of a storage key, is there. */
    | readonly ['list', member: string]
    | readonly ['list', storageKey: string, member: string]
    /** 1: the storage key is listed; the tab has an area of it. */
    | readonly ['origin', storageKey: string]
    | readonly ['area', tab: string, storageKey: string]
    /** The next key. */
    | readonly ['generator', storageKey: string, database: string, store: string]
    | readonly ['signCount', rpId: string, credentialId: string]
    /** `lastTouched` of the rule with this path. */
    | readonly ['touched', ...path: string[]]
): string {
  return JSON.stringify(name);
}

/** The parts of a name; empty for what is no name. */
export function markParts(name: string): readonly string[] {
  const parts = parseJson(name);
  return Array.isArray(parts) && parts.every((part) => typeof part === 'string') ? parts : [];
}

/** From least to most. */
export const EXTENTS: readonly Extent[] = ['unvisited', 'partial', 'complete'];
