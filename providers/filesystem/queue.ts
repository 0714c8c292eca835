/**
 * Turns for the writers of one key within this process. The lock on the file system is what excludes; this only spares the
 * writers of one process from polling it against each other, and lets them go first come, first served.
 */

// The last turn given per lock, by path: providers of the same root in one process share it. Entries go when the queue is empty.
const lastTurns = new Map<string, Promise<void>>();

/** Runs `body` when all earlier calls for `path` are done, whether they failed or not. */
export async function takeTurn<T>(path: string, body: () => Promise<T>): Promise<T> {
  const before = lastTurns.get(path);
  const { promise: turn, resolve: endTurn } = openTurn();
  lastTurns.set(path, turn);
  try {
    await before;
    return await body();
  } finally {
    if (lastTurns.get(path) === turn) lastTurns.delete(path);
    endTurn();
  }
}

function openTurn(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
