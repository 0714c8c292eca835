/**
 * The record of one sequence: its handle is the address of this record. What each part keeps here is that part's business; the names say
 * which file it is. All words are u32 unless told otherwise.
 */

// tree.ts and finger.ts
export const ROOT_NODE: usize = 0;
export const LENGTH: usize = 4;
/** 1 where a unit has two bytes, 2 where it has four. */
export const UNIT_SHIFT: usize = 8;
/** Units that a leaf holds at most. */
export const LEAF_CAPACITY: usize = 12;
export const FINGER_LEAF: usize = 16;
/** i32: index of the leaf's first unit, or -1 when that is not known. */
export const FINGER_START: usize = 20;
/** Which block of the leaf the finger points at, and how many units of the leaf come before that block. Always consistent. */
export const FINGER_BLOCK: usize = 24;
export const FINGER_BEFORE: usize = 28;
/** Where in that block the last search ended: after so many of its units. Good until the next change. */
export const FINGER_OFFSET: usize = 32;
/** i32: units that the finger's leaf gained, not yet counted in the nodes above it. */
export const FINGER_DELTA: usize = 36;

// base.ts
export const ROOT_BASE: usize = 40;
export const FIRST_BASE: usize = 44;
export const BASE_COUNT: usize = 48;
/** State of the xorshift32 that digits come from. */
export const RANDOM: usize = 52;

// edit.ts
/** i32: where the next unit goes on behind the last one inserted here, with nothing changed nor looked at since; else -1. */
export const TYPING_AT: usize = 204;

// replica.ts
export const OWN_REPLICA: usize = 56;
/** The replica that the last update named. */
export const LAST_AUTHOR: usize = 60;
/** Vectors of replica records: by id, and by its last 24 bits. */
export const REPLICAS: usize = 64;
export const REPLICAS_BY_SHORT: usize = 76;
/** 1 once two replicas had the same last 24 bits. */
export const SHORT_CLASHES: usize = 88;

// changes.ts
export const CHANGES_ON: usize = 92;
/** Vectors: ranges, and the units that were inserted. */
export const CHANGE_RANGES: usize = 96;
export const CHANGE_UNITS: usize = 108;

// log.ts
/** Vectors: events, ranges of deleted dots, one unit for each counter, one mark for each counter. */
export const LOG_EVENTS: usize = 120;
export const LOG_RANGES: usize = 132;
export const LOG_UNITS: usize = 144;
export const LOG_MARKS: usize = 156;
/** Counter of the first entry, whenever there are events. */
export const LOG_FIRST: usize = 168;

// early.ts
/** First queue of updates that wait, bytes that all of them count for, and their number; the last queue, and the table of all by their names. */
export const EARLY_QUEUES: usize = 172;
export const EARLY_BYTES: usize = 176;
export const EARLY_COUNT: usize = 180;
export const EARLY_LAST: usize = 208;
export const EARLY_TABLE: usize = 212;

// collect.ts
/** How many marks were made; bases note it when they become empty. */
export const CLOCK: usize = 184;
/** Vector of marks. */
export const MARKS: usize = 188;
/** 1 when something was covered or emptied since the last mark. */
export const HAS_NEWS: usize = 200;

export const RECORD_SIZE: u32 = 256;
