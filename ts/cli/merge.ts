/**
 * `psp merge`: one session file out of several, entry by entry. What was changed on one side only is taken; where sides contradict each other a policy
 * decides, nothing is thrown away for good (the state keeps it), and what lost may be logged. With `--git` it is a merge driver.
 */
import { stat } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { encodeSession } from '../blob/encode.ts';
import type { SealContext } from '../envelope/context.ts';
import { isFieldFile } from '../envelope/field-text.ts';
import { openSealed } from '../envelope/open.ts';
import { seal } from '../envelope/seal.ts';
import { type Branch, branchesOf } from '../merge/branch.ts';
import type { EntryKind } from '../merge/entry.ts';
import { mergeLog } from '../merge/log.ts';
import { type MergedSession, mergeSessions } from '../merge/merge.ts';
import { placeOf } from '../merge/place.ts';
import type { PolicyName, PolicyRule } from '../merge/policy.ts';
import type { Conflict } from '../merge/resolve.ts';
import { SCHEMA_VERSION, type Session } from '../session/session.ts';
import { sealFields } from '../store/field-file.ts';
import { CONTEXT_OPTIONS, contextFrom } from './context-option.ts';
import { CliFailure, usage } from './failure.ts';
import { readWhole, reasonOf, writeWhole } from './file.ts';
import { type CliKey, findKey, findMacKey, KEY_OPTIONS, MAC_OPTIONS, readKey } from './key-source.ts';
import { type Appended, appendMergeLog } from './merge-log-file.ts';
import { decodeWhole, isClear, isText, openFile } from './session-file.ts';
import { showBytes, showName, table } from './text.ts';
import { logMacOf, macKeysFrom } from './value-mac.ts';

/** Exit status of `--strict` when there is something to look at. The file is written all the same. */
const EXIT_CONFLICT = 2;
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
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...KEY_OPTIONS,
      ...MAC_OPTIONS,
      ...CONTEXT_OPTIONS,
      out: { type: 'string', short: 'o' },
      base: { type: 'string' },
      git: { type: 'boolean' },
      id: { type: 'string' },
      policy: { type: 'string', multiple: true },
      log: { type: 'string' },
      actor: { type: 'string' },
      strict: { type: 'boolean' },
      json: { type: 'boolean' },
    },
  });
  const { log, actor } = values;
  if (actor !== undefined && log === undefined) throw usage('--actor goes with --log');
  const policies = (values.policy ?? []).map(parsePolicy);
  const { base: basePath, paths, out } = values.git === true ? await gitPaths(positionals, values) : plainPaths(positionals, values);

  const files = await Promise.all(paths.map(readWhole));
  const baseFile = basePath === null ? null : await readWhole(basePath);
  const isAllClear = [...files, ...(baseFile === null ? [] : [baseFile])].every(isClear);
  const macKey = log === undefined ? null : await findMacKey(values);
  // Looked for once: a descriptor or a prompt gives it only once.
  const key = !isAllClear ? await readKey(values) : log !== undefined && macKey === null ? await findKey(values) : null;
  const context = contextFrom(values);

  const sessions: Session[] = [];
  for (const file of files) sessions.push(await openSession(file, key, context));
  const base = baseFile === null ? null : await openSession(baseFile, key, context);
  const branches = base === null ? null : await branchesOf(base, sessions);
  // A path of a repository is one session, whatever each branch has called it.
  const targetId = values.id ?? (values.git === true ? base?.id : undefined);
  const merged = await mergeSessions(branches === null ? sessions : branches.map(({ session }) => session), {
    policies,
    ...(targetId === undefined ? {} : { targetId }),
  });

  // The file first: what cannot be written must not leave lines of a merge that never was. Run again, it adds the lines that are missing.
  const macKeys = macKeysFrom(macKey, key);
  if (log !== undefined && macKeys.length === 0) throw usage('--log needs a MAC key, or a key or a key ring to derive it from');
  const bytes = await encodeLike(files[0] as Uint8Array, merged.session, key, context);
  await writeWhole(out, bytes);
  const macs = macKeys.map((one) => logMacOf(one, merged.session.id));
  const appended =
    log === undefined
      ? null
      : await appendMergeLog(log, mergeLog(merged.losses), { macs, timeMs: Date.now(), actor: actor ?? 'psp merge' });

  const result = { merged, branches, appended, fileBytes: bytes.length };
  process.stdout.write(values.json === true ? `${JSON.stringify(asJson(result))}\n` : showResult(result, out));
  if (values.strict === true && merged.conflicts.length > 0) process.exitCode = EXIT_CONFLICT;
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

async function openSession(file: Uint8Array, key: CliKey | null, context: SealContext): Promise<Session> {
  return decodeWhole(key === null || isClear(file) ? file : await openFile(file, key, context));
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
  readonly merged: MergedSession;
  readonly branches: readonly Branch[] | null;
  readonly appended: Appended | null;
  readonly fileBytes: number;
}

/** An entry by kind, place and name: neither a value nor the key of a record nor the address of a request. */
function placeFacts({ kind, path }: Pick<Conflict, 'kind' | 'path'>): { kind: EntryKind; place: string; name: string } {
  const { origin, host, name } = placeOf(kind, path);
  return { kind, place: origin ?? host ?? '', name };
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
    parked: merged.parked.map(placeFacts),
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
  const { conflicts, parked } = merged;
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
    ...(parked.length === 0 ? [] : [`${parked.length} entries are kept, and not shown: they do not fit what they belong to`]),
    ...(appended === null ? [] : [`log: ${appended.lines} lines added, head ${appended.head}`]),
    `wrote ${out}: ${showBytes(fileBytes)}, ${conflicts.length} in conflict, ${countLosses(merged)} writes lost to others`,
    '',
  ].join('\n');
}
