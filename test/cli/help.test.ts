/** That what `psp --help` says is true and whole, and where standard streams cannot be read or written: one line with a code, as ever. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EXIT_STATUS } from '../../ts/cli/failure.ts';
import { freshFolder } from './fixture.ts';
import { builtProgram, expectFailure, psp, type Run, run } from './run.ts';

const { stdout: help } = await psp(['--help']);

/** Runs `psp` with its streams redirected as a shell does it. */
function redirected(redirection: string, args: readonly string[], cwd: string): Promise<Run> {
  return run('bash', ['-c', `exec "$@" ${redirection}`, 'psp', process.execPath, builtProgram('ts/cli/psp.js'), ...args], { cwd });
}

describe('psp --help', () => {
  test('names every option that a verb takes, and no other', () => {
    const sources = new URL('../../ts/cli/', import.meta.url);
    const text = readdirSync(sources)
      .map((name) => readFileSync(new URL(name, sources), 'utf8'))
      .join('\n');
    const taken = [...text.matchAll(/(?<=[{,]\s*)'?([a-z][a-z-]*)'?: \{ type: '(?:string|boolean)'/g)].map(([, name]) => name!);
    const named = [...help.matchAll(/--([a-z][a-z-]*)/g)].map(([, name]) => name!);
    expect(new Set(taken).size).toBeGreaterThan(40);
    const ofAll = ['help', 'version'];
    // As `-o` it is in every line that writes a file.
    const missing = [...new Set(taken)].filter((name) => name !== 'out' && !named.includes(name));
    expect({ missing, unknown: named.filter((name) => !taken.includes(name) && !ofAll.includes(name)) }).toEqual({
      missing: [],
      unknown: [],
    });
    expect(help).toContain('-o FILE');
  });

  test('has a line for every verb', async () => {
    const { stderr } = await psp(['nothing']);
    const [, list = ''] = /the verbs are (.*);/.exec(stderr) ?? [];
    const verbs = list.split(', ');
    expect(verbs.length).toBeGreaterThan(10);
    expect(verbs.filter((verb) => !help.includes(`psp ${verb} `))).toEqual([]);
  });

  test('names every exit status', () => {
    const statuses = help.slice(help.indexOf('Exit status:'));
    for (const status of new Set(Object.values(EXIT_STATUS))) expect(statuses).toMatch(new RegExp(`\\b${status} `));
  });
});

test.skipIf(!existsSync('/dev/full'))('where standard output is full, that is one line and exit status 1', async () => {
  expectFailure(await redirected('> /dev/full', ['--help'], freshFolder()), 'FILE_WRITE');
});

test.each([
  ['a folder', '< .'],
  ['open for writing only', '0> in'],
])('an import of a standard input that is %s is no import of nothing', async (_, redirection) => {
  expectFailure(await redirected(redirection, ['import', '-', '--store', 'store', '--clear'], freshFolder()), 'FILE_READ');
});
