/** Cache Storage of the hard site: responses of every type that can be kept, and every part of them that a script sees. */
import type { PageCell } from '../cell.ts';
import { plainName, shortBytes } from './short.ts';

/** `elsewhere` is another origin of the same server. */
export async function seedCaches(elsewhere: string): Promise<void> {
  const first = await caches.open('first');
  await first.add('/cached?basic');
  await first.put('/cached?redirected', await fetch('/redirect'));
  await first.put('/cached?manual', await fetch('/redirect', { redirect: 'manual' }));
  await first.put('/cached?opaque', await fetch(`${elsewhere}/cached?opaque`, { mode: 'no-cors' }));
  await first.put('/cached?cors', await fetch(`${elsewhere}/cached?cors`, { mode: 'cors' }));
  const made = new Response(new Uint8Array([0, 255, 1]), { status: 201, statusText: 'Made here', headers: { 'x-own': 'yes, \u00ff' } });
  await first.put('/cached?made', made);
  await first.put('/cached?nothing', new Response(null, { status: 204 }));
  await first.put('/cached?empty', new Response(''));
  const asked = new Request('/cached?varied', { headers: { 'x-language': 'de', 'x-other': 'kept' } });
  await first.put(asked, new Response('deutsch', { headers: { vary: 'x-language' } }));
  await first.put('/cached?large', new Response(new Uint8Array(1_500_000).map((_, i) => i % 251)));
  const blob = new Blob(['typed'], { type: 'text/x-own; a="b"' });
  await first.put('/cached?typed', new Response(blob));
  await (await caches.open('')).put('/cached?of-no-name', new Response('x'));
  await (await caches.open('\u65e5 empty')).keys();
}

/** One response that tells this place from the others. */
export async function seedOwnCache(own: string, room: CacheStorage = caches): Promise<void> {
  await (await room.open('own')).put('/cached?own', new Response(own));
}

/** A cell for each cache, with its requests in order, and for each response. */
export async function lookAtCaches(group: PageCell['group'], room: CacheStorage = caches): Promise<PageCell[]> {
  const cells: PageCell[] = [];
  for (const name of await room.keys()) {
    const cache = await room.open(name);
    const requests = await cache.keys();
    const paths = requests.map(({ url }) => new URL(url).search);
    const own = { group, kind: 'cacheStorage' };
    cells.push({
      ...own,
      name: `cache ${plainName(name)}`,
      seen: paths.join(' '),
      within: [name, ...requests.map((_, index) => `${name} entry ${index}`)],
    });
    for (const [index, request] of requests.entries()) {
      const asked = [request.method, request.url, request.mode, request.credentials, ...request.headers].join(' ');
      const response = (await cache.match(request)) as Response;
      const { type, url, status, statusText, redirected } = response;
      const bytes = new Uint8Array(await response.clone().arrayBuffer());
      const body = response.body === null ? 'no body' : shortBytes(bytes);
      const seen = [asked, '->', type, url, status, statusText, redirected, ...[...response.headers].flat(), body].join(' ');
      cells.push({ ...own, name: `cache ${plainName(name)} ${paths[index]}`, seen, within: [name, `${name} entry ${index}`] });
    }
  }
  return cells;
}
