/** Work that is killed in its middle and begun anew, again and again, until it is done: the loop of all tests that show that nothing is lost by a crash. */

import { expect } from 'vitest';
import { readCheckpoint } from './checkpoint-file.ts';
import type { Child } from './child.ts';

/** Work that goes on from a checkpoint. */
export interface KillableWork {
  /** Starts a process that does the work, or goes on with it. It says a line before it begins. */
  readonly start: () => Child;
  /** The file of its checkpoint. */
  readonly checkpoint: string;
  /**
   * When the next process is killed, of which `kills` were before: so many milliseconds after its first line, or as soon as a look at the work says so; null:
   * never. It must come later each time or end in null, so that the loop ends however slow the machine is.
   */
  readonly moment: (kills: number) => number | (() => boolean) | null;
  /** Looks at what is there, after each process. */
  readonly look?: () => Promise<void>;
}

/** What came of it. */
export interface Killed {
  readonly kills: number;
  /** After so many of them there was a checkpoint to go on from. */
  readonly inTheMiddle: number;
  /** For messages of assertions: when the kills were. */
  readonly where: string;
  /** What the process said that ended by itself; null where the last kill came between the end of the work and that of the process. */
  readonly said: readonly string[] | null;
}

/** A look at the work is taken so often. */
const LOOK_MS = 2;

/** Kills with SIGKILL until a process has done all of it. A process that ends with an error fails the test. */
export async function killUntilDone({ start, checkpoint, moment, look }: KillableWork): Promise<Killed> {
  const moments: string[] = [];
  let inTheMiddle = 0;
  for (;;) {
    const when = moment(moments.length);
    const child = start();
    // The time that Node takes to start is no work to be killed in.
    await Promise.race([child.said(1).catch(() => undefined), child.ended]);
    const stop = when === null ? () => undefined : killWhen(child, when);
    const status = await child.ended;
    stop();
    await look?.();
    const where = `killed after ${moments.join(', ')}`;
    if (status === 0) return { kills: moments.length, inTheMiddle, where, said: child.lines };
    expect(status, where).toBeNull();
    moments.push(typeof when === 'number' ? `${when} ms` : 'enough work');
    const mark = readCheckpoint(checkpoint);
    if (mark === '') return { kills: moments.length, inTheMiddle, where, said: null };
    if (mark !== null) inTheMiddle++;
  }
}

function killWhen({ process }: Child, when: number | (() => boolean)): () => void {
  const kill = (): void => void process.kill('SIGKILL');
  if (typeof when === 'number') {
    const timer = setTimeout(kill, when);
    return () => clearTimeout(timer);
  }
  const watch = setInterval(() => {
    if (when()) kill();
  }, LOOK_MS);
  return () => clearInterval(watch);
}
