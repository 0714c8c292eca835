import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { effectiveExpiries } from '../../ts/session/effective.ts';
import { withoutExpired } from '../../ts/session/expiry.ts';
import type { Member } from '../../ts/session/member.ts';
import { purge } from '../../ts/session/purge.ts';
import type { Session, TtlRule } from '../../ts/session/session.ts';
import { storeExpiry } from '../../ts/session/store-ttl.ts';
import { resolve, sessionWithRules, shortTime } from './ttl-arbitrary.ts';
import { SECRET, SESSION } from './ttl-fixture.ts';

const withRules = (...ttl: TtlRule[]): Session => ({ ...SESSION, ttl });

describe('a purge', () => {
  test('takes out what has expired and logs each thing with its pointer, kind, time, cause and rule', () => {
    const rule: TtlRule = { target: { kind: 'origin' }, expiresAt: 5 };
    const { session, log } = purge({ ...withRules(rule), tabs: [] }, 1000);
    expect(session.storage).toEqual([]);
    const inside = (pointer: string, kind: string) => ({ pointer, kind, expiredAt: 5, cause: '/storage/0', rule });
    expect(log).toEqual([
      { pointer: '/cookies/0', kind: 'cookie', expiredAt: 1000, cause: '/cookies/0', rule: null },
      inside('/storage/0', 'origin'),
      inside('/storage/0/localStorage/0', 'localStorage'),
      inside('/storage/0/localStorage/1', 'localStorage'),
      inside('/storage/0/indexedDB/0', 'indexedDB'),
      inside('/storage/0/caches/0', 'cache'),
      inside('/storage/0/serviceWorkers/0', 'serviceWorker'),
      inside('/storage/0/files/0', 'file'),
      inside('/storage/0/files/1', 'file'),
      inside('/storage/0/files/2', 'file'),
    ]);
  });

  test('renumbers rules whose target moved, at every depth, and drops those whose target is gone', () => {
    const area = { key: SESSION.storage[0]!.key, items: [['one', SECRET] as const, ['two', SECRET] as const] };
    const session: Session = {
      ...SESSION,
      storage: [
        SESSION.storage[0]!,
        { ...SESSION.storage[0]!, indexedDB: ['a', 'b', 'c'].map((name) => ({ name, version: 1, stores: [] })) },
      ],
      tabs: [SESSION.tabs[1]!, { ...SESSION.tabs[0]!, sessionStorage: [area, area] }],
      ttl: [
        { target: { pointer: '/storage/0' }, expiresAt: 5 },
        { target: { pointer: '/storage/0/indexedDB/0' }, expiresAt: 90 },
        { target: { pointer: '/storage/1/indexedDB/0' }, expiresAt: 5 },
        { target: { pointer: '/storage/1/indexedDB/2' }, expiresAt: 91, idleMs: 7, lastTouched: 50 },
        { target: { pointer: '/tabs/0' }, expiresAt: 5 },
        { target: { pointer: '/tabs/1/sessionStorage/0' }, expiresAt: 5 },
        { target: { pointer: '/tabs/1/sessionStorage/1/items/0' }, expiresAt: 5 },
        { target: { pointer: '/tabs/1/sessionStorage/1/items/1' }, expiresAt: 92 },
        { target: { pointer: '/cookies/1' }, expiresAt: 93 },
        { target: { pointer: '/cookies/7' }, expiresAt: 94 },
        { target: { pointer: '/cookies/1/value' }, expiresAt: 94 },
        { target: { pointer: '' }, idleMs: 1000, lastTouched: 5 },
        { target: { kind: 'cookie', name: 'x' }, expiresAt: 5 },
      ],
    };
    expect(purge(session, 5).session.ttl).toEqual([
      { target: { pointer: '/storage/0/indexedDB/1' }, expiresAt: 91, idleMs: 7, lastTouched: 50 },
      { target: { pointer: '/tabs/0/sessionStorage/0/items/0' }, expiresAt: 92 },
      { target: { pointer: '/cookies/1' }, expiresAt: 93 },
      { target: { pointer: '' }, idleMs: 1000, lastTouched: 5 },
      { target: { kind: 'cookie', name: 'x' }, expiresAt: 5 },
    ]);
  });

  test('leaves no empty list of rules', () => {
    expect('ttl' in purge(withRules({ target: { pointer: '/tabs/0' }, expiresAt: 5 }), 5).session).toBe(false);
  });

  test('takes a directory with all that is in it', () => {
    const { session, log } = purge(withRules({ target: { pointer: '/storage/0/files/0' }, expiresAt: 5 }), 5);
    expect(session.storage[0]?.files?.map(({ path }) => path)).toEqual(['logs-not']);
    expect(log.map(({ pointer, cause }) => [pointer, cause])).toEqual([
      ['/storage/0/files/0', '/storage/0/files/0'],
      ['/storage/0/files/1', '/storage/0/files/0'],
    ]);
  });

  test('of an expired session empties it; the session itself is the store’s to delete, and not in the log', () => {
    const { session, log } = purge({ ...SESSION, expiresAt: 5 }, 5);
    expect(session.cookies).toEqual([]);
    expect(session.expiresAt).toBe(5);
    expect(log.map(({ pointer }) => pointer)).not.toContain('');
    expect(log.length).toBe(effectiveExpiries(SESSION).length - 1);
  });

  test('changes nothing but what it takes out', () => {
    const { cookies: _, ...rest } = purge(SESSION, 1000).session;
    const { cookies: __, ...before } = SESSION;
    expect(rest).toEqual(before);
  });

  test('(1) what remains keeps its effective expiry; (2) the log names all that went, and nothing else', () => {
    fc.assert(
      fc.property(sessionWithRules, shortTime, (session, now) => {
        const { session: left, log } = purge(session, now);
        const before = effectiveExpiries(session);
        const gone = before.filter(({ member, expiresAt }) => member.kind !== 'session' && expiresAt !== null && expiresAt <= now);
        expect(log.map(({ pointer, expiredAt }) => [pointer, expiredAt])).toEqual(
          gone.map(({ member, expiresAt }) => [member.pointer, expiresAt]),
        );
        const stayed = before.filter((one) => !gone.includes(one));
        const after = effectiveExpiries(left);
        expect(after.length).toBe(stayed.length);
        after.forEach(({ member, expiresAt }, i) => {
          // The very same object, not an equal one.
          expect(identity(left, member)).toBe(identity(session, stayed[i]!.member));
          expect([member.kind, expiresAt]).toEqual([stayed[i]!.member.kind, stayed[i]!.expiresAt]);
        });
      }),
      { numRuns: 200 },
    );
  });

  test('(2) each entry names a cause that explains it', () => {
    fc.assert(
      fc.property(sessionWithRules, shortTime, (session, now) => {
        for (const { pointer, cause, rule, expiredAt } of purge(session, now).log) {
          expect(cause === pointer || pointer.startsWith(`${cause}/`) || /\/files\/\d+$/.test(cause)).toBe(true);
          expect(resolve(session, cause)).toBeDefined();
          if (rule === null) continue;
          expect(session.ttl).toContain(rule);
          expect([rule.expiresAt, (rule.lastTouched ?? Infinity) + (rule.idleMs ?? Infinity)]).toContain(expiredAt);
        }
      }),
    );
  });

  test('(3) a second one at the same time changes and logs nothing', () => {
    fc.assert(
      fc.property(sessionWithRules, shortTime, (session, now) => {
        const first = purge(session, now).session;
        expect(purge(first, now)).toEqual({ session: first, log: [] });
        expect(purge(first, now).session).toBe(first);
      }),
    );
  });

  test('shows a reader nothing new, and lets no store forget earlier or later', () => {
    fc.assert(
      fc.property(sessionWithRules, shortTime, (session, now) => {
        const { session: left } = purge(session, now);
        expect(left).toEqual(withoutExpired(session, now).session);
        const alive = effectiveExpiries(session).some(({ member, expiresAt }) => member.holdsContent && (expiresAt ?? Infinity) > now);
        if (alive) expect(storeExpiry(left)).toBe(storeExpiry(session));
      }),
    );
  });

  test('logs no value', () => {
    expect(JSON.stringify(purge({ ...SESSION, expiresAt: 5 }, 5).log)).not.toContain(SECRET);
  });
});

/** What stays the same object when something else goes: an entry itself, the storage key of an origin, the address list of a tab. */
function identity(session: Session, { pointer, kind }: Member): unknown {
  const entry = resolve(session, pointer) as { key: unknown; id: string; url: string };
  if (kind === 'session') return 'session';
  if (kind === 'origin') return entry.key;
  return kind === 'tab' ? `${entry.id} ${entry.url}` : entry;
}
