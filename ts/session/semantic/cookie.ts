/**
 * Cookies by RFC 6265bis and CHIPS: prefixes of names, limits, domains, identity. What a user agent would ignore or refuse is an error; what some of
 * them do otherwise is a warning.
 */
import { COOKIE_CAP_MS } from '../cookie-cap.ts';
import type { CookieShape, HeaderShape, StateShape } from '../generated/document.ts';
import { cookieIdentity } from '../identity.ts';
import type { IssueList } from '../issue.ts';
import { parseTime } from '../time.ts';
import { checkOrigin } from './origin.ts';
import { checkUnique } from './unique.ts';

/** RFC 6265bis section 5.6: name and value together, and the value of an attribute, in octets. */
const MAX_PAIR_OCTETS = 4096;
const MAX_ATTRIBUTE_OCTETS = 1024;

/** Every cookie of the state, and their identities. */
export function checkCookies(state: StateShape, header: HeaderShape, now: number | null, issues: IssueList): void {
  const updatedAt = parseTime(header.updatedAt);
  for (let i = 0; i < state.cookies.length && !issues.full; i++) {
    const cookie = state.cookies[i] as CookieShape;
    const at = `/cookies/${i}`;
    checkSize(cookie, at, issues);
    checkDomain(cookie, at, issues);
    checkPrefix(cookie, at, issues);
    checkFlags(cookie, at, issues);
    checkExpiry(cookie, at, now, updatedAt, issues);
  }
  // The same cookie has the same name: where each name stands once, no identity needs to be made.
  const names = new Set(state.cookies.map(({ name }) => name));
  if (names.size < state.cookies.length) checkUnique(state.cookies, cookieIdentity, (i) => `/cookies/${i}`, 'cookie', issues);
}

function checkSize({ name, value, path }: CookieShape, at: string, issues: IssueList): void {
  if (name === '' && value === '')
    issues.semantic('error', 'cookie-empty', at, 'a cookie has a name or a value; user agents ignore this one');
  // A code unit is one octet at least and three at most: most cookies need no counting.
  if ((name.length + value.length) * 3 > MAX_PAIR_OCTETS && countOctets(name) + countOctets(value) > MAX_PAIR_OCTETS)
    issues.semantic('error', 'cookie-too-large', at, `name and value have more than ${MAX_PAIR_OCTETS} octets; user agents ignore it`);
  if (path.length * 3 > MAX_ATTRIBUTE_OCTETS && countOctets(path) > MAX_ATTRIBUTE_OCTETS)
    issues.semantic(
      'warning',
      'cookie-attribute-too-large',
      `${at}/path`,
      `has more than ${MAX_ATTRIBUTE_OCTETS} octets; user agents ignore it`,
    );
}

function checkDomain({ domain, hostOnly }: CookieShape, at: string, issues: IssueList): void {
  if (!hostOnly && (domain.startsWith('[') || /(?:^|\.)(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?$/.test(domain)))
    issues.semantic('error', 'cookie-domain-address', `${at}/domain`, 'is an address: only a host-only cookie can have one');
  if (/[A-Z]/.test(domain)) issues.semantic('warning', 'cookie-domain-case', `${at}/domain`, 'user agents keep domains in lower case');
}

/** RFC 6265bis section 5.4: prefixes count in any case of letters. `__Http-` and `__Host-Http-` are of the drafts of 2025 that follow it. */
function checkPrefix({ name, value, secure, hostOnly, path, httpOnly }: CookieShape, at: string, issues: IssueList): void {
  if (name === '') {
    // A server would read the value of what has no name as a name.
    const severity = prefixSeverity(value);
    if (severity !== null) issues.semantic(severity, 'cookie-prefix', `${at}/value`, 'begins with a prefix of names, and there is no name');
    return;
  }
  const severity = prefixSeverity(name);
  if (severity === null) return;
  if (!secure) issues.semantic(severity, 'cookie-prefix', `${at}/secure`, 'must be true for the prefix of the name');
  if (startsWith(name, '__host-')) {
    if (!hostOnly) issues.semantic('error', 'cookie-prefix', `${at}/hostOnly`, 'must be true for the prefix __Host-');
    if (path !== '/') issues.semantic('error', 'cookie-prefix', `${at}/path`, 'must be / for the prefix __Host-');
  }
  if (!httpOnly && (startsWith(name, '__http-') || startsWith(name, '__host-http-')))
    issues.semantic('warning', 'cookie-prefix', `${at}/httpOnly`, 'must be true for the prefix of the name');
}

/** How bad it is to break the rules of the prefix that `text` has; null when it has none. User agents of before 2025 keep what breaks those of __Http-. */
function prefixSeverity(text: string): 'error' | 'warning' | null {
  if (startsWith(text, '__host-') || startsWith(text, '__secure-')) return 'error';
  return startsWith(text, '__http-') ? 'warning' : null;
}

function startsWith(text: string, prefix: string): boolean {
  return text.slice(0, prefix.length).toLowerCase() === prefix;
}

function checkFlags({ secure, sameSite, partitionKey }: CookieShape, at: string, issues: IssueList): void {
  if (sameSite === 'none' && !secure)
    issues.semantic('warning', 'cookie-same-site-insecure', `${at}/sameSite`, 'none without Secure: new user agents refuse it');
  if (partitionKey === null) return;
  if (!secure) issues.semantic('error', 'cookie-partitioned-insecure', `${at}/secure`, 'must be true for a partitioned cookie');
  checkOrigin(partitionKey.topLevelSite, `${at}/partitionKey/topLevelSite`, issues);
}

function checkExpiry({ expiresAt }: CookieShape, at: string, now: number | null, updatedAt: number | null, issues: IssueList): void {
  const ms = expiresAt === null ? null : parseTime(expiresAt);
  if (ms === null) return;
  if (now !== null && now >= ms) issues.semantic('notice', 'expired', `${at}/expiresAt`, 'the cookie is expired; it is not restored');
  else if (updatedAt !== null && ms > updatedAt + COOKIE_CAP_MS)
    issues.semantic('notice', 'cookie-lifetime', `${at}/expiresAt`, 'more than 400 days away: user agents shorten it');
}

/** Octets in UTF-8; a lone surrogate counts three, as its replacement does. */
function countOctets(text: string): number {
  let octets = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) octets += 1;
    else if (unit < 0x800) octets += 2;
    else if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      octets += 4;
      i++;
    } else octets += 3;
  }
  return octets;
}
