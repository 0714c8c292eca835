/** `psp key`: keys in files and in rings, their life from pending to destroyed, and where keys and passphrases may come from. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isArmored } from '../../ts/envelope/armor.ts';
import { deriveMacKey, formatKey, formatMacKey, generateKey, generateMacKey, parseKey, parseMacKey } from '../../ts/envelope/key.ts';
import { KeyRing } from '../../ts/envelope/keyring.ts';
import { formatKeyRing, parseKeyRing } from '../../ts/envelope/keyring-text.ts';
import { seal } from '../../ts/envelope/seal.ts';
import { freshFolder } from './fixture.ts';
import { builtProgram, expectFailure, psp, pspAtTerminal, pspHere, type Run, run } from './run.ts';

const PASSPHRASE = 'correct horse battery';

async function done(args: readonly string[], options = {}): Promise<Run> {
  const result = await pspHere(args, options);
  expect(result).toMatchObject({ status: 0, stderr: '' });
  return result;
}

function states(path: string): Record<string, string> {
  return Object.fromEntries(
    parseKeyRing(readFileSync(path, 'utf8'))
      .list()
      .map(({ kid, state, revokedFor = '' }) => [kid, `${state} ${revokedFor}`.trim()]),
  );
}

describe('a ring in a file', () => {
  test('goes from its first key to a second one, and off the first', async () => {
    const folder = freshFolder();
    const ring = join(folder, 'ring.json');
    const at = ['--ring', ring];
    expect((await done(['key', 'new', '--name', 'one', ...at])).stdout).toBe(
      `added key one to ${ring}: it is the primary and seals from now on\n`,
    );
    await done(['key', 'new', '--name', 'two', '--not-after', '2099-12-31', ...at]);
    expect(states(ring)).toEqual({ one: 'primary', two: 'pending' });
    await done(['key', 'promote', 'two', ...at]);
    expect(states(ring)).toEqual({ one: 'decrypt-only', two: 'primary' });
    await done(['key', 'revoke', 'one', '--reason', 'retired', ...at]);
    const compromised = await done(['key', 'revoke', 'one', '--reason', 'compromised', ...at]);
    expect(compromised.stdout).toContain('--mode reseal');
    await done(['key', 'destroy', 'one', ...at]);
    expect(states(ring)).toEqual({ one: 'destroyed compromised', two: 'primary' });

    const { stdout } = await done(['key', 'list', ...at]);
    expect(stdout).toMatch(/one +destroyed, compromised/);
    expect(stdout).toMatch(/two +primary .+ 2099-12-31 00:00\n/);
    const { keys } = JSON.parse((await done(['key', 'list', '--key-file', ring, '--json'])).stdout) as { keys: { kid: string }[] };
    expect(keys.map(({ kid }) => kid)).toEqual(['one', 'two']);
    expect(statSync(ring).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['ring.json']);
  });

  test('takes in a key that had a file of its own, which still works by itself', async () => {
    const folder = freshFolder();
    const [keyFile, ring] = [join(folder, 'key'), join(folder, 'ring.json')];
    await done(['key', 'new', '-o', keyFile, '--name', 'old']);
    await done(['key', 'import', '--ring', ring, '--key-file', keyFile]);
    await done(['key', 'new', '--ring', ring, '--name', 'new']);
    expect(states(ring)).toEqual({ old: 'primary', new: 'pending' });
    writeFileSync(join(folder, 'plain'), 'text');
    await done(['seal', join(folder, 'plain'), '-o', join(folder, 'sealed'), '--key-file', keyFile]);
    await done(['open', join(folder, 'sealed'), '-o', join(folder, 'opened'), '--key-file', ring]);
    expect(readFileSync(join(folder, 'opened'), 'utf8')).toBe('text');
    expect((await done(['key', 'list', '--key-file', keyFile])).stdout).toMatch(/^old +single key$/m);
  });

  test('may be sealed with a passphrase, and stays sealed when it is changed', async () => {
    const folder = freshFolder();
    const [ring, passphrase] = [join(folder, 'ring'), join(folder, 'passphrase')];
    writeFileSync(passphrase, `${PASSPHRASE}\n`);
    await done(['key', 'new', '--ring', ring, '--name', 'one', '--passphrase-file', passphrase]);
    await done(['key', 'new', '--ring', ring, '--name', 'two'], { env: { PSP_PASSPHRASE: PASSPHRASE } });
    expect(isArmored(readFileSync(ring))).toBe(true);
    const { stdout } = await done(['key', 'list', '--key-file', ring, '--passphrase-file', passphrase, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ keys: [{ kid: 'one' }, { kid: 'two' }] });
    const before = readFileSync(ring);
    expectFailure(await pspHere(['key', 'new', '--ring', ring], { env: { PSP_PASSPHRASE: 'another' } }), 'KEY_WRONG');
    expectFailure(await pspHere(['key', 'new', '--ring', ring]), 'KEY_MISSING');
    expect(readFileSync(ring)).toEqual(before);
  });

  test.each<[string, (ring: string) => readonly string[], string]>([
    ['no such key', (ring) => ['key', 'promote', 'three', '--ring', ring], 'KEY_UNKNOWN'],
    ['a key that is the primary already', (ring) => ['key', 'promote', 'one', '--ring', ring], 'KEY_STATE'],
    ['the primary to be revoked', (ring) => ['key', 'revoke', 'one', '--reason', 'retired', '--ring', ring], 'KEY_STATE'],
    ['a key to be destroyed that is not revoked', (ring) => ['key', 'destroy', 'two', '--ring', ring], 'KEY_STATE'],
    ['a name that was there', (ring) => ['key', 'new', '--name', 'two', '--ring', ring], 'KEY_STATE'],
    ['no reason', (ring) => ['key', 'revoke', 'two', '--ring', ring], 'USAGE'],
    ['another reason', (ring) => ['key', 'revoke', 'two', '--reason', 'bored', '--ring', ring], 'USAGE'],
    ['a reason where there is none', (ring) => ['key', 'promote', 'two', '--reason', 'retired', '--ring', ring], 'USAGE'],
    ['no ring', () => ['key', 'promote', 'two'], 'USAGE'],
    ['a ring that is not there', (ring) => ['key', 'promote', 'two', '--ring', `${ring}.none`], 'USAGE'],
    ['a ring in a folder that is not there', (ring) => ['key', 'new', '--ring', `${ring}/none/ring`], 'FILE_WRITE'],
    ['a name that is none', (ring) => ['key', 'new', '--name', 'a b', '--ring', ring], 'USAGE'],
    ['a time that is past', (ring) => ['key', 'new', '--not-after', '2001-01-01', '--ring', ring], 'USAGE'],
    ['a time that is none', (ring) => ['key', 'new', '--not-after', 'tomorrow', '--ring', ring], 'USAGE'],
    ['a MAC key in a ring', (ring) => ['key', 'new', '--mac', '--ring', ring], 'USAGE'],
    ['a ring and a file', (ring) => ['key', 'new', '-o', 'x', '--ring', ring], 'USAGE'],
    ['another command', () => ['key', 'rotate'], 'USAGE'],
  ])('%s is refused, and the ring stays as it is', async (_, args, code) => {
    const ring = join(freshFolder(), 'ring.json');
    const now = Date.now();
    writeFileSync(ring, formatKeyRing(KeyRing.of(generateKey('one'), now).add(generateKey('two'), now)));
    const before = readFileSync(ring);
    expectFailure(await pspHere(args(ring)), code);
    expect(readFileSync(ring)).toEqual(before);
    expect(readdirSync(join(ring, '..'))).toEqual(['ring.json']);
  });

  test('is changed by one psp at a time: of several at once none is lost', async () => {
    const ring = join(freshFolder(), 'ring.json');
    await done(['key', 'new', '--ring', ring, '--name', 'first']);
    const runs = await Promise.all(['a', 'b', 'c'].map((name) => psp(['key', 'new', '--ring', ring, '--name', name])));
    for (const { status } of runs) expect(status).toBe(0);
    expect(Object.keys(states(ring)).sort()).toEqual(['a', 'b', 'c', 'first']);
  });
});

describe('a key file', () => {
  test('is never replaced, and may be sealed with a passphrase', async () => {
    const file = join(freshFolder(), 'key');
    await done(['key', 'new', '-o', file, '--name', 'home'], { env: {} });
    const before = readFileSync(file, 'utf8');
    expect(parseKey(before).kid).toBe('home');
    expectFailure(await pspHere(['key', 'new', '-o', file]), 'FILE_WRITE');
    expect(readFileSync(file, 'utf8')).toBe(before);
    const typed = await pspAtTerminal(
      ['key', 'new', '-o', `${file}.sealed`, '--passphrase-prompt'],
      [
        ['passphrase: ', `${PASSPHRASE}\r`],
        ['the same once more: ', `${PASSPHRASE}\r`],
      ],
    );
    expect(typed.status).toBe(0);
    expect(isArmored(readFileSync(`${file}.sealed`))).toBe(true);
    const listed = await done(['key', 'list', '--key-file', `${file}.sealed`], { env: { PSP_PASSPHRASE: PASSPHRASE } });
    expect(listed.stdout).toContain('single key');
  });

  test('of a MAC key holds a MAC key, which opens nothing', async () => {
    const file = join(freshFolder(), 'mac');
    await done(['key', 'new', '--mac', '-o', file, '--name', 'scrub']);
    expect(parseMacKey(readFileSync(file, 'utf8')).kid).toBe('scrub');
    expectFailure(await pspHere(['key', 'list', '--key-file', file]), 'KEY_MALFORMED');
  });

  test('two passphrases that differ make no file', async () => {
    const folder = freshFolder();
    const typed = await pspAtTerminal(
      ['key', 'new', '-o', join(folder, 'key'), '--passphrase-prompt'],
      [
        ['passphrase: ', 'one\r'],
        ['the same once more: ', 'two\r'],
      ],
    );
    expect(typed.status).toBe(1);
    expect(typed.stdout).toContain('KEY_MALFORMED');
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('where a key comes from', () => {
  const key = generateKey('home');
  const blob = async (folder: string): Promise<string> => {
    const file = join(folder, 'sealed');
    writeFileSync(file, await seal(new TextEncoder().encode('text'), key));
    writeFileSync(join(folder, 'key'), `${formatKey(key)}\n`);
    writeFileSync(join(folder, 'passphrase'), `${PASSPHRASE}\r\n`);
    return file;
  };
  const withFds = (folder: string, redirections: string, args: readonly string[]): Promise<Run> =>
    run('bash', ['-c', `exec "$@" ${redirections}`, 'psp', process.execPath, builtProgram('ts/cli/psp.js'), ...args], { cwd: folder });

  test('a descriptor, also standard input', async () => {
    const folder = freshFolder();
    const file = await blob(folder);
    expect(await withFds(folder, '3< key', ['open', file, '-o', 'out', '--key-fd', '3'])).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('text');
    expect(await psp(['verify', file, '--key-fd', '0'], { stdin: formatKey(key) })).toMatchObject({ status: 0 });
    const piped = await withFds(folder, '3< <(cat key) 4< passphrase', ['verify', file, '--key-fd', '3', '--passphrase-fd', '4']);
    expect(piped).toMatchObject({ status: 0, stderr: '' });
  });

  test('one passphrase of a descriptor opens the file of the key and that of the MAC key', async () => {
    const folder = freshFolder();
    await blob(folder);
    const sealed = ['--passphrase-file', 'passphrase', '--kdf', 'pbkdf2-sha256'];
    for (const args of [
      ['-o', 'own'],
      ['-o', 'mac', '--mac'],
    ])
      expect(await pspHere(['key', 'new', ...args, ...sealed], { cwd: folder })).toMatchObject({ status: 0 });
    const keys = ['--key-file', 'own', '--mac-key-file', 'mac', '--passphrase-fd', '3'];
    const tagged = await withFds(folder, '3< <(cat passphrase)', ['seal', 'key', '-o', 'out', '--tag', 'tag', ...keys]);
    expect(tagged).toMatchObject({ status: 0, stderr: '' });
  });

  test.each<[string, readonly string[], string]>([
    ['a descriptor that is not open', ['--key-fd', '77'], 'KEY_FILE'],
    ['standard output', ['--key-fd', '1'], 'USAGE'],
    ['a descriptor that is no number', ['--key-fd', '3x'], 'USAGE'],
    ['a file and a descriptor', ['--key-file', 'key', '--key-fd', '0'], 'USAGE'],
    ['one descriptor for two secrets', ['--key-fd', '0', '--passphrase-fd', '00'], 'USAGE'],
    ['one descriptor for a key and a MAC key', ['--tag', 'tag', '--key-fd', '0', '--mac-key-fd', '0'], 'USAGE'],
    ['a key as an argument', ['--key', 'x'], 'USAGE'],
    ['a passphrase as an argument', ['--passphrase=x'], 'USAGE'],
    ['a MAC key as an argument', ['--mac-key', 'x'], 'USAGE'],
    ['a passphrase file that is empty', ['--passphrase-file', 'empty'], 'KEY_MALFORMED'],
    ['a passphrase that is no text', ['--passphrase-file', 'bytes'], 'KEY_MALFORMED'],
    ['a passphrase file that is not there', ['--passphrase-file', 'none'], 'KEY_FILE'],
    ['a folder for a key', ['--key-file', 'folder'], 'KEY_FILE'],
    ['an unknown way to stretch', ['--passphrase-file', 'passphrase', '--kdf', 'md5'], 'USAGE'],
    ['a prompt without a terminal', ['--passphrase-prompt'], 'USAGE'],
  ])('%s is refused', async (_, options, code) => {
    const folder = freshFolder();
    await blob(folder);
    writeFileSync(join(folder, 'empty'), '\n');
    writeFileSync(join(folder, 'bytes'), Uint8Array.of(0xff, 0xfe, 0x80));
    mkdirSync(join(folder, 'folder'));
    const before = readdirSync(folder);
    expectFailure(await pspHere(['seal', 'key', '-o', 'out', ...options], { cwd: folder }), code);
    expect(readdirSync(folder)).toEqual(before);
  });

  test('options win over variables, and a key over a passphrase', async () => {
    const folder = freshFolder();
    await blob(folder);
    const sealedWith = async (args: readonly string[], env: Record<string, string>): Promise<string> => {
      const { stdout } = await done(['seal', 'key', '-o', 'out', '--json', ...args], { cwd: folder, env });
      return (JSON.parse(stdout) as { key: string }).key;
    };
    const other = formatKey(generateKey('other'));
    expect(await sealedWith(['--key-file', 'key'], { PSP_KEY: other, PSP_PASSPHRASE: PASSPHRASE })).toBe('home');
    expect(await sealedWith([], { PSP_KEY: other, PSP_PASSPHRASE: PASSPHRASE })).toBe('other');
    expect(await sealedWith(['--passphrase-file', 'passphrase'], { PSP_KEY: other })).toBe('passphrase');
    expect(await sealedWith([], { PSP_PASSPHRASE: PASSPHRASE })).toBe('passphrase');
    const ring = formatKeyRing(KeyRing.of(generateKey('ringed'), Date.now()));
    expect(await sealedWith([], { PSP_KEY: ring })).toBe('ringed');
  });

  test('neither a MAC key nor a ring with a fault passes for a key', async () => {
    const folder = freshFolder();
    const file = await blob(folder);
    const ring = JSON.parse(formatKeyRing(KeyRing.of(key, Date.now()))) as { keys: { kcv: string }[] };
    ring.keys[0]!.kcv = '0'.repeat(16);
    for (const text of [formatMacKey(generateMacKey('home')), formatMacKey(deriveMacKey(key)), JSON.stringify(ring), '{}', '{']) {
      expectFailure(await pspHere(['verify', file], { env: { PSP_KEY: text } }), 'KEY_MALFORMED');
    }
  });
});
