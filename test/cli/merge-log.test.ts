/** `psp merge --log` and `psp log`, in this process: one line for each loss, chained, without values; and what changes in a log are found. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { decodeSession } from '../../ts/blob/decode.ts';
import { runLog } from '../../ts/cli/log.ts';
import { runMerge } from '../../ts/cli/merge.ts';
import { formatKey, generateKey } from '../../ts/envelope/key.ts';
import { KeyRing } from '../../ts/envelope/keyring.ts';
import { formatKeyRing } from '../../ts/envelope/keyring-text.ts';
import { freshFolder } from './fixture.ts';
import { expectNoSecret } from './leak.ts';
import { baseSession, ran, SECRETS, withItems, withToken, writeSessions } from './merge-fixture.ts';

const base = baseSession();
const ours = withItems(withToken(base, SECRETS.ours, 1000), (items) => items.delete('draft'), 0);
const theirs = withItems(withToken(base, SECRETS.theirs, 2000), (items) => items.set('draft', 'two'), 0);

let folder: string;
let paths: readonly [string, string, string];
let key: string[];
const file = (name: string): string => join(folder, name);
const lines = (): string[] => readFileSync(file('log'), 'utf8').trimEnd().split('\n');
const merge = (a: string, b: string, ...options: string[]) =>
  ran(runMerge, a, b, '--base', paths[0], '-o', file('out.psp'), '--log', file('log'), ...key, ...options);
const verify = (...options: string[]) => ran(runLog, file('log'), '--verify', '--session', file('out.psp'), ...key, ...options);

beforeEach(async () => {
  folder = freshFolder();
  paths = (await writeSessions(folder, { base, ours, theirs })) as [string, string, string];
  writeFileSync(file('key'), formatKey(generateKey()), { mode: 0o600 });
  key = ['--key-file', file('key')];
});

describe('psp merge --log', () => {
  test('has one line for each loss, with the actor, and no value in it; its file is private', async () => {
    const { text } = await merge(paths[1], paths[2], '--actor', 'worker-7');
    const log = lines().map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(log).toMatchObject([
      {
        n: 1,
        actor: 'worker-7',
        pointer: expect.stringMatching(/^\/cookie\/app\.example\//),
        rule: 'last-writer',
        before: expect.any(String),
      },
      { n: 2, actor: 'worker-7', pointer: expect.stringMatching(/^\/localStorage\/.*\/draft$/), before: null, after: expect.any(String) },
    ]);
    expect(text).toMatch(/^log: 2 lines added, head [0-9a-f]{64}$/m);
    expectNoSecret(readFileSync(file('log'), 'utf8'), SECRETS, 'the log');
    expect(statSync(file('log')).mode & 0o777).toBe(0o600);
  });

  test('the lines are the same for either order of the files, but for their time and what follows from it', async () => {
    await merge(paths[1], paths[2]);
    const content = (): unknown[] => lines().map((line) => ({ ...(JSON.parse(line) as object), time: null, prev: null, mac: null }));
    const one = content();
    writeFileSync(file('log'), '');
    await merge(paths[2], paths[1]);
    expect(content()).toEqual(one);
  });

  test('merged again, a loss is not logged again; a new one goes on from the end', async () => {
    await merge(paths[1], paths[2]);
    const before = lines();
    expect((await merge(paths[1], paths[2])).text).toMatch(/^log: 0 lines added, /m);
    expect(lines()).toEqual(before);
    const [third] = await writeSessions(folder, { third: withToken(base, SECRETS.old.toUpperCase(), 3000) });
    expect((await merge(file('out.psp'), third as string)).text).toMatch(/^log: [1-9]\d* lines added, /m);
    expect(lines().slice(0, before.length)).toEqual(before);
    expect((await verify()).text).toMatch(/unchanged and in order/);
  });

  test('a log that is not whole, or is under another key, is not gone on with', async () => {
    await merge(paths[1], paths[2]);
    const text = readFileSync(file('log'), 'utf8');
    const [third] = await writeSessions(folder, { third: withToken(base, 'other', 3000) });
    for (const broken of [text.replace('last-writer', 'best-writer'), text.slice(0, -20), `${text}\n`]) {
      writeFileSync(file('log'), broken);
      await expect(merge(paths[1], third as string)).rejects.toMatchObject({ code: 'MERGE_MALFORMED' });
      expect(readFileSync(file('log'), 'utf8')).toBe(broken);
    }
    writeFileSync(file('log'), text);
    writeFileSync(file('key'), formatKey(generateKey()));
    await expect(merge(paths[1], third as string)).rejects.toMatchObject({ code: 'MERGE_MALFORMED' });
  });

  test('without a key there is no log, and nothing is merged', async () => {
    key = [];
    await expect(merge(paths[1], paths[2])).rejects.toMatchObject({ code: 'USAGE' });
    expect(existsSync(file('out.psp'))).toBe(false);
  });
});

describe('psp log', () => {
  test('is a table of what lost to what, and says that nothing was verified', async () => {
    await merge(paths[1], paths[2]);
    const { text } = await ran(runLog, file('log'));
    expect(text).toMatch(/^1 .+ psp merge +cookie +app\.example +sid +a value +[0-9a-f]{16}:\d+ +a value +[0-9a-f]{16}:\d+ +last-writer$/m);
    expect(text).toMatch(/^2 .+ localStorage +http:\/\/app\.example +draft +a deletion +/m);
    expect(text).toMatch(/2 lines\. NOT verified/);
    expectNoSecret(text, SECRETS, 'psp log');
    expect(JSON.parse((await ran(runLog, file('log'), '--json')).text)).toMatchObject({ verified: false, lines: [{ n: 1 }, { n: 2 }] });
  });

  test('--verify proves it with the key of the merge, by the session or its id, also after the ring has another primary key', async () => {
    const old = generateKey('old');
    writeFileSync(file('key'), formatKeyRing(KeyRing.of(old, 0)));
    await merge(paths[1], paths[2]);
    const head = JSON.parse(lines().at(-1) as string).mac as string;
    expect((await verify('--head', head)).text).toContain(`2 lines, unchanged and in order\nhead ${head}`);
    const ring = KeyRing.of(old, 0).add(generateKey('new'), 0).promote('new', 0);
    writeFileSync(file('key'), formatKeyRing(ring));
    expect((await verify()).text).toContain('unchanged and in order');
    const { id } = await decodeSession(new Uint8Array(readFileSync(file('out.psp'))));
    expect((await ran(runLog, file('log'), '--verify', '--id', id, ...key)).text).toContain('unchanged and in order');
    await expect(ran(runLog, file('log'), '--verify', '--id', 'another', ...key)).rejects.toMatchObject({ code: 'MERGE_MALFORMED' });
  });

  test('a line that was changed, left out, moved or cut off at the end is found', async () => {
    await merge(paths[1], paths[2]);
    const [one, two] = lines() as [string, string];
    const head = (JSON.parse(two) as { mac: string }).mac;
    const faults: [string, string, number][] = [
      [`${one.replace('psp merge', 'somebody')}\n${two}\n`, 'changed', 1],
      [`${two}\n`, 'order', 1],
      [`${two}\n${one}\n`, 'order', 1],
      [`${one}\n`, 'end', 1],
      [`${one}\n{}\n`, 'malformed', 2],
    ];
    for (const [text, fault, line] of faults) {
      writeFileSync(file('log'), text);
      await expect(verify('--head', head)).rejects.toMatchObject({ code: 'MERGE_MALFORMED', details: { fault, line } });
    }
  });

  test('a wrong use is a wrong use', async () => {
    await merge(paths[1], paths[2]);
    const log = file('log');
    for (const args of [
      [],
      [log, log],
      [log, '--id', 'x'],
      [log, '--verify', ...key],
      [log, '--verify', '--id', 'x'],
      [log, '--verify', '--id', 'x', '--head', 'no', ...key],
    ])
      await expect(ran(runLog, ...args)).rejects.toMatchObject({ code: 'USAGE' });
  });
});
