/**
 * `psp merge`: one session file out of several, entry by entry. What was changed on one side only is taken; where sides contradict each other a policy
 * decides, nothing is thrown away for good (the state keeps it), and what lost may be logged. With `--git` it is a merge driver.
 */
import { stat } from 'node:fs/promises';
import { encodeSession } from '../blob/encode.ts';
import type { SealContext } from '../envelope/context.ts';
import { isFieldFile } from '../envelope/field-text.ts';
import { openSealed } from '../envelope/open.ts';
import { seal } from '../envelope/seal.ts';
import { PspError } from '../errors.ts';
import { publicPlace } from '../merge/place.ts';
import {
  type Branch,
  branchesOf,
  type Conflict,
  type EntryKind,
  type MergedSession,
  mergeLog,
  mergeSessions,
  type PolicyName,
  type PolicyRule,
  type RekeyedSession,
  receiveSessions,
  rekeyRecords,
} from '../merging.ts';
import { SCHEMA_VERSION, type Session } from '../session/session.ts';
import { sealFields } from '../store/field-file.ts';
import { print, readArguments } from './arguments.ts';
import { CONTEXT_OPTIONS, contextFrom } from './context-option.ts';
import { CliFailure, EXIT_STATUS, usage } from './failure.ts';
import { readWhole, reasonOf, writeWhole } from './file.ts';
import { type CliKey, findKey, findMacKey, KEY_OPTIONS, MAC_OPTIONS, readKey } from './key-source.ts';
import { type Appended, appendMergeLog } from './merge-log-file.ts';
import { isClear, isText, openSession } from './session-file.ts';
import { showBytes, showName, table } from './text.ts';
import { logMacOf, macKeysFrom } from './value-mac.ts';

/** So many conflicts are shown as text; `--json` has them all. */
const SHOWN_CONFLICTS = 40;

const KINDS: readonly EntryKind[] = [
  ...(['header', 'cookie', 'origin', 'localStorage', 'database', 'record', 'cache', 'cacheEntry'] as const),
  ...(['serviceWorker', 'file', 'tab', 'tabPlace', 'sessionStorage', 'permission', 'credential', 'ttl'] as const),
];
const POLICIES: readonly PolicyName[] = [
  ...(['last-writer', 'first-writer', 'longest-lived', 'prefer-fresh-token', 'json', 'text', 'union', 'keep-both'] as const),
];

/** Merges files; sets exit status 2 with `--strict` when a policy found something that a person should look at. */
export async function runMerge(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, {
    ...KEY_OPTIONS,
    ...MAC_OPTIONS,
    ...CONTEXT_OPTIONS,
    out: { type: 'string', short: 'o' },
    base: { type: 'string' },
    git: { type: 'boolean' },
    id: { type: 'string' },
    policy: { type: 'string', multiple: true },
    rekey: { type: 'boolean' },
    restamp: { type: 'boolean' },
    log: { type: 'string' },
    actor: { type: 'string' },
    names: { type: 'boolean' },
    strict: { type: 'boolean' },
    json: { type: 'boolean' },
  });
  const { log, actor } = values;
  if (log === undefined && (actor !== undefined || values.names === true)) throw usage('--actor and --names go with --log');
  const policies = (values.policy ?? []).map(parsePolicy);
  const { base: basePath, paths, out } = values.git === true ? await gitPaths(positionals, values) : plainPaths(positionals, values);

  const files = await Promise.all(paths.map(readWhole));
  const baseFile = basePath === null ? null : await readWhole(basePath);
  const isAllClear = [...files, ...(baseFile === null ? [] : [baseFile])].every(isClear);
  const macKey = log === undefined ? null : await findMacKey(values);
  // Looked for once: a descriptor or a prompt gives it only once.
  const key = !isAllClear ? await readKey(values) : log !== undefined && macKey === null ? await findKey(values) : null;
  const context = contextFrom(values);

  const opened: Session[] = [];
  for (const file of baseFile === null ? files : [...files, baseFile]) opened.push(await openSession(file, key, context));
  const received = await receive(opened, values.restamp === true);
  const sessions = received.slice(0, files.length);
  const base = baseFile === null ? null : (received[files.length] as Session);
  const branches = base === null ? null : await branchesOf(base, sessions, { policies });
  // A path of a repository is one session, whatever each branch has called it.
  const targetId = values.id ?? (values.git === true ? base?.id : undefined);
  const joined = await mergeSessions(branches === null ? sessions : branches.map(({ session }) => session), {
    policies,
    ...(targetId === undefined ? {} : { targetId }),
  });
  const merged = values.rekey === true ? await rekeyRecords(joined.session, { policies }) : { ...joined, rekeyed: null };

  // The file first: what cannot be written must not leave lines of a merge that never was. Run again, it adds the lines that are missing.
  const macKeys = macKeysFrom(macKey, key);
  if (log !== undefined && macKeys.length === 0) throw usage('--log needs a MAC key, or a key or a key ring to derive it from');
  const bytes = await encodeLike(files[0] as Uint8Array, merged.session, key, context);
  await writeWhole(out, bytes);
  const macs = macKeys.map((one) => logMacOf(one, merged.session.id));
  const appended =
    log === undefined
      ? null
      : await appendMergeLog(log, mergeLog(merged.losses), {
          ...{ macs, timeMs: Date.now(), actor: actor ?? 'psp merge' },
          names: values.names === true ? 'clear' : 'digest',
        });

  const result = { merged, branches, appended, fileBytes: bytes.length };
  print(values, asJson(result), showResult(result, out));
  if (values.strict === true && merged.conflicts.length > 0) process.exitCode = EXIT_STATUS.conflict;
}

/**
 * Drift is judged by the clock of whoever runs this (law M7), and a slow one is as likely as a fast one of others: putting their writes at its time could bring back
 * a login that was logged out, so that is done only when somebody says that this clock is right.
 */
async function receive(sessions: readonly Session[], restamp: boolean): Promise<readonly Session[]> {
  try {
    return await receiveSessions(sessions, { now: Date.now(), restamp });
  } catch (error) {
    if (!(error instanceof PspError) || error.code !== 'MERGE_DRIFT') throw error;
    const advice = 'set the clock of this machine, or, if it is right, merge with --restamp, which puts those writes at its time';
    throw new PspError('MERGE_DRIFT', `${error.message}; ${advice}`, { cause: error, details: error.details });
  }
}

interface Paths {
  readonly base: string | null;
  readonly paths: readonly string[];
  readonly out: string;
}

type PathOptions = { readonly out?: string | undefined; readonly base?: string | undefined };

function plainPaths(positionals: readonly string[], { out, base }: PathOptions): Paths {
  if (positionals.length < 2) throw usage('merge needs two FILES or more');
  if (out === undefined) throw usage('merge needs -o FILE');
  return { base: base ?? null, paths: positionals, out };
}

/** As git calls a merge driver: %O %A %B, and the result goes where A is. Where both sides have added the file, O is empty. */
async function gitPaths(positionals: readonly string[], { out, base }: PathOptions): Promise<Paths> {
  const [ancestor, ours, theirs, ...more] = positionals;
  if (ancestor === undefined || ours === undefined || theirs === undefined || more.length > 0)
    throw usage('merge --git needs the three files that git gives as %O %A %B');
  if (out !== undefined || base !== undefined) throw usage('-o and --base do not go with --git');
  return { base: (await isEmpty(ancestor)) ? null : ancestor, paths: [ours, theirs], out: ours };
}

async function isEmpty(path: string): Promise<boolean> {
  try {
    return (await stat(path)).size === 0;
  } catch (cause) {
    throw new CliFailure('FILE_READ', `the base cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

function parsePolicy(text: string): PolicyRule {
  const [first, second, ...more] = text.split('=');
  const kind = KINDS.find((one) => one === first);
  const policy = POLICIES.find((one) => one === (second ?? first));
  if (more.length > 0 || policy === undefined || (second !== undefined && kind === undefined))
    throw usage(`--policy takes KIND=NAME, or NAME for all; kinds are ${KINDS.join(', ')}; names are ${POLICIES.join(', ')}`);
  return second === undefined ? { policy } : { kind: kind as EntryKind, policy };
}

/** The session in the form of `file`: as text, packed, sealed, or sealed field by field with what did not change kept. */
async function encodeLike(file: Uint8Array, session: Session, key: CliKey | null, context: SealContext): Promise<Uint8Array> {
  if (key === null || isClear(file)) return encodeSession(session, { framing: isText(file) ? 'text' : 'packed' });
  if (isFieldFile(file)) return sealFields(session, key, context, { previous: file });
  const { attributes } = await openSealed(file, key, context);
  const { incarnation, revision } = session;
  // What a store has sealed says these beside the blob, and a store compares them.
  const renewed = attributes.revision === undefined ? {} : { attributes: { incarnation, revision, schemaVersion: SCHEMA_VERSION } };
  return seal(await encodeSession(session, { framing: 'packed' }), key, context, renewed);
}

interface Result {
  /** `rekeyed` is null where nobody asked for it. */
  readonly merged: MergedSession & { readonly rekeyed: RekeyedSession['rekeyed'] | null };
  readonly branches: readonly Branch[] | null;
  readonly appended: Appended | null;
  readonly fileBytes: number;
}

/** An entry by kind, place and name: neither a value nor the key of a record nor the address of a request. */
function placeFacts({ kind, path }: Pick<Conflict, 'kind' | 'path'>): { kind: EntryKind; place: string; name: string } {
  return { kind, ...publicPlace(kind, path) };
}

function asJson({ merged, branches, appended, fileBytes }: Result): object {
  return {
    id: merged.session.id,
    fileBytes,
    conflicts: merged.conflicts.map((one) => ({
      ...placeFacts(one),
      reason: one.reason,
      policy: one.rule,
      candidates: one.candidates.length,
    })),
    lost: countLosses(merged),
    parked: merged.parked.map((one) => ({ ...placeFacts(one), reason: one.reason })),
    rekeyed: merged.rekeyed?.length ?? null,
    branches: branches?.map(({ written, deleted, unknown }) => ({ written, deleted, unknown })) ?? null,
    log: appended,
  };
}

function countLosses({ losses }: MergedSession): number {
  return losses.reduce((sum, { losing }) => sum + losing.length, 0);
}

const REASONS: Readonly<Record<Conflict['reason'], string>> = {
  'order-unknown': 'nobody knows which was later',
  'keep-both': 'all are wanted',
  'not-mergeable': 'not of the kind that the policy merges',
};

function showResult({ merged, branches, appended, fileBytes }: Result, out: string): string {
  const { conflicts, parked, rekeyed } = merged;
  const sharedKeys = rekeyed === null ? parked.filter(({ reason }) => reason === 'generated-key').length : 0;
  const rows = conflicts.slice(0, SHOWN_CONFLICTS).map((one) => {
    const { kind, place, name } = placeFacts(one);
    return [kind, place === '' ? '' : showName(place), name === '' ? '' : showName(name), REASONS[one.reason], one.rule];
  });
  const more = conflicts.length > SHOWN_CONFLICTS ? [`and ${conflicts.length - SHOWN_CONFLICTS} more`] : [];
  const changes = branches?.map(
    ({ written, deleted, unknown }, i) =>
      `branch ${i + 1}: ${written} written, ${deleted} deleted${unknown === 0 ? '' : `, ${unknown} missing where it did not look (kept)`}`,
  );
  return [
    ...(rows.length === 0 ? [] : [table([['in conflict', 'place', 'name', 'why', 'decided by'], ...rows]), ...more, '']),
    ...(changes ?? []),
    ...(rekeyed === null ? [] : [`${rekeyed.length} records have got keys of their own`]),
    ...(parked.length === 0 ? [] : [`${parked.length} entries are kept, and not shown: they do not fit what they belong to`]),
    ...(sharedKeys === 0 ? [] : [`${sharedKeys} of them lost a generated key to another record: --rekey gives them keys of their own`]),
    ...(appended === null ? [] : [`log: ${appended.lines} lines added, head ${appended.head}`]),
    `wrote ${out}: ${showBytes(fileBytes)}, ${conflicts.length} in conflict, ${countLosses(merged)} writes lost to others`,
    '',
  ].join('\n');
}
