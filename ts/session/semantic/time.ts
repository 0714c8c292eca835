/**
 * Times: days that the calendar has, the order of a session's own times, and what lies in the future. The schema has checked the form already.
 */
import type { HeaderShape, StateShape } from '../generated/document.ts';
import type { IssueList } from '../issue.ts';
import { parseTime } from '../time.ts';

/** A clock may be this far ahead without a word. */
export const SKEW_MS = 60_000;
const CENTURY_MS = 100 * 365.25 * 86_400_000;

/** Every time of the documents. */
export function checkTimes(header: HeaderShape, state: StateShape, now: number | null, issues: IssueList): void {
  const latest = (now ?? parseTime(header.updatedAt) ?? Number.POSITIVE_INFINITY) + CENTURY_MS;
  for (const [pointer, time] of times(header, state)) {
    if (issues.full) return;
    const ms = parseTime(time);
    if (ms === null) issues.semantic('error', 'time-calendar', pointer, 'is not a day of the calendar from 1970 on');
    else if (ms > latest)
      issues.semantic(
        'warning',
        'time-unit',
        pointer,
        'is more than a century away; a number of milliseconds may have been read as seconds',
      );
  }
  checkOrder(header, now, issues);
}

function checkOrder(header: HeaderShape, now: number | null, issues: IssueList): void {
  const createdAt = parseTime(header.createdAt);
  const updatedAt = parseTime(header.updatedAt);
  const expiresAt = header.expiresAt === undefined ? null : parseTime(header.expiresAt);
  if (createdAt === null || updatedAt === null) return;
  if (updatedAt < createdAt) issues.semantic('error', 'time-order', '/updatedAt', 'is before createdAt');
  if (expiresAt !== null && expiresAt < createdAt) issues.semantic('error', 'time-order', '/expiresAt', 'is before createdAt');
  if (now === null) return;
  if (createdAt > now + SKEW_MS) issues.semantic('warning', 'time-future', '/createdAt', 'is in the future');
  if (updatedAt > now + SKEW_MS) issues.semantic('warning', 'time-future', '/updatedAt', 'is in the future');
  if (expiresAt !== null && now >= expiresAt) issues.semantic('notice', 'expired', '/expiresAt', 'the session is expired');
}

function* times(header: HeaderShape, state: StateShape): IterableIterator<[pointer: string, time: string]> {
  yield ['/createdAt', header.createdAt];
  yield ['/updatedAt', header.updatedAt];
  if (header.expiresAt !== undefined) yield ['/expiresAt', header.expiresAt];
  for (const [i, { expiresAt, createdAt }] of state.cookies.entries()) {
    if (expiresAt !== null) yield [`/cookies/${i}/expiresAt`, expiresAt];
    if (createdAt !== undefined) yield [`/cookies/${i}/createdAt`, createdAt];
  }
  for (const [i, { bucketPolicy, files }] of state.storage.entries()) {
    if (typeof bucketPolicy?.expiresAt === 'string') yield [`/storage/${i}/bucketPolicy/expiresAt`, bucketPolicy.expiresAt];
    for (const [f, { lastModified }] of (files ?? []).entries()) {
      if (lastModified !== undefined) yield [`/storage/${i}/files/${f}/lastModified`, lastModified];
    }
  }
  for (const [i, { expiresAt, lastTouched }] of (state.ttl ?? []).entries()) {
    if (expiresAt !== undefined) yield [`/ttl/${i}/expiresAt`, expiresAt];
    if (lastTouched !== undefined) yield [`/ttl/${i}/lastTouched`, lastTouched];
  }
}
