/**
 * What a storage service is to us: bytes under a key, with a version, small metadata and an expiry. A provider knows nothing of
 * sessions, JSON or encryption; it never logs, parses or echoes a value. Retries are decided elsewhere; a provider only classifies.
 */

/** An opaque token that changes with every write of a key. Compare it for equality only. */
export type Version = string & { readonly __version: unique symbol };

/** What is known of a stored value without reading it. */
export interface RecordHead {
  readonly key: string;
  readonly version: Version;
  /** Bytes of the value. */
  readonly size: number;
  /** Integer milliseconds since the Unix epoch, or null when the value does not expire. */
  readonly expiresAt: number | null;
  /** Small strings kept beside the value, at most {@link MAX_METADATA_BYTES} in all. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A stored value. The array belongs to the caller: writing to it changes nothing that is stored. */
export interface StoredRecord extends RecordHead {
  readonly value: Uint8Array<ArrayBuffer>;
}

/** How a value is put. */
export interface PutOptions {
  /** Replace only this version. A key that is absent, expired or at another version: `PROVIDER_CONFLICT`. */
  readonly ifMatch?: Version;
  /** Create only. A key that is present and not expired: `PROVIDER_CONFLICT`. Excludes `ifMatch` (TypeError). */
  readonly ifNoneMatch?: '*';
  /** Absolute expiry, integer milliseconds since the epoch. Not given: the value does not expire, whatever was there before. */
  readonly expiresAt?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** How a key is deleted. */
export interface DeleteOptions {
  /** Delete only this version: otherwise `PROVIDER_CONFLICT`, also when the key is absent. */
  readonly ifMatch?: Version;
}

/** Which keys are listed. */
export interface ListOptions {
  /** Only keys that start with this, compared by UTF-16 code units. */
  readonly prefix?: string;
}

/**
 * The contract of every provider.
 *
 * - Keys are 1 to {@link MAX_KEY_BYTES} bytes of UTF-8, without NUL or lone surrogates: `PROVIDER_INVALID_KEY`.
 * - A put is atomic: a reader sees the old value or the new one, never a mixture, also after the process is killed.
 * - The caller's array is copied before the first await; the array that `get` returns is the caller's own.
 * - An expired value is not there: `now >= expiresAt` on every read, in every condition and in every listing.
 * - Failures are `PspError`: `PROVIDER_CONFLICT`, `PROVIDER_INVALID_KEY`, `PROVIDER_TOO_LARGE` (metadata, or a value above what the service holds), `PROVIDER_CORRUPT`
 *   (what is stored is not what was put), `PROVIDER_UNAVAILABLE` (the service failed; `cause` says how). Never the value.
 * - Metadata with a lone surrogate, and options that exclude each other, are a TypeError.
 */
export interface StorageProvider {
  readonly name: string;
  /** The value, or null when there is none. */
  get(key: string): Promise<StoredRecord | null>;
  /** Stores `value` and returns its head with the new version. */
  put(key: string, value: Uint8Array, options?: PutOptions): Promise<RecordHead>;
  /** True when a value was deleted, false when there was none. */
  delete(key: string, options?: DeleteOptions): Promise<boolean>;
  /** Heads of the live keys, in no promised order. A key that is not written meanwhile appears exactly once. */
  list(options?: ListOptions): AsyncIterable<RecordHead>;
}

/** Longest key, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 512;

/** Most metadata of one value: bytes of UTF-8 of all names and values together. */
export const MAX_METADATA_BYTES = 1024;
