/**
 * A page that hangs from the moment a test says so until it says so again, however slow the machine is: its script waits in a synchronous request that the
 * server does not answer.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HangingPage {
  /** `http://127.0.0.1:PORT/`. */
  readonly url: string;
  /** Resolves when the page hangs. It must be open. */
  hang(): Promise<void>;
  /** Lets the page go on, once it hangs. */
  release(): Promise<void>;
  close(): Promise<void>;
}

const PAGE = `<!doctype html><link rel="icon" href="data:,"><title>hangs when told to</title><script type="module">
  await fetch('/when');
  const request = new XMLHttpRequest();
  request.open('GET', '/held', false);
  request.send();
</script>`;

export async function startHangingPage(): Promise<HangingPage> {
  const server = createServer((request, response) => {
    if (request.url !== '/') return;
    response.setHeader('content-type', 'text/html');
    response.end(PAGE);
  });
  const askedFor = (path: string): Promise<ServerResponse> =>
    new Promise((resolve) => server.on('request', (request, response) => request.url === path && resolve(response)));
  const when = askedFor('/when');
  const held = askedFor('/held');
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async hang() {
      (await when).end();
      await held;
    },
    async release() {
      (await held).end();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
