/** What of a session can be read in a file of sealed fields, and what cannot: one planted text for each member of the documents. */

import { describe, expect, it } from 'vitest';
import type { Session } from '../../ts/session/session.ts';
import { section } from '../../ts/session/session.ts';
import { openFields, sealFields } from '../../ts/store/field-file.ts';
import { readablePart } from '../../ts/store/field-walk.ts';
import { bytesOf } from '../blob/fixture.ts';
import { flatten } from '../session/arbitrary.ts';
import { CONTEXT, cookieOf, KEY, textOfFile } from './field-fixture.ts';

const KEY_OF = { origin: 'https://seen-origin.example', topLevelSite: 'https://seen-top.example', bucket: 'seen-bucket' };
const hidden = (name: string): string => `hidden-${name}-0123456789`;
const body = (name: string): Session['mergeState'] & object => section(bytesOf(hidden(name)), 'application/seen-type');

/** Every member has its text: `seen-` where it stays readable, `hidden-` where it is sealed. */
const PLANTED = {
  ...{ id: 'seen-id', incarnation: 'seen-incarnation', revision: 1, name: 'seen-name', tags: ['seen-tag'], createdAt: 0, updatedAt: 0 },
  source: { tool: 'seen-tool', browser: 'seen-browser', later: hidden('source-later') },
  $header: { seenHeader: hidden('header') },
  coverage: { cookies: 'complete', tabs: 'complete', storage: [{ key: KEY_OF, localStorage: 'partial', indexedDB: 'partial' }] },
  cookies: [
    {
      ...cookieOf('seen-cookie', hidden('cookie'), { domain: 'seen-domain.example', path: '/seen-path' }),
      partitionKey: { topLevelSite: 'https://seen-partition.example', hasCrossSiteAncestor: false, seenLater: hidden('partition-later') },
    },
  ],
  storage: [
    {
      key: KEY_OF,
      bucketPolicy: { persisted: true, durability: 'strict', expiresAt: null },
      localStorage: [
        ['seen-item', hidden('item')],
        [
          'seen-long-item',
          section(new Uint8Array(Buffer.from(hidden('long-item').repeat(1000), 'utf16le')), 'text/plain;charset=utf-16le'),
        ],
      ],
      indexedDB: [
        {
          ...{ name: 'seen-database', version: 1 },
          stores: [
            {
              ...{ name: 'seen-store', keyPath: 'seen-key-path', autoIncrement: false, recordCount: 1, records: body('records') },
              indexes: [{ name: 'seen-index', keyPath: ['seen-index-path'], unique: false, multiEntry: false }],
            },
          ],
        },
      ],
      caches: [
        {
          name: 'seen-cache',
          entries: [
            {
              ...{ url: `https://seen-cdn.example/seen-asset?${hidden('query')}#${hidden('fragment')}`, method: 'GET', status: 200 },
              ...{ statusText: 'seen-status', type: 'basic', body: body('response') },
              requestHeaders: [['seen-request-header', hidden('request-header')]],
              responseHeaders: [['seen-response-header', hidden('response-header')]],
            },
          ],
        },
      ],
      serviceWorkers: [
        {
          ...{ scope: 'https://seen-origin.example/seen-scope', scriptUrl: 'https://seen-origin.example/seen-script.js', type: 'classic' },
          ...{ updateViaCache: 'none', script: body('script') },
        },
      ],
      files: [{ path: 'seen-file', kind: 'file', lastModified: 0, body: body('file') }],
    },
  ],
  tabs: [
    {
      ...{ id: 'seen-tab', url: `https://seen-tab.example/${hidden('tab-path')}`, windowName: hidden('window'), opener: 'seen-opener' },
      history: { index: 0, entries: [{ url: `about:${hidden('history')}`, title: hidden('title'), state: body('state') }] },
      sessionStorage: [{ key: KEY_OF, items: [['seen-tab-item', hidden('tab-item')]] }],
    },
  ],
  permissions: [
    { origin: 'https://seen-origin.example', name: 'seen-permission', state: 'granted', seenLater: hidden('permission-later') },
  ],
  credentials: [
    {
      ...{ credentialId: 'seen-credential', rpId: 'seen-rp.example', isResidentCredential: true, signCount: 1 },
      ...{ userHandle: hidden('user'), privateKey: body('key') },
    },
  ],
  ttl: [{ target: { kind: 'cookie', name: 'seen-rule' }, expiresAt: 0 }],
  mergeState: body('merge'),
  seenLater: [{ seenDeep: [hidden('later'), body('later-section'), null] }],
} as unknown as Session;

const PLANTED_TEXTS = /(seen|hidden)-[a-z-]*[a-z]/g;
const FILE = await sealFields(PLANTED, KEY, CONTEXT);
const TEXT = textOfFile(FILE);

/** The bytes of `secret` as they could show in text: as they are, in hex, in Base64 from each of three starts, in UTF-16. */
function spellingsOf(secret: string): string[] {
  const wide = Buffer.from(secret, 'utf16le');
  return [Buffer.from(secret), wide].flatMap((bytes) => [
    bytes.toString('latin1'),
    bytes.toString('hex'),
    ...[0, 1, 2].map((start) => bytes.subarray(start, start + 12).toString('base64')),
  ]);
}

/** What stands in the session, sections included. */
async function plantedIn(session: Session): Promise<Set<string>> {
  const flat = JSON.stringify(await flatten(session));
  const texts = [...flat.matchAll(/"hex":"([0-9a-f]*)"/g)].map(([, hex]) => {
    const bytes = Buffer.from(hex!, 'hex');
    return bytes[1] === 0 ? bytes.toString('utf16le') : bytes.toString('latin1');
  });
  return new Set([...`${flat}${texts.join(' ')}`.matchAll(PLANTED_TEXTS)].map(([text]) => text));
}

describe('a file of sealed fields', () => {
  it('shows every planted text that may be seen, and no other, in any spelling', async () => {
    const planted = [...(await plantedIn(PLANTED))];
    const secrets = planted.filter((text) => text.startsWith('hidden-'));
    expect(secrets).toHaveLength(26);
    expect(planted.filter((text) => !TEXT.includes(text))).toEqual(secrets);
    for (const secret of secrets) {
      for (const spelling of spellingsOf(secret)) expect(TEXT).not.toContain(spelling);
    }
    expect(await flatten(await openFields(FILE, KEY, CONTEXT))).toEqual(await flatten(PLANTED));
  });

  it('shows the names of members that are not known', () => {
    for (const name of ['seenHeader', 'seenLater', 'seenDeep']) expect(TEXT).toContain(`"${name}":`);
  });
});

describe('the readable part of a URL', () => {
  it.each([
    ['https://app.example/inbox?q=1#2', 'https://app.example', 'https://app.example/inbox'],
    ['https://app.example:8443', 'https://app.example:8443', 'https://app.example:8443'],
    ['http://[::1]:8080/a', 'http://[::1]:8080', 'http://[::1]:8080/a'],
    ['https://user:password@app.example/a', '', ''],
    ['https://token@app.example/a', '', ''],
    ['https://HOST.example/a', '', 'https://HOST.example/a'],
    ['about:blank', '', ''],
    ['data:text/html,secret', '', ''],
    ['blob:https://app.example/1234', '', ''],
    ['javascript:secret', '', ''],
    ['no URL at all', '', ''],
    ['', '', ''],
  ])('%s', (url, address, request) => {
    expect(readablePart(url, 'address')).toBe(address);
    expect(readablePart(url, 'request')).toBe(request);
    expect(readablePart(url, 'value')).toBe('');
  });
});
