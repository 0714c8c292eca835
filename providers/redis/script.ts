/**
 * The scripts that run inside the server, where nothing else runs meanwhile. They read the fixed part of a frame (providers/frame.ts) and no more:
 * version and expiry are text of fixed length, so they are compared as text. Answers are words: far apart from each other on the wire.
 */

import { createHash } from 'node:crypto';
import { FRAME_EXPIRY_AT, FRAME_FIXED_BYTES, FRAME_HEAD_BYTES, FRAME_VERSION_AT } from '../frame.ts';

/** A script and the name that a server keeps it under. */
export interface Script {
  readonly text: string;
  readonly sha1: string;
}

const VERSION_ENDS = FRAME_VERSION_AT + 32;
const EXPIRY_ENDS = FRAME_EXPIRY_AT + 16;

// Sets `found` to the live version under the key, '' when there is none; `now` is 16 digits. Lua counts from 1, and both ends are included.
// An empty string is no frame and no damage either: there is nothing in it.
const FIND = `
local head = redis.call('GETRANGE', KEYS[1], 0, ${EXPIRY_ENDS - 1})
local found = ''
if head ~= '' then
  if #head < ${EXPIRY_ENDS} or string.sub(head, 1, 4) ~= 'PSF1' then return 'CORRUPT' end
  if now < string.sub(head, ${FRAME_EXPIRY_AT + 1}, ${EXPIRY_ENDS}) then found = string.sub(head, ${FRAME_VERSION_AT + 1}, ${VERSION_ENDS}) end
end`;

// '' wants no value; what is wanted and what is found differ: say which it was.
const COMPARE = `
if found ~= wanted then
  if found == '' then return 'NONE' end
  return 'ANOTHER'
end`;

/** Key; now, version that must be there ('': none may be), frame, milliseconds until the server may forget it ('': never). */
export const PUT: Script = script(`
local now, wanted = ARGV[1], ARGV[2]
${FIND}
${COMPARE}
if ARGV[4] == '' then redis.call('SET', KEYS[1], ARGV[3]) else redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4]) end
return 'DONE'`);

/** Key; now, version that must be there. */
export const DELETE_IF: Script = script(`
local now, wanted = ARGV[1], ARGV[2]
${FIND}
${COMPARE}
redis.call('UNLINK', KEYS[1])
return 'DONE'`);

/** Key; now. Whatever stands there goes, also what is damaged; NONE where there was nothing or it had expired. */
export const DELETE: Script = script(`
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind == 'none' then return 'NONE' end
local expiry = ''
if kind == 'string' then expiry = redis.call('GETRANGE', KEYS[1], 0, ${EXPIRY_ENDS - 1}) end
redis.call('UNLINK', KEYS[1])
if #expiry == ${EXPIRY_ENDS} and string.sub(expiry, 1, 4) == 'PSF1' and string.sub(expiry, ${FRAME_EXPIRY_AT + 1}) <= ARGV[1] then return 'NONE' end
return 'DONE'`);

/** Key; the fixed part of the frame as it was read, as it is to be, milliseconds until the server may forget it ('': never). */
export const TOUCH: Script = script(`
if redis.call('GETRANGE', KEYS[1], 0, ${FRAME_FIXED_BYTES - 1}) ~= ARGV[1] then return 'ANOTHER' end
redis.call('SETRANGE', KEYS[1], 0, ARGV[2])
if ARGV[3] == '' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 'DONE'`);

/** Key; from, to: the head of the frame and bytes of the value, both of one moment. A frame's length of the metadata is at byte 56. */
export const READ_RANGE: Script = script(`
local fixed = redis.call('GETRANGE', KEYS[1], 0, ${FRAME_FIXED_BYTES - 1})
if #fixed < ${FRAME_FIXED_BYTES} then return {fixed, ''} end
local a, b, c, d = string.byte(fixed, 57, 60)
local at = ${FRAME_FIXED_BYTES} + a + b * 256 + c * 65536 + d * 16777216
if at > ${FRAME_HEAD_BYTES} then return {fixed, ''} end
return {redis.call('GETRANGE', KEYS[1], 0, at - 1), redis.call('GETRANGE', KEYS[1], at + ARGV[1], at + ARGV[2] - 1)}`);

function script(text: string): Script {
  return { text, sha1: createHash('sha1').update(text).digest('hex') };
}
