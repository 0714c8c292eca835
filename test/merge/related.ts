/**
 * Sessions with a history in common, for the laws: captures that have nothing to do with each other, copies that somebody edited by hand, and replicas that
 * workers wrote to, with deletions, moves and concurrent writes. Few identities, so that writes meet.
 */
import fc from 'fast-check';
import { deltaOf, joinDocuments } from '../../ts/merge/document.ts';
import { type Entry, entryKey } from '../../ts/merge/entry.ts';
import { readMerge, showDocument } from '../../ts/merge/merge.ts';
import type { Operation } from '../../ts/merge/operations.ts';
import { placesFor } from '../../ts/merge/tab-place.ts';
import type { Session, TtlRule } from '../../ts/session/session.ts';
import { plainSession } from './session-fixture.ts';

/** One step of a history: what is done to which session, by numbers that are taken modulo what is there. */
interface Step {
  readonly what: 'write' | 'delete' | 'edit' | 'copy' | 'join' | 'cut' | 'move';
  readonly on: number;
  readonly which: number;
  readonly time: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom('write', 'write', 'delete', 'edit', 'copy', 'join', 'cut', 'move'),
  on: fc.nat(1000),
  which: fc.nat(1000),
  time: fc.nat(3),
});

/** What several sessions can be made from; {@link makeRelated} makes them, which takes waiting. */
export interface History {
  readonly captures: readonly Session[];
  readonly steps: readonly Step[];
}

/** Histories of `count` sessions. */
export const history: fc.Arbitrary<History> = fc.record({
  captures: fc.array(plainSession, { minLength: 2, maxLength: 3 }),
  steps: fc.array(step, { maxLength: 14 }),
});

/** `count` valid sessions of one id, as the history says. */
export async function makeRelated({ captures, steps }: History, count: number): Promise<Session[]> {
  const [first] = captures as [Session];
  const pool = Array.from({ length: count }, (_, i) => ({
    ...(captures[i % captures.length] as Session),
    id: 'one',
    incarnation: first.incarnation,
  }));
  let replica = 0;
  for (const { what, on, which, time } of steps) {
    const at = on % count;
    const session = pool[at] as Session;
    const other = pool[which % count] as Session;
    if (what === 'copy') pool[at] = other;
    else if (what === 'join') pool[at] = await show([session, other]);
    else if (what === 'edit') pool[at] = edit(session, which);
    else if (what === 'cut') pool[at] = cut(session, which);
    else pool[at] = await write(session, other, what, which, { replica: (++replica).toString(16).padStart(16, '0'), time });
  }
  return pool;
}

async function show(sessions: readonly Session[]): Promise<Session> {
  const inputs = await Promise.all(sessions.map((one) => readMerge(one)));
  const { id, incarnation } = sessions[0] as Session;
  return (await showDocument(joinDocuments(inputs.map(({ document }) => document)), { id, incarnation }, { inputs })).session;
}

/** By hand, without merging: another value, another order. */
function edit(session: Session, which: number): Session {
  const cookies = session.cookies.map((cookie, i) => (i === which % 3 ? { ...cookie, value: `edited ${which}` } : cookie));
  return { ...session, cookies, tabs: which % 2 === 0 ? [...session.tabs].reverse() : session.tabs };
}

/** Taken out by hand, with the rules that point anywhere. */
function cut(session: Session, which: number): Session {
  const ttl = (session.ttl ?? []).filter(({ target }: TtlRule) => !('pointer' in target) || target.pointer === '');
  const { ttl: _, ...rest } = session;
  return {
    ...rest,
    cookies: session.cookies.filter((_, i) => i !== which % 2),
    tabs: session.tabs.slice(which % 2),
    ...(ttl.length > 0 ? { ttl } : {}),
  };
}

/** As a worker does: operations that replace what it saw, joined to a session. */
async function write(
  session: Session,
  other: Session,
  what: 'write' | 'delete' | 'move',
  which: number,
  { replica, time }: { readonly replica: string; readonly time: number },
): Promise<Session> {
  const { document } = await readMerge(session);
  const entries = [...document.entries.values()].filter(({ kind }) => kind !== 'tabPlace');
  const operations: Operation[] = [];
  const add = ({ kind, path }: Pick<Entry, 'kind' | 'path'>, value: Operation['value']): void => {
    const sees = (document.entries.get(entryKey(kind, path))?.candidates ?? []).map(({ dot }) => dot);
    operations.push({
      kind,
      path,
      ...(value === undefined ? {} : { value }),
      stamp: { time: 1_700_000_000_000 + time, count: operations.length },
      sees,
    });
  };
  if (what === 'move') {
    const known = session.tabs.map(({ id }) => id).reverse();
    for (const [id, place] of placesFor(known, new Map(), replica)) add({ kind: 'tabPlace', path: [id] }, place);
  } else {
    for (const [i, entry] of entries.entries()) {
      if ((i + which) % 5 !== 0) continue;
      if (what === 'delete') {
        // Every session has a source.
        if (entry.path[0] !== 'source') add(entry, undefined);
      }
      // Two sessions of other times: a worker's own session never ends before it was made.
      else if (entry.kind === 'header' && entry.path[0] === 'expiresAt' && (other.expiresAt ?? 0) < session.createdAt) continue;
      // What another session has under the same identity fits it, as far as one entry can tell.
      else add(entry, (await valueIn(other, entry)) ?? entry.candidates.at(-1)?.value);
    }
  }
  const { delta } = deltaOf(document.epoch, operations, { replica, counter: 0 });
  const { id, incarnation } = session;
  return (await showDocument(joinDocuments([document, delta]), { id, incarnation })).session;
}

async function valueIn(session: Session, { kind, path }: Entry): Promise<Operation['value']> {
  const { document } = await readMerge(session);
  return document.entries.get(entryKey(kind, path))?.candidates.at(-1)?.value;
}
