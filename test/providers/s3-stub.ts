/**
 * A server that speaks just enough of S3 to misbehave on purpose: it ignores conditions, answers wrongly, cuts and changes. For faults only; what S3
 * does is tested on real services. It checks no signature and binds to loopback.
 */

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What is stored. */
export interface StubObject {
  body: Buffer;
  readonly etag: string;
  readonly head: string | undefined;
}

/** How the server misbehaves; what is not given it does right, with ETags in quotes. */
export interface StubFaults {
  /** Which conditions it looks at. */
  readonly honours?: { readonly create?: boolean; readonly replace?: boolean; readonly delete?: boolean };
  /** How it wants ETags. */
  readonly spelling?: 'quoted' | 'bare';
  /** The ETag of a body. */
  readonly etagOf?: (body: Buffer) => string;
  /** Has the last word on a request to an object, before or after it was carried out; true: it has answered. */
  intercept?: (request: IncomingMessage, response: ServerResponse, when: 'before' | 'after') => boolean;
}

/** A server that runs. */
export interface Stub {
  readonly endpoint: string;
  /** By name. */
  readonly objects: Map<string, StubObject>;
  faults: StubFaults;
  /** Method and name of all requests so far. */
  readonly requests: string[];
  stop(): Promise<void>;
}

/** Starts a server with one bucket, 'bucket'. */
export async function startStub(faults: StubFaults = {}): Promise<Stub> {
  const objects = new Map<string, StubObject>();
  const requests: string[] = [];
  const parts = new Map<number, Buffer>();
  let head: string | undefined;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const name = decodeURIComponent(new URL(request.url!, 'http://stub').pathname.slice('/bucket/'.length));
      requests.push(`${request.method} ${name}`);
      if (stub.faults.intercept?.(request, response, 'before') === true) return;
      answer(request, response, name, Buffer.concat(chunks));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  /** Uploads in parts: one at a time, of whatever name. */
  function answerUpload(request: IncomingMessage, response: ServerResponse, name: string, body: Buffer): unknown {
    const { searchParams } = new URL(request.url!, 'http://stub');
    if (searchParams.has('uploads')) {
      parts.clear();
      head = request.headers['x-amz-meta-psp'] as string;
      return response.writeHead(200).end('<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>');
    }
    if (request.method === 'PUT') {
      if (request.headers['content-md5'] !== createHash('md5').update(body).digest('base64')) return refuse(response, 400, 'BadDigest');
      parts.set(Number(searchParams.get('partNumber')), body);
      return response.writeHead(200, { etag: `"${md5(body)}"` }).end();
    }
    if (request.method === 'DELETE') return response.writeHead(204).end();
    const whole = Buffer.concat([...parts].sort(([a], [b]) => a - b).map(([, part]) => part));
    objects.set(name, { body: whole, etag: `${md5(whole)}-${parts.size}`, head });
    response.writeHead(200).end(`<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>`);
  }

  function answer(request: IncomingMessage, response: ServerResponse, name: string, body: Buffer): unknown {
    if (/[?&]upload(?:s|Id)\b/.test(request.url!)) return answerUpload(request, response, name, body);
    const { honours = {}, spelling = 'quoted', etagOf = md5, intercept } = stub.faults;
    const found = objects.get(name);
    const match = request.headers['if-match'];
    const isMatch = match === undefined || (found !== undefined && match === (spelling === 'quoted' ? `"${found.etag}"` : found.etag));
    if (request.method === 'PUT') {
      if (request.headers['if-none-match'] === '*' && found !== undefined && honours.create !== false)
        return refuse(response, 412, 'PreconditionFailed');
      if (!isMatch && honours.replace !== false) return refuse(response, 412, 'PreconditionFailed');
      const etag = etagOf(body);
      objects.set(name, { body, etag, head: request.headers['x-amz-meta-psp'] as string | undefined });
      if (intercept?.(request, response, 'after') === true) return;
      response.writeHead(200, { etag: `"${etag}"` }).end();
    } else if (request.method === 'DELETE') {
      if (!isMatch && honours.delete !== false) return refuse(response, 412, 'PreconditionFailed');
      objects.delete(name);
      response.writeHead(204).end();
    } else if (found === undefined) {
      refuse(response, 404, 'NoSuchKey');
    } else {
      const head = found.head === undefined ? {} : { 'x-amz-meta-psp': found.head };
      response.writeHead(200, { etag: `"${found.etag}"`, 'content-length': found.body.length, ...head });
      response.end(request.method === 'HEAD' ? undefined : found.body);
    }
  }

  const stub: Stub = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    faults,
    requests,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return stub;
}

/** Answers with an error, as S3 does, and returns true. `text` goes into its message. */
export function refuse(response: ServerResponse, status: number, name: string, text = ''): true {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${name}</Code><Message>${text}</Message><Echo>${text}</Echo></Error>`;
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) });
  response.end(response.req.method === 'HEAD' ? undefined : body);
  return true;
}

function md5(body: Buffer): string {
  return createHash('md5').update(body).digest('hex');
}
