/**
 * The limits of sequences and the faults of their bytes as errors, so that every kernel fails with the same codes and the same words.
 * A message names the place and the rule, never a unit.
 */
import { PspError, type PspErrorCode } from '../errors.ts';

/** The largest counter of a replica. */
export const MAX_COUNTER: number = 2 ** 30 - 1;
/** The largest offset in a base, either way. */
export const MAX_OFFSET: number = 2 ** 29 - 1;
/** The most units that a sequence has. */
export const MAX_LENGTH: number = 2 ** 30 - 1;
/** How much may wait, in bytes, each update counted with {@link WAITING_OVERHEAD} more. */
export const MAX_WAITING_BYTES: number = 64 * 2 ** 20;
/** What an update that waits counts for besides its bytes. */
export const WAITING_OVERHEAD = 64;

/** The codes with which a sequence refuses what others sent. */
export type SequenceFaultCode = Extract<PspErrorCode, 'MERGE_MALFORMED' | 'MERGE_FORK' | 'MERGE_NEED_STATE' | 'MERGE_LIMIT'>;

/** The error for one fault. `offset`, in bytes from the start of what was given, becomes `details.offset`. */
export function sequenceFault(code: SequenceFaultCode, offset: number): PspError {
  return new PspError(code, `sequence at offset ${offset}: ${RULES[code]}`, { details: { offset } });
}

/** The error for local edits past a limit. */
export function editLimitFault(): PspError {
  return new PspError('MERGE_LIMIT', 'sequence: the edits would pass the largest counter, length or run');
}

/** The error for local edits outside the list, or with fewer units than they say. */
export function editRangeFault(): RangeError {
  return new RangeError('sequence: expected edits inside the list, with all their units');
}

/** The error for reading outside the list. */
export function readRangeFault(): RangeError {
  return new RangeError('sequence: expected a range inside the list and an array with room for it');
}

/** The error for using a sequence after `free`. */
export function freedFault(): TypeError {
  return new TypeError('sequence: used after free()');
}

const RULES: Readonly<Record<SequenceFaultCode, string>> = {
  MERGE_MALFORMED: 'expected the bytes of an update or a state (sequence-layout.md), found something that none has',
  MERGE_FORK: 'one dot, base or place with two contents: two instances used one replica, or a backup was restored',
  MERGE_NEED_STATE: 'names what this instance no longer has, or cannot keep waiting; join a state of the sender',
  MERGE_LIMIT: 'a unit outside the limits of the layout',
};
