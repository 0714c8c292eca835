/**
 * One WebSocket to a browser that takes commands and tells events as JSON: the DevTools protocol and WebDriver BiDi differ only in a few words. Uses the
 * runtime's own WebSocket where there is one, else the package `ws` (Node 20).
 */
import { PspError } from '../errors.ts';
import { withDeadline } from './deadline.ts';

/** Commands are matched to answers by id, events go to the listeners of their session (which only the DevTools protocol has). */
export interface Connection {
  /** Rejects with `ADAPTER_PROTOCOL` when the browser refuses, `ADAPTER_DISCONNECTED` when it is gone. */
  send(method: string, params: object, sessionId?: string): Promise<unknown>;
  /** Returns what ends it. */
  on(event: string, sessionId: string | undefined, listener: (params: never) => void): () => void;
  isClosed(): boolean;
  close(): void;
}

/** The part of a WebSocket that is used: the browser's, Deno's, Node 22's and `ws` all have it. */
interface WebSocketLike {
  send(data: string): void;
  close(): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'open' | 'close' | 'error', listener: () => void): void;
}

type WebSocketConstructor = new (url: string) => WebSocketLike;

/** Connects to `url`, a `ws:` or `wss:` address. Rejects when nobody answers within `timeoutMs`; the address is in no message, only its host. */
export async function openConnection(url: string, timeoutMs: number): Promise<Connection> {
  const place = new URL(url).host;
  const socket = await webSocket(url);
  const opened = new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve());
    socket.addEventListener('error', () => reject(new Error('the WebSocket was refused')));
    socket.addEventListener('close', () => reject(new Error('the WebSocket was closed')));
  });
  const connection = speak(socket, place);
  await withDeadline(opened, timeoutMs, `connecting to ${place}`);
  return connection;
}

async function webSocket(url: string): Promise<WebSocketLike> {
  const Native = (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
  if (Native !== undefined) return new Native(url);
  const { WebSocket: FromPackage } = await import('ws');
  return new FromPackage(url, { perMessageDeflate: false, maxPayload: 1 << 30 }) as unknown as WebSocketLike;
}

interface Waiting {
  readonly method: string;
  resolve(result: unknown): void;
  reject(error: PspError): void;
}

function speak(socket: WebSocketLike, place: string): Connection {
  const waiting = new Map<number, Waiting>();
  const listeners = new Map<string, Set<(params: never) => void>>();
  let nextId = 1;
  let closed = false;
  const gone = (method: string): PspError => new PspError('ADAPTER_DISCONNECTED', `the browser at ${place} went away during ${method}`);

  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id === undefined) {
      for (const listener of listeners.get(topic(message.method ?? '', message.sessionId)) ?? []) listener(message.params as never);
      return;
    }
    const call = waiting.get(message.id);
    if (call === undefined) return;
    waiting.delete(message.id);
    if (message.error === undefined) call.resolve(message.result);
    else call.reject(new PspError('ADAPTER_PROTOCOL', `${call.method} was refused by the browser: ${reasonOf(message.error)}`));
  });
  socket.addEventListener('close', () => {
    closed = true;
    for (const call of waiting.values()) call.reject(gone(call.method));
    waiting.clear();
  });

  return {
    send: (method, params, sessionId) =>
      new Promise((resolve, reject) => {
        if (closed) {
          reject(gone(method));
          return;
        }
        const id = nextId++;
        waiting.set(id, { method, resolve, reject });
        socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
      }),
    on(event, sessionId, listener) {
      const name = topic(event, sessionId);
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set.add(listener));
      return () => set.delete(listener);
    },
    isClosed: () => closed,
    close: () => socket.close(),
  };
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly sessionId?: string;
  readonly result?: unknown;
  /** An object in the DevTools protocol; in BiDi the kind of error. The message that stands beside it there may quote what was sent: it is not read. */
  readonly error?: { readonly message: string } | string;
}

function reasonOf(error: { readonly message: string } | string): string {
  return typeof error === 'string' ? error : error.message;
}

const topic = (event: string, sessionId: string | undefined): string => `${sessionId ?? ''} ${event}`;
