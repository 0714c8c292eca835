/** Strict parsing: what the platform forgives is found, with its place, and nothing of the text gets into a message. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explainIssues, hasError } from '../../ts/session/issue.ts';
import { type ParseLimits, parseJson } from '../../ts/session/json.ts';

const SECRET = 'S3CRET';
const parse = (text: string, limits?: ParseLimits) => parseJson(new TextEncoder().encode(text), limits);
const found = (text: string, limits?: ParseLimits) =>
  parse(text, limits).issues.map(({ code, pointer, severity }) => `${severity} ${code} ${pointer}`);

describe('a text is refused', () => {
  test.each([
    ['empty', ''],
    ['white space', '  \n'],
    ['cut', `{"a":"${SECRET}"`],
    ['followed by more', `{"a":1}${SECRET}`],
    ['a comment', `/* ${SECRET} */{}`],
    ['a trailing comma', `["${SECRET}",]`],
    ['single quotes', `{'${SECRET}':1}`],
    ['a control character in a string', `"${SECRET}\n"`],
    ['NaN', `{"${SECRET}":NaN}`],
    ['a byte order mark', `\ufeff{"a":"${SECRET}"}`],
  ])('%s', (_, text) => {
    const { value, issues } = parse(text);
    expect(value).toBeUndefined();
    expect(issues).toMatchObject([{ code: 'invalid-json', pointer: '', stage: 'parse', severity: 'error' }]);
    expect(JSON.stringify(issues)).not.toContain(SECRET);
  });

  test.each([
    ['a stray continuation byte', [0x80]],
    ['an overlong form', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['cut inside a character', [0xe2, 0x82]],
  ])('%s in UTF-8', (_, bytes) => {
    const { value, issues } = parseJson(Uint8Array.of(0x22, ...bytes, 0x22));
    expect(value).toBeUndefined();
    expect(issues).toMatchObject([{ code: 'invalid-utf8', pointer: '' }]);
  });
});

describe('what the platform forgives', () => {
  test.each([
    ['{"a":1,"a":2}', ['error duplicate-member /a']],
    ['{"a":{"b":[0,{"c":1,"d":2,"c":3}]}}', ['error duplicate-member /a/b/1/c']],
    ['{"a":1,"\\u0061":2}', ['error duplicate-member /a']],
    ['{"a/b":1,"~":{"x":1,"x":2},"a/b":2}', ['error duplicate-member /~0/x', 'error duplicate-member /a~1b']],
    ['{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}', []],
    ['{"a":"a","b":["a","a"]}', []],
    ['{"a":"\\"a\\":1,\\"a\\":2"} ', []],
    ['[1e400]', ['error number-not-finite /0']],
    ['{"a":-1E+999}', ['error number-not-finite /a']],
    ['{"a":9007199254740993}', ['warning number-inexact /a']],
    ['{"a":[0,0.12345678901234567890123]}', ['warning number-inexact /a/1']],
    ['{"a":1e-400}', ['warning number-inexact /a']],
    ['[1.0,-0,1E2,0.1,100000000000000000000,1e21,9007199254740992,5e-324,-1.50e-7]', []],
    ['{"__proto__":{"polluted":true}}', ['notice prototype-member /__proto__']],
    ['{"a":{"b":{}}, "c":[[[]]]}', []],
  ])('%s', (text, expected) => {
    expect(found(text)).toEqual(expected);
  });

  test('the name of a duplicate that is long is not in the pointer', () => {
    const name = SECRET.repeat(20);
    expect(found(`{"a":{"${name}":1,"${name}":2}}`)).toEqual(['error duplicate-member /a']);
    // Nor is the one of something around it.
    expect(found(`{"a":{"${name}":{"b":1,"b":2}}}`)).toEqual(['error duplicate-member /a']);
    expect(found(`{"a":{"${name}":[1e400]}}`)).toEqual(['error number-not-finite /a']);
  });

  test('__proto__ is an own member of the value, and nobody’s prototype', () => {
    const { value } = parse('{"a":{"__proto__":{"polluted":true}}}');
    const inner = (value as { a: object }).a;
    expect(Object.keys(inner)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(inner)).toBe(Object.prototype);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('limits', () => {
  test('depth, with the place of the first container that is too deep', () => {
    expect(found('[[[]]]', { maxDepth: 3 })).toEqual([]);
    expect(found('{"a":[0,[]]}', { maxDepth: 2 })).toEqual(['error too-deep /a/1']);
    expect(found('['.repeat(100_000) + ']'.repeat(100_000))).toEqual([`error too-deep ${'/0'.repeat(100)}`]);
    expect(hasError(parse('{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000)).issues)).toBe(true);
  });

  test('size, before anything is read', () => {
    expect(found('"12345678"', { maxBytes: 9 })).toEqual(['error too-large ']);
    expect(found('"1234567"', { maxBytes: 9 })).toEqual([]);
    // More than a string holds, whatever the caller allows. Only the length is looked at.
    const endless = Object.create(Uint8Array.prototype, { length: { value: 2 ** 29 } }) as Uint8Array;
    expect(parseJson(endless, { maxBytes: 2 ** 31 }).issues).toMatchObject([{ code: 'too-large', severity: 'error' }]);
  });

  test('items of one array and members of one object', () => {
    expect(found('{"a":[1,2,3]}', { maxItems: 3 })).toEqual([]);
    expect(found('{"a":[1,2,3,4]}', { maxItems: 3 })).toEqual(['error too-many-items /a']);
    expect(found('{"a":1,"b":2}', { maxItems: 1 })).toEqual(['error too-many-items ']);
  });

  test('a depth that the caller allows costs no stack', () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000);
    expect(found(deep, { maxDepth: 200_000 })).toEqual([]);
    expect(found(deep, { maxDepth: 199_999 }).length).toBe(1);
    expect(found('{"a":'.repeat(600) + '{"x":1,"x":2}' + '}'.repeat(600), { maxDepth: 1000 })).toEqual([
      `error duplicate-member ${'/a'.repeat(600)}/x`,
    ]);
  });

  test('a long name costs its length once, not once for each member below it', () => {
    // The fraction asks for a scan. With a pointer for each member this is 300 GB of names.
    const members = Array.from({ length: 100_000 }, (_, i) => `"k${i}":0.5`).join();
    expect(found(`{"${'x'.repeat(3_000_000)}":{${members},"k0":1}}`)).toEqual(['error duplicate-member ']);
  });

  test('issues: a hostile text costs no memory', () => {
    const { issues } = parse(`{${new Array(10_000).fill('"a":1').join(',')}}`, { maxIssues: 5 });
    expect(issues.length).toBeLessThanOrEqual(6);
    expect(hasError(issues)).toBe(true);
  });
});

test('any JSON value is read as the platform reads it, without an issue, however it is spaced', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 1, '\t'), (value, space) => {
      const text = JSON.stringify(value, null, space);
      const parsed = parse(text);
      expect(parsed.value).toEqual(JSON.parse(text));
      expect(parsed.issues.filter(({ severity }) => severity !== 'notice')).toEqual([]);
    }),
  );
});

test('a member put in twice anywhere is found', () => {
  const nested = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3 },
      fc.integer(),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(fc.string(), tie('node'), { maxKeys: 3 }),
    ),
  })).node;
  fc.assert(
    fc.property(nested, fc.string(), (value, name) => {
      const member = JSON.stringify(name);
      expect(found(`{"x":[${JSON.stringify(value)},{${member}:1,"y${name.length}":2,${member}:3}]}`).join()).toContain(
        'duplicate-member /x/1',
      );
    }),
  );
});

test('issues are explained one a line, errors first, and cannot steer a terminal', () => {
  const text = explainIssues(parse('{"n":9007199254740993,"\\u001b[2J":1,"\\u001b[2J":2}').issues);
  expect(text.split('\n')).toEqual([
    'error parse duplicate-member at /\\u{1b}[2J: a member with this name is there already',
    'warning parse number-inexact at /n: has more digits than a double can hold',
  ]);
  expect(explainIssues([])).toBe('');
});
