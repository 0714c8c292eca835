/** Sessions to compare: any two that have much in common, a small one to change by hand, and ways to look at what came out. */
import fc from 'fast-check';
import type { Difference, SessionDiff } from '../../ts/diff/difference.ts';
import { RECORDS_MEDIA_TYPE, RecordWriter } from '../../ts/session/clone/records.ts';
import { type Section, type Session, section, TEXT_MEDIA_TYPE, textOf } from '../../ts/session/session.ts';
import { session } from '../session/arbitrary.ts';

/** Two valid sessions, of which the second is made of parts of the first and parts of a third, in another order. */
export const related: fc.Arbitrary<readonly [Session, Session]> = fc
  .tuple(session, session, fc.infiniteStream(fc.nat(99)))
  .map(([a, other, stream]) => {
    const draw = (): number => stream.next().value as number;
    return [a, mix(a, other, draw) as Session] as const;
  });

/** Parts of both, without an eye on what makes sense: identities may stand more than once. */
function mix(a: unknown, b: unknown, draw: () => number): unknown {
  if (Array.isArray(a) && Array.isArray(b) && !isPair(a) && !isPair(b)) return shuffle(mixLists(a, b, draw), draw);
  if (!isObject(a) || !isObject(b) || isSection(a) || isSection(b)) return draw() < 80 ? a : b;
  const mixed: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const value = name in a && name in b ? mix(a[name], b[name], draw) : draw() < 70 ? a[name] : (b[name] ?? a[name]);
    // The schema wants at least one history entry and one name of a key path.
    if (Array.isArray(value) && value.length === 0 && (name === 'entries' || name === 'keyPath')) mixed[name] = a[name];
    else if (value !== undefined) mixed[name] = value;
  }
  return mixed;
}

function mixLists(a: readonly unknown[], b: readonly unknown[], draw: () => number): unknown[] {
  const kept = a.flatMap((item) => (draw() < 75 ? [draw() < 30 && b.length > 0 ? mix(item, b[draw() % b.length], draw) : item] : []));
  return [...kept, ...b.filter(() => draw() < 30)];
}

function shuffle(list: unknown[], draw: () => number): unknown[] {
  if (draw() < 60) return list;
  const left = [...list];
  return list.map(() => left.splice(draw() % left.length, 1)[0]);
}

const isPair = (list: readonly unknown[]): boolean => list.length === 2 && typeof list[0] === 'string';
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isSection = (value: object): boolean => typeof (value as Partial<Section>).bytes === 'function';

/** A session as plain JSON: text in sections as the text it holds, other sections by their bytes. What `applyPatch` promises is equality of this. */
export async function flattened(value: unknown): Promise<unknown> {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Promise.all(value.map(flattened));
  if (isSection(value)) {
    const one = value as Section;
    if (one.mediaType === TEXT_MEDIA_TYPE && one.length % 2 === 0) return textOf(one);
    return { mediaType: one.mediaType, hex: Buffer.from(await one.bytes()).toString('hex') };
  }
  const members = await Promise.all(Object.entries(value).map(async ([name, member]) => [name, await flattened(member)] as const));
  return Object.fromEntries(members.filter(([, member]) => member !== undefined));
}

/** Every difference, in the order added, removed, changed, moved. */
export function all(diff: SessionDiff): Difference[] {
  return [...diff.added, ...diff.removed, ...diff.changed, ...diff.moved];
}

/** A difference in one line: `changed cookie /cookies/0 -> /cookies/1 value`. */
export function inShort(one: Difference): string {
  const pointers = [one.change === 'added' ? null : one.from, one.change === 'removed' ? null : one.to].filter(
    (pointer) => pointer !== null,
  );
  const members = one.change === 'changed' ? ` ${one.members.map(({ member }) => member).join(',')}` : '';
  return `${one.change} ${one.kind} ${[...new Set(pointers)].join(' -> ')}${members}`;
}

export function recordsOf(...pairs: readonly (readonly [unknown, unknown])[]): Section {
  const writer = new RecordWriter();
  for (const [key, value] of pairs) writer.add(key, value);
  return section(writer.take(), RECORDS_MEDIA_TYPE);
}

export function bytesSection(text: string, mediaType = 'application/octet-stream'): Section {
  return section(new TextEncoder().encode(text), mediaType);
}

export function textSection(text: string): Section {
  return section(
    new Uint8Array(new Uint16Array([...text].flatMap((one) => one.split('').map((unit) => unit.charCodeAt(0)))).buffer),
    TEXT_MEDIA_TYPE,
  );
}

/** A cookie with what a test says of it. */
export function cookie(name: string, more: Partial<Session['cookies'][number]> = {}): Session['cookies'][number] {
  return {
    ...{ name, value: `value of ${name}`, domain: 'app.example', hostOnly: true, path: '/', secure: true, httpOnly: true, sameSite: 'lax' },
    ...{ expiresAt: null, partitionKey: null },
    ...more,
  };
}

export const KEY = { origin: 'https://app.example', topLevelSite: null } as const;

/** A session with what a test says of it, and nothing else. */
export function sessionWith(more: Partial<Session>): Session {
  return {
    ...{ id: 'id', incarnation: 'incarnation', revision: 0, createdAt: 1, updatedAt: 1, source: { tool: 'test' } },
    coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
    ...{ cookies: [], storage: [], tabs: [] },
    ...more,
  };
}

/** The one storage of a session. */
export function storageWith(more: Partial<Session['storage'][number]>): Partial<Session> {
  return { storage: [{ key: KEY, localStorage: [], indexedDB: [], ...more }] };
}
