/**
 * Real Redis servers on loopback ports of their own: one alone, a cluster of three masters with a replica each, and a master with a replica under
 * three sentinels. Nothing is kept on disk except what a cluster or a sentinel writes about itself, in a folder that goes with the server.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { CertificateFiles } from './certificate.ts';
import { requireTool } from './tool.ts';

/** One redis-server process. */
export interface RedisServer {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** The reply to a command that a connection of its own asks. */
  ask(...command: (string | number)[]): Promise<unknown>;
  /** Ends the process without a word, as a crash does. */
  kill(): Promise<void>;
  /** Starts the process again, on the same port, with nothing in it. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A cluster: the first half of `servers` were its masters when it started, the replica of each stands as far behind it as there are masters. */
export interface RedisCluster {
  readonly servers: readonly RedisServer[];
  /** What a client starts from. */
  readonly nodes: readonly { host: string; port: number }[];
  stop(): Promise<void>;
}

/** A master and a replica that sentinels watch. */
export interface RedisSentinel {
  readonly name: string;
  readonly sentinels: readonly { host: string; port: number }[];
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /** Milliseconds after which a sentinel takes a silent master for dead. */
  readonly downAfterMs: number;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 3_000;
const MASTERS = 3;
const SLOTS = 16_384;

/** True when redis-server is installed; otherwise says that `group` is skipped, or throws where it must not be. */
export function hasRedis(group: string): boolean {
  return requireTool('redis', spawnSync('redis-server', ['--version']).status === 0, group);
}

/** One server alone. `settings` are lines of redis.conf as arguments (`['--maxmemory', '10mb']`). */
export async function startRedis({
  password,
  settings = [],
}: {
  password?: string;
  settings?: readonly string[];
} = {}): Promise<RedisServer> {
  const auth = password === undefined ? [] : ['--requirepass', password, '--masterauth', password];
  return startServer([...auth, ...settings], password);
}

/** One server alone that also speaks TLS, on `tlsPort`; with `asksClients`, only to those with a certificate of the same authority. */
export async function startTlsRedis(
  { certificate, key }: CertificateFiles,
  { asksClients = false }: { asksClients?: boolean } = {},
): Promise<RedisServer & { readonly tlsPort: number }> {
  const tlsPort = await freePort();
  const files = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate];
  const server = await startServer(['--tls-port', String(tlsPort), ...files, '--tls-auth-clients', asksClients ? 'yes' : 'no']);
  return { ...server, tlsPort };
}

/** Three masters with a replica each, ready for commands. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const servers = await startAll(Array.from({ length: 2 * MASTERS }, () => startClusterNode));
  const stop = async (): Promise<void> => void (await Promise.all(servers.map((server) => server.stop())));
  try {
    await joinCluster(servers);
  } catch (error) {
    await stop();
    throw error;
  }
  return { servers, nodes: servers.map(({ host, port }) => ({ host, port })), stop };
}

/** A master with one replica and three sentinels that agree about them. */
export async function startSentinel(): Promise<RedisSentinel> {
  const name = 'psp';
  const downAfterMs = 600;
  const master = await startServer([]);
  const started: RedisServer[] = [master];
  const stop = async (): Promise<void> => void (await Promise.all(started.map((server) => server.stop())));
  try {
    const replica = await startServer(['--replicaof', `${HOST} ${master.port}`]);
    started.push(replica);
    await until('a replica that follows', async () => String(await replica.ask('info', 'replication')).includes('master_link_status:up'));
    const watch = [
      `sentinel monitor ${name} ${HOST} ${master.port} 2`,
      `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
      `sentinel failover-timeout ${name} 3000`,
      `sentinel parallel-syncs ${name} 1`,
    ];
    const sentinels = await startAll([1, 2, 3].map(() => () => startServer([], undefined, watch)));
    started.push(...sentinels);
    await until('sentinels that know each other and the replica', async () => {
      const told = await Promise.all(sentinels.map((sentinel) => sentinel.ask('sentinel', 'master', name)));
      return told.every((fields) => fieldOf(fields, 'num-other-sentinels') === '2' && fieldOf(fields, 'num-slaves') === '1');
    });
    return { name, sentinels: sentinels.map(({ host, port }) => ({ host, port })), master, replica, downAfterMs, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Moves one slot with its keys, as a resharding does; `midway` runs when about half of the keys have moved. */
export async function moveSlot(
  from: RedisServer,
  to: RedisServer,
  slot: number,
  midway: () => Promise<void> = async () => undefined,
): Promise<void> {
  const [fromId, toId] = [String(await from.ask('cluster', 'myid')), String(await to.ask('cluster', 'myid'))];
  await to.ask('cluster', 'setslot', slot, 'importing', fromId);
  await from.ask('cluster', 'setslot', slot, 'migrating', toId);
  const keys = (await from.ask('cluster', 'getkeysinslot', slot, 1_000_000)) as string[];
  for (const [i, key] of keys.entries()) {
    if (i === keys.length >> 1) await midway();
    await from.ask('migrate', to.host, to.port, key, 0, 5_000);
  }
  if (keys.length === 0) await midway();
  for (const server of [to, from]) await server.ask('cluster', 'setslot', slot, 'node', toId);
}

async function startClusterNode(): Promise<RedisServer> {
  const busPort = await freePort();
  return startServer(['--cluster-enabled', 'yes', '--cluster-node-timeout', '1500', '--cluster-port', String(busPort)]);
}

async function joinCluster(servers: readonly RedisServer[]): Promise<void> {
  const masters = servers.slice(0, MASTERS);
  const first = servers[0]!;
  for (const [i, master] of masters.entries()) {
    const bounds = [i, i + 1].map((n) => Math.floor((n * SLOTS) / MASTERS));
    await master.ask('cluster', 'addslotsrange', bounds[0]!, bounds[1]! - 1);
  }
  for (const [i, server] of servers.entries()) await server.ask('cluster', 'set-config-epoch', i + 1);
  for (const server of servers.slice(1)) {
    const busPort = Number(((await server.ask('config', 'get', 'cluster-port')) as string[])[1]);
    await first.ask('cluster', 'meet', server.host, server.port, busPort);
  }
  const isKnownToAll = async (): Promise<boolean> => {
    const views = await Promise.all(
      servers.map(async (server) =>
        String(await server.ask('cluster', 'nodes'))
          .trim()
          .split('\n'),
      ),
    );
    return views.every((lines) => lines.length === servers.length && lines.every((line) => !/handshake|noaddr|disconnected/.test(line)));
  };
  await until('nodes that know each other', isKnownToAll);
  for (const [i, master] of masters.entries()) {
    await servers[MASTERS + i]!.ask('cluster', 'replicate', String(await master.ask('cluster', 'myid')));
  }
  await until('a cluster that is ready', async () => {
    const states = await Promise.all(servers.map(async (server) => String(await server.ask('cluster', 'info'))));
    const links = await Promise.all(servers.slice(MASTERS).map(async (replica) => String(await replica.ask('info', 'replication'))));
    const views = await Promise.all(servers.map(async (server) => String(await server.ask('cluster', 'nodes'))));
    return (
      states.every((state) => state.includes('cluster_state:ok')) &&
      links.every((link) => link.includes('master_link_status:up')) &&
      views.every((view) => view.match(/ slave | myself,slave /g)?.length === MASTERS)
    );
  });
}

/** Starts a server on a free port; with `sentinel`, one that watches, by these lines of its configuration. */
async function startServer(settings: readonly string[], password?: string, sentinel?: readonly string[]): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'psp-redis-'));
  const port = await freePort();
  const common = ['--port', String(port), '--bind', HOST, '--dir', folder, '--logfile', join(folder, 'log')];
  const configuration = join(folder, 'sentinel.conf');
  if (sentinel !== undefined) writeFileSync(configuration, `${sentinel.join('\n')}\n`);
  const args =
    sentinel === undefined
      ? [...common, '--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0', ...settings]
      : [configuration, '--sentinel', ...common];
  let child: ChildProcess | null = null;

  async function start(): Promise<void> {
    const started = spawn('redis-server', args, { stdio: 'ignore' });
    child = started;
    processes.add(started);
    started.once('exit', () => processes.delete(started));
    await until('a server that answers', async () => {
      if (started.exitCode !== null) throw new Error(`redis-server ended with ${started.exitCode}`);
      return (await ask('ping')) === 'PONG';
    });
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const running = child;
    child = null;
    if (running === null || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => running.once('exit', () => resolve()));
    running.kill(signal);
    const timer = setTimeout(() => running.kill('SIGKILL'), STOP_LIMIT_MS);
    await ended;
    clearTimeout(timer);
  }

  async function ask(...[name, ...rest]: (string | number)[]): Promise<unknown> {
    const client = new Redis({ port, host: HOST, lazyConnect: true, retryStrategy: null, ...(password === undefined ? {} : { password }) });
    client.on('error', () => undefined); // The command that failed says it.
    try {
      await client.connect();
      return await client.call(String(name), ...rest);
    } finally {
      client.disconnect();
    }
  }

  const stop = async (): Promise<void> => {
    await end('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { host: HOST, port, url: `redis://${HOST}:${port}`, ask, kill: () => end('SIGKILL'), restart: start, stop };
}

const processes = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of processes) child.kill('SIGKILL');
});

/** Starts all at once; when one fails, those that did start are stopped. */
async function startAll(starts: readonly (() => Promise<RedisServer>)[]): Promise<RedisServer[]> {
  const outcomes = await Promise.allSettled(starts.map((start) => start()));
  const servers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed === undefined) return servers;
  await Promise.all(servers.map((server) => server.stop()));
  throw failed.reason;
}

/** Waits until `isSo`; a refused connection is "not yet". */
async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  for (;;) {
    const outcome = await isSo().catch((error: unknown) => error);
    if (outcome === true) return;
    if (performance.now() > deadline) throw new Error(`redis: no ${what} within ${START_LIMIT_MS} ms`, { cause: outcome });
    await sleep(20);
  }
}

function fieldOf(fields: unknown, name: string): string | undefined {
  const list = fields as string[];
  const at = list.indexOf(name);
  return at < 0 ? undefined : list[at + 1];
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, HOST, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
