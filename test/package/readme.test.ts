/**
 * The program of README.md, as a reader would copy it: type-checked against the declarations of the installed package, then run with a real
 * Chromium against the demo site. It is the one block of JavaScript behind the comment `<!-- test: program -->`.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import { requireChromium } from '../servers/chromium.ts';
import { listFiles, type PackedProject, packProject } from './packed.ts';
import { checkTypes, readProgram } from './program.ts';

const GROUP = 'running the program of the README';
const path = requireChromium(GROUP);

let packed: PackedProject;

beforeAll(() => {
  packed = packProject(['playwright-core', '@types/node']);
  writeFileSync(join(packed.folder, 'program.mjs'), readProgram('README.md', 'program'));
});

afterAll(() => packed?.dispose());

describe('the program of the README', () => {
  it('is accepted by TypeScript, as are all declarations that it reaches', async () => {
    expect(await checkTypes(packed, 'program.mjs')).toBe('');
  });

  it('would not be accepted with a wrong call in it', async () => {
    writeFileSync(join(packed.folder, 'wrong.mjs'), readProgram('README.md', 'program').replace(/\bseal\(/, 'seal(1 + '));
    await expect(checkTypes(packed, 'wrong.mjs')).rejects.toThrow(/wrong\.mjs\(\d+,\d+\): error TS2/);
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
