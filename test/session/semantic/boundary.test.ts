/** The rules beyond the schema at their very edge, and in every place that a document has for the same thing. */
import { describe, expect, test } from 'vitest';
import { COOKIE, found, NOW, SECRET, TIME } from './fixture.ts';

type Case = readonly [what: string, changes: Readonly<Record<string, unknown>>, ...expected: string[]];

const cookie = (changes: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => ({
  '/cookies/0': { ...COOKIE, ...changes },
});
const AT_NOW = new Date(NOW).toISOString();
const NO_DAY = '2026-02-30T00:00:00.000Z';
const KEY = { origin: 'https://app.example', topLevelSite: null };
const ODD_ORIGIN = 'https://app.example:443';
const MISSING = { $section: 's9' };
const WORKER = { scope: 'https://app.example/', scriptUrl: 'https://app.example/sw.js', type: 'module', updateViaCache: 'none' };
const PASSKEY = { credentialId: 'a', rpId: 'app.example', isResidentCredential: true, signCount: 0, privateKey: { $section: 's0' } };
const ENTRY = {
  ...{ url: SECRET, method: 'GET', requestHeaders: [], status: 200, statusText: '', type: 'basic', responseHeaders: [] },
  body: MISSING,
};

const SIZES: readonly Case[] = [
  ['a path of 1024 octets', cookie({ path: `/${'x'.repeat(1023)}` })],
  ['4096 octets in two-byte letters', cookie({ name: '', value: '\u00e9'.repeat(2048) })],
  ['4096 octets with a lone surrogate, which takes three', cookie({ name: '', value: `${'x'.repeat(4093)}\ud800` })],
  ['4097 octets with a lone surrogate', cookie({ name: '', value: `${'x'.repeat(4094)}\ud800` }), 'error cookie-too-large /cookies/0'],
];

const TIMES: readonly Case[] = [
  ['a cookie that expires now', cookie({ expiresAt: AT_NOW }), 'notice expired /cookies/0/expiresAt'],
  ['a cookie for 400 days', cookie({ expiresAt: '2027-02-06T03:04:05.006Z' })],
  ['a cookie for a millisecond more', cookie({ expiresAt: '2027-02-06T03:04:05.007Z' }), 'notice cookie-lifetime /cookies/0/expiresAt'],
  ['a TTL that ends now', { '/ttl/0/expiresAt': AT_NOW }, 'notice expired /ttl/0/expiresAt'],
  ['a TTL that ends with the session', { '/ttl/0/expiresAt': '2027-01-01T00:00:00.000Z' }],
  ['a session that ends now', { '/expiresAt': AT_NOW, '/ttl': [] }, 'notice expired /expiresAt'],
  ['a session that ends when it begins', { '/expiresAt': TIME, '/ttl': [] }, 'notice expired /expiresAt'],
  ['a session made a minute ahead', { '/createdAt': '2026-02-01T00:01:00.000Z', '/updatedAt': '2026-02-01T00:01:00.000Z' }],
  ...(['/updatedAt', '/cookies/0/createdAt', '/storage/0/bucketPolicy/expiresAt', '/ttl/0/expiresAt', '/ttl/0/lastTouched'].map(
    (pointer) => [`no such day at ${pointer}`, { [pointer]: NO_DAY }, `error time-calendar ${pointer}`],
  ) as Case[]),
];

const ORIGINS: readonly Case[] = [
  ['of a permission', { '/permissions/0/origin': ODD_ORIGIN }, 'error origin-not-canonical /permissions/0/origin'],
  [
    'of the page around a permission',
    { '/permissions/0/embeddingOrigin': ODD_ORIGIN },
    'error origin-not-canonical /permissions/0/embeddingOrigin',
  ],
  ['of a top-level site', { '/storage/0/key/topLevelSite': ODD_ORIGIN }, 'error origin-not-canonical /storage/0/key/topLevelSite'],
  [
    'of sessionStorage',
    { '/tabs/0/sessionStorage/0/key/origin': ODD_ORIGIN },
    'error origin-not-canonical /tabs/0/sessionStorage/0/key/origin',
  ],
];

const IDENTITIES: readonly Case[] = [
  ['a passkey twice', { '/credentials': [PASSKEY, { ...PASSKEY, signCount: 1 }] }, 'error duplicate /credentials/1'],
  ['one credential id at two sites', { '/credentials': [PASSKEY, { ...PASSKEY, rpId: 'other.example' }] }],
  [
    'a permission of one origin in two pages',
    { '/permissions/1': { origin: KEY.origin, name: 'geolocation', state: 'denied', embeddingOrigin: 'https://top.example' } },
  ],
  ['two scopes', { '/storage/0/serviceWorkers': [WORKER, { ...WORKER, scope: 'https://app.example/a/' }] }],
  ['a scope twice', { '/storage/0/serviceWorkers': [WORKER, WORKER] }, 'error duplicate /storage/0/serviceWorkers/1/scope'],
  ['a storage key of a tab twice', { '/tabs/0/sessionStorage/1': { key: KEY, items: [] } }, 'error duplicate /tabs/0/sessionStorage/1/key'],
  ['a storage key with a cross-site ancestor', { '/tabs/0/sessionStorage/1': { key: { ...KEY, hasCrossSiteAncestor: true }, items: [] } }],
];

const PLACES: readonly Case[] = [
  [
    'a domain cookie of a hexadecimal address',
    cookie({ domain: '127.0x1', hostOnly: false }),
    'error cookie-domain-address /cookies/0/domain',
  ],
  ['a file with a backslash', { '/storage/0/files/1/path': 'a/b\\c' }, 'error file-path /storage/0/files/1/path'],
  ['a file with a NUL', { '/storage/0/files/1/path': 'a/b\0' }, 'error file-path /storage/0/files/1/path'],
  ['a file of dots', { '/storage/0/files/1/path': 'a/...' }],
  ...([
    ['/storage/0/caches/0/entries', [ENTRY], '/storage/0/caches/0/entries/0/body'],
    ['/storage/0/serviceWorkers/0/script', MISSING, '/storage/0/serviceWorkers/0/script'],
    ['/storage/0/files/1/body', MISSING, '/storage/0/files/1/body'],
    ['/storage/0/indexedDB/0/stores/0/records', MISSING, '/storage/0/indexedDB/0/stores/0/records'],
    ['/tabs/0/sessionStorage/0/items/0/1', MISSING, '/tabs/0/sessionStorage/0/items/0/1'],
    ['/tabs/0/history/entries/0/state', MISSING, '/tabs/0/history/entries/0/state'],
    ['/credentials/0', { ...PASSKEY, privateKey: MISSING }, '/credentials/0/privateKey'],
    ['/mergeState', MISSING, '/mergeState'],
  ].map(([pointer, value, at]) => [
    `a reference to nothing at ${at}`,
    { [pointer as string]: value },
    `error section-missing ${at}`,
  ]) as Case[]),
];

describe.each([
  ['sizes', SIZES],
  ['times', TIMES],
  ['an origin that no browser writes so', ORIGINS],
  ['identities', IDENTITIES],
  ['places', PLACES],
])('%s', (_, cases) => {
  test.each(cases.map(([what, changes, ...expected]) => [what, changes, expected] as const))('%s', (_what, changes, expected) => {
    expect(found(changes).sort()).toEqual([...expected].sort());
  });
});
