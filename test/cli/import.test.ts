/** `psp import` and `psp export` over stores on the disk: round trips, failures and exit status, resumed imports, and what is refused. */
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { filesystem } from '../../providers/filesystem.ts';
import { integrityTag } from '../../ts/envelope/integrity.ts';
import { formatKey, formatMacKey, MacKey } from '../../ts/envelope/key.ts';
import { KeyRing } from '../../ts/envelope/keyring.ts';
import { formatKeyRing } from '../../ts/envelope/keyring-text.ts';
import { seal } from '../../ts/envelope/seal.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import type { SessionStore } from '../../ts/store/store.ts';
import { keyOf } from '../envelope/fixture.ts';
import { blobOf, idsOf, sealedItem, storedIds, validSession } from '../store/import-fixture.ts';
import { KEY } from '../store/store-fixture.ts';
import { freshFolder } from './fixture.ts';
import { builtProgram, expectFailure, pspHere as psp, type Run } from './run.ts';

const MAC = new MacKey('mac', new Uint8Array(32).fill(3));
let folder: string;
const file = (...names: string[]): string => join(folder, ...names);

beforeEach(() => {
  folder = freshFolder();
  mkdirSync(file('in'));
  writeFileSync(file('key'), formatKey(KEY));
});

const run = (args: readonly string[], options = {}): Promise<Run> => psp(args, { cwd: folder, ...options });
const importTo = (store: string, args: readonly string[], options = {}): Promise<Run> =>
  run(['import', ...args, '--store', store, '--key-file', 'key'], options);

async function json(args: readonly string[], options = {}): Promise<Record<string, unknown>> {
  const result = await run([...args, '--json'], options);
  expect(result).toMatchObject({ status: 0, stderr: '' });
  return JSON.parse(result.stdout) as Record<string, unknown>;
}

/** The store in a folder, sealed with the key of the tests. */
function storeIn(name: string, namespace = ''): SessionStore {
  return sessionStore(filesystem({ root: file(name), durability: 'none' }), { keys: KEY, ...(namespace === '' ? {} : { namespace }) });
}

async function writeBlobs(ids: readonly string[]): Promise<void> {
  for (const id of ids) writeFileSync(file('in', `${id}.pspb`), await blobOf(id));
}

describe('psp import', () => {
  test('a folder with what is below it, then files: what ends as a session does; no links, no hidden files', async () => {
    await writeBlobs(idsOf(4));
    mkdirSync(file('in', 'deep'));
    writeFileSync(file('in', 'deep', 'a.psp'), await blobOf('deep', 'text'));
    writeFileSync(file('in', 'notes.txt'), 'no session');
    writeFileSync(file('in', '.hidden.psp'), 'no session');
    symlinkSync(file('key'), file('in', 'link.psp'));
    writeFileSync(file('single'), await blobOf('single'));
    const { stdout, status } = await importTo('store', ['in', 'single']);
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^imported 6 \(.* read\), 0 failed\n$/) });
    expect(await storedIds(storeIn('store'))).toEqual(['deep', ...idsOf(4), 'single']);
    expect((await storeIn('store').get('deep'))!.session.id).toBe('deep');
    const again = await json(['import', 'in', '--store', 'filesystem:store', '--key-file', 'key']);
    expect(again).toMatchObject({ created: 0, kept: 5, failures: 0, failed: [], complete: true, resumed: false });
    const other = ['import', 'single', '--store', 'store', '--key-file', 'key', '--on-conflict', 'replace', '--namespace', 'n'];
    expect(await json(other)).toMatchObject({ created: 1 });
    expect(await storedIds(storeIn('store', 'n'))).toEqual(['single']);
  });

  test('merge joins what is stored with what comes, and counts it; threads make no difference', async () => {
    await writeBlobs(['a', 'b']);
    await importTo('store', ['in']);
    const [cookie] = validSession('a').cookies;
    writeFileSync(
      file('a.pspb'),
      await blobOf('a', 'packed', { cookies: [{ ...cookie!, name: 'added' }], updatedAt: validSession('a').updatedAt + 1 }),
    );
    const { stdout } = await importTo('store', ['a.pspb', '--on-conflict', 'merge', '--threads', '1']);
    expect(stdout).toMatch(/^imported 1 \(.* read\), 1 joined with what is stored under that id, 0 failed\n$/);
    const names = (await storeIn('store').get('a'))!.session.cookies.map(({ name }) => name);
    expect(names.sort()).toEqual(['added', ...validSession('a').cookies.map(({ name }) => name)].sort());
    const again = await json(['import', 'in', 'a.pspb', '--store', 'store', '--key-file', 'key', '--on-conflict', 'merge']);
    expect(again).toMatchObject({ created: 0, merged: 0, kept: 3 });
  });

  test('a bad file stops nothing: it is named with its code, and the exit status is 1', async () => {
    await writeBlobs(idsOf(3));
    writeFileSync(file('in', 'bad\u001b[31m.psp'), 'no session');
    writeFileSync(file('in', 'cut.pspb'), (await blobOf('cut')).subarray(0, -1));
    const { status, stdout, stderr } = await importTo('store', ['in']);
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'psp: IMPORT_INCOMPLETE: 2 of 5 items were not imported\n' });
    expect(stdout).toMatch(/bad\\u\{1b\}\[31m\.psp +BLOB_NOT_A_BLOB/);
    expect(stdout).toMatch(/cut\.pspb +BLOB_TRUNCATED/);
    expect(await storedIds(storeIn('store'))).toEqual(idsOf(3));
  });

  test('sealed files: by their names, by their tags, and loose ones', async () => {
    const [a, b] = [sealedItem('Größe/1', await blobOf('Größe/1')), sealedItem('b', await blobOf('b'))];
    writeFileSync(file('in', 'gr.pspe'), a.bytes as Uint8Array);
    writeFileSync(file('in', 'b.pspe'), b.bytes as Uint8Array);
    writeFileSync(
      file('in', 'sessions.jsonl'),
      `${JSON.stringify({ file: 'gr.pspe', id: 'Größe/1', ...a.facts })}\n${JSON.stringify({ file: 'b.pspe', id: 'b', ...b.facts })}\n`,
    );
    for (const item of [a, b]) {
      const name = item.id === 'b' ? 'b' : 'gr';
      writeFileSync(file('in', `${name}.pspe.tag`), await integrityTag(item.bytes as Uint8Array, MAC, { sessionId: item.id! }));
    }
    writeFileSync(file('mac'), formatMacKey(MAC));
    expect(
      await json(['import', 'in', '--store', 'tagged', '--key-file', 'key', '--verify', 'hashes', '--mac-key-file', 'mac']),
    ).toMatchObject({ created: 2 });
    expect((await storeIn('tagged').get('Größe/1'))!.session.id).toBe('Größe/1');
    writeFileSync(file('loose'), await seal(await blobOf('loose'), KEY));
    expect(await json(['import', 'loose', '--store', 'tagged', '--key-file', 'key', '--context', 'none'])).toMatchObject({ created: 1 });
    expect((await storeIn('tagged').get('loose'))!.session.id).toBe('loose');
  });

  test('goes on from its checkpoint after kill -9', { timeout: 120_000 }, async () => {
    await writeBlobs(idsOf(400));
    const args = ['import', 'in', '--store', 'store', '--key-file', 'key', '--checkpoint', 'mark', '--json'];
    const child = spawn(process.execPath, [builtProgram('ts/cli/psp.js'), ...args], { cwd: folder, stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('close', resolve));
    while (child.exitCode === null && !existsSync(file('mark'))) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGKILL');
    await ended;
    const summary = JSON.parse((await run(args)).stdout) as Record<string, number>;
    expect(summary['failures']).toBe(0);
    expect(summary['created']! + summary['present']! + summary['finishedBefore']! + summary['kept']!).toBe(400);
    expect(await storedIds(storeIn('store'))).toEqual(idsOf(400));
  });

  test.each<[string, readonly string[], string]>([
    ['no store', ['import', 'in'], 'USAGE'],
    ['no file', ['import', '--store', 'store'], 'USAGE'],
    ['a store of no kind', ['import', 'in', '--store', 'ftp://x', '--clear'], 'USAGE'],
    ['a password in the name of a store', ['import', 'in', '--store', 'redis://:secret@localhost', '--clear'], 'USAGE'],
    ['a level of no kind', ['import', 'in', '--store', 'store', '--clear', '--verify', 'some'], 'USAGE'],
    ['merge without reading', ['import', 'in', '--store', 'store', '--clear', '--on-conflict', 'merge', '--verify', 'hashes'], 'USAGE'],
    ['restamp without merge', ['import', 'in', '--store', 'store', '--clear', '--restamp'], 'USAGE'],
    ['too many threads', ['import', 'in', '--store', 'store', '--clear', '--threads', '65'], 'USAGE'],
    ['a folder that is not there', ['import', 'gone', '--store', 'store', '--clear'], 'FILE_READ'],
    ['no key', ['import', 'in', '--store', 'store'], 'KEY_MISSING'],
    ['s3 without its variables', ['import', 'in', '--store', 's3://bucket/x', '--clear'], 'USAGE'],
    ['cloudflare-kv without its variable', ['import', 'in', '--store', 'cloudflare-kv://account/namespace', '--clear'], 'USAGE'],
    ['cloudflare-kv without a namespace', ['import', 'in', '--store', 'cloudflare-kv://account', '--clear'], 'USAGE'],
    ['a token in the name of a store', ['import', 'in', '--store', 'cloudflare-kv://:secret@account/namespace', '--clear'], 'USAGE'],
    ['a stream with a checkpoint', ['export', '-', '--store', 'store', '--checkpoint', 'mark'], 'USAGE'],
    ['an export without a folder', ['export', '--store', 'store'], 'USAGE'],
  ])('refuses %s', async (_, args, code) => {
    const result = await run(args);
    expectFailure(result, code);
    expect(result.stderr).not.toContain('secret');
  });
});

test('every kind of store by its name: lmdb, and rotate --store over what was imported', async () => {
  await writeBlobs(idsOf(5));
  const next = keyOf('next', 8);
  writeFileSync(file('ring'), formatKeyRing(KeyRing.of(KEY, 0).add(next, 0).promote('next', 0)));
  expect(await json(['import', 'in', '--store', 'lmdb:db', '--key-file', 'key', '--tenant', 'acme'])).toMatchObject({ created: 5 });
  const rotate = ['rotate', '--store', 'lmdb:db', '--key-file', 'ring', '--mode', 'reseal', '--context', 'key', '--tenant', 'acme'];
  expect(await json(rotate)).toMatchObject({ done: 5, failed: [] });
  writeFileSync(file('next'), formatKey(next));
  const exported = await json(['export', 'out', '--store', 'lmdb:db', '--key-file', 'next', '--tenant', 'acme', '--form', 'text']);
  expect(exported).toMatchObject({ exported: 5, failed: [] });
  expectFailure(await run(['rotate', 'store', '--store', 'lmdb:db', '--key-file', 'ring']), 'USAGE');
});

describe('psp export', () => {
  const ids = ['plain', 'Größe/1', 'UPPER', 'x'.repeat(128)];

  async function filled(): Promise<void> {
    for (const [at, id] of ids.entries()) writeFileSync(file('in', `${at}.psp`), await blobOf(id, 'text'));
    expect(await json(['import', 'in', '--store', 'store', '--key-file', 'key'])).toMatchObject({ created: 4 });
  }

  test('stored: sealed files that go back in without being opened, private to the user', async () => {
    await filled();
    expect(await json(['export', 'out', '--store', 'store'])).toMatchObject({ exported: 4, failed: [] });
    expect(readdirSync(file('out')).length).toBe(5);
    for (const name of readdirSync(file('out'))) expect(statSync(file('out', name)).mode & 0o777).toBe(0o600);
    expect(readFileSync(file('out', 'plain.pspe')).subarray(0, 4).toString()).toBe('PSPE');
    const back = ['import', 'out', '--store', 'other', '--key-file', 'key', '--verify'];
    expect(await json([...back, 'header'])).toMatchObject({ created: 4, failed: [] });
    expect(await storedIds(storeIn('other'))).toEqual([...ids].sort());
    for (const id of ids) expect((await storeIn('other').get(id))!.session.id).toBe(id);
    expect(await json([...back, 'full'])).toMatchObject({ kept: 4, failed: [] });
  });

  test('text and packed: clear blobs, of chosen sessions, for a clear store', async () => {
    await filled();
    const options = ['--store', 'store', '--key-file', 'key'];
    expect(await json(['export', 'out', ...options, '--form', 'text', '--id', 'UPPER', '--id', 'plain'])).toMatchObject({ exported: 2 });
    expect(readdirSync(file('out')).sort()).toEqual(['_55_50_50_45_52.psp', 'plain.psp']);
    expect(readFileSync(file('out', 'plain.psp'), 'utf8')).toMatch(/^\{"psp":"2\.0","id":"plain"/);
    expect(await json(['import', 'out', '--store', 'clear', '--clear'])).toMatchObject({ created: 2 });
    expect(await json(['export', 'packed', '--store', 'clear', '--clear', '--prefix', 'pl'])).toMatchObject({ exported: 1 });
    expect(readdirSync(file('packed'))).toEqual(['plain.pspb']);
  });

  test('to standard output, as lines that import reads; a line that is none fails alone', async () => {
    await filled();
    const { stdout, stderr, status } = await run(['export', '-', '--store', 'store']);
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    expect(stdout.split('\n').length).toBe(5);
    expect(await json(['import', '-', '--store', 'other', '--key-file', 'key'], { stdin: stdout })).toMatchObject({ created: 4 });
    const broken = await importTo('third', ['-', '--json'], { stdin: `no line\n${stdout}{"id":"x","bytes":"*"}\n` });
    expect(broken.status).toBe(1);
    expect(JSON.parse(broken.stdout)).toMatchObject({ created: 4, failed: [{ name: 'line 1', code: 'STREAM_LINE' }, { name: 'line 6' }] });
  });

  test('goes on from its checkpoint after kill -9, and its list is whole in the end', { timeout: 120_000 }, async () => {
    const count = 400;
    await writeBlobs(idsOf(count));
    expect(await json(['import', 'in', '--store', 'store', '--key-file', 'key'])).toMatchObject({ created: count });
    const args = ['export', 'out', '--store', 'store', '--checkpoint', 'mark'];
    // Ctrl-C saves where it is; then a kill comes after some more.
    for (const signal of ['SIGINT', 'SIGKILL'] as const) {
      const before = existsSync(file('out')) ? readdirSync(file('out')).length : 0;
      const child = spawn(process.execPath, [builtProgram('ts/cli/psp.js'), ...args], { cwd: folder, stdio: 'ignore' });
      const ended = new Promise((resolve) => child.once('close', resolve));
      const written = (): number => (existsSync(file('out')) ? readdirSync(file('out')).length : 0);
      while (child.exitCode === null && written() < before + 40) await new Promise((resolve) => setTimeout(resolve, 5));
      child.kill(signal);
      await ended;
      expect(existsSync(file('out', 'sessions.jsonl'))).toBe(false);
    }
    // A kill in the middle of a line.
    appendFileSync(file('out', '.sessions.jsonl.part'), '{"file":"session-03');
    const { exported, finishedBefore } = (await json(args)) as Record<string, number>;
    expect(finishedBefore).toBeGreaterThanOrEqual(40);
    expect(exported! + finishedBefore!).toBe(count);
    expect(readFileSync(file('mark'), 'utf8')).toBe('');
    const names = readdirSync(file('out')).sort();
    expect(names.filter((name) => !name.startsWith('.'))).toEqual([...idsOf(count).map((id) => `${id}.pspe`), 'sessions.jsonl']);
    // The file that the kill came upon, under its temporary name; the list that grew has its own name now.
    expect(names.filter((name) => name.startsWith('.') && !/^\.session-\d+\.pspe\./.test(name))).toEqual([]);
    const back = ['import', 'out', '--store', 'other', '--key-file', 'key', '--verify', 'header'];
    expect(await json(back)).toMatchObject({ created: count, failed: [] });
  });

  test('a session that is not there, or damaged: the others come, and the exit status is 1', async () => {
    await filled();
    const { status, stdout, stderr } = await run([
      'export',
      'out',
      '--store',
      'store',
      '--key-file',
      'key',
      '--form',
      'text',
      '--id',
      'gone',
      '--id',
      'plain',
    ]);
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'psp: EXPORT_INCOMPLETE: 1 of 2 sessions were not exported\n' });
    expect(stdout).toMatch(/gone +STORE_GONE/);
    expect(readdirSync(file('out'))).toEqual(['plain.psp']);
  });
});
