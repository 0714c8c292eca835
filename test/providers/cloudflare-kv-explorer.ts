/**
 * Cloudflare's addresses for miniflare's own REST interface ("local explorer"), which has values, keys and no more: no account in the path, and no
 * metadata, bulk writes or bulk deletes of their own. Those are asked for by what it has. An expiry it takes and forgets.
 */
import { freshFetch } from './cloudflare-kv-raw.ts';

const PATH = /\/accounts\/[^/]+(\/storage\/kv\/namespaces\/[^/]+)\/([^/?]+)(?:\/([^/?]*))?/;

/** `fetch` for a provider whose base URL is the explorer's. */
export const explorerFetch: typeof fetch = async (input, init = {}) => {
  const url = String(input);
  const [whole, namespace, collection, name = ''] = PATH.exec(url)!;
  const base = url.slice(0, url.indexOf(whole!)) + namespace;
  const { signal = null } = init;

  if (collection === 'metadata') {
    // Names are listed in order, so the first with this prefix is the name itself, if it is there.
    const response = await freshFetch(`${base}/keys?prefix=${name}&limit=10`, { signal });
    const { result } = (await response.json()) as { result: { name: string; metadata?: unknown }[] };
    const found = result.find((entry) => entry.name === decodeURIComponent(name));
    if (found !== undefined) return Response.json({ success: true, errors: [], result: found.metadata ?? null });
    return Response.json({ success: false, errors: [{ code: 10009 }] }, { status: 404 });
  }
  if (collection === 'bulk') {
    const entries = JSON.parse(String(init.body)) as (string | { key: string; value: string; metadata?: unknown })[];
    const failed: string[] = [];
    for (const entry of entries) {
      const key = typeof entry === 'string' ? entry : entry.key;
      const request = typeof entry === 'string' ? { method: 'DELETE' } : { method: 'PUT', body: formOf(entry) };
      const response = await freshFetch(`${base}/values/${encodeURIComponent(key)}`, { ...request, signal });
      if (!response.ok) failed.push(key);
    }
    return Response.json({ success: true, errors: [], result: { unsuccessful_keys: failed } });
  }
  return freshFetch(url.replace(whole!, whole!.replace(/^\/accounts\/[^/]+/, '')), init);
};

function formOf({ value, metadata }: { value: string; metadata?: unknown }): FormData {
  const form = new FormData();
  form.set('value', new Blob([Buffer.from(value, 'base64')]));
  if (metadata !== undefined) form.set('metadata', JSON.stringify(metadata));
  return form;
}
