/** Playwright's encoding of a value -> the value. Restores what Playwright itself drops when it loads a file: invalid dates and `__proto__` keys. */
import { bytesOfBase64 } from '../base64-text.ts';
import type { Place } from '../place.ts';
import { MAX_VALUE_DEPTH, TYPED_ARRAY_KINDS, Uncarriable } from './value.ts';

type Json = Readonly<Record<string, unknown>>;

/** What a decoding keeps: objects by id, and the error for what is no encoding. */
interface Decoding {
  readonly objects: Map<unknown, object>;
  malformed(): Error;
}

const NAMED_VALUES: ReadonlyMap<unknown, unknown> = new Map<unknown, unknown>([
  ['undefined', undefined],
  ['null', null],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['-0', -0],
]);

const CLASS_OF_KIND = new Map([...TYPED_ARRAY_KINDS].map(([className, kind]) => [kind, className]));
const ERROR_CLASSES: ReadonlyMap<unknown, ErrorConstructor> = new Map(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((one) => [one.name, one as ErrorConstructor]),
);
/** A BigInt of more digits than this takes seconds to parse. */
const MAX_BIGINT_DIGITS = 100_000;

/**
 * The value that `place` encodes.
 *
 * @throws PspError FORMAT_MALFORMED, with the pointer of the whole value, when it is no encoding.
 * @throws Uncarriable for what a Session has no form for, or this platform cannot make.
 */
export function readValue(place: Place): unknown {
  return decode(
    place.value,
    { objects: new Map(), malformed: () => place.malformed("a value in Playwright's encoding", 'something else') },
    0,
  );
}

function decode(encoded: unknown, decoding: Decoding, depth: number): unknown {
  if (depth > MAX_VALUE_DEPTH) throw new Uncarriable(`it is nested deeper than ${MAX_VALUE_DEPTH} levels`);
  if (typeof encoded === 'string' || typeof encoded === 'boolean') return encoded;
  if (typeof encoded === 'number' && Number.isFinite(encoded)) return encoded;
  if (typeof encoded !== 'object' || encoded === null) throw decoding.malformed();
  const json = encoded as Json;
  // In the order of Playwright's own reader, though no value has two of them.
  if ('ref' in json) return known(decoding.objects.get(json['ref']), decoding);
  if ('v' in json) {
    if (!NAMED_VALUES.has(json['v'])) throw decoding.malformed();
    return NAMED_VALUES.get(json['v']);
  }
  if ('d' in json) return new Date(json['d'] === null ? Number.NaN : text(json['d'], decoding));
  if ('bi' in json) return decodeBigInt(text(json['bi'], decoding), decoding);
  if ('e' in json) return decodeError(record(json['e'], decoding), decoding);
  if ('r' in json) return decodeRegExp(record(json['r'], decoding), decoding);
  if ('ta' in json) return decodeTypedArray(record(json['ta'], decoding), decoding);
  if ('ab' in json) return decodeBytes(record(json['ab'], decoding)['b'], decoding).buffer;
  if ('u' in json) throw new Uncarriable('URL is no class that storage can hold');
  if ('h' in json || 'fn' in json) throw new Uncarriable('it refers to something outside the file');
  return decodeContainer(json, decoding, depth);
}

function decodeContainer(json: Json, decoding: Decoding, depth: number): object {
  if ('a' in json) {
    const array = remember<unknown[]>(json, [], decoding);
    for (const item of list(json['a'], decoding)) array.push(decode(item, decoding, depth + 1));
    return array;
  }
  if ('o' in json) {
    const object = remember(json, {}, decoding);
    for (const entry of list(json['o'], decoding)) {
      const { k, v } = record(entry, decoding);
      // Defined, not assigned: `__proto__` is a name like any other.
      Object.defineProperty(object, text(k, decoding), {
        value: decode(v, decoding, depth + 1),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
    return object;
  }
  if ('m' in json) {
    const map = remember(json, new Map<unknown, unknown>(), decoding);
    for (const entry of list(json['m'], decoding)) {
      const { k, v } = record(entry, decoding);
      map.set(decode(k, decoding, depth + 1), decode(v, decoding, depth + 1));
    }
    return map;
  }
  if ('s' in json) {
    const set = remember(json, new Set<unknown>(), decoding);
    for (const item of list(json['s'], decoding)) set.add(decode(item, decoding, depth + 1));
    return set;
  }
  throw decoding.malformed();
}

function decodeBigInt(digits: string, decoding: Decoding): bigint {
  if (!/^-?[0-9]+$/.test(digits)) throw decoding.malformed();
  if (digits.length > MAX_BIGINT_DIGITS) throw new Uncarriable(`it holds a BigInt of more than ${MAX_BIGINT_DIGITS} digits`);
  return BigInt(digits);
}

function decodeError({ n, m, s }: Json, decoding: Decoding): Error {
  const name = text(n, decoding);
  // Structured clone keeps no other names: what Playwright read out of storage has one of these.
  const ErrorClass = ERROR_CLASSES.get(name);
  if (ErrorClass === undefined) throw new Uncarriable('it holds an error of a class that storage cannot hold');
  const error = new ErrorClass(text(m, decoding));
  if (s === undefined) delete (error as { stack?: string }).stack;
  else Object.defineProperty(error, 'stack', { value: text(s, decoding), writable: true, enumerable: false, configurable: true });
  return error;
}

function decodeRegExp({ p, f }: Json, decoding: Decoding): RegExp {
  const source = text(p, decoding);
  const flags = text(f, decoding);
  try {
    return new RegExp(source, flags);
  } catch {
    // Without a cause: the platform's message quotes the expression.
    throw new Uncarriable('it holds a regular expression that is none here');
  }
}

type TypedArrayConstructor = new (buffer: ArrayBuffer) => ArrayBufferView;

function decodeTypedArray({ b, k }: Json, decoding: Decoding): ArrayBufferView {
  const className = CLASS_OF_KIND.get(text(k, decoding));
  if (className === undefined) throw new Uncarriable('it holds a typed array of an unknown kind');
  const TypedArray = (globalThis as unknown as Record<string, TypedArrayConstructor & { BYTES_PER_ELEMENT: number }>)[className]!;
  const bytes = decodeBytes(b, decoding);
  if (bytes.length % TypedArray.BYTES_PER_ELEMENT !== 0) throw decoding.malformed();
  return new TypedArray(bytes.buffer);
}

function decodeBytes(base64: unknown, decoding: Decoding): Uint8Array<ArrayBuffer> {
  const bytes = bytesOfBase64(text(base64, decoding));
  if (bytes === null) throw decoding.malformed();
  // A copy where the decoder gave a view into something larger: the buffer itself is the value.
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}

function remember<T extends object>({ id }: Json, object: T, { objects }: Decoding): T {
  // Playwright writes id 0 for what nothing refers to.
  if (id !== undefined && id !== 0) objects.set(id, object);
  return object;
}

function known(object: object | undefined, { malformed }: Decoding): object {
  if (object === undefined) throw malformed();
  return object;
}

function text(value: unknown, { malformed }: Decoding): string {
  if (typeof value !== 'string') throw malformed();
  return value;
}

function list(value: unknown, { malformed }: Decoding): readonly unknown[] {
  if (!Array.isArray(value)) throw malformed();
  return value;
}

function record(value: unknown, { malformed }: Decoding): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed();
  return value as Json;
}
