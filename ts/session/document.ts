/**
 * Session <-> its two JSON documents, header and state: times become RFC 3339, sections become references. Pure mapping; the schema says what the
 * documents look like, and nothing here judges values. One table (below) names every object's members in the order in which they are written,
 * whatever the order in the objects given. Members that it does not know are kept, after the known ones, sorted by name.
 */
import { toPointer } from './pointer.ts';
import { SCHEMA_VERSION, type Section, type Session } from './session.ts';
import { isTime, parseTime } from './time.ts';
import { invalid } from './validate.ts';

/** What the header says of the state. */
export interface StateEntry {
  readonly length: number;
  readonly sha256: string;
}

/** What the header says of one section. */
export interface SectionEntry {
  readonly id: string;
  readonly kind: string;
  readonly mediaType: string;
  /** Of what stands in the framing: a line of Base64, or bytes. */
  readonly offset: number;
  readonly length: number;
  /** Of the content, before a codec. */
  readonly rawLength: number;
  readonly sha256: string;
  readonly codec?: string;
  readonly where?: string;
}

/** What the bytes of a section are: `body` is of a response, a script or a file; `value` one structured-clone value. */
export type SectionKind = 'records' | 'text' | 'body' | 'value' | 'key' | 'merge';

/** The header document. */
export interface HeaderDocument {
  readonly psp: string;
  readonly id: string;
  readonly incarnation: string;
  readonly revision: number;
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly expiresAt?: string;
  readonly source: Session['source'];
  readonly state: StateEntry;
  readonly sections: readonly SectionEntry[];
}

type StateMember = 'coverage' | 'cookies' | 'storage' | 'tabs' | 'permissions' | 'credentials' | 'ttl' | 'mergeState';

/** The state document: these members of a Session, with times as text and sections as references. */
export type StateDocument = { readonly [Member in StateMember & keyof Session]: Documented<Session[Member]> };

type Documented<Value> = Value extends Section
  ? SectionReference
  : Value extends readonly unknown[] | object
    ? { readonly [Member in keyof Value]: Member extends TimeMember ? Exclude<Value[Member], number> | string : Documented<Value[Member]> }
    : Value;
type TimeMember = 'createdAt' | 'expiresAt' | 'lastModified' | 'lastTouched';

/** Points from the state to a section. */
export interface SectionReference {
  readonly $section: string;
}

/** What stands in the state for the content of sections. */
export interface Referrer {
  /** `kind` is null for a section in a member that this version does not know. */
  section(section: Section, kind: SectionKind | null): SectionReference;
  /** A value of web storage: as it is, or in a section. */
  text(value: string): string | SectionReference;
}

/** Gives the section that a reference names; `kind` is null in a member that this version does not know. */
export type Resolver = (reference: SectionReference, pointer: string, kind: SectionKind | null) => Section;

/** The header document of `session`, for a state and sections that are laid out already. */
export function toHeader(session: Session, state: StateEntry, sections: readonly SectionEntry[]): HeaderDocument {
  const kept = (session as { [HEADER_MEMBERS]?: object })[HEADER_MEMBERS];
  const from = { ...kept, ...pick(session, SESSION_HEADER), psp: SCHEMA_VERSION, state, sections };
  return HEADER(from, writing('header', NO_SECTIONS)) as HeaderDocument;
}

/** The state document of `session`, with what `refer` gives in the place of sections and long text. */
export function toState(session: Session, refer: Referrer): StateDocument {
  return STATE(without(session, NOT_OF_STATE), writing('state', refer)) as StateDocument;
}

/** Every section of a session, once, with what it is, in the order of the state document. Reads none. */
export function sectionsOf(session: Session): ReadonlyMap<Section, SectionKind | null> {
  const sections = new Map<Section, SectionKind | null>();
  const nowhere = { $section: '' };
  const section = (found: Section, kind: SectionKind | null): SectionReference => {
    sections.set(found, kind);
    return nowhere;
  };
  toState(session, { section, text: (value) => value });
  return sections;
}

/**
 * The Session of two documents that passed the schema. Members of the header that are not known come back as members of the Session's member
 * `$header`, those of the state as members of the Session itself; both are written where they came from.
 */
export function fromDocuments(header: HeaderDocument, state: StateDocument, resolve: Resolver): Session {
  const fromHeader = HEADER(header, reading('header', resolve)) as object;
  const kept = without(fromHeader, HEADER_NAMES);
  return {
    ...pick(fromHeader, SESSION_HEADER),
    // Nothing in the state may pass for a member of the header.
    ...without(STATE(state, reading('state', resolve)) as object, NOT_OF_STATE),
    ...(Object.keys(kept).length === 0 ? {} : { [HEADER_MEMBERS]: kept }),
  } as Session;
}

const HEADER_MEMBERS = '$header';

/** One direction of the mapping. `path` is where it is at work. */
interface Direction {
  readonly path: (string | number)[];
  time(value: unknown): unknown;
  section(value: unknown, kind: SectionKind | null): unknown;
  text(value: unknown): unknown;
  /** Whether a value in a member that is not known stands for a section. */
  isSection(value: object): boolean;
}

type Shape = (value: unknown, to: Direction) => unknown;

const plain: Shape = (value) => value;
const time: Shape = (value, to) => to.time(value);
const timeOrNull: Shape = (value, to) => (value === null ? null : to.time(value));
const text: Shape = (value, to) => to.text(value);
const section =
  (kind: SectionKind): Shape =>
  (value, to) =>
    to.section(value, kind);

const list =
  (item: Shape): Shape =>
  (value, to) =>
    Array.isArray(value) ? value.map((one, at) => inside(at, item, one, to)) : value;

const pair =
  (second: Shape): Shape =>
  (value, to) => {
    if (!Array.isArray(value) || value.length !== 2) return value;
    const mapped = inside(1, second, value[1], to);
    // A session has thousands of items, and nearly all stay as they are.
    return mapped === value[1] ? value : [value[0], mapped];
  };

function object(members: Readonly<Record<string, Shape>>): Shape {
  const known = Object.entries(members);
  return (value, to) => {
    // What is no object breaks the schema, which names the place.
    if (!isObject(value)) return value;
    const result: Record<string, unknown> = {};
    let found = 0;
    for (const [name, shape] of known) {
      const member = value[name];
      if (member === undefined) continue;
      result[name] = shape === plain ? member : inside(name, shape, member, to);
      found++;
    }
    if (found !== Object.keys(value).length) addUnknown(value, members, result, to);
    return result;
  };
}

const extents = { localStorage: plain, indexedDB: plain, caches: plain, serviceWorkers: plain, files: plain };
const key = object({ origin: plain, topLevelSite: plain, hasCrossSiteAncestor: plain, bucket: plain });
const items = list(pair(text));
const index = object({ name: plain, keyPath: plain, unique: plain, multiEntry: plain });

const SOURCE = object({ tool: plain, browser: plain });

const SECTION = object({
  ...{
    id: plain,
    kind: plain,
    mediaType: plain,
    offset: plain,
    length: plain,
    rawLength: plain,
    sha256: plain,
    codec: plain,
    where: plain,
  },
});

const HEADER_MEMBER_SHAPES = {
  ...{ psp: plain, id: plain, incarnation: plain, revision: plain, name: plain, tags: plain },
  ...{ createdAt: time, updatedAt: time, expiresAt: time, source: SOURCE },
  state: object({ length: plain, sha256: plain }),
  sections: list(SECTION),
};
const HEADER = object(HEADER_MEMBER_SHAPES);
const HEADER_NAMES: ReadonlySet<string> = new Set(Object.keys(HEADER_MEMBER_SHAPES));
/** Those of the header's members that are also the Session's. */
const SESSION_HEADER: ReadonlySet<string> = new Set([...HEADER_NAMES].filter((name) => !['psp', 'state', 'sections'].includes(name)));

const NOT_OF_STATE: ReadonlySet<string> = new Set([...SESSION_HEADER, HEADER_MEMBERS]);

const COOKIE = object({
  ...{ name: plain, value: plain, domain: plain, hostOnly: plain, path: plain, secure: plain, httpOnly: plain, sameSite: plain },
  ...{ expiresAt: timeOrNull, createdAt: time, priority: plain, sourceScheme: plain, sourcePort: plain },
  partitionKey: object({ topLevelSite: plain, hasCrossSiteAncestor: plain }),
});

const DATABASE = object({
  name: plain,
  version: plain,
  stores: list(
    object({
      ...{ name: plain, keyPath: plain, autoIncrement: plain, keyGenerator: plain, indexes: list(index), recordCount: plain },
      records: section('records'),
    }),
  ),
});

const CACHE_ENTRY = object({
  ...{ url: plain, method: plain, requestHeaders: plain, status: plain, statusText: plain, type: plain, responseHeaders: plain },
  body: section('body'),
});

const STORAGE = object({
  key,
  bucketPolicy: object({ persisted: plain, durability: plain, expiresAt: timeOrNull }),
  localStorage: items,
  indexedDB: list(DATABASE),
  caches: list(object({ name: plain, entries: list(CACHE_ENTRY) })),
  serviceWorkers: list(object({ scope: plain, scriptUrl: plain, type: plain, updateViaCache: plain, script: section('body') })),
  files: list(object({ path: plain, kind: plain, lastModified: time, body: section('body') })),
});

const TAB = object({
  id: plain,
  url: plain,
  history: object({ index: plain, entries: list(object({ url: plain, title: plain, state: section('value') })) }),
  windowName: plain,
  opener: plain,
  sessionStorage: list(object({ key, items })),
});

const STATE = object({
  coverage: object({ cookies: plain, tabs: plain, permissions: plain, credentials: plain, storage: list(object({ key, ...extents })) }),
  cookies: list(COOKIE),
  storage: list(STORAGE),
  tabs: list(TAB),
  permissions: list(object({ origin: plain, name: plain, state: plain, embeddingOrigin: plain })),
  credentials: list(
    object({
      ...{ credentialId: plain, rpId: plain, isResidentCredential: plain, userHandle: plain, signCount: plain },
      privateKey: section('key'),
    }),
  ),
  ttl: list(
    object({
      target: object({ pointer: plain, kind: plain, origin: plain, name: plain }),
      ...{ expiresAt: time, idleMs: plain, lastTouched: time },
    }),
  ),
  mergeState: section('merge'),
});

function inside(name: string | number, shape: Shape, value: unknown, to: Direction): unknown {
  to.path.push(name);
  const mapped = shape(value, to);
  to.path.pop();
  return mapped;
}

function addUnknown(from: Readonly<Record<string, unknown>>, known: object, result: Record<string, unknown>, to: Direction): void {
  const unknown = Object.keys(from).filter((name) => !Object.hasOwn(known, name) && from[name] !== undefined);
  for (const name of unknown.sort()) define(result, name, inside(name, any, from[name], to));
}

/** Anything: its objects with their members sorted, and its sections like those that are known. */
const any: Shape = (value, to) => {
  if (Array.isArray(value)) return value.map((one, at) => inside(at, any, one, to));
  if (!isObject(value)) return value;
  if (to.isSection(value)) return to.section(value, null);
  const result: Record<string, unknown> = {};
  addUnknown(value, NOTHING_KNOWN, result, to);
  return result;
};

const NOTHING_KNOWN = {};

/** Assigning to `__proto__` would not make a member. */
function define(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
  else target[name] = value;
}

function pick(from: object, names: ReadonlySet<string>): object {
  return Object.fromEntries(Object.entries(from).filter(([name]) => names.has(name)));
}

function without(from: object, names: ReadonlySet<string>): object {
  return Object.fromEntries(Object.entries(from).filter(([name]) => !names.has(name)));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type Part = 'header' | 'state';

const NO_SECTIONS: Referrer = {
  section: () => {
    throw new TypeError('session: a member of the header cannot hold a section');
  },
  text: (value) => value,
};

function writing(part: Part, refer: Referrer): Direction {
  const path: (string | number)[] = [];
  return {
    path,
    time: (value) => toTime(value, part, path),
    section: (value, kind) => refer.section(value as Section, kind),
    text: (value) => {
      if (typeof value === 'string') return refer.text(value);
      return isObject(value) && isSection(value) ? refer.section(value as unknown as Section, 'text') : value;
    },
    isSection,
  };
}

function reading(part: Part, resolve: Resolver): Direction {
  const path: (string | number)[] = [];
  const section = (value: unknown, kind: SectionKind | null): Section => resolve(value as SectionReference, toPointer(path), kind);
  return {
    path,
    time: (value) => fromTime(value as string, part, path),
    section,
    text: (value) => (typeof value === 'string' ? value : section(value, 'text')),
    isSection: (value) => part === 'state' && typeof (value as { $section?: unknown }).$section === 'string',
  };
}

function isSection(value: object): boolean {
  return typeof (value as { bytes?: unknown }).bytes === 'function';
}

/** Years above 9999 and fractions of a millisecond have no place in the form. */
function toTime(ms: unknown, part: Part, path: readonly (string | number)[]): string {
  if (!isTime(ms)) throw invalid(part, toPointer(path), 'time: integer milliseconds from 1970 to 9999');
  return new Date(ms).toISOString();
}

/** The schema checked the form; only the calendar is left. */
function fromTime(text: string, part: Part, path: readonly (string | number)[]): number {
  const ms = parseTime(text);
  if (ms === null) throw invalid(part, toPointer(path), 'time: a day of the calendar from 1970 on');
  return ms;
}
