/**
 * What a value itself says about its age: when its token was issued and expires (`iat` and `exp` of a JSON Web Token, RFC 7519 section 4.1), and when the
 * browser lets it go. Where the order of two writes is not known this decides before their clocks do (law M10). Nothing is verified: a site that
 * forges its own tokens decides about its own entries.
 */
import { decodeBase64Text } from '../../kernel/text.ts';
import type { Candidate, EntryKind, EntryValue } from '../entry.ts';
import { compareCandidates } from '../entry.ts';
import { isMembers, textIn } from './text.ts';

/** Kinds of evidence, the strongest first. */
export type EvidenceKind = 'iat' | 'exp' | 'expiry';

/** What a value says. `iat` and `exp` are seconds, as tokens have them; `expiry` is milliseconds. */
export type Evidence = { readonly [kind in EvidenceKind]?: number };

/** The order in which kinds are asked about age. */
export const BY_AGE: readonly EvidenceKind[] = ['iat', 'exp', 'expiry'];
/** The order in which kinds are asked about the time that is left. */
export const BY_LIFE: readonly EvidenceKind[] = ['expiry', 'exp'];

/** Longer texts are looked at no further: tokens stand in short ones. */
export const MAX_EVIDENCE_UNITS = 65_536;

/** What the value of an entry says. Of several tokens in one value the latest times count. O(length). */
export function evidenceOf(kind: EntryKind, value: EntryValue | undefined): Evidence {
  const cookie = kind === 'cookie' && isMembers(value) ? value : null;
  const text = textIn(cookie === null ? value : cookie['value']);
  const claims = text === null ? {} : readTokens(text.slice(0, MAX_EVIDENCE_UNITS));
  const expiresAt = cookie?.['expiresAt'];
  // A session cookie never expires by the clock: RFC 6265bis section 5.7 gives it the latest date there is.
  if (expiresAt === null) return { ...claims, expiry: Number.POSITIVE_INFINITY };
  return typeof expiresAt === 'number' ? { ...claims, expiry: expiresAt } : claims;
}

/** When the value is gone by its own account, in milliseconds; null where it says nothing. Its token is the site's matter, not the browser's. */
export function ownExpiry(kind: EntryKind, value: EntryValue | undefined): number | null {
  if (!isMembers(value)) return null;
  const holder = kind === 'cookie' ? value : kind === 'origin' ? value['bucketPolicy'] : undefined;
  const expiresAt = isMembers(holder) ? holder['expiresAt'] : undefined;
  return typeof expiresAt === 'number' ? expiresAt : null;
}

/** Whether the value is gone by its own account at `now`. */
export function hasEnded(kind: EntryKind, value: EntryValue | undefined, now: number): boolean {
  const expiresAt = ownExpiry(kind, value);
  return expiresAt !== null && now >= expiresAt;
}

/** The one that evidence prefers, and which kind of evidence that was. */
export interface EvidentWinner {
  readonly winner: Candidate;
  readonly by: EvidenceKind;
  /** Greater for a stronger decision. */
  readonly weight: number;
}

/**
 * The candidate with the greatest evidence, or with `sign` -1 the least, of the first kind in `order` that all candidates have and that is not the same for all;
 * null where there is none. Of equal ones the next kind decides, then the stamps. A deletion has no evidence, so there is none where a deletion takes part.
 */
export function preferEvident(
  kind: EntryKind,
  candidates: readonly Candidate[],
  order: readonly EvidenceKind[],
  sign: 1 | -1 = 1,
): EvidentWinner | null {
  const evidence = candidates.map(({ value }) => evidenceOf(kind, value));
  const shared = order.filter((one) => evidence.every((each) => each[one] !== undefined));
  const deciding = shared.find((one) => evidence.some((each) => each[one] !== evidence[0]?.[one]));
  if (deciding === undefined) return null;
  let best = 0;
  for (let i = 1; i < candidates.length; i++) {
    const kindThatDiffers = shared.find((one) => evidence[i]?.[one] !== evidence[best]?.[one]);
    const difference =
      kindThatDiffers === undefined
        ? compareCandidates(candidates[i] as Candidate, candidates[best] as Candidate)
        : weigh(evidence[i], kindThatDiffers) - weigh(evidence[best], kindThatDiffers);
    if (difference * sign > 0) best = i;
  }
  return { winner: candidates[best] as Candidate, by: deciding, weight: weigh(evidence[best], deciding) * sign };
}

function weigh(evidence: Evidence | undefined, kind: EvidenceKind): number {
  return evidence?.[kind] ?? Number.NEGATIVE_INFINITY;
}

/** How every header and every payload that is a JSON object begins, in Base64url: `{"`. */
const TOKEN_START = 'eyJ';

/** Whatever stands around a token (quotes, `Bearer `, JSON, percent signs) is no character of one. */
const TOKEN_TEXT = /[A-Za-z0-9_.-]+/g;

function readTokens(text: string): Evidence {
  const found: { iat?: number; exp?: number } = {};
  if (!text.includes(TOKEN_START)) return found;
  for (const [run] of text.matchAll(TOKEN_TEXT)) {
    const parts = run.split('.');
    for (let i = 0; i + 2 < parts.length; i++) {
      const [header, payload] = [parts[i] as string, parts[i + 1] as string];
      if (!header.startsWith(TOKEN_START) || !payload.startsWith(TOKEN_START)) continue;
      const claims = readClaims(payload);
      for (const name of ['iat', 'exp'] as const) {
        const time = claims[name];
        if (typeof time === 'number') found[name] = Math.max(time, found[name] ?? time);
      }
    }
  }
  return found;
}

/** The claims in a payload, or none where it is not one: text that merely looks like a token is no fault. */
function readClaims(payload: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(new TextDecoder().decode(decodeBase64Text(payload, 'url'))) as Record<string, unknown>;
  } catch {
    return {};
  }
}
