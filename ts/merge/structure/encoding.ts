/**
 * The bytes of a structure, canonical: equal structures, equal bytes. What is read was not written by us alone, so all of it is checked.
 *
 *     version 1 | form | replicas: varint count, for each 8 bytes and varint last counter, ascending
 *     authors: varint count, for each varint replica, varint counter, varint time, varint count, varint time - since (0: a point), ascending
 *     spot:    varint writes, for each varint author (ascending), type, content | varint children, for each key (ascending), spot
 *     type:    0 atom, 1 object, 2 list, 3 text; 4 more: origins come before the content: varint count, for each varint replica, varint counter, ascending
 *     content: atom: varint length, bytes | object: nothing | text: varint length, state | list: varint length, state, varint items, for each item
 *     item:    0, varint length, bytes of an atom | 1, element       element: varint replica, varint counter, varint number
 *     key:     0, string of a member | 1, element      members by UTF-16 units, then elements
 */
import { PspError } from '../../errors.ts';
import { ByteReader, ByteWriter } from '../../session/clone/bytes.ts';
import { decodeValue } from '../../session/clone/decode.ts';
import { compareDots, type Dot } from '../entry.ts';
import { readString, writeString } from '../value.ts';
import {
  type Author,
  type Content,
  compareElements,
  dotKey,
  type ElementId,
  elementId,
  elementKey,
  hasSeen,
  type Item,
  memberKey,
  memberName,
  type Spot,
  type Structure,
  type StructureForm,
  type Write,
} from './model.ts';
import { checkList, readText } from './run.ts';
import { type Atom, MAX_TREE_DEPTH } from './tree.ts';

const VERSION = 1;
const FORMS: readonly StructureForm[] = ['json', 'clone', 'text'];
const TYPES: readonly Content['type'][] = ['atom', 'object', 'list', 'text'];
const HAS_ORIGINS = 4;
const REPLICA_BYTES = 8;

/** The bytes of a structure. */
export function encodeStructure(structure: Structure): Uint8Array<ArrayBuffer> {
  return new StructureWriter(structure).write();
}

class StructureWriter {
  readonly #writer = new ByteWriter();
  readonly #structure: Structure;
  readonly #replicas: readonly string[];
  readonly #replicaIndex: ReadonlyMap<string, number>;
  readonly #authors: readonly Author[];
  readonly #authorIndex: ReadonlyMap<string, number>;

  constructor(structure: Structure) {
    this.#structure = structure;
    this.#replicas = [...structure.context.keys()].sort();
    this.#replicaIndex = new Map(this.#replicas.map((replica, i) => [replica, i]));
    const authors = new Map<string, Author>();
    collectAuthors(structure.root, authors);
    this.#authors = [...authors.values()].sort((a, b) => compareDots(a.dot, b.dot));
    this.#authorIndex = new Map(this.#authors.map(({ dot }, i) => [dotKey(dot), i]));
  }

  write(): Uint8Array<ArrayBuffer> {
    const writer = this.#writer;
    writer.byte(VERSION);
    writer.byte(FORMS.indexOf(this.#structure.form));
    writer.varint(this.#replicas.length);
    for (const replica of this.#replicas) {
      for (let i = 0; i < REPLICA_BYTES; i++) writer.byte(Number.parseInt(replica.slice(2 * i, 2 * i + 2), 16));
      writer.varint(this.#structure.context.get(replica) as number);
    }
    writer.varint(this.#authors.length);
    for (const { dot, stamp } of this.#authors) {
      this.#dot(dot);
      writer.varint(stamp.time);
      writer.varint(stamp.count);
      writer.varint(stamp.since === undefined ? 0 : stamp.time - stamp.since);
    }
    this.#spot(this.#structure.root);
    return writer.take();
  }

  #spot({ writes, children }: Spot): void {
    const writer = this.#writer;
    const sorted = [...writes.values()].map((write) => ({ write, index: this.#authorIndex.get(dotKey(write.author.dot)) as number }));
    writer.varint(sorted.length);
    for (const { index, write } of sorted.sort((a, b) => a.index - b.index)) {
      writer.varint(index);
      this.#write(write);
    }
    const keys = [...children.keys()].sort(compareKeys);
    writer.varint(keys.length);
    for (const key of keys) {
      const name = memberName(key);
      writer.byte(name === null ? 1 : 0);
      if (name === null) this.#element(elementId(key));
      else writeString(name, writer);
      this.#spot(children.get(key) as Spot);
    }
  }

  #write({ content, origins }: Write): void {
    const writer = this.#writer;
    writer.byte(TYPES.indexOf(content.type) + (origins === undefined ? 0 : HAS_ORIGINS));
    if (origins !== undefined) writer.varint(origins.length);
    for (const dot of origins ?? []) this.#dot(dot);
    this.#content(content);
  }

  #content(content: Content): void {
    const writer = this.#writer;
    if (content.type === 'atom') this.#bytes(content.atom.bytes);
    else if (content.type === 'text') this.#bytes(content.run);
    else if (content.type === 'list') {
      this.#bytes(content.run.bytes);
      writer.varint(content.run.items.length);
      for (const item of content.run.items) {
        writer.byte('id' in item ? 1 : 0);
        if ('id' in item) this.#element(item.id);
        else this.#bytes(item.atom.bytes);
      }
    }
  }

  #bytes(bytes: Uint8Array): void {
    this.#writer.varint(bytes.length);
    this.#writer.bytes(bytes);
  }

  #element(id: ElementId): void {
    this.#dot(id);
    this.#writer.varint(id.number);
  }

  #dot({ replica, counter }: Author['dot']): void {
    this.#writer.varint(this.#replicaIndex.get(replica) as number);
    this.#writer.varint(counter);
  }
}

function collectAuthors({ writes, children }: Spot, authors: Map<string, Author>): void {
  for (const [key, { author }] of writes) authors.set(key, author);
  for (const child of children.values()) collectAuthors(child, authors);
}

function compareKeys(a: string, b: string): number {
  const [nameA, nameB] = [memberName(a), memberName(b)];
  if (nameA !== null && nameB !== null) return nameA < nameB ? -1 : nameA > nameB ? 1 : 0;
  if (nameA !== null || nameB !== null) return nameA === null ? 1 : -1;
  return compareElements(elementId(a), elementId(b));
}

/**
 * Reads a structure, sequences and atoms included.
 *
 * @throws PspError `MERGE_MALFORMED` with `details.offset` for bytes that {@link encodeStructure} does not write.
 */
export function decodeStructure(bytes: Uint8Array): Structure {
  try {
    return new StructureReader(bytes).read();
  } catch (error) {
    if (!(error instanceof PspError) || error.code === 'MERGE_LIMIT') throw error;
    const offset = typeof error.details['offset'] === 'number' ? error.details['offset'] : 0;
    throw new PspError('MERGE_MALFORMED', `structure: ${error.message}`, { cause: error, details: { offset } });
  }
}

class StructureReader {
  readonly #reader: ByteReader;
  readonly #replicas: string[] = [];
  readonly #context = new Map<string, number>();
  readonly #authors: Author[] = [];
  readonly #used = new Set<number>();
  /** Lists that one author lifted are often one sequence. */
  readonly #checked = new Set<string>();

  constructor(bytes: Uint8Array) {
    this.#reader = new ByteReader(bytes);
  }

  read(): Structure {
    const reader = this.#reader;
    if (reader.byte() !== VERSION) throw reader.fault('an unknown version of structures');
    const form = FORMS[reader.byte()];
    if (form === undefined) throw reader.fault('an unknown form of structures');
    this.#readReplicas();
    this.#readAuthors();
    const root = this.#spot(0);
    if (root.writes.size === 0) throw reader.fault('a structure of nothing');
    if (this.#used.size !== this.#authors.length) throw reader.fault('an author that wrote nothing');
    if (reader.remaining > 0) throw reader.fault('bytes after the structure');
    return { form, context: this.#context, root };
  }

  #readReplicas(): void {
    const reader = this.#reader;
    for (let left = reader.count(REPLICA_BYTES + 1); left > 0; left--) {
      let replica = '';
      for (const byte of reader.view(REPLICA_BYTES)) replica += byte.toString(16).padStart(2, '0');
      if (replica <= (this.#replicas[this.#replicas.length - 1] ?? '')) throw reader.fault('replicas that are not in ascending order');
      const counter = reader.varint();
      if (counter === 0) throw reader.fault('a counter of 0');
      this.#replicas.push(replica);
      this.#context.set(replica, counter);
    }
  }

  #readAuthors(): void {
    const reader = this.#reader;
    for (let left = reader.count(5); left > 0; left--) {
      const dot = this.#dot();
      const last = this.#authors[this.#authors.length - 1];
      if (last !== undefined && compareDots(last.dot, dot) >= 0) throw reader.fault('authors that are not in ascending order');
      const time = reader.varint();
      const count = reader.varint();
      const width = reader.varint();
      if (width > time) throw reader.fault('an interval that begins before 1970');
      this.#authors.push({ dot, stamp: width === 0 ? { time, count } : { time, count, since: time - width } });
    }
  }

  #spot(depth: number): Spot {
    const reader = this.#reader;
    if (depth > MAX_TREE_DEPTH + 1) throw reader.fault('spots that are nested too deeply');
    const writes = new Map<string, Write>();
    let last = -1;
    for (let left = reader.count(2); left > 0; left--) {
      const index = reader.varint();
      const author = this.#authors[index];
      if (author === undefined || index <= last) throw reader.fault('an author that is not in the table, or not in ascending order');
      last = index;
      this.#used.add(index);
      writes.set(dotKey(author.dot), this.#write(author));
    }
    const children = new Map<string, Spot>();
    let before: string | null = null;
    for (let left = reader.count(4); left > 0; left--) {
      const key = this.#key();
      if (before !== null && compareKeys(before, key) >= 0) throw reader.fault('children that are not in ascending order');
      before = key;
      children.set(key, this.#spot(depth + 1));
    }
    if (depth > 0 && writes.size === 0 && children.size === 0) throw reader.fault('a spot with nothing in it');
    return { writes, children };
  }

  #write(author: Author): Write {
    const byte = this.#reader.byte();
    const origins = (byte & HAS_ORIGINS) === 0 ? undefined : this.#origins();
    const type = TYPES[byte & ~HAS_ORIGINS];
    if (type === undefined) throw this.#reader.fault('an unknown type of content');
    const content = this.#content(type);
    return origins === undefined ? { author, content } : { author, content, origins };
  }

  #origins(): readonly Dot[] {
    const origins: Dot[] = [];
    for (let left = this.#reader.count(2); left > 0; left--) {
      const dot = this.#dot();
      const last = origins[origins.length - 1];
      if (last !== undefined && compareDots(last, dot) >= 0) throw this.#reader.fault('origins that are not in ascending order');
      origins.push(dot);
    }
    if (origins.length === 0) throw this.#reader.fault('no origins');
    return origins;
  }

  #content(type: Content['type']): Content {
    const reader = this.#reader;
    if (type === 'object') return { type };
    if (type === 'atom') return { type, atom: this.#atom() };
    const bytes = this.#bytes();
    if (type === 'text') {
      readText(bytes);
      return { type, run: bytes };
    }
    const items: Item[] = [];
    for (let left = reader.count(2); left > 0; left--) items.push(this.#item());
    this.#checkList(bytes, items.length);
    return { type, run: { bytes, items } };
  }

  #item(): Item {
    const kind = this.#reader.byte();
    if (kind === 0) return { atom: this.#atom() };
    if (kind === 1) return { id: this.#element() };
    throw this.#reader.fault('an unknown kind of element');
  }

  #key(): string {
    const kind = this.#reader.byte();
    if (kind === 0) return memberKey(readString(this.#reader));
    if (kind === 1) return elementKey(this.#element());
    throw this.#reader.fault('an unknown kind of key');
  }

  #element(): ElementId {
    return { ...this.#dot(), number: this.#reader.varint() };
  }

  #dot(): Author['dot'] {
    const reader = this.#reader;
    const replica = this.#replicas[reader.varint()];
    const counter = reader.varint();
    if (replica === undefined || counter === 0) throw reader.fault('a write of a replica that is not in the table');
    const dot = { replica, counter };
    if (!hasSeen(this.#context, dot)) throw reader.fault('a write that the context does not cover');
    return dot;
  }

  #atom(): Atom {
    const bytes = this.#bytes();
    return { part: decodeValue(bytes).value, bytes };
  }

  #checkList(bytes: Uint8Array, count: number): void {
    let key = `${count}:`;
    for (const byte of bytes) key += String.fromCharCode(byte);
    if (this.#checked.has(key)) return;
    checkList(bytes, count);
    this.#checked.add(key);
  }

  #bytes(): Uint8Array<ArrayBuffer> {
    return this.#reader.view(this.#reader.count(1)).slice();
  }
}
