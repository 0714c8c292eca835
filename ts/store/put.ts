/**
 * Which session may be put in the place of what: the law of incarnations (M18). Data in, a decision out; the writing is in `write.ts`.
 */

import type { Session } from '../session/session.ts';
import type { StoreParts } from './parts.ts';
import type { RecordContent, RecordSeal, VersionOptions } from './record.ts';
import { encodeRecord } from './record.ts';
import type { RecordFacts } from './record-facts.ts';
import type { PutSessionOptions } from './store.ts';
import { conflict, gone, type NextRecord, refuseEnded } from './write.ts';

/** A put of `session` in the place of what is found. `STORE_GONE`, `STORE_CONFLICT`. */
export function decidePut(
  to: RecordSeal,
  session: Session,
  { ifMatch, ifNoneMatch, replace = false }: PutSessionOptions,
): (facts: RecordFacts | null) => NextRecord {
  return (facts) => {
    refuseEnded(facts, session.incarnation);
    const present = facts === null || facts.deletedAt !== null ? null : facts;
    if (present === null && ifMatch !== undefined) throw gone('there is none under this id any more');
    if (present !== null && ifNoneMatch !== undefined)
      throw conflict('session', 'ifNoneMatch: expected no session under this id, found one');
    if (present !== null && present.incarnation !== session.incarnation && !replace) throw anotherIncarnation();
    const stored = present?.incarnation === session.incarnation ? present.revision : 0;
    return nextRecord(to, session, Math.max(stored, session.revision) + 1);
  };
}

/** `session` as the record of `revision`. */
export function nextRecord(to: RecordSeal, session: Session, revision: number, options: VersionOptions = {}): NextRecord {
  return { incarnation: session.incarnation, revision, content: () => encodeRecord(to, { ...session, revision }, options) };
}

/** A tombstone in the place of the session that is found; null where there is none. */
export function decideDelete(parts: StoreParts): (facts: RecordFacts | null) => NextRecord | null {
  const deletedAt = parts.now();
  return (facts) => {
    if (facts === null || facts.deletedAt !== null) return null;
    return { incarnation: facts.incarnation, revision: facts.revision + 1, deletedAt, content: async () => tombstoneOf(parts, deletedAt) };
  };
}

/**
 * The record of a session that was deleted then. Where there are no conditions it stays for ever: a commit that came to the service late may stand beside it as
 * long, and would be the session again when nothing says that it has ended. `until` is when another store's tombstone ends.
 */
export function tombstoneOf({ provider, tombstoneMs }: StoreParts, deletedAt: number, until: number | null = null): RecordContent {
  const expiresAt = provider.capabilities.conditionalPut ? (until ?? deletedAt + tombstoneMs) : null;
  return { value: new Uint8Array(0), expiresAt };
}

/** `STORE_CONFLICT`: a session of another incarnation is there. */
export function anotherIncarnation(): Error {
  return conflict(
    'incarnation',
    'put: expected the session of the same incarnation under this id, found another one (replace: true puts it there all the same)',
  );
}
