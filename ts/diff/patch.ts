/**
 * A revealed difference as a patch: applied to the first session it gives the second, inverted it leads back. A patch is held against what it finds, and
 * is applied as a whole or not at all.
 */
import type { Session } from '../session/session.ts';
import type { Added, Changed, Moved, Removed, SessionDiff } from './difference.ts';
import { type Entity, type Kind, listAt, SESSION, step } from './kind.ts';
import { assemble, conflict, own, type PatchNode, planList, treeOf } from './patch-tree.ts';
import { type SameSection, sameValue } from './value.ts';

/** How a patch is applied. */
export interface PatchOptions {
  /** As in `DiffOptions`: spares reading the sections that the patch found before. */
  readonly sameSection?: SameSection;
}

/**
 * The session that `patch` makes of `session`; what the patch does not touch is shared with it. `applyPatch(await diffSessions(a, b, { reveal: true }), a)`
 * equals `b`, order included, where text in a section equals the same text in a string.
 *
 * The patch also fits another session that has, at the same places, what the patch removes and changes.
 *
 * @throws PspError
 * - `DIFF_REDACTED`: the difference was made without `reveal`;
 * - `DIFF_CONFLICT`: what the patch expects is not there, or what it adds is there already; `details.pointer` says where. Nothing was changed.
 *
 * Rejects as the `bytes()` of replaced sections do: they are compared with what the patch replaces.
 */
export async function applyPatch(patch: SessionDiff, session: Session, options: PatchOptions = {}): Promise<Session> {
  const { from, to } = treeOf(patch);
  return (await patchEntity(SESSION, session as unknown as Entity, { from, to }, '', options)) as unknown as Session;
}

/** The patch that leads back from what `patch` makes. Works on redacted differences as well. */
export function invertPatch({ revealed, added, removed, changed, moved, unchangedCount }: SessionDiff): SessionDiff {
  return {
    revealed,
    added: removed.map(({ change: _, from: to, before: after, ...rest }): Added => ({ change: 'added', ...rest, to, after })),
    removed: added.map(({ change: _, to: from, after: before, ...rest }): Removed => ({ change: 'removed', ...rest, from, before })),
    changed: changed.map(
      ({ from, to, members, ...rest }): Changed => ({ ...rest, from: to, to: from, members: members.map(invertMember) }),
    ),
    moved: moved.map(({ from, to, ...rest }): Moved => ({ ...rest, from: to, to: from })),
    unchangedCount,
  };
}

function invertMember({ member, before, after, edits }: Changed['members'][number]): Changed['members'][number] {
  const turned = edits?.map((_, at) => edits[at ^ 2] as number);
  return { member, before: after, after: before, ...(turned === undefined ? {} : { edits: turned }) };
}

/** What the patch says of one entry on either side. */
interface Both {
  readonly from: PatchNode | undefined;
  readonly to: PatchNode | undefined;
}

async function patchEntity(kind: Kind, entity: Entity, { from, to }: Both, pointer: string, options: PatchOptions): Promise<Entity> {
  if (from === undefined && to === undefined) return entity;
  const patched = (Array.isArray(entity) ? [...entity] : { ...entity }) as Record<string, unknown>;
  if (from?.changed !== undefined) await patchMembers(kind, patched, from.changed, pointer, options);
  for (const name of new Set([...(from?.inside.keys() ?? []), ...(to?.inside.keys() ?? [])])) {
    const inner = { from: from?.inside.get(name), to: to?.inside.get(name) };
    const at = step(pointer, name);
    const [slot, list] = [own(kind.slots, name), own(kind.lists, name)];
    if (slot !== undefined) await patchSlot(slot, patched, name, inner, at, options);
    else if (list === undefined) throw conflict(at, 'no entry can be there');
    else {
      const result = await patchList(list, listAt(entity, name), inner, at, options);
      if (patched[name] !== undefined) patched[name] = result;
      else if (result.length > 0) throw conflict(at, 'the list is not there');
    }
  }
  return patched as Entity;
}

async function patchMembers(
  kind: Kind,
  patched: Record<string, unknown>,
  { members }: Changed,
  pointer: string,
  { sameSection }: PatchOptions,
): Promise<void> {
  for (const { member, before, after } of members) {
    const found = Object.hasOwn(patched, member) ? patched[member] : undefined;
    // Of a list only whether it is there: its entries are told one by one.
    const fits =
      own(kind.lists, member) === undefined
        ? await sameValue(found, before === null ? undefined : before.value, sameSection)
        : (found === undefined) === (before === null);
    if (!fits) throw conflict(step(pointer, member), 'its value is another one');
    if (after === null) delete patched[member];
    else setMember(patched, member, after.value);
  }
}

/** Assigning to `__proto__` would not make a member. */
function setMember(target: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

async function patchSlot(
  kind: Kind,
  patched: Record<string, unknown>,
  name: string,
  { from, to }: Both,
  pointer: string,
  options: PatchOptions,
): Promise<void> {
  const found = patched[name] as Entity | undefined;
  if (from?.removed !== undefined) {
    await demandSame(kind, found, from, pointer, options);
    delete patched[name];
  } else if (to?.added !== undefined) {
    if (found !== undefined) throw conflict(pointer, 'it is there already');
    patched[name] = assemble(kind, to, 'added', pointer);
  } else {
    if (found === undefined) throw conflict(pointer, 'it is not there');
    patched[name] = await patchEntity(kind, found, { from, to }, pointer, options);
  }
}

async function patchList(
  kind: Kind,
  list: readonly Entity[],
  { from, to }: Both,
  pointer: string,
  options: PatchOptions,
): Promise<readonly Entity[]> {
  const plan = planList(list.length, from, to, pointer);
  for (const [name, node] of from?.inside ?? []) {
    const [entity, at] = [list[Number(name)] as Entity, step(pointer, name)];
    if (node.removed !== undefined) await demandSame(kind, entity, node, at, options);
    else demandIdentity(kind, entity, node, at);
  }
  demandAbsence(kind, list, to, pointer);
  const patched: Entity[] = [];
  for (const [at, source] of plan.entries()) {
    if (typeof source !== 'number') patched.push(assemble(kind, source, 'added', step(pointer, at)));
    else {
      const both = { from: from?.inside.get(String(source)), to: to?.inside.get(String(at)) };
      patched.push(await patchEntity(kind, list[source] as Entity, both, step(pointer, source), options));
    }
  }
  return patched;
}

async function demandSame(kind: Kind, found: Entity | undefined, node: PatchNode, pointer: string, options: PatchOptions): Promise<void> {
  const same = await sameValue(found, assemble(kind, node, 'removed', pointer), options.sameSection);
  if (!same) throw conflict(pointer, 'what is to be removed is another one');
}

/** A rule's identity depends on what its pointer leads to: its members say enough. */
function demandIdentity(kind: Kind, entity: Entity, { moved, changed }: PatchNode, pointer: string): void {
  const expected = (moved ?? changed)?.identity;
  if (expected === undefined || kind.kind === 'ttl' || kind.identity(entity) === expected) return;
  throw conflict(pointer, 'the entry is another one');
}

/** What is added must not be there: of each identity as many as the patch says stand before it. */
function demandAbsence(kind: Kind, list: readonly Entity[], to: PatchNode | undefined, pointer: string): void {
  const expected = new Map<string, number>();
  for (const { added } of to?.inside.values() ?? []) {
    if (added?.identity === undefined || kind.kind === 'ttl') continue;
    expected.set(added.identity, Math.min(expected.get(added.identity) ?? Number.POSITIVE_INFINITY, added.occurrence ?? 0));
  }
  if (expected.size === 0 || kind.sequence) return;
  const counts = new Map<string, number>();
  for (const entity of list) {
    const identity = kind.identity(entity);
    if (expected.has(identity)) counts.set(identity, (counts.get(identity) ?? 0) + 1);
  }
  for (const [identity, count] of expected) {
    if ((counts.get(identity) ?? 0) !== count) throw conflict(pointer, 'what is to be added is there already');
  }
}
