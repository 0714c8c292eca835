/**
 * Reading: what is shown of entries, each a set of candidates. Policies are applied here and nothing is stored (law M2); the same sets give the same
 * result, in whatever order and however often their parts were joined. Reads no clock: `now` is an argument.
 */
import type { Candidate, Dot, Entry, EntryKind, EntryValue } from './entry.ts';
import { bySite, type Contested, decideGroup, type GroupOf } from './groups.ts';
import { hasEnded } from './policy/evidence.ts';
import { compileRules, type Rules, type Ruling } from './policy/rules.ts';
import { type Choice, type Made, type PolicyRule, type SurfaceReason, sameWrite } from './policy.ts';

/** How entries are read. */
export interface ResolveOptions {
  /** The first rule that fits decides; `last-writer` where none does. */
  readonly policies?: readonly PolicyRule[];
  /** Whose conflicts are decided together: those of one `site` unless told; `none`: each entry alone. */
  readonly groups?: 'site' | 'none' | GroupOf;
  /** Hides what has expired by its own account at this time, in milliseconds since the epoch. An older value never comes back in its place. */
  readonly now?: number;
}

/** What is shown of an entry. A candidate with a value is one; a value that was made of several has no dot. */
export interface Shown {
  readonly value: EntryValue;
  readonly dot?: Dot;
}

/** A conflict that the application is told of. */
export interface Conflict {
  readonly kind: EntryKind;
  readonly path: readonly string[];
  readonly reason: SurfaceReason;
  /** Name of the policy. */
  readonly rule: string;
  /** In canonical order, the shown one among them. */
  readonly candidates: readonly Candidate[];
  readonly shown: Shown | null;
}

/** Writes lost to another one: what the merge log is made of. */
export interface Loss {
  readonly kind: EntryKind;
  readonly path: readonly string[];
  /** The place inside a merged value, as member names and indexes. */
  readonly within?: readonly string[];
  /** In canonical order. */
  readonly losing: readonly Candidate[];
  readonly winning: Candidate;
  /** Name of the policy. */
  readonly rule: string;
  /** The group that was decided as a whole, where the entry belongs to one. */
  readonly group?: string;
  /** The path where the losing write went, where somebody moved it (`rekey.ts`). */
  readonly movedTo?: readonly string[];
}

/** What is seen of a set of entries. */
export interface Resolution {
  /** One for each entry, in the same order; null where nothing is shown. */
  readonly shown: readonly (Shown | null)[];
  readonly conflicts: readonly Conflict[];
  /** Listed when they are asked for. */
  readonly losses: readonly Loss[];
  /** How many volatile entries had a conflict. */
  readonly volatile: number;
}

/**
 * What is shown of each entry. The caller guarantees that candidates are in canonical order, none twice, and that sections were learned
 * (`learnConflicts`). O(entries) where there is no conflict.
 *
 * @throws TypeError for a policy of a name that there is not, or one that gives back what is no choice.
 */
export function resolve(entries: readonly Entry[], options: ResolveOptions = {}): Resolution {
  return new Reading(compileRules(options.policies ?? []), groupsOf(options)).read(entries, options.now);
}

function groupsOf({ groups = 'site' }: ResolveOptions): GroupOf {
  if (typeof groups === 'function') return groups;
  return groups === 'none' ? () => null : bySite;
}

/** A conflict in a group that is not decided yet, and where its entry stands. */
interface Waiting extends Contested {
  readonly at: number;
}

/** A conflict that one candidate won. What it cost is only listed when somebody asks. */
interface Settled {
  readonly entry: Entry;
  readonly winner: Candidate;
  readonly rule: string;
  readonly group: string | null;
}

class Reading {
  readonly #rules: Rules;
  readonly #groupOf: GroupOf;
  readonly #shown: (Shown | null)[] = [];
  readonly #conflicts: { readonly at: number; readonly conflict: Conflict }[] = [];
  readonly #losses: (Loss | Settled)[] = [];
  #volatile = 0;

  constructor(rules: Rules, groupOf: GroupOf) {
    this.#rules = rules;
    this.#groupOf = groupOf;
  }

  read(entries: readonly Entry[], now: number | undefined): Resolution {
    const groups = new Map<string, Waiting[]>();
    entries.forEach((entry, at) => {
      const { candidates } = entry;
      this.#shown.push(asShown(candidates[candidates.length - 1] as Candidate));
      if (hasConflict(candidates)) this.#judge(entry, at, groups);
    });
    for (const [name, waiting] of groups) this.#decide(waiting, name);
    const shown = now === undefined ? this.#shown : this.#shown.map((one, at) => (isExpired(entries[at] as Entry, one, now) ? null : one));
    const conflicts = this.#conflicts.sort((a, b) => a.at - b.at).map(({ conflict }) => conflict);
    return new Found(shown, conflicts, this.#losses, this.#volatile);
  }

  #judge(entry: Entry, at: number, groups: Map<string, Waiting[]>): void {
    const { kind, path, candidates } = entry;
    const ruling = this.#rules(kind, path);
    const choice = ruling.policy.choose(candidates, entry);
    if (ruling.isVolatile) this.#volatile++;
    if ('made' in choice) {
      this.#settleMade(entry, at, ruling, choice);
      return;
    }
    const contested = { entry, ruling, pick: choice, at };
    const group = choice.alone === true ? null : this.#groupOf(kind, path);
    if (group === null) this.#settle(contested, choice.winner, null);
    else addTo(groups, group, contested);
  }

  #decide(waiting: readonly Waiting[], group: string): void {
    const winners = decideGroup(waiting);
    waiting.forEach((one, i) => {
      this.#settle(one, winners[i] as Candidate, group);
    });
  }

  #settle({ entry, ruling, pick, at }: Waiting, winner: Candidate, group: string | null): void {
    this.#shown[at] = asShown(winner);
    if (ruling.isVolatile) return;
    this.#losses.push({ entry, winner, rule: ruling.policy.name, group });
    this.#surface(entry, ruling, pick, at);
  }

  #settleMade(entry: Entry, at: number, ruling: Ruling, choice: Made): void {
    this.#shown[at] = choice.made === undefined ? null : { value: choice.made };
    if (ruling.isVolatile) return;
    const { kind, path, candidates } = entry;
    const rule = ruling.policy.name;
    for (const inner of choice.inner ?? []) this.#losses.push({ kind, path, rule, ...inner });
    // Of the values nobody but the policy knows what is left of each; a deletion is none of them.
    const deletions = candidates.filter(({ value }) => value === undefined);
    const winning = choice.made === undefined ? undefined : candidates.filter(({ value }) => value !== undefined).at(-1);
    if (winning !== undefined && deletions.length > 0) this.#losses.push({ kind, path, losing: deletions, winning, rule });
    this.#surface(entry, ruling, choice, at);
  }

  #surface({ kind, path, candidates }: Entry, { policy }: Ruling, { surface }: Choice, at: number): void {
    if (surface === undefined) return;
    const conflict = { kind, path, reason: surface, rule: policy.name, candidates, shown: this.#shown[at] ?? null };
    this.#conflicts.push({ at, conflict });
  }
}

class Found implements Resolution {
  readonly shown: readonly (Shown | null)[];
  readonly conflicts: readonly Conflict[];
  readonly volatile: number;
  readonly #losses: readonly (Loss | Settled)[];

  constructor(
    shown: readonly (Shown | null)[],
    conflicts: readonly Conflict[],
    losses: readonly (Loss | Settled)[],
    volatileEntries: number,
  ) {
    this.shown = shown;
    this.conflicts = conflicts;
    this.volatile = volatileEntries;
    this.#losses = losses;
  }

  get losses(): readonly Loss[] {
    return this.#losses.map((loss) => ('entry' in loss ? lossOf(loss) : loss));
  }
}

function lossOf({ entry: { kind, path, candidates }, winner, rule, group }: Settled): Loss {
  const losing = candidates.filter((one) => !sameWrite(one, winner));
  return { kind, path, losing, winning: winner, rule, ...(group === null ? {} : { group }) };
}

function hasConflict(candidates: readonly Candidate[]): boolean {
  const last = candidates[candidates.length - 1] as Candidate;
  for (let i = 0; i + 1 < candidates.length; i++) if (!sameWrite(candidates[i] as Candidate, last)) return true;
  return false;
}

function addTo(groups: Map<string, Waiting[]>, name: string, contested: Waiting): void {
  const waiting = groups.get(name);
  if (waiting === undefined) groups.set(name, [contested]);
  else waiting.push(contested);
}

function asShown(candidate: Candidate): Shown | null {
  return candidate.value === undefined ? null : (candidate as Shown);
}

function isExpired({ kind }: Entry, shown: Shown | null, now: number): boolean {
  return shown !== null && hasEnded(kind, shown.value, now);
}
