/**
 * Sessions out of one store into another: read and proven there, brought to the schema version that is wanted, sealed anew for the other's keys and
 * tenant. Identity travels: id, incarnation, revision, and what was deleted stays deleted. What an older schema version cannot hold is reported.
 * Between drivers a transfer is a restore after a capture; between providers without a change, `copy.ts`.
 */

import { PspError, type PspErrorCode } from '../errors.ts';
import type { CallOptions } from '../provider.ts';
import { SCHEMA_VERSION, type Session } from '../session/session.ts';
import { downgradeSession, isLossy, type VersionLoss } from '../session/upgrade.ts';
import { checkRun, type RunOptions, startRun } from './marked-run.ts';
import { measure, type Operation, type StoreMetric } from './metrics.ts';
import { keyOf } from './namespace.ts';
import { openProvider, partsOf, type StoreParts } from './parts.ts';
import { anotherIncarnation, nextRecord, tombstoneOf } from './put.ts';
import { decodeStored } from './read.ts';
import { hasEnded, type RecordFacts } from './record-facts.ts';
import type { DamagedSession, SessionStore } from './store.ts';
import { type NextRecord, planRecord, refuseEnded, writeRecord } from './write.ts';
import { listIds } from './writer-list.ts';
import { demandEpoch, type Found, findShown } from './writers.ts';

/** What becomes of each session of a transfer. */
export interface TransferChoices {
  /** Schema version to write; the newest when not given. Older ones are for readers that know no newer one. */
  readonly version?: string;
  /** Goes on where readers of `version` will see less; otherwise that is `SESSION_LOSSY`. */
  readonly allowLoss?: boolean;
  /** For a session whose id another incarnation has in the target: it fails with `STORE_CONFLICT` (when not given), stays out, or takes its place. */
  readonly onConflict?: 'fail' | 'skip' | 'replace';
}

export interface TransferOptions extends TransferChoices, CallOptions {
  /** Does everything but write. What would be refused is refused, except that losses are told: `lossy`. */
  readonly dryRun?: boolean;
}

/**
 * `done`: it is in the target now. `present`: the target had it, at this or a later revision. `skipped`: another incarnation stayed, or there was no
 * session. `lossy`: of a dry run, where without it `SESSION_LOSSY` would have come.
 */
export type TransferOutcome = 'done' | 'present' | 'skipped' | 'lossy';

/** What became of one session. */
export interface SessionTransfer {
  readonly outcome: TransferOutcome;
  /** What `version` cannot hold as the session does; also of what went over with `allowLoss`. At pointers of the session, without values. */
  readonly losses: readonly VersionLoss[];
}

/** How all sessions of a store are transferred. */
export interface TransferAllOptions extends TransferChoices, RunOptions {
  /** Only sessions whose ids start with this. */
  readonly prefix?: string;
  readonly onProgress?: (progress: TransferProgress) => void;
}

/** How far a transfer is, after each session. */
export interface TransferProgress {
  readonly done: number;
  readonly present: number;
  readonly skipped: number;
  readonly failed: number;
  /** All that this run looks at, tombstones too. */
  readonly total: number;
}

/** A session that did not go over; of a dry run, that would not. */
export interface TransferFailure {
  /** The session's id; null where a record of the source is damaged: then `key` tells which, if that can be read. */
  readonly id: string | null;
  readonly key: string | null;
  /** Null for an error that is none of ours. */
  readonly code: PspErrorCode | null;
  readonly error: unknown;
}

/** What a transfer did. */
export interface TransferResult {
  /** Sessions and tombstones that went over; of a dry run, that would have. */
  readonly done: number;
  readonly present: number;
  readonly skipped: number;
  readonly failed: readonly TransferFailure[];
  /** The loss report: each session of which something was lost, or would have been. In no order. */
  readonly losses: readonly { readonly id: string; readonly losses: readonly VersionLoss[] }[];
  /** Whether the run went on from a checkpoint. */
  readonly resumed: boolean;
}

/**
 * Brings the session `id` of `from` to `to`, in its revision. Errors of `get` and `put` of the stores: `STORE_GONE` where the target knows that the incarnation
 * was deleted, `STORE_CONFLICT` as `onConflict` says; `SESSION_LOSSY`; `SESSION_UNSUPPORTED_VERSION`. A deleted session leaves its tombstone there too.
 */
export async function transferSession(
  from: SessionStore,
  to: SessionStore,
  id: string,
  options: TransferOptions = {},
): Promise<SessionTransfer> {
  checkConflict(options);
  return measure(hookOf(partsOf(from), partsOf(to)), 'transfer', options, async (operation) => {
    const transfer = new Transfer(partsOf(from), partsOf(to), operation, options, options.dryRun ?? false);
    await transfer.open();
    const taken = await transfer.take(id);
    if (taken.outcome === 'lossy' && options.dryRun !== true) throw lossy(taken.losses);
    return taken;
  });
}

/**
 * {@link transferSession} of every session and tombstone of `from`, namespaces inside it left out. One that fails stops nothing else.
 *
 * TypeError and RangeError for wrong arguments; what the listing or the checkpoint fail with; the reason of the signal. All other failures are in the
 * result. Memory: all ids, and a few times the size of the sessions under way.
 *
 * @example
 * const { done, failed, losses } = await transferAll(old, next, { dryRun: true });
 */
export async function transferAll(from: SessionStore, to: SessionStore, options: TransferAllOptions = {}): Promise<TransferResult> {
  checkConflict(options);
  checkRun(options);
  const { signal } = options;
  return measure(hookOf(partsOf(from), partsOf(to)), 'transfer', signal === undefined ? {} : { signal }, (operation) =>
    transferEach(from, to, operation, options),
  );
}

/** Both stores are told, once. */
function hookOf({ onMetric: a }: StoreParts, { onMetric: b }: StoreParts): ((metric: StoreMetric) => void) | undefined {
  if (a === undefined || b === undefined || a === b) return a ?? b;
  return (metric) => {
    queueMicrotask(() => b(metric));
    a(metric);
  };
}

async function transferEach(
  from: SessionStore,
  to: SessionStore,
  operation: Operation,
  options: TransferAllOptions,
): Promise<TransferResult> {
  const { prefix = '', version = SCHEMA_VERSION, allowLoss = false, onConflict = 'fail', signal, dryRun = false } = options;
  const transfer = new Transfer(partsOf(from), partsOf(to), operation, options, dryRun);
  await transfer.open();

  const failed: TransferFailure[] = [];
  const report = ({ key, error }: DamagedSession): void => void failed.push({ id: null, key, code: error.code, error });
  const ids = await listIds(partsOf(from), operation, prefix, report);

  const plan = JSON.stringify([from.namespace, to.namespace, prefix, version, allowLoss, onConflict]);
  const run = await startRun('transfer', plan, ids, options);
  const tally = { done: 0, present: 0, skipped: 0 };
  const losses: { id: string; losses: readonly VersionLoss[] }[] = [];
  await run.finish(async (id) => {
    let isWell = true;
    try {
      const taken = await transfer.take(id);
      if (taken.losses.length > 0) losses.push({ id, losses: taken.losses });
      if (taken.outcome === 'lossy') throw lossy(taken.losses);
      tally[taken.outcome]++;
    } catch (error) {
      signal?.throwIfAborted();
      failed.push({ id, key: keyOf(partsOf(from).prefix, id), code: error instanceof PspError ? error.code : null, error });
      isWell = false;
    }
    options.onProgress?.({ ...tally, failed: failed.length, total: run.keys.length });
    return isWell;
  });
  return { ...tally, failed, losses, resumed: run.resumed };
}

/** Takes single sessions over. */
class Transfer {
  readonly #from: StoreParts;
  readonly #to: StoreParts;
  readonly #operation: Operation;
  readonly #choices: TransferChoices;
  readonly #dryRun: boolean;

  constructor(from: StoreParts, to: StoreParts, operation: Operation, choices: TransferChoices, dryRun: boolean) {
    this.#from = from;
    this.#to = to;
    this.#operation = operation;
    this.#choices = choices;
    this.#dryRun = dryRun;
  }

  async open(): Promise<void> {
    await openProvider(this.#from, this.#operation);
    await openProvider(this.#to, this.#operation);
  }

  async take(id: string): Promise<SessionTransfer> {
    const there = await findShown(this.#from, this.#operation, id);
    if (there === null) return { outcome: 'skipped', losses: [] };
    const { facts } = there;
    const session = await this.#open(id, there);
    if (session === null) {
      const { expiresAt } = (there as Extract<Found, { record: unknown }>).record;
      return this.#write(id, (found) => this.#decideTombstone(facts, expiresAt, found), []);
    }
    const losses = await this.#findLosses(session);
    if (losses.some(isLossy) && this.#choices.allowLoss !== true) return { outcome: 'lossy', losses };
    return this.#write(id, (found) => this.#decideSession(session, facts, found), losses);
  }

  /** Null for a tombstone. */
  async #open(id: string, there: Found): Promise<Session | null> {
    if ('merged' in there) return there.merged.session;
    return (await decodeStored(this.#from, this.#operation, id, there.record))?.stored.session ?? null;
  }

  /** Writes what `decide` gives, where that is not the reason to write nothing. */
  async #write(
    id: string,
    decide: (found: RecordFacts | null) => NextRecord | 'present' | 'skipped',
    losses: readonly VersionLoss[],
  ): Promise<SessionTransfer> {
    const key = keyOf(this.#to.prefix, id);
    let outcome: TransferOutcome = 'done';
    const decideNext = (found: RecordFacts | null): NextRecord | null => {
      const next = decide(found);
      outcome = typeof next === 'string' ? next : 'done';
      return typeof next === 'string' ? null : next;
    };
    if (this.#dryRun) {
      const next = await planRecord(this.#to, this.#operation, { key, decide: decideNext });
      if (next !== null && next.deletedAt === undefined) await next.content();
    } else {
      await writeRecord(this.#to, this.#operation, { key, decide: decideNext });
    }
    return { outcome, losses: outcome === 'done' ? losses : [] };
  }

  #decideSession(session: Session, source: RecordFacts, found: RecordFacts | null): NextRecord | 'present' | 'skipped' {
    const { incarnation, revision } = session;
    refuseEnded(found, incarnation);
    if (found !== null && found.deletedAt === null) {
      if (found.incarnation === incarnation) {
        if (found.revision >= revision) return 'present';
      } else if (!hasEnded(source, found.incarnation)) {
        const { onConflict = 'fail' } = this.#choices;
        if (onConflict === 'skip') return 'skipped';
        if (onConflict === 'fail') throw anotherIncarnation();
      }
    }
    const next = nextRecord(this.#to, session, revision, this.#choices);
    const content = async () => {
      await demandEpoch(this.#to, this.#operation, session);
      return next.content();
    };
    return { ...next, content, ended: source.ended };
  }

  #decideTombstone(source: RecordFacts, expiresAt: number | null, found: RecordFacts | null): NextRecord | 'present' | 'skipped' {
    const { incarnation, ended } = source;
    const deletedAt = source.deletedAt!;
    if (found !== null && hasEnded(found, incarnation)) return 'present';
    if (found !== null && found.incarnation !== incarnation) return 'skipped';
    const revision = Math.max(source.revision, found?.revision ?? 0);
    return { incarnation, revision, deletedAt, ended, content: async () => tombstoneOf(this.#to, deletedAt, expiresAt) };
  }

  async #findLosses(session: Session): Promise<readonly VersionLoss[]> {
    const { version = SCHEMA_VERSION } = this.#choices;
    if (version === SCHEMA_VERSION) return [];
    return (await downgradeSession(session, { to: version, dryRun: true })).losses;
  }
}

function checkConflict({ onConflict = 'fail' }: TransferChoices): void {
  if (!['fail', 'skip', 'replace'].includes(onConflict)) throw new TypeError('onConflict: expected fail, skip or replace');
}

function lossy(losses: readonly VersionLoss[]): PspError {
  const lost = losses.filter(isLossy);
  const { pointer, reason } = lost[0]!;
  const message = `transfer: ${lost.length} things would be lost, the first at ${pointer}: ${reason}`;
  return new PspError('SESSION_LOSSY', message, { details: { losses: lost.length, pointer } });
}
