/**
 * Cookies by RFC 6265bis and CHIPS: prefixes of names, limits, domains, identity. What a user agent would ignore or refuse is an error; what some of
 * them do otherwise is a warning.
 */
import type { CookieShape, HeaderShape, StateShape } from '../generated/document.ts';
import { cookieIdentity } from '../identity.ts';
import type { IssueList } from '../issue.ts';
import { checkOrigin } from './origin.ts';
import { toMs } from './time.ts';
import { checkUnique } from './unique.ts';

/** RFC 6265bis section 5.6: name and value together, and the value of an attribute, in octets. */
const MAX_PAIR_OCTETS = 4096;
const MAX_ATTRIBUTE_OCTETS = 1024;
/** RFC 6265bis section 5.5: no cookie should live longer than 400 days. */
const MAX_LIFETIME_MS = 400 * 86_400_000;

/** Every cookie of the state, and their identities. */
export function checkCookies(state: StateShape, header: HeaderShape, now: number | null, issues: IssueList): void {
  const updatedAt = toMs(header.updatedAt);
  for (let i = 0; i < state.cookies.length && !issues.full; i++) {
    const cookie = state.cookies[i] as CookieShape;
    const at = `/cookies/${i}`;
    checkSize(cookie, at, issues);
    checkDomain(cookie, at, issues);
    checkPrefix(cookie, at, issues);
    checkFlags(cookie, at, issues);
    checkExpiry(cookie, at, now, updatedAt, issues);
  }
  checkUnique(state.cookies, cookieIdentity, (i) => `/cookies/${i}`, 'cookie', issues);
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

/** RFC 6265bis section 4.1.3: prefixes count in any case of letters. */
function checkPrefix(cookie: CookieShape, at: string, issues: IssueList): void {
  // What has no name has its prefix in the value, where a server would read it.
  const name = (cookie.name === '' ? cookie.value : cookie.name).slice(0, 16).toLowerCase();
  const host = name.startsWith('__host-');
  const http = name.startsWith('__http-') || name.startsWith('__host-http-');
  if ((host || http || name.startsWith('__secure-')) && !cookie.secure)
    issues.semantic('error', 'cookie-prefix', `${at}/secure`, 'must be true for the prefix of the name');
  if (host && !cookie.hostOnly) issues.semantic('error', 'cookie-prefix', `${at}/hostOnly`, 'must be true for the prefix __Host-');
  if (host && cookie.path !== '/') issues.semantic('error', 'cookie-prefix', `${at}/path`, 'must be / for the prefix __Host-');
  // New in drafts of 2025: user agents of before keep such cookies.
  if (http && !cookie.httpOnly) issues.semantic('warning', 'cookie-prefix', `${at}/httpOnly`, 'must be true for the prefix of the name');
}

function checkFlags({ secure, sameSite, partitionKey }: CookieShape, at: string, issues: IssueList): void {
  if (sameSite === 'none' && !secure)
    issues.semantic('warning', 'cookie-same-site-insecure', `${at}/sameSite`, 'none without Secure: new user agents refuse it');
  if (partitionKey === null) return;
  if (!secure) issues.semantic('error', 'cookie-partitioned-insecure', `${at}/secure`, 'must be true for a partitioned cookie');
  checkOrigin(partitionKey.topLevelSite, `${at}/partitionKey/topLevelSite`, issues);
}

function checkExpiry({ expiresAt }: CookieShape, at: string, now: number | null, updatedAt: number | null, issues: IssueList): void {
  const ms = expiresAt === null ? null : toMs(expiresAt);
  if (ms === null) return;
  if (now !== null && now >= ms) issues.semantic('notice', 'expired', `${at}/expiresAt`, 'the cookie is expired; it is not restored');
  else if (updatedAt !== null && ms > updatedAt + MAX_LIFETIME_MS)
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
