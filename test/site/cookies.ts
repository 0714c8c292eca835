/** The cookies that the hard site sets, by page: every attribute, names and values at the edges of RFC 6265bis, and several of one name. */

const FAR = 'Max-Age=8640000';

/** `Set-Cookie` fields of each page, in the order in which they are set. */
export function cookiesOf(role: string, sid: string): readonly string[] {
  return COOKIES[role]?.map((field) => field.replace('$SID', sid)) ?? [];
}

const COOKIES: Readonly<Record<string, readonly string[]>> = {
  '/tab-one': [
    'sid=$SID; Path=/; HttpOnly; SameSite=Lax',
    'unset=1',
    'lax=1; SameSite=Lax',
    'strict=1; SameSite=Strict; Path=/',
    'none=1; SameSite=None; Secure; Path=/',
    'secure=1; Secure; Path=/',
    'http-only=1; HttpOnly; Path=/',
    `kept=1; Path=/; ${FAR}`,
    `kept-exactly=1; Path=/; Expires=${new Date(Date.now() + 90 * 86_400_000).toUTCString()}`,
    `too-far=1; Path=/; Max-Age=${10 * 365 * 86_400}`,
    'low=1; Path=/; Priority=Low',
    'high=1; Path=/; Priority=High',
    'of-domain=1; Path=/; Domain=alpha.localhost',
    'deep=1; Path=/tab-one',
    'deep=2; Path=/',
    'elsewhere=1; Path=/nobody/looks/here',
    // Two of one name, and no rule but age to say which comes first.
    'host-first=host; Path=/',
    'host-first=domain; Path=/; Domain=alpha.localhost',
    'domain-first=domain; Path=/; Domain=alpha.localhost',
    'domain-first=host; Path=/',
    'empty=; Path=/',
    '=nameless; Path=/',
    'quoted="a b, c"; Path=/',
    'equals=a=b==; Path=/',
    'utf8=\u00e6\u00a5\u00e6; Path=/',
    "!#$%&'*+-.^_`|~=odd name; Path=/",
    `long=${'x'.repeat(4000)}; Path=/`,
    '__Secure-prefix=1; Secure; Path=/',
    '__Host-prefix=1; Secure; HttpOnly; Path=/',
    'kept-unset-none=1; Path=/; Secure; SameSite=Whatever',
  ],
  '/tls': [
    'over-tls=1; Path=/',
    'over-tls-secure=1; Secure; SameSite=None; Path=/',
    '__Host-tls=1; Secure; Path=/; HttpOnly; SameSite=Strict',
    '__Host-own-partition=1; Secure; Path=/; SameSite=None; Partitioned',
  ],
  '/sub': ['sub=1; Path=/', 'sub-of-domain=1; Path=/; Domain=alpha.localhost', 'of-sub=1; Path=/; Domain=www.alpha.localhost'],
  '/first': ['beta=1; Path=/; SameSite=None; Secure', 'beta-lax=1; Path=/; SameSite=Lax'],
  '/frame': [
    '__Host-chips=1; Secure; HttpOnly; Path=/; SameSite=None; Partitioned',
    `chips-seen=1; Secure; Path=/; SameSite=None; Partitioned; ${FAR}`,
    'of-third-party=1; Secure; Path=/; SameSite=None',
  ],
  '/below': ['__Host-below=1; Secure; Path=/; SameSite=None; Partitioned'],
};
