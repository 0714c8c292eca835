/**
 * Updates that nobody made, of right form but with places, dots and names drawn at random: what a hostile replica could send. They go deeper than
 * flipped bits, which mostly break the form.
 */
import type { Replica } from '../../ts/kernel/kernel.ts';

/** A replica and the last counter that the receiver has of it. */
export interface Known extends Replica {
  readonly counter: number;
}

/** What a version says: the layout's page has it. */
export function readKnown(version: Uint8Array): Known[] {
  const view = new DataView(version.buffer, version.byteOffset, version.length);
  let at = 1;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = version[at++]!;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  const replicas = Array.from({ length: varint() }, () => {
    at += 8;
    return { high: view.getUint32(at - 8), low: view.getUint32(at - 4) };
  });
  return replicas.map((replica) => ({ ...replica, counter: varint() }));
}

/** An update of right form, and how many units it holds. */
export function forgeUpdate(random: () => number, known: readonly Known[], isText: boolean): { bytes: Uint8Array; handles: number } {
  const below = (limit: number): number => Math.floor(random() * limit);
  const bytes: number[] = [];
  const varint = (value: number): void => {
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
    bytes.push(rest);
  };
  const signed = (value: number): void => varint(value >= 0 ? 2 * value : -2 * value - 1);
  const word = (value: number): void => {
    bytes.push(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
  };
  const isFull = below(2) === 0;
  const name = ({ high, low }: Replica): void => {
    if (isFull) {
      word(high);
      word(low);
    } else {
      bytes.push((low >>> 16) & 255, (low >>> 8) & 255, low & 255);
    }
  };
  const offsetNear = (): number => below(8) - 3;
  /** Mostly small, now and then as large as the layout allows. */
  const lengthNear = (): number => (below(30) === 0 ? 2 ** 29 - below(3) : 1 + below(5));

  const author = known[below(known.length)] ?? { high: 1, low: 1, counter: 0 };
  const others = Array.from({ length: below(3) }, () => known[below(known.length)] ?? author);
  const first = Math.max(1, author.counter + 1 - below(4) + (below(8) === 0 ? 1 : 0));
  const events = 1 + below(4);
  let counter = first;
  let inserted = 0;
  const body: number[][] = [];
  const heads: number[] = [];
  const start = bytes.length;
  for (let event = 0; event < events; event++) {
    const kind = below(counter > 1 ? 4 : 1);
    if (kind === 0) {
      const length = lengthNear();
      heads.push(length === 1 ? 18 : 19);
      if (length > 1) varint(length - 2);
      const parent = below(counter > 1 ? 2 + others.length : 1);
      varint(parent);
      if (parent > 0) {
        const last = parent === 1 ? counter - 1 : Math.max(1, others[parent - 2]!.counter + below(2));
        const base = Math.max(1, last - below(Math.min(last, 12)));
        varint(parent === 1 ? counter - base : base);
        const offset = base === last ? 0 : offsetNear();
        signed(offset);
        if (offset !== 0) varint(1 + below(last - base));
      }
      varint(2 * below(10) + (parent === 0 ? 1 : below(2)));
      inserted += length;
      counter += length;
    } else if (kind === 1) {
      const length = lengthNear();
      heads.push(length === 1 ? 16 : 17);
      if (length > 1) varint(length - 2);
      varint(1 + below(Math.min(counter - 1, 12)));
      signed(below(2) === 0 ? 1 + below(5) : -length - below(5));
      inserted += length;
      counter += length;
    } else if (kind === 2) {
      const length = 1 + below(5);
      heads.push(length - 1);
      inserted += length;
      counter += length;
    } else {
      heads.push(22);
      const ranges = 1 + below(3);
      varint(ranges);
      for (let range = 0; range < ranges; range++) {
        const replica = below(1 + others.length);
        const last = replica === 0 ? counter - 1 : Math.max(1, others[replica - 1]!.counter);
        const from = 1 + below(last);
        varint(replica);
        varint(replica === 0 ? counter - from : from);
        varint(below(last - from + 1));
      }
      counter += 1;
    }
    body.push(bytes.splice(start));
  }

  // What is large is dead: a unit costs a byte at least.
  const dead: [number, number][] = [];
  let live = inserted;
  if (inserted > 40) {
    dead.push([0, inserted - 3]);
    live = 3;
  } else if (inserted > 2 && below(3) === 0) {
    const from = below(inserted - 1);
    dead.push([from, from + 1]);
    live = inserted - 1;
  }
  bytes.push((isFull ? 0x40 : 0) | 0x20 | heads[0]!);
  name(author);
  varint(first);
  varint(events - 1);
  varint(dead.length);
  varint(others.length);
  for (const other of others) name(other);
  body.forEach((one, event) => {
    if (event > 0) bytes.push(heads[event]!);
    bytes.push(...one);
  });
  for (const [from, to] of dead) {
    varint(from);
    varint(to - from - 1);
  }
  if (isText) for (let unit = 0; unit < live; unit++) varint(97 + below(26));
  return { bytes: Uint8Array.from(bytes), handles: isText ? 0 : live };
}
