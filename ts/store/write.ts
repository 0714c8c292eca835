/**
 * One write of one record, to its end: the loop of looking, deciding and putting in the place of exactly what was seen. It is the only writer of a
 * store, so tombstones and lost replies are thought of once. Each attempt has the same write id in its metadata; whatever a call came back with,
 * the next look at the record tells whether the write was made.
 */

import { PspError } from '../errors.ts';
import type { RecordHead, Version } from '../provider.ts';
import type { Operation } from './metrics.ts';
import { openProvider, readHead, type StoreParts } from './parts.ts';
import type { RecordContent } from './record.ts';
import {
  findWrite,
  follow,
  formatFacts,
  formatMark,
  hasEnded,
  malformed,
  markOf,
  mayBeForgotten,
  newWriteId,
  passingMarks,
  type RecordFacts,
  readFacts,
} from './record-facts.ts';
import type { StoredVersion } from './store.ts';
import { listBeside } from './writer-list.ts';
import { markKey, shownFacts } from './writer-object.ts';

/** What stands under the key. */
export interface Seen {
  readonly version: Version;
  readonly facts: RecordFacts;
}

/** The record that is to be written in the place of what was seen. */
export interface NextRecord {
  readonly incarnation: string;
  readonly revision: number;
  /** A tombstone when given. */
  readonly deletedAt?: number;
  /** Marks of ended incarnations that come along from another store. */
  readonly ended?: readonly string[];
  /** Called once for each revision. */
  readonly content: () => Promise<RecordContent>;
}

/** A write. */
export interface RecordWrite {
  readonly key: string;
  /**
   * Refuses by throwing, or null: there is nothing to be written. Called anew when something else stands there. In a provider without conditions `facts` are
   * those of the record and the commits beside it together.
   */
  readonly decide: (facts: RecordFacts | null) => NextRecord | null;
  /** The version that has to be there: else `STORE_CONFLICT`, or what `decide` says of nothing and of a tombstone. */
  readonly ifMatch?: Version | undefined;
  /** What is there, where the caller knows it; null for nothing. Not given: the first thing is a look. */
  readonly seen?: Seen | null;
  /** An attempt that was made already, and whose end nobody knows. */
  readonly tried?: TriedWrite;
}

/** A record as it was, perhaps, put. */
export interface TriedWrite {
  readonly writeId: string;
  readonly revision: number;
  readonly content: RecordContent;
  /** That attempt is known to have failed: what stands there is this write only if an earlier run with the same write id made it. */
  readonly isRefused?: true;
}

/** Lost races after which a write gives up. */
const MAX_RACES = 100;
/**
 * Where the record has come to stand, or null where `decide` saw nothing to do. `STORE_CONFLICT`: see {@link RecordWrite.ifMatch}; a hundred lost races; or
 * a lost reply that nothing can clear up any more.
 */
export async function writeRecord(parts: StoreParts, operation: Operation, write: RecordWrite): Promise<StoredVersion | null> {
  await openProvider(parts, operation);
  const { key, decide, ifMatch } = write;
  const writer = new Writer(parts, operation, key, write.tried);
  let seen = write.seen;
  for (;;) {
    seen = seen === undefined ? await writer.look() : seen;
    const made = writer.findIn(seen);
    if (made !== null) return made;
    const place = await placeOf(parts, operation, key, seen?.facts ?? null);
    const next = decideFor(place, decide);
    if (next === null) return null;
    if (ifMatch !== undefined && seen?.version !== ifMatch) throw changedMeanwhile();
    const head = await writer.tryPut(seen?.version ?? null, place, next);
    if (typeof head !== 'string') return { version: head.version, revision: next.revision, expiresAt: head.expiresAt };
    // Who knew what was there wants to read it anew, not the reason.
    if (head === 'lost' && write.seen != null && ifMatch !== undefined && !writer.isUncertain) throw changedMeanwhile();
    seen = undefined;
  }
}

/** The attempts of one write. */
class Writer {
  /** Whether an attempt may have been made whose end nobody knows. */
  isUncertain: boolean;
  readonly #parts: StoreParts;
  readonly #operation: Operation;
  readonly #key: string;
  readonly #writeId: string;
  #made: Omit<TriedWrite, 'writeId'> | null;
  #failures = 0;
  #races = 0;

  constructor(parts: StoreParts, operation: Operation, key: string, tried: TriedWrite | undefined) {
    this.isUncertain = tried !== undefined && tried.isRefused !== true;
    this.#parts = parts;
    this.#operation = operation;
    this.#key = key;
    this.#writeId = tried?.writeId ?? newWriteId(parts.random);
    this.#made = tried ?? null;
  }

  async look(): Promise<Seen | null> {
    return seenOf(await readHead(this.#parts, this.#operation, this.#key));
  }

  /** This write, where it has been made. */
  findIn(seen: Seen | null): StoredVersion | null {
    const found = seen === null ? null : findWrite(seen.facts, this.#writeId);
    if (found === null) {
      this.#expectMemory(seen);
      return null;
    }
    const { revision, content } = this.#made!;
    // The version that it had is not known any more, and matches nothing: so does this.
    const version = found === 'last' ? seen!.version : (this.#writeId as Version);
    return { version, revision, expiresAt: content.expiresAt };
  }

  /**
   * Puts in the place of the version `seen` (null: of nothing), of which `place` is known. The head; or why the record has to be looked at: the race was `lost`,
   * or the call `failed`. Rejects when that would not help.
   */
  async tryPut(seen: Version | null, place: Place, next: NextRecord): Promise<RecordHead | 'lost' | 'failed'> {
    if (!Number.isSafeInteger(next.revision)) throw malformed('its revision cannot rise any more');
    if (this.#made?.revision !== next.revision) this.#made = { revision: next.revision, content: await next.content() };
    const { provider, retry } = this.#parts;
    const { content: _content, ...named } = next;
    const { value, expiresAt } = this.#made.content;
    const facts = follow(place.facts, { ...named, writeId: this.#writeId });
    if (!provider.capabilities.conditionalPut) await this.#keepMarks(passingMarks(facts, expiresAt), place);
    const condition = seen === null ? ({ ifNoneMatch: '*' } as const) : { ifMatch: seen };
    this.#operation.bytes += value.length;
    try {
      return await provider.put(this.#key, value, {
        ...this.#operation.call,
        ...(provider.capabilities.conditionalPut ? condition : {}),
        ...(expiresAt === null ? {} : { expiresAt }),
        metadata: formatFacts(facts),
      });
    } catch (error) {
      this.#operation.call.signal?.throwIfAborted();
      if (!(error instanceof PspError)) throw error;
      if (error.code === 'PROVIDER_CONFLICT') {
        if (++this.#races >= MAX_RACES) throw conflict('attempts', `put: lost ${MAX_RACES} races against other writers`, error);
        if (this.#races > 1) await retry.waitAfterRace(this.#operation, this.#races - 1);
        return 'lost';
      }
      if (mayHaveHappened(error)) this.isUncertain = true;
      if (retry.isWorthwhile(error, ++this.#failures)) {
        await retry.waitAfterFailure(this.#operation, this.#failures);
        return 'failed';
      }
      return this.#lookOnce(error);
    }
  }

  /**
   * Without conditions an object of an ended incarnation may come to the service at any time: what the record does not keep for ever is put beside it, and first.
   * Where the record then is not put, whoever was to be replaced stays the session as long as a record of it is there.
   */
  async #keepMarks(marks: readonly string[], { ended }: Place): Promise<void> {
    const { provider, retry } = this.#parts;
    for (const mark of marks) {
      if (ended.has(mark)) continue;
      const metadata = formatMark(mark);
      await retry.read(this.#operation, () =>
        provider.put(markKey(this.#key, mark), new Uint8Array(0), { ...this.#operation.call, metadata }),
      );
    }
  }

  /** After the last attempt: the head where that was made, though its reply was lost; else the failure. */
  async #lookOnce(error: PspError): Promise<RecordHead> {
    if (!mayHaveHappened(error)) throw error;
    const head = await this.#parts.provider.head(this.#key, this.#operation.call).catch(() => {
      // That the service does not answer is known; how the write ended is not.
      throw error;
    });
    const found = head === null ? null : findWrite(readFacts(head), this.#writeId);
    if (found === null) throw error;
    return found === 'last' ? head! : { ...head!, version: this.#writeId as Version };
  }

  /** Where others have written so often that a write of ours would not be known any more, nobody can tell whether to write again. */
  #expectMemory(seen: Seen | null): void {
    if (!this.isUncertain || this.#made === null || seen === null || !mayBeForgotten(seen.facts, this.#made.revision)) return;
    const message = 'put: its reply was lost, and others have written so often since that nothing tells whether it was made';
    throw conflict('unknown', message);
  }
}

/** Whether a write that failed like this may have been made all the same. */
export function mayHaveHappened(error: unknown): boolean {
  return error instanceof PspError && (error.code === 'PROVIDER_UNAVAILABLE' || error.code === 'PROVIDER_TIMEOUT');
}

/** What {@link writeRecord} would write now; null: nothing. */
export async function planRecord(
  parts: StoreParts,
  operation: Operation,
  { key, decide }: Pick<RecordWrite, 'key' | 'decide'>,
): Promise<NextRecord | null> {
  const facts = seenOf(await readHead(parts, operation, key))?.facts ?? null;
  return decideFor(await placeOf(parts, operation, key, facts), decide);
}

/** What is known of a key. */
interface Place {
  /** Null: nothing stands there. In a provider without conditions, what the record and the commits beside it say together. */
  readonly facts: RecordFacts | null;
  /** Marks of ended incarnations that stand beside it, in a provider without conditions. */
  readonly ended: ReadonlySet<string>;
}

async function placeOf(parts: StoreParts, operation: Operation, key: string, record: RecordFacts | null): Promise<Place> {
  if (parts.provider.capabilities.conditionalPut) return { facts: record, ended: new Set() };
  const beside = await listBeside(parts, operation, key);
  return { facts: shownFacts(record, beside), ended: beside.ended };
}

/** `STORE_GONE` also where nothing is there, to decide on, but the mark of the incarnation that would begin anew. */
function decideFor({ facts, ended }: Place, decide: RecordWrite['decide']): NextRecord | null {
  const next = decide(facts);
  if (facts === null && next !== null && next.deletedAt === undefined && ended.has(markOf(next.incarnation))) throw deletedHere();
  return next;
}

/** What a head says stands there. */
export function seenOf(head: RecordHead | null): Seen | null {
  return head === null ? null : { version: head.version, facts: readFacts(head) };
}

function changedMeanwhile(): PspError {
  return conflict('version', 'ifMatch: expected the given version under this id, found another');
}

/** `STORE_GONE` where `incarnation` was deleted or replaced under this key. */
export function refuseEnded(facts: RecordFacts | null, incarnation: string): void {
  if (facts !== null && hasEnded(facts, incarnation)) throw deletedHere();
}

function deletedHere(): PspError {
  return gone('this incarnation of the session was deleted');
}

/** `STORE_GONE`: what was to be written belongs to a session that is no more. */
export function gone(why: string): PspError {
  return new PspError('STORE_GONE', `session: ${why}`);
}

/** `STORE_CONFLICT`, with `details.found`. */
export function conflict(
  found: 'version' | 'incarnation' | 'session' | 'attempts' | 'unknown' | 'lease',
  message: string,
  cause?: unknown,
): PspError {
  return new PspError('STORE_CONFLICT', message, { details: { found }, ...(cause === undefined ? {} : { cause }) });
}

/** `PROVIDER_UNSUPPORTED` where the provider has no conditions. */
export async function demandConditions(parts: StoreParts, operation: Operation, what: string): Promise<void> {
  await openProvider(parts, operation);
  if (parts.provider.capabilities.conditionalPut) return;
  throw new PspError('PROVIDER_UNSUPPORTED', `store: ${what} needs a provider with conditions; ${parts.provider.name} has none`);
}
