/**
 * The body of an object, as it comes: whole, in part, or as a stream. A whole value is given only when its trailer shows that it is what was written; a
 * stream gives the bytes as they come, and ends with an error when the trailer does not show it.
 */

import { constants } from 'node:buffer';
import type { Readable } from 'node:stream';
import { PspError } from '../../ts/errors.ts';
import { crc32 } from '../crc32.ts';
import type { OpenObject } from './bucket.ts';
import { failureOf } from './failure.ts';
import { checkTrailer, corrupt, type ObjectHead, TRAILER_BYTES } from './object.ts';

/**
 * The whole value, checked. `PROVIDER_CORRUPT` when it is not what was written, `PROVIDER_UNAVAILABLE` when the connection ends before it does,
 * `PROVIDER_TOO_LARGE` when no array of this runtime can hold it.
 */
export async function readValue({ body }: OpenObject, { id, head }: ObjectHead): Promise<Uint8Array<ArrayBuffer>> {
  if (head.size > constants.MAX_LENGTH) {
    body.destroy();
    throw new PspError(
      'PROVIDER_TOO_LARGE',
      `value: expected at most ${constants.MAX_LENGTH} bytes, got ${head.size}: read it as a stream`,
    );
  }
  const value = new Uint8Array(Buffer.allocUnsafeSlow(head.size).buffer as ArrayBuffer);
  const behind: Uint8Array[] = [];
  let at = 0;
  await consume(body, (chunk) => {
    const rest = Math.max(0, head.size - at);
    value.set(chunk.subarray(0, rest), Math.min(at, head.size));
    if (rest < chunk.length) behind.push(chunk.subarray(rest));
    at += chunk.length;
  });
  checkTrailer(Buffer.concat(behind), id, crc32(value));
  return value;
}

/** Bytes `from` to `to` of the value, as far as it goes, out of an object that was asked for them. Unchecked. */
export async function readRange({ body, from: start }: OpenObject, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
  const value = new Uint8Array(Math.max(0, to - from));
  let at = 0;
  if (start !== from) throw elsewhere(body);
  await consume(body, (chunk) => {
    value.set(chunk.subarray(0, Math.max(0, value.length - at)), Math.min(at, value.length));
    at += chunk.length;
  });
  if (at < value.length) throw corrupt('its body is shorter than it says');
  return value;
}

/** The value as a stream, checked at its end. */
export function streamValue({ body }: OpenObject, { id, head }: ObjectHead): ReadableStream<Uint8Array> {
  async function* parts(): AsyncGenerator<Uint8Array> {
    const trailer: Uint8Array[] = [];
    let at = 0;
    let checksum = 0;
    for await (const chunk of chunksOf(body)) {
      const value = chunk.slice(0, Math.max(0, head.size - at));
      if (value.length < chunk.length) trailer.push(chunk.slice(value.length));
      at += chunk.length;
      if (at > head.size + TRAILER_BYTES) throw corrupt('its body is longer than it says');
      if (value.length === 0) continue;
      checksum = crc32(value, checksum);
      yield value;
    }
    checkTrailer(Buffer.concat(trailer), id, checksum);
  }
  return streamOf(parts(), body);
}

/** As {@link readRange}, as a stream. */
export function streamRange({ body, from: start }: OpenObject, from: number, to: number): ReadableStream<Uint8Array> {
  async function* parts(): AsyncGenerator<Uint8Array> {
    if (start !== from) throw elsewhere(body);
    let rest = Math.max(0, to - from);
    for await (const chunk of chunksOf(body)) {
      const value = chunk.slice(0, rest);
      rest -= value.length;
      if (value.length > 0) yield value;
    }
    if (rest > 0) throw corrupt('its body is shorter than it says');
  }
  return streamOf(parts(), body);
}

/** A stream that ends at once. */
export function emptyStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() });
}

function elsewhere(body: Readable): PspError {
  body.destroy();
  return corrupt('its body begins elsewhere than it was asked to');
}

/** Gives each chunk of a body to `take`, which must not throw. By events: an iterator makes a get of 64 KiB a tenth slower. */
function consume(body: Readable, take: (chunk: Uint8Array) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(failureOf('read a value to its end', error));
    if (body.destroyed) fail(body.errored);
    body.on('data', take).on('end', resolve).on('error', fail);
    body.on('close', () => {
      if (!body.readableEnded) fail(null); // an error that nobody needs costs as much as the checksum
    });
  });
}

/** The chunks of a body; leaving them early gives up the connection. What they end with is `PROVIDER_UNAVAILABLE`. */
async function* chunksOf(body: Readable): AsyncGenerator<Uint8Array> {
  try {
    // A Buffer's slice shares memory, a Uint8Array's copies.
    for await (const chunk of body as AsyncIterable<Buffer>) yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
  } catch (error) {
    throw failureOf('read a value to its end', error);
  }
}

function streamOf(parts: AsyncGenerator<Uint8Array>, body: Readable): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await parts.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      // Not parts.return(): it would wait for the chunk that does not come.
      cancel: () => void body.destroy(),
    },
    { highWaterMark: 0 },
  );
}
