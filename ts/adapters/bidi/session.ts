/**
 * A BiDi session to work in: one of our own on a browser's address, one that somebody has begun there, or a connection that a client library holds. A
 * session of our own is ended again; anybody else's is left as it was.
 */
import { PspError } from '../../errors.ts';
import { type Connection, openConnection } from '../connection.ts';
import { withDeadline } from '../deadline.ts';
import type { BidiCommands, BidiEvents, BidiSession } from './protocol.ts';

/** A BiDi connection of a client library. */
export interface BidiConnectionLike {
  /** Resolves with the `result` of the command, and rejects when the browser refuses it. */
  send(method: string, params: object): Promise<unknown>;
  /** Listens to an event, by its method name; the listener gets the `params`. */
  on(event: string, listener: (params: never) => void): unknown;
  off(event: string, listener: (params: never) => void): unknown;
  /** True once the browser is gone. Without it, a browser that goes away is one that refuses. */
  isClosed?(): boolean;
}

/** A connection of our own, with a session on it that lasts until it is closed. */
export interface BidiConnection extends BidiConnectionLike {
  isClosed(): boolean;
  /** Ends the session, if it was begun here, and closes the connection. The browser stays. */
  close(): Promise<void>;
}

/**
 * Connects to a browser by WebDriver BiDi, for several operations in one session: Firefox gives its tabs new ids in each session. `url` as for `bidi`.
 *
 * @throws PspError `ADAPTER_CONNECT` when no browser answers within `timeoutMs`, or it begins no session.
 */
export async function connectBidi(url: string, timeoutMs: number = CONNECT_TIMEOUT_MS): Promise<BidiConnection> {
  const { connection, close } = await openConnectedSession(url, timeoutMs);
  const stops = new Map<string, Map<(params: never) => void, () => void>>();
  return {
    send: (method, params) => connection.send(method, params),
    on(event, listener) {
      const ofEvent = stops.get(event) ?? new Map<(params: never) => void, () => void>();
      stops.set(event, ofEvent.set(listener, connection.on(event, undefined, listener)));
    },
    off(event, listener) {
      stops.get(event)?.get(listener)?.();
      stops.get(event)?.delete(listener);
    },
    isClosed: connection.isClosed,
    close,
  };
}

/** Time limit for a connection unless another is given, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 10_000;

/** A session in use. */
export interface OpenSession {
  /** Every command has the time limit of its caller only. */
  readonly session: BidiSession;
  /** Name and version of the browser, where the session is new; null otherwise: BiDi tells them at no other time. */
  readonly product: string | null;
  isClosed(): boolean;
  close(): Promise<void>;
}

/** How long a browser may take to end a session, in milliseconds. */
const ENDING_MS = 2_000;

/**
 * The session at `url`: `ws://HOST:PORT/session/ID` is one that exists; any other address is that of the browser (`http://127.0.0.1:9222`, `ws://...`), where
 * one is begun.
 *
 * @throws PspError `ADAPTER_CONNECT` when no browser answers, or it begins no session (Firefox has one at a time).
 */
export async function openSession(url: string, timeoutMs: number): Promise<OpenSession> {
  const { connection, product, close } = await openConnectedSession(url, timeoutMs);
  return { session: sessionOn(connection), product, isClosed: connection.isClosed, close };
}

async function openConnectedSession(
  url: string,
  timeoutMs: number,
): Promise<{ connection: Connection; product: string | null; close(): Promise<void> }> {
  const address = new URL(url);
  const place = address.host;
  if (address.protocol === 'http:') address.protocol = 'ws:';
  if (address.protocol === 'https:') address.protocol = 'wss:';
  const exists = /^\/session\/./.test(address.pathname);
  if (address.pathname === '/') address.pathname = '/session';
  let connection: Connection | null = null;
  try {
    const opened = await openConnection(address.href, timeoutMs);
    connection = opened;
    const session = sessionOn(opened);
    const begun = exists ? null : await withDeadline(session.send('session.new', { capabilities: {} }), timeoutMs, 'session.new');
    return {
      connection: opened,
      product: begun === null ? null : `${begun.capabilities.browserName}/${begun.capabilities.browserVersion}`,
      async close() {
        // A browser that is gone has ended it already.
        if (begun !== null) await Promise.allSettled([withDeadline(session.send('session.end', {}), ENDING_MS, 'session.end')]);
        opened.close();
      },
    };
  } catch (cause) {
    connection?.close();
    throw new PspError('ADAPTER_CONNECT', `no WebDriver BiDi session at ${place}: start the browser with --remote-debugging-port`, {
      cause,
    });
  }
}

function sessionOn(connection: Connection): BidiSession {
  return {
    send: <M extends keyof BidiCommands>(method: M, params: BidiCommands[M]['params']) =>
      connection.send(method, params) as Promise<BidiCommands[M]['result']>,
    on: <E extends keyof BidiEvents>(event: E, listener: (params: BidiEvents[E]) => void) => connection.on(event, undefined, listener),
  };
}

/** The session of a connection that somebody else holds, opens and closes. */
export function clientBidiSession(connection: BidiConnectionLike): OpenSession {
  const session: BidiSession = {
    async send<M extends keyof BidiCommands>(method: M, params: BidiCommands[M]['params']): Promise<BidiCommands[M]['result']> {
      try {
        return (await connection.send(method, params)) as BidiCommands[M]['result'];
      } catch (cause) {
        if (cause instanceof PspError) throw cause;
        // Its words are the library's, and may quote what was sent: they stay in the cause.
        throw new PspError('ADAPTER_PROTOCOL', `${method} was refused by the browser`, { cause });
      }
    },
    on<E extends keyof BidiEvents>(event: E, listener: (params: BidiEvents[E]) => void): () => void {
      connection.on(event, listener as (params: never) => void);
      return () => connection.off(event, listener as (params: never) => void);
    },
  };
  return { session, product: null, isClosed: () => connection.isClosed?.() ?? false, close: async () => undefined };
}

/** `session` with `ADAPTER_TIMEOUT` after `timeoutMs` for each command. */
export function boundSession(session: BidiSession, timeoutMs: number): BidiSession {
  return {
    send: (method, params) => withDeadline(session.send(method, params), timeoutMs, method),
    on: (event, listener) => session.on(event, listener),
  };
}
