/**
 * Which leaves of a session document are secret, and where each of them stands. One table (below) names what stays readable; what it does not
 * name is sealed, a member of a later version included. A place is told by identity, as `identity.ts` has it, and not by position, so a value
 * keeps its place when entries come and go around it.
 */
import { PspError } from '../errors.ts';
import { cookieIdentity, storageKeyIdentity } from '../session/identity.ts';
import type { Cookie, StorageKey } from '../session/session.ts';

/** The names and identities on the way to a leaf, the part of the document first. */
export type Place = readonly (string | number)[];

/**
 * What of a secret may be read: nothing of a `value`; the origin of an `address` (a tab's URL: its path and query may be as secret as a token);
 * of a `request` in a cache, whose URL is its name, all up to the query.
 */
export type SecretRole = 'value' | 'address' | 'request';

/** What is done at the leaves. What it returns stands in their place. */
export interface FieldVisitor {
  /** Whether an object is a leaf and not part of the document: a reference to a section, or a sealed value. */
  isLeaf(value: object): boolean;
  leaf(value: object, role: SecretRole, place: Place): unknown;
  /** A string, number or boolean that is to be sealed. */
  secret(value: unknown, role: SecretRole, place: Place): unknown;
}

/** Each part of the documents as {@link mapFields} walks it: the header's members without its tables, and the state. */
export type FieldPart = 'session' | 'state';

/**
 * A copy of a document with what `visitor` gives in the place of its leaves; order is kept. `ENVELOPE_MALFORMED` for a list with an entry that
 * has no identity, which no document has that passed the schema.
 */
export function mapFields(part: FieldPart, document: unknown, visitor: FieldVisitor): unknown {
  return (part === 'session' ? SESSION : STATE)(document, { visitor, path: [part] });
}

/** The part of a secret URL that stays readable; '' where that is nothing. */
export function readablePart(url: string, role: SecretRole): string {
  if (role === 'request') return /^https?:\/\/[^/?#@\\]+(?=[/?#]|$)[^?#]*/.exec(url)?.[0] ?? '';
  if (role === 'value' || !URL.canParse(url)) return '';
  const { origin } = new URL(url);
  return url.startsWith(origin) ? origin : '';
}

interface Way {
  readonly visitor: FieldVisitor;
  readonly path: (string | number)[];
}

type Shape = (value: unknown, way: Way) => unknown;
type Identify = (item: unknown) => string;

function inside(step: string | number, shape: Shape, value: unknown, way: Way): unknown {
  way.path.push(step);
  const mapped = shape(value, way);
  way.path.pop();
  return mapped;
}

const clear: Shape = (value) => value;

const secret =
  (role: SecretRole): Shape =>
  (value, { visitor, path }) => {
    if (isObject(value) && visitor.isLeaf(value)) return visitor.leaf(value, role, [...path]);
    return visitor.secret(value, role, [...path]);
  };
const hidden = secret('value');

/** Anything that the table does not know: its names and structure stay readable, and nothing else. */
const any: Shape = (value, way) => {
  if (Array.isArray(value)) return value.map((item, at) => inside(at, any, item, way));
  if (value === null || !isObject(value) || way.visitor.isLeaf(value)) return value === null ? null : hidden(value, way);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, inside(name, any, member, way)]));
};

function object(members: Readonly<Record<string, Shape>>): Shape {
  return (value, way) => {
    if (!isObject(value)) return value;
    const mapped = Object.entries(value).map(([name, member]) => {
      const shape = Object.hasOwn(members, name) ? members[name]! : any;
      return [name, inside(name, shape, member, way)] as const;
    });
    return Object.fromEntries(mapped);
  };
}

/** Entries with one identity are told apart by their number among each other. */
function list(identify: Identify, item: Shape): Shape {
  return (value, way) => {
    if (!Array.isArray(value)) return value;
    const seen = new Map<string, number>();
    return value.map((one: unknown) => {
      const identity = identify(one);
      const earlier = seen.get(identity) ?? 0;
      seen.set(identity, earlier + 1);
      if (earlier === 0) return inside(identity, item, one, way);
      return inside(identity, (again, deeper) => inside(earlier, item, again, deeper), one, way);
    });
  };
}

/** Entries whose order is what tells them apart. */
function row(item: Shape): Shape {
  return (value, way) => (Array.isArray(value) ? value.map((one, at) => inside(at, item, one, way)) : value);
}

/** A name and a secret. */
const pair: Shape = (value, way) => {
  if (!Array.isArray(value) || value.length !== 2) return value;
  return [value[0], inside(1, hidden, value[1], way)];
};

function readable(...names: string[]): Record<string, Shape> {
  return Object.fromEntries(names.map((name) => [name, clear]));
}

const byMember =
  (...names: string[]): Identify =>
  (item) => {
    const entry = expectObject(item);
    return names.length === 1 ? String(entry[names[0]!]) : JSON.stringify(names.map((name) => entry[name] ?? null));
  };
const byFirst: Identify = (item) => String(Array.isArray(item) ? item[0] : '');
const byKey: Identify = (item) => storageKeyIdentity(expectObject(expectObject(item)['key']) as unknown as StorageKey);
const byCookie: Identify = (item) => {
  const cookie = expectObject(item);
  if (cookie['partitionKey'] !== null) expectObject(cookie['partitionKey']);
  return cookieIdentity(cookie as unknown as Cookie);
};
/** By what can be read of it with and without a key. */
const byRequest: Identify = (item) => {
  const { method, url } = expectObject(item);
  return JSON.stringify([method, isObject(url) ? (url['clear'] ?? '') : readablePart(String(url), 'request')]);
};

const key = object(readable('origin', 'topLevelSite', 'hasCrossSiteAncestor', 'bucket'));
const items = list(byFirst, pair);

const SESSION = object({
  ...readable('psp', 'id', 'incarnation', 'revision', 'name', 'tags', 'createdAt', 'updatedAt', 'expiresAt'),
  source: object(readable('tool', 'browser')),
});

const COOKIE = object({
  ...readable('name', 'domain', 'hostOnly', 'path', 'secure', 'httpOnly', 'sameSite', 'expiresAt', 'createdAt', 'priority'),
  ...readable('sourceScheme', 'sourcePort'),
  value: hidden,
  partitionKey: object(readable('topLevelSite', 'hasCrossSiteAncestor')),
});

const OBJECT_STORE = object({
  ...readable('name', 'keyPath', 'autoIncrement', 'keyGenerator', 'recordCount'),
  indexes: list(byMember('name'), object(readable('name', 'keyPath', 'unique', 'multiEntry'))),
  records: hidden,
});

const CACHE_ENTRY = object({
  ...readable('method', 'status', 'statusText', 'type'),
  url: secret('request'),
  requestHeaders: items,
  responseHeaders: items,
  body: hidden,
});

const STORAGE = object({
  key,
  bucketPolicy: object(readable('persisted', 'durability', 'expiresAt')),
  localStorage: items,
  indexedDB: list(byMember('name'), object({ ...readable('name', 'version'), stores: list(byMember('name'), OBJECT_STORE) })),
  caches: list(byMember('name'), object({ name: clear, entries: list(byRequest, CACHE_ENTRY) })),
  serviceWorkers: list(byMember('scope'), object({ ...readable('scope', 'scriptUrl', 'type', 'updateViaCache'), script: hidden })),
  files: list(byMember('path'), object({ ...readable('path', 'kind', 'lastModified'), body: hidden })),
});

const TAB = object({
  ...readable('id', 'opener'),
  url: secret('address'),
  history: object({ index: clear, entries: row(object({ url: secret('address'), title: hidden, state: hidden })) }),
  windowName: hidden,
  sessionStorage: list(byKey, object({ key, items })),
});

const STATE = object({
  coverage: object({
    ...readable('cookies', 'tabs', 'permissions', 'credentials'),
    storage: list(byKey, object({ key, ...readable('localStorage', 'indexedDB', 'caches', 'serviceWorkers', 'files') })),
  }),
  cookies: list(byCookie, COOKIE),
  storage: list(byKey, STORAGE),
  tabs: list(byMember('id'), TAB),
  permissions: list(byMember('origin', 'name', 'embeddingOrigin'), object(readable('origin', 'name', 'state', 'embeddingOrigin'))),
  credentials: list(
    byMember('rpId', 'credentialId'),
    object({ ...readable('credentialId', 'rpId', 'isResidentCredential', 'signCount'), userHandle: hidden, privateKey: hidden }),
  ),
  ttl: row(object({ target: object(readable('pointer', 'kind', 'origin', 'name')), ...readable('expiresAt', 'idleMs', 'lastTouched') })),
  mergeState: hidden,
});

function expectObject(value: unknown): Record<string, unknown> {
  if (isObject(value)) return value;
  throw new PspError('ENVELOPE_MALFORMED', 'sealed fields: a list has an entry without an identity');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
