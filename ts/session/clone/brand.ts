/**
 * What an object is, by its internal slots. A page replaces constructors and sets `Symbol.toStringTag` as it likes; a getter that reads a slot throws
 * on every object that lacks it, whatever else is said. Runs inside pages; where a platform lacks a class, nothing is of it.
 */
import { ERROR_CLASSES, GEOMETRY_CLASSES, VIEW_KINDS } from './tags.ts';

/** A getter (or method) that reads an internal slot of the object it is called on, and throws where there is none. */
export interface Slot<T> {
  call(value: object): T;
}

/** The getter `member` of a class of this platform. Where the platform lacks one of them, a slot that no object has. */
export function slotOf<T>(className: string, member: string | symbol): Slot<T> {
  const found = (globalThis as unknown as Record<string, { prototype: object } | undefined>)[className]?.prototype;
  const getter = found === undefined ? undefined : Object.getOwnPropertyDescriptor(found, member)?.get;
  return getter === undefined ? noSlot : (getter as Slot<T>);
}

const noSlot: Slot<never> = {
  call() {
    throw new TypeError('this platform has no such class');
  },
};

/** Whether reading the slot works on `value`. */
export function hasSlot(value: object, slot: Slot<unknown>): boolean {
  try {
    slot.call(value);
    return true;
  } catch {
    return false;
  }
}

export const mapSize: Slot<number> = slotOf('Map', 'size');
export const setSize: Slot<number> = slotOf('Set', 'size');
export const bufferLength: Slot<number> = slotOf('ArrayBuffer', 'byteLength');
const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype) as object;
/** Gives undefined on what is no typed array. */
const typedArrayName = Object.getOwnPropertyDescriptor(typedArrayPrototype, Symbol.toStringTag)?.get as Slot<string | undefined>;
/** Newer than ES2022: no buffer has it where none can be resizable. */
const bufferResizable: Slot<boolean> = slotOf('ArrayBuffer', 'resizable');
const regExpFlag: Slot<boolean> = slotOf('RegExp', 'global');

/** Classes of the language, each with a getter or method that wants its slot. */
const LANGUAGE: ReadonlyMap<string, Slot<unknown>> = new Map<string, Slot<unknown>>([
  ['Date', Date.prototype.getTime],
  ['Map', mapSize],
  ['Set', setSize],
  ['RegExp', regExpFlag],
  ['Boolean', Boolean.prototype.valueOf],
  ['Number', Number.prototype.valueOf],
  ['String', String.prototype.valueOf],
  ['BigInt', BigInt.prototype.valueOf],
]);

/** Classes of the platform, each with a slot of its own. */
const PLATFORM: ReadonlyMap<string, Slot<unknown>> = new Map<string, Slot<unknown>>([
  ['Blob', slotOf('Blob', 'size')],
  ['File', slotOf('File', 'name')],
  ['FileList', slotOf('FileList', 'length')],
  ['ImageData', slotOf('ImageData', 'width')],
  ['DOMException', slotOf('DOMException', 'message')],
  ['QuotaExceededError', slotOf('QuotaExceededError', 'quota')],
  ['CryptoKey', slotOf('CryptoKey', 'type')],
  ['FileSystemFileHandle', slotOf('FileSystemHandle', 'kind')],
  ['FileSystemDirectoryHandle', slotOf('FileSystemHandle', 'kind')],
  ...GEOMETRY_CLASSES.map((name): [string, Slot<unknown>] => {
    return [name, slotOf(name, name === 'DOMQuad' ? 'p1' : name.startsWith('DOMMatrix') ? 'm11' : 'x')];
  }),
]);

/** The subclass of a class of the layout that is of the layout itself: a File that calls itself a Blob is not one. */
const NARROWER: Readonly<Record<string, string>> = {
  Blob: 'File',
  DOMException: 'QuotaExceededError',
  DOMPointReadOnly: 'DOMPoint',
  DOMRectReadOnly: 'DOMRect',
  DOMMatrixReadOnly: 'DOMMatrix',
};

/** What `value` is: the name of a class that the layout has, or a name for its placeholder. */
export function brandOf(value: object): string {
  if (Array.isArray(value)) return 'Array';
  if (ArrayBuffer.isView(value)) return typedArrayName.call(value) ?? 'DataView';
  const claimed = Object.prototype.toString.call(value).slice(8, -1);
  switch (claimed) {
    case 'Object':
      // The language itself says 'Object' only where nothing else was said.
      return Symbol.toStringTag in value ? 'not an Object' : claimed;
    case 'Error':
      return Symbol.toStringTag in value ? 'not an Error' : claimed;
    case 'ArrayBuffer':
      return hasSlot(value, bufferLength) ? brandOfBuffer(value as ArrayBuffer) : 'not an ArrayBuffer';
    default:
      return isWhatItClaims(value, claimed) ? claimed : `not a ${claimed}`;
  }
}

/** Brands of what was recognized without its name: nothing gets them by claiming so. */
const OWN_NAMES: readonly string[] = ['Array', 'ResizableArrayBuffer', 'DetachedArrayBuffer'];

/** True also of a class that the layout does not have: its name is that of a placeholder, and cannot be taken for anything else. */
function isWhatItClaims(value: object, claimed: string): boolean {
  const language = LANGUAGE.get(claimed);
  if (language !== undefined) return hasSlot(value, language);
  const slot = PLATFORM.get(claimed);
  if (slot === undefined) return !(VIEW_KINDS.includes(claimed) || ERROR_CLASSES.includes(claimed) || OWN_NAMES.includes(claimed));
  const narrower = Object.hasOwn(NARROWER, claimed) ? PLATFORM.get(NARROWER[claimed] as string) : undefined;
  return hasSlot(value, slot) && (narrower === undefined || !hasSlot(value, narrower));
}

/**
 * Whether an array has neither holes nor further properties; `keys` are its own enumerable names. Indexes come first among them, so it is dense when it
 * has exactly `length` names and the last one is the last index.
 */
export function isDense(array: readonly unknown[], keys: readonly string[]): boolean {
  return keys.length === array.length && (array.length === 0 || keys[keys.length - 1] === String(array.length - 1));
}

/** A detached buffer made empty would be another value without a word. */
function brandOfBuffer(buffer: ArrayBuffer): string {
  if (!hasSlot(buffer, { call: (detachable) => new Uint8Array(detachable as ArrayBuffer) })) return 'DetachedArrayBuffer';
  return hasSlot(buffer, bufferResizable) && bufferResizable.call(buffer) ? 'ResizableArrayBuffer' : 'ArrayBuffer';
}
