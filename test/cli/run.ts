/**
 * The built programs as people run them: child processes with an environment that the test chooses, ended by their id when they take too
 * long, everything they print collected. A terminal comes from `script` of util-linux.
 */
import { type ChildProcess, type ChildProcessWithoutNullStreams, fork, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

/** What a program left behind when it ended. */
export interface Run {
  /** The exit status; null when a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Added to PATH, HOME and the like. Nothing else is inherited: a key or a colour setting of ours must not reach the program. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the program reads; without it standard input is empty. */
  readonly stdin?: string | Uint8Array;
  readonly cwd?: string;
  /** Default 60,000. */
  readonly timeoutMs?: number;
}

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'PSP_CHROMIUM'];

/** Path of a built program, such as `ts/cli/psp.js`. Throws an Error that names `npm run build` when it is not there. */
export function builtProgram(name: string): string {
  const path = `${CHECKOUT}dist/${name}`;
  if (!existsSync(path)) throw new Error(`dist/${name} is missing: run \`npm run build\` first`);
  return path;
}

/** Runs `psp` with `args`. */
export function psp(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  return run(process.execPath, [builtProgram('ts/cli/psp.js'), ...args], options);
}

/**
 * Runs `psp` as `psp()` does, but each call in the same process, which has loaded it before: for what a verb reads, writes and says, where it is not the process
 * that is asked about. Calls wait for one another. With something on standard input it is `psp()`.
 */
export function pspHere(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  if (options.stdin !== undefined) return psp(args, options);
  const result = lastCall.then(() => call(args, options));
  lastCall = result.catch(() => undefined);
  return result;
}

let host: ChildProcess | null = null;
let lastCall: Promise<unknown> = Promise.resolve();

function call(args: readonly string[], { env = {}, cwd = process.cwd(), timeoutMs = 60_000 }: RunOptions): Promise<Run> {
  host ??= startHost();
  const child = host;
  return new Promise((resolve, reject) => {
    const stop = (reason: string): void => {
      child.kill('SIGKILL');
      host = null;
      reject(new Error(reason));
    };
    const timer = setTimeout(() => stop(`psp was ended after ${timeoutMs} ms`), timeoutMs);
    const onExit = (): void => stop('psp ended its process');
    child.once('exit', onExit);
    child.once('message', (result: Run) => {
      clearTimeout(timer);
      child.off('exit', onExit);
      resolve(result);
    });
    child.send({ args, env: environment(env), cwd });
  });
}

/** It ends with this process, whose channel it listens to. */
function startHost(): ChildProcess {
  const path = fileURLToPath(new URL('host.mjs', import.meta.url));
  const child = fork(path, [builtProgram('ts/cli/psp.js')], {
    execArgv: ['--no-warnings'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.unref();
  child.channel?.unref();
  return child;
}

/** Runs any program to its end. Rejects when it cannot be started or takes longer than its time limit. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const child = start(command, args, options);
  child.stdin.end(options.stdin);
  return ended(child, options);
}

/**
 * Runs `psp` at a terminal and types `typed` once it has asked for the key, or each answer once its question was asked. What the terminal
 * showed is `stdout`: there both streams are one.
 */
export function pspAtTerminal(
  args: readonly string[],
  typed: string | readonly (readonly [question: string, answer: string])[],
  options: RunOptions = {},
): Promise<Run> {
  const words = [process.execPath, builtProgram('ts/cli/psp.js'), ...args];
  const child = start('script', ['-qec', words.map(quote).join(' '), '/dev/null'], options);
  const left = typeof typed === 'string' ? [['key: ', typed] as const] : [...typed];
  let shown = '';
  const typeWhenAsked = (text: string): void => {
    shown += text;
    const [question, answer] = left[0] ?? [];
    if (question === undefined || !shown.includes(question)) return;
    left.shift();
    shown = '';
    child.stdin.write(answer);
  };
  child.stdout.setEncoding('utf8').on('data', typeWhenAsked);
  return ended(child, options).finally(() => child.stdin.destroy());
}

/** Asserts a failure as the command promises it: exit status 1, one line with `code` on standard error, nothing on standard output. */
export function expectFailure(run: Run, code: string): void {
  expect(run.stderr).toMatch(/^psp: [A-Z_]+: .+\n$/);
  expect({ status: run.status, stdout: run.stdout, code: run.stderr.split(': ')[1], stderr: run.stderr }).toEqual({
    status: 1,
    stdout: '',
    code,
    stderr: run.stderr,
  });
}

function environment(added: Readonly<Record<string, string>>): Record<string, string> {
  const inherited = INHERITED.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  return { ...Object.fromEntries(inherited), ...added };
}

function start(command: string, args: readonly string[], { env = {}, cwd }: RunOptions): ChildProcessWithoutNullStreams {
  const child = spawn(command, args, { env: environment(env), ...(cwd === undefined ? {} : { cwd }) });
  // A program that ends before it has read everything is no failure of the test.
  child.stdin.on('error', () => undefined);
  return child;
}

function ended(child: ChildProcessWithoutNullStreams, { timeoutMs = 60_000 }: RunOptions): Promise<Run> {
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`a program was ended after ${timeoutMs} ms; it had printed:\n${stdout}${stderr}`));
    }, timeoutMs);
    child.once('error', reject);
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve({ status, stdout, stderr });
    });
  });
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
