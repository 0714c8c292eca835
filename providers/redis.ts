/**
 * A provider over Redis: one server, a cluster, or a master under sentinels, through ioredis 6. A value is one string, a frame of providers/frame.ts,
 * under `keyPrefix` + key. A put without a condition is a plain SET; conditions, ranges and touches are small scripts (redis/script.ts).
 *
 * What Redis itself does not promise, this cannot either. It answers before replicas have a write, so a fail-over loses what the new master had not
 * got; and before its disk has it, as its own `appendfsync` says.
 */

import { PspError } from '../ts/errors.ts';
import type { Capabilities, RecordHead, StorageProvider, StoredRecord } from '../ts/provider.ts';
import { MAX_KEY_BYTES } from '../ts/provider.ts';
import type { Call } from './calls.ts';
import { type ByteRange, type Condition, checkCondition, checkPrefix, isLive, newVersion, type PutRequest } from './contract.ts';
import { decodeFrame, decodeFrameHead, expiryDigits, FRAME_FIXED_BYTES, FRAME_HEAD_BYTES, touchFrame } from './frame.ts';
import { type ProviderCore, provide } from './provide.ts';
import { settleChunks } from './redis/batch.ts';
import {
  askNode,
  Connection,
  clientMaker,
  endClient,
  type OwnedClient,
  type RedisLike,
  type RedisTarget,
  whenReady,
} from './redis/client.ts';
import { FrameCommand } from './redis/command.ts';
import { listPage } from './redis/list.ts';
import { DELETE, DELETE_IF, PUT, READ_RANGE, TOUCH } from './redis/script.ts';
import { watchSilence } from './redis/watch.ts';

export type { RedisAddress, RedisConnectionOptions, RedisLike, RedisNodeLike, RedisTarget } from './redis/client.ts';

/** How {@link redis} is made. */
export type RedisOptions = RedisTarget & {
  /** Before every key, as it is; `'psp:'` when not given. Whatever else is in the database should not begin with it. */
  readonly keyPrefix?: string;
  /** The time limit of a call that names none, and how long a connection may owe an answer before it is given up; 10 s when not given, 0: no limit. */
  readonly timeoutMs?: number;
  /** Milliseconds since the epoch; `Date.now` when not given. */
  readonly now?: () => number;
};

/** Longest string of Redis (its `proto-max-bulk-len` where nobody has changed it). */
const MAX_STRING_BYTES = 512 * 1024 * 1024;
const TIMEOUT_MS = 10_000;
/** Redis forgets a value so long after it expired by our clock: its own expiry only clears away, so that two clocks need not agree to the millisecond. */
const GRACE_MS = 60_000;

/** Values up to this wait for others to be sent with: a write of its own costs more than what it carries. */
const HELD_BYTES = 16 * 1024;

const NO_WORDS: readonly string[] = [];

const CAPABILITIES: Capabilities = {
  conditionalPut: true,
  conditionalDelete: true,
  touch: true,
  ranges: true,
  streams: false,
  sweep: false,
  strongReads: true,
  orderedList: false,
  exactList: false,
  maxKeyBytes: MAX_KEY_BYTES,
  maxValueBytes: MAX_STRING_BYTES - FRAME_HEAD_BYTES,
};

/**
 * The provider of the values under `keyPrefix`. A client that is passed in is used as it is and never closed; let it have `maxRetriesPerRequest: 0`,
 * `autoResendUnfulfilledCommands: false` and a `socketTimeout`, and no `keyPrefix` of its own (TypeError). Errors hold no part of a URL or password.
 *
 * @example
 * const provider = redis({ url: 'redis://localhost:6379' });
 * const cluster = redis({ cluster: [{ host: '10.0.0.1', port: 6379 }], options: { password } });
 */
export function redis(options: RedisOptions): StorageProvider {
  const { keyPrefix = 'psp:', timeoutMs = TIMEOUT_MS, now = Date.now } = options;
  checkPrefix(keyPrefix);
  if (/\p{Surrogate}/u.test(keyPrefix)) throw new TypeError('keyPrefix: it holds a lone surrogate');
  return provide(redisCore(options, keyPrefix, timeoutMs, now));
}

function redisCore(target: RedisTarget, keyPrefix: string, timeoutMs: number, now: () => number): ProviderCore {
  const given = 'client' in target ? checkClient(target.client) : null;
  const makeClient = 'client' in target ? null : clientMaker(target);
  let owned: OwnedClient | null = null;
  let connection: Connection;
  let endWatch: () => void = () => undefined;

  function millisecondsLeft(expiresAt: number): string {
    return String(Math.max(0, expiresAt - now()) + GRACE_MS);
  }

  /** A put that is ready to be sent: the value is copied. */
  function preparePut({ key, value, condition, expiresAt, metadata }: PutRequest): PreparedPut {
    const head = { key, version: newVersion(), size: value.length, expiresAt, metadata };
    const name = keyPrefix + key;
    const left = expiresAt === null ? '' : millisecondsLeft(expiresAt);

    if (condition.ifMatch !== null) {
      const words = [expiryDigits(now()), condition.ifMatch];
      const command = new FrameCommand('evalsha', [PUT.sha1, '1', name, ...words], head, value, [left]);
      const args = () => [...words, command.frame, left];
      const done = (answer: unknown): RecordHead => obey(answer, condition, head);
      return { head, bytes: command.frameBytes, send: () => connection.sendScript(PUT, command, name, args, done) };
    }
    const forget = left === '' ? NO_WORDS : ['PX', left];
    const command = new FrameCommand('set', [name], head, value, condition.absent ? ['NX', ...forget] : forget);
    const done = (answer: unknown): RecordHead | Promise<RecordHead> => {
      if (answer === 'OK') return head;
      if (!condition.absent || answer !== null) throw unexpected('SET');
      // Something stands there. It may have expired by our clock, which only the script can see.
      const args = [expiryDigits(now()), '', command.frame, left];
      return connection.run(PUT, name, args).then((second) => obey(second, condition, head));
    };
    return { head, bytes: command.frameBytes, send: () => connection.send(command, done) };
  }

  function getWhole(key: string): Promise<StoredRecord | null> {
    connection.holdWithOthers();
    return connection.askBytes('GET', [keyPrefix + key], (answer) => {
      const bytes = answer as Buffer<ArrayBuffer> | null;
      if (bytes === null || bytes.length === 0) return null;
      const isOwn = bytes.length === bytes.buffer.byteLength;
      const record = decodeFrame(key, isOwn ? new Uint8Array(bytes.buffer) : bytes);
      if (!isLive(record.expiresAt, now())) return null;
      // The client puts a long answer together in memory of its own, which is the caller's now. A short one lies among other answers.
      return isOwn ? record : { ...record, value: new Uint8Array(record.value) };
    });
  }

  async function getRange(key: string, { from, to }: ByteRange): Promise<StoredRecord | null> {
    const bounds = [from, to].map((at) => Math.min(at, MAX_STRING_BYTES));
    const [head, value] = (await connection.run(READ_RANGE, keyPrefix + key, bounds, 'callBuffer')) as [Buffer, Buffer];
    if (head.length === 0) return null;
    const record = decodeFrameHead(key, head);
    return isLive(record.expiresAt, now()) ? { ...record, value: new Uint8Array(value) } : null;
  }

  /** The first bytes of a frame, and the head that stands in them; null when there is none, or it has expired. */
  function readHead(key: string): Promise<{ head: RecordHead; bytes: Buffer } | null> {
    connection.holdWithOthers();
    return connection.askBytes('GETRANGE', [keyPrefix + key, 0, FRAME_HEAD_BYTES - 1], (answer) => {
      const bytes = answer as Buffer;
      if (bytes.length === 0) return null;
      const head = decodeFrameHead(key, bytes);
      return isLive(head.expiresAt, now()) ? { head, bytes } : null;
    });
  }

  async function remove(key: string, condition: Condition): Promise<boolean> {
    connection.holdWithOthers();
    const time = expiryDigits(now());
    if (condition.ifMatch === null) {
      const answer = await connection.run(DELETE, keyPrefix + key, [time]);
      if (answer !== 'DONE' && answer !== 'NONE') throw unexpected('DELETE');
      return answer === 'DONE';
    }
    return obey(await connection.run(DELETE_IF, keyPrefix + key, [time, condition.ifMatch]), condition, true);
  }

  return {
    name: 'redis',
    // A cluster's client may be told to read from replicas, which are behind.
    capabilities: readsFromReplicas(given) ? { ...CAPABILITIES, strongReads: false } : CAPABILITIES,
    timeoutMs,
    sharesTimer: true,

    async open(call) {
      const client = given ?? makeClient!();
      if (given === null) {
        owned = client as OwnedClient;
        // Every command that fails says so itself; without a listener the client would write to the console.
        owned.on('error', () => undefined);
      }
      try {
        await whenReady(client, call.signal);
      } catch (error) {
        if (owned !== null) await endClient(owned);
        owned = null;
        throw error;
      }
      connection = new Connection(client);
      if (owned !== null) endWatch = watchSilence(connection, timeoutMs);
    },

    get: (key, range) => (range === null ? getWhole(key) : getRange(key, range)),

    async head(key) {
      return (await readHead(key))?.head ?? null;
    },

    put(request) {
      const { bytes, send } = preparePut(request);
      if (bytes <= HELD_BYTES) connection.holdWithOthers();
      return send();
    },

    delete: remove,

    async touch(key, expiresAt, condition, call) {
      for (;;) {
        const found = await readHead(key);
        checkCondition(condition, found?.head ?? null);
        if (found === null) return null;
        const fixed = found.bytes.subarray(0, FRAME_FIXED_BYTES);
        const version = newVersion();
        const left = expiresAt === null ? '' : millisecondsLeft(expiresAt);
        const answer = await connection.run(TOUCH, keyPrefix + key, [fixed, asBuffer(touchFrame(fixed, version, expiresAt)), left]);
        if (answer === 'DONE') return { ...found.head, version, expiresAt };
        // Somebody wrote it meanwhile: what they wrote is looked at and touched instead.
        if (answer !== 'ANOTHER') throw unexpected('TOUCH');
        if (call.signal.aborted) throw call.signal.reason;
      }
    },

    listPage: (request, call) => listPage(connection, keyPrefix, now, request, call),

    async getMany(keys) {
      return settleChunks(connection, keys, (key) => ({ key, bytes: 0 }), getWhole);
    },

    async putMany(requests) {
      // The commands hold the copies that the contract asks for: nothing was waited for until here.
      const puts = requests.map(preparePut);
      return settleChunks(
        connection,
        puts,
        ({ head, bytes }) => ({ key: head.key, bytes }),
        ({ send }) => send(),
      );
    },

    async deleteMany(keys) {
      const any = { ifMatch: null, absent: false };
      return settleChunks(
        connection,
        keys,
        (key) => ({ key, bytes: 0 }),
        (key) => remove(key, any),
      );
    },

    async ping(_call: Call) {
      const asked = connection.masters().map((node) => askNode(node, 'PING', []));
      // A command with a key: a cluster that does not serve its slots still answers a PING.
      await Promise.all([...asked, connection.ask('EXISTS', [keyPrefix])]);
    },

    async close() {
      endWatch();
      if (owned !== null) await endClient(owned);
    },
  };
}

/** A command that puts, and what it will have put. */
interface PreparedPut {
  readonly head: RecordHead;
  readonly bytes: number;
  /** Resolves with the head when it is done; `PROVIDER_CONFLICT` when the condition was not met. */
  send(): Promise<RecordHead>;
}

/** `result` when a script did what it was asked to; `PROVIDER_CONFLICT` when the condition was not met. */
function obey<T>(answer: unknown, condition: Condition, result: T): T {
  if (answer === 'DONE') return result;
  if (answer === 'CORRUPT') throw new PspError('PROVIDER_CORRUPT', 'redis: what stands under the key is no value of this provider');
  if (answer === 'NONE') checkCondition(condition, null);
  // A version that nobody can have asked for: the script found another one.
  if (answer === 'ANOTHER') checkCondition(condition, { version: newVersion() });
  throw unexpected('a script');
}

/** An answer that no server gives. Whether the command was done is not known. */
function unexpected(what: string): PspError {
  return new PspError('PROVIDER_UNAVAILABLE', `redis: ${what} was answered with something unexpected`);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function checkClient(client: RedisLike): RedisLike {
  if (typeof client?.call !== 'function') throw new TypeError('client: expected a Redis or Cluster of ioredis');
  const { keyPrefix, redisOptions } = client.options as { keyPrefix?: string; redisOptions?: { keyPrefix?: string } };
  // Listings would show keys with it, and take keys without it.
  if ((keyPrefix ?? '') !== '' || (redisOptions?.keyPrefix ?? '') !== '') {
    throw new TypeError('client: expected one without a keyPrefix of its own; give it to the provider instead');
  }
  return client;
}

function readsFromReplicas(client: RedisLike | null): boolean {
  const { scaleReads } = (client?.options ?? {}) as { scaleReads?: unknown };
  return client?.nodes !== undefined && scaleReads !== 'master';
}
