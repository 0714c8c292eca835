/**
 * Two looks at graphs of structured-clone values, for the clone tests: `difference` compares two of them and sees identity; `graph` makes them.
 * Both are independent of the encoder.
 */
import fc from 'fast-check';
import { Unportable } from '../../ts/session/clone/unportable.ts';

/**
 * Where `actual` is not the same graph as `expected`, or null. Sees types, prototypes, property order, holes, -0 and which objects are one
 * object. Keeps its own stack, so depth does not matter.
 */
export function difference(expected: unknown, actual: unknown): string | null {
  const there = new Map<object, object>();
  const back = new Map<object, object>();
  const stack: [unknown, unknown, string][] = [[expected, actual, '$']];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const [a, b, path] = next;
    if (!isObject(a) || !isObject(b)) {
      if (!Object.is(a, b)) return `${path}: a value`;
      continue;
    }
    if (there.has(a) || back.has(b)) {
      if (there.get(a) !== b || back.get(b) !== a) return `${path}: identity`;
      continue;
    }
    there.set(a, b);
    back.set(b, a);
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return `${path}: prototype`;
    const partsOfA = partsOf(a);
    const partsOfB = partsOf(b);
    if (partsOfA.length !== partsOfB.length) return `${path}: ${partsOfA.length} parts, ${partsOfB.length} found`;
    partsOfA.forEach((part, i) => {
      stack.push([part, partsOfB[i], path.length > 200 ? path : `${path}.${i}`]);
    });
  }
  return null;
}

/** All there is to an object, in order. */
function partsOf(value: object): unknown[] {
  if (value instanceof Date) return [value.getTime()];
  if (value instanceof ArrayBuffer) return [maxByteLengthOf(value), ...new Uint8Array(value)];
  if (ArrayBuffer.isView(value)) return [value.byteOffset, value.byteLength, followsItsBuffer(value), value.buffer];
  if (value instanceof RegExp) return [value.source, value.flags, value.lastIndex];
  if (value instanceof Error)
    return [
      value.stack,
      ...Object.getOwnPropertyNames(value)
        .sort()
        .flatMap((name) => [name, ownValue(value, name)]),
    ];
  if (value instanceof DOMException) return [value.name, value.message];
  if (value instanceof Boolean || value instanceof Number || value instanceof String || value instanceof BigInt) return [value.valueOf()];
  if (value instanceof Map) return [...value].flat();
  if (value instanceof Set) return [...value];
  if (value instanceof Unportable) return [value.className];
  const length = Array.isArray(value) ? [value.length] : [];
  return [...length, ...Object.keys(value).flatMap((key) => [key, ownValue(value, key)])];
}

function ownValue(value: object, name: string): unknown {
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

interface Resizable extends ArrayBuffer {
  readonly resizable: boolean;
  readonly maxByteLength: number;
  resize(byteLength: number): void;
}

function maxByteLengthOf(buffer: ArrayBuffer): number | null {
  return (buffer as Resizable).resizable ? (buffer as Resizable).maxByteLength : null;
}

/** Grows the buffer by as much as it can and takes that back: a view that grew with it has no length of its own. */
function followsItsBuffer(view: ArrayBufferView): boolean {
  const buffer = view.buffer as Resizable;
  if (maxByteLengthOf(buffer) === null) return false;
  const { byteLength } = buffer;
  const before = view.byteLength;
  buffer.resize(buffer.maxByteLength);
  const after = view.byteLength;
  buffer.resize(byteLength);
  return after !== before;
}

/** A buffer that can grow by `room` bytes. ES2024; the project is typed against ES2022. */
export function resizable(bytes: Uint8Array, room: number): ArrayBuffer {
  const Buffer = ArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => ArrayBuffer;
  const buffer = new Buffer(bytes.length, { maxByteLength: bytes.length + room });
  new Uint8Array(buffer).set(bytes);
  return buffer;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** UTF-16 text: lone surrogates, NUL, both sides of the latin1 boundary, and names that objects have from birth. */
export const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 8 }) },
  { weight: 3, arbitrary: fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 6 }).map((units) => String.fromCharCode(...units)) },
  { weight: 2, arbitrary: fc.constantFrom('\u00ff', '\u0100', '\0', '\ud800', '\udc00\ud800', '\u{1f600}', '\u2028"\\') },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', 'toJSON', 'length', '$section', '0', '1', '4294967295') },
);

const primitive: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, undefined, true, false, 0, -0, Number.NaN, Infinity, -Infinity, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 0.5),
  fc.integer(),
  fc.double(),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  text,
);

/** What a node holds: a primitive, or the node with this number (modulo the count). */
type Slot = { readonly value: unknown } | { readonly node: number };
const slot: fc.Arbitrary<Slot> = fc.oneof(
  primitive.map((value) => ({ value })),
  fc.nat(20).map((node) => ({ node })),
);

interface Node {
  readonly kind: (typeof KINDS)[number];
  readonly slots: readonly Slot[];
  readonly names: readonly string[];
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly number: number;
}

const KINDS = [
  'array',
  'holes',
  'named',
  'object',
  'map',
  'set',
  'date',
  'buffer',
  'view',
  'resizable',
  'tracking',
  'regexp',
  'boxed',
  'error',
] as const;

const node: fc.Arbitrary<Node> = fc.record({
  kind: fc.constantFrom<Node['kind']>(...KINDS),
  slots: fc.array(slot, { maxLength: 5 }),
  names: fc.array(text, { minLength: 5, maxLength: 5 }),
  bytes: fc.uint8Array({ maxLength: 24 }).map((bytes) => new Uint8Array(bytes)),
  number: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.constantFrom(Number.NaN, 8.64e15, -8.64e15, 8.65e15, 1.5)),
});

/** Any value: nodes that hold primitives and each other, so that sharing and cycles through every kind of container occur. */
export const graph: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 1, arbitrary: primitive },
  { weight: 9, arbitrary: fc.array(node, { minLength: 1, maxLength: 8 }).map(build) },
);

type AnyView = (new (
  buffer: ArrayBuffer,
  byteOffset?: number,
  length?: number,
) => ArrayBufferView) & { readonly BYTES_PER_ELEMENT?: number };

/** Classes of views in the order of their kind bytes, as far as every platform has them. */
export const VIEWS: readonly AnyView[] = [
  DataView,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
];

function build(nodes: readonly Node[]): unknown {
  const buffers: ArrayBuffer[] = [];
  const objects = nodes.map((spec) => emptyNode(spec, buffers));
  nodes.forEach(({ kind, slots, names }, at) => {
    const target = objects[at];
    const values = slots.map((one) => ('node' in one ? objects[one.node % objects.length] : one.value));
    values.forEach((value, i) => {
      const name = names[i] as string;
      if (kind === 'array') (target as unknown[]).push(value);
      else if (kind === 'holes') (target as unknown[])[i * 3 + 1] = value;
      else if (kind === 'named' && name === 'length') return;
      else if (kind === 'named' || kind === 'object') {
        Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
      } else if (kind === 'map') (target as Map<unknown, unknown>).set(i % 2 === 0 ? value : name, i % 2 === 0 ? name : value);
      else if (kind === 'set') (target as Set<unknown>).add(value);
    });
  });
  return objects[0];
}

function emptyNode({ kind, bytes, number, names }: Node, buffers: ArrayBuffer[]): object {
  switch (kind) {
    case 'array':
    case 'holes':
    case 'named':
      return [];
    case 'object':
      return {};
    case 'map':
      return new Map();
    case 'set':
      return new Set();
    case 'date':
      return new Date(number);
    case 'buffer':
      buffers.push(bytes.buffer);
      return bytes.buffer;
    case 'resizable': {
      const buffer = resizable(bytes, 8);
      buffers.push(buffer);
      return buffer;
    }
    case 'tracking':
      return new Uint16Array(resizable(bytes.subarray(bytes.length % 2), 8), Math.floor(bytes.length / 4) * 2);
    case 'regexp':
      return new RegExp((names[0] as string).replace(/[^a-z/\n]/g, ''), 'gu');
    case 'boxed':
      return Object([number, names[0], number === 0, BigInt(bytes.length)][bytes.length % 4]) as object;
    case 'error':
      // A cause that leads back to the error is more than Node 20 can read back from its own structuredClone.
      return Object.assign(new [Error, TypeError, RangeError][bytes.length % 3]!(names[0], bytes.length > 9 ? { cause: number } : {}), {
        stack: names[1] as string,
      });
    case 'view': {
      // On an earlier buffer where there is one, so that views share.
      const buffer = buffers[0] ?? bytes.buffer;
      const pick = Number.isInteger(number) ? Math.abs(number) : 0;
      const View = VIEWS[pick % VIEWS.length] as AnyView;
      const unit = View.BYTES_PER_ELEMENT ?? 1;
      const units = Math.floor(buffer.byteLength / unit);
      const from = Math.min(units, pick % 3);
      return new View(buffer, from * unit, units - from);
    }
  }
}
