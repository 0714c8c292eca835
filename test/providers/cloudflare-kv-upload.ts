/**
 * A process that puts a large value and is killed on the way: it goes silent before write number `stopBefore` (0 and up: the chunks, then the
 * manifest), says so, and waits. Its argument is JSON.
 */
import { cloudflareKv } from '../../providers/cloudflare-kv.ts';

const { stopBefore, key, mib, ...where } = JSON.parse(process.argv[2] ?? '') as {
  stopBefore: number;
  key: string;
  mib: number;
  accountId: string;
  namespaceId: string;
  apiToken: string;
  baseUrl: string;
  prefix: string;
};
let writes = 0;

const stopping: typeof fetch = (input, init) => {
  if (init?.method !== 'PUT' || writes++ < stopBefore) return fetch(input, init);
  console.log('waiting');
  return new Promise(() => setInterval(() => {}, 1000));
};
await cloudflareKv({ ...where, fetch: stopping }).put(key, new Uint8Array(mib * 2 ** 20).fill(9));
