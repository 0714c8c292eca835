/** A small session, its text blob line by line, and what refuses one. */
import { decodeSession } from '../../ts/blob/decode.ts';
import type { PspError } from '../../ts/errors.ts';
import { RECORDS_MEDIA_TYPE } from '../../ts/session/clone/records.ts';
import { type Cookie, type ObjectStore, type Section, type Session, section } from '../../ts/session/session.ts';
import { PLAIN_COOKIE } from '../session/plain-cookie.ts';
import { bytesOf, failureOf, sha256, textFrom } from './fixture.ts';

/** Planted in names and values: no message and no header may hold it. */
export const SECRET = 'S3CRET';
export const KEY = { origin: 'https://app.example', topLevelSite: null };
export const COOKIE: Cookie = { ...PLAIN_COOKIE, name: `__Host-${SECRET}`, value: SECRET, expiresAt: 1_767_225_600_000 };

/** A store of the schema that all of these have. */
export function store(name: string, records?: Section): ObjectStore {
  const schema = { name, keyPath: null, autoIncrement: false, indexes: [], recordCount: records === undefined ? 0 : 1 };
  return records === undefined ? schema : { ...schema, records };
}

/** A section of records; what is in it does not matter to a blob. */
export const records = (content: string): Section => section(bytesOf(content), RECORDS_MEDIA_TYPE);

/** Three sections in four stores: the second and the fourth have the same content. */
export const SESSION: Session = {
  id: 'session-1',
  incarnation: 'incarnation-1',
  revision: 7,
  name: 'Work',
  createdAt: 1_700_000_000_000,
  updatedAt: 1_700_000_000_001,
  expiresAt: 1_800_000_000_000,
  source: { tool: 'test', browser: 'Chrome/156.0.0.0' },
  coverage: { cookies: 'complete', tabs: 'complete', storage: [{ key: KEY, localStorage: 'complete', indexedDB: 'partial' }] },
  cookies: [COOKIE, { ...COOKIE, name: 'b', expiresAt: null }],
  storage: [
    {
      key: KEY,
      localStorage: [[`token-${SECRET}`, SECRET]],
      indexedDB: [
        {
          name: 'db',
          version: 1,
          stores: [
            store('a', records(`a-${SECRET}`)),
            store('b', records('shared')),
            store('c', records('')),
            store('d', records('shared')),
          ],
        },
      ],
    },
  ],
  tabs: [{ id: 't1', url: `https://app.example/?code=${SECRET}`, sessionStorage: [{ key: KEY, items: [[SECRET, SECRET]] }] }],
};

/** Line 1, as far as tests change it. */
export interface HeaderLine {
  psp: string;
  state: { length: number; sha256: string };
  sections: {
    id: string;
    kind: string;
    mediaType: string;
    offset: number;
    length: number;
    rawLength: number;
    sha256: string;
  }[];
  [member: string]: unknown;
}
/** Line 2. */
export type State = Record<string, unknown>;

/** The lines of a blob, read by nothing but layout.md. */
export function linesOf(blob: Uint8Array): { header: HeaderLine; state: State; lines: string[] } {
  const lines = textFrom(blob).split('\n');
  return { header: JSON.parse(lines[0] ?? '') as HeaderLine, state: JSON.parse(lines[1] ?? '') as State, lines };
}

/** The blob with other documents; the lengths and the hash of the state are made right again unless `header` changes them after that. */
export function rewrite(blob: Uint8Array, change: { state?: (state: State) => void; header?: (header: HeaderLine) => void }): Uint8Array {
  const { header, state, lines } = linesOf(blob);
  change.state?.(state);
  lines[1] = JSON.stringify(state);
  header.state = { length: Buffer.byteLength(lines[1]), sha256: sha256(lines[1]) };
  change.header?.(header);
  lines[0] = JSON.stringify(header);
  return bytesOf(lines.join('\n'));
}

/** What `decodeSession` rejects with. */
export const refusal = (blob: Uint8Array): Promise<PspError> => failureOf(decodeSession(blob));

/** The sections of all stores, in order. */
export function sectionsOf(from: Session): Section[] {
  const stores = from.storage.flatMap(({ indexedDB }) => indexedDB.flatMap((database) => database.stores));
  return stores.flatMap((one) => (one.records === undefined ? [] : [one.records]));
}

/** Makes the `at`th store of the first database point to `id`. */
export function setReference(state: State, at: number, id: string): void {
  const path = ['storage', 0, 'indexedDB', 0, 'stores', at, 'records'];
  const reference = path.reduce<unknown>((inner, name) => (inner as Record<string | number, unknown>)[name], state);
  Object.assign(reference as object, { $section: id });
}
