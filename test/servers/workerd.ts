/** A real workerd, from its npm package, that runs one Worker on a loopback port of its own choice. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One module of a Worker; the first of a list is its main module. */
export interface WorkerModule {
  readonly name: string;
  readonly kind: 'esModule' | 'wasm';
  readonly content: string | Uint8Array;
}

/** A Worker that runs. */
export interface RunningWorker {
  readonly origin: string;
  close(): Promise<void>;
}

const START_TIMEOUT_MS = 30_000;

/**
 * Starts a Worker from modules, whose files go into `folder`. Rejects with workerd's own words when the Worker does not start.
 */
export async function startWorker(
  folder: string,
  modules: readonly WorkerModule[],
  compatibilityDate: string = '2026-10-01',
): Promise<RunningWorker> {
  const entries = modules.map(({ name, kind, content }, i) => {
    writeFileSync(join(folder, `worker-module-${i}`), content);
    return `(name = ${JSON.stringify(name)}, ${kind} = embed "worker-module-${i}")`;
  });
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
const worker :Workerd.Worker = (modules = [${entries.join(', ')}], compatibilityDate = "${compatibilityDate}");
`;
  writeFileSync(join(folder, 'config.capnp'), config);
  const child = spawn(findWorkerd(), ['serve', join(folder, 'config.capnp'), '--control-fd=3'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let words = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => (words += text));
  try {
    const port = await new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`workerd did not listen in time:\n${words}`)), START_TIMEOUT_MS);
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`workerd ended with ${code}:\n${words}`)));
      const control = child.stdio[3] as NodeJS.ReadableStream;
      control.setEncoding('utf8').on('data', (text: string) => {
        const port = /"event":"listen","socket":"http","port":(\d+)/.exec(text)?.[1];
        if (port === undefined) return;
        clearTimeout(timer);
        resolve(Number(port));
      });
    });
    return {
      origin: `http://127.0.0.1:${port}`,
      async close() {
        child.kill();
        await ended;
      },
    };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/** The binary of whichever platform package npm has installed: it is there even where install scripts were not allowed to run. */
function findWorkerd(): string {
  const platforms = join(import.meta.dirname, '../../node_modules/@cloudflare');
  const installed = existsSync(platforms) ? readdirSync(platforms) : [];
  const path = installed.map((name) => join(platforms, name, 'bin/workerd')).find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error(`no workerd in ${platforms}: run \`npm ci\`, with optional dependencies`);
  return path;
}
