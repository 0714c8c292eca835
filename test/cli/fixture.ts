/**
 * What the tests of the command share: folders that are removed again, a session that has something of every kind, a browser to look into,
 * and a relay that sees every DevTools command on its way.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { RECORDS_MEDIA_TYPE, RecordWriter } from '../../ts/session/clone/records.ts';
import { type Session, section } from '../../ts/session/session.ts';
import { launchChromium, type RunningChromium } from '../servers/chromium.ts';

/** A fresh folder that is gone after the test. */
export function freshFolder(): string {
  const folder = makeFolder();
  onTestFinished(() => removeFolder(folder));
  return folder;
}

export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), 'psp-cli-'));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** A running Chromium and Playwright's view of it, to log in and to look. */
export interface Browser extends RunningChromium {
  readonly context: BrowserContext;
}

export async function startBrowser(): Promise<Browser> {
  const running = await launchChromium();
  const connected = await chromium.connectOverCDP(running.cdpUrl);
  const context = connected.contexts()[0];
  if (context === undefined) throw new Error('Chromium has no default context');
  return {
    ...running,
    context,
    async close() {
      await connected.close();
      await running.close();
    },
  };
}

/** A session with a cookie, a localStorage item, a database record and a tab; `secret` is the value of each. */
export function makeSession(secret: string): Session {
  const origin = 'http://app.example';
  const key = { origin, topLevelSite: null };
  const records = new RecordWriter();
  for (let number = 1; number <= 200; number++) records.add(number, { secret, number });
  return {
    id: 'session-1',
    incarnation: 'incarnation-1',
    revision: 0,
    createdAt: 1_700_000_000_000,
    updatedAt: 1_700_000_000_000,
    source: { tool: 'cdp' },
    coverage: { cookies: 'complete', tabs: 'complete', storage: [{ key, localStorage: 'complete', indexedDB: 'complete' }] },
    cookies: [
      {
        name: 'sid',
        value: secret,
        domain: 'app.example',
        hostOnly: true,
        path: '/',
        secure: false,
        httpOnly: true,
        sameSite: 'lax',
        expiresAt: null,
        partitionKey: null,
      },
    ],
    storage: [
      {
        key,
        localStorage: [['token', secret]],
        indexedDB: [
          {
            name: 'app',
            version: 1,
            stores: [
              {
                name: 'items',
                keyPath: null,
                autoIncrement: false,
                indexes: [],
                recordCount: 200,
                records: section(records.take(), RECORDS_MEDIA_TYPE),
              },
            ],
          },
        ],
      },
    ],
    tabs: [{ id: 'tab-1', url: `${origin}/?token=${secret}#${secret}`, sessionStorage: [{ key, items: [['nonce', secret]] }] }],
  };
}

/** A DevTools address that leads to another one. */
export interface Relay {
  readonly url: string;
  /** Cuts off every client at once, as a browser does that dies. The browser itself stays. */
  cut(): void;
  close(): Promise<void>;
}

/**
 * Relays DevTools between its clients and the browser at `cdpUrl`. `onCommand` sees the method of each command before the browser does and
 * is waited for: what it does happens in the middle of that command. When the browser goes away its clients are cut off.
 */
export async function startRelay(cdpUrl: string, onCommand: (method: string) => Promise<void> | void): Promise<Relay> {
  const version = (await (await fetch(`${cdpUrl}/json/version`)).json()) as { webSocketDebuggerUrl: string };
  const server = createServer((_request, response) => {
    const webSocketDebuggerUrl = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    response.end(JSON.stringify({ ...version, webSocketDebuggerUrl }));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (client) => {
    const browser = new WebSocket(version.webSocketDebuggerUrl, { perMessageDeflate: false });
    // One after the other, in the order they came: what waits for `onCommand` holds what comes later.
    let turn = new Promise<void>((resolve) => browser.once('open', () => resolve()));
    client.on('message', (data) => {
      const text = String(data);
      const { method } = JSON.parse(text) as { method: string };
      turn = turn.then(async () => {
        await onCommand(method);
        if (browser.readyState === WebSocket.OPEN) browser.send(text);
      });
    });
    browser.on('message', (data) => client.send(String(data)));
    browser.on('close', () => client.terminate());
    browser.on('error', () => client.terminate());
    client.on('close', () => browser.terminate());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const client of sockets.clients) client.terminate();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    close: () =>
      new Promise((resolve) => {
        cut();
        sockets.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
