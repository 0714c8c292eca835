/** Bad input as a table: whatever is wrong, one line with a code, exit status 1, and nothing on the disk that was not there. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeSession } from '../../ts/blob/encode.ts';
import { EncryptionKey, formatKey } from '../../ts/envelope/key.ts';
import { peek } from '../../ts/envelope/peek.ts';
import { seal } from '../../ts/envelope/seal.ts';
import { flip } from '../envelope/fixture.ts';
import { freshFolder, makeFolder, makeSession, removeFolder } from './fixture.ts';
import { expectFailure, pspHere as psp, psp as pspAlone, type RunOptions } from './run.ts';

const BEFORE = 'as it was';
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const KEY = new EncryptionKey('home', crypto.getRandomValues(new Uint8Array(32)));
const SAME_NAME = new EncryptionKey('home', crypto.getRandomValues(new Uint8Array(32)));
const OTHER_NAME = new EncryptionKey('work', crypto.getRandomValues(new Uint8Array(32)));
const WITH_KEY: RunOptions = { env: { PSP_KEY: formatKey(KEY) } };

// Made once, here, since the tables below need their lengths.
const clear = await encodeSession(makeSession('value'));
const sealed = await seal(clear, KEY);
const { headerBytes } = peek(sealed).unverified;

let folder: string;

beforeAll(() => {
  folder = makeFolder();
  writeFileSync(join(folder, 'clear.psp'), clear);
  writeFileSync(join(folder, 'sealed.psp'), sealed);
  writeFileSync(join(folder, 'key'), `${formatKey(KEY)}\n`);
  writeFileSync(join(folder, 'state.json'), JSON.stringify({ cookies: [], origins: [] }));
});
afterAll(() => removeFolder(folder));

/** Runs a verb that would write `out` into a folder where an `out` stands already, and asserts that it failed and left the folder as it was. */
async function expectNothingWritten(args: (out: string) => readonly string[], options: RunOptions, code: string): Promise<void> {
  const place = makeFolder();
  try {
    const out = join(place, 'out');
    writeFileSync(out, BEFORE);
    expectFailure(await psp(args(out), { ...options, cwd: place }), code);
    expect(readdirSync(place)).toEqual(['out']);
    expect(readFileSync(out, 'utf8')).toBe(BEFORE);
  } finally {
    removeFolder(place);
  }
}

test('the files of this table are good as they are', async () => {
  for (const name of ['sealed.psp', 'clear.psp']) {
    const file = join(folder, name);
    expect(await psp(['inspect', file], WITH_KEY)).toMatchObject({ status: 0, stderr: '' });
    expect(await psp(['restore', file, '--playwright-state', join(folder, 'exported.json')], WITH_KEY)).toMatchObject({ status: 0 });
  }
});

test('a process of its own says the same', async () => {
  const [file, none] = [join(folder, 'sealed.psp'), join(folder, 'none.psp')];
  for (const args of [
    ['inspect', file],
    ['inspect', file, '--json'],
    ['validate', file],
    ['inspect', none],
    ['inspect', '--none'],
    ['--help'],
  ]) {
    for (const options of [{}, WITH_KEY, { cwd: folder }]) expect(await psp(args, options)).toEqual(await pspAlone(args, options));
  }
});

describe('a file that is not whole, not unaltered or not ours', () => {
  const cut = (bytes: Uint8Array, length: number): Uint8Array => bytes.subarray(0, length);
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  const replaced = (from: string, to: string): Uint8Array => text(new TextDecoder().decode(clear).replace(from, to));
  const lineEnd = clear.indexOf(0x0a);

  test.each<[string, () => Uint8Array | Promise<Uint8Array>, string]>([
    ['an empty file', () => text(''), 'ENVELOPE_NOT_SEALED'],
    ['random bytes', () => crypto.getRandomValues(new Uint8Array(5000)), 'ENVELOPE_NOT_SEALED'],
    ['a PNG', () => PNG, 'ENVELOPE_NOT_SEALED'],
    ['JSON that is not ours', () => text('{"cookies":[],"origins":[]}'), 'BLOB_NOT_A_BLOB'],
    ['an opening brace', () => text('{'), 'BLOB_TRUNCATED'],
    ['a text', () => text('just some notes\n'), 'ENVELOPE_NOT_SEALED'],
    ['sealed bytes that are no session', () => seal(PNG, KEY), 'BLOB_NOT_A_BLOB'],
    ['a session that was sealed for a tenant', () => seal(clear, KEY, { tenant: 'shop', sessionId: '1' }), 'ENVELOPE_CONTEXT'],

    ['a sealed file cut inside its magic', () => cut(sealed, 3), 'ENVELOPE_NOT_SEALED'],
    ['a sealed file cut after its magic', () => cut(sealed, 4), 'ENVELOPE_TRUNCATED'],
    ['a sealed file cut in its header', () => cut(sealed, 70), 'ENVELOPE_TRUNCATED'],
    ['a sealed file cut one byte before its payload', () => cut(sealed, headerBytes - 1), 'ENVELOPE_TRUNCATED'],
    ['a sealed file cut after its header', () => cut(sealed, headerBytes), 'ENVELOPE_TRUNCATED'],
    ['a sealed file cut in its middle', () => cut(sealed, Math.floor(sealed.length / 2)), 'ENVELOPE_TRUNCATED'],
    ['a sealed file without its last byte', () => cut(sealed, sealed.length - 1), 'ENVELOPE_TRUNCATED'],
    ['a sealed file with one byte more', () => new Uint8Array([...sealed, 0]), 'ENVELOPE_TAMPERED'],

    ['a sealed file altered in its magic', () => flip(sealed, 0), 'ENVELOPE_NOT_SEALED'],
    ['a sealed file altered in its version', () => flip(sealed, 4, 2), 'ENVELOPE_UNSUPPORTED_VERSION'],
    ['a sealed file altered in its suite', () => flip(sealed, 5, 2), 'ENVELOPE_UNSUPPORTED_VERSION'],
    ['a sealed file altered in its flags', () => flip(sealed, 7, 0x80), 'ENVELOPE_UNSUPPORTED_VERSION'],
    ['a sealed file altered in its id', () => flip(sealed, 10), 'ENVELOPE_TAMPERED'],
    ['a sealed file altered in its context', () => flip(sealed, 40), 'ENVELOPE_TAMPERED'],
    ['a sealed file altered in its count of keys', () => flip(sealed, 65, 0x40), 'ENVELOPE_LIMIT'],
    ['a sealed file altered in the name of its key', () => flip(sealed, 69), 'KEY_UNKNOWN'],
    ['a sealed file altered in its wrapped key', () => flip(sealed, headerBytes - 40), 'ENVELOPE_TAMPERED'],
    ['a sealed file altered in the MAC of its header', () => flip(sealed, headerBytes - 1), 'ENVELOPE_TAMPERED'],
    ['a sealed file altered in its salt', () => flip(sealed, headerBytes), 'ENVELOPE_TAMPERED'],
    ['a sealed file altered in its middle', () => flip(sealed, Math.floor(sealed.length / 2)), 'ENVELOPE_TAMPERED'],
    ['a sealed file altered in its last byte', () => flip(sealed, sealed.length - 1), 'ENVELOPE_TAMPERED'],

    ['a clear file cut in its header', () => cut(clear, 20), 'BLOB_TRUNCATED'],
    ['a clear file cut after its header', () => cut(clear, lineEnd + 1), 'BLOB_TRUNCATED'],
    ['a clear file cut in its state', () => cut(clear, lineEnd + 100), 'BLOB_TRUNCATED'],
    ['a clear file without its last byte', () => cut(clear, clear.length - 1), 'BLOB_TRUNCATED'],
    ['a clear file with one byte more', () => new Uint8Array([...clear, 0x0a]), 'BLOB_MALFORMED'],
    ['a clear file of another version', () => replaced('{"psp":"2.', '{"psp":"3.'), 'BLOB_UNSUPPORTED_VERSION'],
    ['a clear file altered in its header', () => replaced('"incarnation":', '"incarnatiom":'), 'SESSION_INVALID'],
    ['a clear file altered in its state', () => replaced('"sid"', '"dis"'), 'BLOB_MALFORMED'],
    ['a clear file with a character that is no Base64', () => flip(clear, clear.length - 10, 0x80), 'BLOB_SECTION_ENCODING'],
    ['a clear file altered in its records', () => alterBase64(clear), 'BLOB_SECTION_HASH'],
  ])('%s', async (_, make, code) => {
    const file = join(freshFolder(), 'session.psp');
    writeFileSync(file, await make());
    await Promise.all([
      expectNothingWritten(() => ['inspect', file], WITH_KEY, code),
      expectNothingWritten((out) => ['restore', file, '--playwright-state', out], WITH_KEY, code),
    ]);
  });

  test.each<[string, () => string]>([
    ['a file that is not there', () => join(folder, 'nothing.psp')],
    ['a folder in place of a file', () => folder],
    ['a name with a line end in it', () => join(folder, 'two\nlines\u001b[31m.psp')],
  ])('%s', async (_, file) => {
    await Promise.all([
      expectNothingWritten(() => ['inspect', file()], WITH_KEY, 'FILE_READ'),
      expectNothingWritten((out) => ['restore', file(), '--playwright-state', out], WITH_KEY, 'FILE_READ'),
      expectNothingWritten((out) => ['capture', '--playwright-state', file(), '-o', out], WITH_KEY, 'FILE_READ'),
    ]);
  });
});

describe('a key that is missing, wrong or none', () => {
  const file = (name: string): string => join(folder, name);

  test('no key at all is KEY_MISSING, for every verb that needs one', async () => {
    await expectNothingWritten((out) => ['restore', file('sealed.psp'), '--playwright-state', out], {}, 'KEY_MISSING');
    await expectNothingWritten((out) => ['capture', '--playwright-state', file('state.json'), '-o', out], {}, 'KEY_MISSING');
    // Where nobody answers: the key is asked for before the browser.
    await expectNothingWritten((out) => ['capture', '--cdp', 'http://127.0.0.1:9', '-o', out], {}, 'KEY_MISSING');
    await expectNothingWritten((out) => ['capture', '--cdp', 'http://127.0.0.1:9', '-o', out], { env: { PSP_KEY: '' } }, 'KEY_MISSING');
  });

  test('a prompt without a terminal is a wrong use', async () => {
    await expectNothingWritten(
      (out) => ['restore', file('sealed.psp'), '--playwright-state', out, '--prompt'],
      { ...WITH_KEY, stdin: `${formatKey(KEY)}\n` },
      'USAGE',
    );
  });

  const half = formatKey(KEY).slice(0, 30);
  test.each<[string, string, string]>([
    ['another key of the same name', `${formatKey(SAME_NAME)}\n`, 'KEY_WRONG'],
    ['a key of another name', `${formatKey(OTHER_NAME)}\n`, 'KEY_UNKNOWN'],
    ['half a key', half, 'KEY_MALFORMED'],
    ['an empty key file', '', 'KEY_MALFORMED'],
    ['a password', 'correct horse battery staple\n', 'KEY_MALFORMED'],
    ['two keys', `${formatKey(KEY)}\n${formatKey(OTHER_NAME)}\n`, 'KEY_MALFORMED'],
  ])('%s', async (_, text, code) => {
    const keyFile = join(freshFolder(), 'key');
    writeFileSync(keyFile, text);
    await expectNothingWritten((out) => ['restore', file('sealed.psp'), '--playwright-state', out, '--key-file', keyFile], {}, code);
    await expectNothingWritten(() => ['inspect', file('sealed.psp'), '--key-file', keyFile], {}, code);
    if (text !== '') await expectNothingWritten(() => ['inspect', file('sealed.psp'), '--json'], { env: { PSP_KEY: text } }, code);
  });

  test.each<[string, () => string]>([
    ['a key file that is not there', () => join(folder, 'no-key')],
    ['a folder in place of a key file', () => folder],
  ])('%s', async (_, keyFile) => {
    const withKeyFile = ['--key-file', keyFile()];
    // The file that was named decides: a good key elsewhere does not stand in for it.
    await expectNothingWritten(() => ['inspect', file('sealed.psp'), ...withKeyFile], WITH_KEY, 'KEY_FILE');
    await expectNothingWritten((out) => ['capture', '--playwright-state', file('state.json'), '-o', out, ...withKeyFile], {}, 'KEY_FILE');
  });
});

describe('a storage state that is none', () => {
  test.each<[string, string | Uint8Array]>([
    ['an empty file', ''],
    ['not JSON', '{"cookies": [secret'],
    ['JSON of another shape', '[1, 2]'],
    ['a cookie without a value', '{"cookies":[{"name":"sid","domain":"a.example","path":"/"}]}'],
    ['a PNG', PNG],
    ['text that is not UTF-8', Buffer.from('{"cookies":[],"origins":[],"x":"\xff"}', 'latin1')],
  ])('%s', async (_, content) => {
    const state = join(freshFolder(), 'state.json');
    writeFileSync(state, content);
    await expectNothingWritten((out) => ['capture', '--playwright-state', state, '-o', out], WITH_KEY, 'FORMAT_MALFORMED');
  });
});

describe('a place that cannot be written', () => {
  const unwritable: [string, (place: string) => string][] = [
    ['a folder that is not there', (place) => join(place, 'none', 'file')],
    ['a file in place of the folder', (place) => join(place, 'out', 'file')],
    // Nobody writes there, not even root, for whom the mode of a folder is no hindrance.
    ['a folder that takes no files', () => '/proc/psp-test'],
    ['a folder in place of the file', (place) => join(place, '..')],
  ];
  test.each(unwritable)('%s', async (_, target) => {
    const at = (out: string): string => target(join(out, '..'));
    await expectNothingWritten(
      (out) => ['capture', '--playwright-state', join(folder, 'state.json'), '-o', at(out)],
      WITH_KEY,
      'FILE_WRITE',
    );
    await expectNothingWritten((out) => ['restore', join(folder, 'sealed.psp'), '--playwright-state', at(out)], WITH_KEY, 'FILE_WRITE');
    await expectNothingWritten((out) => ['key', 'new', '-o', at(out)], {}, 'FILE_WRITE');
  });

  test('an empty folder in place of the file stays, and no temporary file beside it', async () => {
    const place = freshFolder();
    mkdirSync(join(place, 'target'));
    const target = join(place, 'target');
    expectFailure(await psp(['capture', '--playwright-state', join(folder, 'state.json'), '-o', target], WITH_KEY), 'FILE_WRITE');
    expectFailure(await psp(['restore', join(folder, 'sealed.psp'), '--playwright-state', target], WITH_KEY), 'FILE_WRITE');
    expectFailure(await psp(['key', 'new', '-o', target]), 'FILE_WRITE');
    expect(readdirSync(place)).toEqual(['target']);
    expect(readdirSync(target)).toEqual([]);
  });

  test('an existing key file is never replaced', async () => {
    await expectNothingWritten((out) => ['key', 'new', '-o', out], {}, 'FILE_WRITE');
  });
});

describe('a wrong use of the command line', () => {
  const SECRET = 'sUp3r-s3cret-argument';
  const keyText = formatKey(KEY);

  test.each<[string, readonly string[]]>([
    ['a verb that there is not', [SECRET]],
    ['a verb that every object has', ['toString']],
    ['an option of no verb', ['inspect', `--${SECRET}`, 'file']],
    ['an option of another verb', ['inspect', 'file', '--out', SECRET]],
    ['an argument too many', ['inspect', 'file', SECRET]],
    ['an argument too many for capture', ['capture', SECRET, '-o', 'out']],
    ['an option without its value', ['capture', '-o']],
    ['a value for an option that takes none', ['inspect', 'file', `--json=${SECRET}`]],
    ['a key as an argument', ['inspect', 'file', '--key', keyText]],
    ['a key behind an equals sign', ['inspect', 'file', `--key=${keyText}`]],
    ['a key in place of a file', ['inspect', keyText]],
    ['a key in place of a key file', ['inspect', 'file', `--key-file=${keyText}`]],
    ['a key in place of a name', ['capture', '--cdp', 'http://127.0.0.1:9', '-o', 'out', '--name', keyText]],
    ['no file', ['inspect']],
    ['neither a browser nor a state to capture', ['capture', '-o', SECRET]],
    ['both a browser and a state to capture', ['capture', '-o', SECRET, '--cdp', SECRET, '--playwright-state', SECRET]],
    ['nothing to write to', ['capture', '--cdp', SECRET]],
    ['neither a browser nor a state to restore', ['restore', SECRET]],
    ['both a browser and a state to restore', ['restore', SECRET, '--cdp', SECRET, '--playwright-state', SECRET]],
    ['no key command', ['key']],
    ['a key command that there is not', ['key', SECRET]],
    ['nothing to write a key to', ['key', 'new']],
    ['an argument too many for key', ['key', 'new', '-o', 'out', SECRET]],
    ['an address that is none', ['capture', '--cdp', SECRET, '-o', 'out']],
    ['an address without its scheme', ['capture', '--cdp', '127.0.0.1:9222', '-o', 'out']],
    ['an address of another scheme', ['capture', '--cdp', `file:///${SECRET}`, '-o', 'out']],
    ['an origin that is none', ['capture', '--cdp', 'http://127.0.0.1:9', '-o', 'out', '--origin', SECRET]],
    ['an origin with a path', ['capture', '--cdp', 'http://127.0.0.1:9', '-o', 'out', '--origin', `https://a.example/${SECRET}`]],
    ['a time limit that is none', ['capture', '--cdp', 'http://127.0.0.1:9', '-o', 'out', '--timeout', SECRET]],
    ['a time limit of nothing', ['capture', '--cdp', 'http://127.0.0.1:9', '-o', 'out', '--timeout', '0']],
  ])('%s', async (_, args) => {
    const place = freshFolder();
    const run = await psp(args, { ...WITH_KEY, cwd: place });
    expectFailure(run, 'USAGE');
    expect(run.stderr).not.toContain(SECRET);
    expect(run.stderr).not.toContain(keyText.slice(-44));
    expect(readdirSync(place)).toEqual([]);
  });

  test.each<[string, readonly string[]]>([
    ['an address that is none', ['--cdp', 'SECRET']],
    ['a time limit that is none', ['--cdp', 'http://127.0.0.1:9', '--timeout', 'SECRET']],
  ])('%s to restore to', async (_, args) => {
    const run = await psp(['restore', join(folder, 'sealed.psp'), ...args], WITH_KEY);
    expectFailure(run, 'USAGE');
    expect(run.stderr).not.toContain('SECRET');
  });
});

test('an address where no browser answers is ADAPTER_CONNECT', async () => {
  await expectNothingWritten((out) => ['capture', '--cdp', 'http://127.0.0.1:9', '-o', out], WITH_KEY, 'ADAPTER_CONNECT');
  await expectNothingWritten(() => ['restore', join(folder, 'sealed.psp'), '--cdp', 'ws://127.0.0.1:9/x'], WITH_KEY, 'ADAPTER_CONNECT');
});

/** A clear blob whose last section has another letter in its middle: still Base64, other bytes. */
function alterBase64(blob: Uint8Array): Uint8Array {
  const at = blob.length - 100;
  const copy = Uint8Array.from(blob);
  copy[at] = copy[at] === 0x41 ? 0x42 : 0x41;
  return copy;
}
