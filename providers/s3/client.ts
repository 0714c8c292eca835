/**
 * The client that we make where none is passed. The SDK puts the steps of a request together anew for each, which is a fifth of all work on a small one.
 * With `cacheMiddleware` it does so once for each kind of request, but only for those that are sent without options, where the signal would be. So the
 * signal travels with the input, under a name that is no part of what is sent, and the last step hands it to the connection.
 */

import { S3Client } from '@aws-sdk/client-s3';

/** What a client needs to know; see `S3ServiceOptions`. */
export interface ClientOptions {
  readonly endpoint?: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string };
  readonly forcePathStyle?: boolean;
}

/** As much of an `S3Client` as is used. A signal is the only option that `send` heeds. */
export type OwnClient = Pick<S3Client, 'send' | 'destroy'>;

const CONNECT_TIMEOUT_MS = 5000;
/** Calls beyond these wait for a connection. */
const MAX_CONNECTIONS = 64;

const SIGNAL = Symbol('signal');

interface Input {
  [SIGNAL]?: AbortSignal | undefined;
}

/** A client that tries everything once. */
export function makeClient(options: ClientOptions): OwnClient {
  const client = openClient(options);
  client.middlewareStack.add(
    // In the place of the SDK's own last step, which takes the signal from the options.
    () =>
      ({ input, request }) =>
        client.config.requestHandler.handle(request as Parameters<typeof client.config.requestHandler.handle>[0], {
          abortSignal: (input as Input)[SIGNAL],
        }),
    { step: 'deserialize', priority: 'low', name: 'sendWithSignal' },
  );
  function send(command: { input: Input }, options?: { abortSignal?: AbortSignal }): Promise<unknown> {
    command.input[SIGNAL] = options?.abortSignal;
    return client.send(command as never);
  }
  return { send: send as S3Client['send'], destroy: () => client.destroy() };
}

function openClient({ endpoint, region, credentials, forcePathStyle = endpoint !== undefined }: ClientOptions): S3Client {
  const isAws = endpoint === undefined || /\.amazonaws\.com(?:\.cn)?$/.test(new URL(endpoint).hostname);
  const agent = { keepAlive: true, maxSockets: MAX_CONNECTIONS };
  return new S3Client({
    region,
    credentials: { ...credentials }, // a copy: the client writes into it
    forcePathStyle,
    maxAttempts: 1,
    cacheMiddleware: true,
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, httpAgent: agent, httpsAgent: agent },
    ...(endpoint === undefined ? {} : { endpoint }),
    // Checksums that only AWS knows break others; and some never answer `Expect: 100-continue`, for which the client would wait seconds.
    ...(isAws
      ? {}
      : { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED', expectContinueHeader: false }),
  });
}
