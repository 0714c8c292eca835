/**
 * Whether parsed JSON is a session: the schema stage, run by code that is generated from `schema/` (no evaluation at run time), then the semantic
 * stage, the rules that no schema can say. Names the place and the rule of a fault, never a value. A Session is judged by `check.ts`.
 */
import { PspError } from '../errors.ts';
import type { HeaderShape, StateShape } from './generated/document.ts';
import { type DocumentPart, findFaults, SCHEMA_VERSIONS, type SchemaFault } from './generated/validator.ts';
import { hasError, type Issue, IssueList, type SchemaCode } from './issue.ts';
import { checkCookies } from './semantic/cookie.ts';
import { checkDatabases } from './semantic/indexeddb.ts';
import { checkSections } from './semantic/section.ts';
import { checkStorage } from './semantic/storage.ts';
import { checkTabs } from './semantic/tab.ts';
import { checkTimes } from './semantic/time.ts';
import { checkTtl } from './semantic/ttl.ts';
import { isVersion, readableAs, unsupported } from './version.ts';

const NEWEST = SCHEMA_VERSIONS[SCHEMA_VERSIONS.length - 1] as string;

/** How to validate. */
export interface ValidateOptions {
  /** Milliseconds since the epoch. Without it, nothing is said about what is expired or in the future. */
  readonly now?: number;
  /** Stops after this many issues; 100 unless told. */
  readonly maxIssues?: number;
}

/** Issues that are reported unless told otherwise. */
export const MAX_ISSUES = 100;

/**
 * Returns when `header` is a header by the schema of `version`, or else of the version that it names (a newer minor is read by the newest schema of
 * its major that is known). Stops at the first fault: fast.
 *
 * @throws PspError `SESSION_INVALID` with `details.pointer` (RFC 6901) and `details.rule`; `SESSION_UNSUPPORTED_VERSION` for another major.
 */
export function assertHeader(header: unknown, version: string = versionOf(header) ?? NEWEST): void {
  assertShape('header', version, header);
}

/**
 * Returns when `state` is a state by the schema of `version`, the newest unless told. Stops at the first fault.
 *
 * @throws PspError as {@link assertHeader}.
 */
export function assertState(state: unknown, version: string = NEWEST): void {
  assertShape('state', version, state);
}

function assertShape(part: DocumentPart, version: string, document: unknown): void {
  const known = readableAs(version, SCHEMA_VERSIONS);
  if (known === null) throw unsupported(version, SCHEMA_VERSIONS);
  const [fault] = findFaults(part, known, document, 1);
  if (fault !== undefined) throw invalid(part, fault.pointer, fault.keyword);
}

/**
 * Every issue of the two documents of a session, up to a number: those of the schema, and when it finds no error, those of the rules beyond it. Does
 * not see the content of sections. O(size of the documents).
 */
export function validateDocument(header: unknown, state: unknown, options: ValidateOptions = {}): Issue[] {
  const issues = new IssueList(options.maxIssues ?? MAX_ISSUES);
  const named = versionOf(header);
  const version = readableAs(named ?? NEWEST, SCHEMA_VERSIONS);
  if (version === null) {
    // One issue that names both, and no list of members that another version may have moved.
    issues.semantic(
      'error',
      'unsupported-version',
      '/psp',
      `the document has version ${named}; known are ${SCHEMA_VERSIONS.join(' and ')}`,
    );
    return issues.take();
  }
  addFaults('header', version, header, issues);
  addFaults('state', version, state, issues);
  const found = issues.take();
  if (hasError(found)) return found;
  // The rules read what has the shape of the newest schema; an older one only lacks members.
  checkMeaning(header as HeaderShape, state as StateShape, options.now ?? null, issues);
  return issues.take();
}

/** The issues of the rules that no schema can say, of documents that {@link assertHeader} and {@link assertState} have let pass. */
export function validateMeaning(header: unknown, state: unknown, options: ValidateOptions = {}): Issue[] {
  const issues = new IssueList(options.maxIssues ?? MAX_ISSUES);
  checkMeaning(header as HeaderShape, state as StateShape, options.now ?? null, issues);
  return issues.take();
}

function checkMeaning(header: HeaderShape, state: StateShape, now: number | null, issues: IssueList): void {
  checkTimes(header, state, now, issues);
  checkCookies(state, header, now, issues);
  checkStorage(state, issues);
  checkDatabases(state, issues);
  checkTabs(state, issues);
  checkTtl(header, state, now, issues);
  checkSections(header, state, issues);
}

function addFaults(part: DocumentPart, version: string, document: unknown, issues: IssueList): void {
  if (issues.full) return;
  for (const fault of findFaults(part, version, document, issues.left)) {
    const code = fault.keyword as SchemaCode;
    issues.add({ code, pointer: fault.pointer, message: describeFault(fault), severity: 'error', stage: 'schema' });
  }
}

function describeFault({ keyword, expected }: SchemaFault): string {
  switch (keyword as SchemaCode) {
    case 'type':
      return `must be ${[expected].flat().join(' or ')}`;
    case 'enum':
      return `must be one of ${(expected as unknown[]).join(', ')}`;
    case 'const':
      return `must be ${String(expected)}`;
    case 'required':
      return 'is missing';
    case 'pattern':
      return 'does not have the form that the schema asks for';
    case 'minLength':
      return `must have at least ${expected} characters`;
    case 'maxLength':
      return `must have at most ${expected} characters`;
    case 'minimum':
      return `must be at least ${expected}`;
    case 'maximum':
      return `must be at most ${expected}`;
    case 'minItems':
      return `must have at least ${expected} items`;
    case 'maxItems':
      return `must have at most ${expected} items`;
  }
}

/** The version that a header names, or null when it names none in the right form. */
function versionOf(header: unknown): string | null {
  const version = typeof header === 'object' && header !== null ? (header as { psp?: unknown }).psp : undefined;
  return isVersion(version) ? version : null;
}

/** The error of a document whose `pointer` breaks `rule`. */
export function invalid(part: DocumentPart, pointer: string, rule: string): PspError {
  return new PspError('SESSION_INVALID', `session ${part}: ${pointer === '' ? 'the document' : pointer} breaks the rule "${rule}"`, {
    details: { part, pointer, rule },
  });
}
