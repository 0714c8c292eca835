/** Items that failed while others went on: sessions of an import or export, records of a rotation. By name and code, never by what was in them. */
import { PspError } from '../errors.ts';
import { CliFailure } from './failure.ts';
import { showName, table } from './text.ts';

/** One that failed. */
export interface ItemFailure {
  readonly name: string;
  readonly code: string;
}

/** So many are shown as text; `--json` has more of them. */
const SHOWN_FAILURES = 20;

/** The code of any failure of an item. */
export function codeOf(error: unknown): string {
  return error instanceof PspError || error instanceof CliFailure ? error.code : 'UNEXPECTED';
}

/** Failures as a table under `title`, the first of them; an empty string for none. `count`: how many there were, where not all were kept. */
export function showFailures(title: string, failures: readonly ItemFailure[], count: number = failures.length): string {
  if (failures.length === 0) return '';
  const rows = failures.slice(0, SHOWN_FAILURES).map(({ name, code }) => [showName(name), code]);
  const more = count > rows.length ? `and ${count - rows.length} more\n` : '';
  return `${table([[title, 'reason'], ...rows])}\n${more}`;
}
