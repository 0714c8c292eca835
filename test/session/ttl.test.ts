import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { effectiveExpiries, effectiveExpiry } from '../../ts/session/effective.ts';
import { withoutExpired } from '../../ts/session/expiry.ts';
import { purge } from '../../ts/session/purge.ts';
import type { Session, TtlRule, TtlTarget } from '../../ts/session/session.ts';
import { storeExpiry } from '../../ts/session/store-ttl.ts';
import { LATEST_TIME } from '../../ts/session/time.ts';
import { expiryAfter, persist, setTtl, type TtlCondition, type TtlOutcome, touch } from '../../ts/session/ttl.ts';
import { sessionWithRules, shortTime, target } from './ttl-arbitrary.ts';
import { SECRET, SESSION } from './ttl-fixture.ts';

const COOKIE: TtlTarget = { pointer: '/cookies/1' };
const withRules = (...ttl: TtlRule[]): Session => ({ ...SESSION, ttl });

describe('the conditions of Redis HPEXPIREAT', () => {
  // now is 10; a current of null is no TTL.
  test.each<[TtlCondition | undefined, number | null, number, TtlOutcome]>([
    [undefined, null, 100, 'set'],
    [undefined, 100, 50, 'set'],
    [undefined, 100, 150, 'set'],
    ['NX', null, 100, 'set'],
    ['NX', 100, 150, 'condition-not-met'],
    ['NX', 5, 150, 'condition-not-met'],
    ['XX', null, 100, 'condition-not-met'],
    ['XX', 100, 50, 'set'],
    ['GT', null, 100, 'condition-not-met'],
    ['GT', 100, 99, 'condition-not-met'],
    ['GT', 100, 100, 'condition-not-met'],
    ['GT', 100, 101, 'set'],
    ['LT', null, 100, 'set'],
    ['LT', 100, 99, 'set'],
    ['LT', 100, 100, 'condition-not-met'],
    ['LT', 100, 101, 'condition-not-met'],
    [undefined, null, 11, 'set'],
    [undefined, null, 10, 'already-past'],
    [undefined, 100, 9, 'already-past'],
    ['GT', 100, 9, 'condition-not-met'],
    ['LT', 100, 0, 'already-past'],
  ])('%s over %j with %j: %s', (condition, current, expiresAt, outcome) => {
    for (const target of [COOKIE, { pointer: '' }, { kind: 'cookie', name: 's*' }] satisfies TtlTarget[]) {
      const before = current === null ? SESSION : setTtl(SESSION, target, { expiresAt: current, now: 0 }).session;
      const after = setTtl(before, target, { expiresAt, now: 10, ...(condition === undefined ? {} : { condition }) });
      expect(after.outcome).toBe(outcome);
      if (outcome === 'condition-not-met') expect(after.session).toBe(before);
      else expect(effectiveExpiry(after.session, 'pointer' in target ? target.pointer : '/cookies/1')?.expiresAt).toBe(expiresAt);
    }
  });

  test.each<[TtlCondition, number, TtlOutcome]>([
    ['NX', 70, 'condition-not-met'],
    ['XX', 70, 'set'],
    ['GT', 50, 'condition-not-met'],
    ['GT', 51, 'set'],
    ['LT', 50, 'condition-not-met'],
    ['LT', 49, 'set'],
  ])('%s compares an idle time of 50 with %j: %s', (condition, idleMs, outcome) => {
    const session = withRules({ target: COOKIE, expiresAt: 60, idleMs: 50, lastTouched: 5 });
    expect(setTtl(session, COOKIE, { idleMs, now: 10, condition }).outcome).toBe(outcome);
  });

  test('of two that are given, both must meet it', () => {
    const session = withRules({ target: COOKIE, expiresAt: 100, idleMs: 50, lastTouched: 5 });
    expect(setTtl(session, COOKIE, { expiresAt: 101, idleMs: 50, now: 10, condition: 'GT' }).outcome).toBe('condition-not-met');
    expect(setTtl(session, COOKIE, { expiresAt: 101, idleMs: 51, now: 10, condition: 'GT' }).outcome).toBe('set');
  });

  test('the cookie’s own expiry is the browser’s, and no TTL of ours', () => {
    const { session, outcome } = setTtl(SESSION, { pointer: '/cookies/0' }, { expiresAt: 5000, now: 10, condition: 'NX' });
    expect(outcome).toBe('set');
    expect(session.cookies).toBe(SESSION.cookies);
    expect(effectiveExpiry(session, '/cookies/0')?.expiresAt).toBe(1000);
  });
});

describe('setting a TTL', () => {
  test('reports a time that is past, and deletes nothing', () => {
    const { session, outcome } = setTtl(SESSION, COOKIE, { expiresAt: 10, now: 10 });
    expect(outcome).toBe('already-past');
    expect(session).toEqual({ ...SESSION, ttl: [{ target: COOKIE, expiresAt: 10 }] });
  });

  test.each([
    '/cookies/2',
    '/cookies/01',
    '/cookies/-1',
    '/cookies',
    '/cookies/0/value',
    '/storage/1',
    '/tabs/0/sessionStorage/0/items/9',
    '/',
    'cookies/0',
  ])('on nothing is reported: %s', (pointer) => {
    expect(setTtl(SESSION, { pointer }, { expiresAt: 5, now: 0 })).toEqual({ session: SESSION, outcome: 'no-such-target' });
    expect(persist(SESSION, { pointer })).toEqual({ session: SESSION, outcome: 'no-such-target' });
  });

  test('on a kind that nothing is of yet is set: it is for entries to come', () => {
    expect(setTtl({ ...SESSION, tabs: [] }, { kind: 'tab' }, { expiresAt: 5, now: 0 }).outcome).toBe('set');
  });

  test('keeps what is not given, and the place of the rule', () => {
    const other: TtlRule = { target: { pointer: '/tabs/0' }, expiresAt: 7 };
    const session = withRules(other, { target: COOKIE, expiresAt: 90, idleMs: 50, lastTouched: 20 }, other);
    expect(setTtl(session, COOKIE, { expiresAt: 80, now: 30 }).session.ttl).toEqual([
      other,
      { target: COOKIE, expiresAt: 80, idleMs: 50, lastTouched: 20 },
      other,
    ]);
  });

  test('makes several rules for one target one, the strictest', () => {
    const session = withRules(
      { target: COOKIE, expiresAt: 90, idleMs: 50, lastTouched: 20 },
      { target: COOKIE, expiresAt: 80, idleMs: 60, lastTouched: 25 },
    );
    expect(setTtl(session, COOKIE, { expiresAt: 85, now: 0, condition: 'LT' }).outcome).toBe('condition-not-met');
    expect(setTtl(session, COOKIE, { idleMs: 70, now: 0 }).session.ttl).toEqual([
      { target: COOKIE, expiresAt: 80, idleMs: 70, lastTouched: 25 },
    ]);
  });

  test('the absolute one of the session is its expiresAt, said once', () => {
    const session = { ...withRules({ target: { pointer: '' }, expiresAt: 90, idleMs: 50, lastTouched: 20 }), expiresAt: 100 };
    const after = setTtl(session, { pointer: '' }, { expiresAt: 95, now: 0, condition: 'GT' }).session;
    expect(after.expiresAt).toBe(95);
    expect(after.ttl).toEqual([{ target: { pointer: '' }, idleMs: 50, lastTouched: 20 }]);
  });

  test('an idle time counts from now, or from a later touch', () => {
    expect(effectiveExpiry(setTtl(SESSION, COOKIE, { idleMs: 50, now: 10 }).session, '/cookies/1')?.expiresAt).toBe(60);
    const touched = withRules({ target: COOKIE, idleMs: 5, lastTouched: 20 });
    expect(effectiveExpiry(setTtl(touched, COOKIE, { idleMs: 50, now: 10 }).session, '/cookies/1')?.expiresAt).toBe(70);
  });

  test('writing a value keeps its TTL, unlike HSET', () => {
    const { session } = setTtl(SESSION, COOKIE, { expiresAt: 50, now: 0 });
    const [first, second] = session.cookies;
    const written = { ...session, cookies: [first!, { ...second!, value: 'new' }] };
    expect(effectiveExpiry(written, '/cookies/1')?.expiresAt).toBe(50);
  });

  test.each<[string, () => unknown, typeof TypeError | typeof RangeError]>([
    ['neither time', () => setTtl(SESSION, COOKIE, { now: 0 }), TypeError],
    ['an idle time of 0', () => setTtl(SESSION, COOKIE, { idleMs: 0, now: 0 }), RangeError],
    ['half a millisecond', () => setTtl(SESSION, COOKIE, { expiresAt: 0.5, now: 0 }), RangeError],
    ['a time before 1970', () => setTtl(SESSION, COOKIE, { expiresAt: -1, now: 0 }), RangeError],
    ['the year 10000', () => setTtl(SESSION, COOKIE, { expiresAt: LATEST_TIME + 1, now: 0 }), RangeError],
    ['no clock', () => setTtl(SESSION, COOKIE, { expiresAt: 1, now: Number.NaN }), RangeError],
    ['a touch without a clock', () => touch(SESSION, COOKIE, Number.NaN), RangeError],
    ['a negative skew', () => storeExpiry(SESSION, { skewMs: -1 }), RangeError],
    ['negative seconds', () => expiryAfter(-1, 0), RangeError],
    ['seconds beyond the year 9999', () => expiryAfter(1, LATEST_TIME), RangeError],
  ])('%s is the caller’s mistake', (_, call, error) => {
    expect(call).toThrow(error);
  });

  test('seconds become an absolute time once, by the clock that is passed in', () => {
    expect(expiryAfter(60, 1_000)).toBe(61_000);
    expect(expiryAfter(0, 1_000)).toBe(1_000);
  });
});

describe('touching', () => {
  test('begins the idle time again, for exactly that target', () => {
    const tab: TtlRule = { target: { pointer: '/tabs/0' }, idleMs: 50, lastTouched: 20 };
    const session = withRules({ target: COOKIE, idleMs: 50, lastTouched: 20 }, tab, {
      target: { kind: 'cookie' },
      idleMs: 90,
      lastTouched: 20,
    });
    const after = touch(session, COOKIE, 45);
    expect(after.ttl).toEqual([{ target: COOKIE, idleMs: 50, lastTouched: 45 }, tab, session.ttl?.[2]]);
    expect(effectiveExpiry(after, '/cookies/1')?.expiresAt).toBe(95);
    expect(touch(session, { kind: 'cookie' }, 45).ttl?.[2]?.lastTouched).toBe(45);
  });

  test('what has no rule, or was touched later, changes nothing', () => {
    const session = withRules({ target: COOKIE, idleMs: 50, lastTouched: 20 });
    expect(touch(session, COOKIE, 20)).toBe(session);
    expect(touch(session, COOKIE, 19)).toBe(session);
    expect(touch(session, { pointer: '/tabs/0' }, 30)).toBe(session);
    expect(touch(SESSION, COOKIE, 30)).toBe(SESSION);
  });

  test('commutes, is idempotent and joins by maximum, and no touch ever shortens a life or changes anything else', () => {
    fc.assert(
      fc.property(withTarget(), shortTime, shortTime, ([session, target], a, b) => {
        const both = touch(touch(session, target, a), target, b);
        expect(both).toEqual(touch(touch(session, target, b), target, a));
        expect(both).toEqual(touch(session, target, Math.max(a, b)));
        expect(touch(both, target, a)).toBe(both);
        const { ttl: _, ...rest } = both;
        const { ttl: rules = [], ...before } = session;
        expect(rest).toEqual(before);
        (both.ttl ?? []).forEach((rule, i) => {
          const { lastTouched, ...others } = rules[i]!;
          expect(rule).toMatchObject(others);
          if (lastTouched !== undefined) expect(rule.lastTouched).toBeGreaterThanOrEqual(lastTouched);
        });
      }),
    );
  });
});

describe('clearing', () => {
  test('takes the absolute and the idle time, and leaves other rules and the browser’s own expiry', () => {
    const wide: TtlRule = { target: { kind: 'cookie' }, expiresAt: 500 };
    const own: TtlTarget = { pointer: '/cookies/0' };
    const session = withRules({ target: own, expiresAt: 5 }, wide, { target: own, idleMs: 5, lastTouched: 1 });
    const { session: after, outcome } = persist(session, own);
    expect(outcome).toBe('persisted');
    expect(after.ttl).toEqual([wide]);
    const bare = persist(after, { kind: 'cookie' }).session;
    expect(bare).toEqual(SESSION);
    expect('ttl' in bare).toBe(false);
    expect(effectiveExpiry(bare, '/cookies/0')?.expiresAt).toBe(1000);
  });

  test('of the session takes its expiresAt', () => {
    expect(persist({ ...SESSION, expiresAt: 5 }, { pointer: '' })).toEqual({ session: SESSION, outcome: 'persisted' });
  });

  test('where there is none says so', () => {
    expect(persist(SESSION, { pointer: '/cookies/0' })).toEqual({ session: SESSION, outcome: 'no-ttl' });
    expect(persist(withRules({ target: { kind: 'cookie', name: 'a' }, expiresAt: 1 }), { kind: 'cookie' }).outcome).toBe('no-ttl');
    expect(persist(withRules({ target: { kind: 'tab' }, expiresAt: 1 }), { kind: 'cookie' }).outcome).toBe('no-ttl');
    const origin = 'https://app.example';
    expect(persist(withRules({ target: { kind: 'cookie', origin }, expiresAt: 1 }), { kind: 'cookie' }).outcome).toBe('no-ttl');
    expect(persist(withRules({ target: { kind: 'cookie', origin }, expiresAt: 1 }), { kind: 'cookie', origin }).outcome).toBe('persisted');
  });

  test('is the inverse of setting, where there was none', () => {
    fc.assert(
      fc.property(withTarget(), shortTime, ([session, target], expiresAt) => {
        const none = persist(session, target).session;
        const { session: set, outcome } = setTtl(none, target, { expiresAt, idleMs: 5, now: 0, condition: 'NX' });
        if (outcome === 'no-such-target') return;
        expect(persist(persist(set, target).session, target).outcome).toBe('no-ttl');
        expect(effectiveExpiries(persist(set, target).session)).toEqual(effectiveExpiries(none));
        expect(persist(set, target).session.cookies).toBe(session.cookies);
      }),
    );
  });
});

test('no TTL operation changes the session that it was given', () => {
  // The arbitrary freezes all of it: a write would throw.
  fc.assert(
    fc.property(withTarget(), shortTime, ([session, target], now) => {
      for (const condition of ['NX', 'XX', 'GT', 'LT'] as const) setTtl(session, target, { expiresAt: 15, idleMs: 3, now, condition });
      touch(session, target, now);
      persist(session, target);
      purge(session, now);
      withoutExpired(session, now);
    }),
  );
});

test('nothing of a session reads a clock: time is always an argument', () => {
  const folder = new URL('../../ts/session/', import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const reads = /\bDate\.now\b|\bnew Date\(\)|\bperformance\b|\bhrtime\b|\bsetTimeout\b/;
  expect(files.length).toBeGreaterThan(20);
  expect(files.filter((file) => reads.test(readFileSync(new URL(file, folder), 'utf8')))).toEqual([]);
});

test('the example of docs/ttl.md gives what it says', () => {
  const [, example] = /^```js\n([\s\S]*?)^```$/m.exec(readFileSync(new URL('../../docs/ttl.md', import.meta.url), 'utf8')) ?? [];
  const lines = example!.split('\n').filter((line) => !line.startsWith('import '));
  const checks = lines.map((line) => line.replace(/^(.+); \/\/ (.+)$/, 'check($1, $2);'));
  const names = { setTtl, touch, persist, purge, withoutExpired, effectiveExpiry, storeExpiry, session: SESSION };
  let checked = 0;
  const check = (found: unknown, expected: unknown): void => {
    expect(found).toEqual(expected);
    checked++;
  };
  new Function('check', ...Object.keys(names), checks.join('\n'))(check, ...Object.values(names));
  expect(checked).toBe(8);
  expect(example).not.toContain(SECRET);
});

function withTarget(): fc.Arbitrary<[Session, TtlTarget]> {
  return sessionWithRules.chain((session) => {
    const known = (session.ttl ?? []).map((rule) => rule.target);
    const any = target(session);
    return fc.tuple(fc.constant(session), known.length === 0 ? any : fc.oneof(any, fc.constantFrom(...known)));
  });
}
