/** Cookies of the hard site as its scripts see them. */
import type { PageCell } from '../cell.ts';
import { plainName, shortText } from './short.ts';

interface StoredCookie {
  readonly name?: string;
  readonly domain?: string | null;
  readonly path?: string;
  readonly expires?: number | null;
  readonly secure?: boolean;
  readonly sameSite?: string;
  readonly partitioned?: boolean;
}

/** Those that only a script sets. */
export function seedScriptCookies(): void {
  // biome-ignore lint/suspicious/noDocumentCookie: the site of a test, as most sites are.
  document.cookie = 'by-script=1; Path=/';
}

/** `document.cookie`, and the attributes that the Cookie Store API tells; times to the millisecond, as a session keeps them. */
export async function lookAtCookies(group: PageCell['group']): Promise<PageCell[]> {
  const own = { group, kind: 'cookie' };
  const cells = [...byName(document.cookie)].map(([name, value]) => ({
    ...own,
    name: plainName(`${name}`),
    seen: shortText(value),
    within: [name],
  }));
  const store = (globalThis as unknown as { cookieStore?: { getAll(): Promise<StoredCookie[]> } }).cookieStore;
  const attributes = new Map<string, string[]>();
  for (const { name = '', domain, path, expires, secure, sameSite, partitioned } of (await store?.getAll()) ?? []) {
    const facts = [domain, path, typeof expires === 'number' ? Math.round(expires) : 'session', secure, sameSite, partitioned].join();
    attributes.set(name, [...(attributes.get(name) ?? []), facts]);
  }
  for (const [name, facts] of attributes)
    cells.push({ ...own, name: `${plainName(name)}, attributes`, seen: facts.join(' and '), within: [name] });
  return cells;
}

/** Values by name, in order, where there are several. */
export function byName(header: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const pair of header === '' ? [] : header.split('; ')) {
    const at = pair.indexOf('=');
    const [name, value] = at < 0 ? ['', pair] : [pair.slice(0, at), pair.slice(at + 1)];
    found.set(name, found.has(name) ? `${found.get(name)} and ${value}` : value);
  }
  return found;
}
