import { describe, expect, test } from 'vitest';
import type { Candidate, Entry } from '../../ts/merge/entry.ts';
import { siteOf } from '../../ts/merge/groups.ts';
import type { PolicyRule } from '../../ts/merge/policy.ts';
import { type ResolveOptions, resolve } from '../../ts/merge/resolve.ts';
import { cookie, cookiePath, entryOf, item, token, write } from './policy-fixture.ts';

/** The last letters of the replicas whose writes are shown; `-` where nothing is. */
function winners(entries: readonly Entry[], options: ResolveOptions = {}): string {
  return resolve(entries, options)
    .shown.map((one) => one?.dot?.replica.at(-1) ?? '-')
    .join('');
}

/** Writes of one replica at one time. */
const by =
  (replica: string, time: number) =>
  (value?: string): Candidate =>
    write(replica, time, value);

describe('M11: credentials stay whole', () => {
  const [a, b] = [by('a', 10), by('b', 20)];

  test('one writer wins all conflicting entries of a site, so nobody holds one worker’s cookie with another’s nonce', () => {
    // Each entry alone would be torn: a wrote the cookie last, b the nonce.
    const entries = [cookie('sid', write('a', 30, 'a'), write('b', 5, 'b')), item('nonce', write('a', 10, 'a'), write('b', 20, 'b'))];
    expect(winners(entries, { groups: 'none' })).toBe('ab');
    expect(winners(entries)).toBe('aa');
  });

  test('entries that do not conflict are kept from both', () => {
    const entries = [cookie('sid', a('1'), b('2')), item('cart', a('kept')), item('draft', b('kept'))];
    expect(winners(entries)).toBe('bab');
    expect(resolve(entries).losses).toHaveLength(1);
  });

  test('equal values are no conflict and do not decide', () => {
    const entries = [cookie('sid', write('a', 90, 'same'), write('b', 1, 'same')), item('nonce', a('x'), b('y'))];
    expect(winners(entries)).toBe('ab');
  });

  test('a deletion is a write of its writer: a logout is not half undone', () => {
    const entries = [cookie('sid', write('a', 10, 'x'), write('b', 30)), item('token', write('a', 20, 'refreshed'), write('b', 15))];
    expect(winners(entries, { groups: 'none' })).toBe('-a');
    expect(winners(entries)).toBe('--');
  });

  test('other sites decide for themselves, subdomains do not; tabs, settings and what names no host are decided alone', () => {
    const entries = [
      entryOf('cookie', cookiePath('sid', 'login.app.example'), write('a', 30, 'a'), write('b', 5, 'b')),
      item('nonce', a('a'), b('b')),
      entryOf('cookie', cookiePath('sid', 'other.test'), a('a'), b('b')),
      entryOf('header', ['name'], a('a'), b('b')),
      entryOf('tab', ['t1'], a('a'), b('b')),
    ];
    expect(winners(entries)).toBe('aabbb');
  });

  test('evidence about the order decides for the whole group', () => {
    const entries = [
      cookie('sid', write('a', [0, 30], 'a'), write('b', [0, 40], 'b')),
      item('token', write('a', [0, 30], token({ iat: 9 })), write('b', [0, 40], token({ iat: 8 }))),
    ];
    expect(winners(entries)).toBe('aa');
    const { conflicts } = resolve(entries);
    expect(conflicts.map(({ kind, reason }) => [kind, reason])).toEqual([
      ['cookie', 'order-unknown'],
      ['localStorage', 'order-unknown'],
    ]);
  });

  test('the rule that stands first leads its group', () => {
    const entries = [
      cookie('sid', write('a', 30, 'a'), write('b', 5, 'b')),
      item('token', write('a', 30, token({ iat: 1 })), write('b', 5, token({ iat: 2 }))),
    ];
    const fresh: PolicyRule = { name: 'token', policy: 'prefer-fresh-token' };
    const last: PolicyRule = { kind: 'cookie', policy: 'last-writer' };
    expect(winners(entries, { policies: [fresh] })).toBe('bb');
    expect(winners(entries, { policies: [fresh, last] })).toBe('bb');
    expect(winners(entries, { policies: [last, fresh] })).toBe('aa');
    expect(winners(entries, { policies: [{ policy: 'first-writer' }] })).toBe('bb');
  });

  test('where the winner took no part, the decision goes on among the others', () => {
    const entries = [
      cookie('x', write('a', 50, 'a'), write('b', 10, 'b')),
      cookie('y', write('b', 11, 'b'), write('c', 40, 'c')),
      cookie('z', write('b', 45, 'b'), write('c', 12, 'c')),
    ];
    expect(winners(entries)).toBe('abb');
  });

  test('volatile entries follow their group, decide nothing, and are counted, not logged', () => {
    const counter = item('_hits', write('a', 10, [1]), write('b', [0, 99], [2]));
    const entries = [cookie('sid', write('a', 30, 'a'), write('b', 5, 'b')), counter];
    const { shown, losses, conflicts, volatile } = resolve(entries, { policies: [{ name: '_*', volatile: true }] });
    expect(shown.map((one) => one?.dot?.replica.at(-1))).toEqual(['a', 'a']);
    expect(volatile).toBe(1);
    expect(conflicts).toEqual([]);
    expect(losses.map(({ kind, group }) => [kind, group])).toEqual([['cookie', 'app.example']]);
    expect(winners([counter], { policies: [{ name: '_*', volatile: true }] })).toBe('b');
  });

  test('what is combined, and what is kept from both, is decided apart from its group', () => {
    const entries = [
      cookie('sid', write('a', 30, 'a'), write('b', 5, 'b')),
      item('cart', write('a', 10, '["a"]'), write('b', 20, '["b"]')),
      item('draft', write('a', 10, 'a'), write('b', 20, 'b')),
    ];
    const policies: PolicyRule[] = [
      { name: 'cart', policy: 'union' },
      { name: 'draft', policy: 'keep-both' },
    ];
    expect(resolve(entries, { policies }).shown.map((one) => one?.value)).toEqual(['a', '["a","b"]', 'b']);
  });

  test('groups of your own', () => {
    const entries = [
      cookie('sid', write('a', 30, 'a'), write('b', 5, 'b')),
      cookie('csrf', write('a', 10, 'a'), write('b', 20, 'b')),
      cookie('theme', write('a', 10, 'a'), write('b', 20, 'b')),
    ];
    const groups: ResolveOptions['groups'] = (_, path) => (path[2] === 'theme' ? null : 'login');
    expect(winners(entries, { groups })).toBe('aab');
  });
});

test.each([
  ['app.example', 'app.example'],
  ['a.b.app.example', 'app.example'],
  ['shop.example.co.uk', 'example.co.uk'],
  ['example.co.uk', 'example.co.uk'],
  ['deep.example.com.au', 'example.com.au'],
  ['t.co', 't.co'],
  ['www.t.co', 't.co'],
  ['127.0.0.1', '127.0.0.1'],
  ['[::1]', '[::1]'],
  ['localhost', 'localhost'],
  ['', ''],
])('the site of %s is taken to be %s', (host, site) => {
  expect(siteOf(host)).toBe(site);
});
