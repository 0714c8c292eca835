/**
 * What a failure of Redis or of its client means to a caller. Errors of the client library carry the command with its arguments (keys, values,
 * passwords), so none of them leaves: the cause holds the first word of the server's answer, or the code of the connection's failure, and no more.
 */

import { PspError, type PspErrorCode } from '../../ts/errors.ts';

/** Answers by which a server asks for a pause. */
const PAUSES = new Set(['LOADING', 'BUSY', 'TRYAGAIN', 'MAXCLIENTS']);

const MEANINGS: Readonly<Record<string, string>> = {
  ASK: 'the key has moved within the cluster',
  BUSY: 'the server is busy with a script',
  CLUSTERDOWN: 'the cluster does not serve the slot of the key',
  CONNECTION: 'the connection is closed',
  LOADING: 'the server is still loading its data',
  MASTERDOWN: 'the replica has lost its master',
  MAXCLIENTS: 'the server has no room for another connection',
  MISCONF: 'the server cannot save its data and takes no writes',
  MOVED: 'the key has moved within the cluster',
  NOAUTH: 'the server asks for a password',
  NOPERM: 'the user may not run this command, or not on this key',
  NOREPLICAS: 'the server has too few replicas and takes no writes',
  OOM: 'the server has no memory for it',
  READONLY: 'the server is a replica and takes no writes',
  TRYAGAIN: 'the key is moving within the cluster',
  WRONGPASS: 'the user or the password is wrong',
};

/** What ioredis says, in words only, when a command meets no open connection. */
const CONNECTION_WORDS =
  /Connection is closed|isn't writeable|isn't ready|max retries per request|Command aborted|startup nodes|sentinels are unreachable|slots cache|Cluster is /;

/** `error` as the failure that a caller sees; a {@link PspError} stays what it is. */
export function translate(error: unknown): PspError {
  if (error instanceof PspError) return error;
  const code = codeOf(error);
  if (code === 'WRONGTYPE') return failure('PROVIDER_CORRUPT', 'redis: what stands under the key is no value of this provider', code);
  const meaning = MEANINGS[code] ?? 'the service failed';
  return failure(PAUSES.has(code) ? 'PROVIDER_THROTTLED' : 'PROVIDER_UNAVAILABLE', `redis: ${meaning} (${code})`, code);
}

/** True when the server said that it knows no such script; nothing was run then. */
export function isUnknownScript(error: unknown): boolean {
  return codeOf(error) === 'NOSCRIPT';
}

/** A `PROVIDER_UNAVAILABLE` of our own: there is no connection to ask over. */
export function notConnected(): PspError {
  return translate(new Error('Connection is closed.'));
}

/** The first word of the server's answer, or the code of the failure of a connection: capitals, digits and `_`. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'UNKNOWN';
  // The error of a cluster that cannot be reached holds why its last node could not.
  const last = (error as { lastNodeError?: unknown }).lastNodeError;
  if (last instanceof Error) return codeOf(last);
  const { message } = error;
  const network = (error as { code?: unknown }).code;
  if (typeof network === 'string' && /^[A-Z][A-Z0-9_]*$/.test(network)) return network;
  if (/max number of clients/.test(message)) return 'MAXCLIENTS';
  if (/Socket timeout/.test(message)) return 'ETIMEDOUT';
  // Servers before 7 put the answer to a command behind words about the script that ran it, clients theirs before a redirection that was one too many.
  const within = /\b(WRONGTYPE|OOM|READONLY|MISCONF|NOREPLICAS|MOVED|ASK|CLUSTERDOWN|TRYAGAIN)\b/.exec(message)?.[1];
  const first = /^([A-Z][A-Z0-9_]*)(?: |$)/.exec(message)?.[1];
  if (within !== undefined && (first === undefined || first === 'ERR')) return within;
  return first ?? (CONNECTION_WORDS.test(message) ? 'CONNECTION' : 'UNKNOWN');
}

function failure(code: PspErrorCode, message: string, redisCode: string): PspError {
  return new PspError(code, message, { cause: new Error(redisCode), details: { redisCode } });
}
