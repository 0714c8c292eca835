import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cookieIdentity, storageKeyIdentity } from '../../ts/session/identity.ts';
import type { Cookie, StorageKey } from '../../ts/session/session.ts';
import { cookie, storageKey } from './arbitrary.ts';
import { PLAIN_COOKIE } from './plain-cookie.ts';

const COOKIE: Cookie = {
  ...PLAIN_COOKIE,
  partitionKey: { topLevelSite: 'https://top.example', hasCrossSiteAncestor: false },
};

describe('the identity of a cookie', () => {
  test.each<[string, Partial<Cookie>]>([
    ['name', { name: 'other' }],
    ['domain', { domain: 'example' }],
    ['hostOnly', { hostOnly: false }],
    ['path', { path: '/a' }],
    ['no partition', { partitionKey: null }],
    ['another partition', { partitionKey: { topLevelSite: 'https://other.example', hasCrossSiteAncestor: false } }],
    ['the ancestor bit', { partitionKey: { topLevelSite: 'https://top.example', hasCrossSiteAncestor: true } }],
  ])('changes with %s', (_name, change) => {
    expect(cookieIdentity({ ...COOKIE, ...change })).not.toBe(cookieIdentity(COOKIE));
  });

  test.each<[string, Partial<Cookie>]>([
    ['value', { value: 'other' }],
    ['secure', { secure: false }],
    ['httpOnly', { httpOnly: false }],
    ['sameSite', { sameSite: 'none' }],
    ['expiresAt', { expiresAt: 1 }],
    ['priority', { priority: 'high' }],
    ['sourceScheme and sourcePort', { sourceScheme: 'secure', sourcePort: 443 }],
  ])('does not change with %s', (_name, change) => {
    expect(cookieIdentity({ ...COOKIE, ...change })).toBe(cookieIdentity(COOKIE));
  });

  test('does not depend on the order of members', () => {
    const { partitionKey, ...rest } = COOKIE;
    const turned = { hasCrossSiteAncestor: partitionKey?.hasCrossSiteAncestor ?? true, topLevelSite: partitionKey?.topLevelSite ?? '' };
    expect(cookieIdentity({ partitionKey: turned, ...Object.fromEntries(Object.entries(rest).reverse()) } as Cookie)).toBe(
      cookieIdentity(COOKIE),
    );
  });

  test('is equal exactly where its parts are equal, whatever text they hold', () => {
    const parts = ({ partitionKey, domain, hostOnly, path, name }: Cookie): unknown => [partitionKey, domain, hostOnly, path, name];
    fc.assert(
      fc.property(cookie, cookie, fc.boolean(), (one, other, same) => {
        const second = same ? { ...other, ...one, value: other.value } : other;
        let equal = true;
        try {
          expect(parts(second)).toEqual(parts(one));
        } catch {
          equal = false;
        }
        expect(cookieIdentity(one) === cookieIdentity(second)).toBe(equal);
      }),
    );
  });

  test('text cannot pass from one part into the next', () => {
    expect(cookieIdentity({ ...COOKIE, path: '/","sid', name: '' })).not.toBe(cookieIdentity({ ...COOKIE, path: '/', name: 'sid' }));
    expect(cookieIdentity({ ...COOKIE, name: '\ud800' })).not.toBe(cookieIdentity({ ...COOKIE, name: '\ufffd' }));
  });
});

describe('the identity of a storage key', () => {
  test('is equal exactly where its parts are equal', () => {
    const key: StorageKey = { origin: 'https://app.example', topLevelSite: null };
    expect(storageKeyIdentity({ topLevelSite: null, origin: 'https://app.example' })).toBe(storageKeyIdentity(key));
    expect(storageKeyIdentity({ ...key, origin: 'http://app.example' })).not.toBe(storageKeyIdentity(key));
    expect(storageKeyIdentity({ ...key, topLevelSite: 'null' })).not.toBe(storageKeyIdentity(key));
    expect(storageKeyIdentity({ ...key, topLevelSite: 'https://top.example' })).not.toBe(storageKeyIdentity(key));
    expect(storageKeyIdentity({ ...key, hasCrossSiteAncestor: true })).not.toBe(storageKeyIdentity(key));
    expect(storageKeyIdentity({ ...key, bucket: 'inbox' })).not.toBe(storageKeyIdentity(key));
    expect(storageKeyIdentity({ ...key, bucket: 'inbox' })).not.toBe(storageKeyIdentity({ ...key, bucket: 'drafts' }));
    fc.assert(
      fc.property(storageKey, storageKey, (one, other) => {
        const names = ['origin', 'topLevelSite', 'hasCrossSiteAncestor', 'bucket'] as const;
        expect(storageKeyIdentity(one) === storageKeyIdentity(other)).toBe(names.every((name) => one[name] === other[name]));
      }),
    );
  });
});
