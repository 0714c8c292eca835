/**
 * A real Ceph RADOS Gateway (Debian packages radosgw, ceph-mon, ceph-osd, ceph-common) on loopback: one monitor, one store in memory, one gateway,
 * without authentication among them. It starts in about 15 s and takes about 500 MB, so one serves all tests of a file. Every daemon is our own
 * child in the foreground, with its files in a fresh folder; they are ended by their process ids.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { requireTool } from './tool.ts';

/** A gateway that runs, and the one account and bucket it has. */
export interface RunningRgw {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Ends the daemons and removes their files. */
  stop(): Promise<void>;
}

const PROGRAMS = ['radosgw', 'radosgw-admin', 'ceph-mon', 'ceph-osd', 'ceph', 'monmaptool'];
const START_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 5000;
const BUCKET = 'psp-test';

const run = promisify(execFile);

/** True when the gateway's programs are here; otherwise says that `group` is skipped. Throws where tests must not be skipped. */
export function requireRgw(group: string): boolean {
  return requireTool('ceph', PROGRAMS.every(isOnPath), group);
}

/** Starts a gateway with an empty bucket. Rejects with the daemons' own words when it does not come up. */
export async function startRgw(): Promise<RunningRgw> {
  const folder = await mkdtemp(join(tmpdir(), 'psp-rgw-'));
  const daemons: ChildProcess[] = [];

  async function stop(): Promise<void> {
    // The gateway first: it waits for its store.
    for (const daemon of daemons.reverse()) await end(daemon);
    await rm(folder, { recursive: true, force: true });
  }

  try {
    return { ...(await start(folder, daemons)), stop };
  } catch (error) {
    const words = await lastWords(folder);
    await stop();
    throw new Error(`the RADOS Gateway did not start: ${String(error)}\n${words}`, { cause: error });
  }
}

async function start(folder: string, daemons: ChildProcess[]): Promise<Omit<RunningRgw, 'stop'>> {
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  const [httpPort, monitorPort] = await freePorts();
  const fsid = randomUUID();
  const configuration = join(folder, 'ceph.conf');
  for (const name of ['mon', 'osd', 'run', 'log', 'rgw']) await mkdir(join(folder, name));
  await writeFile(configuration, configure(folder, fsid, httpPort, monitorPort));
  const environment = { ...process.env, CEPH_CONF: configuration };

  function daemon(program: string, ...words: string[]): void {
    // Nothing of ours may stay open in a daemon: whoever waits for the end of our output would wait for it.
    daemons.push(spawn(program, ['-c', configuration, ...words, '-f'], { cwd: folder, env: environment, stdio: 'ignore' }));
  }
  async function command(program: string, ...words: string[]): Promise<void> {
    const timeout = Math.max(1, deadlineMs - Date.now());
    await run(program, ['-c', configuration, ...words], { cwd: folder, env: environment, timeout, killSignal: 'SIGKILL' });
  }

  const map = join(folder, 'monmap');
  await command('monmaptool', '--create', '--clobber', '--fsid', fsid, '--addv', 'a', `[v2:127.0.0.1:${monitorPort}]`, map);
  await command('ceph-mon', '-i', 'a', '--mkfs', '--monmap', map);
  daemon('ceph-mon', '-i', 'a');
  const store = randomUUID();
  await command('ceph', 'osd', 'new', store);
  await command('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', store);
  daemon('ceph-osd', '-i', '0');
  daemon('radosgw', '-n', 'client.rgw.a');
  const account = { accessKeyId: 'PSPTESTACCESSKEY', secretAccessKey: `secret-${randomUUID()}` };
  const gateway = ['-n', 'client.rgw.a', 'user', 'create', '--uid=psp', '--display-name=psp'];
  await command('radosgw-admin', ...gateway, `--access-key=${account.accessKeyId}`, `--secret-key=${account.secretAccessKey}`);
  const endpoint = `http://127.0.0.1:${httpPort}`;
  await whenAnswering(endpoint, deadlineMs);

  // The client of the tests makes the bucket, and puts once: the first put makes the store's pools, which takes seconds.
  const { S3Client, CreateBucketCommand, PutObjectCommand, DeleteObjectCommand } = await import('@aws-sdk/client-s3');
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { ...account } }); // a copy: the client writes into it
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'first', Body: new Uint8Array(1) }));
  await client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'first' }));
  client.destroy();
  return { endpoint, region: 'us-east-1', bucket: BUCKET, ...account };
}

/**
 * `auth none` alone is not enough: the gateway asks for encrypted connections unless every `ms` mode says crc. Without tcp_nodelay each error waits
 * 45 ms for an acknowledgement.
 */
function configure(folder: string, fsid: string, httpPort: number, monitorPort: number): string {
  return `[global]
fsid = ${fsid}
mon host = [v2:127.0.0.1:${monitorPort}/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
auth supported = none
ms mon client mode = crc
ms mon service mode = crc
ms mon cluster mode = crc
ms client mode = crc
ms service mode = crc
ms cluster mode = crc
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
mon data avail warn = 2
osd crush chooseleaf type = 0
osd crush initial weight = 1
crush location = root=default host=localhost
osd objectstore = memstore
memstore device bytes = 2147483648
osd max object name len = 2048
osd max object namespace len = 256
run dir = ${folder}/run
admin socket = ${folder}/run/$name.$pid.asok
pid file = ${folder}/run/$name.pid
log file = ${folder}/log/$name.log
debug mon = 0
debug osd = 0
debug ms = 0
debug rgw = 0
[mon.a]
mon data = ${folder}/mon
mon initial members = a
[osd.0]
osd data = ${folder}/osd
[client.rgw.a]
rgw frontends = beast endpoint=127.0.0.1:${httpPort} tcp_nodelay=1
rgw data = ${folder}/rgw
rgw thread pool size = 64
rgw enable usage log = false
rgw dns name = localhost
`;
}

async function whenAnswering(endpoint: string, deadlineMs: number): Promise<void> {
  for (;;) {
    const answer = await fetch(endpoint).catch(() => null);
    await answer?.arrayBuffer();
    if (answer !== null) return;
    if (Date.now() > deadlineMs) throw new Error(`no answer at its port within ${START_TIMEOUT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Two ports that nobody listens on. */
async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return [ports[0]!, ports[1]!];
}

async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.pid === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => daemon.once('exit', () => resolve()));
  daemon.kill('SIGTERM');
  const timer = setTimeout(() => daemon.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

async function lastWords(folder: string): Promise<string> {
  const logs = ['mon.a', 'osd.0', 'client.rgw.a'].map((name) => readFile(join(folder, 'log', `${name}.log`), 'utf8').catch(() => ''));
  return (await Promise.all(logs)).map((text) => text.slice(-1000)).join('\n');
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
