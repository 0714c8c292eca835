/**
 * Session <-> its two JSON documents, header and state: times become RFC 3339, sections become references. Pure mapping; the schema says
 * what the documents look like, and nothing here judges values.
 */
import { type Cookie, type Database, type ObjectStore, SCHEMA_VERSION, type Section, type Session } from './session.ts';
import { invalid } from './validate.ts';

/** What the header says of the state line. */
export interface StateEntry {
  readonly length: number;
  readonly sha256: string;
}

/** What the header says of one section. */
export interface SectionEntry {
  readonly id: string;
  readonly kind: string;
  readonly mediaType: string;
  readonly offset: number;
  readonly length: number;
  readonly rawLength: number;
  readonly sha256: string;
}

/** The header document. */
export interface HeaderDocument {
  readonly psp: string;
  readonly id: string;
  readonly incarnation: string;
  readonly revision: number;
  readonly name?: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly expiresAt?: string;
  readonly source: Session['source'];
  readonly state: StateEntry;
  readonly sections: readonly SectionEntry[];
}

/** The state document. */
export interface StateDocument {
  readonly coverage: Session['coverage'];
  readonly cookies: readonly (Omit<Cookie, 'expiresAt'> & { readonly expiresAt: string | null })[];
  readonly storage: readonly (Omit<Session['storage'][number], 'indexedDB'> & { readonly indexedDB: readonly DatabaseDocument[] })[];
  readonly tabs: Session['tabs'];
}

type DatabaseDocument = Omit<Database, 'stores'> & { readonly stores: readonly StoreDocument[] };
type StoreDocument = Omit<ObjectStore, 'records'> & { readonly records?: SectionReference };

/** Points from the state to a section. */
export interface SectionReference {
  readonly $section: string;
}

/** The header document of `session`, for a state and sections that are laid out already. Member order is fixed. */
export function toHeader(session: Session, state: StateEntry, sections: readonly SectionEntry[]): HeaderDocument {
  return {
    psp: SCHEMA_VERSION,
    id: session.id,
    incarnation: session.incarnation,
    revision: session.revision,
    ...(session.name === undefined ? {} : { name: session.name }),
    createdAt: toTime(session.createdAt, 'header', '/createdAt'),
    updatedAt: toTime(session.updatedAt, 'header', '/updatedAt'),
    ...(session.expiresAt === undefined ? {} : { expiresAt: toTime(session.expiresAt, 'header', '/expiresAt') }),
    source: session.source,
    state,
    sections,
  };
}

/** The state document of `session`. `refer` gives the reference that stands for a section. */
export function toState(session: Session, refer: (section: Section) => SectionReference): StateDocument {
  return {
    coverage: session.coverage,
    cookies: session.cookies.map((cookie, i) => ({
      ...cookie,
      expiresAt: cookie.expiresAt === null ? null : toTime(cookie.expiresAt, 'state', `/cookies/${i}/expiresAt`),
    })),
    storage: session.storage.map(({ key, localStorage, indexedDB }) => ({
      key,
      localStorage,
      indexedDB: indexedDB.map(({ name, version, stores }) => ({
        name,
        version,
        stores: stores.map(({ records, ...store }) => ({ ...store, ...(records === undefined ? {} : { records: refer(records) }) })),
      })),
    })),
    tabs: session.tabs,
  };
}

/** The Session of two documents that passed the schema. `resolve` gives the section that a reference names. */
export function fromDocuments(
  header: HeaderDocument,
  state: StateDocument,
  resolve: (reference: SectionReference, pointer: string) => Section,
): Session {
  return {
    id: header.id,
    incarnation: header.incarnation,
    revision: header.revision,
    ...(header.name === undefined ? {} : { name: header.name }),
    createdAt: fromTime(header.createdAt, 'header', '/createdAt'),
    updatedAt: fromTime(header.updatedAt, 'header', '/updatedAt'),
    ...(header.expiresAt === undefined ? {} : { expiresAt: fromTime(header.expiresAt, 'header', '/expiresAt') }),
    source: header.source,
    coverage: state.coverage,
    cookies: state.cookies.map((cookie, i) => ({
      ...cookie,
      expiresAt: cookie.expiresAt === null ? null : fromTime(cookie.expiresAt, 'state', `/cookies/${i}/expiresAt`),
    })),
    storage: state.storage.map(({ key, localStorage, indexedDB }, o) => ({
      key,
      localStorage,
      indexedDB: indexedDB.map(({ name, version, stores }, d) => ({
        name,
        version,
        stores: stores.map(({ records, ...store }, s) => ({
          ...store,
          ...(records === undefined ? {} : { records: resolve(records, `/storage/${o}/indexedDB/${d}/stores/${s}/records`) }),
        })),
      })),
    })),
    tabs: state.tabs,
  };
}

type Part = 'header' | 'state';

/** Years above 9999 and fractions of a millisecond have no place in the form. */
function toTime(ms: number, part: Part, pointer: string): string {
  if (!Number.isInteger(ms) || ms < 0 || ms > 253_402_300_799_999)
    throw invalid(part, pointer, 'time: integer milliseconds from 1970 to 9999');
  return new Date(ms).toISOString();
}

/** The schema checked the form; only the calendar is left: 30 February reads as another day. */
function fromTime(text: string, part: Part, pointer: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms) || ms < 0 || new Date(ms).toISOString() !== text)
    throw invalid(part, pointer, 'time: a day of the calendar from 1970 on');
  return ms;
}
