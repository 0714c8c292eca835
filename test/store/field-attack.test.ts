/** Sealed fields against someone who can change the file: whatever is done to it ends in one coded error, and in no session. */

import { describe, expect, it } from 'vitest';
import { generateKey } from '../../ts/envelope/envelope.ts';
import { MAX_FIELD_FILE_BYTES, MAX_FIELD_HEADER_BYTES } from '../../ts/envelope/field-text.ts';
import { PspError, type PspErrorCode } from '../../ts/errors.ts';
import { section } from '../../ts/session/session.ts';
import { openFields, sealFields } from '../../ts/store/field-file.ts';
import { compareFields, peekFields } from '../../ts/store/field-peek.ts';
import { bytesOf, FULL_SESSION } from '../blob/fixture.ts';
import { codeOf, failureOf, flip, keyOf } from '../envelope/fixture.ts';
import { showingsOfError } from '../envelope/leak.ts';
import { CONTEXT, cookieOf, edited, KEY, linesOf, reauthenticated, SMALL, textOfFile } from './field-fixture.ts';

const FILE = await sealFields(SMALL, KEY, CONTEXT);
const open = (file: Uint8Array): Promise<unknown> => openFields(file, KEY, CONTEXT);
/** What a file that no longer fits its key and form may end with. */
const REFUSALS: ReadonlySet<PspErrorCode> = new Set([
  ...(['ENVELOPE_NOT_SEALED', 'ENVELOPE_TRUNCATED', 'ENVELOPE_UNSUPPORTED_VERSION', 'ENVELOPE_MALFORMED', 'ENVELOPE_LIMIT'] as const),
  ...(['KEY_UNKNOWN', 'KEY_WRONG', 'ENVELOPE_TAMPERED'] as const),
]);

/** The line that `pattern` finds, changed. */
const editLine =
  (pattern: RegExp, edit: (line: string) => string) =>
  (text: string): string =>
    text
      .split('\n')
      .map((line) => (pattern.test(line) ? edit(line) : line))
      .join('\n');

const sealedIn = (line: string): string => /"\$sealed":"([^"]*)"/.exec(line)?.[1] ?? '';

describe('every byte', () => {
  it.each([0x01, 0x20, 0x80, 0xff])('flipped by %i is refused', async (mask) => {
    for (let at = 0; at < FILE.length; at++) {
      const error = await failureOf(() => open(flip(FILE, at, mask)));
      if (!REFUSALS.has(error.code)) expect.fail(`byte ${at}: ${error.code}`);
    }
  });

  it('taken away is refused, and so is one that is put in', async () => {
    for (let at = 0; at <= FILE.length; at++) {
      for (const put of [[], [0x20], [0x0a], [0x30]]) {
        const file = Uint8Array.from([...FILE.subarray(0, at), ...put, ...FILE.subarray(put.length === 0 ? at + 1 : at)]);
        if (put.length === 0 && at === FILE.length) continue;
        // A byte among equal ones: nothing changed.
        if (Buffer.from(file).equals(FILE)) continue;
        if (!REFUSALS.has((await failureOf(() => open(file))).code)) expect.fail(`byte ${at}, ${put}`);
      }
    }
  });

  it('from some place on cut off is refused, and called truncated', async () => {
    for (let length = 0; length < FILE.length; length++) {
      const expected = length < 9 ? 'ENVELOPE_NOT_SEALED' : 'ENVELOPE_TRUNCATED';
      expect(await codeOf(() => open(FILE.subarray(0, length)))).toBe(expected);
    }
  });
});

describe('a file is tampered when', () => {
  const [sid, csrf] = linesOf(FILE).filter((line) => line.includes('"hostOnly"')) as [string, string];

  it.each<[string, (text: string) => string]>([
    [
      'two sealed values are swapped',
      (text) => text.replace(sealedIn(sid), '#').replace(sealedIn(csrf), sealedIn(sid)).replace('#', sealedIn(csrf)),
    ],
    ['a sealed value stands twice', (text) => text.replace(sealedIn(csrf), sealedIn(sid))],
    ['a sealed value moves to another kind of entry', editLine(/"token"/, (line) => line.replace(sealedIn(line), sealedIn(sid)))],
    ['an entry is deleted', (text) => text.replace(`${sid}\n`, '')],
    ['an entry is added', (text) => text.replace(sid, `${sid}\n${sid.replace('"sid"', '"sid2"')}`)],
    ['two entries change places', (text) => text.replace(`${sid}\n${csrf}`, `${csrf},\n${sid.slice(0, -1)}`)],
    ['an expiry is extended', (text) => text.replace('2026-01-01T00', '2036-01-01T00')],
    ['an expiry is taken away', (text) => text.replace('"2026-01-01T00:00:00.000Z"', 'null')],
    ['a name is changed', (text) => text.replace('"name":"csrf"', '"name":"xsrf"')],
    ['a domain is changed', (text) => text.replace('"domain":"app.example"', '"domain":"evil.example"')],
    ['a flag is changed', (text) => text.replace('"httpOnly":true', '"httpOnly":false')],
    ['the readable part of a URL is changed', (text) => text.replace('"clear":"https://app.example"', '"clear":"https://evil.example"')],
    ['the revision is changed', (text) => text.replace('"revision":1', '"revision":2')],
    ['a line end is another one', (text) => text.replaceAll('",\n', '",\r\n')],
    ['a character is spelled as an escape', (text) => text.replace('"theme"', '"them\\u0065"')],
    ['a value is put where it was sealed', editLine(/"theme"/, (line) => line.replace(/\{.*\}/, '"plain"'))],
    ['an indent is wider', (text) => text.replace('\n  "cookies"', '\n   "cookies"')],
    ['its manifest is another one', (text) => text.replace(/"manifest":"..../, '"manifest":"AAAA')],
  ])('%s', async (_, edit) => {
    expect(await codeOf(() => open(edited(FILE, edit)))).toBe('ENVELOPE_TAMPERED');
  });

  it('its manifest, its header line or its lines are those of another file, or of an older version of itself', async () => {
    const other = await sealFields(SMALL, KEY, CONTEXT);
    const newer = await sealFields({ ...SMALL, cookies: [cookieOf('sid', 'new'), SMALL.cookies[1]!] }, KEY, CONTEXT, { previous: FILE });
    for (const donor of [other, newer]) {
      const [mine, theirs] = [linesOf(FILE), linesOf(donor)];
      const manifest = [...mine.slice(0, -2), ...theirs.slice(-2)];
      const header = [theirs[0]!, ...mine.slice(1)];
      const lines = [mine[0]!, ...theirs.slice(1, -2), ...mine.slice(-2)];
      for (const spliced of [manifest, header, lines]) {
        if (spliced.join('\n') === textOfFile(FILE)) continue;
        expect(await codeOf(() => open(bytesOf(spliced.join('\n'))))).toBe('ENVELOPE_TAMPERED');
      }
    }
  });

  it('a wrap is changed, or was made for another file', async () => {
    const other = linesOf(await sealFields(SMALL, KEY, CONTEXT))[0]!;
    const wrapIn = (line: string): string => /"wraps":(\[.*\])/.exec(line)![1]!;
    const spliced = edited(FILE, (text) => text.replace(wrapIn(text.split('\n')[0]!), wrapIn(other)));
    expect(await codeOf(() => open(spliced))).toBe('ENVELOPE_TAMPERED');
  });

  it('a wrap is added for a key of the attacker, whose own data key opens nothing', async () => {
    const mallory = generateKey('mallory');
    const own = linesOf(await sealFields(SMALL, mallory, CONTEXT))[0]!;
    const wrap = /"wraps":\[(.*)\]/.exec(own)![1]!;
    const spliced = edited(FILE, (text) => text.replace('"wraps":[', `"wraps":[${wrap},`));
    expect(await codeOf(() => open(spliced))).toBe('ENVELOPE_TAMPERED');
    expect(await codeOf(() => openFields(spliced, mallory, CONTEXT))).toBe('ENVELOPE_TAMPERED');
  });
});

describe('a header line that no writer writes', () => {
  const header = (edit: (fields: Record<string, unknown>) => unknown): Uint8Array => {
    const [line, ...rest] = linesOf(FILE);
    const document = JSON.parse(`${line!.slice(0, -1)}}`);
    const changed = edit(document.pspf) ?? document.pspf;
    return bytesOf([`${JSON.stringify({ pspf: changed }).slice(0, -1)},`, ...rest].join('\n'));
  };
  const wrapOf = (fields: Record<string, unknown>): Record<string, unknown> => (fields['wraps'] as Record<string, unknown>[])[0]!;

  it.each<[string, PspErrorCode, (fields: Record<string, unknown>) => unknown]>([
    ['another version', 'ENVELOPE_UNSUPPORTED_VERSION', (fields) => ({ ...fields, version: 2 })],
    ['another suite', 'ENVELOPE_UNSUPPORTED_VERSION', (fields) => ({ ...fields, suite: 2 })],
    ['a version that is no number', 'ENVELOPE_MALFORMED', (fields) => ({ ...fields, version: '1' })],
    ['no id', 'ENVELOPE_MALFORMED', (fields) => ({ ...fields, id: undefined })],
    ['an id in capitals', 'ENVELOPE_MALFORMED', (fields) => ({ ...fields, id: 'A'.repeat(32) })],
    ['a short context', 'ENVELOPE_MALFORMED', (fields) => ({ ...fields, context: 'AAAA' })],
    ['a member too many', 'ENVELOPE_MALFORMED', (fields) => ({ ...fields, more: 1 })],
    ['members in another order', 'ENVELOPE_MALFORMED', ({ wraps, ...fields }) => ({ wraps, ...fields, version: 1 })],
    ['no wraps', 'ENVELOPE_MALFORMED', (fields) => ({ ...fields, wraps: [] })],
    ['wraps that are no list', 'ENVELOPE_MALFORMED', (fields) => ({ ...fields, wraps: {} })],
    ['nine wraps', 'ENVELOPE_LIMIT', (fields) => ({ ...fields, wraps: Array(9).fill(wrapOf(fields)) })],
    ['a wrap of type 0', 'ENVELOPE_MALFORMED', (fields) => ({ ...fields, wraps: [{ ...wrapOf(fields), type: 0 }] })],
    ['a wrap without a kid', 'ENVELOPE_MALFORMED', (fields) => ({ ...fields, wraps: [{ ...wrapOf(fields), kid: '' }] })],
    ['a kid of 65 bytes', 'ENVELOPE_MALFORMED', (fields) => ({ ...fields, wraps: [{ ...wrapOf(fields), kid: 'k'.repeat(65) }] })],
    ['a kid with half a character', 'ENVELOPE_MALFORMED', (fields) => ({ ...fields, wraps: [{ ...wrapOf(fields), kid: '\ud800' }] })],
    ['a local wrap of another length', 'ENVELOPE_MALFORMED', (fields) => ({ ...fields, wraps: [{ ...wrapOf(fields), body: 'AAAA' }] })],
    [
      'a body of 8 KiB and more',
      'ENVELOPE_LIMIT',
      (fields) => ({ ...fields, wraps: [{ ...wrapOf(fields), type: 2, body: 'A'.repeat(10_924) }] }),
    ],
    ['no object at all', 'ENVELOPE_NOT_SEALED', () => [1]],
  ])('is refused by code: %s', async (_, code, edit) => {
    expect(await codeOf(() => open(header(edit)))).toBe(code);
  });

  it('is refused when it is too long, before it is parsed', async () => {
    expect(await codeOf(() => open(header((fields) => ({ ...fields, more: 'x'.repeat(MAX_FIELD_HEADER_BYTES) }))))).toBe('ENVELOPE_LIMIT');
  });

  it('is refused for its spelling: white space, or a member twice', async () => {
    for (const edit of [
      (text: string) => text.replace('"version":1,', '"version": 1,'),
      (text: string) => text.replace('"version":1,', '"version":1,"version":1,'),
      (text: string) => text.replace('"kid":"work"', '"kid":"wor\\u006b"'),
    ]) {
      expect(await codeOf(() => open(edited(FILE, edit)))).toBe('ENVELOPE_MALFORMED');
    }
  });
});

describe('what is no file of sealed fields', () => {
  it.each(['', '{', '{"psp":"2.0"}', 'PSPE', '\ufeff{"pspf":{', '[]'])('is told: %j', async (text) => {
    expect(await codeOf(() => open(bytesOf(text)))).toBe('ENVELOPE_NOT_SEALED');
    expect(await codeOf(async () => peekFields(bytesOf(text)))).toBe('ENVELOPE_NOT_SEALED');
  });

  it('or is longer than any, is refused before anything is made of it', async () => {
    const huge = new Uint8Array(MAX_FIELD_FILE_BYTES + 1);
    huge.set(FILE);
    expect(await codeOf(() => open(huge))).toBe('ENVELOPE_LIMIT');
    const endless = { ...section(new Uint8Array(0), 'text/plain'), length: 2 ** 40, bytes: () => Promise.reject(new Error('was read')) };
    expect(await codeOf(() => sealFields({ ...SMALL, mergeState: endless }, KEY, CONTEXT))).toBe('ENVELOPE_LIMIT');
  });

  it('or is no array of bytes, is the mistake of the caller', async () => {
    await expect(openFields('{}' as unknown as Uint8Array, KEY)).rejects.toThrow(TypeError);
    expect(() => peekFields(null as unknown as Uint8Array)).toThrow(TypeError);
  });

  it('something behind the end, or an end that is written otherwise, is malformed', async () => {
    for (const end of ['\n', ' ', 'x', '{"pspf":{', '"}\n']) {
      expect(await codeOf(() => open(bytesOf(textOfFile(FILE) + end)))).toBe('ENVELOPE_MALFORMED');
    }
    expect(await codeOf(() => open(edited(FILE, (text) => text.replace(/=("\}\n)$/, '.$1'))))).toBe('ENVELOPE_MALFORMED');
  });
});

describe('an authentic file of a writer that we do not know', () => {
  it.each<[string, PspErrorCode, (lines: string) => string]>([
    [
      'has two values swapped',
      'ENVELOPE_TAMPERED',
      (lines) => {
        const [one, two] = [...lines.matchAll(/"\$sealed":"([^"]*)"/g)].map(([, sealed]) => sealed!);
        return lines.replace(one!, '#').replace(two!, one!).replace('#', two!);
      },
    ],
    ['renamed an entry', 'ENVELOPE_TAMPERED', (lines) => lines.replace('"name":"csrf"', '"name":"xsrf"')],
    ['moved a cookie to another domain', 'ENVELOPE_TAMPERED', (lines) => lines.replace('"app.example"', '"evil.example"')],
    ['has a value that is not Base64', 'ENVELOPE_TAMPERED', (lines) => lines.replace(/"\$sealed":"..../, '"$sealed":"!!!!')],
    ['has a value of no bytes', 'ENVELOPE_TAMPERED', (lines) => lines.replace(/"\$sealed":"[^"]*"/, '"$sealed":""')],
    ['has a leaf of another form', 'ENVELOPE_MALFORMED', (lines) => lines.replace('{"$sealed"', '{"codec":"gzip","$sealed"')],
    ['has a leaf of two forms', 'ENVELOPE_MALFORMED', (lines) => lines.replace('{"$sealed"', '{"clear":"","mediaType":"","$sealed"')],
    ['says that text is a section', 'SESSION_INVALID', (lines) => lines.replace('{"$sealed"', '{"mediaType":"text/plain","$sealed"')],
    ['has no state', 'ENVELOPE_MALFORMED', (lines) => lines.slice(0, lines.indexOf('"state"'))],
    ['has another member', 'ENVELOPE_MALFORMED', (lines) => `${lines}"more":1,\n`],
    ['has a member twice', 'ENVELOPE_MALFORMED', (lines) => lines.replace('"revision":1', '"revision":1,"revision":2')],
    ['is no JSON', 'ENVELOPE_MALFORMED', (lines) => lines.replace('"state":{', '"state":{,')],
    ['is nested too deep', 'ENVELOPE_LIMIT', (lines) => lines.replace('"revision":1', `"revision":${'['.repeat(200)}${']'.repeat(200)}`)],
    ['has a cookie that is no object', 'ENVELOPE_MALFORMED', (lines) => lines.replace('"cookies":[', '"cookies":[1,')],
    ['has a cookie without a partition', 'ENVELOPE_MALFORMED', (lines) => lines.replace('"cookies":[', '"cookies":[{},')],
    [
      'has an origin without a key',
      'ENVELOPE_MALFORMED',
      (lines) => lines.replace('"storage":[\n    {\n', '"storage":[\n    {"key":1},{\n'),
    ],
    ['breaks the schema', 'SESSION_INVALID', (lines) => lines.replace('"secure":true', '"secure":1')],
    ['has a time that no calendar has', 'SESSION_INVALID', (lines) => lines.replace('2026-01-01', '2026-02-30')],
    ['is of another major version', 'SESSION_UNSUPPORTED_VERSION', (lines) => lines.replace('"psp":"2.0"', '"psp":"3.0"')],
    ['is of an older major version', 'SESSION_UNSUPPORTED_VERSION', (lines) => lines.replace('"psp":"2.0"', '"psp":"1.0"')],
  ])('is refused by code when it %s', async (_, code, edit) => {
    const file = await reauthenticated(FILE, edit);
    expect(await codeOf(() => open(file))).toBe(code);
  });

  it('is read when it is of a newer minor version, or left a secret readable', async () => {
    const newer = await reauthenticated(FILE, (lines) => lines.replace('"psp":"2.0"', '"psp":"2.7"'));
    await expect(openFields(newer, KEY, CONTEXT)).resolves.toMatchObject({ id: 'small' });
    const plain = await reauthenticated(
      FILE,
      editLine(/"theme"/, (line) => line.replace(/\{.*\}/, '"plain"')),
    );
    expect((await openFields(plain, KEY, CONTEXT)).storage[0]?.localStorage[1]).toEqual(['theme', 'plain']);
  });
});

describe('errors', () => {
  it('hold no name, value or key of the file', async () => {
    const shown: string[] = [];
    for (let at = 0; at < FILE.length; at += 3) {
      for (const run of [() => open(flip(FILE, at)), async () => compareFields(FILE, flip(FILE, at, 0x04))]) {
        await run().catch((error: unknown) => {
          if (!(error instanceof PspError)) throw error;
          shown.push(...showingsOfError(error));
        });
      }
    }
    const swapped = await reauthenticated(FILE, (lines) => lines.replace('"name":"csrf"', '"name":"xsrf"'));
    shown.push(...showingsOfError(await failureOf(() => open(swapped))));
    expect(shown.length).toBeGreaterThan(1000);
    const sealed = [...textOfFile(FILE).matchAll(/"\$sealed":"([^"]{24})/g)].map(([, text]) => text!);
    const secrets = [...sealed, 'the-first-secret', 'the-other-secret', 'csrf', 'xsrf', 'app.example', 'private'];
    for (const secret of secrets) expect(shown.some((text) => text.includes(secret))).toBe(false);
  });

  it('tell the part of the document in which a value was swapped', async () => {
    const file = await reauthenticated(FILE, (lines) => lines.replace('"name":"csrf"', '"name":"xsrf"'));
    expect((await failureOf(() => open(file))).details).toEqual({ part: 'state/cookies' });
  });
});

it('a key of the same name that is another one is told from a changed file', async () => {
  const file = await sealFields(FULL_SESSION, keyOf('k', 1), CONTEXT);
  expect(await codeOf(() => openFields(file, keyOf('k', 2), CONTEXT))).toBe('KEY_WRONG');
});
