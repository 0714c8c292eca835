/**
 * Keeps the openings of a store apart from the writes to it, among processes. npm lmdb 3.5.6 still has https://bugs.openldap.org/show_bug.cgi?id=9496 (mdb.c at
 * the end of mdb_env_open2): each opening sets the number of the last commit, which all processes share, to what it has read from the file a moment before. A
 * commit in that moment is written over by the next one: an acknowledged write is lost, and its pages are used twice.
 *
 *     gate/opening          a lock (filesystem/lock.ts): somebody opens the store
 *     gate/<owner>.write    of each process that has it open, one byte: '1' from before a write until it is committed, else '0'
 *
 * Who opens takes the lock and then waits for every '0'; who writes sets his '1' and then looks for the lock: whichever came first, one of the two sees the
 * other. The bytes are seen through the system's memory: no write waits for a disk because of them.
 */

import { closeSync, existsSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PspError } from '../../ts/errors.ts';
import { hasCode } from '../filesystem/failure.ts';
import { ABANDONED_AFTER_MS, isOlderThan, withLock } from '../filesystem/lock.ts';
import { judgeOwner, newOwner } from '../filesystem/owner.ts';

const GATE = 'gate';
const OPENING = 'opening';
const SUFFIX = '.write';
const IDLE = Buffer.from('0');
const WRITING = Buffer.from('1');
/** Before an opening, or a write that waits for one, is given up. */
const WAIT_MS = 30_000;
const PAUSE_MS = 2;
/** Where one write follows the other without a pause, so often they look whether somebody waits to open. */
const LOOK_EVERY_MS = 5;

/** The writes of this process to one store that is open. */
export class Writes {
  /** Null once it is closed: another file may have its number then. */
  #file: number | null;
  readonly #path: string;
  readonly #opening: string;
  #pending = 0;
  #lookedAt = 0;
  #waiting: Promise<void> | null = null;

  constructor(file: number, path: string, opening: string) {
    this.#file = file;
    this.#path = path;
    this.#opening = opening;
  }

  /** Runs `body`, which ends when its writes are committed, while nobody opens the store; at once where nobody does. */
  async run<T>(body: () => Promise<T>): Promise<T> {
    while (!this.#enter()) await this.#wait();
    try {
      return await body();
    } finally {
      if (--this.#pending === 0) this.#say(IDLE);
    }
  }

  /** Called when the store is closed, and everything is committed. */
  close(): void {
    if (this.#file === null) return;
    closeSync(this.#file);
    this.#file = null;
    removeIfThere(this.#path);
  }

  /** False where somebody opens the store. */
  #enter(): boolean {
    const now = performance.now();
    if (this.#pending === 0) this.#say(WRITING);
    if (this.#pending === 0 || now - this.#lookedAt >= LOOK_EVERY_MS) {
      if (existsSync(this.#opening)) {
        if (this.#pending === 0) this.#say(IDLE);
        return false;
      }
      this.#lookedAt = now;
    }
    this.#pending++;
    return true;
  }

  #say(state: Uint8Array): void {
    if (this.#file !== null) writeSync(this.#file, state, 0, 1, 0);
  }

  /** Until the lock has been free for once; that of a process that died is removed on the way. */
  #wait(): Promise<void> {
    this.#waiting ??= withLock(this.#opening, { waitMs: WAIT_MS, now: Date.now }, async () => undefined).finally(() => {
      this.#waiting = null;
    });
    return this.#waiting;
  }
}

/**
 * Opens the store in `folder` by `open` while no other process opens it or writes to it. `PROVIDER_UNAVAILABLE` where one is in the middle of either for half
 * a minute, which is to say stopped. The writes of what was opened go through the {@link Writes} that it gets.
 */
export async function openAlone<T>(folder: string, open: (writes: Writes) => Promise<T>): Promise<T> {
  const gate = join(folder, GATE);
  await mkdir(gate, { recursive: true, mode: 0o700 });
  const opening = join(gate, OPENING);
  return withLock(opening, { waitMs: WAIT_MS, now: Date.now }, async () => {
    const deadline = performance.now() + WAIT_MS;
    while (await isWritten(gate)) {
      if (performance.now() >= deadline) throw new PspError('PROVIDER_UNAVAILABLE', 'lmdb: a process is stopped in the middle of a write');
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    const path = join(gate, `${newOwner()}${SUFFIX}`);
    const file = openSync(path, 'wx', 0o600);
    const writes = new Writes(file, path, opening);
    try {
      writeSync(file, IDLE, 0, 1, 0);
      return await open(writes);
    } catch (error) {
      writes.close();
      throw error;
    }
  });
}

/** Whether a process is in the middle of a write. What dead ones have left is removed. */
async function isWritten(gate: string): Promise<boolean> {
  for (const name of await readdir(gate)) {
    if (!name.endsWith(SUFFIX)) continue;
    const path = join(gate, name);
    const owner = await judgeOwner(name.slice(0, -SUFFIX.length));
    if (owner === 'dead') removeIfThere(path);
    // One of another container cannot be judged: it is taken for dead only in the middle of a write that lasts too long.
    else if (readByte(path) === WRITING[0] && (owner === 'alive' || !(await isOlderThan(path, Date.now() - ABANDONED_AFTER_MS))))
      return true;
  }
  return false;
}

function readByte(path: string): number | undefined {
  try {
    return readFileSync(path)[0];
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined; // Closed meanwhile.
    throw error;
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
