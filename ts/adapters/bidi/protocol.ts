/**
 * The part of WebDriver BiDi (https://w3c.github.io/webdriver-bidi/) that the driver speaks, as types: the least of each message that is used. Method and
 * member names are the protocol's own.
 */

/** Commands and events of one BiDi session. Rejects with a coded error. */
export interface BidiSession {
  send<M extends keyof BidiCommands>(method: M, params: BidiCommands[M]['params']): Promise<BidiCommands[M]['result']>;
  /** Calls `listener` for each event; returns a function that stops it. Events must be subscribed to. */
  on<E extends keyof BidiEvents>(event: E, listener: (params: BidiEvents[E]) => void): () => void;
}

/** `browsingContext.Info`. */
export interface ContextInfo {
  readonly context: string;
  readonly url: string;
  readonly userContext: string;
  readonly children: readonly ContextInfo[] | null;
}

/** `network.BytesValue`. */
export interface BytesValue {
  readonly type: 'string' | 'base64';
  readonly value: string;
}

/** `network.Cookie`. */
export interface BidiCookie {
  readonly name: string;
  readonly value: BytesValue;
  readonly domain: string;
  readonly path: string;
  readonly httpOnly: boolean;
  readonly secure: boolean;
  readonly sameSite: string;
  /** Whole seconds since the epoch; absent for a session cookie. */
  readonly expiry?: number;
}

/** `storage.PartialCookie`. */
export interface BidiPartialCookie {
  name: string;
  value: BytesValue;
  domain: string;
  path: string;
  httpOnly: boolean;
  secure: boolean;
  sameSite?: string;
  expiry?: number;
}

/** `storage.StorageKeyPartitionDescriptor`. */
export interface Partition {
  readonly type: 'storageKey';
  readonly userContext: string;
  readonly sourceOrigin?: string;
}

interface Header {
  readonly name: string;
  readonly value: BytesValue;
}

type Nothing = Record<string, never>;

/** Commands by method name. */
export interface BidiCommands {
  'session.new': {
    params: { capabilities: Nothing };
    result: { sessionId: string; capabilities: { browserName: string; browserVersion: string } };
  };
  'session.end': { params: Nothing; result: Nothing };
  'session.subscribe': { params: { events: readonly string[]; contexts: readonly string[] }; result: { subscription?: string } };
  'session.unsubscribe': { params: { subscriptions: readonly string[] }; result: Nothing };
  'browser.createUserContext': { params: Nothing; result: { userContext: string } };
  'browser.removeUserContext': { params: { userContext: string }; result: Nothing };
  'browsingContext.getTree': { params: { root?: string; maxDepth?: number }; result: { contexts: readonly ContextInfo[] } };
  'browsingContext.create': { params: { type: 'tab'; background: true; userContext: string }; result: { context: string } };
  'browsingContext.close': { params: { context: string }; result: Nothing };
  'browsingContext.navigate': { params: { context: string; url: string; wait: 'none' | 'complete' }; result: { url: string } };
  'browsingContext.reload': { params: { context: string; wait: 'none' | 'complete' }; result: Nothing };
  'browsingContext.traverseHistory': { params: { context: string; delta: number }; result: Nothing };
  'script.callFunction': {
    params: {
      functionDeclaration: string;
      target: { context: string; sandbox?: string };
      arguments: readonly { type: 'string'; value: string }[];
      awaitPromise: true;
      resultOwnership: 'none';
    };
    result: { type: 'success'; result: { type: string; value?: unknown } } | { type: 'exception' };
  };
  /** Of the Permissions specification. */
  'permissions.setPermission': {
    params: { descriptor: object; state: 'granted' | 'denied' | 'prompt'; origin: string; userContext: string };
    result: Nothing;
  };
  'network.addIntercept': {
    params: { phases: readonly ['beforeRequestSent']; contexts: readonly string[] };
    result: { intercept: string };
  };
  'network.removeIntercept': { params: { intercept: string }; result: Nothing };
  'network.setExtraHeaders': { params: { headers: readonly Header[]; contexts: readonly string[] }; result: Nothing };
  'network.provideResponse': {
    params: { request: string; statusCode: number; reasonPhrase?: string; headers: readonly Header[]; body: BytesValue };
    result: Nothing;
  };
  'network.failRequest': { params: { request: string }; result: Nothing };
  'storage.getCookies': { params: { partition: Partition }; result: { cookies: readonly BidiCookie[] } };
  /** Chromium's. */
  'goog:cdp.sendCommand': { params: { method: string; params: object; session?: string }; result: { result: unknown } };
  'goog:cdp.getSession': { params: { context: string }; result: { session: string } };
  'storage.setCookie': { params: { cookie: BidiPartialCookie; partition: Partition }; result: unknown };
}

/** Events by name. */
export interface BidiEvents {
  'network.beforeRequestSent': {
    readonly isBlocked: boolean;
    /** The navigation that it belongs to: null for what a document asks for. */
    readonly navigation: string | null;
    /** Of the frame. */
    readonly context: string | null;
    readonly intercepts?: readonly string[];
    readonly request: { readonly request: string; readonly url: string; readonly method: string };
  };
}
