/**
 * The sealing context: what a reader must know before it opens a blob. It is encoded without any room for doubt (`{ tenant: 's-1',
 * sessionId: 't' }` and `{ tenant: 's-', sessionId: '1t' }` differ) and enters the header as a MAC under a key derived from the data key.
 * A plain hash would let anyone who holds the file guess ids. What the reader learns by opening (revision, schema) is not part of it:
 * `attributes.ts`.
 */

import { encodeMembers } from './canonical.ts';

/** Names whom and what a blob is for. Absent members are absent: `{}` (a loose file) and `{ sessionId: '' }` are different contexts. */
export interface SealContext {
  readonly tenant?: string;
  readonly sessionId?: string;
}

/** Members in the order of the UTF-8 bytes of their names, which is the order of their encoding. */
const MEMBERS = ['sessionId', 'tenant'] as const;

/** What {@link encodeMembers} makes of none: so common that it is kept. Read only. */
const NO_MEMBERS = encodeMembers('context', []);

/**
 * The canonical bytes of a context, to be read only, as `canonical.ts` writes them: its MAC under the key of purpose `context` stands in the header.
 *
 * Throws TypeError for a member that is no string, that is not known (it would not be bound, and the caller believes it is), or that
 * holds a lone surrogate.
 */
export function encodeContext(context: SealContext): Uint8Array<ArrayBuffer> {
  for (const name of Object.keys(context)) {
    if (!(MEMBERS as readonly string[]).includes(name)) throw new TypeError(`context: expected tenant and sessionId only, got ${name}`);
  }
  const members: [string, string][] = [];
  for (const name of MEMBERS) {
    const value: unknown = context[name];
    if (value === undefined) continue;
    if (typeof value !== 'string') throw new TypeError(`context.${name}: expected a string, got ${typeof value}`);
    members.push([name, value]);
  }
  return members.length === 0 ? NO_MEMBERS : encodeMembers('context', members);
}
