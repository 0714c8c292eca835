/**
 * Where something was lost, as a line of the merge log names it. In the place of what people may have typed (the keys of records, addresses of requests, member names
 * inside of values) stands a part of a MAC, bound to where it stands: that two lines speak of one place can be told, and nothing else.
 */
import { ByteWriter } from '../session/clone/bytes.ts';
import type { EntryKind } from './entry.ts';
import { pointerOf, privateParts } from './place.ts';
import { writeString } from './value.ts';

/** HMAC-SHA-256, 32 bytes, under a key of 32 random bytes that whoever reads the log has. */
export type LogMac = (message: Uint8Array) => Uint8Array;

/** `digest`: `#` and 12 hexadecimal digits in the place of private names. `clear`: the names. */
export type LogNames = 'digest' | 'clear';

/** Where something was lost. */
export interface LossPlace {
  readonly kind: EntryKind;
  readonly path: readonly string[];
  /** The place inside a merged value, a JSON Pointer. */
  readonly within?: string;
  /** The path of the entry that the losing write was moved to (`rekey.ts`). */
  readonly movedTo?: readonly string[];
}

/** The same as JSON Pointers, as they stand in a line. */
export interface LogPlace {
  readonly pointer: string;
  readonly within?: string;
  readonly movedTo?: string;
}

/** The names of a place in a log under this key. The same place, the same names. */
export function placeInLog({ kind, path, within, movedTo }: LossPlace, mac: LogMac, names: LogNames = 'digest'): LogPlace {
  return {
    pointer: showPath(kind, path, mac, names),
    ...(within === undefined ? {} : { within: names === 'clear' ? within : digestSteps(pointerOf(kind, path), within, mac) }),
    ...(movedTo === undefined ? {} : { movedTo: showPath(kind, movedTo, mac, names) }),
  };
}

function showPath(kind: EntryKind, path: readonly string[], mac: LogMac, names: LogNames): string {
  const hidden = new Set(names === 'clear' ? [] : privateParts(kind, path));
  const shown = path.map((name, i) => (hidden.has(i) ? digestName(pointerOf(kind, path.slice(0, i + 1)), mac) : name));
  return pointerOf(kind, shown);
}

/** Each step of a place inside a value, by all steps up to it. */
function digestSteps(pointer: string, within: string, mac: LogMac): string {
  const steps = within.split('/').slice(1);
  return steps.map((_, i) => `/${digestName(`${pointer}\0/${steps.slice(0, i + 1).join('/')}`, mac)}`).join('');
}

/** 48 bits: two different names of one place look alike once in 2^48. */
const NAME_DIGITS = 12;

function digestName(place: string, mac: LogMac): string {
  const writer = new ByteWriter();
  writer.latin1('psp/merge-log@1 name\0');
  writeString(place, writer);
  return `#${toHex(mac(writer.take())).slice(0, NAME_DIGITS)}`;
}

/** Bytes as lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
