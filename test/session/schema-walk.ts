/**
 * Every rule of a published schema, broken once, by walking the schema itself: what is put where, and which rule must be named with which pointer. It
 * shares nothing with the generated validator.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { SECRET, SHA256 } from './schema-sample.ts';

/** Where something is in a document, member by member. */
export type Place = readonly (string | number)[];

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly if?: Schema;
  readonly else?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

type Definitions = Readonly<Record<string, Schema>>;

const KNOWN_KEYWORDS = new Set(
  '$ref type enum const if else anyOf required properties items prefixItems pattern minLength maxLength minimum maximum minItems maxItems description'.split(
    ' ',
  ),
);

/** A place, the rule that is broken there, and what is put there; `undefined` takes the member away. */
export interface Broken {
  readonly at: Place;
  readonly pointer: string;
  readonly rule: string;
  readonly value: unknown;
}

/** What a pattern refuses, one for each alternative way to be wrong. A pattern without an entry fails the test. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  '^(0|[1-9][0-9]{0,5})\\.(0|[1-9][0-9]{0,5})$': ['1', '1.', '.0', '01.0', '1.00', '1.0.0', ' 1.0', '1.0 ', '1234567.0', '-1.0', SECRET],
  '^s(0|[1-9][0-9]{0,7})$': ['0', 's', 's00', 's01', 's-1', 'S0', 's0 ', 's123456789', SECRET],
  '^([^.]|$)': ['.app.example', '.', `.${SECRET}`],
  '^/': ['', 'a', ' /', SECRET],
  '^https?://[^/?#@]+$': [
    '',
    'null',
    'https://',
    'app.example',
    'ftp://a',
    'https://a/',
    'https://a?',
    'https://a#',
    'https://u@a',
    SECRET,
  ],
  '^[0-9a-f]{64}$': [SHA256.toUpperCase(), `g${SHA256.slice(1)}`, `${SECRET}${SHA256.slice(SECRET.length)}`],
  '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$': [
    '',
    '2026-01-02',
    '2026-01-02T03:04:05Z',
    '2026-01-02T03:04:05.06Z',
    '2026-01-02t03:04:05.006Z',
    '2026-01-02 03:04:05.006Z',
    '2026-01-02T03:04:05.006z',
    '2026-01-02T03:04:05.006',
    '2026-00-02T03:04:05.006Z',
    '2026-13-02T03:04:05.006Z',
    '2026-01-00T03:04:05.006Z',
    '2026-01-32T03:04:05.006Z',
    '2026-01-02T24:04:05.006Z',
    '2026-01-02T03:60:05.006Z',
    '2026-01-02T03:04:60.006Z',
    SECRET,
  ],
  '^(?![0-9A-Fa-f]+(-[0-9A-Fa-f]+){4}$)|^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$': [
    '0-0-0-0-0',
    '0b9f1c52-7a0e-4c3d-9b1f-2d6c5e8a9f1',
    '0b9f1c52-7a0e-4c3d-9b1f-2d6c5e8a9f100',
  ],
  '^[^;\\u0000-\\u0008\\u000a-\\u001f\\u007f=]*$': ['=', `a=${SECRET}`, 'a;b', '\0', '\n', '\r', '\u001f', '\u007f'],
  '^[^;\\u0000-\\u0008\\u000a-\\u001f\\u007f]*$': [';', `a;${SECRET}`, '\0', '\u0008', '\n', '\r', '\u007f'],
  '^([A-Za-z0-9_-]+\\.)*[A-Za-z0-9_-]+\\.?$|^\\[[0-9a-f:.]+\\]$': [
    ...['.', '.app.example', 'a..b', 'a.b..', 'a b', 'a/b', 'a:80', 'bücher.example', '::1', '[::G]', '[]', `${SECRET}.é`],
  ],
  '^/[^;\\u0000-\\u001f\\u007f]*$': ['', 'a', ' /', '/;', '/\0', '/\t', '/\u007f', SECRET],
  '^https?://[^/?#@\\s]+$': [
    ...['', 'null', 'https://', 'app.example', 'ftp://a', 'https://a/', 'https://a?', 'https://a#', 'https://u@a', 'https://a b', SECRET],
  ],
  '^[a-z0-9_-]+$': ['A', 'a b', 'a.b', 'é', SECRET],
  '^[^/]+(/[^/]+)*$': ['/', '/a', 'a/', 'a//b', `/${SECRET}`],
  '^[A-Za-z0-9_-]+$': ['=', 'a=', 'a+b', 'a/b', `${SECRET}=`],
  '^(/([^/~]|~[01])*)*$': ['a', '~0', '/~', '/~2', '/a~', SECRET],
};

/** Every rule of one document of a schema version, broken; `sample` is a valid document with every member that the schema knows. */
export function breakEvery(version: string, part: 'header' | 'state', sample: unknown): readonly Broken[] {
  const file = new URL(`../../schema/session-${version}.json`, import.meta.url);
  const { $defs } = JSON.parse(readFileSync(file, 'utf8')) as { $defs: Definitions };
  return [...breakEach($defs[part] as Schema, sample, [], $defs)];
}

function resolve(defs: Definitions, schema: Schema): Schema {
  return schema.$ref === undefined ? schema : (defs[schema.$ref.replace('#/$defs/', '')] as Schema);
}

function* breakEach(schema: Schema, sample: unknown, at: Place, defs: Definitions): IterableIterator<Broken> {
  for (const keyword of Object.keys(schema)) expect(KNOWN_KEYWORDS).toContain(keyword);
  if (schema.$ref !== undefined) return yield* breakEach(resolve(defs, schema), sample, at, defs);
  const broken = (rule: string, value: unknown, ...rest: string[]): Broken => ({
    at: [...at, ...rest],
    pointer: pointerOf([...at, ...rest]),
    rule,
    value,
  });
  if (schema.anyOf !== undefined) {
    yield broken('type', 0.5);
    // null is the first branch; what is left takes its turn with a sample of its own kind.
    const branches = schema.anyOf.map((branch) => resolve(defs, branch)).filter(({ type }) => type !== 'null');
    for (const branch of branches) yield* withoutType(branch, sampleFor(branch, sample), at, defs);
    return;
  }
  if (schema.type !== undefined) yield broken('type', schema.type === 'string' ? { [SECRET]: SECRET } : SECRET);
  if (schema.type === 'object') yield broken('type', [SECRET]);
  if (schema.type === 'integer') yield broken('type', 0.5);
  if (schema.type !== undefined) yield broken('type', null);
  if (schema.enum !== undefined) for (const value of [SECRET, null, 0, `${schema.enum[0]} `]) yield broken('enum', value);
  if (schema.const !== undefined) for (const value of [SECRET, null, 1, 'true', false]) yield broken('const', value);
  // Of the members in the sample either will do; without any, that of `else` is missed.
  for (const name of schema.else?.required ?? []) yield { at, pointer: pointerOf([...at, name]), rule: 'required', value: {} };
  if (schema.maxLength !== undefined) yield broken('maxLength', SECRET.padEnd(schema.maxLength + 1, 'x'));
  if (schema.minLength !== undefined) yield broken('minLength', 'x'.repeat(schema.minLength - 1));
  for (const value of schema.pattern === undefined ? [] : (REFUSED[schema.pattern] ?? [Number.NaN])) yield broken('pattern', value);
  if (schema.minimum !== undefined) yield broken('minimum', schema.minimum - 1);
  if (schema.maximum !== undefined) yield broken('maximum', schema.maximum >= 2 ** 53 - 1 ? schema.maximum + 2 : schema.maximum + 1);
  if (schema.maxItems !== undefined) yield broken('maxItems', new Array(schema.maxItems + 1).fill(SECRET));
  if (schema.minItems !== undefined) yield broken('minItems', new Array(schema.minItems - 1).fill(SECRET));
  for (const name of schema.required ?? []) yield broken('required', undefined, name);
  const members = Object.entries(schema.properties ?? {});
  for (const [name, member] of members) yield* breakEach(member, child(sample, name), [...at, name], defs);
  for (const [i, item] of (schema.prefixItems ?? []).entries()) yield* breakEach(item, child(sample, i), [...at, i], defs);
  if (schema.items !== undefined) yield* breakEach(schema.items, child(sample, 0), [...at, 0], defs);
}

/** The rules of one branch of a choice; its type is broken only together with that of the others. */
function* withoutType(branch: Schema, sample: unknown, at: Place, defs: Definitions): IterableIterator<Broken> {
  for (const broken of breakEach(branch, sample, at, defs)) if (broken.rule !== 'type' || broken.at.length > at.length) yield broken;
}

function sampleFor(branch: Schema, sample: unknown): unknown {
  if (branch.type === 'array' && !Array.isArray(sample)) return [SECRET];
  return branch.type === 'object' && typeof sample === 'string' ? { $section: 's0' } : sample;
}

function child(sample: unknown, name: string | number): unknown {
  const value = (sample as Record<string | number, unknown>)[name];
  expect(value, `the sample lacks ${name}`).toBeDefined();
  return value;
}

/** RFC 6901; no name of the schema needs an escape. */
export function pointerOf(at: Place): string {
  return at.map((part) => `/${part}`).join('');
}

/** A copy of `document` with `value` at `place`; undefined takes the member away. */
export function replace(document: unknown, [name, ...rest]: Place, value: unknown): unknown {
  if (name === undefined) return value;
  // Where a choice has another branch in the sample, the branch under test takes its place.
  if (typeof document === 'string') return replace(typeof name === 'number' ? [SECRET] : { $section: 's0' }, [name, ...rest], value);
  if (Array.isArray(document)) return document.map((item, i) => (i === name ? replace(item, rest, value) : item));
  const before = document as Record<string, unknown>;
  const copy = { ...before, [name]: replace(before[name], rest, value) };
  if (rest.length === 0 && value === undefined) delete copy[name];
  return copy;
}
