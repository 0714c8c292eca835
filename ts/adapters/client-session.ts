/** A DevTools session that belongs to a client library (Playwright, Puppeteer), as ours: typed by `protocol.ts`, with coded errors. */
import { PspError } from '../errors.ts';
import { withDeadline } from './deadline.ts';
import type { Commands, DevToolsSession, Events } from './protocol.ts';

/** A `CDPSession` of Playwright or Puppeteer. Their types know each method, ours its own few: so they are put aside here. */
export interface CdpSessionLike {
  send(method: never, params?: never): Promise<unknown>;
  on(event: never, listener: never): unknown;
  off(event: never, listener: never): unknown;
  detach(): Promise<void>;
}

/** A session that can be ended. */
export type ClientSession = DevToolsSession & { detach(): Promise<void> };

/** A library may wait for the page's answer when a session ends: one that hangs must not hold us. */
const LETTING_GO_MS = 2_000;

/** What the library answers to `what`; its own errors become `ADAPTER_PROTOCOL`, or `ADAPTER_DISCONNECTED` where the browser is gone. */
export async function asked<T>(what: string, isClosed: () => boolean, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof PspError) throw cause;
    if (isClosed()) throw new PspError('ADAPTER_DISCONNECTED', `the browser went away during ${what}`, { cause });
    throw new PspError('ADAPTER_PROTOCOL', `${what} was refused by the browser`, { cause });
  }
}

interface UntypedSession {
  send(method: string, params: object): Promise<unknown>;
  on(event: string, listener: (params: never) => void): void;
  off(event: string, listener: (params: never) => void): void;
}

/** `session` as one of ours. */
export function clientSession(session: CdpSessionLike, isClosed: () => boolean): ClientSession {
  const untyped = session as unknown as UntypedSession;
  return {
    send: <M extends keyof Commands>(method: M, params: Commands[M]['params']) =>
      asked(method, isClosed, () => untyped.send(method, params) as Promise<Commands[M]['result']>),
    on<E extends keyof Events>(event: E, listener: (params: Events[E]) => void): () => void {
      untyped.on(event, listener as (params: never) => void);
      return () => untyped.off(event, listener as (params: never) => void);
    },
    detach: () => withDeadline(session.detach(), LETTING_GO_MS, 'ending a DevTools session'),
  };
}
