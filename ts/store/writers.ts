/**
 * Sessions in a provider without conditions (law M19), such as Cloudflare KV: what several workers commit is kept as objects that are written once, and joined
 * when it is read. Which objects count and which may go is decided in `writer-object.ts`; listings are in `writer-list.ts`.
 *
 * 1. A read shows the join of the record at the session's key, of all its objects, and of what this store itself wrote last, which the service may not show yet.
 * 2. A commit writes a new object: the join of what was read and the changes. It replaces nothing, so it can be repeated, come late, and never takes away.
 * 3. An object goes once another one that holds all of it has been readable everywhere, for as long as the slowest reader may need: since this store has seen it,
 *    by a clock that must not be set forward by minutes while its process runs, or since a third one was written by who had read it.
 * 4. An object lives at least as long as what went into it: nothing that it has replaced comes back when it expires.
 * 5. What was deleted or replaced counts no more, whoever writes it and when: here a tombstone stays for ever, unless it is purged, and before a new life that
 *    expires is put in its place, all that has ended is marked beside it, for ever too. As with any write, who is far away may see that a minute later.
 */
import { checkRollback } from '../envelope/attributes.ts';
import { PspError } from '../errors.ts';
import { joinDocuments } from '../merge/document.ts';
import { type MergeInput, readMerge, showDocument } from '../merge/merge.ts';
import type { RecordHead, StoredRecord, Version } from '../provider.ts';
import type { Session } from '../session/session.ts';
import { getRecords } from './batch.ts';
import type { Shelf } from './checkout.ts';
import { toHex } from './hex.ts';
import type { Operation } from './metrics.ts';
import { keyOf } from './namespace.ts';
import { openProvider, readHead, type StoreParts } from './parts.ts';
import { tombstoneOf } from './put.ts';
import { readSession } from './read.ts';
import { decodeRecord, encodeRecord } from './record.ts';
import { follow, hasEnded, malformed, markOf, newWriteId, type RecordFacts, readFacts, shorten } from './record-facts.ts';
import type { ListSessionsOptions, SessionHead, StoredSession } from './store.ts';
import { gone, writeRecord } from './write.ts';
import { listBeside, listMerged, mergeHeads } from './writer-list.ts';
import {
  type Beside,
  formatObject,
  hasEndedHere,
  idsOf,
  type ListedObject,
  latestExpiry,
  longReadable,
  markKey,
  objectKey,
  type ReadObject,
  shownFacts,
  shownIncarnation,
  supersedes,
  VISIBLE_MS,
} from './writer-object.ts';

/** What a store does where its provider has no conditions. */
export interface Writers extends Shelf {
  /** See {@link readShown}. */
  read(operation: Operation, id: string, minRevision?: number): Promise<StoredSession | null>;
  /** See {@link findShown}. */
  find(operation: Operation, id: string): Promise<Found | null>;
  head(operation: Operation, id: string): Promise<SessionHead | null>;
  delete(operation: Operation, id: string): Promise<boolean>;
  purge(operation: Operation, id: string): Promise<void>;
  list(operation: Operation, options: ListSessionsOptions): AsyncIterable<SessionHead>;
}

/** What is under an id: one record that is all of it, a tombstone perhaps, not opened as yet; or the session that several show together. */
export type Found = { readonly facts: RecordFacts } & ({ readonly record: StoredRecord } | { readonly merged: StoredSession });

/** The session that a store shows under `id`, whatever its provider can; null where there is none, or a tombstone. */
export async function readShown(parts: StoreParts, operation: Operation, id: string, minRevision?: number): Promise<StoredSession | null> {
  if (!(await hasConditions(parts, operation))) return writersOf(parts).read(operation, id, minRevision);
  return (await readSession(parts, operation, id, minRevision))?.stored ?? null;
}

/** All that a store has under `id`, for who takes it elsewhere; null where there is nothing. */
export async function findShown(parts: StoreParts, operation: Operation, id: string): Promise<Found | null> {
  if (!(await hasConditions(parts, operation))) return writersOf(parts).find(operation, id);
  const key = keyOf(parts.prefix, id);
  const record = await parts.retry.read(operation, () => parts.provider.get(key, operation.call));
  return record === null ? null : { record, facts: readFacts(record) };
}

/**
 * `MERGE_EPOCH` where `session` may not be put in a provider without conditions: beside its place stand commits of another epoch (law M6), as when it was compacted
 * elsewhere, and the two together could not be read any more. Whoever wants it there all the same purges first.
 */
export async function demandEpoch(parts: StoreParts, operation: Operation, session: Session): Promise<void> {
  if (await hasConditions(parts, operation)) return;
  const there = await writersOf(parts).find(operation, session.id);
  if (there === null || !('merged' in there) || there.merged.session.incarnation !== session.incarnation) return;
  const [present, next] = [await readMerge(there.merged.session), await readMerge(session)];
  if (present.document.epoch === next.document.epoch) return;
  throw new PspError('MERGE_EPOCH', 'session: commits of another epoch stand beside its place; one of them was compacted since', {
    details: { epoch: present.document.epoch, other: next.document.epoch },
  });
}

/** Whether the provider has conditions: then nothing of this is needed. Opens it where that is not certain before. */
export async function hasConditions(parts: StoreParts, operation: Operation): Promise<boolean> {
  if (!parts.provider.capabilities.conditionalPut) await openProvider(parts, operation);
  return parts.provider.capabilities.conditionalPut;
}

const WRITERS = new WeakMap<StoreParts, Writers>();

/** The writer of one store, the same one each time. Reads and writes nothing before it is asked. */
export function writersOf(parts: StoreParts): Writers {
  const writers = WRITERS.get(parts) ?? new ObjectShelf(parts);
  WRITERS.set(parts, writers);
  return writers;
}

const WRITER_BYTES = 8;
/** What is remembered of a session that this store wrote, at most so long after. */
const REMEMBERED_MS = 3_600_000;

/** One record that takes part in a session. */
interface Source {
  readonly session: Session;
  readonly merge: MergeInput;
  readonly version: Version;
  readonly expiresAt: number | null;
}

/** What stands under a key and beside it. */
interface Look {
  readonly record: StoredRecord | null;
  readonly facts: RecordFacts | null;
  readonly beside: Beside;
  readonly incarnation: string | null;
  /** Of the incarnation that is shown. */
  readonly objects: readonly ListedObject[];
  /** Keys of objects of incarnations that were deleted or replaced. */
  readonly ended: readonly string[];
}

/** A session as it was read. */
interface Read {
  readonly stored: StoredSession;
  readonly objects: readonly ReadObject[];
  readonly ended: readonly string[];
}

/** What this store remembers of a session that it wrote. */
interface Memory {
  readonly own: Source;
  readonly ownKey: string;
  readonly writtenAt: number;
  /** When it has seen which object first. */
  readonly seenAt: ReadonlyMap<string, number>;
}

class ObjectShelf implements Writers {
  readonly #parts: StoreParts;
  /** By key, those written last at the end. */
  readonly #memory = new Map<string, Memory>();
  #writer: string | null = null;
  #writes = 0;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async read(operation: Operation, id: string, minRevision?: number): Promise<StoredSession | null> {
    const stored = (await this.#read(operation, id))?.stored ?? null;
    if (stored !== null) checkRollback(stored, minRevision);
    return stored;
  }

  async find(operation: Operation, id: string): Promise<Found | null> {
    const key = keyOf(this.#parts.prefix, id);
    const look = await this.#look(operation, key);
    const { record, facts, beside, objects } = look;
    const found = shownFacts(facts, beside);
    if (objects.length === 0 && this.#ownOf(key, look, []) === null) return record === null ? null : { record, facts: found! };
    const merged = (await this.#read(operation, id, look))?.stored;
    if (merged === undefined) return null;
    const { revision } = merged;
    const { incarnation: shown } = merged.session;
    if (found !== null && found.deletedAt === null) return { merged, facts: { ...found, incarnation: shown, revision } };
    // Only this store knows of it as yet.
    const writeId = newWriteId(this.#parts.random);
    return { merged, facts: follow(found, { incarnation: shown, revision, writeId, ended: [...beside.ended] }) };
  }

  async head(operation: Operation, id: string): Promise<SessionHead | null> {
    const key = keyOf(this.#parts.prefix, id);
    const [record, beside] = await Promise.all([readHead(this.#parts, operation, key), listBeside(this.#parts, operation, key)]);
    return mergeHeads(id, record === null ? null : { head: record, facts: readFacts(record) }, beside);
  }

  list(operation: Operation, options: ListSessionsOptions): AsyncIterable<SessionHead> {
    return listMerged(this.#parts, operation, options);
  }

  async replace(operation: Operation, id: string, merge: (stored: Session) => Promise<Session>): Promise<StoredSession> {
    const read = await this.#read(operation, id);
    if (read === null) throw gone('there is none under this id any more');
    const merged = await merge(read.stored.session);
    operation.call.signal?.throwIfAborted();
    const revision = read.stored.revision + 1;
    if (!Number.isSafeInteger(revision)) throw malformed('its revision cannot rise any more');
    const session = { ...merged, revision };
    const key = keyOf(this.#parts.prefix, id);
    const written = await this.#write(operation, key, session, read);
    if (await this.#hasEnded(operation, key, session.incarnation)) {
      this.#memory.delete(key);
      await this.#tidy(operation, [written.key]);
      throw gone('this incarnation of the session was deleted');
    }
    const { version, expiresAt } = written;
    const own: Source = { session, merge: await readMerge(session), version, expiresAt };
    await this.#tidy(operation, [...read.ended, ...this.#remember(key, own, written.key, read)]);
    return { session, version, revision, expiresAt };
  }

  async delete(operation: Operation, id: string): Promise<boolean> {
    const key = keyOf(this.#parts.prefix, id);
    const { incarnation, objects, ended } = await this.#look(operation, key);
    this.#memory.delete(key);
    if (incarnation !== null) {
      const deletedAt = this.#parts.now();
      const content = async () => tombstoneOf(this.#parts, deletedAt);
      await writeRecord(this.#parts, operation, {
        key,
        // Also where nothing was left of it meanwhile.
        decide: (facts) => {
          if (facts !== null && (facts.deletedAt !== null || facts.incarnation !== incarnation)) return null;
          const revision = Math.max(facts?.revision ?? 0, ...objects.map((one) => one.facts.revision)) + 1;
          return { incarnation, revision, deletedAt, content };
        },
      });
    }
    await this.#tidy(operation, [...ended, ...objects.map(({ head }) => head.key)]);
    return incarnation !== null;
  }

  /**
   * First what has ended, and last what says so: nothing comes to life in between. The key before the objects of the session: as long as that fails nothing is
   * lost, and objects without it are still the session, which can be purged once more.
   */
  async purge(operation: Operation, id: string): Promise<void> {
    const key = keyOf(this.#parts.prefix, id);
    this.#memory.delete(key);
    const [record, before] = await Promise.all([readHead(this.#parts, operation, key), listBeside(this.#parts, operation, key)]);
    await this.#remove(operation, endedObjects(record === null ? null : factsOf(record), before));
    await this.#parts.provider.delete(key, operation.call);
    const { objects, ended } = await listBeside(this.#parts, operation, key);
    const keys = objects.map(({ head }) => head.key);
    await this.#remove(operation, keys);
    const marks = [...ended].map((mark) => markKey(key, mark));
    await this.#remove(operation, marks);
  }

  async #look(operation: Operation, key: string): Promise<Look> {
    const { provider, retry } = this.#parts;
    const [record, beside] = await Promise.all([
      retry.read(operation, () => provider.get(key, operation.call)),
      listBeside(this.#parts, operation, key),
    ]);
    const facts = record === null ? null : readFacts(record);
    const incarnation = shownIncarnation(facts, beside);
    const objects = beside.objects.filter((one) => one.facts.incarnation === incarnation);
    return { record, facts, beside, incarnation, objects, ended: endedObjects(facts, beside) };
  }

  /** `seen` is a look that was taken just now. */
  async #read(operation: Operation, id: string, seen?: Look): Promise<Read | null> {
    const key = keyOf(this.#parts.prefix, id);
    let look = seen ?? (await this.#look(operation, key));
    let values = await this.#get(operation, look);
    // Deleted since it was listed: then one that supersedes it can be listed. Where it stays so, the listing is behind, and that one is in it.
    if (values.includes(null)) {
      look = await this.#look(operation, key);
      values = await this.#get(operation, look);
    }
    const { record, facts, ended } = look;
    const sources: Source[] = [];
    if (record !== null && facts!.deletedAt === null) sources.push(await this.#open(operation, id, record, facts!));
    const objects: ReadObject[] = [];
    for (const [at, value] of values.entries()) {
      if (value === null) continue;
      const source = await this.#open(operation, id, value, look.objects[at]!.facts);
      sources.push(source);
      objects.push({ key: value.key, document: source.merge.document, expiresAt: value.expiresAt, facts: look.objects[at]!.facts });
    }
    const own = this.#ownOf(key, look, objects);
    if (own !== null) sources.push(own);
    if (sources.length === 0) return null;
    return { stored: await mergeSources(id, sources), objects, ended };
  }

  async #get(operation: Operation, { objects }: Look): Promise<(StoredRecord | null)[]> {
    if (objects.length === 0) return [];
    const settled = await getRecords(
      this.#parts,
      operation,
      objects.map(({ head }) => head.key),
    );
    return settled.map((one) => {
      if (one.status === 'rejected') throw one.reason;
      return one.value;
    });
  }

  async #open(operation: Operation, id: string, record: StoredRecord, facts: RecordFacts): Promise<Source> {
    operation.bytes += record.value.length;
    const { session } = await decodeRecord(this.#parts, id, record.value, facts);
    return { session, merge: await readMerge(session), version: record.version, expiresAt: record.expiresAt };
  }

  /** What this store wrote last, as long as the service may not show it. */
  #ownOf(key: string, { facts, beside, incarnation }: Look, objects: readonly ReadObject[]): Source | null {
    const memory = this.#memory.get(key);
    if (memory === undefined || objects.some((one) => one.key === memory.ownKey)) return null;
    const { own, writtenAt } = memory;
    const now = this.#parts.now();
    if (now - writtenAt > VISIBLE_MS || (own.expiresAt !== null && own.expiresAt <= now)) return null;
    if (incarnation === null) return hasEndedHere(facts, beside.ended, own.session.incarnation) ? null : own;
    return incarnation === own.session.incarnation ? own : null;
  }

  async #write(operation: Operation, key: string, session: Session, { stored, objects }: Read): Promise<RecordHead> {
    const { provider, retry, random, now } = this.#parts;
    const content = await encodeRecord(this.#parts, session);
    const { value } = content;
    const expiresAt = latestExpiry([content.expiresAt, stored.expiresAt]);
    this.#writer ??= toHex(random(WRITER_BYTES));
    const at = objectKey(key, this.#writer, ++this.#writes);
    const { incarnation, revision } = session;
    const facts = follow(null, { incarnation, revision, writeId: newWriteId(random), before: idsOf(objects) });
    const metadata = formatObject({ ...facts, writtenAt: now() });
    // Nobody else writes at this key, and this store nothing else: it may be put again, whatever became of it.
    return retry.read(operation, () => {
      operation.bytes += value.length;
      return provider.put(at, value, { ...operation.call, metadata, ...(expiresAt === null ? {} : { expiresAt }) });
    });
  }

  /** A deletion that came between the read and the write: whoever committed is told, and leaves nothing that comes to life when the tombstone is purged. */
  async #hasEnded(operation: Operation, key: string, incarnation: string): Promise<boolean> {
    const head = await readHead(this.#parts, operation, key);
    const facts = head === null ? null : readFacts(head);
    if (facts !== null && facts.deletedAt === null) return facts.incarnation !== incarnation;
    if (facts !== null && hasEnded(facts, incarnation)) return true;
    return (await readHead(this.#parts, operation, markKey(key, markOf(incarnation)))) !== null;
  }

  /** Remembers a write, and when the objects were seen. Gives those that may be deleted. */
  #remember(key: string, own: Source, ownKey: string, { objects }: Read): string[] {
    const now = this.#parts.now();
    const before = this.#memory.get(key)?.seenAt;
    const seenAt = new Map(objects.map((one) => [one.key, before?.get(one.key) ?? now]));
    seenAt.set(ownKey, now);
    this.#memory.delete(key);
    this.#memory.set(key, { own, ownKey, writtenAt: now, seenAt });
    for (const [other, { writtenAt }] of this.#memory) {
      if (now - writtenAt <= REMEMBERED_MS) break;
      this.#memory.delete(other);
    }
    const seenByOthers = longReadable(objects, now);
    const readable = objects.filter((one) => now - seenAt.get(one.key)! >= VISIBLE_MS || seenByOthers.has(shorten(one.facts.writeId)));
    return objects.filter((one) => readable.some((other) => supersedes(other, one))).map((one) => one.key);
  }

  async #remove(operation: Operation, keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const { provider, retry } = this.#parts;
    const settled = await retry.read(operation, () => provider.deleteMany(keys, operation.call));
    for (const one of settled) if (one.status === 'rejected') throw one.reason;
  }

  /** Deletes objects that count no more. What is left of them changes nothing, and whoever writes next tries again: so it fails nothing. */
  async #tidy(operation: Operation, keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    try {
      await this.#parts.provider.deleteMany(keys, operation.call);
    } catch (error) {
      if (!(error instanceof PspError) && operation.call.signal?.aborted !== true) throw error;
    }
  }
}

/** Keys of objects of incarnations that were deleted or replaced. */
function endedObjects(facts: RecordFacts | null, { objects, ended }: Beside): string[] {
  return objects.filter((one) => hasEndedHere(facts, ended, one.facts.incarnation)).map(({ head }) => head.key);
}

/** Null where the metadata is not ours: that can be purged like anything else. */
function factsOf(head: RecordHead): RecordFacts | null {
  try {
    return readFacts(head);
  } catch (error) {
    if (error instanceof PspError) return null;
    throw error;
  }
}

/** The session that several records show together; that of the only one as it is. */
async function mergeSources(id: string, sources: readonly Source[]): Promise<StoredSession> {
  const newest = sources.reduce((a, b) => (b.session.revision > a.session.revision ? b : a));
  const { revision, incarnation } = newest.session;
  const expiresAt = latestExpiry(sources.map((one) => one.expiresAt));
  if (sources.length === 1) return { session: newest.session, version: newest.version, revision, expiresAt };
  const inputs = sources.map(({ merge }) => merge);
  const document = joinDocuments(inputs.map((input) => input.document));
  const { session } = await showDocument(document, { id, incarnation }, { inputs });
  return { session: { ...session, revision }, version: newest.version, revision, expiresAt };
}
