/**
 * A TCP proxy on loopback that breaks connections in chosen ways, between a client and a real service. It knows bytes and directions, no protocol.
 * As in TCP, a connection that lost a byte never carries another one.
 */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from './subject.ts';

/** What happens to bytes from now on. */
export type Fault =
  | { readonly kind: 'none' }
  /** The connection is reset when a request comes; the service sees nothing of it. */
  | { readonly kind: 'reset-request' }
  /** The service gets the request; when its reply comes, the connection is reset. `once`: then the fault is over, as a client that tries again finds. */
  | { readonly kind: 'lose-reply'; readonly once?: boolean }
  /** Requests go through, replies go nowhere, and nobody is told. */
  | { readonly kind: 'swallow-reply' }
  /** Each piece of a reply waits so long. */
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'trickle'; readonly bytesPerSecond: number }
  /** After so many bytes of replies the connection ends, properly or by a reset. */
  | { readonly kind: 'cut-reply'; readonly afterBytes: number; readonly how: 'end' | 'reset' }
  /** One bit of byte `atByte` of the replies from now on is another. */
  | { readonly kind: 'flip-bit'; readonly atByte: number; readonly bit: number };

/** A proxy that runs. */
export interface FaultProxy extends Address {
  /** Sets what happens from now on, also to connections that are open. */
  set(fault: Fault): void;
  /** Resets what is open and refuses new connections. */
  refuse(): Promise<void>;
  /** Listens again, on the same port. */
  accept(): Promise<void>;
  /** Bytes of replies since the last `set`. */
  replyBytes(): number;
  close(): Promise<void>;
}

interface Connection {
  readonly client: Socket;
  readonly service: Socket;
  /** It lost a byte. */
  isDead: boolean;
}

const HOST = '127.0.0.1';
const TRICKLES_PER_SECOND = 20;

/** Starts a proxy to `target` on a free port. */
export async function startFaultProxy(target: Address): Promise<FaultProxy> {
  const connections = new Set<Connection>();
  let fault: Fault = { kind: 'none' };
  let replyBytes = 0;
  let server = await listen(0);
  const { port } = server.address() as AddressInfo;

  function listen(onPort: number): Promise<Server> {
    return new Promise((resolve, reject) => {
      const listening = createServer({ allowHalfOpen: true, noDelay: true }, join);
      listening.once('error', reject);
      listening.listen(onPort, HOST, () => resolve(listening));
    });
  }

  function join(client: Socket): void {
    const service = connect({ ...target, allowHalfOpen: true, noDelay: true });
    const connection: Connection = { client, service, isDead: false };
    connections.add(connection);
    for (const socket of [client, service]) {
      // Broken connections are what this is for: `carry` meets each error, too, and passes it on.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (client.destroyed && service.destroyed) connections.delete(connection);
      });
    }
    void carry(client, service, (piece) => takeRequest(connection, piece)).then((ended) => finish(service, ended));
    void carry(service, client, (piece) => takeReply(connection, piece)).then((ended) => {
      // Who gets no bytes gets no end of them either: that is what makes it a black hole.
      if (!connection.isDead) finish(client, ended);
    });
  }

  function end(connection: Connection): void {
    connections.delete(connection);
    connection.client.destroy();
    connection.service.destroy();
  }

  function reset(connection: Connection): void {
    connection.client.resetAndDestroy();
    end(connection);
  }

  async function takeRequest(connection: Connection, piece: Buffer): Promise<Buffer | null> {
    if (fault.kind !== 'reset-request') return piece;
    reset(connection);
    return null;
  }

  /** What of `piece` reaches the client now. */
  async function takeReply(connection: Connection, piece: Buffer): Promise<Buffer | null> {
    if (connection.isDead) return null;
    const from = replyBytes;
    replyBytes += piece.length;
    switch (fault.kind) {
      case 'lose-reply':
        if (fault.once === true) fault = { kind: 'none' };
        reset(connection);
        return null;
      case 'swallow-reply':
        connection.isDead = true;
        return null;
      case 'delay':
        await sleep(fault.ms);
        return piece;
      case 'trickle':
        return trickle(connection, piece, fault.bytesPerSecond);
      case 'cut-reply': {
        if (from + piece.length <= fault.afterBytes) return piece;
        const { how, afterBytes } = fault;
        connection.isDead = true;
        connection.client.write(piece.subarray(0, Math.max(0, afterBytes - from)), () =>
          how === 'reset' ? reset(connection) : end(connection),
        );
        return null;
      }
      case 'flip-bit': {
        const at = fault.atByte - from;
        if (at >= 0 && at < piece.length) piece[at]! ^= 1 << fault.bit;
        return piece;
      }
      default:
        return piece;
    }
  }

  /** Sends `piece` bit by bit, for as long as the fault lasts. */
  async function trickle(connection: Connection, piece: Buffer, bytesPerSecond: number): Promise<Buffer | null> {
    const step = Math.max(1, Math.round(bytesPerSecond / TRICKLES_PER_SECOND));
    let at = 0;
    for (; at < piece.length && fault.kind === 'trickle' && !connection.client.destroyed; at += step) {
      connection.client.write(piece.subarray(at, at + step));
      await sleep(1000 / TRICKLES_PER_SECOND);
    }
    return piece.subarray(at);
  }

  async function stop(): Promise<void> {
    const closed = server.listening ? once(server, 'close') : null;
    server.close();
    for (const connection of connections) reset(connection);
    await closed;
  }

  return {
    host: HOST,
    port,
    set(next) {
      fault = next;
      replyBytes = 0;
    },
    refuse: stop,
    async accept() {
      server = await listen(port);
    },
    replyBytes: () => replyBytes,
    close: stop,
  };
}

/** Carries bytes from one end to the other for as long as both are there; `take` says what of them. True when they came to their end. */
async function carry(from: Socket, to: Socket, take: (piece: Buffer) => Promise<Buffer | null>): Promise<boolean> {
  try {
    // Not destroyed at its end: its other direction may go on.
    for await (const piece of from.iterator({ destroyOnReturn: false })) {
      const rest = await take(piece as Buffer);
      if (rest === null || rest.length === 0 || to.destroyed) continue;
      if (!to.write(rest)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
    }
    return true;
  } catch {
    // The connection broke, by the fault or by one of its ends: the other end learns of it.
    return false;
  }
}

function finish(socket: Socket, properly: boolean): void {
  if (properly) socket.end();
  else socket.destroy();
}
