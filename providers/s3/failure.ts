/**
 * What a failure of the service becomes. The client's own errors carry the request, its headers with the signature, and what the server echoed of both:
 * none of it is handed on. What is left is the service's name for the failure and the status.
 */

import { PspError, type PspErrorCode } from '../../ts/errors.ts';

const THROTTLES = ['SlowDown', 'Throttling', 'ThrottlingException', 'TooManyRequests', 'TooManyRequestsException', 'RequestLimitExceeded'];

// A name, and not something that a server has put where the name should be.
const isName = /^[A-Za-z][A-Za-z0-9_.]{0,63}$/;

/** The error that a caller sees for one of the client: `PROVIDER_THROTTLED`, `PROVIDER_TOO_LARGE` or `PROVIDER_UNAVAILABLE`; one of ours is itself. */
export function failureOf(doing: string, error: unknown): PspError {
  if (error instanceof PspError) return error;
  const { status, name } = describe(error);
  const said = `${name}${status === null ? '' : `, status ${status}`}`;
  return new PspError(codeOf(status, name), `s3: could not ${doing}: ${said}`, { cause: new Error(said), details: { status, name } });
}

/** The status of the answer behind an error of {@link failureOf}, or null where there was none. */
export function statusOf(error: unknown): number | null {
  const status = error instanceof PspError ? error.details['status'] : null;
  return typeof status === 'number' ? status : null;
}

/** True when the service gave the failure one of these names. */
export function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof PspError && names.includes(String(error.details['name']));
}

/** True when the server says that there is no such object; a missing bucket is something else, where the answer has room to say so. */
export function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 && !isNamed(error, 'NoSuchBucket');
}

/** True for the answers to a write whose condition may not have held. Ceph's gateway gives 500 to those who lose a race; AWS knows 404 and 409. */
export function mayBeConflict(error: unknown): boolean {
  return [404, 409, 412, 500].includes(statusOf(error) ?? 0) && !isNamed(error, 'NoSuchBucket');
}

function codeOf(status: number | null, name: string): PspErrorCode {
  if (status === 429 || status === 503 || THROTTLES.includes(name)) return 'PROVIDER_THROTTLED';
  if (status === 413 || name === 'EntityTooLarge') return 'PROVIDER_TOO_LARGE';
  return 'PROVIDER_UNAVAILABLE';
}

function describe(error: unknown): { readonly status: number | null; readonly name: string } {
  const { name, code, $metadata } = (error ?? {}) as { name?: unknown; code?: unknown; $metadata?: { httpStatusCode?: unknown } };
  const status = typeof $metadata?.httpStatusCode === 'number' ? $metadata.httpStatusCode : null;
  // Where no answer came, the system's code (ECONNREFUSED) says more than the client's name for it.
  const said = [status === null ? code : name, name].find((text) => typeof text === 'string' && isName.test(text));
  return { status, name: typeof said === 'string' ? said : 'unknown failure' };
}
