/** Rules made ready for use: which policy an entry has, whether it is volatile, and how early in the list its rule stands. */
import { compilePattern } from '../../session/pattern.ts';
import type { EntryKind } from '../entry.ts';
import { type Place, placeOf } from '../place.ts';
import {
  firstWriter,
  keepBoth,
  lastWriter,
  longestLived,
  type Policy,
  type PolicyName,
  type PolicyRule,
  preferFreshToken,
} from '../policy.ts';
import type { StructureMode } from '../structure.ts';
import { mergeJson, mergeText } from './structured.ts';
import { union } from './union.ts';

/** What the rules say of one entry. */
export interface Ruling {
  readonly policy: Policy;
  readonly isVolatile: boolean;
  /** Place of the deciding rule in the list; greater than any where none fits. */
  readonly rank: number;
}

/** Gives the ruling of an entry. */
export type Rules = (kind: EntryKind, path: readonly string[]) => Ruling;

const NAMED: Readonly<Record<PolicyName, Policy>> = {
  'last-writer': lastWriter,
  'first-writer': firstWriter,
  'longest-lived': longestLived,
  'prefer-fresh-token': preferFreshToken,
  json: mergeJson,
  text: mergeText,
  union,
  'keep-both': keepBoth,
};

/**
 * The rules, ready for use. O(rules) for an entry.
 *
 * @throws TypeError for a policy of a name that there is not.
 */
export function compileRules(rules: readonly PolicyRule[]): Rules {
  const compiled = rules.map((rule, rank) => ({
    kind: rule.kind,
    fits: matcher(rule),
    policy: policyOf(rule, rank),
    isVolatile: rule.volatile,
    rank,
  }));
  const fallback: Ruling = { policy: lastWriter, isVolatile: false, rank: rules.length };
  return (kind, path) => {
    let place: Place | null = null;
    let ruling: Ruling | null = null;
    let isVolatile: boolean | undefined;
    for (const rule of compiled) {
      if (rule.kind !== undefined && rule.kind !== kind) continue;
      place ??= placeOf(kind, path);
      if (!rule.fits(place)) continue;
      isVolatile ??= rule.isVolatile;
      if (rule.policy !== null) ruling ??= { policy: rule.policy, isVolatile: false, rank: rule.rank };
    }
    return isVolatile === true ? { ...(ruling ?? fallback), isVolatile } : (ruling ?? fallback);
  };
}

/** Says how the value of an entry is merged inside; null where its rule does not ask for it. For whoever commits: see `structureFor`. */
export function structureModes(policies: readonly PolicyRule[]): (kind: EntryKind, path: readonly string[]) => StructureMode | null {
  const rules = compileRules(policies);
  return (kind, path) => rules(kind, path).policy.structure ?? null;
}

function policyOf({ policy }: PolicyRule, rank: number): Policy | null {
  if (policy === undefined) return null;
  if (typeof policy !== 'string') return policy;
  if (Object.hasOwn(NAMED, policy)) return NAMED[policy];
  throw new TypeError(`policies[${rank}].policy: expected ${Object.keys(NAMED).join(', ')} or a policy, got another name`);
}

function matcher({ origin, name }: PolicyRule): (place: Place) => boolean {
  const hasName = name === undefined ? () => true : compilePattern(name);
  const host = origin !== undefined && URL.canParse(origin) ? new URL(origin).hostname : null;
  return (place) => hasName(place.name) && (origin === undefined || place.origin === origin || isSentTo(place, host));
}

/** A cookie knows no origin: RFC 6265bis section 5.1.3. */
function isSentTo({ host: domain, hostOnly }: Place, host: string | null): boolean {
  if (hostOnly === undefined || domain === null || host === null) return false;
  return host === domain || (!hostOnly && host.endsWith(`.${domain}`));
}
