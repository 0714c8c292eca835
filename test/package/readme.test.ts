/**
 * The program of README.md, as a reader would copy it: type-checked against the declarations of the installed package, then run with a real
 * Chromium against the demo site. It is the one block of JavaScript behind the comment `<!-- test: program -->`.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import { requireChromium } from '../servers/chromium.ts';
import { CHECKOUT, listFiles, type PackedProject, packProject } from './packed.ts';

const README = join(CHECKOUT, 'README.md');
const PROGRAM = /^<!-- test: program -->\n```js\n([\s\S]*?)^```$/gm;
const STRICT = ['--strict', '--allowJs', '--checkJs', '--noEmit', '--module', 'nodenext', '--target', 'es2022', '--types', 'node'];

const GROUP = 'running the program of the README';
const path = requireChromium(GROUP);

let packed: PackedProject;

beforeAll(() => {
  packed = packProject(['playwright-core', '@types/node']);
  writeFileSync(join(packed.folder, 'program.mjs'), readProgram());
});

afterAll(() => packed?.dispose());

describe('the program of the README', () => {
  it('is accepted by TypeScript, as are all declarations that it reaches', async () => {
    expect(await checkTypes('program.mjs')).toBe('');
  });

  it('would not be accepted with a wrong call in it', async () => {
    writeFileSync(join(packed.folder, 'wrong.mjs'), readProgram().replace(/\bseal\(/, 'seal(1 + '));
    await expect(checkTypes('wrong.mjs')).rejects.toThrow(/wrong\.mjs\(\d+,\d+\): error TS2/);
  });
});

describe.skipIf(path === null)(GROUP, () => {
  let site: Site;

  beforeAll(async () => {
    site = await startSite();
  });

  afterAll(() => site?.close());

  it('brings a login from one browser to another, through a sealed file', async () => {
    const folder = join(packed.folder, 'sessions');
    rmSync(folder, { recursive: true, force: true });
    const output = await packed.run(process.execPath, ['program.mjs'], {
      CHROMIUM: path!,
      SITE: site.origin,
      USER_NAME: site.user,
      PASSWORD: site.password,
    });
    expect(output).toContain('logged in as Ada from: cookie, localStorage, sessionStorage, IndexedDB');
    expect(site.requests.filter(({ method, path }) => method === 'POST' && path === '/login')).toHaveLength(1);
    const stored = listFiles(folder).map((file) => readFileSync(join(folder, file), 'latin1'));
    expect(stored).toEqual([expect.stringContaining('PSPE')]);
    expect(stored[0]).not.toContain('cookies');
  });
});

/** The program, or an Error that says what README.md lacks. */
function readProgram(): string {
  const [first, ...others] = [...readFileSync(README, 'utf8').matchAll(PROGRAM)];
  if (first === undefined || others.length > 0) {
    throw new Error('README.md: expected one block ```js right behind the line `<!-- test: program -->`');
  }
  return first[1]!;
}

/** What the compiler says, which is nothing when all is well; rejects with its report otherwise. */
function checkTypes(file: string): Promise<string> {
  return packed.run(process.execPath, [join(CHECKOUT, 'node_modules/typescript/bin/tsc'), ...STRICT, file]);
}
