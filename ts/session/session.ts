/**
 * What a Session is: plain data, the waist between browsers and storage. Types, and the two ways between a section and what it stands for.
 *
 * Time is integer milliseconds since the Unix epoch. Strings are UTF-16 and may hold lone surrogates and NUL. "Not there" is null,
 * and a member that is absent stays absent. Names are those of RFC 6265bis, the Storage Standard and Indexed Database 3.0.
 */
import { PspError } from '../errors.ts';
import { ByteReader } from './clone/bytes.ts';

/** Schema version of the documents that this code writes, `<major>.<minor>`. */
export const SCHEMA_VERSION = '2.0';

/** One logged-in browser, as far as it was captured. `coverage` says how far that is. */
export interface Session {
  /** Names the session for ever; the sealing context binds it. */
  readonly id: string;
  /** Random at creation, so that a session that was deleted and made again under one id is another one. */
  readonly incarnation: string;
  /** Counts the commits of one incarnation, from 0. */
  readonly revision: number;
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly expiresAt?: number;
  readonly source: Source;
  readonly coverage: Coverage;
  readonly cookies: readonly Cookie[];
  readonly storage: readonly OriginStorage[];
  readonly tabs: readonly Tab[];
  readonly permissions?: readonly Permission[];
  readonly credentials?: readonly Passkey[];
  /** When entries expire besides what the browser says; see `ttl.ts`. */
  readonly ttl?: readonly TtlRule[];
  /** State of merging, opaque to everything but `ts/merge/`. */
  readonly mergeState?: Section;
}

/** Where a session came from, as the driver reports it. */
export interface Source {
  /** The driver or file format: `playwright`, `cdp`, `storage-state`. */
  readonly tool: string;
  /** Product and version, such as `Chrome/156.0.0.0`; absent when it is not known. */
  readonly browser?: string;
}

export type SameSite = 'unset' | 'none' | 'lax' | 'strict';

/** A cookie. Its identity is (partitionKey, domain, hostOnly, path, name). */
export interface Cookie {
  readonly name: string;
  readonly value: string;
  /** Without a leading dot; `hostOnly` carries that fact. */
  readonly domain: string;
  readonly hostOnly: boolean;
  readonly path: string;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly sameSite: SameSite;
  /** Null for a session cookie. */
  readonly expiresAt: number | null;
  readonly createdAt?: number;
  readonly priority?: 'low' | 'medium' | 'high';
  readonly sourceScheme?: 'unset' | 'secure' | 'non-secure';
  /** 0 to 65535, or -1 where the browser says "unspecified". */
  readonly sourcePort?: number;
  /** The partition of a CHIPS cookie, or null for an unpartitioned one. */
  readonly partitionKey: CookiePartitionKey | null;
}

export interface CookiePartitionKey {
  readonly topLevelSite: string;
  readonly hasCrossSiteAncestor: boolean;
}

/** Names one storage area of a browser: the Storage Standard's key, with the bucket inside it. */
export interface StorageKey {
  /** Serialized origin, such as `https://app.example`. */
  readonly origin: string;
  /** The site of the top-level page for a third-party frame; null for a first-party one. */
  readonly topLevelSite: string | null;
  /** Present and true where the frame is same-site with the top level, but another site stands between them. */
  readonly hasCrossSiteAncestor?: true;
  /** Name of a storage bucket; absent for the default bucket. */
  readonly bucket?: string;
}

/** What one storage key holds, apart from sessionStorage, which hangs on a tab. */
export interface OriginStorage {
  readonly key: StorageKey;
  /** How the bucket is kept; only where the key names one. */
  readonly bucketPolicy?: BucketPolicy;
  readonly localStorage: readonly StorageItem[];
  readonly indexedDB: readonly Database[];
  readonly caches?: readonly NamedCache[];
  readonly serviceWorkers?: readonly ServiceWorkerRegistration[];
  /** The origin private file system, directories before what is in them. */
  readonly files?: readonly PrivateFile[];
}

/** A name and a value of web storage. A large value is a section of media type {@link TEXT_MEDIA_TYPE}. */
export type StorageItem = readonly [name: string, value: string | Section];

/** Text in a section: UTF-16, little-endian, without a byte order mark; lone surrogates survive. */
export const TEXT_MEDIA_TYPE = 'text/plain;charset=utf-16le';

export interface BucketPolicy {
  readonly persisted: boolean;
  readonly durability: 'relaxed' | 'strict';
  readonly expiresAt: number | null;
}

/** A named cache of Cache Storage. */
export interface NamedCache {
  readonly name: string;
  readonly entries: readonly CacheEntry[];
}

/** A request and the response that is kept for it, in the words of the Fetch Standard. */
export interface CacheEntry {
  readonly url: string;
  readonly method: string;
  readonly requestHeaders: readonly HeaderField[];
  readonly status: number;
  readonly statusText: string;
  readonly type: 'basic' | 'cors' | 'default' | 'error' | 'opaque' | 'opaqueredirect';
  readonly responseHeaders: readonly HeaderField[];
  /** Absent when the response has no body. */
  readonly body?: Section;
}

export type HeaderField = readonly [name: string, value: string];

export interface ServiceWorkerRegistration {
  readonly scope: string;
  readonly scriptUrl: string;
  readonly type: 'classic' | 'module';
  readonly updateViaCache: 'imports' | 'all' | 'none';
  /** The script itself, so that a restore needs no network; absent when it could not be read. */
  readonly script?: Section;
}

/** A file or directory of the origin private file system. */
export interface PrivateFile {
  /** Names joined by `/`, without one in front. */
  readonly path: string;
  readonly kind: 'file' | 'directory';
  readonly lastModified?: number;
  /** The content of a file; absent for a directory and for an empty file. */
  readonly body?: Section;
}

/** An IndexedDB database. */
export interface Database {
  readonly name: string;
  readonly version: number;
  readonly stores: readonly ObjectStore[];
}

export interface ObjectStore {
  readonly name: string;
  readonly keyPath: string | readonly string[] | null;
  readonly autoIncrement: boolean;
  /** The next key that the key generator will give; absent when the store has none or it could not be read. */
  readonly keyGenerator?: number;
  readonly indexes: readonly StoreIndex[];
  readonly recordCount: number;
  /** The records in key order, in the encoding of `ts/session/clone/layout.md`; absent when there is none. */
  readonly records?: Section;
}

export interface StoreIndex {
  readonly name: string;
  readonly keyPath: string | readonly string[];
  readonly unique: boolean;
  readonly multiEntry: boolean;
}

/** A browser tab. Tabs are an ordered list. */
export interface Tab {
  /** Random, given at capture. */
  readonly id: string;
  readonly url: string;
  readonly history?: TabHistory;
  readonly windowName?: string;
  /** Id of the tab that opened this one. */
  readonly opener?: string;
  readonly sessionStorage: readonly TabStorage[];
}

/** The session history of a tab; `index` is that of the current entry. */
export interface TabHistory {
  readonly index: number;
  readonly entries: readonly HistoryEntry[];
}

export interface HistoryEntry {
  readonly url: string;
  readonly title?: string;
  /** `history.state` as a structured-clone value; absent for null. */
  readonly state?: Section;
}

/** sessionStorage of one tab under one storage key. */
export interface TabStorage {
  readonly key: StorageKey;
  readonly items: readonly StorageItem[];
}

/** A permission that the user decided, by the names of the Permissions registry. */
export interface Permission {
  readonly origin: string;
  readonly name: string;
  readonly state: 'granted' | 'denied' | 'prompt';
  /** Origin of the top-level page, where the permission is for a frame inside it. */
  readonly embeddingOrigin?: string;
}

/** A passkey of a virtual authenticator, in the words of Web Authentication. Ids and handles are Base64url without padding. */
export interface Passkey {
  readonly credentialId: string;
  readonly rpId: string;
  readonly isResidentCredential: boolean;
  readonly userHandle?: string;
  readonly signCount: number;
  /** PKCS #8. */
  readonly privateKey: Section;
}

/** When entries expire, beyond what the browser knows: absolutely, or when they are left alone. */
export interface TtlRule {
  readonly target: TtlTarget;
  readonly expiresAt?: number;
  /** Expires this many milliseconds after `lastTouched`. */
  readonly idleMs?: number;
  readonly lastTouched?: number;
}

/**
 * One entry by its JSON Pointer in the state document (`""` is the session), or every entry of a kind, narrowed by origin and by a name pattern in
 * which `*` stands for any characters.
 */
export type TtlTarget = { readonly pointer: string } | { readonly kind: TtlKind; readonly origin?: string; readonly name?: string };

export type TtlKind = 'cookie' | 'localStorage' | 'sessionStorage' | 'indexedDB' | 'cache' | 'file' | 'origin' | 'tab';

/** How far a capture went. What is `unvisited` or `partial` says nothing about what is absent; an absent member is unvisited. */
export interface Coverage {
  readonly cookies: Extent;
  readonly tabs: Extent;
  readonly permissions?: Extent;
  readonly credentials?: Extent;
  readonly storage: readonly StorageCoverage[];
}

export interface StorageCoverage {
  readonly key: StorageKey;
  readonly localStorage: Extent;
  readonly indexedDB: Extent;
  readonly caches?: Extent;
  readonly serviceWorkers?: Extent;
  readonly files?: Extent;
}

export type Extent = 'complete' | 'partial' | 'unvisited';

/** Binary content that is read when it is asked for. */
export interface Section {
  readonly mediaType: string;
  /** Bytes of the content. */
  readonly length: number;
  /** The content. The array may be shared: do not write to it. Errors of the blob it comes from surface here. */
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * The content in pieces, where it need not be whole in memory for that; the same from the start each time. Nobody changes a piece that was given. An error that `bytes()` rejects with may come after the last piece: what was read is good only when the end is reached.
   */
  stream?(): AsyncIterable<Uint8Array>;
}

/** A section over bytes that are already in memory. The array is kept, not copied. */
export function section(bytes: Uint8Array<ArrayBuffer>, mediaType: string): Section {
  return { mediaType, length: bytes.length, bytes: async () => bytes };
}

/** A value of web storage as a string, wherever it is kept. Rejects as the section's `bytes()` does, and with `SESSION_INVALID` for half a unit. */
export async function textOf(value: string | Section): Promise<string> {
  if (typeof value === 'string') return value;
  const bytes = await value.bytes();
  if (bytes.length % 2 !== 0)
    throw new PspError('SESSION_INVALID', `a text section has ${bytes.length} bytes, which is no number of UTF-16 units`);
  try {
    return new TextDecoder('utf-16le', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // A lone surrogate, which that decoder does not take, or a platform without it: unit by unit, many times slower.
    return new ByteReader(bytes).utf16(bytes.length / 2);
  }
}
