/** TTL rules: a target that exists and can expire, something to say, once, and no later than the session itself. */
import type { HeaderShape, StateShape, TtlRuleShape } from '../generated/document.ts';
import type { IssueList } from '../issue.ts';
import { parseTime } from '../time.ts';
import { checkOrigin } from './origin.ts';
import { SKEW_MS } from './time.ts';
import { checkUnique } from './unique.ts';

/** Every rule of `ttl`. */
export function checkTtl(header: HeaderShape, state: StateShape, now: number | null, issues: IssueList): void {
  const { ttl = [] } = state;
  const end = header.expiresAt === undefined ? null : parseTime(header.expiresAt);
  ttl.forEach((rule, i) => {
    if (issues.full) return;
    const at = `/ttl/${i}`;
    checkTarget(rule, state, at, issues);
    if (rule.expiresAt === undefined && rule.idleMs === undefined)
      issues.semantic('error', 'ttl-empty', at, 'has neither expiresAt nor idleMs: nothing expires');
    checkTimes(rule, at, end, now, issues);
  });
  checkUnique(
    ttl,
    ({ target }) => targetText(target),
    (i) => `/ttl/${i}/target`,
    'target',
    issues,
  );
}

function checkTarget({ target }: TtlRuleShape, state: StateShape, at: string, issues: IssueList): void {
  if (!('pointer' in target)) {
    // An origin that is written otherwise than a browser does is that of nothing.
    if (target.origin !== undefined) checkOrigin(target.origin, `${at}/target/origin`, issues);
    return;
  }
  if ('kind' in target || 'origin' in target || 'name' in target)
    issues.semantic('error', 'ttl-target', `${at}/target`, 'is a pointer, or a kind with or without origin and name, not both');
  if (!EXPIRABLE.test(target.pointer))
    issues.semantic('error', 'ttl-target', `${at}/target/pointer`, 'does not lead to an entry that can expire');
  else if (!exists(state, target.pointer))
    issues.semantic('error', 'ttl-target', `${at}/target/pointer`, 'leads to nothing that is in the state');
}

const INDEX = '(?:0|[1-9][0-9]{0,9})';
/** The session, or one of the members that `member.ts` lists: nothing inside one, such as a cookie's name or a store, expires alone. */
const EXPIRABLE = new RegExp(
  `^(?:|/(?:cookies|permissions|credentials)/${INDEX}` +
    `|/storage/${INDEX}(?:/(?:localStorage|indexedDB|caches|serviceWorkers|files)/${INDEX})?` +
    `|/tabs/${INDEX}(?:/sessionStorage/${INDEX}(?:/items/${INDEX})?)?)$`,
);

function exists(state: StateShape, pointer: string): boolean {
  let at: unknown = state;
  // No part of an expirable pointer has an escape.
  for (const part of pointer.split('/').slice(1)) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return false;
    at = (at as Readonly<Record<string, unknown>>)[part];
  }
  return true;
}

function checkTimes(
  { expiresAt, idleMs, lastTouched }: TtlRuleShape,
  at: string,
  end: number | null,
  now: number | null,
  issues: IssueList,
): void {
  if (idleMs !== undefined && lastTouched === undefined)
    issues.semantic('notice', 'ttl-untouched', at, 'has idleMs and was never touched: the idle time has not begun');
  const touched = lastTouched === undefined ? null : parseTime(lastTouched);
  if (now !== null && touched !== null && touched > now + SKEW_MS)
    issues.semantic('warning', 'time-future', `${at}/lastTouched`, 'is in the future');
  const ms = expiresAt === undefined ? null : parseTime(expiresAt);
  if (ms === null) return;
  if (now !== null && now >= ms)
    issues.semantic('notice', 'expired', `${at}/expiresAt`, 'what it names is expired: hidden from readers, not restored');
  if (end !== null && ms > end)
    issues.semantic('warning', 'ttl-beyond-session', `${at}/expiresAt`, 'is after the end of the session, which wins');
}

function targetText(target: TtlRuleShape['target']): string {
  return 'pointer' in target ? JSON.stringify([target.pointer]) : JSON.stringify([target.kind, target.origin ?? null, target.name ?? null]);
}
