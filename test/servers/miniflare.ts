/**
 * Cloudflare's R2 and KV on loopback: workerd under miniflare, which needs a newer Node than ours and so runs in a process of its own
 * (miniflare-child.mjs). What it keeps is in a folder of its own under the system's temporary one, and goes when it stops.
 *
 *     const miniflare = requireMiniflare('the s3 provider on R2');
 *     describe.skipIf(miniflare === null)('the s3 provider on R2', () => ...
 *       const r2 = await startR2(); ... await r2.stop();
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { findTool, isExecutable, runs, TOOLS } from '../../scripts/set-up.mjs';
import { requireNewestNode } from './newest-node.ts';
import { requireTool } from './tool.ts';

/** An R2 bucket behind its S3 endpoint. Clients need `forcePathStyle` and the region `auto`. */
export interface R2Server {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Process id of miniflare. */
  readonly pid: number;
  stop(): Promise<void>;
}

/** A KV namespace, reached in three ways. */
export interface KvServer {
  readonly namespaceId: string;
  /** The part of Cloudflare's REST interface that miniflare has itself: `<baseUrl>/storage/kv/namespaces/<namespaceId>/values/...`. It takes no token. */
  readonly baseUrl: string;
  /** The REST interface of our own Worker (miniflare-kv-front.ts) over a real binding: `<frontUrl>/accounts/<any>/storage/kv/namespaces/<namespaceId>/...`. */
  readonly frontUrl: string;
  /** What {@link frontUrl} asks for as `Authorization: Bearer ...`. */
  readonly apiToken: string;
  /** Where the Worker listens that was passed in; null when there was none. */
  readonly workerUrl: string | null;
  /** Process id of miniflare. */
  readonly pid: number;
  stop(): Promise<void>;
}

const CHILD = new URL('miniflare-child.mjs', import.meta.url);
const FRONT = new URL('miniflare-kv-front.ts', import.meta.url);
const COMPATIBILITY_DATE = '2026-07-01';
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;

/** Path of miniflare, or null after saying that `group` is skipped: without it, or the Node that it needs. Throws where tests must not be skipped. */
export function requireMiniflare(group: string): string | null {
  const path = findMiniflare();
  if (!requireTool('miniflare', path !== null, group)) return null;
  return requireNewestNode(group) === null ? null : path;
}

/** Starts an empty R2 bucket. */
export async function startR2(): Promise<R2Server> {
  const bucket = 'psp-test';
  const accessKeyId = randomBytes(16).toString('hex');
  const secretAccessKey = randomBytes(32).toString('hex');
  const worker = { name: 'r2', modules: true, script: 'export default {}', compatibilityDate: COMPATIBILITY_DATE };
  const r2Buckets = { BUCKET: { id: bucket, s3Credentials: { accessKeyId, secretAccessKey } } };
  const { origin, pid, stop } = await startMiniflare({ workers: [{ ...worker, r2Buckets }] }, null);
  return { endpoint: `${origin}/cdn-cgi/local/r2/s3`, bucket, accessKeyId, secretAccessKey, pid, stop };
}

/**
 * Starts an empty KV namespace. `worker` is the source file of a Worker of the test's own, which is bundled and gets the namespace as its binding `KV`.
 */
export async function startKv(worker: URL | null = null): Promise<KvServer> {
  const namespaceId = randomBytes(16).toString('hex');
  const apiToken = randomBytes(20).toString('hex');
  const kvNamespaces = { KV: { id: namespaceId } };
  const front = { ...(await moduleWorker('front', FRONT)), kvNamespaces, bindings: { NAMESPACE: namespaceId, TOKEN: apiToken } };
  const sockets = [{ host: '127.0.0.1', port: 0 }];
  const own = worker === null ? [] : [{ ...(await moduleWorker('own', worker)), kvNamespaces, unsafeDirectSockets: sockets }];
  const options = { unsafeLocalExplorer: true, workers: [front, ...own] };
  const { origin, directOrigin, pid, stop } = await startMiniflare(options, worker === null ? null : 'own');
  const explorer = `${origin}/cdn-cgi/explorer/api`;
  return { namespaceId, apiToken, baseUrl: explorer, frontUrl: `${origin}/client/v4`, workerUrl: directOrigin, pid, stop };
}

function findMiniflare(): string | null {
  return findTool(TOOLS['miniflare']!, { env: process.env, isExecutable, runs });
}

/** A Worker of one module: `source` with all that it imports. */
async function moduleWorker(name: string, source: URL): Promise<object> {
  const { outputFiles } = await build({
    entryPoints: [source.pathname],
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    write: false,
  });
  return { name, modules: true, script: outputFiles[0]!.text, compatibilityDate: COMPATIBILITY_DATE };
}

interface RunningMiniflare {
  readonly origin: string;
  readonly directOrigin: string | null;
  readonly pid: number;
  stop(): Promise<void>;
}

/** `direct` names the Worker that has a socket of its own. Rejects with miniflare's words when it does not start. */
async function startMiniflare(options: object, direct: string | null): Promise<RunningMiniflare> {
  const node = requireNewestNode('miniflare');
  const bootstrap = findMiniflare();
  if (node === null || bootstrap === null) throw new Error('miniflare cannot start: run `npm run set-up`');
  const miniflare = new URL('dist/src/index.js', pathToFileURL(bootstrap));
  // A process group of its own: workerd is in it, and nobody else.
  const child = spawn(node, [CHILD.pathname], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  async function stop(): Promise<void> {
    // Closing its input lets miniflare end workerd; what does not end in time is killed.
    child.stdin.end();
    const timer = setTimeout(() => killGroup(child.pid), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
    // A child that was killed by others has left workerd behind.
    killGroup(child.pid);
  }
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-20_000);
  });
  child.stdin.on('error', () => {}); // It ended before it read: its exit tells more.
  child.stdin.write(`${JSON.stringify({ miniflare, options, direct })}\n`);
  try {
    const line = await firstLine(child, () => words);
    return { ...(JSON.parse(line) as Pick<RunningMiniflare, 'origin' | 'directOrigin'>), pid: child.pid!, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Kills all that is left of a process group. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return; // it did not even start
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function firstLine(child: ChildProcess, words: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail('did not start in time'), START_TIMEOUT_MS);
    const fail = (what: string): void => {
      clearTimeout(timer);
      reject(new Error(`miniflare ${what}:\n${words()}`));
    };
    child.once('error', () => fail('could not be started'));
    child.once('exit', (code) => fail(`ended with ${code}`));
    createInterface({ input: child.stdout! }).once('line', (line) => {
      clearTimeout(timer);
      resolve(line);
    });
  });
}
