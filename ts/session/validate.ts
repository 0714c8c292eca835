/**
 * Whether parsed JSON is a session document: the schema stage, run by code that is generated from `schema/` (no evaluation at run time), and the
 * calendar, which a schema cannot check. Names the place and the rule of the first fault, never a value.
 */
import { PspError } from '../errors.ts';
import { checkHeader, checkState, type SchemaError, type SchemaValidator } from './generated/validator.ts';

/** @throws PspError `SESSION_INVALID` with `details.pointer` (RFC 6901) and `details.rule` unless `header` is one by the schema. */
export function assertHeader(header: unknown): void {
  assertShape(header, checkHeader, 'header');
}

/** @throws PspError `SESSION_INVALID` with `details.pointer` (RFC 6901) and `details.rule` unless `state` is one by the schema. */
export function assertState(state: unknown): void {
  assertShape(state, checkState, 'state');
}

function assertShape(document: unknown, check: SchemaValidator, part: 'header' | 'state'): void {
  if (check(document)) return;
  const { pointer, rule } = furthest(check.errors ?? []);
  throw invalid(part, pointer, rule);
}

/** Where a schema offers a choice, every branch reports: the one that came furthest is the one that was meant, and of its equals the last. */
function furthest(errors: readonly SchemaError[]): { pointer: string; rule: string } {
  let found = { pointer: '', rule: 'schema' };
  for (const { instancePath, keyword, params } of errors) {
    if (keyword === 'anyOf') continue;
    const missing = params['missingProperty'];
    const pointer = typeof missing === 'string' ? `${instancePath}/${missing}` : instancePath;
    if (pointer.length >= found.pointer.length) found = { pointer, rule: keyword };
  }
  return found;
}

/** The error of a document whose `pointer` breaks `rule`. */
export function invalid(part: 'header' | 'state', pointer: string, rule: string): PspError {
  return new PspError('SESSION_INVALID', `session ${part}: ${pointer === '' ? 'the document' : pointer} breaks the rule "${rule}"`, {
    details: { part, pointer, rule },
  });
}
