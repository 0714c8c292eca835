/** `psp rotate` over a store on the disk, with its checkpoint and its audit log; also killed in the middle, and called off by Ctrl-C. */
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { filesystem } from '../../providers/filesystem.ts';
import { formatKey, formatMacKey, generateKey, generateMacKey } from '../../ts/envelope/key.ts';
import { KeyRing } from '../../ts/envelope/keyring.ts';
import { formatKeyRing } from '../../ts/envelope/keyring-text.ts';
import { seal } from '../../ts/envelope/seal.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { contentOf, expectAllOn, fill, keysOf, NEW, OLD, promoted, revoked, snapshot } from '../store/rotation-fixture.ts';
import { freshFolder } from './fixture.ts';
import { builtProgram, expectFailure, pspHere as psp, type Run } from './run.ts';

let folder: string;
let provider: StorageProvider;
const file = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = freshFolder();
  provider = filesystem({ root: file('store'), durability: 'none' });
  await fill(provider, keysOf(10), OLD);
  writeFileSync(file('ring'), formatKeyRing(promoted()));
});

const rotate = (args: readonly string[], options = {}): Promise<Run> =>
  psp(['rotate', 'store', '--key-file', 'ring', ...args], { cwd: folder, ...options });

async function done(args: readonly string[], options = {}): Promise<unknown> {
  const result = await rotate([...args, '--json'], options);
  expect(result).toMatchObject({ status: 0, stderr: '' });
  return JSON.parse(result.stdout) as unknown;
}

const NOTHING = { done: 0, skipped: 0, conflicted: 0, failed: [], resumed: false };

describe('psp rotate', () => {
  test('rewraps a store onto the primary, and a second time does nothing', async () => {
    expect((await rotate([])).stdout).toBe('rotated 10, 0 needed nothing, 0 were changed by others meanwhile, 0 failed\n');
    await expectAllOn(provider, keysOf(10), NEW);
    expect(await done([])).toEqual({ ...NOTHING, skipped: 10 });
    expect(await done(['--mode', 'reseal', '--context', 'key', '--all', '--concurrency', '2'])).toEqual({ ...NOTHING, done: 10 });
    await expectAllOn(provider, keysOf(10), NEW);
  });

  test('a dry run writes nothing: not the store, not the checkpoint, not the log', async () => {
    const before = await snapshot(provider);
    const { stdout } = await rotate(['--dry-run', '--checkpoint', 'mark', '--audit', 'log']);
    expect(stdout).toMatch(/^would rotate 10, /);
    expect(await snapshot(provider)).toEqual(before);
    expect(readdirSync(folder).sort()).toEqual(['ring', 'store']);
  });

  test('demands a reseal of what was under a compromised key', async () => {
    writeFileSync(file('ring'), formatKeyRing(revoked('compromised')));
    const before = await snapshot(provider);
    expectFailure(await rotate(['--mode', 'rewrap']), 'KEY_STATE');
    expect(await snapshot(provider)).toEqual(before);
    expect(await done(['--mode', 'reseal', '--context', 'key'])).toEqual({ ...NOTHING, done: 10 });
    await expectAllOn(provider, keysOf(10), NEW);
  });

  test('leaves what it cannot open, names it with its code, does the rest, and ends with status 1', async () => {
    await provider.put('stranger\u001b[31m', await seal(contentOf('x'), generateKey('stranger')));
    await provider.put('clear', contentOf('clear'));
    const { status, stdout, stderr } = await rotate([]);
    expect(status).toBe(1);
    expect(stderr).toBe('psp: ROTATE_INCOMPLETE: 2 of 12 records were left as they are\n');
    expect(stdout).toMatch(/clear +ENVELOPE_NOT_SEALED/);
    expect(stdout).toMatch(/stranger\\u\{1b\}\[31m +KEY_UNKNOWN/);
    await expectAllOn(provider, keysOf(10), NEW);
    // A reseal that is told nothing of contexts opens none of these.
    const wrong = await rotate(['--mode', 'reseal', '--all', '--prefix', 'blob-000', '--json']);
    const { done, failed } = JSON.parse(wrong.stdout) as { done: number; failed: { key: string; code: string }[] };
    expect(done).toBe(0);
    // Several are under way together: they end in any order.
    failed.sort((a, b) => (a.key < b.key ? -1 : 1));
    expect(failed).toMatchObject(keysOf(10).map((key) => ({ key, code: 'ENVELOPE_CONTEXT' })));
  });

  test('names a damaged record, or says that its name cannot be read, and does the rest', async () => {
    const files = readdirSync(file('store'), { recursive: true }).map(String);
    const records = files.filter((name) => name.endsWith('.rec')).sort();
    writeFileSync(file(join('store', records[0]!)), 'garbage');
    const hashed = 'H'.repeat(100);
    await provider.put(hashed, contentOf('x'));
    const added = readdirSync(file('store'), { recursive: true }).map(String);
    writeFileSync(file(join('store', added.find((name) => name.endsWith('.rec') && !records.includes(name))!)), 'garbage');

    const { status, stdout, stderr } = await rotate([]);
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'psp: ROTATE_INCOMPLETE: 2 of 11 records were left as they are\n' });
    expect(stdout).toMatch(/blob-000\d +PROVIDER_CORRUPT/);
    expect(stdout).toMatch(/\(its name cannot be read\) +PROVIDER_CORRUPT/);
    const again = JSON.parse((await rotate(['--json'])).stdout) as { failed: { key: string | null; code: string }[]; skipped: number };
    expect(again.skipped).toBe(9);
    expect(again.failed.map(({ key }) => key).sort()).toEqual([expect.stringMatching(/^blob-000\d$/), null]);
    expect(again.failed.map(({ code }) => code)).toEqual(['PROVIDER_CORRUPT', 'PROVIDER_CORRUPT']);
    // Nothing is left of who wrote, once it was closed.
    await provider.close();
    expect(readdirSync(file('store')).filter((name) => name.endsWith('.owner'))).toEqual([]);
  });

  test('keeps a log that verifies with the ring or a MAC key of its own, and finds a change of it', async () => {
    await done(['--audit', 'log']);
    const verified = await psp(['verify', 'log', '--audit', '--key-file', 'ring', '--json'], { cwd: folder });
    const { entries, head } = JSON.parse(verified.stdout) as { entries: number; head: string };
    expect(entries).toBe(10);
    expect(await psp(['verify', 'log', '--audit', '--key-file', 'ring', '--head', head], { cwd: folder })).toMatchObject({ status: 0 });

    const mac = generateMacKey('auditor');
    writeFileSync(file('mac'), formatMacKey(mac));
    await done(['--audit', 'own', '--mac-key-file', 'mac']);
    const own = await psp(['verify', 'own', '--audit', '--mac-key-file', 'mac'], { cwd: folder });
    expect(own.stdout).toMatch(/^10 entries, unchanged and in order: 10 skipped\nhead [0-9a-f]{64}/);

    const lines = readFileSync(file('log'), 'utf8').split('\n');
    const verifyChanged = async (changed: readonly string[]): Promise<Run> => {
      writeFileSync(file('changed'), changed.join('\n'));
      return psp(['verify', file('changed'), '--audit', '--key-file', file('ring')]);
    };
    expectFailure(await verifyChanged([...lines.slice(0, 3), ...lines.slice(4)]), 'ENVELOPE_TAMPERED');
    expectFailure(
      await verifyChanged(lines.map((line, at) => (at === 2 ? line.replace('"done"', '"failed"') : line))),
      'ENVELOPE_TAMPERED',
    );
    expectFailure(await verifyChanged([`\ufeff${lines[0]}`, ...lines.slice(1)]), 'ENVELOPE_TAMPERED');
    expectFailure(await psp(['verify', file('log'), '--audit', '--mac-key-file', file('mac')]), 'KEY_UNKNOWN');
    expectFailure(await psp(['verify', file('log'), '--audit', '--key-file', file('ring'), '--head', '0'.repeat(64)]), 'ENVELOPE_TAMPERED');
    expectFailure(await psp(['verify', file('log'), '--audit']), 'USAGE');
  });

  test('does not go on behind a forged log, and cuts off a line that a crash has torn', async () => {
    await done(['--audit', 'log']);
    const whole = readFileSync(file('log'), 'utf8');
    appendFileSync(file('log'), '{"n":11,"time":"20');
    expect(await done(['--audit', 'log'])).toMatchObject({ skipped: 10 });
    expect(readFileSync(file('log'), 'utf8').startsWith(whole)).toBe(true);
    const verified = await psp(['verify', 'log', '--audit', '--key-file', 'ring', '--json'], { cwd: folder });
    expect(JSON.parse(verified.stdout)).toMatchObject({ entries: 20 });
    writeFileSync(file('log'), whole.replaceAll('"done"', '"skipped"'));
    expectFailure(await rotate(['--audit', 'log']), 'ENVELOPE_TAMPERED');
  });

  test.each<[string, readonly string[], string]>([
    ['no store', ['rotate', 'none', '--key-file', 'ring'], 'FILE_READ'],
    ['a file for a store', ['rotate', 'ring', '--key-file', 'ring'], 'FILE_READ'],
    ['no folder', ['rotate', '--key-file', 'ring'], 'USAGE'],
    ['a single key', ['rotate', 'store', '--key-file', 'key'], 'USAGE'],
    ['no key', ['rotate', 'store'], 'KEY_MISSING'],
    ['another mode', ['rotate', 'store', '--key-file', 'ring', '--mode', 'copy'], 'USAGE'],
    ['all of a rewrap', ['rotate', 'store', '--key-file', 'ring', '--all'], 'USAGE'],
    ['no concurrency', ['rotate', 'store', '--key-file', 'ring', '--concurrency', '0'], 'USAGE'],
    ['another context', ['rotate', 'store', '--key-file', 'ring', '--context', 'name'], 'USAGE'],
    ['a checkpoint that cannot be read', ['rotate', 'store', '--key-file', 'ring', '--checkpoint', 'folder'], 'FILE_READ'],
    ['a log that cannot be written', ['rotate', 'store', '--key-file', 'ring', '--audit', 'folder'], 'FILE_WRITE'],
  ])('%s is refused before anything is written', async (_, args, code) => {
    mkdirSync(file('folder'));
    writeFileSync(file('key'), formatKey(OLD));
    const before = await snapshot(provider);
    expectFailure(await psp(args, { cwd: folder }), code);
    expect(await snapshot(provider)).toEqual(before);
  });

  test('killed or called off in the middle, it goes on where it was', async () => {
    await fill(provider, keysOf(300), OLD);
    const args = [
      'rotate',
      file('store'),
      '--key-file',
      file('ring'),
      '--checkpoint',
      file('mark'),
      '--audit',
      file('log'),
      '--concurrency',
      '1',
    ];
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const child = spawn(process.execPath, [builtProgram('ts/cli/psp.js'), ...args], { env: { PATH: process.env['PATH'] ?? '' } });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
      // Once it has logged something more it is in the middle.
      const size = existsSync(file('log')) ? readFileSync(file('log')).length : 0;
      const poll = setInterval(() => {
        if (!existsSync(file('log')) || readFileSync(file('log')).length <= size + 2000) return;
        // Once: a second Ctrl-C would end it at once.
        clearInterval(poll);
        child.kill(signal);
      }, 2);
      const status = await ended;
      clearInterval(poll);
      expect({ status, stderr }).toEqual(
        signal === 'SIGKILL' ? { status: null, stderr: '' } : { status: 1, stderr: expect.stringMatching(/^psp: INTERRUPTED: .+\n$/) },
      );
    }
    const { resumed, failed } = (await done(['--checkpoint', 'mark', '--audit', 'log'])) as typeof NOTHING;
    expect({ resumed, failed }).toEqual({ resumed: true, failed: [] });
    await expectAllOn(provider, keysOf(300), NEW);
    expect(readFileSync(file('mark'), 'utf8')).toBe('');
    const verified = await psp(['verify', 'log', '--audit', '--key-file', 'ring'], { cwd: folder });
    expect(verified).toMatchObject({ status: 0, stderr: '' });
    // Nothing is left of the locks.
    expect(readdirSync(folder).filter((name) => name.includes('.lock') || name.includes('.claim'))).toEqual([]);
  });

  test('a ring whose primary seals no more rotates nothing', async () => {
    writeFileSync(file('ring'), formatKeyRing(KeyRing.of(OLD, 1000, { notAfterMs: 2000 })));
    expectFailure(await rotate([]), 'KEY_EXPIRED');
  });
});
