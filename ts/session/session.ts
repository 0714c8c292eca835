/**
 * What a Session is: plain data, the waist between browsers and storage. Types only; nothing here reads a browser or a byte.
 *
 * Time is integer milliseconds since the Unix epoch. Strings are UTF-16 and may hold lone surrogates and NUL. "Not there" is null,
 * and a member that is absent stays absent. Names are those of RFC 6265bis, the Storage Standard and Indexed Database 3.0.
 */

/** Schema version of the documents that this code writes, `<major>.<minor>`. */
export const SCHEMA_VERSION = '1.0';

/** One logged-in browser, as far as it was captured. `coverage` says how far that is. */
export interface Session {
  /** Names the session for ever; the sealing context binds it. */
  readonly id: string;
  /** Random at creation, so that a session that was deleted and made again under one id is another one. */
  readonly incarnation: string;
  /** Counts the commits of one incarnation, from 0. */
  readonly revision: number;
  readonly name?: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly expiresAt?: number;
  readonly source: Source;
  readonly coverage: Coverage;
  readonly cookies: readonly Cookie[];
  readonly storage: readonly OriginStorage[];
  readonly tabs: readonly Tab[];
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

/** Names one storage area of a browser. Version 1.0 carries first-party keys: `topLevelSite` is null. */
export interface StorageKey {
  /** Serialized origin, such as `https://app.example`. */
  readonly origin: string;
  readonly topLevelSite: string | null;
}

/** What one storage key holds, apart from sessionStorage, which hangs on a tab. */
export interface OriginStorage {
  readonly key: StorageKey;
  readonly localStorage: readonly StorageItem[];
  readonly indexedDB: readonly Database[];
}

/** A name and a value of web storage. */
export type StorageItem = readonly [name: string, value: string];

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
  readonly sessionStorage: readonly TabStorage[];
}

/** sessionStorage of one tab under one storage key. */
export interface TabStorage {
  readonly key: StorageKey;
  readonly items: readonly StorageItem[];
}

/** How far a capture went. What is `unvisited` or `partial` says nothing about what is absent. */
export interface Coverage {
  readonly cookies: Extent;
  readonly tabs: Extent;
  readonly storage: readonly StorageCoverage[];
}

export interface StorageCoverage {
  readonly key: StorageKey;
  readonly localStorage: Extent;
  readonly indexedDB: Extent;
}

export type Extent = 'complete' | 'partial' | 'unvisited';

/** Binary content that is read when it is asked for. */
export interface Section {
  readonly mediaType: string;
  /** Bytes of the content. */
  readonly length: number;
  /** The content. The array may be shared: do not write to it. Errors of the blob it comes from surface here. */
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
}

/** A section over bytes that are already in memory. The array is kept, not copied. */
export function section(bytes: Uint8Array<ArrayBuffer>, mediaType: string): Section {
  return { mediaType, length: bytes.length, bytes: async () => bytes };
}
