/**
 * A Chromium of this machine: where it is, with which flags we start it, and one running with its debugging port open.
 * The demo and the tests use it; the library itself never starts a browser.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** A Chromium that we started. */
export interface RunningChromium {
  /** `http://127.0.0.1:PORT` of the Chrome DevTools Protocol. */
  readonly cdpUrl: string;
  readonly pid: number;
  /** Ends every process of this browser and removes its profile. May be called twice. */
  close(): Promise<void>;
}

/**
 * Flags for a quiet browser that talks to nobody but the sites it is sent to. `--no-sandbox` is there only for root, for whom Chromium
 * refuses to start otherwise.
 */
export const CHROMIUM_FLAGS: readonly string[] = [
  '--headless',
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Else each new window loads two pages of the browser's own for its address bar, which cost three times as much processor time as the window itself. Not one of
 * {@link CHROMIUM_FLAGS}, since Chromium takes the last such list alone, and Playwright starts it with one of its own.
 */
export const ADDRESS_BAR_PAGES = 'WebUIOmniboxPopup,WebUIOmniboxAimPopup';

const START_TIMEOUT_MS = 60_000;
const QUIT_TIMEOUT_MS = 5_000;
const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Path of the Chromium to use, or null when there is none. The environment variable `PSP_CHROMIUM` decides alone when it is set (so that
 * a path to nothing means "no browser"); otherwise `/usr/bin/chromium`, then `chromium`, `chromium-browser`, `google-chrome` on the PATH.
 */
export function findChromium(): string | null {
  const chosen = process.env['PSP_CHROMIUM'];
  if (chosen !== undefined && chosen !== '') return isExecutable(chosen) ? chosen : null;
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const candidates = ['/usr/bin/chromium', ...names.flatMap((name) => folders.map((folder) => join(folder, name)))];
  return candidates.find(isExecutable) ?? null;
}

/**
 * Starts a Chromium with a fresh profile, a debugging port that the system chose, and `flags` besides ours. Throws an Error when there is no Chromium, when it
 * ends before its port is open (with its last words), or when that takes longer than a minute.
 */
export async function launchChromium(flags: readonly string[] = []): Promise<RunningChromium> {
  const path = findChromium();
  if (path === null) throw new Error('no Chromium on this machine: run `npm run set-up`, or set PSP_CHROMIUM to its path');
  const profile = mkdtempSync(join(tmpdir(), 'psp-chromium-'));
  // A process group of its own (`detached`), so that one signal reaches all of its processes and nothing else.
  const browser = spawn(
    path,
    [
      ...CHROMIUM_FLAGS,
      `--disable-features=${ADDRESS_BAR_PAGES}`,
      ...flags,
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      'about:blank',
    ],
    {
      detached: true,
      // Its temporary files go with the profile.
      env: { ...process.env, TMPDIR: profile },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  // If this process ends without `close`, the browser must not stay behind: its group hears no Ctrl+C of the terminal.
  const abandon = (): void => {
    killGroup(browser);
    removeProfile(profile);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    abandon();
    // Dies of the signal as it would have without us, unless somebody else still wants to handle it.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  process.once('exit', abandon);
  for (const signal of END_SIGNALS) process.once(signal, onSignal);
  const close = async (): Promise<void> => {
    await endGroup(browser);
    removeProfile(profile);
    process.off('exit', abandon);
    for (const signal of END_SIGNALS) process.off(signal, onSignal);
  };
  try {
    const port = await readPort(browser);
    return { cdpUrl: `http://127.0.0.1:${port}`, pid: browser.pid!, close };
  } catch (error) {
    await close();
    throw error;
  }
}

// Retried: on a busy machine the last files of the profile may still be on their way.
function removeProfile(profile: string): void {
  rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

// Chromium says the port on stderr once it listens. The pipe is read to the end of its life, or the browser would block on a full one.
function readPort(browser: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (reason: string, cause?: unknown): void => {
      clearTimeout(timer);
      reject(new Error(`Chromium did not start: ${reason}\n${said.slice(-2_000)}`, { cause }));
    };
    const timer = setTimeout(() => fail(`no debugging port after ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS);
    browser.once('error', (error) => fail(error.message, error));
    browser.once('exit', (code, signal) => fail(`it ended with ${code ?? signal}`));
    browser.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-8_000);
      const port = /DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)\//.exec(said)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(Number(port));
    });
  });
}

// Asks first, so that the browser can close its files, then kills what is left of the group. Nothing waits for the killed ones: in a
// container whose first process does not collect orphans they stay listed as zombies for ever.
async function endGroup(browser: ChildProcess): Promise<void> {
  if (browser.pid === undefined) return;
  if (browser.exitCode === null && browser.signalCode === null) {
    const exited = new Promise<void>((resolve) => browser.once('exit', () => resolve()));
    const impatience = setTimeout(() => killGroup(browser), QUIT_TIMEOUT_MS);
    browser.kill('SIGTERM');
    await exited;
    clearTimeout(impatience);
  }
  killGroup(browser);
}

function killGroup(browser: ChildProcess): void {
  if (browser.pid === undefined) return;
  try {
    process.kill(-browser.pid, 'SIGKILL');
  } catch (error) {
    // ESRCH: nobody is left in the group.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
