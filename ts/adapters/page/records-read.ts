/**
 * Reads the records of one database into their encoding, for a driver that takes them as they come. One read-only transaction over all stores, so that they
 * agree with each other. The next batch is on its way out of the database while the last one is encoded, and a batch is encoded while an earlier one
 * travels to the driver; when too much waits for the driver, reading waits.
 */
import { beginEncoding, type EncodedValue, encodeValue, type UnfinishedValue } from '../../session/clone/encode.ts';
import { RecordWriter } from '../../session/clone/records.ts';
import { Unportable } from '../../session/clone/unportable.ts';
import { startBatch } from './batch.ts';
import { openExisting, settle } from './connection.ts';
import { type StoreSchema, schemaOf } from './database.ts';

/** A database whose records are being read. */
export interface DatabaseRead {
  readonly version: number;
  readonly stores: readonly StoreSchema[];
}

/** Records of one store that follow those of the part before. */
export interface RecordsPart {
  /** Which of the stores. */
  readonly store: number;
  readonly count: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Records that hold something that could not be carried: their number in the store, from 0, and the class names. */
  readonly unportable: readonly { readonly record: number; readonly classes: readonly string[] }[];
}

/** Bytes of encoded records that a batch aims at, and those of a piece of it. */
const BATCH_BYTES = 1024 * 1024;
const PIECE_BYTES = 64 * 1024;
const FIRST_BATCH = 16;
const MAX_BATCH = 8000;
/** Bytes that may wait for the driver. */
const WAITING_BYTES = 32 * 1024 * 1024;

/** A record whose value takes waiting. */
interface UnfinishedRecord {
  readonly store: number;
  /** Its number in the store. */
  readonly record: number;
  readonly key: EncodedValue;
  readonly value: UnfinishedValue;
}

type Piece = RecordsPart | UnfinishedRecord;

/** One database on its way out. */
class Reading {
  readonly read: DatabaseRead;
  readonly #connection: IDBDatabase;
  readonly #timeoutMs: number;
  #pieces: Piece[] = [];
  #waitingBytes = 0;
  #isOver = false;
  #failure: unknown = null;
  #lastTaken = performance.now();
  #wake: () => void = () => undefined;

  constructor(connection: IDBDatabase, timeoutMs: number) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
    const { version } = connection;
    const names = [...connection.objectStoreNames];
    if (names.length === 0) {
      this.read = { version, stores: [] };
      this.stop();
      return;
    }
    const transaction = connection.transaction(names, 'readonly');
    const stores = names.map((name) => transaction.objectStore(name));
    this.read = { version, stores: stores.map(schemaOf) };
    this.#run(stores).then(
      () => this.stop(),
      (error) => {
        this.#failure = error;
        this.stop();
      },
    );
  }

  /** Reads no further. */
  stop(): void {
    this.#isOver = true;
    this.#connection.close();
    this.#wake();
  }

  /** How many pieces can be taken without waiting. */
  get ready(): number {
    return this.#pieces.length;
  }

  /** The next piece; null after the last. */
  async take(): Promise<Piece | null> {
    this.#lastTaken = performance.now();
    while (this.#pieces.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== null) throw this.#failure;
    const piece = this.#pieces.shift() ?? null;
    this.#waitingBytes -= piece === null ? 0 : sizeOf(piece);
    this.#lastTaken = performance.now();
    return piece;
  }

  async #run(stores: readonly IDBObjectStore[]): Promise<void> {
    for (const [index, store] of stores.entries()) {
      let size = FIRST_BATCH;
      let count = 0;
      let next = startBatch(store, null, size);
      for (;;) {
        const { asked, keys, values } = await next;
        const isLast = keys.length < asked;
        // On its way before this one is encoded.
        if (!isLast) next = startBatch(store, IDBKeyRange.lowerBound(keys[keys.length - 1], true), size);
        const bytes = this.#encode(index, count, keys, values);
        count += keys.length;
        if (isLast) break;
        size = nextSize(keys.length, bytes);
        await this.#room(store);
        if (this.#isOver) return;
      }
    }
  }

  /** Encodes a batch, and gives it to who takes; how many bytes it has. */
  #encode(store: number, first: number, keys: readonly IDBValidKey[], values: readonly unknown[]): number {
    let sum = 0;
    let writer = new RecordWriter();
    let count = 0;
    let unportable: { record: number; classes: readonly string[] }[] = [];
    const cut = (): void => {
      if (count === 0) return;
      this.#pieces.push({ store, count, bytes: writer.take(), unportable });
      sum += writer.length;
      writer = new RecordWriter();
      count = 0;
      unportable = [];
    };
    keys.forEach((key, i) => {
      const record = first + i;
      const encodedKey = encodeValue(key);
      const value = begin(values[i]);
      if ('finish' in value) {
        cut();
        this.#pieces.push({ store, record, key: encodedKey, value });
        return;
      }
      const classes = writer.addEncoded(encodedKey, value);
      count++;
      if (classes.length > 0) unportable.push({ record, classes });
      if (writer.length >= PIECE_BYTES) cut();
    });
    cut();
    this.#waitingBytes += sum;
    this.#wake();
    return sum;
  }

  /** Waits until there is room for more. A transaction ends when nothing is asked of it, so it is asked for a record that cannot be there. */
  async #room(store: IDBObjectStore): Promise<void> {
    while (this.#waitingBytes > WAITING_BYTES && !this.#isOver) {
      if (performance.now() - this.#lastTaken > this.#timeoutMs) throw new DOMException('nobody takes the records', 'TimeoutError');
      await settle(store.count(NO_RECORD));
    }
  }
}

const NO_RECORD = '\uffff persistent-sessions';

function sizeOf(piece: Piece): number {
  return 'bytes' in piece ? piece.bytes.length : 0;
}

/** As many records as would have made a batch of the size aimed at. */
function nextSize(count: number, bytes: number): number {
  return Math.min(MAX_BATCH, Math.max(1, Math.floor((count * BATCH_BYTES) / Math.max(bytes, 1))), count * 4);
}

let current: Reading | null = null;

/** Begins to read a database; null when it is gone. One at a time: an earlier one is read no further. */
export async function openDatabase(name: string, timeoutMs: number): Promise<DatabaseRead | null> {
  closeDatabase();
  const connection = await openExisting(name, timeoutMs);
  if (connection === null) return null;
  current = new Reading(connection, timeoutMs);
  return current.read;
}

/** Ends the reading. */
export function closeDatabase(): void {
  current?.stop();
  current = null;
}

/** Bytes that go to the driver at once. A larger step is no faster, and leaves more behind in the driver's process before that is collected. */
const STEP_BYTES = PIECE_BYTES;

/** The beginning of a reading. */
export interface DatabaseBegun extends DatabaseRead {
  readonly parts: readonly RecordsPart[];
  /** These are all records, and the database is closed again. */
  readonly isWhole: boolean;
}

/** Begins to read a database, and takes its first records; null when it is gone. One at a time: an earlier one is read no further. */
export async function beginDatabase(name: string, timeoutMs: number): Promise<DatabaseBegun | null> {
  const read = await openDatabase(name, timeoutMs);
  if (read === null) return null;
  const parts: RecordsPart[] = [];
  for (let sum = 0; sum < STEP_BYTES; ) {
    const more = await takeRecords();
    if (more.length === 0) {
      closeDatabase();
      return { ...read, parts, isWhole: true };
    }
    parts.push(...more);
    for (const { bytes } of more) sum += bytes.length;
  }
  return { ...read, parts, isWhole: false };
}

let turn: Promise<unknown> = Promise.resolve();

/** The records that follow, those of each store in a part of their own; none after the last. May be called again before it has answered. */
export function nextRecords(): Promise<RecordsPart[]> {
  const mine = turn.then(() => takeRecords());
  turn = mine.catch(() => undefined);
  return mine;
}

async function takeRecords(): Promise<RecordsPart[]> {
  const reading = current;
  if (reading === null) throw new DOMException('no database is being read', 'InvalidStateError');
  const parts: RecordsPart[] = [];
  let sum = 0;
  do {
    const piece = await reading.take();
    if (piece === null) break;
    // What could not be encoded in the transaction is finished here, in its turn.
    const part = 'bytes' in piece ? piece : await finish(piece);
    parts.push(part);
    sum += part.bytes.length;
  } while (sum < STEP_BYTES && reading.ready > 0);
  return parts;
}

/** A value that cannot be encoded costs its own record only. */
function begin(value: unknown): EncodedValue | UnfinishedValue {
  try {
    return beginEncoding(value);
  } catch {
    return unreadable();
  }
}

function unreadable(): EncodedValue {
  return encodeValue(new Unportable('value that could not be read'));
}

async function finish({ store, record, key, value }: UnfinishedRecord): Promise<RecordsPart> {
  const writer = new RecordWriter();
  const classes = writer.addEncoded(key, await value.finish().catch(unreadable));
  return { store, count: 1, bytes: writer.take(), unportable: classes.length === 0 ? [] : [{ record, classes }] };
}
