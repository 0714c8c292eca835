/**
 * Who made a lock or a temporary file, spelled in its name, and whether that process still runs. A name that was given once is
 * never given again, so removing a file by such a name can only remove what was judged, never something newer.
 *
 *     <pid>.<start of the process>.<place>.<token>
 *
 * `start` tells a process from a later one with the same pid. `place` is a hash of machine, boot and pid namespace: in another
 * container the same pid is another process, so only owners of the same place can be judged by their pid.
 */

import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { randomHex } from '../contract.ts';
import { hasCode } from './failure.ts';

/** 'unknown' when the owner is of another place, or the platform does not tell when a process began. */
export type OwnerState = 'alive' | 'dead' | 'unknown';

/** Longest name of an owner. */
export const MAX_OWNER_BYTES = 65;

const ownerPattern = /^(\d{1,10})\.(\d{1,20})\.([0-9a-f]{16})\.[0-9a-f]{16}$/;
const UNKNOWN_START = '0';

let thisProcess: string | null = null;

// A token is a random part and a number: one call for randomness in so many names, and threads of one process still have their own.
const NAMES_PER_RANDOM = 0x100_0000;
let random = '';
let number = 0;

/** A new name that says this process is the owner. */
export function newOwner(): string {
  thisProcess ??= `${process.pid}.${ownStart()}.${ownPlace()}`;
  if (number === 0) random = randomHex(5);
  const name = `${thisProcess}.${random}${number.toString(16).padStart(6, '0')}`;
  number = (number + 1) % NAMES_PER_RANDOM;
  return name;
}

/** True when `name` is one that {@link newOwner} gives, in any process. */
export function isOwner(name: string): boolean {
  return ownerPattern.test(name);
}

/** Whether the process that `name` says it belongs to still runs. 'unknown' when `name` is not an owner's. */
export async function judgeOwner(name: string): Promise<OwnerState> {
  const [, pidText, start, place] = ownerPattern.exec(name) ?? [];
  if (pidText === undefined || place !== ownPlace()) return 'unknown';
  const pid = Number(pidText);
  if (!isRunning(pid)) return 'dead';
  if (start === UNKNOWN_START) return 'unknown';
  const current = parseProcessStat(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''));
  // It ran a moment ago: either it ended since, or /proc hides other users' processes. Whoever asks again will know.
  if (current === null) return 'unknown';
  // A zombie has ended; only its parent has not asked for the exit code yet.
  return current.start === start && current.state !== 'Z' && current.state !== 'X' ? 'alive' : 'dead';
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, 'ESRCH'); // EPERM: it runs, for another user.
  }
}

/** Fields 3 and 22 of proc(5) `stat`. The command before them may itself hold spaces and parentheses. */
function parseProcessStat(stat: string): { state: string; start: string } | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, start] = [fields[0], fields[19]];
  return state === undefined || start === undefined ? null : { state, start };
}

function ownStart(): string {
  return parseProcessStat(readIfThere(() => readFileSync('/proc/self/stat', 'utf8')))?.start ?? UNKNOWN_START;
}

let place: string | null = null;

function ownPlace(): string {
  place ??= createHash('sha256')
    .update(`${hostname()}\n`)
    .update(`${readIfThere(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'))}\n`)
    .update(readIfThere(() => readlinkSync('/proc/self/ns/pid')))
    .digest('hex')
    .slice(0, 16);
  return place;
}

// Only Linux has /proc; elsewhere a place is the name of the host.
function readIfThere(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
