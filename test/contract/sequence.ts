/**
 * Random lives of several replicas, run on every sequence kernel at once and on the slow model beside them: after each step all kernels have given equal bytes,
 * changes and failures, and show what the model shows. A schedule is plain numbers, so that fast-check can shrink it.
 */
import { PspError } from '../../ts/errors.ts';
import type { KernelSequence, Replica, SequenceBytes, SequenceKernel, SequenceUnit, SequenceUnits } from '../../ts/kernel/kernel.ts';
import { PortableSequence } from '../../ts/kernel/portable/sequence.ts';
import { Model, type ModelUpdate } from '../oracle/sequence.ts';
import { faultInside } from '../oracle/sequence-inside.ts';

/** What happens, and three numbers from which the where and what follow. */
export type Step = readonly [kind: StepKind, a: number, b: number, c: number];
export type StepKind = 'type' | 'insert' | 'delete' | 'batch' | 'take' | 'deliver' | 'join' | 'restart' | 'collect' | 'settle';

export interface World {
  readonly kernels: readonly SequenceKernel[];
  readonly unit: SequenceUnit;
  readonly replicas: number;
}

/** What ran, for tests that ask whether a schedule was worth anything. */
export interface Tally {
  applied: number;
  waited: number;
  needState: number;
  freed: number;
  length: number;
}

interface Message {
  readonly model: ModelUpdate;
  readonly bytes: Uint8Array;
  readonly values: readonly number[];
}

/** One replica: in every kernel, in the model, and as the list that its change events add up to. */
class Member {
  readonly lists: readonly KernelSequence[];
  readonly model: Model;
  readonly shown: number[] = [];
  /** The value of each handle. */
  readonly values: number[] = [];
  /** Where it types. */
  cursor = 0;

  constructor(world: World, replica: Replica) {
    this.lists = world.kernels.map((kernel) => kernel.createSequence(replica, world.unit));
    for (const list of this.lists) list.recordChanges(true);
    this.model = new Model(replica);
  }
}

/** Runs a schedule and then brings all replicas together. Throws an Error that says what differed, at which step. */
export function runSchedule(world: World, steps: readonly Step[]): Tally {
  return new Run(world).play(steps);
}

class Run {
  private readonly world: World;
  private readonly members: Member[] = [];
  private readonly messages: Message[] = [];
  private readonly states: SequenceBytes[] = [];
  private readonly tally: Tally = { applied: 0, waited: 0, needState: 0, freed: 0, length: 0 };
  private made = 0;
  private nextValue = 0;

  constructor(world: World) {
    this.world = world;
    for (let at = 0; at < world.replicas; at++) this.members.push(new Member(world, this.nextReplica()));
  }

  play(steps: readonly Step[]): Tally {
    for (const [at, step] of steps.entries()) {
      try {
        this.step(step);
      } catch (cause) {
        throw new Error(`step ${at}, ${step.join(' ')}: ${(cause as Error).message}`, { cause });
      }
    }
    this.meet();
    this.checkLaws();
    return this.tally;
  }

  private step([kind, a, b, c]: Step): void {
    const member = this.members[a % this.members.length]!;
    const other = this.members[(a + 1 + (b % (this.members.length - 1))) % this.members.length]!;
    if (kind === 'type') this.edit(member, [[Math.min(member.cursor, member.shown.length), 0, 1 + (c % 3)]]);
    else if (kind === 'insert') this.edit(member, [[b % (member.shown.length + 1), 0, 1 + (c % 4)]]);
    else if (kind === 'delete') this.edit(member, [this.deletion(member.shown.length, b, c)]);
    else if (kind === 'batch') this.edit(member, this.batch(member, b, c));
    else if (kind === 'take') this.take(member);
    else if (kind === 'deliver') this.deliver(member, this.messages[b % Math.max(1, this.messages.length)]);
    else if (kind === 'join') this.join(member, other);
    else if (kind === 'restart') this.restart(member);
    else if (kind === 'collect') this.collect(member);
    else this.settle();
    this.check(member);
  }

  private deletion(length: number, b: number, c: number): [number, number, number] {
    const index = b % (length + 1);
    return [index, Math.min(1 + (c % 5), length - index), c % 7 === 0 ? 1 : 0];
  }

  private batch(member: Member, b: number, c: number): [number, number, number][] {
    const edits: [number, number, number][] = [];
    let { length } = member.shown;
    for (let at = 0; at < 1 + (c % 6); at++) {
      const seed = b * (at + 3) + c * (at + 1);
      const edit: [number, number, number] = seed % 3 === 0 ? this.deletion(length, seed, b) : [seed % (length + 1), 0, 1 + (seed % 3)];
      length += edit[2] - edit[1];
      edits.push(edit);
    }
    return edits;
  }

  private edit(member: Member, edits: readonly (readonly [number, number, number])[]): void {
    const { unit } = this.world;
    const units: number[] = [];
    for (const [index, removed, inserted] of edits) {
      const values = Array.from({ length: inserted }, () => this.newValue());
      for (const value of values) units.push(unit === 'text' ? value : member.values.push(value) - 1);
      member.model.edit(index, removed, values);
      member.shown.splice(index, removed, ...values);
      member.cursor = index + inserted;
    }
    const source = unit === 'text' ? Uint16Array.from(units) : Uint32Array.from(units);
    for (const list of member.lists) list.edit(Int32Array.from(edits.flat()), edits.length, source);
  }

  private newValue(): number {
    // One, two and three bytes as a varint.
    const value = this.nextValue++;
    return value % 11 === 0 ? (value * 389) % 0xd800 : 97 + (value % 26);
  }

  private take(member: Member): void {
    const bytes = same(
      'updates',
      member.lists.map((list) => list.takeUpdate()),
    );
    const model = member.model.takeUpdate();
    if ((bytes === null) !== (model === null)) throw new Error('an update is there where none should be, or the reverse');
    if (bytes === null || model === null) return;
    this.messages.push({ model, bytes: bytes.bytes, values: Array.from(bytes.units, (handle) => member.values[handle]!) });
  }

  private deliver(member: Member, message: Message | undefined): void {
    if (message === undefined) return;
    member.model.apply(message.model);
    if (this.apply(member, message.bytes, message.values) === 'MERGE_NEED_STATE') this.catchUp(member);
    this.tally.applied++;
    this.tally.waited = Math.max(this.tally.waited, member.lists[0]!.waiting());
  }

  /** Gives bytes to every kernel, and what all of them said. */
  private apply(member: Member, bytes: Uint8Array, values: readonly number[]): string | null {
    const first = member.values.length;
    member.values.push(...values);
    const outcomes = member.lists.map((list) => {
      try {
        list.apply(bytes, first, values.length);
        return null;
      } catch (fault) {
        if (!(fault instanceof PspError)) throw fault;
        return fault.code;
      }
    });
    const outcome = same('failures', outcomes);
    if (outcome !== null && outcome !== 'MERGE_NEED_STATE') throw new Error(`an honest replica was refused: ${outcome}`);
    this.show(member);
    return outcome;
  }

  /** Applies the change events to the list shown. */
  private show(member: Member): void {
    const changes = same(
      'changes',
      member.lists.map((list) => list.takeChanges()),
    );
    let from = 0;
    for (let at = 0; at < changes.ranges.length; at += 3) {
      const [index, removed, inserted] = [...changes.ranges.subarray(at, at + 3)] as [number, number, number];
      member.shown.splice(index, removed, ...this.valuesOf(member, changes.units.subarray(from, from + inserted)));
      from += inserted;
    }
  }

  private valuesOf(member: Member, units: SequenceUnits): number[] {
    return this.world.unit === 'text' ? [...units] : Array.from(units, (unit) => member.values[unit]!);
  }

  private join(member: Member, other: Member): string | null {
    const state = this.encode(other);
    this.states.push(state);
    const outcome = this.apply(member, state.bytes, this.valuesIn(other, state));
    member.model.join(other.model);
    if (outcome !== null) this.catchUp(member);
    return outcome;
  }

  /** What a replica does that was told to ask for states: it asks everybody. */
  private catchUp(member: Member): void {
    this.tally.needState++;
    for (const other of this.members) {
      if (other === member) continue;
      const state = this.encode(other);
      // What waited may fail in its turn until its author's state is there.
      for (let tries = 0; this.apply(member, state.bytes, this.valuesIn(other, state)) !== null; tries++) {
        if (tries > this.messages.length) throw new Error('a state never becomes enough');
      }
      member.model.join(other.model);
    }
  }

  private valuesIn(owner: Member, state: SequenceBytes): number[] {
    return Array.from(state.units, (handle) => owner.values[handle]!);
  }

  private encode(member: Member): SequenceBytes {
    return same(
      'states',
      member.lists.map((list) => list.encode()),
    );
  }

  /** Goes on as a new replica with what the state holds. */
  private restart(member: Member): void {
    this.take(member);
    const next = new Member(this.world, this.nextReplica());
    const state = this.encode(member);
    this.apply(next, state.bytes, this.valuesIn(member, state));
    next.model.join(member.model);
    this.members[this.members.indexOf(member)] = next;
    for (const list of member.lists) list.free();
    this.check(next);
  }

  private collect(member: Member): void {
    const versions = this.members.filter((one) => one !== member).map((one) => this.version(one));
    this.version(member);
    this.tally.freed += same(
      'bases freed',
      member.lists.map((list) => list.collect(versions)),
    );
  }

  /** Everybody gets all updates and frees what all have seen. */
  private settle(): void {
    for (const member of this.members) this.take(member);
    for (const member of this.members) for (const message of this.messages) this.deliver(member, message);
    for (const member of this.members) this.version(member);
    for (const member of this.members) this.collect(member);
  }

  private version(member: Member): Uint8Array {
    return same(
      'versions',
      member.lists.map((list) => list.version()),
    );
  }

  private check(member: Member): void {
    if (!this.members.includes(member)) return;
    const expected = member.model.values();
    same('lengths', [...member.lists.map(({ length }) => length), expected.length, member.shown.length]);
    for (const list of member.lists) {
      const units = this.world.unit === 'text' ? new Uint16Array(list.length) : new Uint32Array(list.length);
      list.read(0, list.length, units);
      same('lists of a kernel, of the model and of the changes', [this.valuesOf(member, units), expected, member.shown]);
      if (list instanceof PortableSequence) {
        const fault = faultInside(list.contents);
        if (fault !== null) throw new Error(fault);
      }
    }
    same(
      'numbers of bases',
      member.lists.map((list) => list.bases()),
    );
    const isWaiting =
      same(
        'numbers that wait',
        member.lists.map((list) => list.waiting()),
      ) > 0;
    if (isWaiting !== member.model.isWaiting()) throw new Error('something waits that should not, or the reverse');
  }

  /** Everybody gets everything; who missed something by a restart gets it from states. Then all are equal. */
  private meet(): void {
    for (const member of this.members) this.take(member);
    for (const [at, member] of this.members.entries()) {
      const order = at % 2 === 0 ? this.messages : [...this.messages].reverse();
      for (const message of order) {
        this.deliver(member, message);
        this.check(member);
      }
    }
    for (let round = 0; round < 2; round++) {
      for (const member of this.members) {
        this.states.push(this.encode(member));
        for (const other of this.members) if (other !== member) this.join(member, other);
      }
    }
    for (const member of this.members) this.check(member);
    const states = this.members.map((member) => this.encode(member));
    same(
      'states in the end',
      states.map(({ bytes }) => bytes),
    );
    same(
      'versions in the end',
      this.members.map((member) => this.version(member)),
    );
    same(
      'lists in the end',
      this.members.map((member) => member.model.values()),
    );
    this.tally.length = this.members[0]!.shown.length;
  }

  /** Joining states commutes, associates, and twice is once: any order, any grouping, by strangers who saw none of it. */
  private checkLaws(): void {
    if (this.world.unit === 'elements') return;
    const states = this.states.slice(-6).map(({ bytes }) => bytes);
    const orders = [states, [...states].reverse(), [...states, ...states], states.map((_, at) => states[(at * 5 + 2) % states.length]!)];
    for (const kernel of this.world.kernels) {
      const joined = (parts: readonly Uint8Array[]): Uint8Array => {
        const list = kernel.createSequence({ high: 0xffffffff, low: 0xffffffff }, 'text');
        for (const part of parts) list.apply(part, 0, 0);
        const { bytes } = list.encode();
        list.free();
        return bytes;
      };
      const grouped = [joined(states.slice(0, 2)), joined(states.slice(2, 4)), joined(states.slice(4))];
      same('states joined in other orders', [
        ...orders.filter((order) => new Set(order).size === states.length).map(joined),
        joined(grouped),
      ]);
    }
  }

  private nextReplica(): Replica {
    const made = this.made++;
    return { high: Math.imul(made + 7, 0x85ebca6b) >>> 0, low: Math.imul(made + 1, 0x9e3779b1) >>> 0 };
  }
}

/** The one thing that all of them are; throws where they are not. */
function same<Value>(what: string, values: readonly Value[]): Value {
  const first = values[0] as Value;
  for (const value of values)
    if (!isSame(first, value)) throw new Error(`${what} differ: ${canonical(first).slice(0, 400)} and ${canonical(value).slice(0, 400)}`);
  return first;
}

/** Whether two plain values say the same; a view and an array of equal numbers do. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (!isRow(a) || !isRow(b)) {
    const keys = Object.keys(a) as (keyof typeof a)[];
    return isRow(a) === isRow(b) && keys.length === Object.keys(b).length && keys.every((key) => key in b && isSame(a[key], b[key]));
  }
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at] && !isSame(a[at], b[at])) return false;
  return true;
}

function isRow(value: object): value is ArrayLike<unknown> {
  return Array.isArray(value) || ArrayBuffer.isView(value);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (ArrayBuffer.isView(part) ? Array.from(part as Uint8Array) : part));
}
