import { describe, expect, test } from 'vitest';
import { cookieKey, fromCdpCookie, toCdpCookie } from '../../ts/adapters/cookies.ts';
import type { CdpCookie } from '../../ts/adapters/protocol.ts';

const plain: CdpCookie = {
  name: 'n',
  value: 'v',
  domain: 'app.example',
  path: '/',
  expires: -1,
  session: true,
  secure: false,
  httpOnly: false,
};

describe('cookies of the DevTools protocol', () => {
  test('a host-only session cookie without SameSite keeps all three facts', () => {
    expect(fromCdpCookie(plain)).toEqual({
      name: 'n',
      value: 'v',
      domain: 'app.example',
      hostOnly: true,
      path: '/',
      secure: false,
      httpOnly: false,
      sameSite: 'unset',
      expiresAt: null,
      partitionKey: null,
    });
    const param = toCdpCookie(fromCdpCookie(plain)!);
    expect(param).toEqual({ name: 'n', value: 'v', domain: 'app.example', path: '/', secure: false, httpOnly: false });
    expect(Object.keys(param)).not.toContain('expires');
    expect(Object.keys(param)).not.toContain('sameSite');
  });

  test('every attribute goes there and back unchanged', () => {
    for (const sameSite of ['None', 'Lax', 'Strict'] as const) {
      for (const priority of ['Low', 'Medium', 'High'] as const) {
        for (const sourceScheme of ['Unset', 'Secure', 'NonSecure'] as const) {
          const attributes = { sameSite, priority, sourceScheme, sourcePort: 8443, secure: true, httpOnly: true, domain: '.app.example' };
          const partitionKey = { topLevelSite: 'https://top.example', hasCrossSiteAncestor: true };
          const cookie: CdpCookie = { ...plain, ...attributes, partitionKey, expires: 1_900_000_000.125, session: false };
          const { session: _, ...expected } = cookie;
          expect(toCdpCookie(fromCdpCookie(cookie)!)).toEqual(expected);
        }
      }
    }
  });

  test('values that this version of the protocol code does not know stay out instead of being guessed', () => {
    const cookie = fromCdpCookie({ ...plain, sameSite: 'Extended', priority: 'Highest', sourceScheme: 'toString' })!;
    expect(cookie.sameSite).toBe('unset');
    expect(cookie).not.toHaveProperty('priority');
    expect(cookie).not.toHaveProperty('sourceScheme');
  });

  test('a cookie in an opaque partition is refused, never un-partitioned', () => {
    expect(fromCdpCookie({ ...plain, partitionKeyOpaque: true })).toBeNull();
  });

  test('a cookie in the partition of an extension is refused: a session has no word for it', () => {
    const inPartition = (topLevelSite: string) => fromCdpCookie({ ...plain, partitionKey: { topLevelSite, hasCrossSiteAncestor: false } });
    expect(inPartition('chrome-extension://mbnkmhocpmaklmeahnpgldfiaifepkip')).toBeNull();
    expect(inPartition('https://top.example')?.partitionKey).toEqual({ topLevelSite: 'https://top.example', hasCrossSiteAncestor: false });
  });

  test('the storage of a cookie is that of its partition, of a third party or below another site', () => {
    const of = (topLevelSite: string, hasCrossSiteAncestor: boolean): unknown =>
      cookieKey(fromCdpCookie({ ...plain, secure: true, partitionKey: { topLevelSite, hasCrossSiteAncestor } })!);
    const origin = 'https://app.example';
    expect(of('https://top.example', true)).toEqual({ origin, topLevelSite: 'https://top.example' });
    expect(of('https://app.example', false)).toEqual({ origin, topLevelSite: null });
    const below = { origin, topLevelSite: null, hasCrossSiteAncestor: true };
    expect(of('https://app.example', true)).toEqual(below);
    expect(of('https://example', true)).toEqual(below);
    expect(of('http://app.example', true)).toEqual({ origin, topLevelSite: 'http://app.example' });
  });

  test('the origin of a cookie comes from its source, or from Secure where the source is not known', () => {
    const of = (more: Partial<CdpCookie>): string => cookieKey(fromCdpCookie({ ...plain, ...more })!).origin;
    expect(of({ sourceScheme: 'NonSecure', sourcePort: 8080 })).toBe('http://app.example:8080');
    expect(of({ sourceScheme: 'Secure', sourcePort: 443 })).toBe('https://app.example');
    expect(of({ secure: true })).toBe('https://app.example');
    expect(of({ sourceScheme: 'Unset', sourcePort: -1 })).toBe('http://app.example');
    expect(of({ domain: '.app.example', secure: true, sourcePort: -1 })).toBe('https://app.example');
    expect(of({ domain: '[::1]', sourceScheme: 'NonSecure', sourcePort: 81 })).toBe('http://[::1]:81');
  });
});
