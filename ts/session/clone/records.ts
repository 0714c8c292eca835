/**
 * The records of one object store as bytes (`layout.md`, last section): key and value of each, encoded apart, with lengths in front, so that a
 * reader can skip a record it does not want and one bad record costs no other.
 */
import { ByteReader, ByteWriter } from './bytes.ts';
import { type EncodedValue, encodeValue, encodeValueAsync } from './encode.ts';

/** Media type of a section that holds records. */
export const RECORDS_MEDIA_TYPE = 'application/vnd.psp.records';

/** Media type of a section that holds one encoded value. */
export const VALUE_MEDIA_TYPE = 'application/vnd.psp.value';

/** Key and value of a record, each still encoded, and the whole record with its lengths, as views of the bytes they came from. */
export interface EncodedRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly whole: Uint8Array;
}

/** Collects records, in the order in which they are added: that must be ascending key order. */
export class RecordWriter {
  readonly #writer = new ByteWriter();

  /** Bytes so far. */
  get length(): number {
    return this.#writer.length;
  }

  /**
   * Adds a record; returns the class names of what its key and value hold that could not be carried.
   *
   * @throws TypeError when the value holds something that must be awaited: see {@link RecordWriter.addAsync}.
   */
  add(key: unknown, value: unknown): readonly string[] {
    return this.addEncoded(encodeValue(key), encodeValue(value));
  }

  /** Adds a record once its value could be encoded. Wait for it before the next one is added, since the order of calls is that of the bytes. */
  async addAsync(key: unknown, value: unknown): Promise<readonly string[]> {
    const encodedKey = encodeValue(key);
    return this.addEncoded(encodedKey, await encodeValueAsync(value));
  }

  /** Adds a record that is encoded already. */
  addEncoded(key: EncodedValue, value: EncodedValue): readonly string[] {
    for (const { bytes } of [key, value]) {
      this.#writer.varint(bytes.length);
      this.#writer.bytes(bytes);
    }
    return [...key.unportable, ...value.unportable];
  }

  /** Adds whole records, as a writer gave them. */
  append(records: Uint8Array): void {
    this.#writer.bytes(records);
  }

  /** The bytes so far, copied out. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#writer.take();
  }
}

/**
 * The records in a section, in order, still encoded.
 *
 * @throws PspError `SESSION_CLONE_MALFORMED` where the lengths do not add up.
 */
export function* readRecords(bytes: Uint8Array): IterableIterator<EncodedRecord> {
  const reader = new ByteReader(bytes);
  while (reader.remaining > 0) {
    const from = reader.offset;
    const key = reader.view(reader.varint());
    const value = reader.view(reader.varint());
    yield { key, value, whole: bytes.subarray(from, reader.offset) };
  }
}
