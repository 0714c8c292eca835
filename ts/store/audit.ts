/**
 * The audit log of a rotation: one line of JSON for each blob that was looked at, chained by HMAC, so that a line that was changed, left out
 * or moved is found by whoever has the MAC key. It holds names of keys and ids of blobs, never a key, a plaintext or the name of a record.
 * Lines that are missing at the end are found only by someone who kept the head (the last MAC) elsewhere: no chain can do more.
 *
 *     mac = HMAC-SHA-256(K audit, "psp/audit@1\0" || the line without its mac), and the line holds the mac of the line before
 */

import { derive } from '../envelope/derive.ts';
import { syncEngine } from '../envelope/engine.ts';
import { type MacKey, macSecretOf } from '../envelope/key.ts';
import { PspError, type PspErrorCode } from '../errors.ts';
import { toHex } from './hex.ts';

/** What became of a blob. `skipped`: it needed nothing. */
export type AuditOutcome = 'done' | 'skipped' | 'conflicted' | 'failed';

/** One line of the log. Ids and kids are what the header of a blob says; those of a failed one may be anybody's text. */
export interface AuditEntry {
  /** Milliseconds since 1970, by the clock of the rotation. */
  readonly timeMs: number;
  readonly mode: 'rewrap' | 'reseal';
  readonly outcome: AuditOutcome;
  /** Why it failed, where that has a code. */
  readonly code?: PspErrorCode;
  /** 32 hex digits; null where no header could be read. */
  readonly blobId: string | null;
  /** The id that it has since its reseal. */
  readonly newBlobId?: string;
  /** The keys that opened the blob before. */
  readonly from: readonly string[];
  /** The keys that it is, or was to be, on. */
  readonly to: readonly string[];
}

/** Where a log is kept. What `append` was given and did not refuse must be what `last` finds, also after the process was killed. */
export interface AuditLog {
  /** The first one signs; the others are of earlier lines, since a log outlives a key. */
  readonly keys: MacKey | readonly MacKey[];
  /** The last whole line, without its line feed, or null for an empty log. A line that was cut by a crash is cut off by the log. */
  last(): string | null | Promise<string | null>;
  /** Adds whole lines, each ended by a line feed. Called again only after it has resolved. */
  append(lines: string): void | Promise<void>;
}

/** What {@link verifyAudit} found to be authentic. */
export interface VerifiedAudit {
  readonly entries: readonly AuditEntry[];
  /** MAC of the last line, 64 hex digits, or null for an empty log: keep it elsewhere, and a log that was cut at its end is found too. */
  readonly head: string | null;
}

/** A line as it is parsed: the entry, and its place in the chain. */
interface Link {
  readonly entry: AuditEntry;
  readonly number: number;
  readonly kid: string;
  readonly previous: string;
  readonly mac: string;
}

const PREFIX = new TextEncoder().encode('psp/audit@1\0');
/** In the place of a MAC where there is no line before. */
const NO_MAC = '0'.repeat(64);
const HEX_MAC = /^[0-9a-f]{64}$/;
const BLOB_ID = /^[0-9a-f]{32}$/;
const CODE = /^[A-Z][A-Z0-9_]{1,60}$/;
const MODES = ['rewrap', 'reseal'];
const OUTCOMES = ['done', 'skipped', 'conflicted', 'failed'];
const MEMBERS = ['n', 'time', 'mode', 'outcome', 'code', 'blobId', 'newBlobId', 'from', 'to', 'kid', 'prev', 'mac'];

/**
 * The entries of a whole log, given as its lines without line feeds, when all of them are authentic and in their places. `head` is the MAC
 * that the last line must have. TypeError and RangeError for wrong arguments. Otherwise the first line that is not as it was written decides,
 * and `details.line` counts from 1:
 *
 * - `KEY_UNKNOWN`: it names a key that is not among `macKeys`;
 * - `ENVELOPE_TAMPERED`, with `details.fault`: `malformed` (no line of a log), `changed` (its MAC does not fit), `order` (lines before it are
 *   missing, too many or exchanged), `end` (all lines are authentic, and the last is not the one with `head`).
 */
export function verifyAudit(
  lines: Iterable<string>,
  macKeys: MacKey | readonly MacKey[],
  options: { readonly head?: string | null } = {},
): VerifiedAudit {
  const keys = auditKeys(macKeys);
  const entries: AuditEntry[] = [];
  let previous = NO_MAC;
  for (const line of lines) {
    const link = readLink(line, keys, entries.length + 1);
    if (link.number !== entries.length + 1 || link.previous !== previous) throw tampered(entries.length + 1, 'order');
    entries.push(link.entry);
    previous = link.mac;
  }
  const head = previous === NO_MAC ? null : previous;
  if (options.head !== undefined && options.head !== head) throw tampered(entries.length, 'end');
  return { entries, head };
}

/** Writes entries to a log, in the order in which they come. */
export class AuditWriter {
  readonly #log: AuditLog;
  readonly #signing: AuditKey;
  #number: number;
  #previous: string;
  #waiting = '';
  #writing: Promise<void> | null = null;

  private constructor(log: AuditLog, signing: AuditKey, number: number, previous: string) {
    this.#log = log;
    this.#signing = signing;
    this.#number = number;
    this.#previous = previous;
  }

  /** Goes on where the log ends. `KEY_UNKNOWN`, `ENVELOPE_TAMPERED` when its last line is not authentic: nothing is chained to that. */
  static async open(log: AuditLog): Promise<AuditWriter> {
    const keys = auditKeys(log.keys);
    const last = await log.last();
    if (last === null) return new AuditWriter(log, keys[0]!, 0, NO_MAC);
    const { number, mac } = readLink(last, keys, null);
    return new AuditWriter(log, keys[0]!, number, mac);
  }

  /** Resolves when the log has the entry. Entries that come while the log is busy are given to it together. */
  async write(entry: AuditEntry): Promise<void> {
    const body = formatBody(entry, ++this.#number, this.#signing.kid, this.#previous);
    this.#previous = this.#signing.sign(body);
    this.#waiting += `${body.slice(0, -1)},"mac":"${this.#previous}"}\n`;
    // The first wait ends when the append under way does, which may not have had this line yet.
    if (this.#writing !== null) await this.#writing;
    this.#writing ??= this.#append();
    await this.#writing;
  }

  // After a failure `#writing` stays: every later entry fails with it, so that no line is chained to one that is not there.
  async #append(): Promise<void> {
    const lines = this.#waiting;
    this.#waiting = '';
    if (lines !== '') await this.#log.append(lines);
    this.#writing = null;
  }
}

/** A MAC key, ready to sign lines. */
interface AuditKey {
  readonly kid: string;
  /** 64 hex digits. */
  sign(body: string): string;
}

function auditKeys(macKeys: MacKey | readonly MacKey[]): readonly AuditKey[] {
  const list: readonly MacKey[] = Array.isArray(macKeys) ? macKeys : [macKeys as MacKey];
  if (list.length === 0) throw new RangeError('macKeys: expected at least one key, got none');
  return list.map((key) => {
    const secret = derive(macSecretOf(key), 'audit', 32);
    const mac = syncEngine().macKey('SHA-256', secret);
    return { kid: key.kid, sign: (body) => toHex(mac.sign(PREFIX, new TextEncoder().encode(body))) };
  });
}

/** The line without its MAC. The order of the members is part of the format. */
function formatBody(entry: AuditEntry, number: number, kid: string, previous: string): string {
  const { timeMs, mode, outcome, code, blobId, newBlobId, from, to } = entry;
  const members = {
    n: number,
    time: new Date(timeMs).toISOString(),
    mode,
    outcome,
    code,
    blobId,
    newBlobId,
    from,
    to,
    kid,
    prev: previous,
  };
  return JSON.stringify(members);
}

/** One line, authentic by itself; its place in the chain is not checked. `number` is for messages. */
function readLink(line: string, keys: readonly AuditKey[], number: number | null): Link {
  const link = parseLink(line, number);
  const namesakes = keys.filter(({ kid }) => kid === link.kid);
  if (namesakes.length === 0) {
    // The kid of a line is not repeated: nothing says yet who wrote it.
    const message = `audit log: ${showLine(number)}: it was signed with a key of another name than the ${keys.length} given`;
    throw new PspError('KEY_UNKNOWN', message, { details: { line: number } });
  }
  const body = formatBody(link.entry, link.number, link.kid, link.previous);
  // Several keys of one name: after a key was made anew under its old name.
  if (!namesakes.some((key) => isSame(key.sign(body), link.mac))) throw tampered(number, 'changed');
  // What JSON lets be written in two ways (spaces, escapes) is written in one.
  if (line !== `${body.slice(0, -1)},"mac":"${link.mac}"}`) throw tampered(number, 'changed');
  return link;
}

function parseLink(line: string, lineNumber: number | null): Link {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Not as a cause: the platform's message quotes the line.
    throw tampered(lineNumber, 'malformed');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw tampered(lineNumber, 'malformed');
  const { n, time, mode, outcome, code, blobId, newBlobId, from, to, kid, prev, mac } = value as Record<string, unknown>;
  const timeMs = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  const isLink =
    Object.keys(value).every((name) => MEMBERS.includes(name)) &&
    Number.isSafeInteger(n) &&
    Number.isFinite(timeMs) &&
    MODES.includes(mode as string) &&
    OUTCOMES.includes(outcome as string) &&
    (code === undefined || matches(CODE, code)) &&
    (blobId === null || matches(BLOB_ID, blobId)) &&
    (newBlobId === undefined || matches(BLOB_ID, newBlobId)) &&
    isTexts(from) &&
    isTexts(to) &&
    typeof kid === 'string' &&
    matches(HEX_MAC, prev) &&
    matches(HEX_MAC, mac);
  if (!isLink) throw tampered(lineNumber, 'malformed');
  const entry = {
    timeMs,
    mode,
    outcome,
    ...(code === undefined ? {} : { code }),
    blobId,
    ...(newBlobId === undefined ? {} : { newBlobId }),
    from,
    to,
  } as AuditEntry;
  return { entry, number: n as number, kid, previous: prev as string, mac: mac as string };
}

function matches(pattern: RegExp, value: unknown): boolean {
  return typeof value === 'string' && pattern.test(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

/** Compares in a time that does not depend on where they differ. Both are 64 characters. */
function isSame(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let at = 0; at < a.length; at++) difference |= a.charCodeAt(at) ^ b.charCodeAt(at);
  return difference === 0;
}

function showLine(number: number | null): string {
  return number === null ? 'its last line' : `line ${number}`;
}

function tampered(line: number | null, fault: 'malformed' | 'changed' | 'order' | 'end'): PspError {
  const said = {
    malformed: 'it is no line of a log',
    changed: 'its MAC does not fit',
    order: 'lines before it are missing, too many or exchanged',
    end: 'it is not the last line that was written',
  };
  return new PspError('ENVELOPE_TAMPERED', `audit log: ${showLine(line)}: ${said[fault]}`, { details: { line, fault } });
}
