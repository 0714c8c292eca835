/**
 * What a storage service is to us: bytes under a key, with a version, small metadata and an expiry. A provider knows nothing of
 * sessions, JSON or encryption; it never logs, parses or echoes a value. Retries are decided elsewhere; a provider only classifies.
 */

import type { PspError } from './errors.ts';

/** An opaque token that changes with every write of a key. Compare it for equality only. */
export type Version = string & { readonly __version: unique symbol };

/** What a provider can do. What it cannot do, it refuses with `PROVIDER_UNSUPPORTED`; it never does something like it instead. */
export interface Capabilities {
  /** `ifMatch` and `ifNoneMatch` of `put`, atomic among all writers of the service. */
  readonly conditionalPut: boolean;
  /** `ifMatch` of `delete`. */
  readonly conditionalDelete: boolean;
  /** `touch`. */
  readonly touch: boolean;
  /** `range` of `get` and `getStream`. */
  readonly ranges: boolean;
  /** `getStream`, and a stream as the value of `put`, in memory that does not grow with the value. */
  readonly streams: boolean;
  /** `sweep`. False also where the service itself removes what has expired. */
  readonly sweep: boolean;
  /** After a write has returned, every reader sees it. */
  readonly strongReads: boolean;
  /** A listing comes in the order of the keys' UTF-8 bytes. */
  readonly orderedList: boolean;
  /** A key that stays put is listed exactly once. False: it may come twice while the service reorganizes itself. */
  readonly exactList: boolean;
  /** Longest key, in bytes of UTF-8; at most {@link MAX_KEY_BYTES}. */
  readonly maxKeyBytes: number;
  /** Longest value, in bytes. */
  readonly maxValueBytes: number;
}

/** What every call takes. */
export interface CallOptions {
  /** Ends the call: it rejects with the signal's reason. A write that is under way may still happen. */
  readonly signal?: AbortSignal;
  /** After so many milliseconds the call rejects with `PROVIDER_TIMEOUT`. Without it the provider's own limit holds; 0: none. */
  readonly timeoutMs?: number;
}

/** What is known of a stored value without reading it. */
export interface RecordHead {
  readonly key: string;
  readonly version: Version;
  /** Bytes of the value. */
  readonly size: number;
  /** Integer milliseconds since the Unix epoch, or null when the value does not expire. */
  readonly expiresAt: number | null;
  /** Small strings kept beside the value: at most {@link MAX_METADATA_BYTES} and {@link MAX_METADATA_ENTRIES}. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A stored value, or the asked range of it. The array belongs to the caller: writing to it changes nothing that is stored. */
export interface StoredRecord extends RecordHead {
  /** The caller's alone, but perhaps a view of a larger buffer, which is the caller's too. */
  readonly value: Uint8Array<ArrayBuffer>;
}

/** A stored value that is still being read. A stream that breaks off, or whose bytes are not those that were put, ends with an error. */
export interface StoredStream extends RecordHead {
  readonly stream: ReadableStream<Uint8Array>;
}

/** What is read. */
export interface GetOptions extends CallOptions {
  /**
   * Only bytes `from` (included) to `to` (excluded); beyond the end of the value there are none. Damage is looked for in whole values only: a range
   * is checked by who knows what should stand there.
   */
  readonly range?: readonly [from: number, to: number];
}

/** How a value is put. */
export interface PutOptions extends CallOptions {
  /** Replace only this version. A key that is absent, expired or at another version: `PROVIDER_CONFLICT`. */
  readonly ifMatch?: Version;
  /** Create only. A key that is present and not expired: `PROVIDER_CONFLICT`. Excludes `ifMatch` (TypeError). */
  readonly ifNoneMatch?: '*';
  /** Absolute expiry, integer milliseconds since the epoch. Not given: the value does not expire, whatever was there before. */
  readonly expiresAt?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** How a key is deleted. */
export interface DeleteOptions extends CallOptions {
  /** Delete only this version: otherwise `PROVIDER_CONFLICT`, also when the key is absent. */
  readonly ifMatch?: Version;
}

/** How an expiry is changed. */
export interface TouchOptions extends CallOptions {
  /** Touch only this version: otherwise `PROVIDER_CONFLICT`, also when the key is absent. */
  readonly ifMatch?: Version;
}

/** A record that is there and cannot be read. */
export interface DamagedRecord {
  /** Null where not even the key can be read. */
  readonly key: string | null;
  /** `PROVIDER_CORRUPT`. */
  readonly error: PspError;
}

/** Which keys are listed. */
export interface ListOptions extends CallOptions {
  /** Only keys that start with this, compared by UTF-16 code units. */
  readonly prefix?: string;
  /** Called for each damaged record. Without it a listing that met any ends, after all others, with `PROVIDER_CORRUPT`. */
  readonly onDamaged?: (record: DamagedRecord) => void;
}

/** Which part of a listing is wanted. */
export interface PageOptions extends CallOptions {
  readonly prefix?: string;
  /** `cursor` of the page before. Goes with the same `prefix` only. A text that no page gave: `PROVIDER_CURSOR`. */
  readonly cursor?: string;
  /** Most items, 1 to {@link MAX_PAGE_ITEMS}; 256 when not given. */
  readonly limit?: number;
}

/** A part of a listing. It may be empty and not the last. */
export interface ListPage {
  /** Heads of live keys. */
  readonly items: readonly RecordHead[];
  readonly damaged: readonly DamagedRecord[];
  /** Where the next page begins; null: this is the last. */
  readonly cursor: string | null;
}

/** One value of many that are put. */
export interface PutItem extends Omit<PutOptions, keyof CallOptions> {
  readonly key: string;
  readonly value: Uint8Array;
}

/** What a sweep did. */
export interface SweepReport {
  /** Expired values that were removed. */
  readonly expired: number;
  /** What writers left that did not come to their end: temporary files, chunks without a value. */
  readonly orphans: number;
}

/** Whether the service answers. */
export interface Health {
  readonly ok: boolean;
  readonly latencyMs: number;
  /** Why not; null when it does. */
  readonly error: PspError | null;
}

/**
 * The contract of every provider.
 *
 * - Keys are 1 to `capabilities.maxKeyBytes` bytes of UTF-8, without NUL or lone surrogates: `PROVIDER_INVALID_KEY`.
 * - A put is atomic: a reader sees the old value or the new one, never a mixture, also after the process is killed.
 * - The caller's array is copied before the call returns its promise; the array that `get` returns is the caller's own.
 * - An expired value is not there: `now >= expiresAt` on every read, in every condition and in every listing.
 * - A condition, range, stream, touch or sweep that `capabilities` does not promise is `PROVIDER_UNSUPPORTED`, before anything is done.
 * - Failures are `PspError`: `PROVIDER_CONFLICT`, `PROVIDER_INVALID_KEY`, `PROVIDER_TOO_LARGE` (metadata, or a value above `capabilities.maxValueBytes`),
 *   `PROVIDER_CORRUPT` (what is stored is not what was put), `PROVIDER_UNAVAILABLE` (the service failed or refused; `cause` says how), `PROVIDER_THROTTLED`
 *   (it asks for a pause), `PROVIDER_TIMEOUT`, `PROVIDER_CLOSED`. Never the value, and never the key. After `PROVIDER_UNAVAILABLE` and `PROVIDER_TIMEOUT` a
 *   write may have happened: a `head` tells, by what the writer put into `metadata`.
 * - Metadata with a lone surrogate, and options that exclude each other, are a TypeError; numbers out of range a RangeError.
 */
export interface StorageProvider extends AsyncDisposable {
  readonly name: string;
  /** Final after {@link open}; before it, what is certain. */
  readonly capabilities: Capabilities;
  /** Connects and looks whether the service keeps its word. Every other call does it first if need be. May be called again. */
  open(options?: CallOptions): Promise<void>;
  /** The value, or null when there is none. */
  get(key: string, options?: GetOptions): Promise<StoredRecord | null>;
  /** The value as a stream, or null when there is none. Its time limit ends with the head; the signal also ends the stream. */
  getStream(key: string, options?: GetOptions): Promise<StoredStream | null>;
  /** What {@link get} would say of the value, without it. */
  head(key: string, options?: CallOptions): Promise<RecordHead | null>;
  /** Stores `value` and returns its head with the new version. A stream that fails, or a call that is aborted, leaves what was there. */
  put(key: string, value: Uint8Array | ReadableStream<Uint8Array>, options?: PutOptions): Promise<RecordHead>;
  /** True when a value was deleted, false when there was none. */
  delete(key: string, options?: DeleteOptions): Promise<boolean>;
  /** Changes the expiry and nothing else; null: it expires no more. The version changes. Null when there is no value. */
  touch(key: string, expiresAt: number | null, options?: TouchOptions): Promise<RecordHead | null>;
  /** Heads of the live keys, page by page, in memory for one page. A key that is not written meanwhile appears once (see `exactList`). */
  list(options?: ListOptions): AsyncIterable<RecordHead>;
  /** One page of {@link list}, to go on later or elsewhere. */
  listPage(options?: PageOptions): Promise<ListPage>;
  /** For each key, in order, what {@link get} gives. It rejects for wrong arguments only. */
  getMany(keys: readonly string[], options?: CallOptions): Promise<PromiseSettledResult<StoredRecord | null>[]>;
  /** For each item, in order, what {@link put} gives. Of two items of one key the later is put later. It rejects for wrong arguments only. */
  putMany(items: readonly PutItem[], options?: CallOptions): Promise<PromiseSettledResult<RecordHead>[]>;
  /** For each key, in order, what {@link delete} gives. It rejects for wrong arguments only. */
  deleteMany(keys: readonly string[], options?: CallOptions): Promise<PromiseSettledResult<boolean>[]>;
  /** Removes what has expired, and what writers left that died. */
  sweep(options?: CallOptions): Promise<SweepReport>;
  /** Never rejects because of the service. */
  health(options?: CallOptions): Promise<Health>;
  /** Lets calls that are under way end, refuses new ones with `PROVIDER_CLOSED`, and lets go of what the provider itself made. May be called again. */
  close(): Promise<void>;
}

/** Longest key that any provider takes, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 512;

/** Most metadata of one value: bytes of UTF-8 of all names and values together. */
export const MAX_METADATA_BYTES = 1024;

/** Most names in the metadata of one value. */
export const MAX_METADATA_ENTRIES = 32;

/** Most items of one page of a listing. */
export const MAX_PAGE_ITEMS = 1000;
