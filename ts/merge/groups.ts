/**
 * Groups of entries whose conflicts one writer wins together (law M11), so that no state arises that no browser ever had: one worker's session cookie with
 * another's nonce. By default the conflicting entries of one site. Entries without a conflict are not here: they are kept from both sides.
 */
import type { Candidate, Entry, EntryKind } from './entry.ts';
import { compareDots } from './entry.ts';
import { hostOf } from './place.ts';
import type { Ruling } from './policy/rules.ts';
import { comparePicks, type Pick } from './policy.ts';

/** Names the group of an entry, or null for an entry that is decided alone. Must be a pure function. */
export type GroupOf = (kind: EntryKind, path: readonly string[]) => string | null;

/** A conflict whose policy picked a candidate, before the group has its say. */
export interface Contested {
  readonly entry: Entry;
  readonly ruling: Ruling;
  readonly pick: Pick;
}

/** Kinds that a site writes itself and may keep its credentials in. */
const SITE_KINDS: ReadonlySet<EntryKind> = new Set([
  'cookie',
  'localStorage',
  'sessionStorage',
  'record',
  'cacheEntry',
  'file',
  'credential',
]);

/** One group for all that one site writes, whatever the subdomain; `siteOf` says what one site is. */
export const bySite: GroupOf = (kind, path) => {
  if (!SITE_KINDS.has(kind)) return null;
  const host = hostOf(kind, path);
  return host === null ? null : siteOf(host);
};

/** Second labels under which countries register names, where the registrable domain has three labels: `example.co.uk`. */
const REGISTRY_LABELS: ReadonlySet<string> = new Set([
  'ac',
  'co',
  'com',
  'edu',
  'go',
  'gob',
  'gov',
  'gv',
  'ltd',
  'mil',
  'ne',
  'net',
  'nom',
  'or',
  'org',
  'plc',
  'sch',
]);

/**
 * What is taken for the site of a host: its last two labels, or three under a country's own registry. An address is its own site. A guess, since no public
 * suffix list is bundled: where tenants share a domain (`github.io`) their conflicts are decided together, which tears nothing.
 */
export function siteOf(host: string): string {
  let site = sites.get(host);
  if (site === undefined) {
    if (sites.size >= MAX_SITES) sites.clear();
    site = guessSite(host);
    sites.set(host, site);
  }
  return site;
}

// Thousands of entries have a few hosts.
const MAX_SITES = 1024;
const sites = new Map<string, string>();

function guessSite(host: string): string {
  const labels = host.split('.');
  if (labels.length <= 2 || host.startsWith('[') || /^\d+(\.\d+){3}$/.test(host)) return host;
  const isCountry = labels[labels.length - 1]?.length === 2;
  const count = isCountry && REGISTRY_LABELS.has(labels[labels.length - 2] as string) ? 3 : 2;
  return labels.slice(-count).join('.');
}

/**
 * The winner of each conflict of one group, in the order of `contested`. The strongest decision leads: of entries that are not volatile before those that are, of the
 * rule that stands first, by the strongest ground (evidence before time), of the latest writer. Its writer wins every entry that it took part in; what is left
 * goes on in the same way. A writer never has two candidates in one entry, since a write replaces those it saw; of forged ones the last counts.
 */
export function decideGroup(contested: readonly Contested[]): readonly Candidate[] {
  const winners: Candidate[] = [];
  let undecided = contested.map((_, i) => i);
  while (undecided.length > 0) {
    let leader = contested[undecided[0] as number] as Contested;
    for (const i of undecided) if (compareLead(contested[i] as Contested, leader) > 0) leader = contested[i] as Contested;
    const { replica } = leader.pick.winner.dot;
    undecided = undecided.filter((i) => {
      const own = lastOf((contested[i] as Contested).entry.candidates, replica);
      if (own !== null) winners[i] = own;
      return own === null;
    });
  }
  return winners;
}

function lastOf(candidates: readonly Candidate[], replica: string): Candidate | null {
  for (let i = candidates.length - 1; i >= 0; i--) {
    const candidate = candidates[i] as Candidate;
    if (candidate.dot.replica === replica) return candidate;
  }
  return null;
}

/** Positive where `a` leads. Two decisions are never equal, unless one writer made both: then either may lead. */
function compareLead(a: Contested, b: Contested): number {
  return (
    Number(b.ruling.isVolatile) - Number(a.ruling.isVolatile) ||
    b.ruling.rank - a.ruling.rank ||
    comparePicks(a.pick, b.pick) ||
    compareDots(a.pick.winner.dot, b.pick.winner.dot)
  );
}
