/**
 * A Set-Cookie header -> a cookie, as a browser reads it: RFC 6265bis sections 5.1 and 5.6. Does not know the public suffix list, so a site that
 * names one as its domain is believed.
 */
import type { Cookie } from '../session/session.ts';
import { MAX_DOMAIN_LENGTH } from './cookie-file.ts';

/** Where and when a response came from. */
export interface ResponseOrigin {
  readonly url: URL;
  /** ms since the epoch: Max-Age counts from here. */
  readonly receivedAt: number;
}

/** A cookie whose expiry may be any number of ms, or why a browser would not keep it, or why we cannot. */
export type ParsedSetCookie = { readonly cookie: Cookie } | { readonly refused: string };

/** Longest name and value together that a browser takes, in bytes; here in UTF-16 units, which are fewer. A longer attribute it ignores. */
const MAX_PAIR_LENGTH = 4096;
const MAX_ATTRIBUTE_LENGTH = 1024;

/** Reads one Set-Cookie line. */
export function parseSetCookie(line: string, origin: ResponseOrigin): ParsedSetCookie {
  if (/[\0-\x08\x0a-\x1f\x7f]/.test(line)) return { refused: 'it holds a control character' };
  const [pair = '', ...attributes] = line.split(';');
  const equals = pair.indexOf('=');
  const name = equals < 0 ? '' : pair.slice(0, equals).trim();
  const value = pair.slice(equals + 1).trim();
  if (name === '' && value === '') return { refused: 'it has neither a name nor a value' };
  if (name.length + value.length > MAX_PAIR_LENGTH) return { refused: 'it is longer than browsers take' };
  return makeCookie({ name, value }, readAttributes(attributes), origin);
}

/** The attributes of a cookie by their names in lower case; of one that comes twice the last counts. */
export type SetCookieAttributes = ReadonlyMap<string, string>;

function readAttributes(parts: readonly string[]): SetCookieAttributes {
  const attributes = new Map<string, string>();
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    const value = equals < 0 ? '' : part.slice(equals + 1).trim();
    // What a browser cannot read it ignores, so that an earlier one counts.
    if (value.length > MAX_ATTRIBUTE_LENGTH) continue;
    if (name === 'max-age' && !/^-?[0-9]+$/.test(value)) continue;
    if (name === 'expires' && parseCookieDate(value) === null) continue;
    attributes.set(name, value);
  }
  return attributes;
}

/** The cookie that a response sets with these attributes. */
export function makeCookie(
  { name, value }: { name: string; value: string },
  attributes: SetCookieAttributes,
  { url, receivedAt }: ResponseOrigin,
): ParsedSetCookie {
  const host = url.hostname;
  const named = attributes.get('domain')?.replace(/^\./, '').toLowerCase() ?? '';
  if (named !== '' && !domainMatches(host, named)) return { refused: 'its domain is not that of the response' };
  if (attributes.has('partitioned')) return { refused: 'it is partitioned, and the file does not say by which site' };
  const path = attributes.get('path') ?? '';
  const cookie: Cookie = {
    name,
    value,
    domain: named === '' ? host : named,
    // An address has no subdomains: naming it changes nothing.
    hostOnly: named === '' || isAddress(host),
    path: path.startsWith('/') ? path : defaultPath(url),
    secure: attributes.has('secure'),
    httpOnly: attributes.has('httponly'),
    sameSite: SAME_SITES.get(attributes.get('samesite')?.toLowerCase() ?? '') ?? 'unset',
    expiresAt: expiryOf(attributes, receivedAt),
    createdAt: receivedAt,
    partitionKey: null,
  };
  return breaksPrefix(cookie) ? { refused: 'it does not keep the rules of the prefix of its name' } : { cookie };
}

const SAME_SITES = new Map<string, Cookie['sameSite']>([
  ['strict', 'strict'],
  ['lax', 'lax'],
  ['none', 'none'],
]);

function expiryOf(attributes: SetCookieAttributes, receivedAt: number): number | null {
  const maxAge = attributes.get('max-age');
  if (maxAge !== undefined) return Number(maxAge) <= 0 ? 0 : receivedAt + Number(maxAge) * 1000;
  const expires = attributes.get('expires');
  return expires === undefined ? null : parseCookieDate(expires);
}

/** Whether a cookie of `domain` goes to `host` (section 5.1.3). */
function domainMatches(host: string, domain: string): boolean {
  return host === domain || (host.endsWith(`.${domain}`) && !isAddress(host));
}

/** The domains whose cookies go to `host`, itself first; those that are too long for a cookie are left out, so that there are few. */
export function domainsFor(host: string): string[] {
  if (isAddress(host)) return [host];
  const domains = [host];
  for (let dot = host.indexOf('.', Math.max(0, host.length - MAX_DOMAIN_LENGTH)); dot >= 0; dot = host.indexOf('.', dot + 1)) {
    domains.push(host.slice(dot + 1));
  }
  return domains;
}

function isAddress(host: string): boolean {
  return host.startsWith('[') || /^[0-9.]+$/.test(host);
}

// Section 5.1.4: up to the last slash, without it.
function defaultPath({ pathname }: URL): string {
  const last = pathname.lastIndexOf('/');
  return last <= 0 ? '/' : pathname.slice(0, last);
}

/** Of a cookie without a name, servers see the value alone: a prefix there counts too (section 5.7). */
function breaksPrefix({ name, value, secure, hostOnly, path }: Cookie): boolean {
  const lower = (name === '' ? value : name).toLowerCase();
  if (lower.startsWith('__host-')) return !secure || !hostOnly || path !== '/';
  return lower.startsWith('__secure-') && !secure;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** A date as cookies have it (section 5.1.1), in ms since the epoch, or null: the parts may stand in any order. */
export function parseCookieDate(text: string): number | null {
  let time: number[] | null = null;
  let day: number | null = null;
  let month = -1;
  let year: number | null = null;
  for (const token of text.split(/[\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+/)) {
    const clock = /^([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[^0-9]|$)/.exec(token);
    if (time === null && clock !== null) time = clock.slice(1).map(Number);
    else if (day === null && /^[0-9]{1,2}(?:[^0-9]|$)/.test(token)) day = Number.parseInt(token, 10);
    else if (month < 0 && MONTHS.includes(token.slice(0, 3).toLowerCase())) month = MONTHS.indexOf(token.slice(0, 3).toLowerCase());
    else if (year === null && /^[0-9]{2,4}(?:[^0-9]|$)/.test(token)) year = Number.parseInt(token, 10);
  }
  if (time === null || day === null || month < 0 || year === null) return null;
  if (year < 70) year += 2000;
  else if (year < 100) year += 1900;
  const [hours, minutes, seconds] = time as [number, number, number];
  if (year < 1601 || hours > 23 || minutes > 59 || seconds > 59) return null;
  const date = new Date(Date.UTC(year, month, day, hours, minutes, seconds));
  // A day that its month does not have rolls over.
  return date.getUTCDate() === day ? date.getTime() : null;
}
