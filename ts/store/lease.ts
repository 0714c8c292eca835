/**
 * A lease of a session (law M12): who holds it works alone with it, where the site rotates refresh tokens and a second worker would burn the first one's.
 * A record of its own beside the session's, changed by compare-and-set alone. It keeps nobody out of the session: a worker that was paused past its
 * time finds out at its commit, by the fencing number, that another one held the lease meanwhile.
 */

import { PspError } from '../errors.ts';
import type { RecordHead, Version } from '../provider.ts';
import type { Operation } from './metrics.ts';
import { readHead, type StoreParts } from './parts.ts';
import { isCount, malformed } from './record-facts.ts';
import type { LeaseOptions } from './store.ts';
import { conflict, mayHaveHappened } from './write.ts';

/** What a lease's record says. */
interface LeaseFacts {
  /** Rises with every holder: a lower one is an older one's. */
  readonly fence: number;
  readonly owner: string;
  /** By the clock of the one that wrote it, in milliseconds since the epoch; 0: given back. */
  readonly until: number;
}

const LEASE_PREFIX = '#lease/';
/** A record that nobody renews is kept for so long, so that fencing numbers go on rising. */
const KEPT_MS = 7 * 86_400_000;
const EMPTY = new Uint8Array(0);

/** A lease that was given. */
export class Lease {
  /** The fencing number. */
  readonly fence: number;
  readonly #parts: StoreParts;
  readonly #key: string;
  readonly #owner: string;
  readonly #ms: number;

  private constructor(parts: StoreParts, key: string, owner: string, ms: number, fence: number) {
    this.#parts = parts;
    this.#key = key;
    this.#owner = owner;
    this.#ms = ms;
    this.fence = fence;
  }

  /**
   * Takes the lease of the session at `sessionKey`. `STORE_CONFLICT` with `details.found` `lease` when another worker holds it to the end of the wait;
   * `owner` is a random name of this worker.
   */
  static async take(parts: StoreParts, operation: Operation, sessionKey: string, owner: string, options: LeaseOptions): Promise<Lease> {
    const { ms = 60_000, waitMs = 0 } = options;
    const key = LEASE_PREFIX + sessionKey;
    // Added up, so that a clock that is set back makes nobody wait until it has caught up.
    let waitedMs = 0;
    let lastMs = parts.now();
    for (let attempt = 1; ; attempt++) {
      const head = await readHead(parts, operation, key);
      const found = head === null ? null : readLease(head);
      const now = parts.now();
      waitedMs += Math.max(0, now - lastMs);
      lastMs = now;
      if (found === null || found.until <= now || found.owner === owner) {
        const isOwn = found?.owner === owner && found.until > now;
        const fence = isOwn ? found.fence : Math.max((found?.fence ?? 0) + 1, now);
        if (await write(parts, operation, key, head?.version ?? null, { fence, owner, until: now + ms })) {
          return new Lease(parts, key, owner, ms, fence);
        }
      } else if (waitedMs >= waitMs) {
        throw conflict(
          'lease',
          `checkout: another worker holds the lease of the session, for ${found.until - now} ms more unless it renews it`,
        );
      }
      await parts.retry.waitAfterRace(operation, attempt);
    }
  }

  /** Holds it from now on for its time again. False: it is another worker's, or was meanwhile. */
  async renew(operation: Operation): Promise<boolean> {
    const head = await this.#head(operation);
    if (head === null) return false;
    return write(this.#parts, operation, this.#key, head.version, {
      fence: this.fence,
      owner: this.#owner,
      until: this.#parts.now() + this.#ms,
    });
  }

  /** Whether it is held still. */
  async isHeld(operation: Operation): Promise<boolean> {
    return (await this.#head(operation)) !== null;
  }

  /** Gives it back, where it is still held. */
  async release(operation: Operation): Promise<void> {
    const head = await this.#head(operation);
    if (head === null) return;
    await write(this.#parts, operation, this.#key, head.version, { fence: this.fence, owner: this.#owner, until: 0 });
  }

  /** Null when it is not this one's any more. */
  async #head(operation: Operation): Promise<RecordHead | null> {
    const head = await readHead(this.#parts, operation, this.#key);
    if (head === null) return null;
    const { fence, owner, until } = readLease(head);
    return fence === this.fence && owner === this.#owner && until > this.#parts.now() ? head : null;
  }
}

/** Whether it was written: false where somebody else was faster, or nobody can say; a look at the record tells. */
async function write(parts: StoreParts, operation: Operation, key: string, seen: Version | null, facts: LeaseFacts): Promise<boolean> {
  const { fence, owner, until } = facts;
  const condition = seen === null ? ({ ifNoneMatch: '*' } as const) : { ifMatch: seen };
  try {
    await parts.provider.put(key, EMPTY, {
      ...operation.call,
      ...condition,
      expiresAt: Math.max(until, parts.now()) + KEPT_MS,
      metadata: { fence: String(fence), owner, until: String(until) },
    });
    return true;
  } catch (error) {
    operation.call.signal?.throwIfAborted();
    if (!(error instanceof PspError)) throw error;
    if (error.code === 'PROVIDER_CONFLICT' || mayHaveHappened(error)) return false;
    throw error;
  }
}

function readLease({ metadata: { fence, owner, until }, size }: RecordHead): LeaseFacts {
  if (!isCount(fence) || owner === undefined || !isCount(until) || size !== 0) throw malformed('it is no lease of a session');
  return { fence: Number(fence), owner, until: Number(until) };
}
