/**
 * Merging whole sessions: take each one apart into the state that it carries, join the states (`document.ts`), resolve what is concurrent by policies, and put a
 * valid session together that carries the joined state. The order and the grouping of the sessions make no difference, and nothing is decided for good.
 */
import { PspError } from '../errors.ts';
import type { Session } from '../session/session.ts';
import type { SectionHash } from './content.ts';
import { compactDocument, joinDocuments, type MergeDocument } from './document.ts';
import { columnsOf } from './document-columns.ts';
import { type Candidate, type Dot, type Entry, type EntryKind, type EntryValue, entryKey } from './entry.ts';
import { listEntries } from './entry-list.ts';
import { describeStore, type Source, type SourceRecords, type StoreRules } from './fit.ts';
import type { FlatSession } from './flat-session.ts';
import type { Identity } from './identity.ts';
import { storeKey } from './path.ts';
import { hasEnded } from './policy/evidence.ts';
import { learnConflicts } from './policy/learn.ts';
import { type ParkedEntry, rebuildSession } from './rebuild.ts';
import { type Conflict, type Loss, type Resolution, type ResolveOptions, resolve } from './resolve.ts';
import { attachState, type MergeInput, readMerge } from './session-state.ts';
import { type ShownEntry, showChosen, showRow } from './shown.ts';

export type { ParkedEntry } from './rebuild.ts';
export { type MergeInput, readMerge, withoutMergeState } from './session-state.ts';

/** How to merge. */
export interface MergeOptions extends ResolveOptions {
  /** Id of the merged session; needed where the sessions have different ones. */
  readonly targetId?: string;
  /** Tells the hash of a section, so that it need not be read; see `decodeHashed`. */
  readonly sectionHash?: SectionHash;
}

/** A merged session, and what was not plain about it. */
export interface MergedSession {
  /** Valid, and carries the joined state. */
  readonly session: Session;
  /** What the application should look at. */
  readonly conflicts: readonly Conflict[];
  /** What lost to what, for the merge log (`log.ts`). Put in order when it is asked for. */
  readonly losses: readonly Loss[];
  /** Entries in conflict that a rule says are volatile. */
  readonly volatile: number;
  /** What is kept in the state, but would not be valid in the session. */
  readonly parked: readonly ParkedEntry[];
  readonly document: MergeDocument;
}

/**
 * One session out of many that have a history in common, or none. Commutative, associative and idempotent: the same sessions give the same bytes when they are
 * encoded, in whatever order they are merged and however often. Changes none of them. O(entries of all); reads records of databases, once where
 * several sessions have the same ones, and of other sections those whose hash neither `sectionHash` nor their blob tells.
 *
 * The sessions must be valid. Policies and `now` change what is shown, never the state: whoever merges on with other policies loses nothing.
 *
 * @throws PspError `MERGE_UNRELATED` for different ids without `targetId`; `MERGE_EPOCH` where one was compacted; `MERGE_FORK` where one write has two contents;
 *   `MERGE_MALFORMED`, `MERGE_LIMIT` for a state that cannot be read; `SESSION_INVALID` for an entry that stands twice. TypeError without a session.
 * @example
 * const { session, conflicts } = await mergeSessions([mine, theirs]);
 */
export async function mergeSessions(sessions: readonly Session[], options: MergeOptions = {}): Promise<MergedSession> {
  const inputs: MergeInput[] = [];
  for (const session of sessions) inputs.push(await readMerge(session, options.sectionHash, inputs[0]));
  const first = inputs[0];
  if (first === undefined) throw new TypeError('sessions: expected at least one');
  if (options.targetId === undefined && inputs.some(({ id }) => id !== first.id))
    throw new PspError('MERGE_UNRELATED', 'the sessions have different ids; say by targetId which one the merged session is to have');
  const document = joinDocuments(inputs.map((input) => input.document));
  const { incarnation } = [...inputs].sort(byBirth)[0] as MergeInput;
  return showDocument(document, { id: options.targetId ?? first.id, incarnation }, { ...options, inputs });
}

/** The one that was there first gives its incarnation to all. */
function byBirth(a: MergeInput, b: MergeInput): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  return a.incarnation < b.incarnation ? -1 : a.incarnation > b.incarnation ? 1 : 0;
}

/** How to show a document. */
export interface ShowOptions extends ResolveOptions {
  readonly sectionHash?: SectionHash;
  /** The sessions that were joined, which vouch for their records; without them every record is looked into. */
  readonly inputs?: readonly MergeInput[];
}

/**
 * The session that shows a document and carries it. The document has the marks of a session (`createdAt` and the like).
 *
 * @throws as {@link mergeSessions}.
 */
export async function showDocument(
  document: MergeDocument,
  { id, incarnation }: { readonly id: string; readonly incarnation: string },
  options: ShowOptions = {},
): Promise<MergedSession> {
  const losses: Loss[] = [];
  const list = listEntries(document);
  const shown: ShownEntry[] = [];
  const contested: Entry[] = [];
  for (let at = 0; at < list.length; at++) {
    if (list.isRow(at)) {
      const one = showRow(list, at);
      if (options.now === undefined || !hasEnded(one.kind, one.value, options.now)) shown.push(one);
    } else {
      const entry = list.entryAt(at);
      contested.push(entry.kind === 'database' ? ofHighestVersion(entry, losses) : entry);
    }
  }
  await learnConflicts(contested, options.policies, options.sectionHash);
  const resolution = resolve(contested, options);
  contested.forEach((entry, i) => {
    const one = resolution.shown[i];
    if (one !== undefined && one !== null) shown.push(showChosen(entry, one));
  });
  const { session, parked } = rebuildSession(
    shown,
    document.marks,
    { id, incarnation },
    (options.inputs ?? []).map((input) => new InputSource(input)),
  );
  return new ShownSession(
    {
      session: await attachState(session, document, options.inputs?.[0]?.flat),
      conflicts: inOrder(resolution.conflicts),
      volatile: resolution.volatile,
      parked: inOrder(parked),
      document,
    },
    resolution,
    losses,
  );
}

/** Lists losses when they are asked for: many, where everything was changed by everybody, and only a log wants them. As `LazyDocument` does it. */
class ShownSession implements MergedSession {
  readonly session: Session;
  readonly conflicts: readonly Conflict[];
  readonly volatile: number;
  readonly parked: readonly ParkedEntry[];
  readonly document: MergeDocument;
  declare readonly losses: readonly Loss[];
  readonly #resolution: Resolution;
  readonly #others: readonly Loss[];
  #losses: readonly Loss[] | null = null;

  static readonly #LOSSES: PropertyDescriptor = {
    enumerable: true,
    get(this: ShownSession) {
      this.#losses ??= inOrder([...this.#resolution.losses, ...this.#others]);
      return this.#losses;
    },
  };

  /** `others`: losses that no policy decided. */
  constructor(
    { session, conflicts, volatile, parked, document }: Omit<MergedSession, 'losses'>,
    resolution: Resolution,
    others: readonly Loss[],
  ) {
    this.session = session;
    this.conflicts = conflicts;
    this.volatile = volatile;
    this.parked = parked;
    this.document = document;
    this.#resolution = resolution;
    this.#others = others;
    Object.defineProperty(this, 'losses', ShownSession.#LOSSES);
  }
}

/**
 * A merged session in a new epoch (law M6): what it shows under `options` is kept, under new dots; candidates that lost, deletions and the list of who ever wrote
 * are forgotten. Only to be stored with compare-and-set: who still holds the old epoch gets `MERGE_EPOCH` and takes the session out anew.
 *
 * `epoch` is 16 lower-case hexadecimal digits, random, never used before. Throws as {@link mergeSessions}.
 */
export async function compactSession(session: Session, epoch: string, options: ShowOptions = {}): Promise<Session> {
  const { document } = await readMerge(session, options.sectionHash);
  const entries = [...document.entries.values()].map((entry) => (entry.kind === 'database' ? ofHighestVersion(entry, []) : entry));
  await learnConflicts(entries, options.policies, options.sectionHash);
  const { shown } = resolve(entries, options);
  const values = new Map(entries.map(({ kind, path }, i) => [entryKey(kind, path), shown[i]?.value]));
  const compacted = compactDocument(document, epoch, ({ kind, path }) => values.get(entryKey(kind, path)));
  return (await showDocument(compacted, session, options)).session;
}

/** By kind and path, so that the order of joining does not show. */
function inOrder<One extends { readonly kind: EntryKind; readonly path: readonly string[] }>(list: readonly One[]): One[] {
  const keyed = list.map((one) => ({ one, key: entryKey(one.kind, one.path) }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ one }) => one);
}

type Versioned = { readonly version?: EntryValue };

/** Law M13: the description of a higher version of a database was made from one of a lower version, and never the other way round. */
function ofHighestVersion(entry: Entry, losses: Loss[]): Entry {
  const { kind, path, candidates } = entry;
  if (candidates.length === 1) return entry;
  const versionOf = ({ value }: Candidate): number => Number((value as Versioned | undefined)?.version ?? 0);
  const highest = Math.max(...candidates.map(versionOf));
  const kept = candidates.filter((candidate) => candidate.value === undefined || versionOf(candidate) === highest);
  if (kept.length === candidates.length) return entry;
  const winning = kept.filter(({ value }) => value !== undefined).at(-1) as Candidate;
  losses.push({ kind, path, losing: candidates.filter((candidate) => !kept.includes(candidate)), winning, rule: 'database-version' });
  return { ...entry, candidates: kept };
}

/** What a session shows fits what it says of its stores; see `fit.ts`. Looked up only where it is asked for. */
class InputSource implements Source {
  readonly #input: MergeInput;
  #stores: ReadonlyMap<string, string> | null = null;

  constructor(input: MergeInput) {
    this.#input = input;
  }

  get stores(): ReadonlyMap<string, string> {
    this.#stores ??= describeStores(this.#input.flat);
    return this.#stores;
  }

  recordsOf(store: string): SourceRecords | null {
    const { flat } = this.#input;
    const found = flat.stores.get(store);
    if (found === undefined || !found.isCanonical) return null;
    const { section, from, to } = found;
    return { section, identities: flat.identities.slice(from, to), values: flat.values.slice(from, to) };
  }

  dotOf(path: readonly string[]): Dot | undefined {
    const { document, flat } = this.#input;
    const place = flat.positions[flat.table.intern('record', path).index] ?? -1;
    return place === -1 ? undefined : shownDot(document, flat, place);
  }
}

function describeStores({ identities, values }: FlatSession): Map<string, string> {
  const described = new Map<string, string>();
  identities.forEach(({ kind, path }, i) => {
    if (kind !== 'database') return;
    const { stores } = values[i] as unknown as { readonly stores: readonly (StoreRules & { readonly name: string })[] };
    for (const store of stores) described.set(storeKey(path[0] as string, path[1] as string, store.name), describeStore(store));
  });
  return described;
}

function shownDot(document: MergeDocument, { identities, values }: FlatSession, place: number): Dot | undefined {
  const columns = columnsOf(document);
  const row = columns === undefined ? -1 : (columns.rows[place] as number);
  if (columns !== undefined && row !== -1) return columns.writes.dotAt(row);
  const entry = document.entries.get((identities[place] as Identity).key);
  return entry?.candidates.find(({ value }) => value === values[place])?.dot;
}
