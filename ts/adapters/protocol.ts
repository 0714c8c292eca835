/**
 * The part of the Chrome DevTools Protocol that the adapters speak, as types: the least of each message that is used. Method and member
 * names are the protocol's own.
 */

/** A DevTools session on a browser or on one page. Rejects when the connection or the target is gone. */
export interface DevToolsSession {
  send<M extends keyof Commands>(method: M, params: Commands[M]['params']): Promise<Commands[M]['result']>;
  /** Calls `listener` for each event; returns a function that stops it. */
  on<E extends keyof Events>(event: E, listener: (params: Events[E]) => void): () => void;
}

export interface TargetInfo {
  readonly targetId: string;
  readonly type: string;
  readonly url: string;
  readonly browserContextId?: string;
  readonly parentFrameId?: string;
}

export interface CdpPartitionKey {
  readonly topLevelSite: string;
  readonly hasCrossSiteAncestor: boolean;
}

/** `Network.Cookie`. */
export interface CdpCookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  readonly path: string;
  /** Seconds since the epoch, or -1 for a session cookie. */
  readonly expires: number;
  readonly session: boolean;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly sameSite?: string;
  readonly priority?: string;
  readonly sourceScheme?: string;
  readonly sourcePort?: number;
  readonly partitionKey?: CdpPartitionKey;
  readonly partitionKeyOpaque?: boolean;
}

/** `Network.CookieParam`. */
export interface CdpCookieParam {
  name: string;
  value: string;
  domain: string;
  path: string;
  secure: boolean;
  httpOnly: boolean;
  expires?: number;
  sameSite?: 'Strict' | 'Lax' | 'None';
  priority?: 'Low' | 'Medium' | 'High';
  sourceScheme?: 'Unset' | 'Secure' | 'NonSecure';
  sourcePort?: number;
  partitionKey?: CdpPartitionKey;
}

export interface FrameTree {
  readonly frame: { readonly id: string; readonly loaderId: string; readonly url: string; readonly securityOrigin: string };
  readonly childFrames?: readonly FrameTree[];
}

type Nothing = Record<string, never>;

/** Commands by method name. */
export interface Commands {
  'Browser.getVersion': { params: Nothing; result: { product: string } };
  'Target.getBrowserContexts': { params: Nothing; result: { browserContextIds: readonly string[] } };
  'Target.getTargets': { params: Nothing; result: { targetInfos: readonly TargetInfo[] } };
  'Target.getTargetInfo': { params: Nothing; result: { targetInfo: TargetInfo } };
  'Target.createTarget': { params: { url: string; browserContextId?: string; background?: boolean }; result: { targetId: string } };
  'Target.attachToTarget': { params: { targetId: string; flatten: true }; result: { sessionId: string } };
  'Target.detachFromTarget': { params: { sessionId: string }; result: Nothing };
  'Target.setAutoAttach': {
    params: { autoAttach: boolean; waitForDebuggerOnStart: boolean; flatten: false };
    result: Nothing;
  };
  'Target.sendMessageToTarget': { params: { sessionId: string; message: string }; result: Nothing };
  'Runtime.runIfWaitingForDebugger': { params: Nothing; result: Nothing };
  'Target.closeTarget': { params: { targetId: string }; result: Nothing };
  'Storage.getCookies': { params: { browserContextId?: string }; result: { cookies: readonly CdpCookie[] } };
  'Storage.setCookies': { params: { cookies: readonly CdpCookieParam[]; browserContextId?: string }; result: Nothing };
  'Storage.getStorageKey': { params: { frameId: string }; result: { storageKey: string } };
  'Storage.clearDataForStorageKey': { params: { storageKey: string; storageTypes: string }; result: Nothing };
  'CacheStorage.requestCacheNames': {
    params: { storageKey: string };
    result: { caches: readonly { cacheId: string; cacheName: string }[] };
  };
  'CacheStorage.requestCachedResponse': {
    params: { cacheId: string; requestURL: string; requestHeaders: readonly { name: string; value: string }[] };
    /** Base64. */
    result: { response: { body: string } };
  };
  'IndexedDB.getMetadata': {
    params: { storageKey: string; databaseName: string; objectStoreName: string };
    result: { entriesCount: number; keyGeneratorValue: number };
  };
  'Page.getFrameTree': { params: Nothing; result: { frameTree: FrameTree } };
  'Page.getNavigationHistory': {
    params: Nothing;
    result: { currentIndex: number; entries: readonly { id: number; url: string; title: string }[] };
  };
  'Page.resetNavigationHistory': { params: Nothing; result: Nothing };
  'Page.navigateToHistoryEntry': { params: { entryId: number }; result: Nothing };
  'Page.createIsolatedWorld': { params: { frameId: string; worldName: string }; result: { executionContextId: number } };
  'Page.reload': { params: Nothing; result: Nothing };
  'Page.navigate': { params: { url: string }; result: { errorText?: string } };
  'Network.enable': { params: Nothing; result: Nothing };
  'Network.setBypassServiceWorker': { params: { bypass: boolean }; result: Nothing };
  'Fetch.enable': { params: { patterns: readonly { urlPattern: string }[] }; result: Nothing };
  'Fetch.disable': { params: Nothing; result: Nothing };
  'Fetch.fulfillRequest': {
    params: {
      requestId: string;
      responseCode: number;
      responsePhrase?: string;
      responseHeaders: readonly { name: string; value: string }[];
      body: string;
    };
    result: Nothing;
  };
  'Fetch.failRequest': { params: { requestId: string; errorReason: string }; result: Nothing };
  'Runtime.callFunctionOn': {
    params: {
      functionDeclaration: string;
      executionContextId: number;
      arguments: readonly { value: unknown }[];
      awaitPromise: true;
      returnByValue: true;
    };
    result: { result: { value?: unknown }; exceptionDetails?: object };
  };
}

/** Events by name. */
export interface Events {
  'Target.attachedToTarget': { sessionId: string; targetInfo: TargetInfo; waitingForDebugger: boolean };
  'Target.detachedFromTarget': { sessionId: string };
  'Target.receivedMessageFromTarget': { sessionId: string; message: string };
  'Fetch.requestPaused': { requestId: string; resourceType: string; request: { url: string; method: string } };
}
