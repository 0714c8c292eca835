/**
 * The connection to a Redis: one server, the master that sentinels name, or a cluster, all asked in the same way. A client that we make sends each
 * command once: no queue while there is no connection, no second try, because a command that was cut off may have been done. Redirections within a
 * cluster are followed by ioredis (a server that redirects has done nothing).
 */

import { setImmediate } from 'node:timers';
import { Cluster, type Command, Redis } from 'ioredis';
import type { FrameCommand } from './command.ts';
import { isUnknownScript, notConnected, translate } from './failure.ts';
import type { Script } from './script.ts';

/** An argument of a command. */
export type Argument = string | number | Buffer;

/** A connection to one server, as far as we use it. */
export interface RedisNodeLike {
  readonly status: string;
  readonly stream?: {
    readonly bytesRead: number;
    readonly writableLength: number;
    readonly destroyed: boolean;
    cork(): void;
    uncork(): void;
    destroy(): void;
  };
  call(command: string, args: Argument[]): Promise<unknown>;
  callBuffer(command: string, args: Argument[]): Promise<unknown>;
}

/** A client of ioredis, as far as we use it: `Redis` or `Cluster`. */
export interface RedisLike extends RedisNodeLike {
  readonly options: object;
  sendCommand(command: Command): unknown;
  connect(): Promise<void>;
  on(event: string, listener: (error: Error) => void): unknown;
  removeListener(event: string, listener: (error: Error) => void): unknown;
  /** A cluster's servers. */
  nodes?(role?: 'master'): readonly RedisNodeLike[];
  /** Has a cluster's client ask which server has which slots. */
  refreshSlotsCache?(): void;
}

/** Where a server or a sentinel listens. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * How a connection that we make is made. A user of Redis's access control needs the keys of the provider's prefix (`~psp:*`) and the commands get,
 * getrange, type, exists, scan, info, ping, set, setrange, unlink, pexpire, persist, eval and evalsha; in a cluster, `cluster` too.
 */
export interface RedisConnectionOptions {
  readonly username?: string;
  readonly password?: string;
  /** Number of the database; a cluster has 0 only. */
  readonly db?: number;
  /** Options of `node:tls`; `{}` for TLS with none. With sentinels: to the server, and to them too. */
  readonly tls?: object;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  /** Where the servers of a cluster, or those that sentinels name, are reached from here, by the address (`'10.0.0.1:6379'`) that they announce. */
  readonly natMap?: Readonly<Record<string, RedisAddress>>;
}

/** Which Redis: a client that exists already, or where to connect to. */
export type RedisTarget =
  | { readonly client: RedisLike }
  | { readonly url: string; readonly options?: RedisConnectionOptions }
  | { readonly cluster: readonly RedisAddress[]; readonly options?: RedisConnectionOptions }
  | { readonly sentinels: readonly RedisAddress[]; readonly name: string; readonly options?: RedisConnectionOptions };

/** A client of our own making. */
export interface OwnedClient extends RedisLike {
  disconnect(): void;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** How long the end of a connection is waited for. */
const END_WAIT_MS = 2_000;

/**
 * Most commands that wait for others which are not there yet. All that come in a turn would cost less still, and leave the server idle meanwhile where
 * answers are large: it has answered everything then.
 */
const HELD_COMMANDS = 16;

/** Milliseconds until the next attempt to connect. What waits for it is nobody's call: those have failed. */
function reconnectDelay(attempt: number): number {
  return Math.min(25 * 2 ** Math.min(attempt, 6), 1_000);
}

/** A way to make the client of `target`, whose arguments are checked here: TypeError, which never tells what was in a URL. */
export function clientMaker(target: Exclude<RedisTarget, { client: RedisLike }>): () => OwnedClient {
  const node = {
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  };
  const alone = {
    ...node,
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: reconnectDelay,
    // A master that was demoted keeps its connections. 1: connect anew, and do not send the command again.
    reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? (1 as const) : false),
  };

  if ('url' in target) {
    const options = { ...alone, ...parseUrl(target.url), ...pickConnection(target.options) };
    return () => new Redis(options);
  }
  if ('cluster' in target) {
    checkAddresses('cluster', target.cluster);
    const { db, natMap, ...connection } = pickConnection(target.options);
    if (db !== undefined && db !== 0) throw new TypeError('options.db: a cluster has database 0 only');
    const options = {
      lazyConnect: true,
      ...(natMap === undefined ? {} : { natMap }),
      redisOptions: { ...node, ...connection },
      clusterRetryStrategy: reconnectDelay,
      // 0: the failure of a connection is reported, not tried again.
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
    };
    return () =>
      new Cluster(
        target.cluster.map(({ host, port }) => ({ host, port })),
        options,
      );
  }
  checkAddresses('sentinels', target.sentinels);
  if (typeof target.name !== 'string' || target.name === '')
    throw new TypeError('name: expected the name that the sentinels know the master by');
  const { tls, ...connection } = pickConnection(target.options);
  const sentinel = {
    ...alone,
    ...connection,
    sentinels: target.sentinels.map(({ host, port }) => ({ host, port })),
    name: target.name,
    ...(tls === undefined ? {} : { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
  };
  return () => new Redis(sentinel);
}

/** Waits until `client` is ready; connects it if nobody has. Rejects with the first thing that goes wrong. */
export function whenReady(client: RedisLike, signal: AbortSignal): Promise<void> {
  if (client.status === 'ready') return Promise.resolve();
  if (client.status === 'end') return Promise.reject(notConnected());
  return new Promise((resolve, reject) => {
    const onReady = (): void => finish(resolve);
    const onError = (error?: Error): void => finish(() => reject(error === undefined ? notConnected() : translate(error)));
    const onAbort = (): void => finish(() => reject(signal.reason));
    function finish(settle: () => void): void {
      client.removeListener('ready', onReady);
      for (const event of ['error', 'close', 'end']) client.removeListener(event, onError);
      signal.removeEventListener('abort', onAbort);
      settle();
    }
    client.on('ready', onReady);
    for (const event of ['error', 'close', 'end']) client.on(event, onError);
    signal.addEventListener('abort', onAbort);
    if (client.status === 'wait') client.connect().catch(onError);
  });
}

/** Ends a client of ours, at once. */
export async function endClient(client: OwnedClient): Promise<void> {
  if (client.status === 'end') return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, END_WAIT_MS);
    client.on('end', () => {
      clearTimeout(timer);
      resolve();
    });
    client.disconnect();
  });
}

/** Sends commands over a client. Everything it rejects with is a PspError. */
export class Connection {
  readonly #client: RedisLike;
  /** What is held back, null when nothing is; how many commands may still wait there. */
  #held: RedisNodeLike['stream'][] | null = null;
  #room = 0;
  #endsTurn = false;
  #isUsed = false;
  /** Commands that are not answered yet. */
  #underWay = 0;

  constructor(client: RedisLike) {
    this.#client = client;
  }

  /** True when the client is one of a cluster. */
  get isCluster(): boolean {
    return this.#client.nodes !== undefined;
  }

  /** The answer as text, numbers as they are. In a cluster the first key decides who is asked. */
  ask(command: string, args: Argument[]): Promise<unknown> {
    return this.#await(this.#client.call(command, args), same);
  }

  /** What `read` makes of the answer, whose strings are bytes. */
  askBytes<T>(command: string, args: Argument[], read: (answer: unknown) => T): Promise<T> {
    return this.#await(this.#client.callBuffer(command, args), read);
  }

  /** Sends a command that carries a value; what `read` makes of the answer. */
  send<T>(command: FrameCommand, read: (answer: unknown) => T | Promise<T>): Promise<T> {
    return this.#await(this.#client.sendCommand(command) as Promise<unknown>, read);
  }

  /** Runs a script on one key. A server that does not have it yet is given it. */
  run(script: Script, key: string, args: Argument[], answer: 'call' | 'callBuffer' = 'call'): Promise<unknown> {
    return this.#await(this.#client[answer]('EVALSHA', [script.sha1, 1, key, ...args]), same, () =>
      this.#client[answer]('EVAL', [script.text, 1, key, ...args]),
    );
  }

  /** The same with a command that carries a value: EVALSHA of `script`, where `args` are what EVAL gets. */
  sendScript<T>(script: Script, command: FrameCommand, key: string, args: () => Argument[], read: (answer: unknown) => T): Promise<T> {
    return this.#await(this.#client.sendCommand(command) as Promise<unknown>, read, () =>
      this.#client.call('EVAL', [script.text, 1, key, ...args()]),
    );
  }

  /** What `read` makes of the answer; `give` sends the script that a server was found not to have. */
  #await<T>(answer: Promise<unknown>, read: (answer: unknown) => T | Promise<T>, give?: () => Promise<unknown>): Promise<T> {
    this.#isUsed = true;
    this.#underWay += 1;
    this.#room -= 1;
    if (this.#room === 0) this.#letGo();
    return answer.then(
      (value) => {
        this.#underWay -= 1;
        return read(value);
      },
      (error: unknown) => {
        this.#underWay -= 1;
        if (give === undefined || !isUnknownScript(error)) throw translate(error);
        return this.#await(give(), read);
      },
    );
  }

  /** Every server that takes writes, as the client knows them; one where there is no cluster. */
  masters(): readonly RedisNodeLike[] {
    return this.#client.nodes?.('master') ?? [this.#client];
  }

  /** Every server that the client is connected to. */
  nodes(): readonly RedisNodeLike[] {
    return this.#client.nodes?.() ?? [this.#client];
  }

  /** True when anything was asked since the last call of this. */
  takeUsed(): boolean {
    const isUsed = this.#isUsed;
    this.#isUsed = false;
    return isUsed;
  }

  /** Has the client of a cluster look again who its servers are; returns at once. */
  refresh(): void {
    this.#client.refreshSlotsCache?.();
  }

  /** As {@link hold} while other commands are under way, for a few commands only. One that is alone has nobody to wait for. */
  holdWithOthers(): void {
    if (this.#underWay > 0) this.hold(HELD_COMMANDS);
  }

  /** Holds back what is written, so that many commands leave in one write: until this turn of the event loop ends, or `most` commands wait. */
  hold(most: number = Number.POSITIVE_INFINITY): void {
    if (this.#held !== null) {
      if (most > HELD_COMMANDS) this.#room = most;
      return;
    }
    this.#room = most;
    this.#held = this.masters().map((node) => node.stream);
    for (const stream of this.#held) stream?.cork();
    if (this.#endsTurn) return;
    this.#endsTurn = true;
    setImmediate(() => {
      this.#endsTurn = false;
      this.#letGo();
    });
  }

  #letGo(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const stream of held) stream?.uncork();
  }
}

function same(answer: unknown): unknown {
  return answer;
}

function fail(error: unknown): never {
  throw translate(error);
}

/** Asks one node: a command that no key decides about. */
export function askNode(node: RedisNodeLike, command: string, args: Argument[]): Promise<unknown> {
  return node.call(command, args).catch(fail);
}

/** redis://[user[:password]@]host[:port][/db], rediss: with TLS. The URL is a secret: no message tells of it. */
function parseUrl(text: string): RedisAddress & RedisConnectionOptions {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : null;
  const db = url?.pathname.replace(/^\//, '') ?? '';
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === '' || !/^\d*$/.test(db) || url.search !== '') {
    throw new TypeError('url: expected redis://[user[:password]@]host[:port][/db] or rediss://…');
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 6379 : Number(url.port),
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(db === '' ? {} : { db: Number(db) }),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

function pickConnection(options: RedisConnectionOptions = {}): RedisConnectionOptions {
  const { username, password, db, tls, sentinelUsername, sentinelPassword, natMap } = options;
  const named = { username, password, db, tls, sentinelUsername, sentinelPassword, natMap };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
}

function checkAddresses(name: string, addresses: readonly RedisAddress[]): void {
  const isAddress = (one: RedisAddress): boolean => typeof one?.host === 'string' && Number.isInteger(one.port);
  if (Array.isArray(addresses) && addresses.length > 0 && addresses.every(isAddress)) return;
  throw new TypeError(`${name}: expected a list of at least one { host, port }`);
}
