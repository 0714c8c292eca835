/** Sessions for merging: related ones that are valid, what they hold as plain JSON in an order of its own, and their bytes. */
import fc from 'fast-check';
import { encodeSession } from '../../ts/index.ts';
import { cacheEntryPath } from '../../ts/merge/path.ts';
import type { CacheEntry, Section, Session } from '../../ts/session/session.ts';
import { TEXT_MEDIA_TYPE, textOf } from '../../ts/session/session.ts';
import { session as anySession } from '../session/arbitrary.ts';

/** Any valid session without a state of merging. */
export const plainSession: fc.Arbitrary<Session> = anySession.map(({ mergeState: _, ...rest }) => rest as Session);

/** Any valid sessions of one id. */
export const plainSessions = (count: number): fc.Arbitrary<Session[]> =>
  fc
    .array(plainSession, { minLength: count, maxLength: count })
    .map((list) => list.map((one) => ({ ...one, id: 'one', incarnation: list[0]!.incarnation })));

/** The bytes that a session is stored as, as text: equal bytes, equal texts. Uncompressed (law M20). */
export async function bytesOf(session: Session): Promise<string> {
  return Buffer.from(await encodeSession(session)).toString('latin1');
}

/** What a session holds, as plain JSON, without its state. */
export async function contentOf(session: Session): Promise<unknown> {
  return canonical(session, '');
}

/** Lists whose order says nothing, by the text of what they hold. */
const SORTED =
  /^(?:coverage\.storage|cookies|storage|storage\.(?:localStorage|indexedDB|serviceWorkers|files)|.*\.(?:stores|indexes)|tabs\.sessionStorage|.*\.items|permissions|credentials|ttl)$/;

async function canonical(value: unknown, place: string): Promise<unknown> {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = await Promise.all(value.map((item) => canonical(item, place)));
    return SORTED.test(place) ? items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : items;
  }
  if (typeof (value as Partial<Section>).bytes === 'function') {
    const section = value as Section;
    if (section.mediaType === TEXT_MEDIA_TYPE && section.length % 2 === 0) return textOf(section);
    return { mediaType: section.mediaType, hex: Buffer.from(await section.bytes()).toString('hex') };
  }
  const members: Record<string, unknown> = {};
  for (const name of Object.keys(value).sort()) {
    const member = (value as Record<string, unknown>)[name];
    if (member === undefined || name === 'mergeState') continue;
    Object.defineProperty(members, name, {
      value: await canonical(member, place === '' ? name : `${place}.${name}`),
      enumerable: true,
    });
  }
  return members;
}

/** Whether two requests of a cache are told apart by nothing but their number, which two captures may give otherwise. */
export function hasTwins(session: Session): boolean {
  return session.storage.some(({ caches = [] }) =>
    caches.some(({ name, entries }) => {
      const keys = entries.map((entry: CacheEntry) => JSON.stringify(cacheEntryPath('', name, entry)));
      return new Set(keys).size < keys.length;
    }),
  );
}
