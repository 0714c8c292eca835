import { describe, expect, test } from 'vitest';
import type { Candidate, Entry, EntryValue } from '../../ts/merge/entry.ts';
import { customPolicy, type PolicyName, type PolicyRule, preferSource } from '../../ts/merge/policy.ts';
import { type Resolution, resolve } from '../../ts/merge/resolve.ts';
import { cookie, entryOf, item, itemPath, token, write } from './policy-fixture.ts';

/** What is shown of one entry under one policy, decided alone. */
function show(entry: Entry, policy?: PolicyRule['policy'], now?: number): EntryValue | null {
  return read(entry, policy, now).shown[0]?.value ?? null;
}

function read(entry: Entry, policy?: PolicyRule['policy'], now?: number): Resolution {
  return resolve([entry], {
    groups: 'none',
    ...(policy === undefined ? {} : { policies: [{ policy }] }),
    ...(now === undefined ? {} : { now }),
  });
}

describe('last-writer and first-writer', () => {
  const entry = item('k', write('a', 10, 'old'), write('b', 20, 'new'));

  test('the later write wins by default, the earlier one under first-writer', () => {
    expect(show(entry)).toBe('new');
    expect(show(entry, 'first-writer')).toBe('old');
  });

  test('M7: time orders concurrent candidates, the count orders those of one time, the replica breaks ties', () => {
    const tie = item('k', write('a', 10, 'a'), write('b', 10, 'b'));
    expect(show(tie)).toBe('b');
    expect(show(tie, 'first-writer')).toBe('a');
    const first = write('b', 10, 'first');
    const counted = item('k', first, { ...write('a', 10, 'second'), stamp: { time: 10, count: 1 } });
    expect(show(counted)).toBe('second');
  });

  test('a deletion is a write: the later one wins', () => {
    expect(show(item('k', write('a', 10, 'x'), write('b', 20)))).toBeNull();
    expect(show(item('k', write('a', 30, 'x'), write('b', 20)))).toBe('x');
    expect(show(item('k', write('a', 10), write('b', 20, 'x')), 'first-writer')).toBeNull();
  });

  test('equal values are no conflict, whoever wrote them; neither are two deletions', () => {
    const value = { name: 'sid', value: 'v', tags: ['a', 1], bytes: new Uint8Array([1, 2]) };
    const equal = read(item('k', write('a', [0, 10], value), write('b', [0, 20], structuredClone(value))));
    expect(equal).toMatchObject({ shown: [{ value }], conflicts: [], losses: [] });
    expect(read(item('k', write('a', 10), write('b', 20)))).toMatchObject({ shown: [null], conflicts: [], losses: [] });
  });

  test('what is shown of one candidate is that candidate itself', () => {
    const alone = write('a', 10, 'x');
    expect(resolve([item('k', alone), item('l', write('a', 10, undefined, 2))]).shown).toEqual([alone, null]);
    expect(resolve([item('k', alone)]).shown[0]).toBe(alone);
  });
});

describe('M10: where the intervals of stamps overlap, the order is unknown', () => {
  const older = token({ iat: 1000, exp: 9000 });
  const newer = token({ iat: 2000, exp: 3000 });

  test('evidence in the value decides before time, and the outcome is surfaced', () => {
    const entry = item('t', write('a', [0, 10], newer), write('b', [5, 20], older));
    const { shown, conflicts, losses } = read(entry);
    expect(shown[0]?.value).toBe(newer);
    expect(conflicts).toMatchObject([{ reason: 'order-unknown', rule: 'last-writer', kind: 'localStorage', candidates: entry.candidates }]);
    expect(losses).toMatchObject([{ losing: [entry.candidates[1]], winning: entry.candidates[0] }]);
    expect(show(entry, 'first-writer')).toBe(older);
  });

  test('without evidence time decides, and the outcome is surfaced all the same', () => {
    const resolution = read(item('t', write('a', [0, 10], 'x'), write('b', [5, 20], 'y')));
    expect(resolution.shown[0]?.value).toBe('y');
    expect(resolution.conflicts).toHaveLength(1);
  });

  test('a deletion has no evidence: a token that may be older than a logout does not come back', () => {
    const resolution = read(item('t', write('a', [0, 10], newer), write('b', [5, 20])));
    expect(resolution.shown).toEqual([null]);
    expect(resolution.conflicts).toHaveLength(1);
  });

  test('intervals that do not overlap, and points in time, have an order; it is not surfaced', () => {
    expect(read(item('t', write('a', [0, 10], newer), write('b', [11, 20], older)))).toMatchObject({
      shown: [{ value: older }],
      conflicts: [],
    });
    expect(read(item('t', write('a', 10, newer), write('b', 10, older)))).toMatchObject({ shown: [{ value: older }], conflicts: [] });
  });

  test('a write that ended before another one began has no say, so evidence never makes a circle', () => {
    // a overlaps b, b overlaps c, and a is before c. By evidence alone a beats b and b beats c.
    const [a, b, c] = [token({ iat: 3000 }), token({ iat: 2000 }), token({ iat: 1000 })];
    expect(show(item('t', write('a', [0, 10], a), write('b', [5, 15], b), write('c', [12, 20], c)))).toBe(b);
  });

  test('the expiry of a cookie is evidence, a session cookie has the latest there is', () => {
    const entry = (expiresAt: number | null): Entry =>
      cookie('sid', write('a', [0, 10], { value: 'x', expiresAt }), write('b', [5, 20], { value: 'y', expiresAt: 500 }));
    expect(show(entry(900))).toMatchObject({ value: 'x' });
    expect(show(entry(100))).toMatchObject({ value: 'y' });
    expect(show(entry(null))).toMatchObject({ value: 'x' });
  });
});

describe('longest-lived and prefer-fresh-token', () => {
  const lasting = { value: token({ iat: 1, exp: 2 }), expiresAt: 900 };
  const fresh = { value: token({ iat: 5, exp: 6 }), expiresAt: 100 };

  test('the browser decides which lives longest, the token which is fresh', () => {
    const entry = cookie('sid', write('a', 10, lasting), write('b', 20, fresh));
    expect(show(entry, 'longest-lived')).toBe(lasting);
    expect(show(entry, 'prefer-fresh-token')).toBe(fresh);
    const reverse = cookie('sid', write('a', 20, lasting), write('b', 10, fresh));
    expect(show(reverse, 'longest-lived')).toBe(lasting);
    expect(show(reverse, 'prefer-fresh-token')).toBe(fresh);
  });

  test('tokens are found in what sites store: JSON, quotes, "Bearer"; the latest of several counts', () => {
    const around = (text: string, iat: number): string => JSON.stringify({ auth: `${text}${token({ iat })}`, id: token({ iat: 1 }) });
    const entry = item('auth', write('a', 20, around('Bearer ', 10)), write('b', 10, around('', 11)));
    expect(show(entry, 'prefer-fresh-token')).toBe(around('', 11));
  });

  test('where a candidate is no token the last writer wins; so does a broken token', () => {
    const entry = item('t', write('a', 10, token({ iat: 50 })), write('b', 20, 'signed-out'));
    expect(show(entry, 'prefer-fresh-token')).toBe('signed-out');
    const broken = item('t', write('a', 10, token({ iat: 50 })), write('b', 20, 'eyJhbGciOiJub25lIn0.eyJpYXQiOj.x'));
    expect(show(broken, 'prefer-fresh-token')).toMatch(/^eyJhbGciOiJub25lIn0\.eyJpYXQiOj\./);
  });

  test('a deletion wins where it is the last write, and is set aside where it is not', () => {
    for (const policy of ['longest-lived', 'prefer-fresh-token'] as const) {
      expect(show(cookie('sid', write('a', 10, lasting), write('b', 15, fresh), write('c', 20)), policy)).toBeNull();
      const later = show(cookie('sid', write('a', 10, lasting), write('b', 20, fresh), write('c', 15)), policy);
      expect(later).toBe(policy === 'longest-lived' ? lasting : fresh);
    }
  });
});

describe('prefer-source, keep-both, union, custom', () => {
  test('what the preferred replica wrote wins, its deletion too', () => {
    const policy = preferSource(['000000000000000b', '000000000000000a']);
    expect(show(item('k', write('a', 30, 'a'), write('b', 10, 'b'), write('c', 40, 'c')), policy)).toBe('b');
    expect(show(item('k', write('a', 30, 'a'), write('b', 10)), policy)).toBeNull();
    expect(show(item('k', write('a', 30, 'a'), write('c', 40, 'c')), policy)).toBe('a');
    expect(show(item('k', write('d', 30, 'd'), write('c', 40, 'c')), policy)).toBe('c');
  });

  test('keep-both surfaces all values and shows the last one, never a deletion', () => {
    const entry = item('k', write('a', 10, 'a'), write('b', 20, 'b'), write('c', 30));
    const { shown, conflicts } = read(entry, 'keep-both');
    expect(shown[0]?.value).toBe('b');
    expect(conflicts).toMatchObject([{ reason: 'keep-both', candidates: entry.candidates }]);
  });

  test('the union of lists has each element once, in the order of the writes; a write survives a deletion', () => {
    const entry = item('cart', write('b', 20, '["pen", {"n": 1}]'), write('a', 10, '[{"n":1}, "ink"]'), write('c', 30));
    expect(show(entry, 'union')).toBe('[{"n":1},"ink","pen"]');
    expect(show(entryOf('header', ['tags'], write('a', 10, ['x', 'y']), write('b', 20, ['z', 'x'])), 'union')).toEqual(['x', 'y', 'z']);
    expect(show(item('k', write('a', 10, 'text'), write('b', 20)), 'union')).toBe('text');
  });

  test('the union of objects has the members of all, the last one of each; what lost is told once', () => {
    const entry = item('s', write('a', 10, '{"x":1,"p":0}'), write('b', 20, '{"x":2}'), write('c', 30, '{"x":3,"q":0}'));
    const { shown, losses } = read(entry, 'union');
    expect(shown[0]).toEqual({ value: '{"x":3,"p":0,"q":0}' });
    const writer = ({ dot }: Candidate): string | undefined => dot.replica.at(-1);
    expect(losses.map(({ within, losing, winning }) => [within, losing.map(writer), writer(winning)])).toEqual([[['x'], ['a', 'b'], 'c']]);
  });

  test('what is no set is the last writer’s, and surfaced', () => {
    const { shown, conflicts } = read(item('s', write('a', 10, '[1]'), write('b', 20, 'text')), 'union');
    expect(shown[0]?.value).toBe('text');
    expect(conflicts).toMatchObject([{ reason: 'not-mergeable', rule: 'union' }]);
    expect(show(item('s', write('a', 10, '{"n":12345678901234567890}'), write('b', 20, '{}')), 'union')).toBe('{}');
  });

  test('a custom policy gives back a candidate or makes a value; anything else is a mistake', () => {
    const entry = item('n', write('a', 10, '5'), write('b', 20, '3'));
    const largest = customPolicy('largest', (candidates) => candidates.reduce((a, b) => (Number(a.value) >= Number(b.value) ? a : b)));
    expect(show(entry, largest)).toBe('5');
    const sum = customPolicy('sum', (all) => ({ made: String(all.reduce((total, { value }) => total + Number(value), 0)) }));
    expect(read(entry, sum)).toMatchObject({ shown: [{ value: '8' }], losses: [] });
    expect(read(entry, sum).shown[0]?.dot).toBeUndefined();
    const wrong = customPolicy('wrong', () => write('z', 1, 'z'));
    expect(() => read(entry, wrong)).toThrow(TypeError);
    expect(() => customPolicy('', () => ({ made: undefined }))).toThrow(RangeError);
  });
});

describe('rules', () => {
  const entries = [
    item('cart', write('a', 10, '[1]'), write('b', 20, '[2]')),
    item('theme', write('a', 10, 'dark'), write('b', 20, 'light')),
    entryOf('localStorage', itemPath('cart', 'https://other.example'), write('a', 10, '[1]'), write('b', 20, '[2]')),
    cookie('cart', write('a', 10, { value: 'x' }), write('b', 20, { value: 'y' })),
  ];
  const values = (policies: PolicyRule[]): unknown[] => resolve(entries, { policies, groups: 'none' }).shown.map((one) => one?.value);

  test('the first rule that fits by kind, origin and name decides', () => {
    const rules: PolicyRule[] = [
      { kind: 'localStorage', origin: 'https://app.example', name: 'ca*', policy: 'union' },
      { kind: 'localStorage', policy: 'first-writer' },
    ];
    expect(values(rules)).toEqual(['[1,2]', 'dark', '[1]', { value: 'y' }]);
    expect(values([...rules].reverse())).toEqual(['[1]', 'dark', '[1]', { value: 'y' }]);
  });

  test('an origin reaches the cookies that are sent to its host', () => {
    expect(values([{ origin: 'https://app.example', policy: 'first-writer' }])).toEqual(['[1]', 'dark', '[2]', { value: 'x' }]);
    expect(values([{ origin: 'https://www.app.example', policy: 'first-writer' }])[3]).toEqual({ value: 'y' });
  });

  test('a policy of an unknown name is a mistake of the caller', () => {
    expect(() => values([{ policy: 'toString' as PolicyName }])).toThrow(TypeError);
  });
});

describe('expiry', () => {
  const entry = cookie('sid', write('a', 10, { value: 'old', expiresAt: 9000 }), write('b', 20, { value: 'new', expiresAt: 100 }));

  test('an expired winner hides older values and never lets one come back', () => {
    expect(show(entry, 'last-writer', 99)).toMatchObject({ value: 'new' });
    expect(show(entry, 'last-writer', 100)).toBeNull();
    expect(show(entry, 'last-writer')).toMatchObject({ value: 'new' });
  });

  test('equal views at equal times: what lost is the same whatever the time is', () => {
    expect(read(entry, 'last-writer', 50).losses).toEqual(read(entry, 'last-writer', 5000).losses);
  });
});
