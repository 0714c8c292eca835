/** Origins and sites in their one serialization (HTML Standard, "ASCII serialization of an origin"). */
import type { IssueList } from '../issue.ts';

/** Most origins: names that no URL parser writes otherwise. Their last label is no number, and none is in Punycode, which would have to be proven. */
const plainOrigin = /^https?:\/\/(?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*$/;

/** Reports an origin that a URL parser would write otherwise: a default port, upper case, an address in another base, letters that are not ASCII. */
export function checkOrigin(origin: string, pointer: string, issues: IssueList): void {
  if (plainOrigin.test(origin) && !origin.includes('xn--')) return; // a URL costs more than all else that is asked of a storage key
  if (originOf(origin) !== origin)
    issues.semantic('error', 'origin-not-canonical', pointer, 'is not the serialization of an origin: as a browser writes location.origin');
}

/** The origin of a URL, or null when it is none or has none. */
export function originOf(url: string): string | null {
  try {
    const { origin } = new URL(url);
    return origin === 'null' ? null : origin;
  } catch {
    // The platform quotes the text; all there is to know is that it is no URL.
    return null;
  }
}
