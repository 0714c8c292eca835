/**
 * A merge log in a file, one line of JSON for each loss. A merge adds the losses that the file does not have yet: the state of a session keeps naming what it
 * has lost, and one loss is one line, however often it is merged again.
 */
import { stat } from 'node:fs/promises';
import { PspError } from '../errors.ts';
import {
  exportMergeLog,
  type LogEntry,
  type LoggedWrite,
  type LogMac,
  type LogNames,
  type LogPlace,
  placeInLog,
  type VerifiedLog,
  verifyMergeLog,
} from '../merge/log.ts';
import { logLinesOf } from './chained-log.ts';
import { CliFailure } from './failure.ts';
import { readWhole, reasonOf, writeWhole } from './file.ts';
import { holdFile } from './hold.ts';

/** How losses are added to a file. */
export interface AppendOptions {
  /** The first one begins a log; one that exists goes on under the one that it was begun with. At least one. */
  readonly macs: readonly LogMac[];
  readonly timeMs: number;
  readonly actor: string;
  readonly names: LogNames;
}

/** What was added, and the MAC of the last line afterwards, 64 hexadecimal digits. */
export interface Appended {
  readonly lines: number;
  readonly head: string;
}

/**
 * Adds what the log does not have. The file is made when it is not there, and replaced by rename; nobody else adds to it meanwhile (`FILE_BUSY`).
 *
 * @throws PspError `MERGE_MALFORMED` for a file that is not a whole log under one of the keys: nothing is chained to that.
 */
export function appendMergeLog(path: string, log: readonly LogEntry[], { macs, timeMs, actor, names }: AppendOptions): Promise<Appended> {
  return holdFile(path, 'merge log', async () => {
    const { mac, lines: texts, verified } = findMac((await exists(path)) ? await readLogLines(path) : [], macs);
    const known = new Set(verified.lines.map((line) => nameLoss(line, line)));
    const added = log.filter((entry) => !isKnown(known, entry, mac));
    const { lines, head } = await exportMergeLog(added, { mac, timeMs, actor, names, previous: verified.head });
    if (lines.length > 0) await writeWhole(path, [...texts, ...lines].map((line) => `${line}\n`).join(''));
    return { lines: lines.length, head: head.mac };
  });
}

/** The lines of a log, without line feeds. */
export async function readLogLines(path: string): Promise<string[]> {
  return logLinesOf(await readWhole(path), (cause) => new PspError('MERGE_MALFORMED', 'merge log: expected text in UTF-8', { cause }));
}

/** A log, verified with the first of `macs` that fits all of it; for an empty log the first one. What the first one says of it, when none fits. */
export function findMac(
  lines: readonly string[],
  macs: readonly LogMac[],
  options: { readonly head?: string } = {},
): { readonly mac: LogMac; readonly lines: readonly string[]; readonly verified: VerifiedLog } {
  let failure: PspError | null = null;
  for (const mac of macs) {
    try {
      return { mac, lines, verified: verifyMergeLog(lines, mac, options) };
    } catch (error) {
      if (!(error instanceof PspError)) throw error;
      // Under the right key everything before a fault is authentic, so the message that is farthest is the one to show.
      if (failure === null || Number(error.details['line']) > Number(failure.details['line'])) failure = error;
    }
  }
  throw failure ?? new TypeError('macs: expected at least one');
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (cause) {
    if (reasonOf(cause) === 'ENOENT') return false;
    throw new CliFailure('FILE_READ', `the merge log cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

/** Whether a loss has its line, with its names in the clear or not. */
function isKnown(known: ReadonlySet<string>, entry: LogEntry, mac: LogMac): boolean {
  const { rule } = entry;
  const [losing, winning] = [entry.losing.dot, entry.winning.dot];
  return (['digest', 'clear'] as const).some((names) => known.has(nameLoss(placeInLog(entry, mac, names), { rule, losing, winning })));
}

type Write = Pick<LoggedWrite, 'replica' | 'counter'>;

/** What makes a loss this loss: the entry, the place in it, the two writes and the rule. */
function nameLoss(
  { pointer, within = '' }: LogPlace,
  { rule, losing, winning }: { readonly rule: string; readonly losing: Write; readonly winning: Write },
): string {
  return JSON.stringify([pointer, within, rule, losing.replica, losing.counter, winning.replica, winning.counter]);
}
