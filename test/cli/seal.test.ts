/** `psp seal`, `psp open` and `psp verify`: any file, sealed and opened whole, and verified with and without a key that opens it. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { formatKey, formatMacKey, generateKey, generateMacKey, MacKey } from '../../ts/envelope/key.ts';
import { KeyRing } from '../../ts/envelope/keyring.ts';
import { formatKeyRing } from '../../ts/envelope/keyring-text.ts';
import { peek } from '../../ts/envelope/peek.ts';
import { seal } from '../../ts/envelope/seal.ts';
import { flip } from '../envelope/fixture.ts';
import { freshFolder } from './fixture.ts';
import { expectFailure, pspHere as psp, pspAtTerminal, type Run } from './run.ts';

const KEY = generateKey('home');
const MAC = generateMacKey('scrub');
const WITH_KEY = { env: { PSP_KEY: formatKey(KEY) } };
const WITH_MAC = { env: { PSP_MAC_KEY: formatMacKey(MAC) } };
const PLAIN = crypto.getRandomValues(new Uint8Array(40_000));

let folder: string;
const file = (name: string): string => join(folder, name);

beforeEach(() => {
  folder = freshFolder();
  writeFileSync(file('plain'), PLAIN);
});

async function done(args: readonly string[], options = {}): Promise<Run> {
  const result = await psp(args, { cwd: folder, ...options });
  expect(result).toMatchObject({ status: 0, stderr: '' });
  return result;
}

describe('psp seal and psp open', () => {
  test('give back any file as it was, as bytes and as armor, for this user alone', async () => {
    for (const armor of [[], ['--armor']]) {
      const sealed = await done(['seal', 'plain', '-o', 'sealed', ...armor], WITH_KEY);
      expect(sealed.stdout).toMatch(/^wrote sealed: .+, sealed with key home\n$/);
      const opened = await done(['open', 'sealed', '-o', 'opened'], WITH_KEY);
      expect(opened.stdout).toMatch(/^wrote opened: 39\.1 KiB, opened with key home; it is not sealed\n$/);
      expect(new Uint8Array(readFileSync(file('opened')))).toEqual(PLAIN);
      for (const name of ['sealed', 'opened']) expect(statSync(file(name)).mode & 0o777).toBe(0o600);
    }
    expect(readFileSync(file('sealed'), 'utf8')).toMatch(/^-----BEGIN PSP SEALED BLOB-----\n/);
  });

  test('with a ring: its primary seals, a pending key opens already, a revoked one no more', async () => {
    const now = Date.now();
    const other = generateKey('work');
    const ring = KeyRing.of(KEY, now).add(other, now);
    const env = (one: KeyRing) => ({ env: { PSP_KEY: formatKeyRing(one) } });
    await done(['seal', 'plain', '-o', 'sealed'], env(ring));
    expect(peek(readFileSync(file('sealed'))).unverified.wraps).toEqual([{ type: 1, kid: 'home' }]);
    writeFileSync(file('early'), await seal(PLAIN, other));
    await done(['open', 'early', '-o', 'opened'], env(ring));
    const revoked = ring.promote('work', now).revoke('home', 'retired', now);
    expectFailure(await psp(['open', file('sealed'), '-o', file('none')], env(revoked)), 'KEY_REVOKED');
    expect(readdirSync(folder)).not.toContain('none');
    const expired = KeyRing.of(KEY, 1000, { notAfterMs: 2000 });
    expectFailure(await psp(['seal', file('plain'), '-o', file('none')], env(expired)), 'KEY_EXPIRED');
    await done(['open', 'sealed', '-o', 'opened'], env(expired));
  });

  test('with a passphrase, from the terminal and from a file, by each way to stretch it', async () => {
    writeFileSync(file('passphrase'), 'correct horse\n');
    for (const kdf of ['argon2id', 'scrypt', 'pbkdf2-sha256']) {
      await done(['seal', 'plain', '-o', 'sealed', '--passphrase-file', 'passphrase', '--kdf', kdf]);
      await done(['open', 'sealed', '-o', 'opened'], { env: { PSP_PASSPHRASE: 'correct horse' } });
      expect(new Uint8Array(readFileSync(file('opened')))).toEqual(PLAIN);
    }
    const typed = await pspAtTerminal(
      ['open', file('sealed'), '-o', file('typed'), '--passphrase-prompt'],
      [['passphrase: ', 'correct horse\r']],
    );
    expect(typed.status).toBe(0);
    expect(new Uint8Array(readFileSync(file('typed')))).toEqual(PLAIN);
    expectFailure(await psp(['open', file('sealed'), '-o', file('none')], { env: { PSP_PASSPHRASE: 'correct horse ' } }), 'KEY_WRONG');
  });

  test('for a tenant and a session: another one does not open it', async () => {
    await done(['seal', 'plain', '-o', 'sealed', '--tenant', 'shop', '--session-id', 's-1'], WITH_KEY);
    await done(['open', 'sealed', '-o', 'opened', '--tenant', 'shop', '--session-id', 's-1'], WITH_KEY);
    for (const context of [
      [],
      ['--tenant', 'shop'],
      ['--tenant', 'shop', '--session-id', 's-2'],
      ['--tenant', 's', '--session-id', 'hops-1'],
    ]) {
      expectFailure(await psp(['open', file('sealed'), '-o', file('none'), ...context], WITH_KEY), 'ENVELOPE_CONTEXT');
    }
  });

  test('write nothing where they fail, and leave what was there', async () => {
    const sealed = await seal(PLAIN, KEY);
    writeFileSync(file('sealed'), sealed);
    writeFileSync(file('cut'), sealed.subarray(0, 20_000));
    writeFileSync(file('altered'), flip(sealed, 30_000));
    writeFileSync(file('armor-cut'), '-----BEGIN PSP SEALED BLOB-----\nUFNQ\n');
    writeFileSync(file('out'), 'as it was');
    const before = readdirSync(folder);
    const refused: readonly (readonly [readonly string[], object, string])[] = [
      [['open', 'cut', '-o', 'out'], WITH_KEY, 'ENVELOPE_TRUNCATED'],
      [['open', 'altered', '-o', 'out'], WITH_KEY, 'ENVELOPE_TAMPERED'],
      [['open', 'armor-cut', '-o', 'out'], WITH_KEY, 'ENVELOPE_TRUNCATED'],
      [['open', 'plain', '-o', 'out'], WITH_KEY, 'ENVELOPE_NOT_SEALED'],
      [['open', 'none', '-o', 'out'], WITH_KEY, 'FILE_READ'],
      [['open', 'sealed', '-o', 'out'], { env: { PSP_KEY: formatKey(generateKey('home')) } }, 'KEY_WRONG'],
      [['open', 'sealed', '-o', 'out'], { env: { PSP_KEY: formatKey(generateKey('work')) } }, 'KEY_UNKNOWN'],
      [['open', 'sealed', '-o', 'out'], {}, 'KEY_MISSING'],
      [['open', 'sealed'], WITH_KEY, 'USAGE'],
      [['open', '-o', 'out'], WITH_KEY, 'USAGE'],
      [['open', 'sealed', 'plain', '-o', 'out'], WITH_KEY, 'USAGE'],
      [['seal', 'plain', '-o', 'out'], {}, 'KEY_MISSING'],
      [['seal', 'plain', '-o', 'out', '--tag', 'tag'], WITH_KEY, 'USAGE'],
      [['seal', 'none', '-o', 'out'], WITH_KEY, 'FILE_READ'],
      [['seal', 'plain', '-o', 'none/out'], WITH_KEY, 'FILE_WRITE'],
    ];
    for (const [args, options, code] of refused) expectFailure(await psp(args, { cwd: folder, ...options }), code);
    expect(readdirSync(folder)).toEqual(before);
    expect(readFileSync(file('out'), 'utf8')).toBe('as it was');
  });
});

describe('psp verify', () => {
  test('without any key says what the form is, and that it is not verified', async () => {
    writeFileSync(file('sealed'), await seal(PLAIN, KEY));
    expect((await done(['verify', 'sealed'])).stdout).toMatch(/for key home\. NOT verified/);
    const forged = flip(readFileSync(file('sealed')), 30_000);
    writeFileSync(file('forged'), forged);
    expect(JSON.parse((await done(['verify', 'forged', '--json'])).stdout)).toEqual({
      verified: 'structure',
      keys: ['home'],
      fileBytes: forged.length,
    });
    writeFileSync(file('cut'), forged.subarray(0, forged.length - 1));
    expectFailure(await psp(['verify', file('cut')]), 'ENVELOPE_TRUNCATED');
    writeFileSync(file('longer'), new Uint8Array([...forged, 0]));
    expectFailure(await psp(['verify', file('longer')]), 'ENVELOPE_TAMPERED');
    expectFailure(await psp(['verify', file('plain')]), 'ENVELOPE_NOT_SEALED');
  });

  test('with a key opens all of it, and writes nothing', async () => {
    const sealed = await seal(PLAIN, KEY);
    writeFileSync(file('sealed'), sealed);
    const before = readdirSync(folder);
    expect((await done(['verify', 'sealed'], WITH_KEY)).stdout).toMatch(/authentic and whole: key home/);
    for (const at of [10, 70, 120, sealed.length - 1]) {
      writeFileSync(file('sealed'), flip(sealed, at));
      const { status, stderr } = await psp(['verify', file('sealed')], WITH_KEY);
      expect([at, status, stderr]).toEqual([at, 1, expect.stringMatching(/^psp: (ENVELOPE|KEY)_[A-Z]+: .+\n$/)]);
    }
    expect(readdirSync(folder)).toEqual(before);
  });

  test('with a tag and a MAC key needs no key that opens: any change of a sealed or a clear file is found', async () => {
    await done(['seal', 'plain', '-o', 'sealed', '--tag', 'tag'], { env: { ...WITH_KEY.env, ...WITH_MAC.env } });
    expect((await done(['verify', 'sealed', '--tag', 'tag'], WITH_MAC)).stdout).toMatch(/unchanged since it was tagged with MAC key scrub/);
    expectFailure(await psp(['verify', file('plain'), '--tag', file('tag')], WITH_MAC), 'ENVELOPE_TAMPERED');
    writeFileSync(file('altered'), flip(readFileSync(file('sealed')), 25_000));
    expectFailure(await psp(['verify', file('altered'), '--tag', file('tag')], WITH_MAC), 'ENVELOPE_TAMPERED');
    expectFailure(await psp(['verify', file('sealed'), '--tag', file('tag'), '--session-id', 's'], WITH_MAC), 'ENVELOPE_TAMPERED');
    expectFailure(await psp(['verify', file('sealed'), '--tag', file('plain')], WITH_MAC), 'ENVELOPE_MALFORMED');
    expectFailure(await psp(['verify', file('sealed'), '--tag', file('tag')], WITH_KEY), 'USAGE');
    const stranger = { env: { PSP_MAC_KEY: formatMacKey(new MacKey('scrub', crypto.getRandomValues(new Uint8Array(32)))) } };
    expectFailure(await psp(['verify', file('sealed'), '--tag', file('tag')], stranger), 'KEY_WRONG');
    expectFailure(await psp(['verify', file('sealed'), '--tag', file('tag')], { env: { PSP_MAC_KEY: formatKey(KEY) } }), 'KEY_MALFORMED');
  });

  test.each([
    ['no file', []],
    ['two files', ['a', 'b']],
    ['a tag and a log', ['a', '--audit', '--tag', 'b']],
    ['a head without a log', ['a', '--head', '0'.repeat(64)]],
  ])('%s is a wrong use', async (_, args) => {
    expectFailure(await psp(['verify', ...args], WITH_KEY), 'USAGE');
  });
});
