/**
 * The cloudflare-kv provider over real namespaces, as subjects of the conformance suite: by a binding inside workerd, over REST through a Worker of
 * ours in front of a binding, and over the part of Cloudflare's REST interface that miniflare has itself.
 */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { cloudflareKv } from '../../providers/cloudflare-kv.ts';
import type { ConformanceSubject } from '../../providers/conformance/conformance.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { type KvServer, startKv } from '../servers/miniflare.ts';
import { requireNewestNode } from '../servers/newest-node.ts';
import { explorerFetch } from './cloudflare-kv-explorer.ts';
import { freshFetch } from './cloudflare-kv-raw.ts';
import { remoteKv } from './cloudflare-kv-remote.ts';

/** A write of the local KV takes several milliseconds. */
const SCALE = 0.02;

/** The three ways to one namespace. */
export interface KvSubjects {
  readonly server: KvServer;
  readonly binding: ConformanceSubject;
  readonly rest: ConformanceSubject;
  readonly explorer: ConformanceSubject;
  stop(): Promise<void>;
}

/** Starts a namespace. Each provider gets a prefix of its own in it. Needs `requireMiniflare`. */
export async function startKvSubjects(): Promise<KvSubjects> {
  const server = await startKv(new URL('cloudflare-kv-worker.ts', import.meta.url));
  const { frontUrl, baseUrl, apiToken } = server;
  const { hostname, port } = new URL(frontUrl);

  const binding: ConformanceSubject = {
    name: 'cloudflare-kv (binding in workerd)',
    async make({ now }) {
      const prefix = newPrefix();
      return { provider: await remoteKv(server.workerUrl!, prefix, now), again: () => remoteKv(server.workerUrl!, prefix, now) };
    },
    scale: SCALE,
  };

  const rest: ConformanceSubject = {
    name: 'cloudflare-kv (REST)',
    async make({ now }) {
      const prefix = newPrefix();
      const open = (host: string, at: number | string): StorageProvider => {
        const url = new URL(frontUrl);
        url.host = `${host}:${at}`;
        return restKv(server, { prefix, now, baseUrl: url.href });
      };
      return {
        provider: open(hostname, port),
        again: async (address) => (address === undefined ? open(hostname, port) : open(address.host, address.port)),
        writer: [
          requireNewestNode('a writer of cloudflare-kv')!,
          fileURLToPath(new URL('cloudflare-kv-writer.ts', import.meta.url)),
          writerOptions(server, prefix),
        ],
      };
    },
    network: { host: hostname, port: Number(port) },
    secrets: [apiToken],
    scale: SCALE,
  };

  const explorer: ConformanceSubject = {
    name: 'cloudflare-kv (REST of miniflare)',
    async make({ now }) {
      const prefix = newPrefix();
      const open = (): StorageProvider => restKv(server, { prefix, now, baseUrl, fetch: explorerFetch });
      return { provider: open(), again: async () => open() };
    },
    secrets: [apiToken],
    scale: SCALE,
  };

  return { server, binding, rest, explorer, stop: server.stop };
}

/** A provider over REST, through our own Worker where nothing else is said. */
export function restKv(
  { namespaceId, apiToken, frontUrl }: Pick<KvServer, 'namespaceId' | 'apiToken' | 'frontUrl'>,
  options: { prefix?: string; now?: () => number; baseUrl?: string; fetch?: typeof fetch } = {},
): StorageProvider {
  return cloudflareKv({ accountId: 'any', namespaceId, apiToken, baseUrl: frontUrl, fetch: freshFetch, ...options });
}

/** A prefix that no other has. */
export function newPrefix(): string {
  return `${randomBytes(6).toString('hex')}/`;
}

/** The argument of cloudflare-kv-writer.ts. */
function writerOptions({ namespaceId, apiToken, frontUrl }: KvServer, prefix: string): string {
  return JSON.stringify({ namespaceId, apiToken, frontUrl, prefix });
}
