/**
 * No key, passphrase or plaintext in anything that the verbs of keys, sealing and rotation print or leave on the disk, whether they succeed or fail; but
 * in the files that are meant to hold them.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { filesystem } from '../../providers/filesystem.ts';
import {
  deriveMacKey,
  EncryptionKey,
  formatKey,
  formatMacKey,
  generateKey,
  generateMacKey,
  macSecretOf,
  secretOf,
} from '../../ts/envelope/key.ts';
import { KeyRing } from '../../ts/envelope/keyring.ts';
import { formatKeyRing } from '../../ts/envelope/keyring-text.ts';
import { seal } from '../../ts/envelope/seal.ts';
import { makeFolder, removeFolder } from './fixture.ts';
import { expectNoSecret, findSecrets, plantSecret } from './leak.ts';
import { pspHere as psp, pspAtTerminal, type Run, type RunOptions } from './run.ts';

const [OLD, NEW, LOST] = [generateKey('old'), generateKey('new'), generateKey('lost')];
const MAC = generateMacKey('mac');
const PASSPHRASE = plantSecret('unicode');
const PLAINTEXT = plantSecret('unicode');
const SECRETS = {
  old: secretOf(OLD),
  new: secretOf(NEW),
  lost: secretOf(LOST),
  'text of the old key': formatKey(OLD).slice(-44),
  mac: macSecretOf(MAC),
  'derived mac': macSecretOf(deriveMacKey(NEW)),
  passphrase: PASSPHRASE,
  plaintext: PLAINTEXT,
};
const RING = formatKeyRing(KeyRing.of(OLD, 1000).add(NEW, 1000).promote('new', 1000));

let folder: string;
const file = (name: string): string => join(folder, name);
const write = (name: string, content: string | Uint8Array): string => {
  writeFileSync(file(name), content);
  return name;
};

beforeAll(async () => {
  folder = makeFolder();
  mkdirSync(file('tmp'));
  write('ring.secret', RING);
  write('mac.secret', formatMacKey(MAC));
  write('passphrase.secret', `${PASSPHRASE}\n`);
  write('plain.secret', PLAINTEXT);
  const provider = filesystem({ root: file('store') });
  for (const key of ['a', 'b', 'c']) await provider.put(key, await seal(new TextEncoder().encode(PLAINTEXT), OLD));
  await provider.put('lost', await seal(new TextEncoder().encode(PLAINTEXT), LOST));
});
afterAll(() => removeFolder(folder));

/** Runs `psp`, and asserts that it ended as expected and printed no secret. */
async function quiet(status: 0 | 1, args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const result = await psp(args, { ...options, cwd: folder, env: { ...options.env, TMPDIR: file('tmp') } });
  const what = args.slice(0, 2).join(' ').slice(0, 40);
  expectNoSecret(`${result.stdout}${result.stderr}`, SECRETS, what);
  expect({ what, status: result.status, stderr: result.stderr }).toEqual({
    what,
    status,
    stderr: status === 0 ? '' : expect.stringMatching(/^psp: [A-Z_]+: .+\n$/),
  });
  return result;
}

test('the search sees what was planted', () => {
  // In Base64: the ring holds the keys, and nothing else would let the other tests fail.
  expect(findSecrets(Buffer.from(RING), SECRETS)).toEqual(
    expect.arrayContaining(['old in Base64', 'new in Base64', 'text of the old key in clear']),
  );
  expect(findSecrets(readFileSync(file('plain.secret')), SECRETS)).toContain('plaintext in clear');
});

test('verbs that succeed', async () => {
  const byRing = ['--key-file', 'ring.secret'];
  const env = { PSP_KEY: RING, PSP_PASSPHRASE: PASSPHRASE, PSP_MAC_KEY: formatMacKey(MAC) };
  for (const json of [[], ['--json']]) {
    await quiet(0, ['key', 'list', ...byRing, ...json]);
    await quiet(0, ['key', 'list', '--ring', 'ring.secret', ...json]);
    await quiet(0, ['seal', 'plain.secret', '-o', 'sealed', ...json], { env });
    await quiet(0, ['seal', 'plain.secret', '-o', 'tagged', '--armor', '--tag', 'tag', ...json], { env });
    await quiet(0, ['seal', 'plain.secret', '-o', 'by-passphrase', '--passphrase-file', 'passphrase.secret', ...json]);
    await quiet(0, ['open', 'sealed', '-o', 'opened.secret', ...byRing, ...json]);
    await quiet(0, ['open', 'by-passphrase', '-o', 'opened.secret', ...json], { env: { PSP_PASSPHRASE: PASSPHRASE } });
    await quiet(0, ['verify', 'sealed', ...byRing, ...json]);
    await quiet(0, ['verify', 'tagged', '--tag', 'tag', '--mac-key-fd', '0', ...json], { stdin: formatMacKey(MAC) });
    await quiet(0, ['rotate', 'store', '--prefix', 'a', ...byRing, '--audit', 'log', '--checkpoint', 'mark', ...json]);
    await quiet(0, ['verify', 'log', '--audit', ...byRing, ...json]);
  }
  await quiet(0, ['key', 'new', '--ring', 'sealed-ring', '--passphrase-file', 'passphrase.secret']);
  await quiet(0, ['key', 'import', '--ring', 'sealed-ring', '--key-fd', '0'], {
    stdin: formatKey(OLD),
    env: { PSP_PASSPHRASE: PASSPHRASE },
  });
  await quiet(0, ['key', 'promote', 'old', '--ring', 'sealed-ring'], { env: { PSP_PASSPHRASE: PASSPHRASE } });
  const typed = await pspAtTerminal(
    ['open', file('by-passphrase'), '-o', file('opened.secret'), '--passphrase-prompt'],
    [['passphrase: ', `${PASSPHRASE}\r`]],
  );
  expectNoSecret(typed.stdout, SECRETS, 'the terminal');
  expect(typed.status).toBe(0);
});

test('verbs that fail', async () => {
  const env = { PSP_KEY: RING };
  const twin = new EncryptionKey('new', secretOf(LOST));
  const sealed = readFileSync(file('sealed'));
  write(
    'altered',
    sealed.map((byte, at) => (at === sealed.length - 3 ? byte ^ 1 : byte)),
  );
  write('half.secret', RING.slice(0, RING.length - 30));
  write('other.secret', RING.replace('"primary"', '"decrypt-only"'));
  await quiet(1, ['rotate', 'store', '--audit', 'log', '--checkpoint', 'mark'], { env });
  await quiet(1, ['rotate', 'store', '--json', '--mode', 'reseal', '--all'], { env });
  await quiet(1, ['open', 'altered', '-o', 'none'], { env });
  for (const text of [
    RING.slice(1),
    RING.slice(0, -1),
    `${RING}${RING}`,
    RING.replace('psp-key-ring', PASSPHRASE),
    formatKey(LOST),
    formatKey(twin),
    formatMacKey(MAC),
  ]) {
    await quiet(1, ['open', 'sealed', '-o', 'none'], { env: { PSP_KEY: text } });
  }
  for (const name of ['half.secret', 'other.secret', 'mac.secret', 'plain.secret'])
    await quiet(1, ['open', 'sealed', '-o', 'none', '--key-file', name]);
  await quiet(1, ['open', 'by-passphrase', '-o', 'none'], { env: { PSP_PASSPHRASE: PLAINTEXT } });
  await quiet(1, ['key', 'new', '--ring', 'sealed-ring'], { env: { PSP_PASSPHRASE: PLAINTEXT } });
  await quiet(1, ['verify', 'tagged', '--tag', 'tag', '--mac-key-file', 'plain.secret']);
  await quiet(1, ['verify', 'plain.secret', '--audit', '--key-file', 'ring.secret']);
  await quiet(1, ['verify', 'plain.secret']);
  write('log-changed', readFileSync(file('log'), 'utf8').replace('"old"', JSON.stringify(PLAINTEXT)));
  await quiet(1, ['verify', 'log-changed', '--audit'], { env });
  await quiet(1, ['rotate', 'store', '--audit', 'plain.secret'], { env });
});

test('arguments in wrong places', async () => {
  for (const args of [
    ['key', 'new', '--ring', formatKey(OLD)],
    ['key', 'promote', formatKey(OLD), '--ring', 'ring.secret'],
    ['key', 'promote', PASSPHRASE, '--ring', 'ring.secret'],
    ['key', 'new', '--ring', 'none', '--name', PASSPHRASE],
    ['key', 'revoke', 'old', '--reason', PASSPHRASE, '--ring', 'ring.secret'],
    ['key', 'list', '--ring', RING],
    ['seal', 'plain.secret', '-o', 'none', '--key-file', RING],
    ['seal', 'plain.secret', '-o', 'none', '--passphrase', PASSPHRASE],
    ['seal', 'plain.secret', '-o', 'none', `--passphrase=${PASSPHRASE}`],
    ['seal', 'plain.secret', '-o', 'none', '--key-fd', PASSPHRASE],
    ['seal', 'plain.secret', '-o', 'none', '--passphrase-file', 'passphrase.secret', '--kdf', PASSPHRASE],
    ['verify', 'tagged', '--tag', 'tag', '--mac-key', formatMacKey(MAC)],
    ['verify', 'log', '--audit', '--head', PASSPHRASE],
    ['rotate', 'store', '--key-file', 'ring.secret', '--mode', PASSPHRASE],
    ['rotate', 'store', '--key-file', 'ring.secret', '--concurrency', PASSPHRASE],
    ['rotate', 'store', '--key-file', 'ring.secret', '--context', PASSPHRASE],
  ]) {
    await quiet(1, args);
  }
});

test('no file that is left holds any, nor has one in its name, but those that are meant to', () => {
  const names = readdirSync(folder, { recursive: true }).map(String);
  expectNoSecret(names.join('\n'), SECRETS, 'the names of the files');
  expect(readdirSync(file('tmp'))).toEqual([]);
  const holding = names.filter((name) => statSync(file(name)).isFile() && findSecrets(readFileSync(file(name)), SECRETS).length > 0);
  // `log-changed` was made by the test itself.
  expect(holding.filter((name) => !name.endsWith('.secret'))).toEqual(['log-changed']);
  expect(names).toEqual(expect.arrayContaining(['sealed', 'tagged', 'tag', 'by-passphrase', 'log', 'mark', 'sealed-ring']));
  expect(names.filter((name) => name.includes('none'))).toEqual([]);
});
