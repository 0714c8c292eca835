/** What every sequence kernel does, call by call: edits, updates, states, faults, freeing, and the bytes of sequence-layout.md in small. */
import { describe, expect, it } from 'vitest';
import type { KernelSequence, Replica, SequenceKernel } from '../../ts/kernel/kernel.ts';
import { MAX_COUNTER } from '../../ts/kernel/sequence-fault.ts';
import { KERNELS } from './sequence-kernels.ts';

const A: Replica = { high: 0x01020304, low: 0x05060708 };
const B: Replica = { high: 0x11121314, low: 0x15161718 };
/** Has the short name of A. */
const C: Replica = { high: 1, low: 0x99060708 };

const code = (name: string) => expect.objectContaining({ code: name });
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hex = (from: Uint8Array | undefined) => Buffer.from(from!).toString('hex');

function insert(list: KernelSequence, index: number, text: string): void {
  list.edit(
    Int32Array.of(index, 0, text.length),
    1,
    Uint16Array.from(text, (unit) => unit.charCodeAt(0)),
  );
}

function remove(list: KernelSequence, index: number, count: number): void {
  list.edit(Int32Array.of(index, count, 0), 1, new Uint16Array(0));
}

function textOf(list: KernelSequence): string {
  const units = new Uint16Array(list.length);
  list.read(0, list.length, units);
  return String.fromCharCode(...units);
}

function taken(list: KernelSequence): Uint8Array {
  return list.takeUpdate()!.bytes;
}

describe.each(KERNELS)('the $name kernel', ({ kernel }) => {
  const text = (replica = A) => kernel.createSequence(replica, 'text');

  it('edits by index, many edits a call, each in the list that the one before left', () => {
    const list = text();
    list.edit(
      Int32Array.of(0, 0, 5, 1, 2, 1, 4, 0, 1),
      3,
      Uint16Array.from('abcdeXY', (unit) => unit.charCodeAt(0)),
    );
    expect(textOf(list)).toBe('aXdeY');
    const middle = new Uint16Array(2);
    list.read(1, 3, middle);
    expect([...middle]).toEqual([88, 100]);
  });

  it('refuses edits and ranges outside the list, and changes nothing then', () => {
    const list = text();
    insert(list, 0, 'abc');
    for (const wrong of [
      [4, 0, 1],
      [-1, 0, 1],
      [2, 2, 0],
      [0, -1, 0],
      [0, 0, -1],
      [0, 0, 2],
    ]) {
      const edits = Int32Array.from([0, 1, 0, ...wrong]);
      expect(() => list.edit(edits, 2, Uint16Array.of(1)), String(wrong)).toThrow(RangeError);
    }
    expect(() => list.edit(Int32Array.of(0, 1, 0), 2, Uint16Array.of(1))).toThrow(RangeError);
    expect(() => list.read(2, 4, new Uint16Array(9))).toThrow(RangeError);
    expect(() => list.read(0, 2, new Uint16Array(1))).toThrow(RangeError);
    expect(() => list.dotAt(3)).toThrow(RangeError);
    expect(textOf(list)).toBe('abc');
  });

  it('refuses edits past the largest counter, and changes nothing then', () => {
    const list = text();
    // A stranger's state that covers nearly all counters of A would be a restored backup, so only a run can be too long.
    expect(() => list.edit(Int32Array.of(0, 0, 2 ** 29), 1, new Uint16Array(0))).toThrow(RangeError);
    expect(list.takeUpdate()).toBeNull();
    expect(MAX_COUNTER).toBe(2 ** 30 - 1);
  });

  it('writes the bytes of the layout page', () => {
    const list = text();
    insert(list, 0, 'hi');
    // Full name, NEW of 2 units at the root, digit number 3 or whatever A draws first.
    const first = hex(taken(list));
    expect(first.slice(0, 22)).toBe('530102030405060708' + '01' + '00');
    expect(first.slice(-4)).toBe('6869');
    insert(list, 2, '!');
    expect(hex(taken(list))).toBe('00060708' + '03' + '21');
    remove(list, 2, 1);
    expect(hex(taken(list))).toBe('14060708' + '04' + '01');
    insert(list, 2, '?');
    expect(hex(taken(list))).toBe('10060708' + '05' + '04' + '06' + '3f');
    remove(list, 0, 2);
    expect(hex(taken(list))).toBe('15060708' + '06' + '05' + '00');
    expect(hex(list.version())).toBe('8201' + '0102030405060708' + '06');
    const [head] = bytes(first.slice(24, 26));
    expect(hex(list.encode().bytes)).toBe('8001010203040506070806' + '01' + hex(Uint8Array.of(head!)) + '02' + '06' + '06' + '01' + '3f');
    expect(list.takeUpdate()).toBeNull();
  });

  it('writes text typed backwards as falling runs', () => {
    const list = text();
    for (const unit of 'edcba') insert(list, 0, unit);
    expect(textOf(list)).toBe('abcde');
    const state = list.encode().bytes;
    // Runs: one unit away at offset -4, then four falling ones.
    expect(hex(state)).toContain('07' + '07' + '08' + '000008' + '6162636465');
    const other = text(B);
    other.apply(state, 0, 0);
    expect(textOf(other)).toBe('abcde');
    expect(other.encode().bytes).toEqual(state);
  });

  it('takes updates once, in any order, and keeps those that came too early', () => {
    const author = text();
    const updates = [...'hello'].map((unit, at) => {
      insert(author, at, unit);
      return taken(author);
    });
    const reader = text(B);
    for (const at of [4, 2, 2, 1, 3]) reader.apply(updates[at]!, 0, 0);
    expect(reader.waiting()).toBe(4);
    expect(reader.length).toBe(0);
    reader.apply(updates[0]!, 0, 0);
    for (const update of updates) reader.apply(update, 0, 0);
    expect(textOf(reader)).toBe('hello');
    expect(reader.waiting()).toBe(0);
    expect(reader.encode()).toEqual(author.encode());
  });

  it('waits for what an update of another replica needs', () => {
    const [a, b, c] = [text(), text(B), text({ high: 3, low: 4 })];
    insert(a, 0, 'ac');
    const first = taken(a);
    b.apply(first, 0, 0);
    insert(b, 1, 'b');
    remove(b, 0, 1);
    const second = taken(b);
    c.apply(second, 0, 0);
    expect([textOf(c), c.waiting()]).toEqual(['', 1]);
    c.apply(first, 0, 0);
    expect([textOf(c), c.waiting()]).toEqual(['bc', 0]);
  });

  it('tells what others changed, joined where it touches', () => {
    const [a, b] = [text(), text(B)];
    b.recordChanges(true);
    insert(a, 0, 'hello world');
    remove(a, 5, 6);
    insert(a, 5, '!');
    b.apply(taken(a), 0, 0);
    expect(b.takeChanges()).toEqual({ ranges: Int32Array.of(0, 0, 6), units: Uint16Array.from('hello!', (unit) => unit.charCodeAt(0)) });
    remove(a, 1, 2);
    insert(a, 1, 'ipp');
    b.apply(taken(a), 0, 0);
    expect(b.takeChanges()).toEqual({ ranges: Int32Array.of(1, 2, 3), units: Uint16Array.of(105, 112, 112) });
    insert(b, 0, 'x');
    expect(b.takeChanges().ranges).toHaveLength(0);
    remove(a, 0, 1);
    b.recordChanges(false);
    b.apply(taken(a), 0, 0);
    b.recordChanges(true);
    expect(b.takeChanges().ranges).toHaveLength(0);
    expect(textOf(b)).toBe('xipplo!');
  });

  it('knows the dot of every unit', () => {
    const [a, b] = [text(), text(B)];
    insert(a, 0, 'ac');
    b.apply(taken(a), 0, 0);
    insert(b, 1, 'b');
    expect([0, 1, 2].map((index) => b.dotAt(index))).toEqual([
      { ...A, counter: 1 },
      { ...B, counter: 1 },
      { ...A, counter: 2 },
    ]);
  });

  it('numbers elements in the order of the bytes, also while they wait', () => {
    const [a, b] = [kernel.createSequence(A, 'elements'), kernel.createSequence(B, 'elements')];
    a.edit(Int32Array.of(0, 0, 2), 1, Uint32Array.of(70, 71));
    const first = a.takeUpdate()!;
    a.edit(Int32Array.of(2, 0, 3, 3, 1, 0), 2, Uint32Array.of(72, 73, 74));
    const second = a.takeUpdate()!;
    expect([...first.units, ...second.units]).toEqual([70, 71, 72, 74]);
    expect(b.apply(second.bytes, 500, 2)).toBe(2);
    expect(() => b.apply(first.bytes, 600, 3)).toThrow(code('MERGE_MALFORMED'));
    expect(b.apply(first.bytes, 600, 2)).toBe(2);
    const units = new Uint32Array(4);
    b.read(0, 4, units);
    expect([...units]).toEqual([600, 601, 500, 501]);
    expect([...b.encode().units]).toEqual([...units]);
    expect(() => a.apply(text(B).encode().bytes, 0, 0)).toThrow(code('MERGE_MALFORMED'));
  });

  it('refuses what a restored backup sends (MERGE_FORK)', () => {
    const original = text();
    insert(original, 0, 'ab');
    const before = original.encode().bytes;
    const [restored, reader] = [text(), text(B)];
    insert(restored, 0, 'ax');
    reader.apply(before, 0, 0);
    expect(() => reader.apply(restored.encode().bytes, 0, 0)).toThrow(code('MERGE_FORK'));
    expect(() => text().apply(before, 0, 0)).toThrow(code('MERGE_FORK'));
    expect(() => text().apply(taken(original), 0, 0)).toThrow(code('MERGE_FORK'));
    expect(textOf(reader)).toBe('ab');
  });

  it('asks for a state where two replicas have one short name, unless they name themselves in full', () => {
    const [a, c, reader] = [text(), text(C), text(B)];
    insert(a, 0, 'a');
    insert(c, 0, 'c');
    for (const list of [a, c]) reader.apply(taken(list), 0, 0);
    insert(a, 1, 'A');
    const short = taken(a);
    expect(() => reader.apply(short, 0, 0)).toThrow(code('MERGE_NEED_STATE'));
    reader.apply(a.encode().bytes, 0, 0);
    a.apply(reader.encode().bytes, 0, 0);
    insert(a, 0, '-');
    reader.apply(taken(a), 0, 0);
    expect(textOf(reader)).toBe(textOf(a));
    // Whoever knows only itself by that name cannot tell either.
    const [d, e] = [text(), text(C)];
    insert(d, 0, 'd');
    taken(d);
    insert(d, 1, 'D');
    expect(() => e.apply(taken(d), 0, 0)).toThrow(code('MERGE_NEED_STATE'));
  });

  it('frees bases when all have seen them emptied, not before', () => {
    const [a, b] = [text(), text(B)];
    insert(a, 0, 'abc');
    b.apply(taken(a), 0, 0);
    b.version();
    insert(b, 1, 'x');
    remove(a, 0, 3);
    const gone = taken(a);
    const atEmpty = a.version();
    // B has not seen the delete, and what it has typed in the middle is still under way.
    expect(a.collect([b.version()])).toBe(0);
    b.apply(gone, 0, 0);
    expect(a.collect([b.version()])).toBe(0);
    a.apply(taken(b), 0, 0);
    expect(textOf(a)).toBe('x');
    // The child keeps its parent.
    expect(a.collect([b.version()])).toBe(0);
    remove(a, 0, 1);
    b.apply(taken(a), 0, 0);
    a.version();
    expect(a.collect([atEmpty])).toBe(0);
    expect(a.collect([b.version()])).toBe(2);
    expect(a.bases()).toBe(0);
    insert(b, 0, 'again');
    a.apply(taken(b), 0, 0);
    expect(textOf(a)).toBe('again');
  });

  it('frees nothing while edits or updates wait, and refuses what is no version', () => {
    const [a, b] = [text(), text(B)];
    insert(a, 0, 'a');
    remove(a, 0, 1);
    a.version();
    expect(a.collect([])).toBe(0);
    taken(a);
    a.version();
    insert(b, 0, 'b');
    taken(b);
    insert(b, 1, 'c');
    a.apply(taken(b), 0, 0);
    expect([a.waiting(), a.collect([])]).toEqual([1, 0]);
    expect(() => a.collect([a.encode().bytes])).toThrow(code('MERGE_MALFORMED'));
    expect(() => a.collect([a.version().subarray(1)])).toThrow(code('MERGE_MALFORMED'));
  });

  it('asks for a state where an update names what was freed', () => {
    const [a, b, late] = [text(), text(B), text({ high: 9, low: 9 })];
    insert(a, 0, 'ab');
    const first = taken(a);
    for (const list of [b, late]) list.apply(first, 0, 0);
    insert(late, 1, '-');
    remove(a, 0, 2);
    b.apply(taken(a), 0, 0);
    b.version();
    a.version();
    // Nobody named `late`, which still hangs something on it.
    expect(b.collect([a.version()])).toBe(1);
    expect(() => b.apply(taken(late), 0, 0)).toThrow(code('MERGE_NEED_STATE'));
    b.apply(late.encode().bytes, 0, 0);
    expect(textOf(b)).toBe('-');
  });

  it('frees alike however many marks were made', () => {
    const [a, b] = [text(), text(B)];
    const versions: Uint8Array[] = [];
    for (let round = 0; round < 300; round++) {
      insert(a, 0, 'ab');
      insert(a, 1, 'x');
      remove(a, 0, 3);
      b.apply(taken(a), 0, 0);
      a.version();
      versions.push(b.version());
    }
    // Marks were thinned out, so of what this version has seen some may be kept; nothing later may go.
    const seenEarly = a.collect([versions[150]!]);
    expect(seenEarly).toBeGreaterThan(2 * 100);
    expect(seenEarly).toBeLessThanOrEqual(2 * 151);
    expect(a.collect([versions[299]!])).toBe(600 - seenEarly);
    expect(a.bases()).toBe(0);
  });

  it('lets at most 64 MiB wait, then asks for a state', { timeout: 120_000 }, () => {
    const [author, reader] = [text(), text(B)];
    insert(author, 0, 'a');
    taken(author);
    const units = new Uint16Array(24 * 2 ** 20).fill(97);
    for (const place of [0, 1, 2]) {
      author.edit(Int32Array.of(place, 0, units.length), 1, units);
      const update = taken(author);
      if (place < 2) reader.apply(update, 0, 0);
      else expect(() => reader.apply(update, 0, 0)).toThrow(code('MERGE_NEED_STATE'));
    }
    expect(reader.waiting()).toBe(2);
    author.free();
    reader.free();
  });

  it('refuses a place past the limit of offsets, reached in few bytes by units that were deleted at once', () => {
    const list = text();
    // NEW of 2^29 units, CONTINUE of one, the first 2^29 dead.
    const update = bytes('73 0000000000000009 01 01 01 00 feffffff01 00 01 00 00 ffffffff01 61');
    expect(() => list.apply(update, 0, 0)).toThrow(code('MERGE_LIMIT'));
    expect(list.length).toBe(0);
    expect(list.bases()).toBe(1);
    // One less fits.
    const fitting = text(B);
    fitting.apply(bytes('73 0000000000000009 01 01 01 00 fdffffff01 00 01 00 00 feffffff01 61'), 0, 0);
    expect(textOf(fitting)).toBe('a');
    const again = text();
    again.apply(fitting.encode().bytes, 0, 0);
    expect(textOf(again)).toBe('a');
  });

  it('is of no use after free, which may be called again', () => {
    const list = text();
    insert(list, 0, 'abc');
    list.free();
    list.free();
    const calls: ((list: KernelSequence) => unknown)[] = [
      (freed) => freed.length,
      (freed) => freed.edit(Int32Array.of(0, 0, 0), 1, new Uint16Array(0)),
      (freed) => freed.takeUpdate(),
      (freed) => freed.apply(Uint8Array.of(0), 0, 0),
      (freed) => freed.recordChanges(true),
      (freed) => freed.takeChanges(),
      (freed) => freed.read(0, 0, new Uint16Array(0)),
      (freed) => freed.dotAt(0),
      (freed) => freed.encode(),
      (freed) => freed.version(),
      (freed) => freed.collect([]),
      (freed) => freed.waiting(),
      (freed) => freed.bases(),
    ];
    for (const call of calls) expect(() => call(list)).toThrow(TypeError);
  });

  it('holds a million units, edited anywhere', { timeout: 120_000 }, () => {
    const list = text();
    const units = new Uint16Array(1_000_000).fill(97);
    list.edit(Int32Array.of(0, 0, units.length), 1, units);
    let place = 12_345;
    for (let edit = 0; edit < 20_000; edit++) {
      place = (place * 48_271 + edit) % 999_983;
      list.edit(Int32Array.of(place, edit % 3, 1), 1, Uint16Array.of(98));
    }
    const state = list.encode().bytes;
    const other = text(B);
    other.apply(state, 0, 0);
    expect(other.length).toBe(list.length);
    expect(Buffer.compare(other.encode().bytes, state)).toBe(0);
  });

  it('is not slow and does not overflow for bases as deep as they come', () => {
    const [a, b] = [text(), text(B)];
    const depth = 20_000;
    nestInTurn(kernel, [a, b], 600);
    expect(textOf(a)).toBe(textOf(b));
    const deep = text({ high: 5, low: 5 });
    const state = deepState(depth);
    deep.apply(state, 0, 0);
    expect(deep.bases()).toBe(depth);
    expect(deep.length).toBe(1);
    expect(deep.encode().bytes).toEqual(state);
    insert(deep, 1, 'x');
    insert(deep, 0, 'y');
    expect(textOf(deep)).toBe('yax');
  });
});

/** Each of two replicas types one unit behind the other's last one, so every unit is a base on the one before. */
function nestInTurn(_: SequenceKernel, lists: readonly KernelSequence[], rounds: number): void {
  for (let round = 0; round < rounds; round++) {
    const [writer, reader] = round % 2 === 0 ? lists : [...lists].reverse();
    insert(writer!, Math.ceil(writer!.length / 2), 'n');
    reader!.apply(taken(writer!), 0, 0);
  }
}

/** A state by one replica of one unit, in a base that has as many ancestors as a chain of that depth. */
function deepState(depth: number): Uint8Array {
  const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
  const state = [0x80, 1, ...bytes('0102030405060708'), ...varint(depth), ...varint(depth)];
  // Heads: up 0, digit number 0, right side; offsets 0; ids 1, 2, 3...; runs only in the last.
  for (let at = 0; at < depth; at++) state.push(1);
  for (let at = 1; at < depth; at++) state.push(0);
  for (let at = 0; at < depth; at++) state.push(2);
  for (let at = 1; at < depth; at++) state.push(0);
  return Uint8Array.from([...state, 4, 97]);
}
