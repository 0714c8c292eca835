/**
 * The part of the Chrome DevTools Protocol that the adapters speak, as types: the least of each message that is used. Method and member
 * names are the protocol's own.
 */
import type { PermissionQuery } from './page/permissions.ts';

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
  /** Some client of the browser has a session on it. */
  readonly attached: boolean;
  readonly browserContextId?: string;
  readonly parentFrameId?: string;
  /** The page that opened this one. */
  readonly openerId?: string;
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

/** `WebAuthn.Credential`. Ids, handles and keys are Base64. */
export interface VirtualCredential {
  readonly credentialId: string;
  readonly isResidentCredential: boolean;
  readonly rpId?: string;
  readonly privateKey: string;
  readonly userHandle?: string;
  readonly signCount: number;
  readonly largeBlob?: string;
  readonly backupEligibility?: boolean;
  readonly backupState?: boolean;
  readonly userName?: string;
  readonly userDisplayName?: string;
}

/** `ServiceWorker.ServiceWorkerRegistration`. */
export interface WorkerRegistration {
  readonly registrationId: string;
  readonly scopeURL: string;
  readonly isDeleted: boolean;
}

/** `ServiceWorker.ServiceWorkerVersion`. */
export interface WorkerVersion {
  readonly versionId: string;
  readonly registrationId: string;
  readonly scriptURL: string;
  readonly runningStatus: 'stopped' | 'starting' | 'running' | 'stopping';
  readonly status: 'new' | 'installing' | 'installed' | 'activating' | 'activated' | 'redundant';
  /** While it runs. */
  readonly targetId?: string;
  /** Ids of the pages and workers that it is in charge of. */
  readonly controlledClients?: readonly string[];
  /** JSON of what the worker's install handler registered as static routes. */
  readonly routerRules?: string;
}

/** The event `Debugger.scriptParsed`. */
export interface ParsedScript {
  readonly scriptId: string;
  /** What it calls itself, or else its address. */
  readonly url: string;
  /** Its address; empty for what `eval` made. */
  readonly embedderName?: string;
  readonly isModule?: boolean;
}

/** A storage key's default bucket, or one of its buckets. */
export type StorageAddress = { storageKey: string } | { storageBucket: { storageKey: string; name: string } };

type Nothing = Record<string, never>;

/** Commands by method name. */
export interface Commands {
  'Browser.getVersion': { params: Nothing; result: { product: string } };
  'Browser.setPermission': {
    params: { permission: PermissionQuery; setting: 'granted' | 'denied' | 'prompt'; origin: string; browserContextId?: string };
    result: Nothing;
  };
  'Target.getBrowserContexts': { params: Nothing; result: { browserContextIds: readonly string[] } };
  'Target.getTargets': { params: Nothing; result: { targetInfos: readonly TargetInfo[] } };
  'Target.getTargetInfo': { params: { targetId?: string }; result: { targetInfo: TargetInfo } };
  'Target.createTarget': {
    params: { url: string; browserContextId?: string; background?: boolean; hidden?: boolean };
    result: { targetId: string };
  };
  'Target.attachToTarget': { params: { targetId: string; flatten: boolean }; result: { sessionId: string } };
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
    params: StorageAddress;
    result: { caches: readonly { cacheId: string; cacheName: string }[] };
  };
  'CacheStorage.requestCachedResponse': {
    params: { cacheId: string; requestURL: string; requestHeaders: readonly { name: string; value: string }[] };
    /** Base64. */
    result: { response: { body: string } };
  };
  'IndexedDB.getMetadata': {
    params: StorageAddress & { databaseName: string; objectStoreName: string };
    result: { entriesCount: number; keyGeneratorValue: number };
  };
  'Page.getFrameTree': { params: Nothing; result: { frameTree: FrameTree } };
  'Page.getNavigationHistory': {
    params: Nothing;
    result: { currentIndex: number; entries: readonly { id: number; url: string; title: string }[] };
  };
  'Emulation.setScriptExecutionDisabled': { params: { value: boolean }; result: Nothing };
  'Page.resetNavigationHistory': { params: Nothing; result: Nothing };
  'Page.navigateToHistoryEntry': { params: { entryId: number }; result: Nothing };
  'Page.createIsolatedWorld': { params: { frameId: string; worldName: string }; result: { executionContextId: number } };
  'Page.reload': { params: Nothing; result: Nothing };
  'Page.navigate': { params: { url: string }; result: { errorText?: string } };
  'Network.enable': { params: Nothing; result: Nothing };
  'Network.emulateNetworkConditions': {
    params: { offline: boolean; latency: number; downloadThroughput: number; uploadThroughput: number };
    result: Nothing;
  };
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
  'Fetch.continueRequest': { params: { requestId: string }; result: Nothing };
  'Fetch.failRequest': { params: { requestId: string; errorReason: string }; result: Nothing };
  'WebAuthn.enable': { params: Nothing; result: Nothing };
  'WebAuthn.addVirtualAuthenticator': {
    params: {
      options: {
        protocol: 'ctap2';
        transport: 'internal';
        hasResidentKey: boolean;
        hasUserVerification: boolean;
        isUserVerified: boolean;
        automaticPresenceSimulation: boolean;
      };
    };
    result: { authenticatorId: string };
  };
  'WebAuthn.getCredentials': { params: { authenticatorId: string }; result: { credentials: readonly VirtualCredential[] } };
  'WebAuthn.addCredential': { params: { authenticatorId: string; credential: VirtualCredential }; result: Nothing };
  'ServiceWorker.enable': { params: Nothing; result: Nothing };
  'ServiceWorker.startWorker': { params: { scopeURL: string }; result: Nothing };
  'ServiceWorker.stopWorker': { params: { versionId: string }; result: Nothing };
  'Debugger.enable': { params: Nothing; result: Nothing };
  'Debugger.disable': { params: Nothing; result: Nothing };
  'Debugger.setInstrumentationBreakpoint': { params: { instrumentation: 'beforeScriptExecution' }; result: Nothing };
  'Debugger.getScriptSource': { params: { scriptId: string }; result: { scriptSource: string } };
  'Runtime.evaluate': { params: { expression: string }; result: object };
  'Runtime.callFunctionOn': {
    params: {
      functionDeclaration: string;
      executionContextId: number;
      arguments: readonly { value: unknown }[];
      awaitPromise: true;
      returnByValue: true;
      userGesture?: true;
    };
    result: { result: { value?: unknown }; exceptionDetails?: object };
  };
}

/** Events by name. */
export interface Events {
  'Target.attachedToTarget': { sessionId: string; targetInfo: TargetInfo; waitingForDebugger: boolean };
  'Target.detachedFromTarget': { sessionId: string };
  'Target.receivedMessageFromTarget': { sessionId: string; message: string };
  /** `frameId` is the target's id where a worker asks. */
  'Fetch.requestPaused': { requestId: string; resourceType: string; frameId: string; request: { url: string; method: string } };
  'ServiceWorker.workerRegistrationUpdated': { registrations: readonly WorkerRegistration[] };
  'ServiceWorker.workerVersionUpdated': { versions: readonly WorkerVersion[] };
  'Debugger.scriptParsed': ParsedScript;
  'Debugger.paused': object;
}
