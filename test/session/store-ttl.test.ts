import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { effectiveExpiries } from '../../ts/session/effective.ts';
import type { Session, TtlRule } from '../../ts/session/session.ts';
import { STORE_SKEW_MS, storeExpiry } from '../../ts/session/store-ttl.ts';
import { LATEST_TIME } from '../../ts/session/time.ts';
import { touch } from '../../ts/session/ttl.ts';
import { sessionWithRules, shortTime, slowExpiry } from './ttl-arbitrary.ts';
import { SESSION } from './ttl-fixture.ts';

const { expiresAt: _, ...PLAIN } = SESSION;
const NOTHING: Session = { ...PLAIN, cookies: [], storage: [], tabs: [], permissions: [], credentials: [] };
const [EXPIRING, LASTING] = SESSION.cookies;
const tabs: TtlRule = { target: { kind: 'tab' }, expiresAt: 700 };

describe('the time that a store keeps a session', () => {
  test.each<[string, Session, number | null]>([
    ['the last member, if all expire', { ...NOTHING, cookies: [EXPIRING!, { ...EXPIRING!, expiresAt: 900 }] }, 1000],
    ['without end, if one does not', { ...NOTHING, cookies: [EXPIRING!, LASTING!] }, null],
    ['the last member, not the session', { ...NOTHING, cookies: [EXPIRING!], expiresAt: 5000 }, 1000],
    ['the session, which nothing outlives', { ...NOTHING, cookies: [EXPIRING!, LASTING!], expiresAt: 5000 }, 5000],
    ['the session, if it is empty', { ...NOTHING, expiresAt: 5000 }, 5000],
    ['the idle time of the session', { ...NOTHING, ttl: [{ target: { pointer: '' }, idleMs: 5, lastTouched: 10 }] }, 15],
    ['without end, if it is empty and has no expiry', NOTHING, null],
    ['without end for a permission', { ...NOTHING, permissions: SESSION.permissions! }, null],
    ['without end for a passkey', { ...NOTHING, cookies: [EXPIRING!], credentials: SESSION.credentials! }, null],
    [
      'a tab is more than what is in it',
      { ...NOTHING, tabs: SESSION.tabs, ttl: [{ target: { kind: 'sessionStorage' }, expiresAt: 5 }] },
      null,
    ],
    ['tabs with a rule', { ...NOTHING, tabs: SESSION.tabs, ttl: [tabs] }, 700],
    [
      'an origin is what is in it',
      {
        ...NOTHING,
        storage: [{ key: SESSION.storage[0]!.key, localStorage: [['a', 'b']], indexedDB: [] }],
        ttl: [{ target: { kind: 'localStorage' }, expiresAt: 5 }],
      },
      5,
    ],
    [
      'an origin with a bucket policy is more than that',
      {
        ...NOTHING,
        storage: [
          {
            key: SESSION.storage[0]!.key,
            bucketPolicy: { persisted: true, durability: 'strict', expiresAt: null },
            localStorage: [['a', 'b']],
            indexedDB: [],
          },
        ],
        ttl: [{ target: { kind: 'localStorage' }, expiresAt: 5 }],
      },
      null,
    ],
    ['without end where no document can hold the time', { ...NOTHING, expiresAt: LATEST_TIME + 1 }, null],
  ])('is that of %s', (_, session, expected) => {
    expect(storeExpiry(session, { skewMs: 0 })).toBe(expected);
  });

  test('has a minute more by default, for clocks that disagree', () => {
    expect(STORE_SKEW_MS).toBe(60_000);
    expect(storeExpiry({ ...NOTHING, expiresAt: 5000 })).toBe(65_000);
    expect(storeExpiry({ ...NOTHING, expiresAt: LATEST_TIME })).toBeNull();
  });

  test('is never earlier than the expiry of any member that holds something, and than no one’s that never expires', () => {
    fc.assert(
      fc.property(sessionWithRules, fc.integer({ min: 0, max: 5 }), (session, skewMs) => {
        const until = storeExpiry(session, { skewMs }) ?? Infinity;
        const held = effectiveExpiries(session).filter(({ member }) => member.holdsContent);
        for (const { member } of held) expect(until).toBeGreaterThanOrEqual(slowExpiry(session, member.pointer) + skewMs);
        // As tight as it can be: without an end only where the time is after the last that a document can hold.
        const latest = Math.max(
          ...(held.length > 0 ? held.map(({ member }) => slowExpiry(session, member.pointer)) : [slowExpiry(session, '')]),
        );
        expect(until).toBe(latest + skewMs > LATEST_TIME ? Infinity : latest + skewMs);
      }),
      { numRuns: 150 },
    );
  });

  test('only grows by a touch', () => {
    fc.assert(
      fc.property(sessionWithRules, fc.nat(5), shortTime, (session, index, now) => {
        const rule = session.ttl?.[index];
        // A first touch begins an idle time.
        if (rule?.lastTouched === undefined) return;
        expect(storeExpiry(touch(session, rule.target, now)) ?? Infinity).toBeGreaterThanOrEqual(storeExpiry(session) ?? Infinity);
      }),
    );
  });
});
