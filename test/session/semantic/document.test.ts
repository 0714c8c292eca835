/** The rules beyond the schema, each broken once: where it is found, how bad it is, and that no message quotes the document. */
import { describe, expect, test } from 'vitest';
import { explainIssues } from '../../../ts/session/issue.ts';
import { validateDocument } from '../../../ts/session/validate.ts';
import { COOKIE, found, HEADER, issuesOf, NOW, SECRET, STATE, STORE, TIME } from './fixture.ts';

type Case = readonly [what: string, changes: Readonly<Record<string, unknown>>, ...expected: string[]];

const cookie = (changes: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => ({
  '/cookies/0': { ...COOKIE, ...changes },
});
const DB = '/storage/0/indexedDB/0';
const site = { topLevelSite: 'https://top.example', hasCrossSiteAncestor: false };
const KEY = { origin: 'https://app.example', topLevelSite: null };

const CASES: readonly Case[] = [
  ['the fixture', {}],

  ['neither name nor value', cookie({ name: '', value: '' }), 'error cookie-empty /cookies/0'],
  ['a value without a name', cookie({ name: '' })],
  ['4096 octets', cookie({ name: 'n', value: 'x'.repeat(4095) })],
  ['4097 octets', cookie({ name: 'n', value: 'x'.repeat(4096) }), 'error cookie-too-large /cookies/0'],
  ['4098 octets in two-byte letters', cookie({ name: '', value: 'é'.repeat(2049) }), 'error cookie-too-large /cookies/0'],
  ['4096 octets in four-byte letters', cookie({ name: '', value: '🙂'.repeat(1024) })],
  ['a path of 1025 octets', cookie({ path: `/${'x'.repeat(1024)}` }), 'warning cookie-attribute-too-large /cookies/0/path'],
  ['__Host- without Secure', cookie({ name: '__Host-a', secure: false }), 'error cookie-prefix /cookies/0/secure'],
  ['__Host- with a domain', cookie({ name: '__Host-a', hostOnly: false }), 'error cookie-prefix /cookies/0/hostOnly'],
  ['__HOST- below a path', cookie({ name: '__HOST-a', path: '/a' }), 'error cookie-prefix /cookies/0/path'],
  ['__Host- as it must be', cookie({ name: '__Host-a' })],
  ['__secure- without Secure', cookie({ name: '__secure-a', secure: false }), 'error cookie-prefix /cookies/0/secure'],
  // What Chromium 156 refuses and takes; the first is refused whatever the cookie's attributes are.
  ...(['__Secure-a=b', '__secure-', '__HOST-a'].map((value) => [
    `the prefix ${value} in the value of what has no name`,
    cookie({ name: '', value }),
    'error cookie-prefix /cookies/0/value',
  ]) as Case[]),
  [
    'the prefix __Http- in the value of what has no name',
    cookie({ name: '', value: '__Http-a' }),
    'warning cookie-prefix /cookies/0/value',
  ],
  ['no prefix in the value of what has no name', cookie({ name: '', value: '__Secure', secure: false })],
  ['no prefix', cookie({ name: 'a__Host-', secure: false, path: '/a' })],
  ['a prefix in the value of what has a name', cookie({ name: 'a', value: '__Host-', secure: false })],
  ['__Http- without HttpOnly', cookie({ name: '__Http-a', httpOnly: false }), 'warning cookie-prefix /cookies/0/httpOnly'],
  ['__Http- without Secure', cookie({ name: '__http-a', secure: false }), 'warning cookie-prefix /cookies/0/secure'],
  ['__Http- as it must be', cookie({ name: '__Http-a', hostOnly: false, path: '/a' })],
  [
    '__Host-Http- breaking every rule',
    cookie({ name: '__Host-Http-a', secure: false, hostOnly: false, path: '/a', httpOnly: false }),
    'error cookie-prefix /cookies/0/hostOnly',
    'error cookie-prefix /cookies/0/path',
    'error cookie-prefix /cookies/0/secure',
    'warning cookie-prefix /cookies/0/httpOnly',
  ],
  ['__HostHttp-, which is no prefix', cookie({ name: '__HostHttp-a', secure: false, httpOnly: false })],
  ['SameSite=None without Secure', cookie({ sameSite: 'none', secure: false }), 'warning cookie-same-site-insecure /cookies/0/sameSite'],
  ['partitioned without Secure', cookie({ partitionKey: site, secure: false }), 'error cookie-partitioned-insecure /cookies/0/secure'],
  [
    'a partition that is no canonical site',
    cookie({ partitionKey: { ...site, topLevelSite: 'https://TOP.example' } }),
    'error origin-not-canonical /cookies/0/partitionKey/topLevelSite',
  ],
  ['an IPv4 domain for all below it', cookie({ domain: '127.0.0.1', hostOnly: false }), 'error cookie-domain-address /cookies/0/domain'],
  ['an IPv6 domain for all below it', cookie({ domain: '[::1]', hostOnly: false }), 'error cookie-domain-address /cookies/0/domain'],
  ['an IPv4 host', cookie({ domain: '127.0.0.1' })],
  ['a domain in upper case', cookie({ domain: 'App.example' }), 'warning cookie-domain-case /cookies/0/domain'],
  ['an expired cookie', cookie({ expiresAt: '1970-01-01T00:00:01.000Z' }), 'notice expired /cookies/0/expiresAt'],
  ['a cookie for 401 days', cookie({ expiresAt: '2027-02-07T03:04:05.006Z' }), 'notice cookie-lifetime /cookies/0/expiresAt'],
  [
    'a cookie for ever',
    cookie({ expiresAt: '9999-12-31T23:59:59.999Z' }),
    'warning time-unit /cookies/0/expiresAt',
    'notice cookie-lifetime /cookies/0/expiresAt',
  ],
  ['one cookie twice', { '/cookies/1': { ...COOKIE, value: 'z', secure: false } }, 'error duplicate /cookies/1'],
  ['host-only and domain cookie of one name', { '/cookies/1': { ...COOKIE, hostOnly: false } }],
  ['one cookie in two partitions', { '/cookies/1': { ...COOKIE, partitionKey: site } }],
  [
    'one partition twice',
    { '/cookies/1': { ...COOKIE, partitionKey: site }, '/cookies/2': { ...COOKIE, partitionKey: site } },
    'error duplicate /cookies/2',
  ],

  ['30 February', { '/createdAt': '2026-02-30T00:00:00.000Z' }, 'error time-calendar /createdAt'],
  ['29 February of a year without', cookie({ expiresAt: '2027-02-29T00:00:00.000Z' }), 'error time-calendar /cookies/0/expiresAt'],
  ['29 February of a leap year', { '/expiresAt': '2028-02-29T00:00:00.000Z' }],
  ['1969', { '/storage/0/files/1/lastModified': '1969-12-31T23:59:59.999Z' }, 'error time-calendar /storage/0/files/1/lastModified'],
  ['updated before it was created', { '/updatedAt': '2026-01-02T03:04:05.005Z' }, 'error time-order /updatedAt'],
  [
    'expired before it was created',
    { '/expiresAt': '2025-01-01T00:00:00.000Z', '/ttl': [] },
    'error time-order /expiresAt',
    'notice expired /expiresAt',
  ],
  [
    'made in the future',
    { '/createdAt': '2026-02-01T00:02:00.000Z', '/updatedAt': '2026-02-01T00:02:00.000Z' },
    'warning time-future /createdAt',
    'warning time-future /updatedAt',
  ],
  ['made half a minute ahead', { '/updatedAt': '2026-02-01T00:00:30.000Z' }],

  ...([
    'https://app.example:443',

    'https://APP.example',
    'http://0x7f.0.0.1',
    'https://bücher.example',
    'https://app.example:',
  ].map((origin) => [
    `origin ${origin}`,
    { '/storage/0/key/origin': origin, '/storage/0/serviceWorkers': [] },
    'error origin-not-canonical /storage/0/key/origin',
  ]) as Case[]),
  ...(['http://app.example:443', 'https://xn--bcher-kva.example', 'https://app.example.', 'http://[::1]:8080'].map((origin) => [
    `origin ${origin}`,
    { '/storage/0/key/origin': origin, '/storage/0/serviceWorkers': [] },
  ]) as Case[]),
  [
    'a top-level site with a default port',
    { '/coverage/storage/0/key/topLevelSite': 'http://a:80' },
    'error origin-not-canonical /coverage/storage/0/key/topLevelSite',
  ],
  [
    'an origin twice',
    { '/storage/1': { key: { ...KEY, bucket: 'inbox' }, localStorage: [], indexedDB: [] } },
    'error duplicate /storage/1/key',
  ],
  ['an origin in another bucket', { '/storage/1': { key: KEY, localStorage: [], indexedDB: [] } }],
  [
    'a coverage twice',
    { '/coverage/storage/1': { key: KEY, localStorage: 'complete', indexedDB: 'partial' } },
    'error duplicate /coverage/storage/1/key',
  ],
  ['a name twice in localStorage', { '/storage/0/localStorage/2': [SECRET, ''] }, 'error duplicate /storage/0/localStorage/2/0'],
  ['names that differ in case', { '/storage/0/localStorage/2': [SECRET.toLowerCase(), ''] }],
  [
    'a name twice in sessionStorage',
    { '/tabs/0/sessionStorage/0/items/1': [SECRET, ''] },
    'error duplicate /tabs/0/sessionStorage/0/items/1/0',
  ],
  ['a policy without a bucket', { '/storage/0/key': KEY }, 'error bucket-policy /storage/0/bucketPolicy'],
  ['a cache twice', { '/storage/0/caches/1': { name: SECRET, entries: [] } }, 'error duplicate /storage/0/caches/1/name'],
  [
    'a worker of another origin',
    { '/storage/0/serviceWorkers/0/scriptUrl': 'https://evil.example/sw.js' },
    'error origin-mismatch /storage/0/serviceWorkers/0/scriptUrl',
  ],
  ['a scope that is no URL', { '/storage/0/serviceWorkers/0/scope': SECRET }, 'error origin-mismatch /storage/0/serviceWorkers/0/scope'],
  [
    'a path that climbs',
    { '/storage/0/files/1/path': 'a/../../b' },
    'error file-path /storage/0/files/1/path',
    'error file-parent /storage/0/files/1/path',
  ],
  ['a file before its directory', { '/storage/0/files/0/path': 'b' }, 'error file-parent /storage/0/files/1/path'],
  ['a file twice', { '/storage/0/files/2': { path: `a/${SECRET}`, kind: 'file' } }, 'error duplicate /storage/0/files/2/path'],
  ['a directory with content', { '/storage/0/files/0/body': { $section: 's0' } }, 'error file-directory-content /storage/0/files/0/body'],
  [
    'a permission twice',
    { '/permissions/1': { origin: KEY.origin, name: 'geolocation', state: 'denied' } },
    'error duplicate /permissions/1',
  ],

  [
    'a database twice',
    { '/storage/0/indexedDB/1': { name: SECRET, version: 2, stores: [] } },
    'error duplicate /storage/0/indexedDB/1/name',
  ],
  ['a store twice', { [`${DB}/stores/1`]: STORE }, `error duplicate ${DB}/stores/1/name`],
  [
    'an index twice',
    { [`${DB}/stores/0/indexes/1`]: { name: SECRET, keyPath: '', unique: false, multiEntry: false } },
    `error duplicate ${DB}/stores/0/indexes/1/name`,
  ],
  ...(['1a', 'a..b', '.a', 'a.', 'a b', 'a-b', 'a[0]', ' ', '🙂'].map((keyPath) => [
    `key path "${keyPath}"`,
    { [`${DB}/stores/0/keyPath`]: keyPath },
    `error key-path ${DB}/stores/0/keyPath`,
  ]) as Case[]),
  ...(['größe', '$a._b', 'a.b.c', 'π', 'length'].map((keyPath) => [
    `key path "${keyPath}"`,
    { [`${DB}/stores/0/keyPath`]: keyPath },
  ]) as Case[]),
  ['a bad key path in a list', { [`${DB}/stores/0/indexes/0/keyPath`]: ['a', 'b c'] }, `error key-path ${DB}/stores/0/indexes/0/keyPath/1`],
  ['autoIncrement with an empty key path', { [`${DB}/stores/0/keyPath`]: '' }, `error key-generator ${DB}/stores/0/autoIncrement`],
  ['autoIncrement with a list', { [`${DB}/stores/0/keyPath`]: ['a'] }, `error key-generator ${DB}/stores/0/autoIncrement`],
  ['autoIncrement without a key path', { [`${DB}/stores/0/keyPath`]: null }],
  ['a generator without autoIncrement', { [`${DB}/stores/0/autoIncrement`]: false }, `error key-generator ${DB}/stores/0/keyGenerator`],
  [
    'multi-entry over a list',
    { [`${DB}/stores/0/indexes/0`]: { name: 'i', keyPath: ['a'], unique: false, multiEntry: true } },
    `error multi-entry ${DB}/stores/0/indexes/0/multiEntry`,
  ],
  ['records that were not captured', { [`${DB}/stores/0/recordCount`]: 3 }, `warning record-count ${DB}/stores/0/recordCount`],

  ['a current entry that is not there', { '/tabs/0/history/index': 1 }, 'error tab-history /tabs/0/history/index'],
  ['a tab that opens itself', { '/tabs/0/opener': 'tab' }, 'error tab-opener /tabs/0/opener'],
  ['an opener that is closed', { '/tabs/0/opener': 'gone' }, 'notice tab-opener /tabs/0/opener'],
  ['a tab twice', { '/tabs/1': { id: 'tab', url: '', sessionStorage: [] } }, 'error duplicate /tabs/1/id'],

  ['a TTL of nothing', { '/ttl/0': { target: { pointer: '' } } }, 'error ttl-empty /ttl/0'],
  ...(['/cookies/1', '/cookies/00', '/cookies/-', '/storage/0/files/9'].map((pointer) => [
    `a TTL on ${pointer}`,
    { '/ttl/0/target/pointer': pointer },
    'error ttl-target /ttl/0/target/pointer',
  ]) as Case[]),
  ...([
    '/coverage',
    '/cookies',
    '/cookies/0/name',
    '/cookies/0/expiresAt',
    '/psp',
    '/id',
    '/ttl/0',
    '/tabs/0/url',
    '/cookies/length',
    '/__proto__',
    '/storage/0/localStorage',
    '/storage/0/indexedDB/0/stores/0',
  ].map((pointer) => [`a TTL on ${pointer}`, { '/ttl/0/target/pointer': pointer }, 'error ttl-target /ttl/0/target/pointer']) as Case[]),
  ...(['', '/storage/0', '/storage/0/localStorage/1', DB, '/tabs/0', '/tabs/0/sessionStorage/0/items/0', '/storage/0/files/1'].map(
    (pointer) => [`a TTL on "${pointer}"`, { '/ttl/0/target/pointer': pointer }],
  ) as Case[]),
  ...(['kind', 'origin', 'name'].map((member) => [
    `a pointer and a ${member}`,
    { [`/ttl/0/target/${member}`]: member === 'origin' ? KEY.origin : 'cookie' },
    'error ttl-target /ttl/0/target',
  ]) as Case[]),
  ['a TTL of a kind, an origin and a name', { '/ttl/0/target': { kind: 'cookie', origin: KEY.origin, name: SECRET } }],
  [
    'a TTL on an origin that no browser writes so',
    { '/ttl/0/target': { kind: 'cookie', origin: 'https://app.example:443' } },
    'error origin-not-canonical /ttl/0/target/origin',
  ],
  ['an idle time that has not begun', { '/ttl/0/lastTouched': undefined }, 'notice ttl-untouched /ttl/0'],
  ['a touch in the future', { '/ttl/0/lastTouched': '2026-02-01T00:02:00.000Z' }, 'warning time-future /ttl/0/lastTouched'],
  ['a touch half a minute ahead', { '/ttl/0/lastTouched': '2026-02-01T00:00:30.000Z' }],
  [
    'a TTL twice',
    { '/ttl/1': { target: { pointer: '/cookies/0' }, expiresAt: '2026-06-01T00:00:00.000Z' } },
    'error duplicate /ttl/1/target',
  ],
  ['an expired TTL', { '/ttl/0/expiresAt': TIME }, 'notice expired /ttl/0/expiresAt'],
  ['a TTL beyond the session', { '/ttl/0/expiresAt': '2030-01-01T00:00:00.000Z' }, 'warning ttl-beyond-session /ttl/0/expiresAt'],

  ['a reference to nothing', { '/storage/0/localStorage/1/1/$section': 's7' }, 'error section-missing /storage/0/localStorage/1/1'],
  ['merge state that is nowhere', { '/mergeState': { $section: 's1' } }, 'error section-missing /mergeState'],
  ['a section id twice', { '/sections/1': { ...section(), offset: 5 } }, 'error duplicate /sections/1/id'],
  ['sections that overlap', { '/sections/1': { ...section(), id: 's1', offset: 3 } }, 'error section-overlap /sections/1/offset'],
  ['a length that fits nothing', { '/sections/0/length': 3 }, 'error section-length /sections/0/length'],
  ['a length with a codec', { '/sections/0/length': 99, '/sections/0/codec': 'gzip' }],
  ['text of half a unit', { '/sections/0/rawLength': 3 }, 'error section-length /storage/0/localStorage/1/1'],
  ['text of another media type', { '/sections/0/mediaType': 'image/png' }, 'warning section-media-type /storage/0/localStorage/1/1'],
  ['an external section', { '/sections/0/where': 'external' }, 'error section-external /sections/0/where'],

  ['another major version', { '/psp': '99.0', '/id': 5 }, 'error unsupported-version /psp'],
  ['a newer minor version', { '/psp': '2.99' }],
];

function section(): object {
  return (HEADER['sections'] as readonly object[])[0] as object;
}

describe('validateDocument', () => {
  test.each(CASES.map(([what, changes, ...expected]) => [what, changes, expected] as const))('%s', (_, changes, expected) => {
    expect(found(changes).sort()).toEqual([...expected].sort());
  });

  test('no message holds a value of the document', () => {
    for (const [, changes] of CASES) {
      const issues = issuesOf(changes);
      expect(JSON.stringify(issues) + explainIssues(issues)).not.toMatch(/S3CRET|s3cret/);
    }
  });

  test('defects of several stages of one document are all there, each at its place', () => {
    const changes = {
      '/cookies/0/sameSite': 'Lax',
      '/cookies/1': { ...COOKIE, expiresAt: 'x', secure: 'no' },
      '/tabs/0/id': '',
      '/revision': -1,
    };
    expect(found(changes).sort()).toEqual([
      'error enum /cookies/0/sameSite',
      'error minLength /tabs/0/id',
      'error minimum /revision',
      'error pattern /cookies/1/expiresAt',
      'error type /cookies/1/secure',
    ]);
  });

  test('without a clock nothing is expired or in the future', () => {
    expect(found({ '/cookies/0/expiresAt': TIME }, {})).toEqual([]);
  });

  test('unused sections are worth a notice', () => {
    expect(issuesOf({ '/storage/0/localStorage': [] }).map(({ code, severity, pointer }) => [code, severity, pointer])).toEqual([
      ['section-unused', 'notice', '/sections/0'],
    ]);
  });

  test('issues are capped, and that is an issue', () => {
    const cookies = new Array(1000).fill({ ...COOKIE, sameSite: SECRET });
    const issues = validateDocument(HEADER, { ...STATE, cookies }, { now: NOW, maxIssues: 7 });
    expect(issues).toHaveLength(8);
    expect(issues.at(-1)).toMatchObject({ code: 'too-many-issues', severity: 'notice' });
    expect(found({ '/cookies': new Array(1000).fill(COOKIE) }, { maxIssues: 3 })).toHaveLength(4);
  });

  test('what is less than an error never hides one', () => {
    const expired = Array.from({ length: 500 }, (_, i) => ({ ...COOKIE, name: `n${i}`, expiresAt: TIME }));
    expect(found({ '/cookies': [...expired, { ...COOKIE, name: '', value: '' }] }, { now: NOW, maxIssues: 5 })[0]).toBe(
      'error cookie-empty /cookies/500',
    );
  });

  test('a million cookies are refused by their number, at once', () => {
    const started = performance.now();
    const issues = validateDocument(HEADER, { ...STATE, cookies: new Array(1_000_000).fill({ name: 5 }) });
    expect(issues).toMatchObject([{ code: 'maxItems', pointer: '/cookies' }]);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  test.each([
    ['domain', 'a.'.repeat(127)],
    ['domain', 'a'.repeat(255) + '/'],
    ['path', '/'.repeat(1_000_000) + ';'],
    ['name', 'a'.repeat(1_000_000) + '='],
  ])('a hostile %s is judged in linear time', (member, value) => {
    const started = performance.now();
    found({ [`/cookies/0/${member}`]: value });
    found({ '/ttl/0/target/pointer': '/~'.repeat(2000), '/storage/0/key/origin': `https://${'a'.repeat(2000)}/` });
    expect(performance.now() - started).toBeLessThan(1000);
  });

  test.each([[undefined], [null], [[]], ['x'], [5]])('documents that are %j are refused as a whole', (value) => {
    expect(validateDocument(value, value).map(({ code, pointer }) => [code, pointer])).toEqual([
      ['type', ''],
      ['type', ''],
    ]);
  });
});
