/** The demo, run for real, as `npm run demo` does after its build. It always writes to `.psp-demo` in the checkout: one run after the other. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { freshFolder } from '../cli/fixture.ts';
import { expectNoSecret, findSecrets } from '../cli/leak.ts';
import { builtProgram, type Run, run } from '../cli/run.ts';
import { requireChromium } from '../servers/chromium.ts';

const FOLDER = fileURLToPath(new URL('../../.psp-demo/', import.meta.url));
const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** A run of the demo, and what its processes drew and were called with. */
interface DemoRun extends Run {
  readonly secrets: Readonly<Record<string, string | Uint8Array>>;
  readonly processes: readonly { readonly pid: number; readonly args: readonly string[] }[];
}

async function runDemo(env: Readonly<Record<string, string>> = {}): Promise<DemoRun> {
  const recorded = join(freshFolder(), 'record');
  const recorder = new URL('record.mjs', import.meta.url).href;
  const result = await run(process.execPath, [builtProgram('demo/demo.js')], {
    env: { ...env, NODE_OPTIONS: `--import=${recorder}`, PSP_TEST_RECORD: recorded },
  });
  const facts = readFileSync(recorded, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { draw?: string; pid?: number; args?: string[] });
  const draws = facts.flatMap(({ draw }) => (draw === undefined ? [] : [Buffer.from(draw, 'hex')]));
  const processes = facts.flatMap(({ pid, args }) => (pid === undefined || args === undefined ? [] : [{ pid, args }]));
  const asText = draws.flatMap((bytes, index) => [
    [`draw ${index}`, new Uint8Array(bytes)],
    [`draw ${index} as base64url`, bytes.toString('base64url')],
  ]);
  return { ...result, processes, secrets: Object.fromEntries(asText) };
}

/** Asserts that nothing that the demo printed, passed as an argument or left in its folder holds a secret. */
function expectNothingLeaked({ stdout, stderr, processes, secrets }: DemoRun): void {
  // The password and what the site keeps of a login, the key, and the data key of the sealed blob: fewer would mean that the recorder is blind.
  expect(Object.keys(secrets).length).toBeGreaterThan(10);
  expectNoSecret(stdout, secrets, 'standard output');
  expectNoSecret(stderr, secrets, 'standard error');
  expectNoSecret(processes.flatMap(({ args }) => args).join('\n'), secrets, 'arguments');
  const names = readdirSync(FOLDER, { recursive: true }).map(String);
  expectNoSecret(names.join('\n'), secrets, 'names of files');
  const files = names.map((name) => join(FOLDER, name)).filter((path) => statSync(path).isFile());
  expect(files.length).toBeGreaterThan(0);
  for (const path of files) expect(findSecrets(readFileSync(path), secrets), path).toEqual([]);
}

/** The rows under a title of the demo's output. */
function tableOf(stdout: string, title: string): string[] {
  const [, after] = stdout.split(`\n${title}\n`);
  expect(after, `a table "${title}"`).toBeDefined();
  return after!
    .split('\n\n')[0]!
    .split('\n')
    .map((row) => row.trim());
}

const GROUP = 'the demo with a browser';

// Twice: the second run finds what the first one left.
test.skipIf(requireChromium(GROUP) === null).each(['first', 'second'])(
  'the %s run logs in, carries the login to another process and browser, and shows it',
  async () => {
    const demo = await runDemo();
    const { status, stdout, stderr, processes } = demo;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('logged in as Ada from: cookie, localStorage, sessionStorage, IndexedDB');

    const visitor = Number(/process (\d+) restored it in a browser that never logged in/.exec(stdout)?.[1]);
    const programs = new Map(processes.map(({ pid, args }) => [pid, args[0]]));
    expect([...programs.values()]).toEqual([builtProgram('demo/demo.js'), builtProgram('demo/visit.js')]);
    expect(programs.get(visitor)).toBe(builtProgram('demo/visit.js'));

    expect(tableOf(stdout, 'what was captured').map((row) => row.replaceAll(/ +/g, ' '))).toEqual([
      'cookies 1 1 read back right',
      'localStorage 1 1 read back right',
      'sessionStorage 1 1 read back right',
      'databases 1 1 read back right',
      'records 2 2 read back right',
      'tabs 1 1 read back right',
      'origins 1 1 read back right',
    ]);
    expect(tableOf(stdout, 'sizes').map((row) => row.split('  ')[0])).toEqual(['text blob', 'binary sections', 'sealed']);
    for (const row of tableOf(stdout, 'sizes')) expect(row).toMatch(/ [1-9]\d{2,} B /);
    const stages = tableOf(stdout, 'time per stage, in one run');
    expect(stages.map((row) => row.split('  ')[0])).toEqual([
      'log in',
      'capture',
      'encode',
      'seal',
      'put',
      'get',
      'open',
      'decode',
      'restore',
      'visit',
    ]);
    for (const row of stages) expect(row).toMatch(/ \d+\.\d ms$/);
    expect(tableOf(stdout, 'what could not be carried').length).toBeGreaterThan(0);

    const screenshot = readFileSync(join(FOLDER, 'logged-in.png'));
    expect(stdout).toContain(`screenshot of the logged-in page: .psp-demo/logged-in.png (${screenshot.length} B)`);
    expect([...screenshot.subarray(0, 8)]).toEqual(PNG_SIGNATURE);
    expect(screenshot.readUInt32BE(16)).toBeGreaterThanOrEqual(640);
    expect(screenshot.readUInt32BE(20)).toBeGreaterThanOrEqual(400);
    // A blank page of that size is about 4 KiB.
    expect(screenshot.length).toBeGreaterThan(8_000);
    expect(screenshot.length).toBeLessThan(1_000_000);
    expectNothingLeaked(demo);
  },
);

test('without a browser the demo shows the part that needs none, and says what it leaves out', async () => {
  const demo = await runDemo({ PSP_CHROMIUM: '/nonexistent' });
  expect({ status: demo.status, stderr: demo.stderr }).toEqual({ status: 0, stderr: '' });
  expect(demo.stdout).toContain('there is no Chromium here');
  expect(demo.stdout).toContain('the site accepts the cookie');
  expect(demo.stdout).toMatch(/not shown: .*localStorage, sessionStorage, IndexedDB.*Install Chromium/);
  expect(demo.processes).toHaveLength(1);
  expect(existsSync(join(FOLDER, 'logged-in.png'))).toBe(false);
  expectNothingLeaked(demo);
});
