/**
 * Rotation: every blob of a provider onto other keys. Each blob is made anew in memory and proven there, put in the place of exactly the
 * version that was read, and read back; until then the old bytes are at hand and go back where the store did not keep the new ones. So a
 * process that is killed at any point leaves every blob whole, on its old keys or on the new ones, and the next run finds out which.
 */

import type { SealContext } from '../envelope/context.ts';
import { type Header, parseHeader } from '../envelope/header.ts';
import { peek } from '../envelope/peek.ts';
import { PspError, type PspErrorCode } from '../errors.ts';
import type { DamagedRecord, RecordHead, StorageProvider, StoredRecord } from '../provider.ts';
import { type AuditEntry, type AuditLog, AuditWriter } from './audit.ts';
import { toHex } from './hex.ts';
import { checkRun, type RunOptions, startRun } from './marked-run.ts';
import { holdsNoSession } from './record-facts.ts';
import { isEqual, proveCurrent, rotateBlob } from './rotate-blob.ts';
import { rotateObject } from './rotate-object.ts';
import { planKeys, type RotationKeys, type RotationMode, type RotationPlan } from './rotation-keys.ts';
import { sessionKeyOf } from './writer-object.ts';

/** How a store is rotated. A record that is worked on takes about four times its size in memory. On a dry run nothing is written to the audit log either. */
export interface RotateOptions extends RunOptions {
  /** `rewrap`: the same data keys for other keys, header only. `reseal`: new data keys; what a compromised key demands. */
  readonly mode: RotationMode;
  /**
   * The context that a record was sealed for. Without it a reseal takes the empty one, and a rewrap leaves the context unchecked (it is kept
   * in either case). What it throws is a failure of that record. Of a session store: its `contextOf`.
   */
  readonly contextOf?: (key: string, metadata: Readonly<Record<string, string>>) => SealContext | Promise<SealContext>;
  /** Only records whose keys start with this. */
  readonly prefix?: string;
  /** Reseals also what is on the wanted keys already: their data keys may be those that an older rewrap kept. Goes with `reseal`. */
  readonly all?: boolean;
  /**
   * For a provider without conditions, which otherwise is `PROVIDER_UNSUPPORTED`: says that nobody has put a session there for two minutes, or will until the
   * rotation has ended; a put would be lost. Workers may commit all the while, as soon as they seal with the new keys. Their commits are written anew beside the
   * old ones, which a later run removes: run it again after twelve minutes, until nothing is `conflicted`.
   */
  readonly nobodyPuts?: boolean;
  /** Gets an entry for each record before that counts as finished. A log that fails ends the rotation. */
  readonly audit?: AuditLog;
  readonly onProgress?: (progress: RotationProgress) => void;
  /** Milliseconds since 1970, for the audit log and for the time of the primary key; `Date.now` when not given. */
  readonly now?: () => number;
}

/** How far a rotation is, after each record. */
export interface RotationProgress {
  readonly done: number;
  readonly skipped: number;
  readonly conflicted: number;
  readonly failed: number;
  /** All that this run looks at. */
  readonly total: number;
}

/** A record that was left as it was. */
export interface RotationFailure {
  /** The record's key in the provider; null for a damaged record that does not even tell its key. */
  readonly key: string | null;
  /** Null for an error that is none of ours: thrown by `contextOf`, or by a provider that breaks its contract. */
  readonly code: PspErrorCode | null;
  readonly error: unknown;
}

/** What a rotation did. The four together are all records that this run looked at. */
export interface RotationResult {
  /** Records that are on the wanted keys now, through this run. */
  readonly done: number;
  /** Records that needed nothing: on the wanted keys already, or gone since they were listed. */
  readonly skipped: number;
  /** Records that others wrote again and again meanwhile, and commits whose copy is too young to stand for them (`nobodyPuts`); run it once more. */
  readonly conflicted: number;
  readonly failed: readonly RotationFailure[];
  /** Whether the run went on from a checkpoint: then it did not look at what earlier ones finished. */
  readonly resumed: boolean;
}

/** So often a record is tried that others write meanwhile. */
const MAX_ATTEMPTS = 5;

/**
 * Brings every record of `provider` onto the keys of `keys`: a ring's primary, or what `to` names. What is on them already, and on nothing
 * else, is skipped, so a second run does nothing. A record's key, metadata and expiry stay. A record that fails or that others keep changing
 * stops nothing else; whoever writes meanwhile must seal with the new keys, or the next run finds his record.
 *
 * TypeError and RangeError for wrong arguments; `KEY_STATE`: a rewrap, though the ring has a key that was revoked as compromised;
 * `KEY_EXPIRED`: the primary seals no more; `PROVIDER_UNSUPPORTED`: the provider has no conditional put, and `nobodyPuts` does not say that this does no harm
 * (`transferAll` into a store with other keys needs no such promise); what opening and the listing of the provider, the audit log or the checkpoint fail with;
 * the reason of the signal. In the last three cases records that are under way are finished first. All other failures are in the result.
 *
 * Memory: the keys of all records, and four times the size of those under way. Time: a rewrap reads and writes each record, which is most of
 * it; a reseal also opens each twice and seals it.
 *
 * @example
 * const ring = KeyRing.of(oldKey, now).add(newKey, now).promote(newKey.kid, now);
 * const { done, failed } = await rotateStore(provider, ring, { mode: 'rewrap' });
 */
export async function rotateStore(provider: StorageProvider, keys: RotationKeys, options: RotateOptions): Promise<RotationResult> {
  const { mode, prefix = '', all = false, dryRun = false, nobodyPuts = false, now = Date.now, signal } = options;
  if (mode !== 'rewrap' && mode !== 'reseal') throw new TypeError('mode: expected rewrap or reseal');
  if (all && mode !== 'reseal') throw new TypeError('all: expected mode reseal with it, since a rewrap to the same keys changes nothing');
  checkRun(options);
  const plan = planKeys(keys, mode, now());
  await provider.open(signal === undefined ? {} : { signal });
  if (!provider.capabilities.conditionalPut && !nobodyPuts) {
    const message = `rotation: ${provider.name} has no conditional put, so a session that is stored meanwhile could be lost`;
    throw new PspError('PROVIDER_UNSUPPORTED', message);
  }
  const audit = dryRun || options.audit === undefined ? null : await AuditWriter.open(options.audit);

  const listed: string[] = [];
  const damaged: DamagedRecord[] = [];
  for await (const { key } of provider.list({ prefix, onDamaged: (record) => void damaged.push(record) })) {
    signal?.throwIfAborted();
    listed.push(key);
  }
  const goal = JSON.stringify([mode, all, prefix, plan.id]);
  // A provider may list a key twice while it reorganizes itself.
  const run = await startRun('rotation', goal, [...new Set(listed)], options);
  const tally = { done: 0, skipped: 0, conflicted: 0 };
  const failed: RotationFailure[] = [];
  // One that a checkpoint remembers fails when it is read.
  const unread = damaged.filter(({ key }) => key === null || !run.keys.includes(key));
  const total = run.keys.length + unread.length;

  async function settle(key: string | null, { outcome, seen, error }: Outcome): Promise<void> {
    const code = error instanceof PspError ? error.code : null;
    if (audit !== null && seen !== null) await audit.write(entryOf(plan, mode, outcome, seen, code, now()));
    if (outcome === 'failed') failed.push({ key, code, error });
    else tally[outcome]++;
    options.onProgress?.({ ...tally, failed: failed.length, total });
  }

  for (const { key, error } of unread) await settle(key, { outcome: 'failed', seen: { header: null }, error });
  await run.finish(async (key) => {
    const result = await rotateRecord(provider, key, plan, options);
    await settle(key, result);
    return result.outcome === 'done' || result.outcome === 'skipped';
  });
  return { ...tally, failed, resumed: run.resumed };
}

/** What became of one record. */
interface Outcome {
  readonly outcome: 'done' | 'skipped' | 'conflicted' | 'failed';
  /** What was there last; null when there was nothing. */
  readonly seen: Seen | null;
  readonly error?: unknown;
}

/** What the headers said, for the audit log. */
interface Seen {
  /** Null when there was a value without a header. */
  header: Header | null;
  newBlobId?: string;
}

async function rotateRecord(provider: StorageProvider, key: string, plan: RotationPlan, options: RotateOptions): Promise<Outcome> {
  let seen: Seen | null = null;
  let wrote: Outcome | null = null;
  try {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const record = await provider.get(key);
      // A deleted session has left nothing that is sealed.
      if (record === null || holdsNoSession(record)) return wrote ?? { outcome: 'skipped', seen: null };
      seen = { header: null };
      const header = parseHeader(record.value);
      seen = { header };
      const context = await options.contextOf?.(key, record.metadata);
      const sessionKey = provider.capabilities.conditionalPut ? null : sessionKeyOf(key);
      if (sessionKey !== null) {
        const { mode, all = false, dryRun = false, now = Date.now } = options;
        const outcome = await rotateObject({ provider, plan, mode, all, dryRun, now }, sessionKey, record, header, context);
        return { outcome: outcome === 'waits' ? 'conflicted' : outcome === 'ended' ? 'skipped' : outcome, seen };
      }
      const isOurs = plan.isCurrent(header) && (wrote !== null || options.all !== true);
      if (isOurs) {
        await proveCurrent(record.value, plan, context);
        return wrote ?? { outcome: 'skipped', seen };
      }
      const rotated = await rotateBlob(record.value, header, plan, options.mode, context);
      if (options.mode === 'reseal') seen.newBlobId = peek(rotated).unverified.blobId;
      const done: Outcome = { outcome: 'done', seen };
      if (options.dryRun === true) return done;
      const head = await putInPlace(provider, record, rotated);
      if (head === null) continue;
      if (await isKept(provider, record, head, rotated)) return done;
      // Somebody has replaced ours already: what he wrote is looked at in turn.
      wrote = done;
    }
    return { outcome: 'conflicted', seen };
  } catch (error) {
    return { outcome: 'failed', seen: seen ?? { header: null }, error };
  }
}

/** The head of the new record, or null when the version that was read is no more. */
async function putInPlace(provider: StorageProvider, record: StoredRecord, value: Uint8Array): Promise<RecordHead | null> {
  const { key, version, metadata, expiresAt } = record;
  try {
    const condition = provider.capabilities.conditionalPut ? { ifMatch: version } : {};
    return await provider.put(key, value, { ...condition, metadata, ...(expiresAt === null ? {} : { expiresAt }) });
  } catch (error) {
    if (error instanceof PspError && error.code === 'PROVIDER_CONFLICT') return null;
    throw error;
  }
}

/**
 * Whether the store gives back what was put; false when there is another version by now, or none. Where it gives back something else under our
 * version, the old value goes back in its place and the failure is `PROVIDER_CORRUPT`.
 */
async function isKept(provider: StorageProvider, record: StoredRecord, head: RecordHead, value: Uint8Array): Promise<boolean> {
  let cause: unknown;
  try {
    const back = await provider.get(record.key);
    if (back === null || back.version !== head.version) return false;
    if (isEqual(back.value, value)) return true;
  } catch (error) {
    if (!(error instanceof PspError) || error.code !== 'PROVIDER_CORRUPT') throw error;
    cause = error;
  }
  const restored = (await putInPlace(provider, { ...record, version: head.version }, record.value)) !== null;
  const after = restored ? 'the old value is back in its place' : 'somebody has replaced it since';
  const message = `read back: expected the ${value.length} bytes that were put, got others; ${after}`;
  throw new PspError('PROVIDER_CORRUPT', message, { cause, details: { restored } });
}

function entryOf(
  { targetKids: to }: RotationPlan,
  mode: RotationMode,
  outcome: Outcome['outcome'],
  { header, newBlobId }: Seen,
  code: PspErrorCode | null,
  timeMs: number,
): AuditEntry {
  const blobId = header === null ? null : toHex(header.blobId);
  const from = header === null ? [] : header.wraps.map(({ kid }) => kid);
  const reason = code === null ? {} : { code };
  const renewed = outcome === 'done' && newBlobId !== undefined ? { newBlobId } : {};
  return { timeMs, mode, outcome, ...reason, blobId, ...renewed, from, to };
}
