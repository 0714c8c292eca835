/**
 * The generated validator against the published schema: every rule of `schema/session-1.0.json` is broken once, by walking the schema itself, and
 * must be named with its pointer. Then what it must never do: quote a value, or evaluate a string.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { inspect, promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, describe, expect, test } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import { assertHeader, assertState } from '../../ts/session/validate.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'psp-validate-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SECRET = 'S3CRET';
const TIME = '2026-01-02T03:04:05.006Z';
const SHA256 = '0123456789abcdef'.repeat(4);
const KEY = { origin: 'https://app.example', topLevelSite: 'https://top.example' };

/** Valid, with every member that the schema knows and at least one of everything; secrets wherever text is free, in values and in unknown names. */
const HEADER = {
  psp: '1.0',
  id: `${SECRET}-id`,
  incarnation: SECRET,
  revision: 3,
  name: SECRET,
  createdAt: TIME,
  updatedAt: TIME,
  expiresAt: TIME,
  source: { tool: SECRET, browser: SECRET, [`${SECRET}=1; Path=/`]: SECRET },
  state: { length: 10, sha256: SHA256, [SECRET]: SECRET },
  sections: [{ id: 's0', kind: SECRET, mediaType: SECRET, offset: 0, length: 4, rawLength: 3, sha256: SHA256, [SECRET]: SECRET }],
  [`__Host-sid=${SECRET}`]: SECRET,
};
const STATE = {
  coverage: {
    cookies: 'complete',
    tabs: 'partial',
    storage: [{ key: KEY, localStorage: 'unvisited', indexedDB: 'complete', [SECRET]: SECRET }],
    [SECRET]: SECRET,
  },
  cookies: [
    {
      name: `__Host-${SECRET}`,
      value: SECRET,
      domain: `${SECRET}.example`,
      hostOnly: true,
      path: `/${SECRET}`,
      secure: true,
      httpOnly: true,
      sameSite: 'lax',
      expiresAt: TIME,
      priority: 'high',
      sourceScheme: 'secure',
      sourcePort: 443,
      partitionKey: { topLevelSite: `https://${SECRET}.example`, hasCrossSiteAncestor: false, [SECRET]: SECRET },
      [`sid=${SECRET}`]: SECRET,
    },
  ],
  storage: [
    {
      key: { ...KEY, origin: `https://${SECRET}.example` },
      localStorage: [[`token-${SECRET}`, SECRET]],
      indexedDB: [
        {
          name: SECRET,
          version: 1,
          stores: [
            {
              name: SECRET,
              keyPath: [SECRET, 'b'],
              autoIncrement: true,
              keyGenerator: 2,
              indexes: [{ name: SECRET, keyPath: SECRET, unique: false, multiEntry: true, [SECRET]: SECRET }],
              recordCount: 1,
              records: { $section: 's0', [SECRET]: SECRET },
              [SECRET]: SECRET,
            },
          ],
          [SECRET]: SECRET,
        },
      ],
      [SECRET]: SECRET,
    },
  ],
  tabs: [
    { id: SECRET, url: `https://app.example/?code=${SECRET}`, sessionStorage: [{ key: KEY, items: [[SECRET, SECRET]] }], [SECRET]: SECRET },
  ],
  [SECRET]: SECRET,
};

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
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

const published = JSON.parse(readFileSync(`${root}schema/session-1.0.json`, 'utf8')) as { $defs: Record<string, Schema> };
const KNOWN_KEYWORDS = new Set(
  '$ref type enum anyOf required properties items prefixItems pattern minLength maxLength minimum maximum minItems maxItems description'.split(
    ' ',
  ),
);

/** A place, the rule that is broken there, and what is put there; `undefined` takes the member away. */
interface Broken {
  readonly at: readonly (string | number)[];
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
};

function* breakEvery(schema: Schema, sample: unknown, at: readonly (string | number)[]): IterableIterator<Broken> {
  for (const keyword of Object.keys(schema)) expect(KNOWN_KEYWORDS).toContain(keyword);
  if (schema.$ref !== undefined) return yield* breakEvery(published.$defs[schema.$ref.replace('#/$defs/', '')] as Schema, sample, at);
  const broken = (rule: string, value: unknown, ...rest: string[]): Broken => ({
    at: [...at, ...rest],
    pointer: pointerOf([...at, ...rest]),
    rule,
    value,
  });
  if (schema.anyOf !== undefined) {
    yield broken('type', 0.5);
    // null is the first branch; what is left takes its turn with a sample of its own kind.
    for (const branch of schema.anyOf) if (branch.type !== 'null') yield* withoutType(branch, sampleFor(branch, sample), at);
    return;
  }
  if (schema.type !== undefined) yield broken('type', schema.type === 'string' ? { [SECRET]: SECRET } : SECRET);
  if (schema.type === 'object') yield broken('type', [SECRET]);
  if (schema.type === 'integer') yield broken('type', 0.5);
  if (schema.type !== undefined) yield broken('type', null);
  if (schema.enum !== undefined) for (const value of [SECRET, null, 0, `${schema.enum[0]} `]) yield broken('enum', value);
  if (schema.maxLength !== undefined) yield broken('maxLength', SECRET.padEnd(schema.maxLength + 1, 'x'));
  if (schema.minLength !== undefined) yield broken('minLength', 'x'.repeat(schema.minLength - 1));
  for (const value of schema.pattern === undefined ? [] : (REFUSED[schema.pattern] ?? [Number.NaN])) yield broken('pattern', value);
  if (schema.minimum !== undefined) yield broken('minimum', schema.minimum - 1);
  if (schema.maximum !== undefined) yield broken('maximum', schema.maximum >= 2 ** 53 - 1 ? schema.maximum + 2 : schema.maximum + 1);
  if (schema.maxItems !== undefined) yield broken('maxItems', new Array(schema.maxItems + 1).fill(SECRET));
  if (schema.minItems !== undefined) yield broken('minItems', new Array(schema.minItems - 1).fill(SECRET));
  for (const name of schema.required ?? []) yield broken('required', undefined, name);
  const members = Object.entries(schema.properties ?? {});
  for (const [name, member] of members) yield* breakEvery(member, child(sample, name), [...at, name]);
  for (const [i, item] of (schema.prefixItems ?? []).entries()) yield* breakEvery(item, child(sample, i), [...at, i]);
  if (schema.items !== undefined) yield* breakEvery(schema.items, child(sample, 0), [...at, 0]);
}

/** The rules of one branch of a choice; its type is broken only together with that of the others. */
function* withoutType(branch: Schema, sample: unknown, at: readonly (string | number)[]): IterableIterator<Broken> {
  for (const broken of breakEvery(branch, sample, at)) if (broken.rule !== 'type' || broken.at.length > at.length) yield broken;
}

function sampleFor(branch: Schema, sample: unknown): unknown {
  return branch.type === 'array' && !Array.isArray(sample) ? [SECRET] : sample;
}

function child(sample: unknown, name: string | number): unknown {
  const value = (sample as Record<string | number, unknown>)[name];
  expect(value, `the sample lacks ${name}`).toBeDefined();
  return value;
}

function pointerOf(at: readonly (string | number)[]): string {
  return at.map((part) => `/${part}`).join('');
}

/** A copy of `document` with `value` in its place. */
function replace(document: unknown, [name, ...rest]: readonly (string | number)[], value: unknown): unknown {
  if (name === undefined) return value;
  if (Array.isArray(document)) return document.map((item, i) => (i === name ? replace(item, rest, value) : item));
  const before = document as Record<string, unknown>;
  // Where a choice has the other branch in the sample, the branch under test takes its place.
  const inner = typeof before[name] === 'string' && rest.length > 0 ? [SECRET] : before[name];
  const copy = { ...before, [name]: replace(inner, rest, value) };
  if (rest.length === 0 && value === undefined) delete copy[name];
  return copy;
}

type Part = 'header' | 'state';
const PARTS = {
  header: { document: HEADER as unknown, check: assertHeader },
  state: { document: STATE as unknown, check: (state: unknown) => assertState(state, '1.0') },
} as const;

function failureOf(part: Part, document: unknown): PspError {
  try {
    PARTS[part].check(document);
  } catch (error) {
    if (error instanceof PspError) return error;
    throw error;
  }
  throw new Error('the document was accepted');
}

describe.each(['header', 'state'] as const)('the schema of the %s', (part) => {
  const { document, check } = PARTS[part];
  const all = [...breakEvery(published.$defs[part] as Schema, document, [])];

  test('accepts the sample, with unknown members and free text everywhere', () => {
    expect(() => check(document)).not.toThrow();
  });

  test('every rule, broken, is named with its exact place', () => {
    const wrong: unknown[] = [];
    for (const { at, pointer, rule, value } of all) {
      const { code, details, message } = failureOf(part, replace(document, at, value));
      const named = message === `session ${part}: ${pointer === '' ? 'the document' : pointer} breaks the rule "${rule}"`;
      if (!named || code !== 'SESSION_INVALID' || details['pointer'] !== pointer || details['rule'] !== rule || details['part'] !== part) {
        wrong.push({ expected: { pointer, rule }, code, details, message });
      }
    }
    expect(wrong).toEqual([]);
    expect(all.length).toBeGreaterThan(part === 'header' ? 100 : 200);
  });

  test('no error quotes the document: not in its message, its details, its stack or its cause', () => {
    for (const { at, value } of all) {
      const error = failureOf(part, replace(document, at, value));
      expect(error.message + error.stack + JSON.stringify(error.details)).not.toContain(SECRET);
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET);
    }
  });

  test('optional members may be absent, and only they', () => {
    const optional: Readonly<Record<Part, readonly (readonly (string | number)[])[]>> = {
      header: [['name'], ['expiresAt'], ['source', 'browser']],
      state: [
        ['cookies', 0, 'priority'],
        ['cookies', 0, 'sourceScheme'],
        ['cookies', 0, 'sourcePort'],
        ['storage', 0, 'indexedDB', 0, 'stores', 0, 'keyGenerator'],
        ['storage', 0, 'indexedDB', 0, 'stores', 0, 'records'],
      ],
    };
    const required = new Set(all.filter(({ rule }) => rule === 'required').map(({ pointer }) => pointer));
    for (const at of optional[part]) {
      expect(() => check(replace(document, at, undefined))).not.toThrow();
      expect(required).not.toContain(pointerOf(at));
    }
  });

  test.each([[undefined], [null], [[]], ['x'], [1], [true]])('a document that is %j is refused as a whole', (value) => {
    expect(failureOf(part, value).details).toEqual({ part, pointer: '', rule: 'type' });
  });
});

/** Written out by hand, so that the walk above cannot agree with a mistake of its own. */
test.each<[Part, readonly (string | number)[], unknown, string, string]>([
  ['header', ['psp'], '1', '/psp', 'pattern'],
  ['header', ['id'], '', '/id', 'minLength'],
  ['header', ['revision'], -1, '/revision', 'minimum'],
  ['header', ['revision'], 2 ** 53, '/revision', 'maximum'],
  ['header', ['createdAt'], undefined, '/createdAt', 'required'],
  ['header', ['source', 'tool'], undefined, '/source/tool', 'required'],
  ['header', ['sections', 0, 'sha256'], 'A'.repeat(64), '/sections/0/sha256', 'pattern'],
  ['state', ['cookies', 0, 'domain'], '.example', '/cookies/0/domain', 'pattern'],
  ['state', ['cookies', 0, 'expiresAt'], '2026-01-02', '/cookies/0/expiresAt', 'pattern'],
  ['state', ['cookies', 0, 'expiresAt'], 5, '/cookies/0/expiresAt', 'type'],
  ['state', ['cookies', 0, 'sameSite'], 'Lax', '/cookies/0/sameSite', 'enum'],
  ['state', ['cookies', 0, 'partitionKey'], {}, '/cookies/0/partitionKey/topLevelSite', 'required'],
  ['state', ['cookies', 0, 'partitionKey', 'topLevelSite'], '', '/cookies/0/partitionKey/topLevelSite', 'minLength'],
  ['state', ['storage', 0, 'key', 'origin'], 'https://a/', '/storage/0/key/origin', 'pattern'],
  ['state', ['storage', 0, 'localStorage', 0], ['a'], '/storage/0/localStorage/0', 'minItems'],
  ['state', ['storage', 0, 'localStorage', 0, 1], 1, '/storage/0/localStorage/0/1', 'type'],
  ['state', ['storage', 0, 'indexedDB', 0, 'version'], 0, '/storage/0/indexedDB/0/version', 'minimum'],
  ['state', ['storage', 0, 'indexedDB', 0, 'stores', 0, 'keyPath'], [], '/storage/0/indexedDB/0/stores/0/keyPath', 'minItems'],
  ['state', ['storage', 0, 'indexedDB', 0, 'stores', 0, 'keyPath', 1], 5, '/storage/0/indexedDB/0/stores/0/keyPath/1', 'type'],
  ['state', ['storage', 0, 'indexedDB', 0, 'stores', 0, 'records'], {}, '/storage/0/indexedDB/0/stores/0/records/$section', 'required'],
  ['state', ['tabs', 0, 'sessionStorage', 0, 'items'], {}, '/tabs/0/sessionStorage/0/items', 'type'],
])('%s %j breaks at %s %s', (part, at, value, pointer, rule) => {
  expect(failureOf(part, replace(PARTS[part].document, at, value)).details).toEqual({ part, pointer, rule });
});

test('a check leaves nothing behind: a valid document is accepted after an invalid one, and the other way round', () => {
  failureOf('state', {});
  expect(() => assertState(STATE, '1.0')).not.toThrow();
  expect(failureOf('state', replace(STATE, ['tabs'], 1)).details['pointer']).toBe('/tabs');
});

describe('generated files', () => {
  test.each(['build-validator', 'build-page'])('what scripts/%s.mjs generates is what is committed', async (script) => {
    await expect(run(execPath, [`${root}scripts/${script}.mjs`, '--check'])).resolves.toMatchObject({ stderr: '' });
  });
});

describe('the validator as a bundle', () => {
  async function bundle(contents: string): Promise<Uint8Array> {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: root, loader: 'ts' },
      bundle: true,
      write: false,
      format: 'esm',
      target: 'es2022',
      minify: true,
    });
    return outputFiles[0]?.contents ?? new Uint8Array();
  }

  test('runs where evaluating strings is not allowed', async () => {
    const file = join(folder, 'strict.mjs');
    const script = `
      import { assertState, validateDocument } from './ts/session/validate.ts';
      const attempt = (call) => { try { call(); return 'fine'; } catch (error) { return error.code ?? error.name; } };
      console.log(attempt(() => new Function('1')), attempt(() => assertState(${JSON.stringify(STATE)})), attempt(() => assertState({})),
        attempt(() => { if (validateDocument(${JSON.stringify(HEADER)}, ${JSON.stringify(STATE)}).length === 0) throw new TypeError(); }));
    `;
    writeFileSync(file, await bundle(script));
    const { stdout } = await run(execPath, ['--disallow-code-generation-from-strings', file]);
    expect(stdout.trim()).toBe('EvalError fine SESSION_INVALID fine');
  });

  test('is at most 16 KB, compressed', async () => {
    const code = await bundle("export { assertHeader, assertState, validateDocument } from './ts/session/validate.ts';");
    const compressed = gzipSync(code).length;
    expect(code.length).toBeGreaterThan(5_000);
    expect(compressed).toBeLessThanOrEqual(16 * 1024);
    console.log(`validator: ${code.length} bytes minified, ${compressed} compressed`);
  });
});
