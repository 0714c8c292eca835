/**
 * Netscape cookies.txt, as curl, wget and yt-dlp read and write it: one cookie a line, seven columns with a tab between. There is no specification;
 * where programs differ, curl's lib/cookie.c decides.
 *
 *     .app.example  TRUE  /  TRUE  1900000000  name  value
 *     #HttpOnly_app.example  FALSE  /  FALSE  0  sid  value
 *
 *     1 domain, with or without a dot; `#HttpOnly_` in front is data      2 whether subdomains get it too
 *     3 path   4 only over TLS   5 seconds since the epoch, 0 (in Python's files nothing) for a session cookie   6 name   7 value
 */
import { PspError } from '../errors.ts';
import { splitDotDomain } from '../session/cookie-spelling.ts';
import type { Cookie, Session } from '../session/session.ts';
import {
  CookieList,
  clampTime,
  cookieSession,
  isHost,
  keepCookie,
  loseAllButCookies,
  loseDetails,
  type ReadOptions,
  type ReadResult,
  withoutPartitioned,
} from './cookie-file.ts';
import { type Loss, lose } from './loss.ts';
import { MAX_ENTRIES } from './place.ts';

const HTTP_ONLY = '#HttpOnly_';
const FORMAT = 'cookies.txt';
/** The first line, by which Python's MozillaCookieJar knows the format. */
const HEADER = '# Netscape HTTP Cookie File\n';

/**
 * The Session that the text of a cookies.txt describes. SameSite is unset: the format has none. Lines may end in CR LF; empty lines and comments are
 * skipped; of a cookie that comes twice the last line counts.
 *
 * @throws PspError FORMAT_MALFORMED with `/line/<n>` in `details.pointer`, counted from 1.
 */
export function readCookiesTxt(text: string, options: ReadOptions): ReadResult {
  const losses: Loss[] = [];
  const kept = new CookieList(losses);
  const lines = text.replace(/^\ufeff/, '').split('\n');
  if (lines.length > MAX_ENTRIES) throw malformed('', `at most ${MAX_ENTRIES} lines`, 'more');
  for (const [index, line] of lines.entries()) {
    const content = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (content.trim() === '' || (content.startsWith('#') && !content.startsWith(HTTP_ONLY))) continue;
    const pointer = `/line/${index + 1}`;
    kept.set(readLine(content, pointer, losses), pointer);
  }
  return { session: cookieSession('cookies-txt', kept.values(), options), losses };
}

function readLine(line: string, pointer: string, losses: Loss[]): Cookie {
  const httpOnly = line.startsWith(HTTP_ONLY);
  const columns = (httpOnly ? line.slice(HTTP_ONLY.length) : line).split('\t');
  // An editor that trims lines takes the tab before an empty value; curl reads that as it was.
  if (columns.length === 6) columns.push('');
  if (columns.length !== 7) throw malformed(pointer, '7 columns with a tab between', `${columns.length}`);
  const [host, subdomains, path, secure, seconds, name, value] = columns as [string, string, string, string, string, string, string];
  const { domain } = splitDotDomain(host);
  if (!isHost(domain)) throw malformed(pointer, 'a host in column 1', 'another string');
  if (!path.startsWith('/')) throw malformed(pointer, 'a path that begins with a slash in column 3', 'another string');
  if (!/^[0-9]{0,20}$/.test(seconds)) throw malformed(pointer, 'whole seconds in column 5', 'another string');
  return {
    name,
    value,
    domain,
    // The column decides, with or without a dot: so it does in curl.
    hostOnly: !readFlag(subdomains, 2, pointer),
    path,
    secure: readFlag(secure, 4, pointer),
    httpOnly,
    sameSite: 'unset',
    expiresAt: Number(seconds) === 0 ? null : clampTime(Number(seconds) * 1000, pointer, losses),
    partitionKey: null,
  };
}

function readFlag(text: string, column: number, pointer: string): boolean {
  const flag = text.toUpperCase();
  if (flag !== 'TRUE' && flag !== 'FALSE') throw malformed(pointer, `TRUE or FALSE in column ${column}`, 'another string');
  return flag === 'TRUE';
}

/**
 * The cookies.txt of a Session, to be saved in UTF-8, and what it cannot say. A cookie is dropped that is in a partition; that holds a tab, the end of
 * a line, NUL or half a surrogate pair; or that expired in the first second of 1970, which would read as a session cookie.
 */
export async function writeCookiesTxt(session: Session): Promise<{ text: string; losses: Loss[] }> {
  const losses: Loss[] = [];
  loseAllButCookies(session, FORMAT, losses);
  loseDetails(session.cookies, ['sameSite', 'createdAt', 'priority', 'sourceScheme', 'sourcePort'], FORMAT, losses);
  const lines = withoutPartitioned(session.cookies, FORMAT, losses).flatMap(([cookie, pointer]) => writeLine(cookie, pointer, losses));
  return { text: HEADER + lines.join(''), losses };
}

function writeLine(cookie: Cookie, pointer: string, losses: Loss[]): string[] {
  const { name, value, domain, hostOnly, path, secure, httpOnly, expiresAt } = cookie;
  const fits = [domain, path, name, value].every((text) => !/[\t\r\n\0]|\p{Surrogate}/u.test(text));
  if (!keepCookie(fits, pointer, 'it holds a character that a line of cookies.txt cannot', losses)) return [];
  const isSayable = expiresAt === null || expiresAt >= 1000;
  if (!keepCookie(isSayable, pointer, 'it expired in 1970, where the format says "session"', losses)) return [];
  if (expiresAt !== null && expiresAt % 1000 !== 0)
    lose(losses, `${pointer}/expiresAt`, 'lossy', 'cookies.txt counts whole seconds; cut to them');
  if (name === '') lose(losses, `${pointer}/name`, 'lossy', 'curl reads a cookie without a name as a name without a value');
  const columns = [
    `${httpOnly ? HTTP_ONLY : ''}${hostOnly ? '' : '.'}${domain}`,
    hostOnly ? 'FALSE' : 'TRUE',
    path,
    secure ? 'TRUE' : 'FALSE',
    expiresAt === null ? '0' : String(Math.floor(expiresAt / 1000)),
    name,
    value,
  ];
  return [`${columns.join('\t')}\n`];
}

function malformed(pointer: string, expected: string, came: string): PspError {
  const place = pointer === '' ? 'the file' : pointer;
  return new PspError('FORMAT_MALFORMED', `${FORMAT}: ${place}: expected ${expected}, got ${came}`, { details: { pointer } });
}
