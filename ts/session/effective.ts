/**
 * When each member of a session expires, all things considered: min(own, idle, parents'). Reads no clock: an expiry is a fact of the document, and only
 * `expiry.ts` and `purge.ts` hold it against a time. Semantics: `docs/ttl.md`.
 */
import { listMembers, type Member } from './member.ts';
import { compilePattern } from './pattern.ts';
import type { Session, TtlKind, TtlRule } from './session.ts';

/** The expiry of a member and where it comes from. Holds no value. */
export interface EffectiveExpiry {
  readonly member: Member;
  /** Milliseconds since the epoch; null when neither the member, a rule nor a parent ever expires. */
  readonly expiresAt: number | null;
  /** Pointer of the member whose expiry this is: the member itself or one of its parents. Null when nothing expires. */
  readonly cause: string | null;
  /** The rule that decided; null where the document itself says so (a cookie's, a bucket's or the session's own expiry). */
  readonly rule: TtlRule | null;
}

/**
 * The expiry of every member, in the order of the document, the session first. Guarantees: (1) never later than the member's own expiry, than any rule
 * that matches it, or than any parent's; (2) equal to one of those. Of equal times the most specific one is the cause.
 *
 * Costs O(members × rules of their kind); rules by pointer are looked up.
 */
export function effectiveExpiries(session: Session): readonly EffectiveExpiry[] {
  const rules = compileRules(session.ttl ?? []);
  const found = new Map<Member, EffectiveExpiry>();
  for (const member of listMembers(session)) {
    let earliest: EffectiveExpiry = {
      member,
      expiresAt: member.expiresAt,
      cause: member.expiresAt === null ? null : member.pointer,
      rule: null,
    };
    for (const { rule, deadline } of rules.matching(member)) {
      if (isBefore(deadline, earliest.expiresAt)) earliest = { member, expiresAt: deadline, cause: member.pointer, rule };
    }
    const parent = member.parent === null ? undefined : found.get(member.parent);
    if (parent !== undefined && isBefore(parent.expiresAt, earliest.expiresAt)) earliest = { ...parent, member };
    found.set(member, earliest);
  }
  return [...found.values()];
}

/** The expiry of the member at `pointer`, or null when no member is there. O(members × rules). */
export function effectiveExpiry(session: Session, pointer: string): EffectiveExpiry | null {
  return effectiveExpiries(session).find(({ member }) => member.pointer === pointer) ?? null;
}

/**
 * When a rule ends what it matches: min(`expiresAt`, `lastTouched + idleMs`), or null when it never does. The idle time of a rule that was never touched has not
 * begun.
 */
function ruleDeadline({ expiresAt, idleMs, lastTouched }: TtlRule): number | null {
  const idle = idleMs === undefined || lastTouched === undefined ? null : lastTouched + idleMs;
  if (expiresAt === undefined) return idle;
  return idle === null ? expiresAt : Math.min(expiresAt, idle);
}

interface CompiledRule {
  readonly rule: TtlRule;
  readonly deadline: number;
  readonly matches: (member: Member) => boolean;
}

interface CompiledRules {
  matching(member: Member): readonly CompiledRule[];
}

function compileRules(rules: readonly TtlRule[]): CompiledRules {
  const byPointer = new Map<string, CompiledRule[]>();
  const byKind = new Map<string, CompiledRule[]>();
  for (const rule of rules) {
    const deadline = ruleDeadline(rule);
    if (deadline === null) continue;
    const { target } = rule;
    if ('pointer' in target) append(byPointer, target.pointer, { rule, deadline, matches: () => true });
    else append(byKind, target.kind, { rule, deadline, matches: matcher(target) });
  }
  return {
    matching: (member) => [
      ...(byPointer.get(member.pointer) ?? []),
      ...(byKind.get(member.kind) ?? []).filter(({ matches }) => matches(member)),
    ],
  };
}

function matcher(target: { readonly kind: TtlKind; readonly origin?: string; readonly name?: string }): CompiledRule['matches'] {
  const { origin } = target;
  const hasName = target.name === undefined ? () => true : compilePattern(target.name);
  const host = origin !== undefined && URL.canParse(origin) ? new URL(origin).hostname : null;
  return (member) => hasName(member.name) && (origin === undefined || member.origin === origin || isSentTo(member, host));
}

/** A cookie knows no origin: it counts where its domain matches the host (RFC 6265bis section 5.1.3), whatever the scheme, port and path. */
export function isSentTo({ scope }: Member, host: string | null): boolean {
  if (scope === undefined || host === null) return false;
  return host === scope.domain || (!scope.hostOnly && host.endsWith(`.${scope.domain}`));
}

function isBefore(time: number | null, other: number | null): boolean {
  return time !== null && (other === null || time < other);
}

function append<T>(lists: Map<string, T[]>, key: string, entry: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [entry]);
  else list.push(entry);
}
