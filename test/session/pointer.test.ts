/** Pointers: RFC 6901, and no name in them that may be a value. */
import { expect, test } from 'vitest';
import { fromDocuments, type HeaderDocument, type StateDocument } from '../../ts/session/document.ts';
import { toPointer } from '../../ts/session/pointer.ts';
import { section } from '../../ts/session/session.ts';

test.each<[readonly (string | number)[], string]>([
  [[], ''],
  [['cookies', 0, 'name'], '/cookies/0/name'],
  [['a/b', '~', '~1', ''], '/a~1b/~0/~01/'],
  [['a', 'x'.repeat(64), 'b'], `/a/${'x'.repeat(64)}/b`],
  [['a', 'x'.repeat(65), 'b'], '/a'],
  [['x'.repeat(65)], ''],
])('of %j', (path, pointer) => {
  expect(toPointer(path)).toBe(pointer);
});

test('a reference below a long name that no version knows is resolved at a pointer that ends before the name', () => {
  const secret = 'S3CRET'.repeat(20);
  const header = { psp: '2.0', id: 'i', createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-01-01T00:00:00.000Z', sections: [] };
  const state = { cookies: [], mine: { short: { $section: 's0' }, [secret]: { $section: 's1' } } };
  const asked: string[] = [];
  fromDocuments(header as unknown as HeaderDocument, state as unknown as StateDocument, ({ $section }, pointer, kind) => {
    asked.push(`${$section} ${pointer} ${kind}`);
    return section(new Uint8Array(0), 'x/y');
  });
  expect(asked.sort()).toEqual(['s0 /mine/short null', 's1 /mine null']);
});
