/** A session with every member that version 2.0 has and every kind of section, and ways to look at blobs and sessions. */
import { createHash } from 'node:crypto';
import { PspError } from '../../ts/errors.ts';
import { encodeValue } from '../../ts/session/clone/encode.ts';
import { RECORDS_MEDIA_TYPE, RecordWriter } from '../../ts/session/clone/records.ts';
import { sectionsOf } from '../../ts/session/document.ts';
import { type ObjectStore, type Section, type Session, section } from '../../ts/session/session.ts';

export const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
export const textFrom = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
export const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Of text that repeats, so that a codec gains. */
export const PAGE: string = '<!doctype html><title>größe 東京</title>\n'.repeat(12);
/** A threshold for text in sections that keeps the golden files small. */
export const TEXT_UNITS = 32;
/** Above that threshold, with a lone surrogate and NUL. */
export const LONG_TEXT: string = `${'0123456789abcdef'.repeat(4)}\ud800\0`;

function records(...pairs: [unknown, unknown][]): Section {
  const writer = new RecordWriter();
  for (const [key, value] of pairs) writer.add(key, value);
  return section(writer.take(), RECORDS_MEDIA_TYPE);
}

const KEY = { origin: 'https://app.example', topLevelSite: null };
const BUCKET = {
  origin: 'https://app.example',
  topLevelSite: 'https://top.example',
  hasCrossSiteAncestor: true,
  bucket: 'drafts',
} as const;
const STORE: ObjectStore = {
  name: 'notes',
  keyPath: ['a', 'b'],
  autoIncrement: false,
  indexes: [{ name: 'by-title', keyPath: 'title', unique: false, multiEntry: true }],
  recordCount: 2,
  records: records([1, { id: 1, title: 'Größe', tags: ['x', null] }], ['two', new Date(0)]),
};
const page = section(bytesOf(PAGE), 'text/html');

/** Eight sections in ten places: the page stands in a cache and in a file; a text stands twice. */
export const FULL_SESSION: Session = {
  id: 'golden-session',
  incarnation: 'golden-incarnation',
  revision: 3,
  name: 'Every member',
  tags: ['work', 'größe'],
  createdAt: 1_700_000_000_000,
  updatedAt: 1_700_000_000_001,
  expiresAt: 1_800_000_000_000,
  source: { tool: 'test', browser: 'Chrome/156.0.0.0' },
  coverage: {
    cookies: 'complete',
    tabs: 'partial',
    permissions: 'complete',
    credentials: 'unvisited',
    storage: [
      { key: KEY, localStorage: 'complete', indexedDB: 'partial', caches: 'complete', serviceWorkers: 'complete', files: 'complete' },
    ],
  },
  cookies: [
    {
      name: '__Host-sid',
      value: 's%3Aabc',
      domain: 'app.example',
      hostOnly: true,
      path: '/',
      secure: true,
      httpOnly: true,
      sameSite: 'lax',
      expiresAt: 1_767_225_600_000,
      createdAt: 1_700_000_000_000,
      priority: 'high',
      sourceScheme: 'secure',
      sourcePort: 443,
      partitionKey: { topLevelSite: 'https://top.example', hasCrossSiteAncestor: true },
    },
    {
      ...{ name: 'theme', value: '', domain: 'app.example', hostOnly: false, path: '/a', secure: false, httpOnly: false },
      ...{ sameSite: 'unset', expiresAt: null, partitionKey: null },
    },
  ],
  storage: [
    {
      key: KEY,
      localStorage: [
        ['token', 'short'],
        ['state', LONG_TEXT],
        ['empty', ''],
      ],
      indexedDB: [{ name: 'app', version: 3, stores: [STORE] }],
      caches: [
        {
          name: 'v1',
          entries: [
            {
              url: 'https://app.example/',
              method: 'GET',
              requestHeaders: [['accept', 'text/html']],
              status: 200,
              statusText: 'OK',
              type: 'basic',
              responseHeaders: [['content-type', 'text/html']],
              body: page,
            },
            {
              ...{ url: 'https://app.example/empty', method: 'HEAD', requestHeaders: [], status: 204, statusText: '', type: 'opaque' },
              responseHeaders: [],
            },
          ],
        },
      ],
      serviceWorkers: [
        {
          scope: 'https://app.example/',
          scriptUrl: 'https://app.example/sw.js',
          type: 'module',
          updateViaCache: 'none',
          script: section(bytesOf('self.onfetch = null;'), 'text/javascript'),
        },
      ],
      files: [
        { path: 'pages', kind: 'directory' },
        { path: 'pages/index.html', kind: 'file', lastModified: 1_700_000_000_002, body: page },
        { path: 'empty', kind: 'file', body: section(new Uint8Array(0), 'application/octet-stream') },
      ],
    },
    { key: BUCKET, bucketPolicy: { persisted: true, durability: 'strict', expiresAt: null }, localStorage: [], indexedDB: [] },
  ],
  tabs: [
    {
      id: 't1',
      url: 'https://app.example/#b',
      history: {
        index: 1,
        entries: [
          { url: 'https://app.example/', title: 'Start' },
          { url: 'https://app.example/#b', state: section(encodeValue({ step: 2 }).bytes, 'application/vnd.psp.value') },
        ],
      },
      windowName: 'main',
      opener: 't0',
      sessionStorage: [{ key: KEY, items: [['state', LONG_TEXT]] }],
    },
  ],
  permissions: [{ origin: 'https://app.example', name: 'geolocation', state: 'granted', embeddingOrigin: 'https://top.example' }],
  credentials: [
    {
      credentialId: 'AQID',
      rpId: 'app.example',
      isResidentCredential: true,
      userHandle: 'BAUG',
      signCount: 7,
      privateKey: section(
        Uint8Array.from({ length: 48 }, (_, i) => (i * 37) & 255),
        'application/pkcs8',
      ),
    },
  ],
  ttl: [
    { target: { pointer: '/cookies/0' }, expiresAt: 1_750_000_000_000 },
    { target: { kind: 'localStorage', origin: 'https://app.example', name: 'draft*' }, idleMs: 1000, lastTouched: 1_700_000_000_000 },
  ],
  mergeState: section(
    Uint8Array.from({ length: 20 }, (_, i) => i),
    'application/vnd.psp.merge',
  ),
};

/** The session with every section, and every text, as one kind of plain value: equal for sessions that hold the same. Reads every section. */
export async function resolve(session: Session): Promise<unknown> {
  const shown = new Map<Section, unknown>();
  for (const [one, kind] of sectionsOf(session)) {
    const bytes = await one.bytes();
    if (bytes.length !== one.length) throw new Error('a section has another length than it says');
    const text = kind === 'text' ? new TextDecoder('utf-16le', { ignoreBOM: true }).decode(bytes) : null;
    // A lone surrogate would be replaced by that decoder.
    const exact = text !== null && !text.includes('\ufffd') ? text : null;
    shown.set(one, exact ?? (kind === 'text' ? unitsOf(bytes) : { mediaType: one.mediaType, hex: Buffer.from(bytes).toString('hex') }));
  }
  return replace(session, shown);
}

function unitsOf(bytes: Uint8Array): string {
  return Array.from({ length: bytes.length / 2 }, (_, i) => String.fromCharCode((bytes[2 * i] ?? 0) | ((bytes[2 * i + 1] ?? 0) << 8))).join(
    '',
  );
}

function replace(value: unknown, shown: ReadonlyMap<Section, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (shown.has(value as Section)) return shown.get(value as Section);
  if (Array.isArray(value)) return value.map((one) => replace(one, shown));
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, replace(one, shown)]));
}

/** The same objects with their members the other way round. */
export function turnMembers<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || typeof (value as Partial<Section>).bytes === 'function') return value;
  if (Array.isArray(value)) return value.map(turnMembers) as Value;
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([name, one]) => [name, turnMembers(one)])) as Value;
}

/** The error that `work` ends with; fails when it is not ours. */
export async function failureOf(work: Promise<unknown>): Promise<PspError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof PspError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

/** Reads every section of a session. */
export async function readAll(session: Session): Promise<void> {
  for (const one of sectionsOf(session).keys()) await one.bytes();
}
