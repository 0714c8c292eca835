/**
 * Any documents of versions 1.0 and 2.0, as JSON, for fast-check: hostile names and values, unknown members (in 1.0 also with names that 2.0 gave a
 * meaning), what one version takes and the other does not. Independent of the types of the newest version, which move.
 */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import type { Json, JsonObject, SessionDocuments, TextReader } from '../../ts/session/upgrade.ts';

const PLAIN = { noNullPrototype: true };

/** UTF-16 as it comes: lone surrogates, NUL, what JSON escapes. */
const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 6 }).map((units) => String.fromCharCode(...units)),
  fc.constantFrom('', '__proto__', 'x-psp-parked', '\ud800', '\udfff\ud83d', '\u0000'),
);

/** What text sections hold; the other sections hold none. */
const TEXTS: Readonly<Record<string, string>> = { s0: '', s1: 'lone \ud800, NUL \u0000, pair \ud83d\ude00', s2: 'long '.repeat(5000) };

/** A reader of the text sections of {@link documents2}. */
export const readText: TextReader = async (id) => (Object.hasOwn(TEXTS, id) ? (TEXTS[id] as string) : null);

const SECTIONS = ['s0', 's1', 's2', 's3', 's4'];

const sectionReference = fc.constantFrom('s3', 's4').map(($section) => ({ $section }));
const textReference = fc.record({ $section: fc.constantFrom(...Object.keys(TEXTS)) }, PLAIN);
const time = fc.constantFrom('1970-01-01T00:00:00.000Z', '2026-02-03T04:05:06.789Z', '9999-12-31T23:59:59.999Z');
const extent = fc.constantFrom('complete', 'partial', 'unvisited');
const json = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>;

/** Members by name. */
type Members = Readonly<Record<string, fc.Arbitrary<unknown>>>;

/** Objects with the members `required` and some of `optional` and of `unknown`. */
function object(required: Members, optional: Members = {}, unknown: readonly string[] = []): fc.Arbitrary<JsonObject> {
  const known = fc.record({ ...required, ...optional }, { ...PLAIN, requiredKeys: Object.keys(required) }) as fc.Arbitrary<JsonObject>;
  const name = fc.oneof(fc.constantFrom('x-kept', 'constructor', '__proto__', 'from-version-2.7', ...unknown), text);
  const others = fc.array(fc.tuple(name, json), { maxLength: 2 });
  const all = new Set([...Object.keys(required), ...Object.keys(optional), 'x-psp-parked', ...RESERVED]);
  return fc.tuple(known, fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, others)).map(([members, more]) => {
    const fresh = more.filter(([one]) => !all.has(one) || unknown.includes(one));
    return { ...members, ...Object.fromEntries(fresh) };
  });
}

/** Text is generated as a name too: it must not hit a name of 1.0 or 2.0 by chance, where this would make the document invalid. */
const RESERVED = ['name', 'expiresAt', 'priority', 'sourceScheme', 'sourcePort', 'keyGenerator', 'records', 'browser'];

const store = object(
  {
    name: text,
    keyPath: fc.constantFrom(null, 'id', ['a', '']),
    autoIncrement: fc.boolean(),
    indexes: fc.constant([]),
    recordCount: fc.nat(9),
  },
  { keyGenerator: fc.constantFrom(1, 2 ** 53), records: sectionReference },
);
const database = object({ name: text, version: fc.constantFrom(1, 7), stores: fc.array(store, { maxLength: 2 }) });

/** What differs in the two versions. */
interface Version {
  readonly psp: string;
  readonly name: fc.Arbitrary<string>;
  readonly value: fc.Arbitrary<string>;
  readonly domain: fc.Arbitrary<string>;
  readonly path: fc.Arbitrary<string>;
  readonly site: fc.Arbitrary<string>;
  readonly origin: fc.Arbitrary<string>;
  readonly item: fc.Arbitrary<unknown>;
  /** An object; `gained` are members that only 2.0 knows: optional there, names of unknown members in 1.0. */
  object(required: Members, optional: Members, gained: Members): fc.Arbitrary<JsonObject>;
}

const ORIGINS = ['https://app.example', 'http://localhost:3000', 'https://[::1]:8443'];
const COOKIE_TEXT = ['', 'sid', 'a b', '"quoted"', 'caf\u00e9 \u2028'];

const V1: Version = {
  psp: '1.0',
  name: fc.oneof(text, fc.constantFrom(...COOKIE_TEXT)),
  value: fc.oneof(text, fc.constantFrom(...COOKIE_TEXT)),
  domain: fc.constantFrom('app.example', '', ':odd', 'a/b', '[::1]', 'b\u00fccher.example', 'a..b'),
  path: fc.oneof(
    fc.constantFrom('/', '/a;b'),
    text.map((path) => `/${path}`),
  ),
  site: fc.oneof(
    fc.constantFrom(...ORIGINS),
    text.filter((site) => site !== ''),
  ),
  origin: fc.constantFrom(...ORIGINS, 'https://has space', 'https://tab\t'),
  item: fc.tuple(text, text),
  object: (required, optional, gained) => object(required, optional, Object.keys(gained)),
};

const V2: Version = {
  psp: '2.0',
  name: fc.constantFrom(...COOKIE_TEXT),
  value: fc.constantFrom(...COOKIE_TEXT, 'a=b'),
  domain: fc.constantFrom('app.example', 'localhost', '[::1]'),
  path: fc.constantFrom('/', '/a b'),
  site: fc.constantFrom(...ORIGINS),
  origin: fc.constantFrom(...ORIGINS),
  item: fc.tuple(text, fc.oneof(text, textReference)),
  object: (required, optional, gained) => object(required, { ...optional, ...gained }),
};

function documents(version: Version): fc.Arbitrary<SessionDocuments> {
  const key = version.object(
    { origin: version.origin, topLevelSite: fc.option(version.site) },
    {},
    { hasCrossSiteAncestor: fc.constant(true), bucket: fc.constantFrom('inbox', 'a_b-1') },
  );
  const partitionKey = object({ topLevelSite: version.site, hasCrossSiteAncestor: fc.boolean() });
  const { name, value, domain, path } = version;
  const sameSite = fc.constantFrom('unset', 'none', 'lax', 'strict');
  const flags = { hostOnly: fc.boolean(), secure: fc.boolean(), httpOnly: fc.boolean() };
  const cookie = version.object(
    { name, value, domain, path, ...flags, sameSite, expiresAt: fc.option(time), partitionKey: fc.option(partitionKey) },
    { priority: fc.constantFrom('low', 'high'), sourceScheme: fc.constant('secure'), sourcePort: fc.constantFrom(-1, 443) },
    { createdAt: time },
  );
  const items = fc.array(version.item, { maxLength: 3 });
  const storage = version.object(
    { key, localStorage: items, indexedDB: fc.array(database, { maxLength: 2 }) },
    {},
    {
      bucketPolicy: object({ persisted: fc.boolean(), durability: fc.constant('strict'), expiresAt: fc.option(time) }),
      caches: fc.array(object({ name: text, entries: fc.constant([]) }), { maxLength: 1 }),
      serviceWorkers: fc.constant([]),
      files: fc.array(object({ path: fc.constant('a/b'), kind: fc.constant('file') }, { lastModified: time, body: sectionReference }), {
        maxLength: 1,
      }),
    },
  );
  const history = object({ index: fc.nat(3), entries: fc.array(object({ url: text }, { title: text }), { minLength: 1, maxLength: 2 }) });
  const tab = version.object(
    { id: fc.constantFrom('t1', 't2'), url: text, sessionStorage: fc.array(object({ key, items }), { maxLength: 2 }) },
    {},
    { history, windowName: text, opener: fc.constant('t1') },
  );
  const storageCoverage = version.object(
    { key, localStorage: extent, indexedDB: extent },
    {},
    { caches: extent, serviceWorkers: extent, files: extent },
  );
  const coverage = version.object(
    { cookies: extent, tabs: extent, storage: fc.array(storageCoverage, { maxLength: 2 }) },
    {},
    { permissions: extent, credentials: extent },
  );
  const permission = object({ origin: version.origin, name: fc.constant('camera'), state: fc.constant('granted') });
  const state = version.object(
    {
      coverage,
      cookies: fc.array(cookie, { maxLength: 4 }),
      storage: fc.array(storage, { maxLength: 3 }),
      tabs: fc.array(tab, { maxLength: 2 }),
    },
    {},
    {
      permissions: fc.array(permission, { maxLength: 1 }),
      credentials: fc.constant([]),
      ttl: fc.constant([{ target: { pointer: '/cookies/0' }, idleMs: 5 }]),
      mergeState: sectionReference,
    },
  );
  const header = version.object(
    {
      psp: fc.constant(version.psp),
      id: fc.constant('an id'),
      incarnation: fc.constant('1'),
      revision: fc.nat(9),
      createdAt: time,
      updatedAt: time,
      source: object({ tool: fc.constant('cdp') }),
      state: fc.constant({ length: 3, sha256: 'a'.repeat(64) }),
      sections: fc.tuple(...SECTIONS.map((id) => sectionEntry(id, version))),
    },
    { name: text, expiresAt: time },
    { tags: fc.array(text, { maxLength: 2 }) },
  );
  return fc.record({ header, state }, PLAIN);
}

function sectionEntry(id: string, version: Version): fc.Arbitrary<JsonObject> {
  const numbers = { offset: fc.constant(0), length: fc.constant(4), rawLength: fc.constant(1) };
  const names = { id: fc.constant(id), kind: fc.constant('records'), mediaType: fc.constant('application/octet-stream') };
  return version.object({ ...names, ...numbers, sha256: fc.constant('0'.repeat(64)) }, {}, { where: fc.constant('inline') });
}

/** Valid in 1.0. */
export const documents1: fc.Arbitrary<SessionDocuments> = documents(V1);

/** Valid in 2.0; its sections are in {@link readText}, and none has a codec. */
export const documents2: fc.Arbitrary<SessionDocuments> = documents(V2);

const ajv = new Ajv2020({ strict: true, strictTuples: false, strictRequired: false, unicodeRegExp: true });

const VALIDATORS = new Map(['1.0', '2.0'].map((version) => [version, ajv.compile(readSchema(version))]));

/** The schema file of a version. */
export function readSchema(version: string): JsonObject {
  return JSON.parse(readFileSync(new URL(`../../schema/session-${version}.json`, import.meta.url), 'utf8')) as JsonObject;
}

/** Where the schema of `version` refuses the documents; empty when it does not. */
export function faultsOf(version: string, candidate: SessionDocuments): string[] {
  const validate = VALIDATORS.get(version)!;
  if (validate(candidate)) return [];
  return (validate.errors ?? []).map(({ instancePath, keyword }) => `${instancePath} ${keyword}`);
}

/** JSON with the members of every object in order: equal exactly for equal JSON values. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}
