/**
 * A real Firefox for tests, with its WebDriver BiDi end open. A group that needs it is skipped by name and loudly, never silently; where tests must not be
 * skipped (`CI`, or `PSP_TEST_REQUIRE` naming firefox), its absence is a failure.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { requireTool } from './tool.ts';

/** A Firefox that we started. */
export interface RunningFirefox {
  /** `ws://127.0.0.1:PORT` of WebDriver BiDi. */
  readonly bidiUrl: string;
  readonly pid: number;
  /** Ends every process of this browser at once, as a crash would. */
  kill(): void;
  /** Ends them and removes the profile. May be called twice. */
  close(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;

/**
 * Path of the Firefox to use, or null when there is none. The environment variable `PSP_FIREFOX` decides alone when it is set; otherwise
 * `/usr/bin/firefox-esr`, then `firefox-esr` and `firefox` on the PATH.
 */
export function findFirefox(): string | null {
  const chosen = process.env['PSP_FIREFOX'];
  if (chosen !== undefined && chosen !== '') return isExecutable(chosen) ? chosen : null;
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = ['firefox-esr', 'firefox'].flatMap((name) => folders.map((folder) => join(folder, name)));
  return ['/usr/bin/firefox-esr', ...candidates].find(isExecutable) ?? null;
}

/** Path of Firefox, or null after saying that `group` is skipped. Throws where tests must not be skipped. */
export function requireFirefox(group: string): string | null {
  const path = findFirefox();
  return requireTool('firefox', path !== null, group) ? path : null;
}

/** Starts a Firefox with a fresh profile. Rejects with its last words when it ends before its port is open, or that takes longer than a minute. */
export async function launchFirefox(): Promise<RunningFirefox> {
  const path = findFirefox();
  if (path === null) throw new Error('no Firefox on this machine: run `npm run set-up`, or set PSP_FIREFOX to its path');
  const profile = mkdtempSync(join(tmpdir(), 'psp-firefox-'));
  // A process group of its own (`detached`), so that one signal reaches all of its processes and nothing else.
  const browser = spawn(path, ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port=0'], {
    detached: true,
    // What it writes beside the profile goes with it.
    env: { ...process.env, HOME: profile, TMPDIR: profile },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => browser.once('exit', () => resolve()));
  // If this process ends without `close`, the browser must not stay behind.
  const abandon = (): void => {
    killGroup(browser);
    removeProfile(profile);
  };
  process.once('exit', abandon);
  const close = async (): Promise<void> => {
    killGroup(browser);
    await ended;
    removeProfile(profile);
    process.off('exit', abandon);
  };
  try {
    return { bidiUrl: await readAddress(browser), pid: browser.pid!, kill: () => killGroup(browser), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function readAddress(browser: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (reason: string): void => {
      clearTimeout(timer);
      reject(new Error(`Firefox did not start: ${reason}\n${said.slice(-2_000)}`));
    };
    const timer = setTimeout(() => fail(`no port after ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS);
    browser.once('error', (error) => fail(error.message));
    browser.once('exit', (code, signal) => fail(`it ended with ${code ?? signal}`));
    browser.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-8_000);
      const url = /WebDriver BiDi listening on (ws:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
  });
}

function removeProfile(profile: string): void {
  rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
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

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
