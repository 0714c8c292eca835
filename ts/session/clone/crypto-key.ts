/**
 * CryptoKey: tag `1d` with its bytes when it is extractable, `1e` without them when it is not. Exporting and importing take waiting. A secret key is
 * exported as `raw`, a private one as `pkcs8`, a public one as `spki` (Web Cryptography API, section 14.3.10). No protocol exports a key that is not
 * extractable: it is a placeholder that says what it was.
 */
import { type Slot, slotOf } from './brand.ts';
import { type ByteReader, ByteWriter } from './bytes.ts';
import { ForeignValue } from './foreign.ts';
import { readBytes, readString, readStringOrNull, writeBytes, writeString } from './primitive.ts';
import { awaitedOr, leaveGap, type Reading, remember, type Writing } from './state.ts';
import { KEY_FORMATS, KEY_TYPES, KEY_USAGES, TAG } from './tags.ts';
import { writePlaceholder } from './unportable.ts';

/** The name under which a key that is not extractable is reported. */
const LOCKED = 'non-extractable CryptoKey';

/** What is known of a key without its bytes. An `algorithm` has the members of the Web Cryptography API that it has, in the order of this list. */
interface KeyFacts {
  readonly type: string;
  readonly algorithm: KeyAlgorithmFacts;
  readonly usages: readonly string[];
}

interface KeyAlgorithmFacts {
  readonly name: string;
  readonly hash: string | null;
  readonly namedCurve: string | null;
  readonly length: number | null;
  readonly modulusLength: number | null;
  /** Big-endian. */
  readonly publicExponent: Uint8Array | null;
}

const typeOf = slotOf<string>('CryptoKey', 'type');
const extractableOf = slotOf<boolean>('CryptoKey', 'extractable');
const algorithmOf: Slot<Readonly<Record<string, unknown>>> = slotOf('CryptoKey', 'algorithm');
const usagesOf = slotOf<readonly string[]>('CryptoKey', 'usages');

/** Writes a key: later, or at once when it is not extractable or a stand-in. */
export function writeKey(value: object, writing: Writing): null {
  if (value instanceof ForeignValue) {
    const { bytes, ...facts } = value.fields as unknown as KeyFacts & { readonly bytes: Uint8Array | null };
    if (bytes === null) return writeLocked(facts, writing);
    return writeWithBytes(facts, bytes, writing.writer);
  }
  const facts = factsOf(value);
  if (facts === null) return writePlaceholder('CryptoKey', writing);
  if (!extractableOf.call(value)) return writeLocked(facts, writing);
  return leaveGap(writing, 'CryptoKey', async (writer) => {
    const bytes = await exportKey(value as CryptoKey, facts.type);
    if (bytes === null) return false;
    writeWithBytes(facts, bytes, writer);
    return true;
  });
}

function writeLocked(facts: KeyFacts, { writer, unportable }: Writing): null {
  unportable.push(LOCKED);
  writer.byte(TAG.lockedKey);
  writeFacts(facts, writer);
  return null;
}

function writeWithBytes(facts: KeyFacts, bytes: Uint8Array, writer: ByteWriter): null {
  writer.byte(TAG.key);
  writeFacts(facts, writer);
  writeBytes(bytes, writer);
  return null;
}

function writeFacts({ type, algorithm, usages }: KeyFacts, writer: ByteWriter): void {
  writer.byte((KEY_TYPES as readonly string[]).indexOf(type));
  writer.varint(usages.reduce((bits, usage) => bits + 2 ** KEY_USAGES.indexOf(usage), 0));
  const { name, hash, namedCurve, length, modulusLength, publicExponent } = algorithm;
  writeString(name, writer);
  for (const text of [hash, namedCurve]) {
    if (text === null) writer.byte(TAG.null);
    else writeString(text, writer);
  }
  writer.varint(length ?? 0);
  writer.varint(modulusLength ?? 0);
  writeBytes(publicExponent ?? new Uint8Array(0), writer);
}

/** Null for a key with an algorithm member or a usage that has no place in the layout. */
function factsOf(key: object): KeyFacts | null {
  const { name, hash, namedCurve, length, modulusLength, publicExponent, ...rest } = algorithmOf.call(key);
  const usages = usagesOf.call(key);
  if (Object.keys(rest).length > 0 || !usages.every((usage) => KEY_USAGES.includes(usage))) return null;
  return {
    type: typeOf.call(key),
    // Engines differ in the order of usages, the standard does not.
    usages: KEY_USAGES.filter((usage) => usages.includes(usage)),
    algorithm: {
      name: name as string,
      hash: (hash as { name: string } | undefined)?.name ?? null,
      namedCurve: (namedCurve as string | undefined) ?? null,
      length: (length as number | undefined) ?? null,
      modulusLength: (modulusLength as number | undefined) ?? null,
      publicExponent: publicExponent === undefined ? null : new Uint8Array(publicExponent as Uint8Array),
    },
  };
}

/** Newer secret keys have `raw-secret` in place of `raw`; what it gives is the same kind of bytes. */
async function exportKey(key: CryptoKey, type: string): Promise<Uint8Array | null> {
  const format = KEY_FORMATS[(KEY_TYPES as readonly string[]).indexOf(type)] as KeyFormat;
  return firstThatWorks(formatsLike(format), async (one) => new Uint8Array((await crypto.subtle.exportKey(one, key)) as ArrayBuffer));
}

function formatsLike(format: string): readonly string[] {
  return format === 'raw' ? ['raw', 'raw-secret'] : [format];
}

async function firstThatWorks<T>(formats: readonly string[], work: (format: 'raw') => Promise<T>): Promise<T | null> {
  for (const format of formats) {
    try {
      return await work(format as 'raw');
    } catch {
      // The next format, or none: the caller has a word for that.
    }
  }
  return null;
}

/** Reads what follows the tag of a key with its bytes: its stand-in, unless it was waited for. */
export function readKey(reading: Reading): object {
  const facts = readFacts(reading.reader);
  const bytes = readBytes(reading.reader);
  return awaitedOr(reading, 'CryptoKey', { ...facts, bytes }, () => importKey(facts, bytes));
}

/** Reads what follows the tag of a key without its bytes. */
export function readLockedKey(reading: Reading): object {
  const facts = readFacts(reading.reader);
  reading.unportable.push(LOCKED);
  return remember(reading, new ForeignValue('CryptoKey', { ...facts, bytes: null }));
}

function readFacts(reader: ByteReader): KeyFacts {
  const type = KEY_TYPES[reader.byte()];
  const bits = reader.varint();
  if (type === undefined || bits >= 2 ** KEY_USAGES.length) throw reader.fault('an unknown kind of key');
  const usages = KEY_USAGES.filter((_, i) => Math.floor(bits / 2 ** i) % 2 === 1);
  const algorithm: KeyAlgorithmFacts = {
    name: readString(reader),
    hash: readStringOrNull(reader),
    namedCurve: readStringOrNull(reader),
    length: reader.varint() || null,
    modulusLength: reader.varint() || null,
    publicExponent: orNull(readBytes(reader)),
  };
  return { type, algorithm, usages };
}

function orNull(bytes: Uint8Array): Uint8Array | null {
  return bytes.length === 0 ? null : bytes;
}

/** Null where this platform has no such algorithm, or makes another key of these bytes. */
async function importKey(facts: KeyFacts, bytes: Uint8Array<ArrayBuffer>): Promise<object | null> {
  const subtle = (globalThis as { crypto?: Crypto }).crypto?.subtle;
  if (subtle === undefined) return null;
  const { name, hash, namedCurve, length } = facts.algorithm;
  const algorithm = {
    name,
    ...(hash === null ? {} : { hash }),
    ...(namedCurve === null ? {} : { namedCurve }),
    ...(length === null ? {} : { length }),
  };
  const format = KEY_FORMATS[(KEY_TYPES as readonly string[]).indexOf(facts.type)] as string;
  const key = await firstThatWorks(formatsLike(format), (one) => subtle.importKey(one, bytes, algorithm, true, facts.usages as KeyUsage[]));
  const found = key === null ? null : factsOf(key);
  return found !== null && sameFacts(found, facts) ? key : null;
}

function sameFacts(a: KeyFacts, b: KeyFacts): boolean {
  const [one, other] = [a, b].map((facts) => {
    const writer = new ByteWriter();
    writeFacts(facts, writer);
    return writer.take().join();
  });
  return one === other;
}
