/** What the tests of formats share: a session to fill, a secret to look for, cookies of every kind, and the check of a refusal. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import { cookieIdentity } from '../../ts/session/identity.ts';
import type { Cookie, Session } from '../../ts/session/session.ts';
import { PLAIN_COOKIE } from '../session/plain-cookie.ts';

export const OPTIONS = { id: 'session-1', incarnation: 'incarnation-1', now: 1_700_000_000_000 };

/** Planted in values, names and paths: no message, pointer or reason may hold it. */
export const SECRET = 'S3CRET';

export const COOKIE: Cookie = { ...PLAIN_COOKIE, value: SECRET };

export function sessionWith(parts: Partial<Session>): Session {
  return {
    id: OPTIONS.id,
    incarnation: OPTIONS.incarnation,
    revision: 0,
    createdAt: OPTIONS.now,
    updatedAt: OPTIONS.now,
    source: { tool: 'test' },
    coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
    cookies: [],
    storage: [],
    tabs: [],
    ...parts,
  };
}

/** As a file: what JSON cannot hold must not slip through. */
export function throughFile(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json));
}

/** Checks that `read` refuses its input at `pointer`, without showing what was there. */
export function expectMalformed(read: () => unknown, format: string, pointer: string): void {
  let thrown: unknown;
  try {
    read();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(PspError);
  const error = thrown as PspError;
  expect(error.code).toBe('FORMAT_MALFORMED');
  expect(error.details).toEqual({ pointer });
  expect(error.message.startsWith(`${format}: `)).toBe(true);
  expect(error.message).toMatch(/: \S.*: expected .+, got \S.*$/);
  expect(error.message + JSON.stringify(error)).not.toContain(SECRET);
}

export const text: fc.Arbitrary<string> = fc.string({
  unit: fc
    .oneof({ weight: 3, arbitrary: fc.integer({ min: 32, max: 126 }) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }) })
    .map((unit) => String.fromCharCode(unit)),
  maxLength: 12,
});
export const host: fc.Arbitrary<string> = fc.constantFrom('a', 'b.example', '127.0.0.1', '[::1]');
const time = fc.oneof(fc.integer({ min: 0, max: 253_402_300_799_999 }), fc.constantFrom(0, 1, 999, 1000, 253_402_300_799_001));

const token = (pattern: RegExp): fc.Arbitrary<string> => text.map((one) => one.replace(pattern, ''));

/** A cookie of any kind that a Session can hold, with any details. */
export const cookie: fc.Arbitrary<Cookie> = fc.record<
  Cookie,
  Exclude<keyof Cookie, 'createdAt' | 'priority' | 'sourceScheme' | 'sourcePort'>
>(
  {
    name: token(/[;=\0-\x08\n-\x1f\x7f]/g),
    value: token(/[;\0-\x08\n-\x1f\x7f]/g),
    domain: host,
    hostOnly: fc.boolean(),
    path: token(/[;\0-\x1f\x7f]/g).map((rest) => `/${rest}`),
    secure: fc.boolean(),
    httpOnly: fc.boolean(),
    sameSite: fc.constantFrom('unset', 'none', 'lax', 'strict'),
    expiresAt: fc.option(time),
    createdAt: time,
    priority: fc.constantFrom('low', 'medium', 'high'),
    sourceScheme: fc.constantFrom('unset', 'secure', 'non-secure'),
    sourcePort: fc.constantFrom(-1, 0, 443, 65_535),
    partitionKey: fc.option(
      fc.record({ topLevelSite: host.map((name) => `https://${name}`), hasCrossSiteAncestor: fc.boolean() }, { noNullPrototype: true }),
      { freq: 3 },
    ),
  },
  {
    noNullPrototype: true,
    requiredKeys: ['name', 'value', 'domain', 'hostOnly', 'path', 'secure', 'httpOnly', 'sameSite', 'expiresAt', 'partitionKey'],
  },
);

/** Cookies that are one session's: no identity twice. */
export const cookies: fc.Arbitrary<Cookie[]> = fc.uniqueArray(cookie, { selector: cookieIdentity, maxLength: 6 });
