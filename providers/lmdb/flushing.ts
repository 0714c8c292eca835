/** When what was written is on the disk: the syncs of one environment, shared by those who wait. It knows nothing of LMDB but its call. */

import { PspError } from '../../ts/errors.ts';

/** What is synced; npm lmdb's database. */
export interface Syncable {
  /** Calls `done` when what was written before the call is on the disk. */
  sync(done: (error?: Error | null) => void): void;
}

/**
 * Syncs of one file, of which each serves all who came before it began. After one that failed nobody knows what is on the disk, and the system may call the
 * next one a success: all later ones fail too, until the store is opened again.
 */
export class Flushing {
  #failure: PspError | null = null;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  /** The sync that begins next: the one that is running may have begun before what the caller wrote. */
  join(database: Syncable): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#running === null) return this.#start(database);
    const start = (): Promise<void> => {
      this.#next = null;
      return this.join(database);
    };
    this.#next ??= this.#running.then(start, start);
    return this.#next;
  }

  #start(database: Syncable): Promise<void> {
    this.#running = new Promise<void>((resolve, reject) => database.sync((error) => (error ? reject(error) : resolve()))).then(
      () => {
        this.#running = null;
      },
      (error: Error) => {
        this.#failure = new PspError('PROVIDER_UNAVAILABLE', 'lmdb: could not make a write durable', { cause: new Error(error.message) });
        throw this.#failure;
      },
    );
    return this.#running;
  }
}
