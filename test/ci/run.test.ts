/** What CI runs is what the README tells people to run, and the scripts that both name are there. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** The lines of a shell text that are commands, without prompts and comments. */
function commandsOf(shell: string): string[] {
  const commands = shell.split('\n').map((line) => line.replace(/^\s*(\$ )?/, '').replace(/\s*(^|\s)#.*$/, ''));
  return commands.filter((line) => line !== '');
}

/** The commands in all shell blocks of the README. */
function readmeCommands(): string[] {
  return [...read('README.md').matchAll(/^```(?:sh|bash|shell|console)\n([\s\S]*?)^```/gm)].flatMap(([, block]) => commandsOf(block!));
}

test('.ci/run ends with the test command of the README, in an environment where nothing may be skipped or left unmeasured', () => {
  const testing = readmeCommands().filter((command) => /\bnpm test\b/.test(command));
  expect(testing).toEqual(['npm ci && npm test']);
  const commands = commandsOf(read('.ci/run'));
  expect(commands.at(-1)).toBe(testing[0]);
  expect(commands).toContain('set -eu');
  expect(commands).toContain('export CI=true');
  expect(commands).toContain('export PSP_FIDELITY=all');
});

test('.ci/run can be executed', () => {
  expect(() => accessSync(new URL('../../.ci/run', import.meta.url), constants.X_OK)).not.toThrow();
  expect(read('.ci/run')).toMatch(/^#!(\/usr)?\/bin\/(env )?(ba)?sh\n/);
});

test('every npm script that the README or .ci/run names is in package.json', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const texts = `${read('README.md')}\n${read('.ci/run')}`;
  const named = [...texts.matchAll(/\bnpm (?:run (?:--silent )?([\w:-]+)|(test)\b)/g)].map(([, script, test]) => script ?? test!);
  expect(named).toEqual(expect.arrayContaining(['test', 'demo']));
  for (const script of named) expect(scripts, script).toHaveProperty([script]);
});
