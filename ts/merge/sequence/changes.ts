/**
 * Who wants to know what others changed in a sequence, and telling them. The kernel notes changes only while somebody listens. What is inserted comes as units:
 * what they mean, characters or handles of values, is for the sequence to say.
 */
import type { SequenceUnits } from '../../kernel/kernel.ts';
import type { EditQueue } from './queue.ts';

/** At `index`, `removed` went and `inserted` came. */
export interface Change<Inserted> {
  readonly index: number;
  readonly removed: number;
  readonly inserted: Inserted;
}

/** Called with what changed, in the order in which it applies; never with nothing. */
export type ChangeListener<Inserted> = (changes: readonly Change<Inserted>[]) => void;

/** The listeners of one sequence. */
export class Changes<Inserted> {
  private readonly queue: EditQueue;
  private readonly insertedOf: (units: SequenceUnits) => Inserted;
  private readonly listeners = new Set<ChangeListener<Inserted>>();

  constructor(queue: EditQueue, insertedOf: (units: SequenceUnits) => Inserted) {
    this.queue = queue;
    this.insertedOf = insertedOf;
  }

  /** Whether anybody listens. */
  get isHeard(): boolean {
    return this.listeners.size > 0;
  }

  /** Adds a listener, who hears what is applied from now on. Returns what ends it. Throws TypeError where the sequence is freed. */
  listen(listener: ChangeListener<Inserted>): () => void {
    this.queue.kernel.recordChanges(true);
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
      if (!this.isHeard) this.queue.kernel.recordChanges(false);
    };
  }

  /** What the kernel noted since it was last taken, to be told. */
  take(): Change<Inserted>[] {
    const { ranges, units } = this.queue.kernel.takeChanges();
    const changes: Change<Inserted>[] = [];
    let from = 0;
    for (let at = 0; at < ranges.length; at += 3) {
      const end = from + ranges[at + 2]!;
      changes.push({ index: ranges[at]!, removed: ranges[at + 1]!, inserted: this.insertedOf(units.subarray(from, end)) });
      from = end;
    }
    return changes;
  }

  /** Calls everybody who listens now, also one that is taken off meanwhile. */
  tell(changes: readonly Change<Inserted>[]): void {
    if (changes.length > 0) for (const listener of [...this.listeners]) listener(changes);
  }

  /** Lets go of all listeners. */
  clear(): void {
    this.listeners.clear();
  }
}
