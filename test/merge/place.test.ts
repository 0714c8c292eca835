import { describe, expect, test } from 'vitest';
import type { EntryKind } from '../../ts/merge/entry.ts';
import { hostOf, placeOf, pointerOf, privateParts, publicPlace } from '../../ts/merge/place.ts';
import { storageKeyIdentity } from '../../ts/session/identity.ts';

const origin = 'https://app.example:8443';
const key = storageKeyIdentity({ origin, topLevelSite: 'https://top.example' });

const places: [EntryKind, readonly string[], { origin: string | null; host: string | null; name: string; hostOnly?: boolean }][] = [
  ['header', ['name'], { origin: null, host: null, name: 'name' }],
  ['cookie', ['app.example', '/', 'sid', 'host-only', ''], { origin: null, host: 'app.example', hostOnly: true, name: 'sid' }],
  ['cookie', ['app.example', '/', 'sid', 'domain', ''], { origin: null, host: 'app.example', hostOnly: false, name: 'sid' }],
  ['origin', [key], { origin, host: 'app.example', name: '' }],
  ['localStorage', [key, 'item'], { origin, host: 'app.example', name: 'item' }],
  ['database', [key, 'db'], { origin, host: 'app.example', name: 'db' }],
  ['record', [key, 'db', 'store', 'k'], { origin, host: 'app.example', name: 'db/store' }],
  ['cacheEntry', [key, 'v1', 'GET', 'https://app.example/', ''], { origin, host: 'app.example', name: 'v1' }],
  ['file', [key, 'a/b'], { origin, host: 'app.example', name: 'a/b' }],
  ['tab', ['t1'], { origin: null, host: null, name: '' }],
  ['sessionStorage', ['t1', key, 'item'], { origin, host: 'app.example', name: 'item' }],
  ['permission', ['https://app.example', 'camera'], { origin: 'https://app.example', host: 'app.example', name: 'camera' }],
  ['credential', ['app.example', 'id'], { origin: null, host: 'app.example', name: '' }],
  ['ttl', ['session'], { origin: null, host: null, name: '' }],
];

test.each(places)('a %s of %j has its place', (kind, path, expected) => {
  expect(placeOf(kind, path)).toEqual(expected);
  expect(hostOf(kind, path)).toBe(expected.host);
});

describe('paths that nobody writes', () => {
  test.each(['', 'no JSON', '{}', '[1]', '["null"]'])('a storage key of %j has no host', (text) => {
    expect(placeOf('localStorage', [text, 'x']).host).toBeNull();
  });

  test('a path that is too short has a place', () => {
    const kinds = [...new Set(places.map(([kind]) => kind))];
    expect(kinds.map((kind) => placeOf(kind, []).host)).toEqual(kinds.map(() => null));
  });
});

describe('what may be shown', () => {
  const key = '["https://app.example",null,false,null]';

  test('the names that sites give are, what people type and servers tell is not', () => {
    const shown: [EntryKind, string[], string, string][] = [
      ['cookie', ['app.example', '/', 'sid', 'host-only', ''], 'app.example', 'sid'],
      ['localStorage', [key, 'cart'], 'https://app.example', 'cart'],
      ['record', [key, 'db', 'people', 'ada'], 'https://app.example', 'db/people'],
      ['cacheEntry', [key, 'pages', 'GET', 'https://app.example/ada', ''], 'https://app.example', 'pages'],
      ['serviceWorker', [key, 'https://app.example/ada'], 'https://app.example', ''],
      ['credential', ['app.example', 'YWRh'], 'app.example', ''],
    ];
    for (const [kind, path, place, name] of shown) expect(publicPlace(kind, path)).toEqual({ place, name });
  });

  test('a rule for an entry hides what the entry does; kinds that there are not hide nothing', () => {
    expect(privateParts('ttl', ['entry', 'record', key, 'db', 'people', 'ada'])).toEqual([5]);
    expect(privateParts('ttl', ['session'])).toEqual([]);
    for (const kind of ['constructor', '__proto__', '']) expect(privateParts(kind as EntryKind, ['x'])).toEqual([]);
    expect(privateParts('ttl', ['entry', 'constructor'])).toEqual([]);
  });
});

test('different entries have different pointers', () => {
  const paths = [['a', 'b'], ['a/b'], ['a~1b'], ['a~', '1b'], ['a', '', 'b'], ['a', 'b', '']];
  expect(new Set(paths.map((path) => pointerOf('file', path))).size).toBe(paths.length);
  expect(pointerOf('file', ['a/b', 'c~d'])).toBe('/file/a~1b/c~0d');
});
