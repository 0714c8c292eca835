/**
 * One finding about a session: where, which rule, how bad, found by which stage. Everything that judges sessions reports in this shape. A message is
 * made of words of the contract, limits and counts; it never holds a value of the document.
 */

/** What looked: the reading of the text, the JSON Schema, or the rules that no schema can say. */
export type Stage = 'parse' | 'schema' | 'semantic';

/** `error`: not a valid session. `warning`: valid, but a browser may refuse it or a reader lose something. `notice`: valid and worth knowing. */
export type Severity = 'error' | 'warning' | 'notice';

/** Every code of an {@link Issue}, by stage. */
export type IssueCode = ParseCode | SchemaCode | SemanticCode;

/** Codes of the parse stage. */
export type ParseCode =
  | 'invalid-utf8'
  | 'invalid-json'
  | 'duplicate-member'
  | 'too-deep'
  | 'too-large'
  | 'too-many-items'
  | 'number-not-finite'
  | 'number-inexact'
  | 'prototype-member'
  | 'blob';

/** Codes of the schema stage: the keywords of JSON Schema 2020-12 that the contract uses. */
export type SchemaCode =
  | 'type'
  | 'enum'
  | 'const'
  | 'required'
  | 'pattern'
  | 'minLength'
  | 'maxLength'
  | 'minimum'
  | 'maximum'
  | 'minItems'
  | 'maxItems';

/** Codes of the semantic stage. */
export type SemanticCode =
  | 'unsupported-version'
  | 'too-many-issues'
  | 'duplicate'
  | 'time-calendar'
  | 'time-order'
  | 'time-future'
  | 'time-unit'
  | 'expired'
  | 'cookie-empty'
  | 'cookie-too-large'
  | 'cookie-attribute-too-large'
  | 'cookie-prefix'
  | 'cookie-domain-address'
  | 'cookie-domain-case'
  | 'cookie-lifetime'
  | 'cookie-partitioned-insecure'
  | 'cookie-same-site-insecure'
  | 'origin-not-canonical'
  | 'origin-mismatch'
  | 'bucket-policy'
  | 'file-path'
  | 'file-parent'
  | 'file-directory-content'
  | 'key-path'
  | 'key-generator'
  | 'multi-entry'
  | 'key-missing'
  | 'key-invalid'
  | 'key-mismatch'
  | 'key-order'
  | 'unique-index'
  | 'record-count'
  | 'clone-malformed'
  | 'clone-placeholder'
  | 'section-missing'
  | 'section-unused'
  | 'section-length'
  | 'section-hash'
  | 'section-encoding'
  | 'section-overlap'
  | 'section-media-type'
  | 'section-external'
  | 'section-unreadable'
  | 'tab-history'
  | 'tab-opener'
  | 'ttl-target'
  | 'ttl-empty'
  | 'ttl-untouched'
  | 'ttl-beyond-session';

/** One finding. */
export interface Issue {
  readonly code: IssueCode;
  /** RFC 6901, in the document that was judged; a record of an object store is `<its records>/<index>`, and its halves `/key` and `/value`. */
  readonly pointer: string;
  readonly message: string;
  readonly severity: Severity;
  readonly stage: Stage;
}

/** Whether one of these refuses the session. */
export function hasError(issues: readonly Issue[]): boolean {
  return issues.some(({ severity }) => severity === 'error');
}

/**
 * The issues for a person, one a line, errors first; an empty string when there is none.
 *
 * @example
 * explainIssues([{ code: 'duplicate', pointer: '/cookies/2', message: 'the same cookie is there already', severity: 'error', stage: 'semantic' }])
 * // => 'error semantic duplicate at /cookies/2: the same cookie is there already'
 */
export function explainIssues(issues: readonly Issue[]): string {
  return sortIssues(issues)
    .map(
      ({ severity, stage, code, pointer, message }) =>
        `${severity} ${stage} ${code} at ${pointer === '' ? 'the document' : visible(pointer)}: ${message}`,
    )
    .join('\n');
}

/** Errors, then warnings, then notices; each in the order in which they were found. */
export function sortIssues(issues: readonly Issue[]): readonly Issue[] {
  const order: readonly Severity[] = ['error', 'warning', 'notice'];
  return order.flatMap((wanted) => issues.filter(({ severity }) => severity === wanted));
}

/** A pointer may hold a name out of a hostile document: nothing in it shall steer a terminal. */
function visible(pointer: string): string {
  return pointer.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/**
 * Collects issues up to a number: a hostile document has more than anybody reads. Errors are never crowded out by what is less, so what is found says
 * whether a session is valid.
 */
export class IssueList {
  readonly #errors: Issue[] = [];
  readonly #others: Issue[] = [];
  readonly #most: number;
  #dropped = false;

  /** `most` is one at least. */
  constructor(most: number) {
    this.#most = Math.max(1, most);
  }

  /** There are as many errors as are wanted: looking on is of no use. */
  get full(): boolean {
    return this.#errors.length >= this.#most;
  }

  /** How many more errors are taken. */
  get left(): number {
    return this.#most - this.#errors.length;
  }

  add(issue: Issue): void {
    const list = issue.severity === 'error' ? this.#errors : this.#others;
    if (list.length < this.#most) list.push(issue);
    else this.#dropped = true;
  }

  /** A finding of the semantic stage. */
  semantic(severity: Severity, code: SemanticCode, pointer: string, message: string): void {
    this.add({ code, pointer, message, severity, stage: 'semantic' });
  }

  /** What was found, errors first, and a last notice when there is more, or may be. */
  take(): Issue[] {
    const all = [...this.#errors, ...this.#others];
    if (!this.#dropped && !this.full && all.length <= this.#most) return all;
    const message = `only ${this.#most} issues are reported; there may be more`;
    return [...all.slice(0, this.#most), { code: 'too-many-issues', pointer: '', message, severity: 'notice', stage: 'semantic' }];
  }
}
