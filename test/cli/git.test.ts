/**
 * Git with `psp` as its merge driver and textconv, by the lines of README.md themselves: real repositories, real branches, the built command.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { findTool, isExecutable, runs, TOOLS } from '../../scripts/set-up.mjs';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { type EncryptionKey, formatKey, generateKey } from '../../ts/envelope/key.ts';
import { open } from '../../ts/envelope/open.ts';
import { seal } from '../../ts/envelope/seal.ts';
import type { Session } from '../../ts/session/session.ts';
import { requireTool } from '../servers/tool.ts';
import { freshFolder } from './fixture.ts';
import { expectNoSecret } from './leak.ts';
import { baseSession, contentOf, SECRETS, withItems, withToken } from './merge-fixture.ts';
import { builtProgram, type Run, run } from './run.ts';

const GROUP = 'git with psp as merge driver and textconv';
const GIT = findTool(TOOLS['git'] as (typeof TOOLS)[string], { env: process.env, isExecutable, runs });

/** The block of README.md behind `<!-- test: git -->`. */
function readConfiguration(): string {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const block = /<!-- test: git -->\n```sh\n([^`]*)```/.exec(readme)?.[1];
  if (block === undefined) throw new Error('README.md has no block of sh behind <!-- test: git -->');
  return block;
}

const base = baseSession();
const FILE = 'ada.pspe';

describe.skipIf(!requireTool('git', GIT !== null, GROUP))(GROUP, () => {
  let folder: string;
  let key: EncryptionKey;
  let env: Record<string, string>;

  beforeEach(async () => {
    const home = freshFolder();
    folder = join(home, 'repository');
    mkdirSync(folder);
    mkdirSync(join(home, 'bin'));
    writeFileSync(join(home, 'bin/psp'), `#!/bin/sh\nexec '${process.execPath}' '${builtProgram('ts/cli/psp.js')}' "$@"\n`, {
      mode: 0o755,
    });
    key = generateKey();
    const who = { NAME: 'Ada', EMAIL: 'ada@app.example' };
    env = {
      HOME: home,
      PATH: `${join(home, 'bin')}:${process.env['PATH']}`,
      GIT_CONFIG_NOSYSTEM: '1',
      PSP_KEY: formatKey(key),
      ...Object.fromEntries(
        Object.entries(who).flatMap(([name, value]) => [`AUTHOR_${name}`, `COMMITTER_${name}`].map((one) => [`GIT_${one}`, value])),
      ),
    };
    await git('init', '-q', '-b', 'main');
    const configured = await run('sh', ['-ec', readConfiguration()], { cwd: folder, env });
    expect(configured).toEqual({ status: 0, stdout: '', stderr: '' });
    await commit('first', base);
  });

  async function git(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await tried(...args);
    expect({ status, stderr, args }).toMatchObject({ status: 0 });
    return stdout;
  }

  const tried = (...args: string[]): Promise<Run> => run(GIT as string, args, { cwd: folder, env });

  async function commit(message: string, session: Session): Promise<void> {
    writeFileSync(join(folder, FILE), await seal(await encodeSession(session, { framing: 'packed' }), key));
    await git('add', '.');
    await git('commit', '-q', '-m', message);
  }

  async function stored(): Promise<Session> {
    return decodeSession(await open(new Uint8Array(readFileSync(join(folder, FILE))), key));
  }

  /** A commit on a new branch `theirs` of what is on `main`, then one on `main`. */
  async function branch(ours: Session, theirs: Session): Promise<void> {
    await git('checkout', '-q', '-b', 'theirs');
    await commit('theirs', theirs);
    await git('checkout', '-q', 'main');
    await commit('ours', ours);
  }

  test('git merge of a branch that refreshed a token with one that added an item: both are there, and so they are after the next merge', async () => {
    await branch(
      withToken(base, SECRETS.ours, 1000),
      withItems(base, (items) => items.set('cart', 'milk'), 2000),
    );
    await git('merge', '-q', '--no-edit', 'theirs');
    const merged = await stored();
    expect(contentOf(merged)).toEqual({
      cookies: { sid: SECRETS.ours, theme: 'dark' },
      items: { token: SECRETS.old, draft: 'one', cart: 'milk' },
    });
    expect(await git('status', '--porcelain')).toBe('');

    // Once more, from a file with merge state: one side keeps it, the other side is a capture, which has none, and removes an item.
    await git('branch', '-q', '-d', 'theirs');
    const { mergeState: _, ...captured } = withItems(merged, (items) => items.delete('cart'), 1000);
    await branch(withToken(merged, SECRETS.theirs, 1000), { ...captured, id: 'session-2', incarnation: 'incarnation-2' });
    await git('merge', '-q', '--no-edit', 'theirs');
    const again = await stored();
    expect(again.id).toBe(base.id);
    expect(contentOf(again)).toEqual({ cookies: { sid: SECRETS.theirs, theme: 'dark' }, items: { token: SECRETS.old, draft: 'one' } });
  });

  test('git diff and git log show which values changed, and no value', async () => {
    await branch(withToken(base, SECRETS.ours, 1000), base);
    const diff = await git('diff', 'main~1', 'main');
    expect(diff).toMatch(/^-cookie {2}app\.example {2}sid .*value #[0-9a-f]{12}$/m);
    expect(diff).toMatch(/^\+cookie {2}app\.example {2}sid .*value #[0-9a-f]{12}$/m);
    expect(diff.split('\n').filter((line) => /^[-+](?![-+])/.test(line))).toHaveLength(4);
    const log = await git('log', '-p', 'main');
    expect(log).toContain('+localStorage  http://app.example  draft');
    expectNoSecret(`${diff}${log}`, SECRETS, 'git diff and git log');
  });

  test('where nobody knows which value is later, git stops for a person, and the file is a session with one of them', async () => {
    await branch(withToken(base, SECRETS.ours, 1000), withToken(base, SECRETS.theirs, 2000));
    const { status, stdout, stderr } = await tried('merge', '--no-edit', 'theirs');
    expect(status).toBe(1);
    expect(stdout).toMatch(/^cookie +app\.example +sid +nobody knows which was later/m);
    expect(stdout).toContain(`CONFLICT (content): Merge conflict in ${FILE}`);
    expectNoSecret(`${stdout}${stderr}`, SECRETS, 'git merge');
    expect(await git('status', '--porcelain')).toBe(`UU ${FILE}\n`);
    expect((await stored()).cookies.find(({ name }) => name === 'sid')?.value).toBe(SECRETS.theirs);
    await git('add', FILE);
    await git('commit', '-q', '--no-edit');
  });

  test('without the key git stops, and our file is as it was', async () => {
    const ours = withToken(base, SECRETS.ours, 1000);
    await branch(
      ours,
      withItems(base, (items) => items.set('cart', 'milk'), 2000),
    );
    const before = readFileSync(join(folder, FILE));
    env = { ...env, PSP_KEY: '' };
    const { status, stderr } = await tried('merge', '--no-edit', 'theirs');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^psp: KEY_MISSING: /m);
    expect(readFileSync(join(folder, FILE)).equals(before)).toBe(true);
  });
});
