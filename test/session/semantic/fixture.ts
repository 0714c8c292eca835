/** A valid header and state of version 2.0 to break, and what was found in them. Secrets stand wherever text is free. */
import type { Issue } from '../../../ts/session/issue.ts';
import { type ValidateOptions, validateDocument } from '../../../ts/session/validate.ts';

/** Free text that no message may hold. */
export const SECRET = 'S3CRET';
export const TIME = '2026-01-02T03:04:05.006Z';
export const NOW: number = Date.parse('2026-02-01T00:00:00.000Z');
const KEY = { origin: 'https://app.example', topLevelSite: null };
const SHA256 = '0123456789abcdef'.repeat(4);

export const COOKIE: Readonly<Record<string, unknown>> = {
  ...{ name: `sid-${SECRET}`, value: SECRET, domain: 'app.example', hostOnly: true, path: '/', secure: true, httpOnly: true },
  ...{ sameSite: 'lax', expiresAt: '2026-03-01T00:00:00.000Z', partitionKey: null },
};

export const STORE: Readonly<Record<string, unknown>> = {
  ...{ name: SECRET, keyPath: 'id', autoIncrement: true, keyGenerator: 2, recordCount: 0 },
  indexes: [{ name: SECRET, keyPath: 'a.b', unique: true, multiEntry: false }],
};

export const HEADER: Readonly<Record<string, unknown>> = {
  ...{ psp: '2.0', id: SECRET, incarnation: SECRET, revision: 0, name: SECRET, tags: [SECRET], createdAt: TIME, updatedAt: TIME },
  ...{ expiresAt: '2027-01-01T00:00:00.000Z', source: { tool: SECRET }, state: { length: 1, sha256: SHA256 } },
  sections: [{ id: 's0', kind: 'text', mediaType: 'text/plain;charset=utf-16le', offset: 0, length: 4, rawLength: 2, sha256: SHA256 }],
};

export const STATE: Readonly<Record<string, unknown>> = {
  coverage: { cookies: 'complete', tabs: 'complete', storage: [{ key: KEY, localStorage: 'complete', indexedDB: 'complete' }] },
  cookies: [COOKIE],
  storage: [
    {
      key: { ...KEY, bucket: 'inbox' },
      bucketPolicy: { persisted: true, durability: 'strict', expiresAt: null },
      localStorage: [
        [SECRET, SECRET],
        ['long', { $section: 's0' }],
      ],
      indexedDB: [{ name: SECRET, version: 1, stores: [STORE] }],
      caches: [{ name: SECRET, entries: [] }],
      serviceWorkers: [{ scope: 'https://app.example/', scriptUrl: 'https://app.example/sw.js', type: 'module', updateViaCache: 'none' }],
      files: [
        { path: 'a', kind: 'directory' },
        { path: `a/${SECRET}`, kind: 'file', lastModified: TIME },
      ],
    },
  ],
  tabs: [
    {
      ...{ id: 'tab', url: `https://app.example/${SECRET}`, history: { index: 0, entries: [{ url: SECRET }] } },
      sessionStorage: [{ key: KEY, items: [[SECRET, SECRET]] }],
    },
  ],
  permissions: [{ origin: 'https://app.example', name: 'geolocation', state: 'granted' }],
  credentials: [],
  ttl: [{ target: { pointer: '/cookies/0' }, expiresAt: '2026-06-01T00:00:00.000Z', idleMs: 5, lastTouched: TIME }],
};

/** Sets what is at a JSON Pointer of a copy; undefined takes it away, and an index at the end of an array appends. */
export function set(document: unknown, pointer: string, value: unknown): unknown {
  // By way of JSON: parts that the fixture shares are apart in a copy.
  const copy: unknown = JSON.parse(JSON.stringify(document));
  const names = pointer.split('/').slice(1);
  const last = names.pop() as string;
  let at = copy as Record<string, unknown>;
  for (const name of names) at = at[name] as Record<string, unknown>;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

/** The issues of the fixture with these changes, as `severity code pointer`, without those that say that a section is not used. */
export function found(changes: Readonly<Record<string, unknown>>, options: ValidateOptions = { now: NOW }): string[] {
  return issuesOf(changes, options)
    .filter(({ code }) => code !== 'section-unused')
    .map(({ severity, code, pointer }) => `${severity} ${code} ${pointer}`);
}

/** The issues themselves. */
export function issuesOf(changes: Readonly<Record<string, unknown>>, options: ValidateOptions = { now: NOW }): Issue[] {
  let header: unknown = HEADER;
  let state: unknown = STATE;
  for (const [pointer, value] of Object.entries(changes)) {
    const [, first = ''] = pointer.split('/');
    if (first in STATE || first === 'mergeState') state = set(state, pointer, value);
    else header = set(header, pointer, value);
  }
  return validateDocument(header, state, options);
}
