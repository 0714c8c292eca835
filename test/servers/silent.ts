/** Pages that hang: their script waits in a synchronous request that nobody answers, which takes no processor time, as a loop would. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SilentServer {
  /** `http://127.0.0.1:PORT/`, for {@link hang}. */
  readonly url: string;
  /** Resolves with the first request: then a page hangs. */
  readonly asked: Promise<void>;
  /** Lets the pages go on. */
  close(): Promise<void>;
}

export async function startSilentServer(): Promise<SilentServer> {
  const server = createServer();
  const asked = new Promise<void>((resolve) => server.once('request', () => resolve()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Runs in the page, in which nothing runs any more until `url` is answered or closes its connection. */
export function hang(url: string): void {
  const request = new XMLHttpRequest();
  request.open('GET', url, false);
  request.send();
}
