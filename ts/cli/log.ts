/** `psp log`: a merge log as a table; with `--verify` and the key of the session, whether every line is as it was written and in its place. */
import { PspError } from '../errors.ts';
import type { EntryKind } from '../merge/entry.ts';
import { privateParts, publicPlace } from '../merge/place.ts';
import { onlyArgument, print, readArguments } from './arguments.ts';
import { parseHead, showHead } from './chained-log.ts';
import { CONTEXT_OPTIONS, contextFrom } from './context-option.ts';
import { usage } from './failure.ts';
import { readWhole } from './file.ts';
import { findKey, findMacKey, KEY_OPTIONS, MAC_OPTIONS } from './key-source.ts';
import { findMac, readLogLines } from './merge-log-file.ts';
import { isClear, openSession } from './session-file.ts';
import { showName, table } from './text.ts';
import { logMacOf, macKeysFrom } from './value-mac.ts';

/** What the table shows of a line. */
interface ShownLine {
  readonly n: number;
  readonly time: string;
  readonly actor: string;
  readonly pointer: string;
  readonly rule: string;
  readonly losing: ShownWrite;
  readonly winning: ShownWrite;
  /** Null where the losing write was a deletion. */
  readonly before: string | null;
  readonly after: string | null;
  readonly mac: string;
}

interface ShownWrite {
  readonly replica: string;
  readonly counter: number;
}

/** Shows a log. A log that is not as it was written is `MERGE_MALFORMED`. */
export async function runLog(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, {
    ...KEY_OPTIONS,
    ...MAC_OPTIONS,
    ...CONTEXT_OPTIONS,
    verify: { type: 'boolean' },
    session: { type: 'string' },
    id: { type: 'string' },
    head: { type: 'string' },
    json: { type: 'boolean' },
  });
  const path = onlyArgument(positionals, 'log needs one LOG');
  const { verify = false, session, id, head } = values;
  if (!verify && (session !== undefined || id !== undefined || head !== undefined))
    throw usage('--session, --id and --head go with --verify');
  const end = parseHead(head, 'psp log --verify');
  const texts = await readLogLines(path);
  const lines = texts.map(readLine);
  if (verify) {
    const { sessionId, macKeys } = await keysOf(values);
    const macs = macKeys.map((key) => logMacOf(key, sessionId));
    findMac(texts, macs, end);
  }
  const last = lines.at(-1)?.mac ?? null;
  const facts = { verified: verify, head: last, lines: texts.map((text) => JSON.parse(text) as unknown) };
  print(values, facts, showLog(lines, verify, last));
}

type KeyValues = Parameters<typeof findKey>[0] &
  Parameters<typeof findMacKey>[0] &
  Parameters<typeof contextFrom>[0] & { readonly session?: string | undefined; readonly id?: string | undefined };

/** Whose log it is, and the keys that it may be under. */
async function keysOf(values: KeyValues): Promise<{ readonly sessionId: string; readonly macKeys: ReturnType<typeof macKeysFrom> }> {
  const { session, id } = values;
  if ((session === undefined) === (id === undefined)) throw usage('--verify needs --session FILE or --id ID: a log belongs to one session');
  const file = session === undefined ? null : await readWhole(session);
  const macKey = await findMacKey(values);
  const isSealed = file !== null && !isClear(file);
  const key = isSealed || macKey === null ? await findKey(values) : null;
  const macKeys = macKeysFrom(macKey, key);
  if (macKeys.length === 0) throw usage('--verify needs a MAC key, or the key or key ring of the merge');
  if (file === null) return { sessionId: id as string, macKeys };
  if (isSealed && key === null)
    throw usage('the session is sealed: give --key-file, PSP_KEY or --prompt, or --id in the place of --session');
  return { sessionId: (await openSession(file, key, contextFrom(values))).id, macKeys };
}

/** As far as it is shown: what a line must be is for `--verify` to say. */
function readLine(text: string, index: number): ShownLine {
  const malformed = (): PspError =>
    new PspError('MERGE_MALFORMED', `merge log: line ${index + 1}: it is no line of a log`, {
      details: { line: index + 1, fault: 'malformed' },
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not as a cause: the platform's message quotes the line.
    throw malformed();
  }
  const line = value as ShownLine | null;
  const isLine =
    typeof line === 'object' &&
    line !== null &&
    [line.time, line.actor, line.pointer, line.rule, line.mac].every((one) => typeof one === 'string') &&
    [line.before, line.after].every((one) => one === null || typeof one === 'string') &&
    [line.losing, line.winning].every((one) => typeof one?.replica === 'string' && typeof one.counter === 'number') &&
    typeof line.n === 'number';
  if (!isLine) throw malformed();
  return line;
}

function showLog(lines: readonly ShownLine[], verified: boolean, head: string | null): string {
  const rows = lines.map(({ n, time, actor, pointer, rule, losing, winning, before, after }) => [
    String(n),
    showName(time),
    showName(actor),
    ...showPointer(pointer),
    before === null ? 'a deletion' : 'a value',
    showWrite(losing),
    after === null ? 'a deletion' : 'a value',
    showWrite(winning),
    showName(rule),
  ]);
  const list =
    rows.length === 0 ? '' : `${table([['', 'exported', 'by', 'kind', 'place', 'name', 'lost', 'of', 'to', 'of', 'by rule'], ...rows])}\n`;
  const end = verified
    ? `${lines.length} lines, unchanged and in order\n${showHead(head)}`
    : `${lines.length} lines. NOT verified: give --verify\n`;
  return `${list}${end}`;
}

/** Kind, place and name of an entry; of what a log may have in the clear, the key of a record or the address of a request, only a digest, if that is what it has. */
function showPointer(pointer: string): [string, string, string] {
  const [, kind = '', ...path] = pointer.split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const { place, name } = publicPlace(kind as EntryKind, path);
  const digests = privateParts(kind as EntryKind, path).flatMap((at) => DIGEST.exec(path[at] ?? '') ?? []);
  return [showName(kind), place === '' ? '' : showName(place), [...(name === '' ? [] : [showName(name)]), ...digests].join(' ')];
}

/** As `placeInLog` makes them. */
const DIGEST = /^#[0-9a-f]{12}$/;

function showWrite({ replica, counter }: ShownWrite): string {
  return `${showName(replica, 16)}:${counter}`;
}
