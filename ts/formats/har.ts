/**
 * HAR 1.2 -> the cookies that its responses set. A HAR is a log: entries are read in order, a later Set-Cookie replaces or deletes what an earlier one
 * set, and that is no loss. Set-Cookie headers are read where an entry has them, else `response.cookies`, which say less. What requests merely
 * sent has neither domain nor attributes, and is reported. There is no writer: a log of requests cannot be made from a Session.
 */
import { cookieIdentity } from '../session/identity.ts';
import type { Cookie } from '../session/session.ts';
import { clampTime, cookieFlaw, cookieSession, type ReadOptions, type ReadResult } from './cookie-file.ts';
import { type Loss, lose } from './loss.ts';
import { Place } from './place.ts';
import { domainsFor, makeCookie, type ParsedSetCookie, parseSetCookie, type ResponseOrigin } from './set-cookie.ts';

/**
 * The Session with the cookies that the responses of a parsed HAR left behind, as of its last entry.
 *
 * @throws PspError FORMAT_MALFORMED for a member of a wrong type, with its JSON Pointer in `details.pointer`.
 */
export function readHar(json: unknown, options: ReadOptions): ReadResult {
  const losses: Loss[] = [];
  const entries = new Place('HAR', json).member('log').member('entries').items();
  const jar: Jar = { kept: new Map(), domainsOf: new Map() };
  for (const entry of entries) readResponse(entry, jar, losses);
  reportUnset(entries, jar, losses);
  return { session: cookieSession('har', [...jar.kept.values()], options), losses };
}

/** The cookies as of the entry that is read, and the domains of all that were set by a name, deleted ones too. */
interface Jar {
  readonly kept: Map<string, Cookie>;
  readonly domainsOf: Map<string, Set<string>>;
}

function readResponse(entry: Place, jar: Jar, losses: Loss[]): void {
  const url = readUrl(entry);
  if (url === null) return;
  const origin = { url, receivedAt: readReceived(entry) };
  const response = entry.member('response');
  const headers = (response.nullable('headers')?.items() ?? []).filter((header) => /^set-cookie$/i.test(header.member('name').string()));
  // Recorders join several headers of one name with line feeds.
  const lines = headers.flatMap((header) => {
    const value = header.member('value');
    return value
      .string()
      .split('\n')
      .map((line) => ({ parsed: parseSetCookie(line, origin), pointer: value.pointer }));
  });
  const cookies = response.nullable('cookies')?.items() ?? [];
  const found = lines.length > 0 ? lines : cookies.map((cookie) => ({ parsed: readCookie(cookie, origin), pointer: cookie.pointer }));
  for (const { parsed, pointer } of found) keep(parsed, pointer, origin, jar, losses);
}

function keep(parsed: ParsedSetCookie, pointer: string, { receivedAt }: ResponseOrigin, { kept, domainsOf }: Jar, losses: Loss[]): void {
  if ('refused' in parsed) {
    lose(losses, pointer, 'dropped', parsed.refused);
    return;
  }
  const { cookie } = parsed;
  const flaw = cookieFlaw(cookie);
  if (flaw !== null) {
    lose(losses, pointer, 'dropped', flaw);
    return;
  }
  const identity = cookieIdentity(cookie);
  domainsOf.set(cookie.name, (domainsOf.get(cookie.name) ?? new Set()).add(cookie.domain));
  // Browsers keep the time of creation of the cookie that is replaced.
  const createdAt = kept.get(identity)?.createdAt ?? receivedAt;
  if (cookie.expiresAt === null) kept.set(identity, { ...cookie, createdAt });
  else if (cookie.expiresAt <= receivedAt) kept.delete(identity);
  else kept.set(identity, { ...cookie, createdAt, expiresAt: clampTime(cookie.expiresAt, pointer, losses) });
}

/** A cookie object of a response; the members that it leaves out are what the header did not have. */
function readCookie(place: Place, origin: ResponseOrigin): ParsedSetCookie {
  const pair = { name: place.member('name').string(), value: place.member('value').string() };
  const attributes = new Map<string, string>();
  for (const name of ['domain', 'path', 'sameSite']) {
    const text = place.nullable(name)?.string() ?? '';
    if (text !== '') attributes.set(name.toLowerCase(), text);
  }
  for (const name of ['secure', 'httpOnly']) {
    if (place.nullable(name)?.boolean() === true) attributes.set(name.toLowerCase(), '');
  }
  const expires = place.nullable('expires');
  if (expires === null || expires.string() === '') return makeCookie(pair, attributes, origin);
  const expiresAt = readTime(expires);
  const parsed = makeCookie(pair, attributes, origin);
  return 'refused' in parsed ? parsed : { cookie: { ...parsed.cookie, expiresAt } };
}

// Data and extension URLs set no cookies.
function readUrl(entry: Place): URL | null {
  const place = entry.member('request').member('url');
  const text = place.string();
  if (!/^(https?|wss?):/i.test(text)) return null;
  try {
    return new URL(text);
  } catch {
    throw place.malformed('a URL', 'another string');
  }
}

function readReceived(entry: Place): number {
  const started = readTime(entry.member('startedDateTime'));
  // Negative where the recorder does not know.
  return Math.max(0, Math.round(started + Math.max(0, entry.nullable('time')?.number() ?? 0)));
}

function readTime(place: Place): number {
  const text = place.string();
  const ms = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:?[0-9]{2})$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw place.malformed('a time in ISO 8601', 'another string');
  return ms;
}

/** One loss for each cookie that was sent to a host and that no response set: the first place where it was sent. */
function reportUnset(entries: readonly Place[], { domainsOf }: Jar, losses: Loss[]): void {
  const reported = new Set<string>();
  for (const entry of entries) {
    const url = readUrl(entry);
    for (const sent of url === null ? [] : (entry.member('request').nullable('cookies')?.items() ?? [])) {
      const name = sent.member('name').string();
      const host = (url as URL).hostname;
      const sentKey = JSON.stringify([host, name]);
      const domains = domainsOf.get(name);
      if (reported.has(sentKey) || (domains !== undefined && domainsFor(host).some((domain) => domains.has(domain)))) continue;
      reported.add(sentKey);
      lose(losses, sent.pointer, 'dropped', 'it was sent, but no response in the file sets it: its domain and attributes are not known');
    }
  }
}
