/**
 * The generated validator against the published schemas: every rule of every version is broken once, by walking the schema itself, and must be named
 * with its pointer. Then what it must never do: quote a value, or evaluate a string.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
import { HEADER_1, HEADER_2, SECRET, STATE_1, STATE_2 } from './schema-sample.ts';
import { breakEvery, pointerOf, replace } from './schema-walk.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'psp-validate-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Part = 'header' | 'state';
type Version = '1.0' | '2.0';
const SAMPLES = { '1.0': { header: HEADER_1, state: STATE_1 }, '2.0': { header: HEADER_2, state: STATE_2 } } as const;

function check(version: Version, part: Part, document: unknown): void {
  if (part === 'header') assertHeader(document, version);
  else assertState(document, version);
}

function failureOf(version: Version, part: Part, document: unknown): PspError {
  try {
    check(version, part, document);
  } catch (error) {
    if (error instanceof PspError) return error;
    throw error;
  }
  throw new Error('the document was accepted');
}

describe.each([
  ['1.0', 'header', 100],
  ['1.0', 'state', 200],
  ['2.0', 'header', 110],
  ['2.0', 'state', 700],
] as const)('schema %s of the %s', (version, part, atLeast) => {
  const document = SAMPLES[version][part];
  const all = breakEvery(version, part, document);

  test('accepts the sample, with unknown members and free text everywhere', () => {
    expect(() => check(version, part, document)).not.toThrow();
  });

  test('every rule, broken, is named with its exact place', () => {
    const wrong: unknown[] = [];
    for (const { at, pointer, rule, value } of all) {
      const { code, details, message } = failureOf(version, part, replace(document, at, value));
      const named = message === `session ${part}: ${pointer === '' ? 'the document' : pointer} breaks the rule "${rule}"`;
      if (!named || code !== 'SESSION_INVALID' || details['pointer'] !== pointer || details['rule'] !== rule || details['part'] !== part) {
        wrong.push({ expected: { pointer, rule }, code, details, message });
      }
    }
    expect(wrong).toEqual([]);
    expect(all.length).toBeGreaterThan(atLeast);
  });

  test('no error quotes the document: not in its message, its details, its stack or its cause', () => {
    for (const { at, value } of all) {
      const error = failureOf(version, part, replace(document, at, value));
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
      expect(() => check(version, part, replace(document, at, undefined))).not.toThrow();
      expect(required).not.toContain(pointerOf(at));
    }
  });

  test.each([[undefined], [null], [[]], ['x'], [1], [true]])('a document that is %j is refused as a whole', (value) => {
    expect(failureOf(version, part, value).details).toEqual({ part, pointer: '', rule: 'type' });
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
  expect(failureOf('1.0', part, replace(SAMPLES['1.0'][part], at, value)).details).toEqual({ part, pointer, rule });
});

test('a check leaves nothing behind: a valid document is accepted after an invalid one, and the other way round', () => {
  failureOf('1.0', 'state', {});
  expect(() => assertState(STATE_1, '1.0')).not.toThrow();
  expect(failureOf('1.0', 'state', replace(STATE_1, ['tabs'], 1)).details['pointer']).toBe('/tabs');
});

test('a header of another major version is refused by its version, with both named, and not by a list of members', () => {
  const refusal = { code: 'SESSION_UNSUPPORTED_VERSION', details: { found: '99.0', supported: '1.0, 2.0' } };
  expect(() => assertHeader({ ...HEADER_1, psp: '99.0', id: 5 })).toThrow(expect.objectContaining(refusal));
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
      console.log(attempt(() => new Function('1')), attempt(() => assertState(${JSON.stringify(STATE_1)})), attempt(() => assertState({})),
        attempt(() => { if (validateDocument(${JSON.stringify(HEADER_1)}, ${JSON.stringify(STATE_1)}).length === 0) throw new TypeError(); }));
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
