/**
 * A provider over a bucket of S3, or of a service that speaks like it: tested on Ceph RADOS Gateway and R2. One value is one object; its bytes and its
 * names are described in s3/object.ts and s3/name.ts. What the service really does with conditions is probed when the provider is opened, with an object
 * that is deleted again: the credentials must allow to put and to delete behind the prefix.
 *
 * Costs in requests: put and get 1, delete 2, touch 2 (it reads the value and writes it again), a listing 1 for a page and 1 for each value,
 * deleteMany 1 for each value and 1 for each thousand, a sweep 1 for each value. Nothing expires by itself: without sweeps expired values stay, unseen.
 *
 * Ceph's gateway (seen in 16.2) drops a put without a condition that meets one with a condition, or a touch, of the same key, and says that it was done.
 * There, a key that is ever written with conditions is to be written with conditions always.
 */

import type { S3Client } from '@aws-sdk/client-s3';
import type { StorageProvider } from '../ts/provider.ts';
import { provide } from './provide.ts';
import { Bucket } from './s3/bucket.ts';
import { makeClient } from './s3/client.ts';
import { s3Core } from './s3/core.ts';

/** As much of an `S3Client` of @aws-sdk/client-s3 as is needed. */
export interface S3ClientLike {
  send(command: never, options?: { abortSignal?: AbortSignal }): Promise<unknown>;
}

/** What signs requests. It is kept by the client alone, and appears in no error. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** What is the same whoever makes the client. */
export interface S3BucketOptions {
  readonly bucket: string;
  /** How the names of all objects begin, such as 'sessions/'; at most 512 of A-Z a-z 0-9 _ - . / and no empty segment or one of dots. '' when not given. */
  readonly prefix?: string;
  /** The time limit of a call that names none; 30,000 when not given, 0: none. Streams and sweeps of much need more. */
  readonly timeoutMs?: number;
  /** Milliseconds since the epoch; `Date.now` when not given. */
  readonly now?: () => number;
}

/** How a client is made. */
export interface S3ServiceOptions extends S3BucketOptions {
  readonly client?: never;
  /** Of a service other than AWS, such as 'https://objects.example:8443'. */
  readonly endpoint?: string;
  readonly region: string;
  readonly credentials: S3Credentials;
  /** The bucket in the path and not in the name of the host. True when not given and there is an `endpoint`. */
  readonly forcePathStyle?: boolean;
}

/**
 * A client that was made elsewhere; it is used as it is and never closed. It should have `maxAttempts: 1`, since retries are decided elsewhere, and
 * for services other than AWS `requestChecksumCalculation: 'WHEN_REQUIRED'`.
 */
export interface S3PassedOptions extends S3BucketOptions {
  readonly client: S3ClientLike;
}

/** How {@link s3} is made. */
export type S3Options = S3ServiceOptions | S3PassedOptions;

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_PREFIX_CHARACTERS = 512;

const isPrefix = /^[\w./-]*$/;
const emptyOrDots = /(?:^|\/)(?:\.*)\//;

/**
 * A provider over one bucket, which must be there. `conditionalPut`, `conditionalDelete` and `touch` are known once it is open. A stream with a condition
 * is `PROVIDER_UNSUPPORTED`: no service that this was tested on keeps conditions of uploads in parts. RangeError for a prefix that names cannot have.
 *
 * @example
 * const provider = s3({ endpoint, region: 'us-east-1', credentials: { accessKeyId, secretAccessKey }, bucket: 'app', prefix: 'sessions/' });
 */
export function s3(options: S3Options): StorageProvider {
  const { bucket, prefix = '', timeoutMs = DEFAULT_TIMEOUT_MS, now = Date.now } = options;
  if (!isPrefix.test(prefix) || emptyOrDots.test(prefix) || prefix.length > MAX_PREFIX_CHARACTERS) {
    throw new RangeError(`prefix: expected at most ${MAX_PREFIX_CHARACTERS} of A-Z a-z 0-9 _ - . / without empty segments or such of dots`);
  }
  const own = options.client === undefined ? makeClient(options) : null;
  const client = own ?? (options.client as unknown as S3Client);
  return provide(s3Core({ bucket: new Bucket(client, bucket), start: prefix, timeoutMs, now, close: () => own?.destroy() }));
}
