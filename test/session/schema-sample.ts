/** Valid documents of each schema version, with every member that it knows, for the walk of `schema-walk.ts`. */

/** Free text that no message may hold. */
export const SECRET = 'S3CRET';
const TIME = '2026-01-02T03:04:05.006Z';
export const SHA256 = '0123456789abcdef'.repeat(4);
const KEY = { origin: 'https://app.example', topLevelSite: 'https://top.example' };

/** Valid, with every member that the schema knows and at least one of everything; secrets wherever text is free, in values and in unknown names. */
export const HEADER_1: Readonly<Record<string, unknown>> = {
  psp: '1.0',
  id: `${SECRET}-id`,
  incarnation: SECRET,
  revision: 3,
  name: SECRET,
  createdAt: TIME,
  updatedAt: TIME,
  expiresAt: TIME,
  source: { tool: SECRET, browser: SECRET, [`${SECRET}=1; Path=/`]: SECRET },
  state: { length: 10, sha256: SHA256, [SECRET]: SECRET },
  sections: [{ id: 's0', kind: SECRET, mediaType: SECRET, offset: 0, length: 4, rawLength: 3, sha256: SHA256, [SECRET]: SECRET }],
  [`__Host-sid=${SECRET}`]: SECRET,
};
export const STATE_1: Readonly<Record<string, unknown>> = {
  coverage: {
    cookies: 'complete',
    tabs: 'partial',
    storage: [{ key: KEY, localStorage: 'unvisited', indexedDB: 'complete', [SECRET]: SECRET }],
    [SECRET]: SECRET,
  },
  cookies: [
    {
      name: `__Host-${SECRET}`,
      value: SECRET,
      domain: `${SECRET}.example`,
      hostOnly: true,
      path: `/${SECRET}`,
      secure: true,
      httpOnly: true,
      sameSite: 'lax',
      expiresAt: TIME,
      priority: 'high',
      sourceScheme: 'secure',
      sourcePort: 443,
      partitionKey: { topLevelSite: `https://${SECRET}.example`, hasCrossSiteAncestor: false, [SECRET]: SECRET },
      [`sid=${SECRET}`]: SECRET,
    },
  ],
  storage: [
    {
      key: { ...KEY, origin: `https://${SECRET}.example` },
      localStorage: [[`token-${SECRET}`, SECRET]],
      indexedDB: [
        {
          name: SECRET,
          version: 1,
          stores: [
            {
              name: SECRET,
              keyPath: [SECRET, 'b'],
              autoIncrement: true,
              keyGenerator: 2,
              indexes: [{ name: SECRET, keyPath: SECRET, unique: false, multiEntry: true, [SECRET]: SECRET }],
              recordCount: 1,
              records: { $section: 's0', [SECRET]: SECRET },
              [SECRET]: SECRET,
            },
          ],
          [SECRET]: SECRET,
        },
      ],
      [SECRET]: SECRET,
    },
  ],
  tabs: [
    { id: SECRET, url: `https://app.example/?code=${SECRET}`, sessionStorage: [{ key: KEY, items: [[SECRET, SECRET]] }], [SECRET]: SECRET },
  ],
  [SECRET]: SECRET,
};

const BUCKET = { ...KEY, hasCrossSiteAncestor: true, bucket: 'inbox' };
const REFERENCE = { $section: 's0', [SECRET]: SECRET };
const ORIGIN = 'https://app.example';
const EXTENTS = { localStorage: 'complete', indexedDB: 'partial', caches: 'unvisited', serviceWorkers: 'complete', files: 'complete' };

export const HEADER_2: Readonly<Record<string, unknown>> = {
  ...HEADER_1,
  psp: '2.0',
  tags: [SECRET],
  sections: [
    {
      ...{ id: 's0', kind: SECRET, mediaType: SECRET, offset: 0, length: 4, rawLength: 3, sha256: SHA256, [SECRET]: SECRET },
      ...{ codec: 'gzip', where: 'inline' },
    },
  ],
};

const [STORAGE_1] = STATE_1['storage'] as readonly object[];
const [TAB_1] = STATE_1['tabs'] as readonly object[];
const [COOKIE_1] = STATE_1['cookies'] as readonly object[];

export const STATE_2: Readonly<Record<string, unknown>> = {
  ...STATE_1,
  coverage: {
    ...{ cookies: 'complete', tabs: 'partial', permissions: 'complete', credentials: 'unvisited' },
    storage: [{ key: BUCKET, ...EXTENTS, [SECRET]: SECRET }],
  },
  cookies: [{ ...COOKIE_1, createdAt: TIME }],
  storage: [
    {
      ...STORAGE_1,
      key: BUCKET,
      bucketPolicy: { persisted: true, durability: 'strict', expiresAt: TIME, [SECRET]: SECRET },
      caches: [
        {
          name: SECRET,
          entries: [
            {
              ...{ url: SECRET, method: SECRET, requestHeaders: [[SECRET, SECRET]], status: 200, statusText: SECRET, type: 'basic' },
              ...{ responseHeaders: [[SECRET, SECRET]], body: REFERENCE, [SECRET]: SECRET },
            },
          ],
        },
      ],
      serviceWorkers: [{ scope: SECRET, scriptUrl: SECRET, type: 'module', updateViaCache: 'none', script: REFERENCE, [SECRET]: SECRET }],
      files: [{ path: `a/${SECRET}`, kind: 'file', lastModified: TIME, body: REFERENCE, [SECRET]: SECRET }],
    },
  ],
  tabs: [
    {
      ...TAB_1,
      history: { index: 0, entries: [{ url: SECRET, title: SECRET, state: REFERENCE, [SECRET]: SECRET }] },
      ...{ windowName: SECRET, opener: SECRET },
      sessionStorage: [{ key: BUCKET, items: [[SECRET, SECRET]] }],
    },
  ],
  permissions: [{ origin: ORIGIN, name: SECRET, state: 'granted', embeddingOrigin: ORIGIN, [SECRET]: SECRET }],
  credentials: [
    {
      credentialId: SECRET,
      rpId: SECRET,
      isResidentCredential: true,
      userHandle: SECRET,
      signCount: 1,
      privateKey: REFERENCE,
      [SECRET]: SECRET,
    },
  ],
  ttl: [{ target: { pointer: '/cookies/0', kind: 'cookie', origin: ORIGIN, name: SECRET }, expiresAt: TIME, idleMs: 1, lastTouched: TIME }],
  mergeState: REFERENCE,
};
