/**
 * A bucket: the few operations of S3 that we use, in our words. Names are whole object names, ETags have no quotes, an object that is not there is
 * null, and every failure is a {@link PspError}. Nothing is tried twice.
 */

import { setMaxListeners } from 'node:events';
import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandInput,
  type ListMultipartUploadsCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { PspError } from '../../ts/errors.ts';
import type { Call } from '../calls.ts';
import { failureOf, isMissing, isNamed, statusOf } from './failure.ts';
import { HEAD_NAME, type ObjectFacts } from './object.ts';

/** How a server wants the ETag of a condition: RFC 9110 says in quotes, Ceph's gateway compares it without. */
export type EtagSpelling = 'quoted' | 'bare';

/** What a write demands of the object that is there: an ETag without quotes, or that there is none. */
export interface ObjectCondition {
  readonly etag?: string;
  readonly spelling: EtagSpelling;
  readonly absent?: boolean;
}

/** An object that is being read. Whoever gets it reads the body to its end or destroys it. */
export interface OpenObject extends ObjectFacts {
  readonly body: Readable;
  /** Where the body begins in the object. */
  readonly from: number;
}

/** An object of a listing. */
export interface ListedObject {
  readonly name: string;
  readonly changedMs: number;
}

/** An upload in parts that has not come to its end. */
export interface OpenUpload {
  readonly name: string;
  readonly id: string;
  readonly startedMs: number;
}

/** Beyond every object; some servers do not read larger numbers. */
const MAX_END = 2 ** 48;

/** Most objects of one DeleteObjects. */
export const DELETE_LIMIT = 1000;

/** The operations on one bucket. */
export class Bucket {
  readonly #client: Pick<S3Client, 'send'>;
  readonly #bucket: string;

  constructor(client: Pick<S3Client, 'send'>, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  /** The object, or from byte `from` to `to` (excluded), as far as it goes. Null: there is none, or it ends before `from`. */
  async get(name: string, range: { from: number; to: number } | null, call: Call): Promise<OpenObject | null> {
    const Range = range === null ? undefined : `bytes=${range.from}-${Math.min(range.to, MAX_END) - 1}`;
    try {
      const answer = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: name, Range }), optionsOf(call));
      const body = answer.Body as Readable;
      // The call may have ended meanwhile, and nobody would hear of a failure of the body.
      body.on('error', () => undefined);
      return { ...factsOf(answer), from: placeOf(answer.ContentRange), body };
    } catch (error) {
      const failure = failureOf('read an object', error);
      if (isMissing(failure) || (range !== null && statusOf(failure) === 416)) return null;
      throw failure;
    }
  }

  /** What the server says of the object, or null. */
  async head(name: string, call: Call): Promise<ObjectFacts | null> {
    try {
      return factsOf(await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: name }), optionsOf(call)));
    } catch (error) {
      const failure = failureOf('read the head of an object', error);
      if (isMissing(failure)) return null;
      throw failure;
    }
  }

  /** Writes an object; returns its ETag. */
  async put(name: string, body: Uint8Array, head: string, condition: ObjectCondition | null, call: Call): Promise<string> {
    const IfMatch = condition?.etag === undefined ? undefined : spell(condition.etag, condition.spelling);
    const IfNoneMatch = condition?.absent === true ? '*' : undefined;
    const Metadata = { [HEAD_NAME]: head };
    try {
      const command = new PutObjectCommand({
        Bucket: this.#bucket,
        Key: name,
        Body: body,
        ContentLength: body.length,
        Metadata,
        IfMatch,
        IfNoneMatch,
      });
      const { ETag } = await this.#client.send(command, optionsOf(call));
      return demandETag(ETag);
    } catch (error) {
      throw failureOf('write an object', error);
    }
  }

  /** Deletes an object, whether there is one or not. */
  async delete(name: string, condition: ObjectCondition | null, call: Call): Promise<void> {
    const IfMatch = condition?.etag === undefined ? undefined : spell(condition.etag, condition.spelling);
    try {
      await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: name, IfMatch }), optionsOf(call));
    } catch (error) {
      throw failureOf('delete an object', error);
    }
  }

  /** Deletes at most {@link DELETE_LIMIT} objects; returns the failures by name. */
  async deleteMany(names: readonly string[], call: Call): Promise<Map<string, PspError>> {
    try {
      const command = new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects: names.map((Key) => ({ Key })), Quiet: true } });
      const { Errors = [] } = await this.#client.send(command, optionsOf(call));
      return new Map(Errors.map(({ Key = '', Code }) => [Key, failureOf('delete an object', { name: Code })]));
    } catch (error) {
      throw failureOf('delete objects', error);
    }
  }

  /** At most `limit` objects that begin with `start`, in the order of names and behind `after`. */
  async list(start: string, after: string | null, limit: number, call: Call): Promise<{ objects: ListedObject[]; more: boolean }> {
    try {
      const command = new ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: start,
        MaxKeys: limit,
        EncodingType: 'url', // XML has no way to write some characters
        ...(after === null ? {} : { StartAfter: after }),
      });
      const { Contents = [], IsTruncated = false, EncodingType } = await this.#client.send(command, optionsOf(call));
      const objects = Contents.map(({ Key = '', LastModified }) => ({
        name: readName(Key, EncodingType),
        changedMs: LastModified?.getTime() ?? Number.POSITIVE_INFINITY,
      }));
      return { objects, more: IsTruncated && objects.length > 0 };
    } catch (error) {
      throw failureOf('list objects', error);
    }
  }

  /** Begins an upload in parts; returns its id. */
  async beginUpload(name: string, head: string, call: Call): Promise<string> {
    try {
      const command = new CreateMultipartUploadCommand({ Bucket: this.#bucket, Key: name, Metadata: { [HEAD_NAME]: head } });
      const { UploadId } = await this.#client.send(command, optionsOf(call));
      if (UploadId === undefined) throw new PspError('PROVIDER_UNAVAILABLE', 's3: the service gave no id for an upload');
      return UploadId;
    } catch (error) {
      throw failureOf('begin an upload', error);
    }
  }

  /** Uploads part `number`, 1 to 10,000, which the server compares with `md5`; returns its ETag as it came. */
  async uploadPart(name: string, id: string, number: number, part: Uint8Array, md5: string, call: Call): Promise<string> {
    try {
      const place = { Bucket: this.#bucket, Key: name, UploadId: id, PartNumber: number };
      const { ETag } = await this.#client.send(
        new UploadPartCommand({ ...place, Body: part, ContentLength: part.length, ContentMD5: md5 }),
        optionsOf(call),
      );
      if (ETag === undefined) throw new PspError('PROVIDER_UNAVAILABLE', 's3: the service gave no ETag for a part');
      return ETag;
    } catch (error) {
      throw failureOf('upload a part', error);
    }
  }

  /** Makes an object out of its parts; returns its ETag, or null where the server tells none. */
  async completeUpload(name: string, id: string, etags: readonly string[], call: Call): Promise<string | null> {
    try {
      const Parts = etags.map((ETag, n) => ({ PartNumber: n + 1, ETag }));
      const command = new CompleteMultipartUploadCommand({ Bucket: this.#bucket, Key: name, UploadId: id, MultipartUpload: { Parts } });
      const etag = bareETag((await this.#client.send(command, optionsOf(call))).ETag);
      return etag === '' ? null : etag; // Ceph's gateway gives an empty one
    } catch (error) {
      throw failureOf('complete an upload', error);
    }
  }

  /** Gives up an upload and its parts. Without a call: it is what remains to be done when a call has ended. */
  async abortUpload(name: string, id: string): Promise<void> {
    try {
      await this.#client.send(new AbortMultipartUploadCommand({ Bucket: this.#bucket, Key: name, UploadId: id }));
    } catch (error) {
      const failure = failureOf('give up an upload', error);
      if (!isMissing(failure)) throw failure;
    }
  }

  /** Uploads under way to names that begin with `start`; none where the service cannot tell. */
  async listUploads(start: string, call: Call): Promise<OpenUpload[]> {
    const uploads: OpenUpload[] = [];
    let from: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | null = {};
    try {
      while (from !== null) {
        const page: ListMultipartUploadsCommandInput = { Bucket: this.#bucket, Prefix: start, EncodingType: 'url', ...from };
        const answer: ListMultipartUploadsCommandOutput = await this.#client.send(new ListMultipartUploadsCommand(page), optionsOf(call));
        for (const { Key = '', UploadId = '', Initiated } of answer.Uploads ?? []) {
          const name = readName(Key, answer.EncodingType);
          uploads.push({ name, id: UploadId, startedMs: Initiated?.getTime() ?? Number.POSITIVE_INFINITY });
        }
        const { IsTruncated, NextKeyMarker, NextUploadIdMarker: UploadIdMarker } = answer;
        const isLast = IsTruncated !== true || NextKeyMarker === undefined;
        from = isLast ? null : { KeyMarker: readName(NextKeyMarker, answer.EncodingType), UploadIdMarker };
      }
      return uploads;
    } catch (error) {
      const failure = failureOf('list uploads', error);
      // Some services do not have it (miniflare's R2): they clear such uploads away by themselves.
      if (statusOf(failure) === 501 || isNamed(failure, 'NotImplemented')) return [];
      throw failure;
    }
  }

  /** Returns when the bucket answers. */
  async ping(call: Call): Promise<void> {
    try {
      await this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket }), optionsOf(call));
    } catch (error) {
      throw failureOf('reach the bucket', error);
    }
  }
}

function optionsOf({ signal }: Call): { readonly abortSignal: AbortSignal } {
  setMaxListeners(0, signal); // a batch has many requests under way, and no leak
  return { abortSignal: signal };
}

interface Answer {
  readonly ETag?: string | undefined;
  readonly ContentLength?: number | undefined;
  readonly ContentRange?: string | undefined;
  readonly Metadata?: Readonly<Record<string, string>> | undefined;
}

function factsOf({ ETag, ContentLength, ContentRange, Metadata }: Answer): ObjectFacts {
  const total = ContentRange === undefined ? ContentLength : Number(/\/(\d+)$/.exec(ContentRange)?.[1] ?? Number.NaN);
  return { etag: bareETag(ETag), bytes: Number.isSafeInteger(total) ? total! : null, head: Metadata?.[HEAD_NAME] ?? null };
}

function placeOf(range: string | undefined): number {
  return range === undefined ? 0 : Number(/^bytes (\d+)-/.exec(range)?.[1] ?? Number.NaN);
}

function readName(text: string, encoding: string | undefined): string {
  return encoding === 'url' ? decodeURIComponent(text.replaceAll('+', ' ')) : text;
}

function demandETag(etag: string | undefined): string {
  const bare = bareETag(etag);
  if (bare === '') throw new PspError('PROVIDER_UNAVAILABLE', 's3: the service gave no ETag');
  return bare;
}

function bareETag(etag: string | undefined): string {
  return (etag ?? '').replace(/^(?:W\/)?"(.*)"$/, '$1');
}

function spell(etag: string, spelling: EtagSpelling): string {
  return spelling === 'quoted' ? `"${etag}"` : etag;
}
