/**
 * Sessions on the frames of other processes, as children of a page's session. Messages travel inside the parent's own, wrapped, because client libraries give
 * no sessions that they did not ask for themselves; so every driver reaches such frames in one way.
 */
import { PspError } from '../errors.ts';
import { withDeadline } from './deadline.ts';
import type { Commands, DevToolsSession, Events } from './protocol.ts';

/** A child target and the session on it. */
export interface Child {
  readonly session: DevToolsSession;
  readonly type: string;
  /** The address of its document. */
  readonly url: string;
  /** The frame that it hangs in. */
  readonly parentFrameId: string | undefined;
  /** It waits to be told to begin: `Runtime.runIfWaitingForDebugger`. */
  readonly isWaiting: boolean;
}

/** Lets `onChild` know of each child target of `parent`, those that are there before this resolves. Each command on a child has the time limit. */
export async function watchChildren(
  parent: DevToolsSession,
  timeoutMs: number,
  waitForDebuggerOnStart: boolean,
  onChild: (child: Child) => void,
): Promise<() => Promise<void>> {
  const stop = parent.on('Target.attachedToTarget', ({ sessionId, targetInfo, waitingForDebugger }) => {
    const { type, url, parentFrameId } = targetInfo;
    onChild({ session: childSession(parent, sessionId, timeoutMs), type, url, parentFrameId, isWaiting: waitingForDebugger });
  });
  await parent.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart, flatten: false });
  return async () => {
    stop();
    await parent.send('Target.setAutoAttach', { autoAttach: false, waitForDebuggerOnStart: false, flatten: false });
  };
}

interface Waiting {
  readonly method: string;
  resolve(result: unknown): void;
  reject(error: PspError): void;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** A session on a target, under one on the browser. */
export async function attachChild(browser: DevToolsSession, targetId: string, timeoutMs: number): Promise<DevToolsSession> {
  const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: false });
  return childSession(browser, sessionId, timeoutMs);
}

/** The session on a target that was attached under `parent` without `flatten`. Each command has the time limit. */
export function childSession(parent: DevToolsSession, sessionId: string, timeoutMs: number): DevToolsSession {
  const waiting = new Map<number, Waiting>();
  const listeners = new Map<string, Set<(params: never) => void>>();
  let nextId = 1;
  parent.on('Target.receivedMessageFromTarget', (event) => {
    if (event.sessionId !== sessionId) return;
    const message = JSON.parse(event.message) as Message;
    if (message.id === undefined) {
      for (const listener of listeners.get(message.method ?? '') ?? []) listener(message.params as never);
      return;
    }
    const call = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error === undefined) call?.resolve(message.result);
    else call?.reject(new PspError('ADAPTER_PROTOCOL', `${call.method} was refused by the browser: ${message.error.message}`));
  });
  parent.on('Target.detachedFromTarget', (event) => {
    if (event.sessionId !== sessionId) return;
    for (const { method, reject } of waiting.values()) reject(new PspError('ADAPTER_PROTOCOL', `the target went away during ${method}`));
    waiting.clear();
  });

  async function send(method: string, params: object): Promise<unknown> {
    const id = nextId++;
    const answer = new Promise((resolve, reject) => {
      waiting.set(id, { method, resolve, reject });
    });
    // An answer that comes after the message was refused is nobody's.
    answer.catch(() => undefined);
    await parent.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id, method, params }) });
    return withDeadline(answer, timeoutMs, method);
  }
  return {
    send: <M extends keyof Commands>(method: M, params: Commands[M]['params']) => send(method, params) as Promise<Commands[M]['result']>,
    on<E extends keyof Events>(event: E, listener: (params: Events[E]) => void): () => void {
      const set = listeners.get(event) ?? new Set();
      listeners.set(event, set.add(listener as (params: never) => void));
      return () => set.delete(listener as (params: never) => void);
    },
  };
}
