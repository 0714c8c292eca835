import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COOKIE_CAP_MS, cookieCapNotices } from '../../ts/session/cookie-cap.ts';
import { effectiveExpiries, effectiveExpiry } from '../../ts/session/effective.ts';
import { isExpired, withoutExpired } from '../../ts/session/expiry.ts';
import { listMembers } from '../../ts/session/member.ts';
import { compilePattern } from '../../ts/session/pattern.ts';
import type { Session, TtlRule } from '../../ts/session/session.ts';
import { pointersOf, sessionWithRules, shortTime, slowExpiry, slowPattern } from './ttl-arbitrary.ts';
import { SECRET, SESSION } from './ttl-fixture.ts';

test('an entry is expired from the very millisecond on that it names, and not one before', () => {
  expect(isExpired(1000, 999)).toBe(false);
  expect(isExpired(1000, 1000)).toBe(true);
  expect(isExpired(1000, 1001)).toBe(true);
  expect(isExpired(0, 0)).toBe(true);
});

test('an entry without a time never expires by the clock', () => {
  expect(isExpired(null, 0)).toBe(false);
  expect(isExpired(null, 253_402_300_799_999)).toBe(false);
});

const withRules = (...ttl: TtlRule[]): Session => ({ ...SESSION, ttl });
const expiryOf = (session: Session, pointer: string): number | null | undefined => effectiveExpiry(session, pointer)?.expiresAt;

describe('the effective expiry', () => {
  test('is the least of own, absolute, idle and parents', () => {
    const session = withRules(
      { target: { pointer: '/storage/0/localStorage/0' }, expiresAt: 500, idleMs: 100, lastTouched: 300 },
      { target: { pointer: '/storage/0' }, expiresAt: 450 },
      { target: { pointer: '/cookies/0' }, expiresAt: 5000 },
    );
    expect(expiryOf(session, '/storage/0/localStorage/0')).toBe(400);
    expect(expiryOf(session, '/storage/0/localStorage/1')).toBe(450);
    expect(expiryOf(session, '/storage/0')).toBe(450);
    expect(expiryOf(session, '/cookies/0')).toBe(1000);
    expect(expiryOf(session, '/cookies/1')).toBe(null);
    expect(expiryOf(session, '')).toBe(null);
    expect(expiryOf({ ...session, expiresAt: 350 }, '/storage/0/localStorage/0')).toBe(350);
  });

  test('says whose it is, and by which rule', () => {
    const rule: TtlRule = { target: { kind: 'origin' }, expiresAt: 450 };
    const session = withRules(rule);
    expect(effectiveExpiry(session, '/storage/0/indexedDB/0')).toMatchObject({ expiresAt: 450, cause: '/storage/0', rule });
    expect(effectiveExpiry(session, '/cookies/0')).toMatchObject({ expiresAt: 1000, cause: '/cookies/0', rule: null });
    expect(effectiveExpiry(session, '/cookies/1')).toMatchObject({ expiresAt: null, cause: null, rule: null });
    expect(effectiveExpiry(session, '/cookies/9')).toBeNull();
  });

  test('of equal ones the most specific is the cause', () => {
    const session = withRules(
      { target: { pointer: '/cookies/0' }, expiresAt: 1000 },
      { target: { pointer: '/cookies/1' }, expiresAt: 1000 },
    );
    const whole = { ...session, expiresAt: 1000 };
    expect(effectiveExpiry(whole, '/cookies/0')).toMatchObject({ cause: '/cookies/0', rule: null });
    expect(effectiveExpiry(whole, '/cookies/1')).toMatchObject({ cause: '/cookies/1', rule: session.ttl?.[1] });
  });

  test('of a rule that was never touched has no idle part', () => {
    expect(expiryOf(withRules({ target: { pointer: '/tabs/0' }, idleMs: 1 }), '/tabs/0')).toBeNull();
  });

  test('of a file is no later than that of the directories above it', () => {
    const session = withRules({ target: { kind: 'file', name: 'logs' }, expiresAt: 7 });
    expect(
      listMembers(session)
        .filter(({ kind }) => kind === 'file')
        .map(({ name, pointer }) => [name, expiryOf(session, pointer)]),
    ).toEqual([
      ['logs', 7],
      ['logs/deep/a', 7],
      ['logs-not', null],
    ]);
  });

  test.each([
    [['logs', 'logs/x/y', 'logs/x/file'], true],
    [['logs/x/y', 'logs', 'logs/x/file'], true],
    [['logs/x/file', 'logs'], false],
    [['logs/x/y', 'logs/x/file'], false],
  ])('of a file goes by the nearest directory that is listed before it: %j', (paths, within) => {
    const files = paths.map((path) => ({ path, kind: path.endsWith('file') ? ('file' as const) : ('directory' as const) }));
    const storage = [{ ...SESSION.storage[0]!, files }];
    const session = { ...withRules({ target: { kind: 'file', name: 'logs' }, expiresAt: 7 }), storage };
    expect(expiryOf(session, `/storage/0/files/${paths.findIndex((path) => path.endsWith('file'))}`)).toBe(within ? 7 : null);
  });

  test.each<[string, TtlRule['target'], string[]]>([
    ['cookies by name', { kind: 'cookie', name: 's*' }, ['/cookies/1']],
    ['cookies sent to an origin', { kind: 'cookie', origin: 'https://www.app.example:8443' }, ['/cookies/1']],
    ['no cookie by a host that only ends alike', { kind: 'cookie', origin: 'https://myapp.example' }, []],
    ['all items of localStorage', { kind: 'localStorage' }, ['/storage/0/localStorage/0', '/storage/0/localStorage/1']],
    ['items of another origin', { kind: 'localStorage', origin: 'https://other.example' }, []],
    ['sessionStorage by name', { kind: 'sessionStorage', name: 'draft' }, ['/tabs/0/sessionStorage/0/items/0']],
    ['databases', { kind: 'indexedDB', name: '*' }, ['/storage/0/indexedDB/0']],
    ['caches', { kind: 'cache', name: 'v*' }, ['/storage/0/caches/0']],
    ['files by path', { kind: 'file', name: 'logs/*' }, ['/storage/0/files/1']],
    ['tabs by origin', { kind: 'tab', name: 'https://app.*' }, ['/tabs/0', '/tabs/0/sessionStorage/0', '/tabs/0/sessionStorage/0/items/0']],
    ['no tab by its path', { kind: 'tab', name: '*path*' }, []],
    ['tabs without an origin by scheme', { kind: 'tab', name: 'about:' }, ['/tabs/1']],
    ['a passkey by pointer', { pointer: '/credentials/0' }, ['/credentials/0']],
  ])('reaches %s', (_, target, pointers) => {
    const reached = effectiveExpiries(withRules({ target, expiresAt: 5 })).filter(({ expiresAt }) => expiresAt === 5);
    expect(reached.map(({ member }) => member.pointer)).toEqual(pointers);
  });

  test('of an origin rule covers its storage and its areas in tabs', () => {
    const causes = new Set(effectiveExpiries(withRules({ target: { kind: 'origin' }, expiresAt: 5 })).map(({ cause }) => cause));
    expect(causes).toContain('/storage/0');
    expect(causes).toContain('/tabs/0/sessionStorage/0');
    expect(causes).not.toContain('/tabs/0');
  });

  test('is what a slow reading of the rules gives, for any session', () => {
    fc.assert(
      fc.property(sessionWithRules, (session) => {
        const expiries = effectiveExpiries(session).map(({ member, expiresAt }) => [member.pointer, expiresAt ?? Infinity]);
        expect(expiries.map(([pointer]) => pointer).sort()).toEqual(pointersOf(session).sort());
        for (const [pointer, expiresAt] of expiries)
          expect([pointer, expiresAt]).toEqual([pointer, slowExpiry(session, pointer as string)]);
      }),
      { numRuns: 150 },
    );
  });
});

describe('reading without what has expired', () => {
  test('leaves out what has, and says which, at the boundary', () => {
    expect(withoutExpired(SESSION, 999)).toEqual({ session: SESSION, expired: [] });
    const { session, expired } = withoutExpired(SESSION, 1000);
    expect(session.cookies).toEqual(SESSION.cookies.slice(1));
    expect(expired).toEqual([{ pointer: '/cookies/0', kind: 'cookie', expiredAt: 1000, cause: '/cookies/0', rule: null }]);
  });

  test('gives the session itself when nothing has expired', () => {
    expect(withoutExpired(SESSION, 0).session).toBe(SESSION);
  });

  test('gives an empty session when the session has expired, and names all that was in it', () => {
    const { session, expired } = withoutExpired({ ...SESSION, expiresAt: 10 }, 10);
    expect(session).toMatchObject({ id: SESSION.id, cookies: [], storage: [], tabs: [], permissions: [], credentials: [] });
    expect(expired.map(({ pointer }) => pointer)).toEqual(pointersInOrder(SESSION));
    expect(expired.every(({ cause }) => cause === '')).toBe(true);
  });

  test('keeps an origin that is empty now, and invents no member', () => {
    const { session } = withoutExpired(withRules({ target: { kind: 'localStorage' }, expiresAt: 5 }), 5);
    expect(session.storage[0]).toEqual({ ...SESSION.storage[0], localStorage: [] });
    expect(session.tabs).toEqual(SESSION.tabs);
  });

  test('twice is once, and later leaves out no less', () => {
    fc.assert(
      fc.property(sessionWithRules, shortTime, shortTime, (session, one, other) => {
        const [now, later] = [Math.min(one, other), Math.max(one, other)];
        const first = withoutExpired(session, now).session;
        expect(withoutExpired(first, now).session).toBe(first);
        expect(withoutExpired(first, later).session).toEqual(withoutExpired(session, later).session);
      }),
    );
  });

  test('no entry, member or notice holds a value', () => {
    const session = withRules({ target: { pointer: '' }, expiresAt: 5 });
    const all = [withoutExpired(session, 5).expired, effectiveExpiries(session), listMembers(session), cookieCapNotices(session, -1e15)];
    expect(JSON.stringify(SESSION)).toContain(SECRET);
    expect(JSON.stringify(all)).not.toContain(SECRET);
  });
});

describe('a name pattern', () => {
  test.each([
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['cf_*', 'cf_clearance', true],
    ['a*', 'ba', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['*ab*ab*', 'abab', true],
    ['*ab*ab*', 'aba', false],
    ['*aab', 'aaab', true],
    ['*aab*', 'xaaabx', true],
    ['a.c', 'abc', false],
    ['[a-z]?', '[a-z]?', true],
    ['*\ud83d*', '\u{1f600}', true],
    ['*\n*', 'a\nb', true],
  ])('%j holds for %j: %j', (pattern, name, holds) => {
    expect(compilePattern(pattern)(name)).toBe(holds);
  });

  test('matches as a regular expression would', () => {
    const letters = fc.constantFrom('a', 'b', '*');
    fc.assert(
      fc.property(fc.string({ unit: letters, maxLength: 10 }), fc.string({ unit: letters, maxLength: 20 }), (pattern, name) => {
        expect(compilePattern(pattern)(name)).toBe(slowPattern(pattern).test(name));
      }),
      { numRuns: 3000 },
    );
  });

  test('costs no more than the length of the name, however hostile', () => {
    const hostile = compilePattern(`*${`${'a'.repeat(2000)}b*`.repeat(2)}c`);
    const half = compilePattern(`${'*a'.repeat(2000)}*b`);
    const name = 'a'.repeat(2_000_000);
    // Some 30 ms; a quadratic matcher does not come to an end.
    expect(hostile(`${name}c`)).toBe(false);
    expect(half(`${name}c`)).toBe(false);
  });
});

describe('the cap of 400 days', () => {
  test('is a notice from the first millisecond beyond it, for the cookie’s own expiry only', () => {
    const now = 1000 - COOKIE_CAP_MS;
    expect(COOKIE_CAP_MS).toBe(400 * 24 * 60 * 60 * 1000);
    expect(cookieCapNotices(SESSION, now)).toEqual([]);
    expect(cookieCapNotices(SESSION, now - 1)).toEqual([{ pointer: '/cookies/0', expiresAt: 1000, capAt: 999 }]);
    expect(cookieCapNotices(withRules({ target: { kind: 'cookie' }, expiresAt: COOKIE_CAP_MS * 2 }), 0)).toEqual([]);
  });
});

function pointersInOrder(session: Session): string[] {
  return listMembers(session).map(({ pointer }) => pointer);
}
