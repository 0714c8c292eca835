/** Documents of both versions to change from one to the other, by hand; any documents are in `upgrade-arbitrary.ts`. */
import { TEXT_MEDIA_TYPE } from '../../ts/session/session.ts';
import { type Conversion, documentsFor, type JsonObject, type SessionDocuments, type TextReader } from '../../ts/session/upgrade.ts';
import { readText } from './upgrade-arbitrary.ts';

/** Free text that no report and no message may hold. */
export const SECRET = 'hunter2';

/** To version 2.0. */
export const up = async ({ header, state }: SessionDocuments, texts: TextReader = readText): Promise<Conversion> =>
  documentsFor('2.0', header, state, texts);

/** To version 1.0. */
export const down = async ({ header, state }: SessionDocuments, texts: TextReader = readText): Promise<Conversion> =>
  documentsFor('1.0', header, state, texts);

/** What both versions have, and nothing else. */
export function minimal(psp: string): SessionDocuments {
  const time = '2026-01-01T00:00:00.000Z';
  return {
    header: {
      ...{ psp, id: 'an id', incarnation: '1', revision: 0, createdAt: time, updatedAt: time, source: { tool: 'cdp' } },
      ...{ state: { length: 2, sha256: 'a'.repeat(64) }, sections: [] },
    },
    state: { coverage: { cookies: 'complete', tabs: 'complete', storage: [] }, cookies: [], storage: [], tabs: [] },
  };
}

/** {@link minimal} with these members of its state. */
export function withState(psp: string, members: object): SessionDocuments {
  const { header, state } = minimal(psp);
  return { header, state: { ...state, ...members } };
}

/** A cookie that both versions take. */
export function cookie(): JsonObject {
  return {
    ...{ name: 'sid', value: SECRET, domain: 'app.example', hostOnly: true, path: '/', secure: true, httpOnly: true },
    ...{ sameSite: 'lax', expiresAt: null, partitionKey: null },
  };
}

/** The texts of {@link rich}. */
export const richText: TextReader = async (id) => (id === 's1' ? '\ud800 text' : null);

/** Something of everything that 1.0 cannot hold. */
export function rich(): SessionDocuments {
  const { header, state } = minimal('2.0');
  const key = { origin: 'https://app.example', topLevelSite: null };
  const bucket = { ...key, bucket: 'inbox' };
  const bytes = { kind: 'text', mediaType: TEXT_MEDIA_TYPE, offset: 0, length: 0, rawLength: 0, sha256: '0'.repeat(64) };
  return {
    header: {
      ...header,
      tags: [SECRET],
      sections: [
        { id: 's0', ...bytes },
        { id: 's1', ...bytes, where: 'inline' },
      ],
    },
    state: {
      ...state,
      coverage: {
        ...(state['coverage'] as JsonObject),
        permissions: 'complete',
        storage: [{ key: bucket, localStorage: 'complete', indexedDB: 'complete', caches: 'complete' }],
      },
      cookies: [{ ...cookie(), createdAt: '2026-01-01T00:00:00.000Z' }],
      storage: [
        { key: bucket, localStorage: [['k', { $section: 's9' }]], indexedDB: [] },
        { key, localStorage: [['k', { $section: 's1' }]], indexedDB: [], caches: [{ name: SECRET, entries: [] }], serviceWorkers: [] },
      ],
      tabs: [{ id: 't', url: 'https://app.example/', windowName: 'unvisited', sessionStorage: [] }],
      permissions: [{ origin: 'https://app.example', name: 'camera', state: 'granted' }],
      credentials: [],
      ttl: [{ target: { pointer: '' }, idleMs: 1 }],
      mergeState: { $section: 's0' },
    },
  };
}
