/**
 * A place in a file that someone else wrote: a value, not yet believed, with its JSON Pointer. Asking it for a string gives the string or throws
 * FORMAT_MALFORMED with the pointer. Messages and pointers are made of our own names and of indexes: never of what the file holds.
 */
import { PspError } from '../errors.ts';

/** The most entries that a list of a file may have; each list of a Session may have fewer (`maxItems` of its schema), but a file says things twice. */
export const MAX_ENTRIES = 1_000_000;

/** One value of a parsed file and where it stands. */
export class Place {
  /** The format, as messages name it: `storage state`. */
  readonly format: string;
  readonly value: unknown;
  /** JSON Pointer (RFC 6901). */
  readonly pointer: string;

  constructor(format: string, value: unknown, pointer = '') {
    this.format = format;
    this.value = value;
    this.pointer = pointer;
  }

  /** The member of that name, there or not. `name` is our word for it, so it is safe in a pointer. Throws unless this is an object. */
  member(name: string): Place {
    const { value } = this;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.#wrongKind('object');
    const own = Object.hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
    return new Place(this.format, own, `${this.pointer}/${name}`);
  }

  /** The member of that name, or null where it is absent. */
  optional(name: string): Place | null {
    const member = this.member(name);
    return member.value === undefined ? null : member;
  }

  /** The member of that name, or null where it is absent or null: many tools write null for what they do not know. */
  nullable(name: string): Place | null {
    const member = this.member(name);
    return member.value === undefined || member.value === null ? null : member;
  }

  /** The elements of this array, which has at most `max`. */
  items(max: number = MAX_ENTRIES): Place[] {
    const { value } = this;
    if (!Array.isArray(value)) throw this.#wrongKind('array');
    if (value.length > max) throw this.malformed(`an array of at most ${max} elements`, 'a longer one');
    return Array.from(value as readonly unknown[], (item, index) => new Place(this.format, item, `${this.pointer}/${index}`));
  }

  /** The string that this must be, of at most `max` code units. */
  string(max: number = Number.POSITIVE_INFINITY): string {
    if (typeof this.value !== 'string') throw this.#wrongKind('string');
    if (this.value.length > max) throw this.malformed(`a string of at most ${max} code units`, 'a longer one');
    return this.value;
  }

  /** The boolean that this must be. */
  boolean(): boolean {
    if (typeof this.value !== 'boolean') throw this.#wrongKind('boolean');
    return this.value;
  }

  /** A finite number. */
  number(): number {
    if (typeof this.value !== 'number' || !Number.isFinite(this.value))
      throw this.malformed('a finite number', kindOf(this.value, 'number'));
    return this.value;
  }

  /** A whole number from `min` to `max`. */
  integer(min: number, max: number): number {
    const isOne = Number.isSafeInteger(this.value) && (this.value as number) >= min && (this.value as number) <= max;
    if (!isOne) throw this.malformed(`a whole number from ${min} to ${max}`, kindOf(this.value, 'number'));
    return (this.value as number) + 0;
  }

  /** What `table` has for this value, which must be one of its keys. */
  oneOf<T>(table: ReadonlyMap<unknown, T>): T {
    const found = table.get(this.value);
    if (found === undefined) {
      const names = [...table.keys()].map((name) => (name === null ? 'null' : `"${String(name)}"`));
      throw this.malformed(`one of ${names.join(', ')}`, kindOf(this.value, 'string'));
    }
    return found;
  }

  /** A serialized origin of http or https, such as `https://host:port`: what a storage key and the site of a partition are. */
  origin(): string {
    const text = this.string();
    if (!isOrigin(text)) throw this.malformed('an origin such as https://host:port', 'another string');
    return text;
  }

  /** The error for a value that is not what is expected here; `came` says what it is, by its kind alone. */
  malformed(expected: string, came: string = kindOf(this.value, '')): PspError {
    const { format, pointer } = this;
    const where = pointer === '' ? 'the top of the file' : pointer;
    return new PspError('FORMAT_MALFORMED', `${format}: ${where}: expected ${expected}, got ${came}`, { details: { pointer } });
  }

  #wrongKind(kind: string): PspError {
    return this.malformed(`${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind}`, kindOf(this.value, kind));
  }
}

/** Whether `text` is a serialized origin of http or https. */
export function isOrigin(text: string): boolean {
  try {
    return /^https?:/.test(text) && text.length <= 2048 && new URL(text).origin === text;
  } catch {
    return false;
  }
}

// What came, by its type alone; `expected` says which type would have been right, so that a wrong value of it is "another" one.
function kindOf(value: unknown, expected: string): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  const kind = Array.isArray(value) ? 'array' : typeof value;
  return kind === expected ? `another ${kind}` : `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind}`;
}
