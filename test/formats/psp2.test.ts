/** The earlier public PSP 2.0 JSON: no program writes it any more, so the shape of its specification is all there is to test against. */
import { describe, expect, test } from 'vitest';
import { readPsp2 } from '../../ts/formats/formats.ts';
import { decodeValue } from '../../ts/session/clone/decode.ts';
import { readRecords } from '../../ts/session/clone/records.ts';
import { COOKIE, expectMalformed, OPTIONS, SECRET } from './fixture.ts';

const read = (json: unknown) => readPsp2(json, OPTIONS);

const FILE = {
  $schema: 'https://psp.dev/schema/v2.json',
  protocolVersion: '2.0.0',
  id: '550e8400-e29b-41d4-a716-446655440000',
  name: 'Login',
  tags: ['work'],
  cookies: [
    { name: 'sid', value: SECRET, domain: '.app.example', path: '/', expires: 1735689600, httpOnly: true, secure: true, sameSite: 'Lax' },
    {
      name: 'chips',
      value: SECRET,
      domain: 'app.example',
      path: '/',
      expires: -1,
      httpOnly: false,
      secure: true,
      sameSite: 'None',
      partitionKey: 'https://top.example',
      priority: 'High',
      sourcePort: 443,
      sourceScheme: 'Secure',
    },
  ],
  origins: [
    {
      origin: 'https://app.example',
      localStorage: [
        { key: 'theme', value: 'dark', size: 4 },
        { key: 'token', value: SECRET, truncated: true },
      ],
      sessionStorage: [{ key: 'csrf', value: SECRET }],
    },
  ],
  indexedDB: [
    {
      origin: 'https://app.example',
      name: 'app',
      version: 3,
      objectStores: [
        {
          name: 'inline',
          keyPath: 'meta.id',
          autoIncrement: false,
          indexes: [
            { name: 'by', keyPath: 'a', unique: true, multiEntry: false },
            { name: 'by', keyPath: ['a', 'b'], unique: true, multiEntry: false },
          ],
          records: [
            { key: 2, value: { meta: { id: 2 } } },
            { key: 1, value: { meta: { id: 1 } } },
            { key: 3, value: SECRET },
          ],
        },
        {
          name: 'outline',
          keyPath: null,
          autoIncrement: true,
          indexes: [],
          records: [
            { key: ['a', 1], value: null },
            { key: null, value: SECRET },
            { key: 'cut', value: SECRET, truncated: true },
          ],
        },
      ],
    },
  ],
  serviceWorkers: [{ origin: 'https://app.example', scriptURL: SECRET, scope: SECRET, registrationId: '1', state: 'activated' }],
  browserContext: {
    userAgent: SECRET,
    viewport: { width: 1, height: 1 },
    permissions: { 'https://app.example': { notifications: 'granted' } },
  },
  source: { type: 'chrome', captureMethod: 'cdp' },
  timestamps: {
    created: '2025-12-30T12:00:00Z',
    updated: '2025-12-30T12:00:00Z',
    captured: '2025-12-30T12:00:00Z',
    expires: '2033-05-18T03:33:20Z',
  },
};

describe('a PSP 2.0 document', () => {
  test('is read as a new session, with what it damaged named', async () => {
    const { session, losses } = read(FILE);
    const key = { origin: 'https://app.example', topLevelSite: null };
    expect(session).toMatchObject({
      id: OPTIONS.id,
      incarnation: OPTIONS.incarnation,
      name: 'Login',
      tags: ['work'],
      expiresAt: 2_000_000_000_000,
      source: { tool: 'psp2' },
      coverage: {
        cookies: 'partial',
        tabs: 'partial',
        permissions: 'partial',
        storage: [{ key, localStorage: 'partial', indexedDB: 'partial' }],
      },
      permissions: [{ origin: 'https://app.example', name: 'notifications', state: 'granted' }],
      tabs: [{ id: 'incarnation-1-0', url: 'https://app.example/', sessionStorage: [{ key, items: [['csrf', SECRET]] }] }],
    });
    expect(session.cookies).toEqual([
      { ...COOKIE, hostOnly: false, expiresAt: 1_735_689_600_000 },
      {
        ...COOKIE,
        name: 'chips',
        httpOnly: false,
        sameSite: 'none',
        priority: 'high',
        sourceScheme: 'secure',
        sourcePort: 443,
        partitionKey: { topLevelSite: 'https://top.example', hasCrossSiteAncestor: true },
      },
    ]);
    expect(session.storage).toMatchObject([{ key, localStorage: [['theme', 'dark']], indexedDB: [{ name: 'app', version: 3 }] }]);
    const [inline, outline] = session.storage[0]!.indexedDB[0]!.stores;
    const records = async (store: typeof inline) =>
      [...readRecords(await store!.records!.bytes())].map(({ key: k, value }) => [decodeValue(k).value, decodeValue(value).value]);
    expect(inline).toMatchObject({ keyPath: 'meta.id', recordCount: 2, indexes: [{ keyPath: ['a', 'b'] }] });
    expect(await records(inline)).toEqual([
      [1, { meta: { id: 1 } }],
      [2, { meta: { id: 2 } }],
    ]);
    expect(await records(outline)).toEqual([[['a', 1], null]]);
    expect(losses.map(({ pointer, severity }) => `${pointer} ${severity}`).sort()).toEqual([
      '/browserContext/userAgent dropped',
      '/browserContext/viewport dropped',
      '/cookies/1/partitionKey lossy',
      '/indexedDB/0/objectStores/0/indexes/0 dropped',
      '/indexedDB/0/objectStores/0/records lossy',
      '/indexedDB/0/objectStores/0/records/2 dropped',
      '/indexedDB/0/objectStores/1/records lossy',
      '/indexedDB/0/objectStores/1/records/1 dropped',
      '/indexedDB/0/objectStores/1/records/2 dropped',
      '/origins/0/localStorage/1 dropped',
      '/serviceWorkers/0 dropped',
    ]);
    expect(JSON.stringify(losses)).not.toContain(SECRET);
  });

  test('may leave out all but its version', () => {
    const { session, losses } = read({ protocolVersion: '2.0.0' });
    expect(losses).toEqual([]);
    expect(session.coverage).toEqual({ cookies: 'unvisited', tabs: 'unvisited', storage: [] });
  });

  test.each<[string, object]>([
    ['/protocolVersion', { protocolVersion: `1.0.0${SECRET}` }],
    ['/protocolVersion', { protocolVersion: undefined }],
    ['/encryption/encryptedFields', { encryption: { encryptedFields: ['cookies'], iv: SECRET } }],
    ['/name', { name: { SECRET } }],
    ['/name', { name: SECRET.repeat(200) }],
    ['/tags/0', { tags: [{ SECRET }] }],
    ['/tags/0', { tags: [SECRET.repeat(50)] }],
    ['/tags', { tags: new Array(101).fill(SECRET) }],
    ['/timestamps/expires', { timestamps: { expires: SECRET } }],
    ['/cookies', { cookies: SECRET }],
    ['/cookies/0/sameSite', { cookies: [{ ...FILE.cookies[0], sameSite: SECRET }] }],
    ['/cookies/0/partitionKey', { cookies: [{ ...FILE.cookies[0], partitionKey: SECRET }] }],
    ['/cookies/0/expires', { cookies: [{ ...FILE.cookies[0], expires: SECRET }] }],
    ['/origins/0/origin', { origins: [{ origin: SECRET }] }],
    ['/origins/0/localStorage/0/key', { origins: [{ origin: 'http://a', localStorage: [{ name: SECRET, value: SECRET }] }] }],
    ['/origins/0/sessionStorage', { origins: [{ origin: 'http://a', sessionStorage: { [SECRET]: SECRET } }] }],
    ['/indexedDB/0/origin', { indexedDB: [{ name: SECRET }] }],
    ['/indexedDB/0/version', { indexedDB: [{ origin: 'http://a', name: SECRET, version: 0, objectStores: [] }] }],
    ['/browserContext/permissions', { browserContext: { permissions: { [SECRET]: {} } } }],
    ['/browserContext/permissions', { browserContext: { permissions: { 'http://a': { push: SECRET } } } }],
  ])('%s is refused: case %#', (pointer, change) => {
    expectMalformed(() => read({ protocolVersion: '2.0.0', ...change }), 'PSP 2.0 session', pointer);
  });
});
