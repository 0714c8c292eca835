/**
 * The types, the schema and two validators agree: public types map onto the generated ones and back (checked by the compiler), every session of the
 * generator is valid, and one change anywhere is judged the same by our generated code and by an independent validator.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assertSession, validateSession } from '../../ts/session/check.ts';
import type { HeaderDocument, StateDocument } from '../../ts/session/document.ts';
import { toHeader, toState } from '../../ts/session/document.ts';
import type { HeaderShape, StateShape } from '../../ts/session/generated/document.ts';
import { findFaults, SCHEMA_VERSIONS } from '../../ts/session/generated/validator.ts';
import { SCHEMA_VERSION, type Section, type Session } from '../../ts/session/session.ts';
import { loadJudge } from '../oracle/hyperjump.ts';
import { session } from './arbitrary.ts';

/** No member may be absent, at any depth: so a member that only one side has tells the two apart. */
type Whole<Value> = Value extends object ? { [Name in keyof Value]-?: Whole<Exclude<Value[Name], undefined>> } : Value;
type Equal<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

describe('types', () => {
  test('the documents that the code maps to are what the schema describes, member by member', () => {
    // Member by member, for whether one may be absent; as a whole, for members that only one side has.
    const state: {
      [Name in keyof StateShape]-?: Equal<NonNullable<StateDocument[Name]>, NonNullable<StateShape[Name]>>;
    }[keyof StateShape] = true;
    const header: {
      [Name in keyof HeaderShape]-?: NonNullable<HeaderShape[Name]> extends NonNullable<HeaderDocument[Name]> ? true : false;
    }[keyof HeaderShape] = true;
    const whole: Equal<Whole<StateDocument>, Whole<StateShape>> = true;
    const entryNames: Equal<keyof HeaderDocument['sections'][number], keyof HeaderShape['sections'][number]> = true;
    const sourceNames: Equal<keyof HeaderDocument['source'], keyof HeaderShape['source']> = true;
    const stateNames: Equal<keyof StateDocument, keyof StateShape> = true;
    const headerNames: Equal<keyof HeaderDocument, keyof HeaderShape> = true;
    const cookieNames: Equal<keyof Session['cookies'][number], keyof StateShape['cookies'][number]> = true;
    const storageNames: Equal<keyof Session['storage'][number], keyof StateShape['storage'][number]> = true;
    const tabNames: Equal<keyof Session['tabs'][number], keyof StateShape['tabs'][number]> = true;
    const members: Equal<keyof Session, Exclude<keyof HeaderShape | keyof StateShape, 'psp' | 'state' | 'sections'>> = true;
    const all = [state, header, whole, entryNames, sourceNames, stateNames, headerNames, cookieNames, storageNames, tabNames, members];
    expect(all.every(Boolean)).toBe(true);
  });

  test('the newest schema is that of the version that is written', () => {
    expect(SCHEMA_VERSIONS.at(-1)).toBe(SCHEMA_VERSION);
  });
});

/** The documents of a session, as JSON that was written and read. */
function documentsOf(one: Session): { header: unknown; state: unknown } {
  const ids = new Map<Section, string>();
  const refer = (content: Section): { $section: string } => {
    const id = ids.get(content) ?? `s${ids.size}`;
    ids.set(content, id);
    return { $section: id };
  };
  const state = toState(one, { section: refer, text: (value) => value });
  const sha256 = '0'.repeat(64);
  const table = [...ids].map(([{ mediaType, length }, id]) => ({
    ...{ id, kind: 'body', mediaType, offset: 0, length, rawLength: length, sha256 },
  }));
  return JSON.parse(JSON.stringify({ header: toHeader(one, { length: 0, sha256 }, table), state })) as { header: unknown; state: unknown };
}

describe('every session of the generator', () => {
  test('is valid in every stage', async () => {
    await fc.assert(
      fc.asyncProperty(session, async (one) => {
        const issues = await validateSession(one);
        expect(issues.filter(({ severity }) => severity === 'error')).toEqual([]);
        await assertSession(one);
      }),
    );
  });
});

/** Every place below `value`. */
function placesOf(value: unknown, at: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([name, member]) => placesOf(member, [...at, name]))];
}

const REMOVED = Symbol('removed');

function changed(value: unknown, [name, ...rest]: readonly string[], by: unknown): unknown {
  if (name === undefined) return by;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
  const inner = changed(copy[name], rest, by);
  if (inner !== REMOVED) copy[name] = inner;
  else if (Array.isArray(copy)) copy.splice(Number(name), 1);
  else delete copy[name];
  return copy;
}

const SPOILED: readonly unknown[] = [
  ...[
    REMOVED,
    null,
    true,
    false,
    0,
    -1,
    1,
    0.5,
    65536,
    2 ** 53,
    2 ** 60,
    '',
    ' ',
    'x',
    '/',
    '.',
    'a/b',
    'lax',
    'Lax',
    's0',
    's01',
    '1.0',
    '2.0',
  ],
  ...[
    'https://a',
    'https://a/',
    'null',
    '2026-01-02T03:04:05.006Z',
    '2026-13-02T03:04:05.006Z',
    '2026-01-02',
    'a;b',
    'a=b',
    'x'.repeat(300),
  ],
  ...[
    [],
    {},
    [[]],
    ['a', 'b'],
    ['a', {}],
    ['a', { $section: 's0' }],
    { $section: 5 },
    { pointer: '/~2' },
    { kind: 'cookie' },
    { pointer: '' },
  ],
  ...[
    '\ud800',
    '🙂'.repeat(64),
    '🙂'.repeat(65),
    '0b9f1c52-7a0e-4c3d-9b1f-2d6c5e8a9f1',
    '0b9f1c52-7a0e-4c3d-9b1f-2d6c5e8a9f10',
    '0'.repeat(64),
  ],
];

describe.each(SCHEMA_VERSIONS.map((version) => [version]))('schema %s', (version) => {
  test('one change anywhere is judged the same by the generated code and by @hyperjump/json-schema', async () => {
    const judge = await loadJudge(version);
    let refused = 0;
    await fc.assert(
      fc.property(
        session,
        fc.nat(),
        fc.constantFrom(...SPOILED),
        fc.constantFrom('header' as const, 'state' as const),
        (one, at, by, part) => {
          const document = documentsOf(one)[part];
          const places = placesOf(document).slice(1);
          const place = places[at % places.length] as readonly string[];
          const spoiled = changed(document, place, by);
          const ours = findFaults(part, version, spoiled, 100).length === 0;
          if (!ours) refused++;
          expect({ place, valid: ours }).toEqual({ place, valid: judge[part](spoiled) });
        },
      ),
      { numRuns: 1000 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});
