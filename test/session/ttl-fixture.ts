/** One session with every kind of member. Every value in it holds {@link SECRET}; so do the parts of addresses that may be secret. */
import { type Cookie, type Section, type Session, type StorageKey, section } from '../../ts/session/session.ts';
import { PLAIN_COOKIE } from './plain-cookie.ts';

export const SECRET = 'planted-secret';

const KEY: StorageKey = { origin: 'https://app.example', topLevelSite: null };

const COOKIE: Cookie = { ...PLAIN_COOKIE, name: 'token', value: SECRET, expiresAt: 1000 };

const body: Section = section(new TextEncoder().encode(SECRET), 'application/octet-stream');

/** Expires nowhere but in its first cookie, at 1000. */
export const SESSION: Session = {
  id: 'session-1',
  incarnation: 'incarnation-1',
  revision: 0,
  createdAt: 0,
  updatedAt: 0,
  source: { tool: 'test' },
  coverage: { cookies: 'complete', tabs: 'complete', storage: [{ key: KEY, localStorage: 'complete', indexedDB: 'complete' }] },
  cookies: [COOKIE, { ...COOKIE, name: 'sid', hostOnly: false, expiresAt: null }],
  storage: [
    {
      key: KEY,
      localStorage: [
        ['theme', SECRET],
        ['nonce', SECRET],
      ],
      indexedDB: [{ name: 'db', version: 1, stores: [] }],
      caches: [
        {
          name: 'v1',
          entries: [
            {
              url: `https://app.example/${SECRET}`,
              method: 'GET',
              requestHeaders: [],
              status: 200,
              statusText: 'OK',
              type: 'basic',
              responseHeaders: [['set-cookie', SECRET]],
              body,
            },
          ],
        },
      ],
      serviceWorkers: [
        { scope: `https://app.example/${SECRET}`, scriptUrl: 'https://app.example/w.js', type: 'classic', updateViaCache: 'all' },
      ],
      files: [
        { path: 'logs', kind: 'directory' },
        { path: 'logs/deep/a', kind: 'file', body },
        { path: 'logs-not', kind: 'file', body },
      ],
    },
  ],
  tabs: [
    {
      id: 'tab-1',
      url: `https://app.example/path?token=${SECRET}#${SECRET}`,
      windowName: SECRET,
      sessionStorage: [{ key: KEY, items: [['draft', SECRET]] }],
    },
    { id: 'tab-2', url: `about:${SECRET}`, sessionStorage: [] },
  ],
  permissions: [{ origin: 'https://app.example', name: 'geolocation', state: 'granted' }],
  credentials: [{ credentialId: SECRET, rpId: 'app.example', isResidentCredential: true, signCount: 1, privateKey: body }],
};
