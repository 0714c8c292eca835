/**
 * The merge log (law M21): which write lost to which, by which rule. Its content is a set that follows from what was joined, the same for any order of joining;
 * number, time, actor and the chain are added at export, one line of JSON for each loss. No line holds a value, nor a name that may be one (`log-place.ts`): `before` and
 * `after` are MACs under a key of the session, bound to the entry, so that equal values of one entry can be told and nothing else. The chain finds lines
 * that were changed, left out or moved; lines that are missing at the end are found by whoever kept the last MAC.
 *
 *     before, after = mac("psp/merge-log@1 value\0" || identity || canonical value)      null for a deletion
 *     mac           = mac("psp/merge-log@1 line\0" || the line without its mac), and the line holds the mac of the line before
 */
import { PspError } from '../errors.ts';
import { ByteWriter } from '../session/clone/bytes.ts';
import { type Candidate, compareCandidates } from './entry.ts';
import { type LogMac, type LogNames, type LossPlace, placeInLog, toHex } from './log-place.ts';
import { pointerOf, pointerStep } from './place.ts';
import { learnValue } from './policy/learn.ts';
import type { Loss } from './resolve.ts';
import { writeEntryValue, writeString } from './value.ts';

export { type LogMac, type LogNames, type LogPlace, type LossPlace, placeInLog } from './log-place.ts';

/** One write lost to another one. Holds values and names: it is for whoever merges. What may leave the process is made of it by {@link exportMergeLog}. */
export interface LogEntry extends LossPlace {
  /** The entry: `/`, its kind and its path, escaped as in RFC 6901. */
  readonly pointer: string;
  readonly losing: Candidate;
  readonly winning: Candidate;
  readonly rule: string;
  readonly group?: string;
}

/** A write as an exported line names it. Times are milliseconds since the epoch by the clock of its writer. */
export interface LoggedWrite {
  readonly replica: string;
  readonly counter: number;
  readonly time: number;
  readonly count: number;
}

/** A line of an exported log. */
export interface LogLine {
  /** From 1. */
  readonly number: number;
  /** When the merge was exported, in milliseconds since the epoch. */
  readonly timeMs: number;
  readonly actor: string;
  readonly pointer: string;
  readonly within?: string;
  readonly rule: string;
  readonly group?: string;
  /** The pointer of the entry that has the losing write now; the `winning` one is its write there. */
  readonly movedTo?: string;
  readonly losing: LoggedWrite;
  readonly winning: LoggedWrite;
  /** 64 hexadecimal digits, or null where the losing write was a deletion. */
  readonly before: string | null;
  readonly after: string | null;
}

/** The end of a log, from which it goes on: number and MAC of its last line. */
export interface LogHead {
  readonly number: number;
  readonly mac: string;
}

/** Before the first line. */
export const EMPTY_LOG: LogHead = { number: 0, mac: '0'.repeat(64) };

/** The content of the log: each loss once, sorted by pointer, place, stamp of the losing write, winning write and rule. */
export function mergeLog(losses: Iterable<Loss>): readonly LogEntry[] {
  const entries: LogEntry[] = [];
  for (const { kind, path, within, losing, winning, rule, group, movedTo } of losses) {
    const label = {
      ...{ kind, path, pointer: pointerOf(kind, path) },
      ...(within === undefined ? {} : { within: within.map(pointerStep).join('') }),
      ...{ winning, rule },
      ...(group === undefined ? {} : { group }),
      ...(movedTo === undefined ? {} : { movedTo }),
    };
    for (const one of losing) entries.push({ ...label, losing: one });
  }
  entries.sort(compareEntries);
  return entries.filter((entry, i) => i === 0 || compareEntries(entries[i - 1] as LogEntry, entry) !== 0);
}

function compareEntries(a: LogEntry, b: LogEntry): number {
  return (
    compareTexts(a.pointer, b.pointer) ||
    compareTexts(a.within ?? '', b.within ?? '') ||
    compareCandidates(a.losing, b.losing) ||
    compareCandidates(a.winning, b.winning) ||
    compareTexts(a.rule, b.rule)
  );
}

function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** How a log is exported. */
export interface ExportLogOptions {
  readonly mac: LogMac;
  readonly timeMs: number;
  /** Who merged: a worker, a person. Stands in every line. */
  readonly actor: string;
  /** Where an earlier export ended; {@link EMPTY_LOG} unless told. */
  readonly previous?: LogHead;
  /** How {@link placeInLog} names places; `digest` unless told. */
  readonly names?: LogNames;
}

/**
 * The log as lines of JSON, without line feeds, and its new end. Reads sections of values whose hash is not known.
 *
 * @throws RangeError for a time that has no date.
 */
export async function exportMergeLog(
  log: readonly LogEntry[],
  { mac, timeMs, actor, previous = EMPTY_LOG, names = 'digest' }: ExportLogOptions,
): Promise<{ readonly lines: readonly string[]; readonly head: LogHead }> {
  if (!Number.isFinite(new Date(timeMs).getTime())) throw new RangeError(`timeMs: expected milliseconds since the epoch, not ${timeMs}`);
  const lines: string[] = [];
  let head = previous;
  for (const entry of log) {
    const { rule, group, losing, winning } = entry;
    const line: LogLine = {
      number: head.number + 1,
      timeMs,
      actor,
      ...placeInLog(entry, mac, names),
      rule,
      ...(group === undefined ? {} : { group }),
      losing: nameWrite(losing),
      winning: nameWrite(winning),
      before: await macValue(entry, losing, mac),
      after: await macValue(entry, winning, mac),
    };
    const body = formatBody(line, head.mac);
    head = { number: line.number, mac: signBody(body, mac) };
    lines.push(`${body.slice(0, -1)},"mac":"${head.mac}"}`);
  }
  return { lines, head };
}

function nameWrite({ dot: { replica, counter }, stamp: { time, count } }: Candidate): LoggedWrite {
  return { replica, counter, time, count };
}

async function macValue({ pointer, within }: LogEntry, { value }: Candidate, mac: LogMac): Promise<string | null> {
  if (value === undefined) return null;
  await learnValue(value, false);
  const writer = new ByteWriter();
  writer.latin1('psp/merge-log@1 value\0');
  writeString(pointer, writer);
  writeString(within ?? '', writer);
  writeEntryValue(value, writer, 'hash');
  return toHex(mac(writer.take()));
}

/** What {@link verifyMergeLog} found to be as it was written. */
export interface VerifiedLog {
  readonly lines: readonly LogLine[];
  readonly head: LogHead;
}

/**
 * The lines of a whole log, given without line feeds, when all are authentic and in their places. `head` is the MAC that the last line must have.
 *
 * @throws PspError `MERGE_MALFORMED` for the first line that is not as it was written, with `details.line` from 1 and `details.fault`: `malformed` (no line of a
 * log), `changed` (its MAC does not fit), `order` (lines before it are missing, too many or exchanged), `end` (the last line is not the one with `head`).
 */
export function verifyMergeLog(lines: Iterable<string>, mac: LogMac, options: { readonly head?: string } = {}): VerifiedLog {
  const verified: LogLine[] = [];
  let head = EMPTY_LOG;
  for (const text of lines) {
    const at = verified.length + 1;
    const { line, previous, signature } = parseLine(text, at);
    const body = formatBody(line, previous);
    // What JSON lets be written in two ways (spaces, escapes) is written in one.
    if (!isSame(signBody(body, mac), signature) || text !== `${body.slice(0, -1)},"mac":"${signature}"}`) throw broken(at, 'changed');
    if (line.number !== at || previous !== head.mac) throw broken(at, 'order');
    verified.push(line);
    head = { number: at, mac: signature };
  }
  if (options.head !== undefined && options.head !== head.mac) throw broken(verified.length, 'end');
  return { lines: verified, head };
}

/** The line without its MAC. The order of the members is part of the format. */
function formatBody(line: LogLine, previous: string): string {
  const { number, timeMs, actor, pointer, within, rule, group, movedTo, losing, winning, before, after } = line;
  const time = new Date(timeMs).toISOString();
  return JSON.stringify({ n: number, time, actor, pointer, within, rule, group, movedTo, losing, winning, before, after, prev: previous });
}

function signBody(body: string, mac: LogMac): string {
  return toHex(mac(new TextEncoder().encode(`psp/merge-log@1 line\0${body}`)));
}

const HEX_MAC = /^[0-9a-f]{64}$/;

function parseLine(text: string, at: number): { readonly line: LogLine; readonly previous: string; readonly signature: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not as a cause: the platform's message quotes the line.
    throw broken(at, 'malformed');
  }
  if (typeof value !== 'object' || value === null) throw broken(at, 'malformed');
  const { n, time, actor, pointer, within, rule, group, movedTo, losing, winning, before, after, prev, mac } = value as Record<
    string,
    unknown
  >;
  const timeMs = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  const isLine =
    Number.isSafeInteger(n) &&
    Number.isFinite(timeMs) &&
    [actor, pointer, rule].every((one) => typeof one === 'string') &&
    [within, group, movedTo].every((one) => one === undefined || typeof one === 'string') &&
    [losing, winning].every(isWrite) &&
    [before, after].every((one) => one === null || isMac(one)) &&
    isMac(prev) &&
    isMac(mac);
  if (!isLine) throw broken(at, 'malformed');
  const optional = Object.fromEntries(Object.entries({ within, group, movedTo }).filter(([, one]) => one !== undefined));
  const line = { number: n, timeMs, actor, pointer, ...optional, rule, losing, winning, before, after } as LogLine;
  return { line, previous: prev as string, signature: mac as string };
}

function isWrite(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { replica, counter, time, count } = value as Record<string, unknown>;
  return typeof replica === 'string' && [counter, time, count].every((one) => typeof one === 'number');
}

function isMac(value: unknown): boolean {
  return typeof value === 'string' && HEX_MAC.test(value);
}

/** Compares in a time that does not depend on where they differ. Both are 64 characters. */
function isSame(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let at = 0; at < a.length; at++) difference |= a.charCodeAt(at) ^ b.charCodeAt(at);
  return difference === 0;
}

function broken(line: number, fault: 'malformed' | 'changed' | 'order' | 'end'): PspError {
  const said = {
    malformed: 'it is no line of a log',
    changed: 'its MAC does not fit',
    order: 'lines before it are missing, too many or exchanged',
    end: 'it is not the last line that was written',
  };
  return new PspError('MERGE_MALFORMED', `merge log: line ${line}: ${said[fault]}`, { details: { line, fault } });
}
