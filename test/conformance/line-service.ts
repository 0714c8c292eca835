/**
 * A small storage service over TCP, for the fault cases of the conformance suite to be tested on: one request a connection, a line of JSON each way,
 * with a checksum before it. The client can be made to have one mistake of those that people make with networks.
 */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Call } from '../../providers/calls.ts';
import type { Address } from '../../providers/conformance/subject.ts';
import { crc32 } from '../../providers/crc32.ts';
import { provide } from '../../providers/provide.ts';
import { PspError, type PspErrorCode } from '../../ts/errors.ts';
import type { StorageProvider, StoredRecord } from '../../ts/provider.ts';
import { delegateTo, optionsOf } from './delegate.ts';

/** What a client does wrong. */
export type ClientMistake =
  | 'does not look at the checksum'
  | 'takes what came for all there is'
  | 'tries a lost request again'
  | 'takes a lost reply for success'
  | 'takes a lost reply for nothing there'
  | 'gives up for good after a failure'
  | 'waits for ever';

type Method = 'get' | 'head' | 'put' | 'delete' | 'touch' | 'listPage' | 'sweep' | 'health';

/** Serves the values of `inner` on a free port of loopback. */
export async function serve(inner: StorageProvider): Promise<Address & { stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    let text = '';
    socket.setEncoding('latin1');
    socket.on('error', () => socket.destroy());
    socket.on('data', (piece: string) => {
      text += piece;
      if (text.endsWith('\n')) void answer(inner, text).then((reply) => socket.end(reply));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** A client of such a service. */
export function lineClient({ host, port }: Address, shape: StorageProvider, mistake: ClientMistake | null = null): StorageProvider {
  let hasFailed = false;

  function ask<T>(method: Method, args: unknown[], { signal }: Call): Promise<T> {
    if (mistake === 'gives up for good after a failure' && hasFailed) throw new PspError('PROVIDER_UNAVAILABLE', 'it failed before');
    return new Promise<T>((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true });
      let text = '';
      const fail = (code: PspErrorCode): void => {
        hasFailed = true;
        socket.destroy();
        reject(new PspError(code, 'the request came to no good end'));
      };
      signal.addEventListener('abort', () => socket.destroy(), { once: true });
      socket.setEncoding('latin1');
      socket.on('error', () => fail('PROVIDER_UNAVAILABLE'));
      socket.on('close', () => fail('PROVIDER_UNAVAILABLE'));
      socket.on('data', (piece: string) => {
        text += piece;
      });
      socket.on('end', () => {
        const [, checksum = '', json = ''] = /^([0-9a-f]{8}) (.*)\n$/s.exec(text) ?? [];
        if (mistake === 'takes what came for all there is' && json === '' && text.includes('"value":"')) return resolve(salvage(text) as T);
        if (json === '') return fail('PROVIDER_UNAVAILABLE');
        if (mistake !== 'does not look at the checksum' && checksum !== checksumOf(json)) return fail('PROVIDER_CORRUPT');
        try {
          const { result, code } = JSON.parse(json) as { result: unknown; code?: PspErrorCode };
          if (code === undefined) resolve(withBytes(result) as T);
          else reject(new PspError(code, 'the service says no'));
        } catch {
          fail('PROVIDER_CORRUPT');
        }
      });
      socket.write(`${JSON.stringify([method, ...args])}\n`);
    });
  }

  async function send<T>(method: Method, args: unknown[], call: Call): Promise<T> {
    try {
      return await ask<T>(method, args, call);
    } catch (error) {
      const isLost = error instanceof PspError && error.code === 'PROVIDER_UNAVAILABLE';
      if (isLost && mistake === 'tries a lost request again') return ask<T>(method, args, call);
      if (isLost && mistake === 'takes a lost reply for nothing there' && method === 'get') return null as T;
      if (isLost && mistake === 'takes a lost reply for success' && method === 'put') {
        return { key: args[0], version: 'x', size: 0, expiresAt: null, metadata: {} } as T;
      }
      throw error;
    }
  }

  const ping = async (call: Call): Promise<void> => void (await send('health', [], call));
  const { getMany: _, putMany: __, deleteMany: ___, close: ____, ...core } = delegateTo(shape);
  const provider = provide({
    ...core,
    name: 'line',
    get: (key, range, call) => send('get', [key, range === null ? {} : { range: [range.from, range.to] }], call),
    head: (key, call) => send('head', [key], call),
    put: (request, call) => send('put', [request.key, Buffer.from(request.value).toString('base64'), optionsOf(request)], call),
    delete: (key, { ifMatch }, call) => send('delete', [key, ifMatch === null ? {} : { ifMatch }], call),
    touch: (key, expiresAt, { ifMatch }, call) => send('touch', [key, expiresAt, ifMatch === null ? {} : { ifMatch }], call),
    listPage: ({ cursor, ...request }, call) => send('listPage', [cursor === null ? request : { ...request, cursor }], call),
    sweep: (call) => send('sweep', [], call),
    open: ping,
    ping,
  });
  if (mistake !== 'waits for ever') return provider;
  return Object.create(provider, { get: { value: (key: string) => provider.get(key, { timeoutMs: 0 }) } }) as StorageProvider;
}

async function answer(inner: StorageProvider, line: string): Promise<string> {
  const [method, ...args] = JSON.parse(Buffer.from(line, 'latin1').toString()) as [Method, ...unknown[]];
  if (method === 'put') args[1] = new Uint8Array(Buffer.from(args[1] as string, 'base64'));
  const call = inner[method] as (...args: unknown[]) => Promise<unknown>;
  const reply = await call(...args).then(
    (result) => ({ result: withText(result) }),
    (error: unknown) => ({ code: (error as PspError).code }),
  );
  // Bytes, so that a bit that is flipped is one of ours.
  const json = Buffer.from(JSON.stringify(reply)).toString('latin1');
  return `${checksumOf(json)} ${json}\n`;
}

function checksumOf(json: string): string {
  return crc32(Buffer.from(json, 'latin1')).toString(16).padStart(8, '0');
}

/** A result with its value as text. */
function withText(result: unknown): unknown {
  const { value } = (result ?? {}) as Partial<StoredRecord>;
  return value === undefined ? result : { ...(result as StoredRecord), value: Buffer.from(value).toString('base64') };
}

/** A result with its value as bytes. */
function withBytes(result: unknown): unknown {
  const { value } = (result ?? {}) as { value?: string };
  const read = JSON.parse(Buffer.from(JSON.stringify(result ?? null), 'latin1').toString()) as object | null;
  return value === undefined ? read : { ...read, value: new Uint8Array(Buffer.from(value, 'base64')) };
}

/** The part of a record that came. */
function salvage(text: string): StoredRecord {
  const value = new Uint8Array(Buffer.from(/"value":"([^"]*)/.exec(text)![1]!, 'base64'));
  return { key: 'key', version: 'x' as never, size: value.length, expiresAt: null, metadata: {}, value };
}
