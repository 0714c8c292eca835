/** The version of a sequence: the last counter of every replica, as bytes and back (sequence-layout.md, "Version"). */
import type { Replica, SequenceUnit } from '../../kernel.ts';
import { MAX_COUNTER } from '../../sequence-fault.ts';
import type { Authors } from './authors.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { compareReplicas } from './records.ts';

/** First bytes. */
export const STATE: Readonly<Record<SequenceUnit, number>> = { text: 0x80, elements: 0x81 };
const VERSION = 0x82;

/** A replica and its last counter. */
export interface Covered extends Replica {
  readonly counter: number;
}

/** A version in order, as it is written. */
export type Version = readonly Covered[];

/** What was covered here when a version was given out. */
export interface Mark {
  readonly clock: number;
  readonly version: Version;
}

export function encodeVersion(authors: Authors): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writeVersion(writer, authors.inOrder());
  return writer.take();
}

/** Throws `MERGE_MALFORMED` for what is no version. */
export function decodeVersion(bytes: Uint8Array): Version {
  const reader = new ByteReader(bytes);
  if (reader.byte() !== VERSION) throw reader.malformed();
  const version = readVersion(reader);
  if (reader.left > 0) throw reader.malformed();
  return version;
}

/** Whether `version` has seen everything that `other` has. */
export function covers(version: Version, other: Version): boolean {
  let at = 0;
  for (const covered of other) {
    while (at < version.length && compareReplicas(version[at]!, covered) < 0) at++;
    const same = version[at];
    if (same === undefined || compareReplicas(same, covered) !== 0 || same.counter < covered.counter) return false;
  }
  return true;
}

/** The version as plain data, which stays as it is when the replicas go on. */
export function versionOf(authors: Authors): Version {
  return authors.inOrder().map(({ high, low, counter }) => ({ high, low, counter }));
}

export function writeVersion(writer: ByteWriter, version: Version): void {
  writer.varint(version.length);
  for (const replica of version) writer.full(replica);
  for (const { counter } of version) writer.varint(counter);
}

export function readVersion(reader: ByteReader): Covered[] {
  const count = reader.varint();
  // A name and a counter are nine bytes or more.
  if (count > reader.left / 9) throw reader.malformed();
  const replicas: Replica[] = [];
  for (let at = 0; at < count; at++) {
    const replica = reader.full();
    if (at > 0 && compareReplicas(replicas[at - 1]!, replica) >= 0) throw reader.malformed();
    replicas.push(replica);
  }
  return replicas.map(({ high, low }) => {
    const counter = reader.upTo(MAX_COUNTER);
    if (counter === 0) throw reader.malformed();
    return { high, low, counter };
  });
}
