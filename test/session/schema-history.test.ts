/**
 * The published schemas over time: a released file never changes, a minor version breaks no reader of its major, and a major version breaks only what
 * its step handles.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { compareVersions } from '../../ts/session/version.ts';
import { type BreakingChange, findBreakingChanges } from '../oracle/schema-compat.ts';

const folder = new URL('../../schema/', import.meta.url);

/** SHA-256 of each released file. A line is added with a release, and never changed. */
const RELEASED: Readonly<Record<string, string>> = {
  '1.0': 'b6ca3d35e898c0879bea40319e81a3af49a3682aa36532559f9f119b329ed19b',
};

const versions = readdirSync(folder)
  .map((name) => /^session-(\d+\.\d+)\.json$/.exec(name)?.[1] ?? name)
  .sort(compareVersions);

const read = (version: string) => readFileSync(new URL(`session-${version}.json`, folder));
const parse = (version: string) => JSON.parse(read(version).toString()) as unknown;

describe('schema/', () => {
  test.each(Object.entries(RELEASED))('session-%s.json is as it was released', (version, sha256) => {
    expect(createHash('sha256').update(read(version)).digest('hex')).toBe(sha256);
  });

  test('only the newest version may be without a digest, for as long as it is not released', () => {
    expect(versions.length).toBeGreaterThan(1);
    expect(versions.slice(0, -1).filter((version) => RELEASED[version] === undefined)).toEqual([]);
  });

  test('no version breaks a reader of its major: each is compared with every one before it', () => {
    const broken = versions.flatMap((newer, i) =>
      versions
        .slice(0, i)
        .filter((older) => majorOf(older) === majorOf(newer))
        .flatMap((older) => findBreakingChanges(parse(older), parse(newer)).map(({ pointer }) => `${older} -> ${newer}: ${pointer}`)),
    );
    expect(broken).toEqual([]);
  });

  test('2.0 breaks readers of 1.0 in these places, which are why it is a major version', () => {
    const found = findBreakingChanges(parse('1.0'), parse('2.0')).map(({ pointer, effect }) => `${effect} ${pointer}`);
    // Parked by the step where they are cookies and storage keys, inlined where they are texts; the rest is left for the schema to refuse.
    expect([...new Set(found)].sort()).toEqual(BREAKS_OF_2);
  });

  test('the step from 1.0 to 2.0 judges by the patterns of 2.0', () => {
    const { cookie, origin } = (parse('2.0') as { $defs: { cookie: { properties: Record<string, Patterned> }; origin: Patterned } }).$defs;
    const source = readFileSync(new URL('../../ts/session/upgrade/v1-v2.ts', import.meta.url), 'utf8');
    const constants = { COOKIE_NAME: 'name', COOKIE_VALUE: 'value', COOKIE_DOMAIN: 'domain', COOKIE_PATH: 'path' };
    for (const [constant, member] of Object.entries(constants)) {
      expect(patternOf(source, constant), constant).toBe(cookie.properties[member]?.pattern);
    }
    expect(patternOf(source, 'ORIGIN')).toBe(origin.pattern);
  });
});

interface Patterned {
  readonly pattern?: string;
}

/** A regular expression literal escapes the slash, and a schema does not. */
function patternOf(source: string, constant: string): string | undefined {
  return new RegExp(`^const ${constant} = /(.*)/u;$`, 'm').exec(source)?.[1]?.replaceAll('\\/', '/');
}

const BREAKS_OF_2: readonly string[] = [
  'changed /$defs/cookie/properties/domain/pattern',
  'changed /$defs/cookie/properties/path/pattern',
  'changed /$defs/origin/pattern',
  'narrowed /$defs/cookie/properties/domain/minLength',
  'narrowed /$defs/cookie/properties/name/pattern',
  'narrowed /$defs/cookie/properties/value/pattern',
  'narrowed /$defs/header/properties/id/pattern',
  'narrowed /$defs/item/prefixItems/1/anyOf',
  'narrowed /$defs/keyPath/anyOf/1/maxItems',
  'narrowed /$defs/origin/pattern',
  'narrowed /$defs/originStorage/properties/localStorage/maxItems',
  'narrowed /$defs/state/properties/cookies/maxItems',
  'narrowed /$defs/tab/properties/sessionStorage/items/properties/items/maxItems',
  'widened /$defs/cookie/properties/partitionKey/anyOf/1/properties/topLevelSite/minLength',
  'widened /$defs/item/prefixItems/1/type',
  'widened /$defs/storageKey/properties/topLevelSite/anyOf/1/minLength',
];

function majorOf(version: string): string | undefined {
  return version.split('.')[0];
}

/** A schema with one of everything, as ours are written. */
const BASE = {
  $id: 'urn:example:1.0',
  type: 'object',
  required: ['id', 'items'],
  properties: {
    id: { type: 'string', minLength: 1, maxLength: 64, pattern: '^[a-z]+$' },
    count: { $ref: '#/$defs/count' },
    note: { type: 'string' },
    kind: { enum: ['a', 'b'] },
    items: { type: 'array', maxItems: 10, items: { $ref: '#/$defs/item' } },
    when: { anyOf: [{ type: 'null' }, { type: 'string', maxLength: 24 }] },
    parent: { $ref: '#' },
    flag: { const: true },
  },
  $defs: {
    count: { type: 'integer', minimum: 0, maximum: 100 },
    item: { type: 'array', prefixItems: [{ type: 'string' }, { type: 'string' }], minItems: 2, maxItems: 2 },
  },
};

type Edit = (schema: typeof BASE & Record<string, unknown>) => unknown;

/** A copy of {@link BASE}, after `edit`. What `edit` returns is its own business. */
function edited(edit: Edit): unknown {
  const copy = structuredClone(BASE);
  edit(copy as Parameters<Edit>[0]);
  return copy;
}

const remove = (object: object, name: string): boolean => Reflect.deleteProperty(object, name);

describe('findBreakingChanges', () => {
  test.each<[string, BreakingChange['effect'], string, Edit]>([
    ['a new required member', 'narrowed', '/required/2', (one) => one.required.push('note')],
    ['a required member that is new altogether', 'narrowed', '/required/2', (one) => one.required.push('fresh')],
    ['a required member that may be absent', 'widened', '/required/1', (one) => one.required.pop()],
    ['another type', 'changed', '/properties/note/type', (one) => Object.assign(one.properties.note, { type: 'boolean' })],
    ['a type more', 'widened', '/properties/note/type', (one) => Object.assign(one.properties.note, { type: ['string', 'null'] })],
    ['an integer that may be any number', 'widened', '/$defs/count/type', (one) => Object.assign(one.$defs.count, { type: 'number' })],
    ['a choice less', 'narrowed', '/properties/kind/enum', (one) => one.properties.kind.enum.pop()],
    ['a choice more', 'widened', '/properties/kind/enum', (one) => one.properties.kind.enum.push('c')],
    ['another constant', 'changed', '/properties/flag/enum', (one) => Object.assign(one.properties.flag, { const: false })],
    ['another pattern', 'changed', '/properties/id/pattern', (one) => Object.assign(one.properties.id, { pattern: '^[a-y]+$' })],
    ['a new pattern', 'narrowed', '/properties/note/pattern', (one) => Object.assign(one.properties.note, { pattern: '.' })],
    ['a pattern that is gone', 'widened', '/properties/id/pattern', (one) => remove(one.properties.id, 'pattern')],
    ['a lower maximum', 'narrowed', '/$defs/count/maximum', (one) => Object.assign(one.$defs.count, { maximum: 99 })],
    ['a higher minimum', 'narrowed', '/$defs/count/minimum', (one) => Object.assign(one.$defs.count, { minimum: 1 })],
    ['a longer string', 'widened', '/properties/id/maxLength', (one) => Object.assign(one.properties.id, { maxLength: 65 })],
    [
      'a limit where there was none',
      'narrowed',
      '/properties/note/maxLength',
      (one) => Object.assign(one.properties.note, { maxLength: 9 }),
    ],
    ['fewer entries', 'narrowed', '/properties/items/maxItems', (one) => Object.assign(one.properties.items, { maxItems: 9 })],
    [
      'another entry of a tuple',
      'changed',
      '/$defs/item/prefixItems/1/type',
      (one) => Object.assign(one.$defs.item.prefixItems[1]!, { type: 'null' }),
    ],
    ['a longer tuple', 'changed', '/$defs/item/prefixItems', (one) => one.$defs.item.prefixItems.push({ type: 'null' })],
    ['a branch less', 'changed', '/properties/when/anyOf', (one) => one.properties.when.anyOf.pop()],
    [
      'a narrower branch',
      'narrowed',
      '/properties/when/anyOf/1/maxLength',
      (one) => Object.assign(one.properties.when.anyOf[1]!, { maxLength: 23 }),
    ],
    ['a closed object', 'narrowed', '/additionalProperties', (one) => Object.assign(one, { additionalProperties: false })],
    [
      'a schema for all other members',
      'narrowed',
      '/additionalProperties',
      (one) => Object.assign(one, { additionalProperties: { type: 'string' } }),
    ],
    [
      'a rule that it does not know',
      'narrowed',
      '/properties/items/uniqueItems',
      (one) => Object.assign(one.properties.items, { uniqueItems: true }),
    ],
    ['nothing that is accepted any more', 'narrowed', '/properties/note/not', (one) => Object.assign(one.properties, { note: false })],
  ])('finds %s', (_, effect, pointer, edit) => {
    const found = findBreakingChanges(BASE, edited(edit));
    expect(found.map((one) => `${one.effect} ${one.pointer}`)).toContain(`${effect} ${pointer}`);
  });

  test('finds one change once, also where it is reached by two ways', () => {
    const newer = edited((one) => {
      Object.assign(one.properties, { second: { $ref: '#/$defs/count' } });
      Object.assign(one.$defs.count, { maximum: 1 });
    });
    const older = edited((one) => Object.assign(one.properties, { second: { $ref: '#/$defs/count' } }));
    expect(findBreakingChanges(older, newer)).toEqual([{ pointer: '/$defs/count/maximum', keyword: 'maximum', effect: 'narrowed' }]);
  });

  test('finds a name that comes back with another meaning, by the version that had it', () => {
    const without = edited((one) => remove(one.properties, 'note'));
    const again = edited((one) => Object.assign(one.properties, { note: { type: 'object' } }));
    expect(findBreakingChanges(BASE, without)).toEqual([]);
    expect(findBreakingChanges(without, again)).toEqual([]);
    expect(findBreakingChanges(BASE, again).map(({ pointer }) => pointer)).toEqual(['/properties/note/type']);
  });

  test('finds a member that is added to a closed object, since older readers refuse it', () => {
    const closed = edited((one) => Object.assign(one, { additionalProperties: false }));
    const more = edited((one) => {
      Object.assign(one, { additionalProperties: false });
      Object.assign(one.properties, { fresh: {} });
    });
    expect(findBreakingChanges(closed, more)).toEqual([{ pointer: '/properties/fresh', keyword: 'properties', effect: 'widened' }]);
    expect(findBreakingChanges(more, closed)).toEqual([{ pointer: '/properties/fresh', keyword: 'properties', effect: 'narrowed' }]);
  });

  test.each<[string, Edit]>([
    ['nothing', () => null],
    ['a new optional member', (one) => Object.assign(one.properties, { fresh: { type: 'string', pattern: '^x' } })],
    ['an optional member that is gone', (one) => remove(one.properties, 'kind')],
    ['annotations', (one) => Object.assign(one, { $id: 'urn:example:1.1', title: 'T', description: 'D', $comment: 'C' })],
    ['the order of required', (one) => one.required.reverse()],
    ['the order of choices', (one) => one.properties.kind.enum.reverse()],
    ['the order of branches', (one) => one.properties.when.anyOf.reverse()],
    ['a definition written out', (one) => Object.assign(one.properties, { count: { description: 'D', ...one.$defs.count } })],
    ['a definition by another name', renameItem],
    ['a definition that nothing uses', (one) => Object.assign(one.$defs, { unused: { type: 'string' } })],
    ['a constant as the only choice', (one) => Object.assign(one.properties, { flag: { enum: [true] } })],
    ['a limit that says nothing', (one) => Object.assign(one.properties.note, { minLength: 0 })],
    ['the type as a list of one', (one) => Object.assign(one.properties.note, { type: ['string'] })],
    ['that other members are allowed, said aloud', (one) => Object.assign(one, { additionalProperties: true })],
  ])('finds nothing in a change of %s', (_, edit) => {
    expect(findBreakingChanges(BASE, edited(edit))).toEqual([]);
    expect(findBreakingChanges(edited(edit), BASE)).toEqual([]);
  });
});

function renameItem(schema: Parameters<Edit>[0]): void {
  Object.assign(schema.$defs, { pair: schema.$defs.item });
  remove(schema.$defs, 'item');
  schema.properties.items.items.$ref = '#/$defs/pair';
}
