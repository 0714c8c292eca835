/** A text blob that is damaged: refused with a code and a place, in the order of what a reader looks at; limits; and no secret in any message. */
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { locateDocuments } from '../../ts/blob/header.ts';
import { PspError } from '../../ts/errors.ts';
import { bytesOf, sha256, textFrom } from './fixture.ts';
import { type HeaderLine, linesOf, refusal, rewrite, SECRET, SESSION, sectionsOf, setReference } from './text-fixture.ts';

describe('damage', () => {
  test.each<[string, string, string]>([
    ['nothing', '', 'BLOB_NOT_A_BLOB'],
    ['other JSON', '{"cookies":[]}', 'BLOB_NOT_A_BLOB'],
    ['a sealed blob', 'psp\u0001', 'BLOB_NOT_A_BLOB'],
    ['a byte order mark', '\ufeff{"psp":"1.0"}\n', 'BLOB_NOT_A_BLOB'],
    ['white space in front', ' {"psp":"1.0"}\n', 'BLOB_NOT_A_BLOB'],
    ['the first byte alone', '{', 'BLOB_TRUNCATED'],
    ['the first bytes alone', '{"psp":"', 'BLOB_TRUNCATED'],
    ['a header without end', '{"psp":"1.0"', 'BLOB_TRUNCATED'],
    ['a header that is no JSON', '{"psp":"1.0",}\n', 'BLOB_MALFORMED'],
    ['a header that is nothing else', '{"psp":"1.0"}\n', 'SESSION_INVALID'],
  ])('%s is refused', async (_name, text, code) => {
    expect((await refusal(bytesOf(text))).code).toBe(code);
  });

  test('a header or a state that is not UTF-8 is malformed', async () => {
    const blob = await encodeSession(SESSION);
    for (const text of ['Work', 'app.example']) {
      const broken = blob.slice();
      broken[Buffer.from(blob).indexOf(text)] = 0xff;
      expect((await refusal(broken)).code).toBe('BLOB_MALFORMED');
    }
    const { lines } = linesOf(blob);
    const state = Buffer.from((lines[1] ?? '').replace('app.example', 'app.ex\u0001mple').replace('\u0001', '\0'), 'latin1');
    state[state.indexOf(0)] = 0xff;
    const header = JSON.parse(lines[0] ?? '') as HeaderLine;
    header.state.sha256 = sha256(state);
    const rebuilt = Buffer.concat([bytesOf(`${JSON.stringify(header)}\n`), state, bytesOf(`\n${lines.slice(2).join('\n')}`)]);
    const error = await refusal(rebuilt);
    expect([error.code, error.message]).toEqual(['BLOB_MALFORMED', 'the state is not valid UTF-8']);
  });

  test('a cut is told from bytes that are too many', async () => {
    const blob = await encodeSession(SESSION);
    const cut = await refusal(blob.subarray(0, -1));
    expect([cut.code, cut.details]).toEqual(['BLOB_TRUNCATED', { expected: blob.length, found: blob.length - 1 }]);
    const long = await refusal(Buffer.concat([blob, bytesOf('\n')]));
    expect([long.code, long.details]).toEqual(['BLOB_MALFORMED', { expected: blob.length, found: blob.length + 1 }]);
  });

  test('lines that end elsewhere than the header says are malformed', async () => {
    const blob = await encodeSession(SESSION);
    const ends = [...blob.keys()].filter((at) => blob[at] === 0x0a).slice(1);
    expect(ends).toHaveLength(4);
    for (const at of ends) {
      const broken = blob.slice();
      broken[at] = 0x20;
      const error = await refusal(broken);
      expect([error.code, error.details]).toEqual(['BLOB_MALFORMED', { offset: at }]);
    }
  });

  test.each([-5, 0.5, 1e300, '12', null, Number.MAX_SAFE_INTEGER])(
    'documents are located, whatever length a state says it has: %j',
    async (length) => {
      const blob = await encodeSession(SESSION);
      const { lines } = linesOf(blob);
      const lying = rewrite(blob, { header: (header) => Object.assign(header.state, { length }) });
      const { header, state, sections } = locateDocuments(lying);
      const isLength = length === Number.MAX_SAFE_INTEGER;
      const start = header.length + 1;
      expect(textFrom(header)).toBe(textFrom(lying).split('\n')[0]);
      expect(textFrom(state)).toBe(isLength ? lines.slice(1).join('\n') : '');
      expect(sections).toBe(start + state.length + 1);
    },
  );

  test('Windows line ends are malformed', async () => {
    const blob = bytesOf(textFrom(await encodeSession(SESSION)).replaceAll('\n', '\r\n'));
    expect((await refusal(blob)).code).toBe('BLOB_MALFORMED');
  });

  test('a state that does not have its hash is malformed', async () => {
    const blob = await encodeSession(SESSION);
    const broken = bytesOf(textFrom(blob).replace('"secure":true', '"secure":null'));
    expect((await refusal(broken)).message).toBe('the state does not have the hash that the header states');
  });

  test.each<[string, (sections: HeaderLine['sections']) => void]>([
    ['ids out of order', ([first]) => Object.assign(first ?? {}, { id: 's1' })],
    ['a gap', (sections) => Object.assign(sections[1] ?? {}, { offset: (sections[1]?.offset ?? 0) + 1 })],
    ['an overlap', (sections) => Object.assign(sections[1] ?? {}, { offset: 0 })],
    ['a length that is not that of the bytes', ([first]) => Object.assign(first ?? {}, { rawLength: 1000 })],
    ['a length that is no multiple of four', ([first]) => Object.assign(first ?? {}, { length: 5 })],
    ['sections that changed places', (sections) => sections.reverse()],
  ])('sections that do not tile are malformed: %s', async (_name, change) => {
    const blob = rewrite(await encodeSession(SESSION), { header: ({ sections }) => void change(sections) });
    expect((await refusal(blob)).code).toBe('BLOB_MALFORMED');
  });

  test.each(['s3', 's99999999'])('a reference to a section that is not there is refused with its place: %s', async (id) => {
    const blob = rewrite(await encodeSession(SESSION), { state: (state) => setReference(state, 1, id) });
    const error = await refusal(blob);
    expect(error.code).toBe('SESSION_INVALID');
    expect(error.details['pointer']).toBe('/storage/0/indexedDB/0/stores/1/records');
  });

  test.each(['2026-02-29T00:00:00.000Z', '2026-04-31T00:00:00.000Z', '1969-12-31T23:59:59.999Z', '0000-01-01T00:00:00.000Z'])(
    'a day that the calendar does not have, or before 1970, is refused with its place: %s',
    async (time) => {
      const blob = await encodeSession(SESSION);
      const inHeader = await refusal(rewrite(blob, { header: (header) => Object.assign(header, { expiresAt: time }) }));
      expect([inHeader.code, inHeader.details['part'], inHeader.details['pointer']]).toEqual(['SESSION_INVALID', 'header', '/expiresAt']);
      const inState = await refusal(
        rewrite(blob, { state: (state) => Object.assign((state['cookies'] as object[])[1] ?? {}, { expiresAt: time }) }),
      );
      expect([inState.code, inState.details['part'], inState.details['pointer']]).toEqual([
        'SESSION_INVALID',
        'state',
        '/cookies/1/expiresAt',
      ]);
    },
  );

  test('29 February of a leap year is a day', async () => {
    const time = '2024-02-29T23:59:59.999Z';
    const blob = rewrite(await encodeSession(SESSION), { header: (header) => Object.assign(header, { expiresAt: time }) });
    expect((await decodeSession(blob)).expiresAt).toBe(Date.UTC(2024, 1, 29, 23, 59, 59, 999));
  });
});

describe('limits', () => {
  test('a header of 16 MiB without end is refused without being read', async () => {
    const blob = new Uint8Array(16 * 1024 * 1024 + 1).fill(0x20);
    blob.set(bytesOf('{"psp":"1.0"'));
    expect((await refusal(blob)).code).toBe('BLOB_LIMIT');
    expect((await refusal(blob.subarray(0, -1))).code).toBe('BLOB_TRUNCATED');
  });

  test('a state of more than 512 MiB is refused, and one of just that many bytes is not there', async () => {
    const blob = await encodeSession(SESSION);
    const claim = (length: number): Uint8Array => rewrite(blob, { header: (header) => Object.assign(header.state, { length }) });
    expect((await refusal(claim(512 * 1024 * 1024 + 1))).code).toBe('BLOB_LIMIT');
    expect((await refusal(claim(512 * 1024 * 1024))).code).toBe('BLOB_TRUNCATED');
  });

  test('lengths that add up beyond 2^53 are refused', async () => {
    const huge = {
      id: 's0',
      kind: 'records',
      mediaType: 'x',
      offset: 0,
      length: 2 ** 53 - 4,
      rawLength: (2 ** 53 - 4) * 0.75,
      sha256: sha256(''),
    };
    const blob = rewrite(await encodeSession(SESSION), {
      header: (header) => {
        header.sections = [huge];
      },
    });
    expect((await refusal(blob)).code).toBe('BLOB_TRUNCATED');
  });
});

describe('secrets', () => {
  test('no error that a blob can cause quotes what the blob holds, however deep one looks', async () => {
    const blob = await encodeSession(SESSION);
    const errors: PspError[] = [];
    // Every place: a byte that breaks JSON, Base64 or a hash.
    for (let at = 0; at < blob.length; at += 3) {
      const broken = blob.slice();
      broken[at] = 0x22;
      try {
        for (const one of sectionsOf(await decodeSession(broken))) await one.bytes();
      } catch (error) {
        errors.push(error as PspError);
      }
    }
    // A state that has its hash, but breaks off within a secret, or breaks the schema next to one.
    for (const change of [`"${SECRET}`, `"${SECRET}"`, `{"${SECRET}":"${SECRET}"}`]) {
      const { header, lines } = linesOf(blob);
      header.state = { length: Buffer.byteLength(change), sha256: sha256(change) };
      errors.push(await refusal(bytesOf([JSON.stringify(header), change, ...lines.slice(2)].join('\n'))));
    }
    for (const part of ['cookies', 'storage', 'tabs']) {
      errors.push(
        await refusal(
          rewrite(blob, {
            state: (state) => Object.assign((state[part] as object[])[0] ?? {}, { name: { [SECRET]: SECRET }, key: SECRET, id: [SECRET] }),
          }),
        ),
      );
    }
    expect(errors.length).toBeGreaterThan(300);
    for (const error of errors) {
      expect(error).toBeInstanceOf(PspError);
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET);
      expect(JSON.stringify([error.message, error.stack, error.details])).not.toContain(SECRET);
    }
  });
});
