/**
 * Attributes of a cookie as the DevTools protocol spells them, and with it WebDriver, Puppeteer and Playwright: a leading dot for a domain cookie, and
 * names with capitals. What has no spelling here (an unset SameSite) is a member that is absent there.
 */
import type { Cookie } from './session.ts';

export const SAME_SITE_NAMES = { none: 'None', lax: 'Lax', strict: 'Strict' } as const;
export const PRIORITY_NAMES = { low: 'Low', medium: 'Medium', high: 'High' } as const;
export const SCHEME_NAMES = { unset: 'Unset', secure: 'Secure', 'non-secure': 'NonSecure' } as const;

/** The ways back. */
export const SAME_SITES: ReadonlyMap<unknown, keyof typeof SAME_SITE_NAMES> = inverse(SAME_SITE_NAMES);
export const PRIORITIES: ReadonlyMap<unknown, keyof typeof PRIORITY_NAMES> = inverse(PRIORITY_NAMES);
export const SCHEMES: ReadonlyMap<unknown, keyof typeof SCHEME_NAMES> = inverse(SCHEME_NAMES);

/** The domain with a leading dot unless the cookie is host-only. */
export function dotDomain(cookie: Pick<Cookie, 'domain' | 'hostOnly'>): string {
  return cookie.hostOnly ? cookie.domain : `.${cookie.domain}`;
}

/** What a domain with or without a leading dot says. */
export function splitDotDomain(text: string): Pick<Cookie, 'domain' | 'hostOnly'> {
  const hostOnly = !text.startsWith('.');
  return { domain: hostOnly ? text : text.slice(1), hostOnly };
}

function inverse<Name extends string>(names: Readonly<Record<Name, string>>): ReadonlyMap<unknown, Name> {
  return new Map((Object.keys(names) as Name[]).map((name) => [names[name], name]));
}
