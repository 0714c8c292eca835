/**
 * How far a listing has come, and the text of it that a caller keeps between two pages: a checksum, a dot, and JSON in Base64url. The checksum is also
 * over the prefix, so that a cursor goes with its own listing only; it finds mistakes, not malice (a forged cursor lists what its caller may list anyway).
 */

import { badCursor } from '../contract.ts';
import { crc32 } from '../crc32.ts';
import { formatSlots, parseSlots, type SlotSet } from './slot.ts';

/** The walk of one server's keys. */
export interface Scan {
  /** Id of the server in its cluster. */
  readonly node: string;
  /** Id of the server's process, whose cursors mean nothing to another; '' before it is known. */
  run: string;
  /** What SCAN goes on from. */
  at: string;
  /** The slots that are listed in this scan. */
  readonly slots: SlotSet;
  /** The slots move to this server; their source was scanned before. */
  readonly follows: boolean;
}

/** Where a listing stands. */
export interface Walk {
  /** Slots of which every key was found. */
  readonly done: SlotSet;
  /** Null between two scans. */
  scan: Scan | null;
  /** Slots that were moving when their source had been scanned, and where to. */
  readonly after: { readonly node: string; readonly slots: SlotSet }[];
  /** Keys that were found and are not yet listed. */
  keys: string[];
}

export function formatCursor(walk: Walk, prefix: string): string {
  const { scan } = walk;
  const text = JSON.stringify([
    formatSlots(walk.done),
    scan === null ? null : [scan.node, scan.run, scan.at, formatSlots(scan.slots), scan.follows],
    walk.after.map(({ node, slots }) => [node, formatSlots(slots)]),
    walk.keys,
  ]);
  return `${checksum(prefix, text)}.${Buffer.from(text).toString('base64url')}`;
}

/** `PROVIDER_CURSOR` unless {@link formatCursor} gave this text for this prefix. */
export function parseCursor(cursor: string, prefix: string): Walk {
  const [check, encoded, ...rest] = cursor.split('.');
  const text = Buffer.from(encoded ?? '', 'base64url').toString();
  if (rest.length > 0 || check !== checksum(prefix, text)) throw badCursor();
  const [done, scan, after, keys] = JSON.parse(text) as [
    string,
    [string, string, string, string, boolean] | null,
    [string, string][],
    string[],
  ];
  return {
    done: slots(done),
    scan: scan === null ? null : { node: scan[0], run: scan[1], at: scan[2], slots: slots(scan[3]), follows: scan[4] },
    after: after.map(([node, text]) => ({ node, slots: slots(text) })),
    keys,
  };
}

function slots(text: string): SlotSet {
  const parsed = parseSlots(text);
  if (parsed === null) throw badCursor();
  return parsed;
}

function checksum(prefix: string, text: string): string {
  return crc32(Buffer.from(JSON.stringify([prefix, text])))
    .toString(16)
    .padStart(8, '0');
}
